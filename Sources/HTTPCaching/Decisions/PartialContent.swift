// What is done with 206 responses: whether one is stored (RFC 9111 §3.3), whether it joins what is stored already (§3.4),
// and whether what is there answers a request, or what of it must be fetched first. A stored part is recorded as the
// incomplete 200 that it belongs to; where its bytes lie is for the store to know.

import Bytes
import HTTPSemantics

package enum PartialStorageVerdict: Equatable, Sendable {
    /// The facts are those of the 200 that the response is a part of.
    /// - `range`: the bytes that the content is; the caller sees to it that it is as long as that.
    /// - `completeLength`: nil if the origin didn't say.
    case store(StoredFacts, life: Seconds, range: Range<Int64>, completeLength: Int64?)
    case refuse(Reason)
}

/// Decides on a 206 to a GET that asked, in the client's words or in ours, for one range of bytes. Only what a later part
/// can be joined to is worth storing, so a strong entity-tag is asked for; a Last-Modified may be a strong validator too
/// (RFC 9110 §8.8.2.2), but clocks can't be relied on for gluing content together. For the rest it is as with a 200.
///
/// - Parameters:
///   - contentRange: the value of the one `Content-Range` line, empty where there is none or several.
///   - contentType: the value of `Content-Type`, empty without one.
///   - requestTime: when the request was sent to the origin.
package func partialStorageVerdict(
    request: RequestFacts, response: ResponseFacts, contentRange: Span<UInt8>, contentType: Span<UInt8>,
    policy: RoutePolicy, requestTime: Instant
) -> PartialStorageVerdict {
    guard response.status.code == 206, request.method == .get, response.flags.contains(.strongETag),
        !isMultipartByteRanges(contentType),
        case .part(let range, let completeLength)? = ContentRange(field: contentRange)
    else { return .refuse(.partialContent) }
    let complete = response.asPartOfComplete
    switch storageVerdict(request: request, response: complete, policy: policy, requestTime: requestTime) {
    case .refuse(let reason): return .refuse(reason)
    case .store(let facts, let life):
        return .store(facts, life: life, range: range, completeLength: completeLength)
    }
}

extension ResponseFacts {
    /// A 206 as the incomplete 200 that it may be stored as (RFC 9111 §3.3).
    fileprivate var asPartOfComplete: ResponseFacts {
        var complete = self
        complete.status = Status(200)
        return complete
    }
}

private func isMultipartByteRanges(_ contentType: Span<UInt8>) -> Bool {
    let end = contentType.firstIndex(of: 0x3B, in: contentType.indices) ?? contentType.count
    let type = contentType.extracting(contentType.trimming(0..<end))
    return type.isCaseless("multipart/byteranges") || type.isCaseless("multipart/x-byteranges")
}

package enum CombineVerdict: Equatable, Sendable {
    /// Parts of one representation. The new response's fields replace the stored ones where
    /// `StoredFieldRule.mayBeUpdated` (RFC 9111 §3.4, RFC 9110 §15.3.7.3).
    case combine
    /// The representation is another one by now: the new response takes the stored one's place.
    case replace
}

/// Whether a new 206, which may be stored, joins what is stored: a partial response or a complete one.
///
/// - Parameters:
///   - etag, storedETag: the `ETag` values, empty where absent.
///   - completeLength: what the new response's `Content-Range` says of the whole.
///   - storedCompleteLength: the same of what is stored; the content's own length if that is complete.
package func combineVerdict(
    etag: Span<UInt8>, storedETag: Span<UInt8>, range: Range<Int64>, completeLength: Int64?,
    storedCompleteLength: Int64?
) -> CombineVerdict {
    guard let new = EntityTag(field: etag), let stored = EntityTag(field: storedETag),
        new.isStronglyEqual(to: stored, etag, storedETag)
    else { return .replace }
    // One entity-tag, two lengths: the origin broke its word, and the new response is the better witness.
    if let completeLength, let storedCompleteLength, completeLength != storedCompleteLength { return .replace }
    if let storedCompleteLength, range.upperBound > storedCompleteLength { return .replace }
    return .combine
}

package enum PartialReuseVerdict: Equatable, Sendable {
    /// All of it is there: 206 with this range.
    case answer(Range<Int64>)
    /// The origin is asked for the missing span, with `If-Range` and the stored entity-tag; with that the stored bytes
    /// answer the request. If it sends the whole instead, that takes the stored one's place.
    case fetch(missing: Range<Int64>, toAnswer: Range<Int64>)
    /// The request goes to the origin as it came.
    case fetchAsAsked
    /// 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// Decides what a stored partial response is good for. That it is fresh and that the client's `If-Range` holds
/// (`ifRangeHolds`) has been found out before; where `If-Range` doesn't hold, `request` is `.ignored`.
package func partialReuse(
    _ request: RangeRequest, extents: ExtentList, completeLength: Int64?
) -> PartialReuseVerdict {
    switch request {
    case .several: return .fetchAsAsked
    case .ignored:
        guard let completeLength else { return .fetchAsAsked }
        return reuse(0..<completeLength, of: extents)
    case .one(let spec):
        if let completeLength {
            switch spec.resolved(length: completeLength) {
            case .part(let range): return reuse(range, of: extents)
            case .unsatisfiable: return .unsatisfiable
            case .allOfNothing: return .fetchAsAsked
            }
        }
        // How long the whole is isn't known: only what both ends are given of, and is there, can be told.
        guard case .between(let first, let last) = spec, last < .max, extents.contains(first..<(last + 1)) else {
            return .fetchAsAsked
        }
        return .answer(first..<(last + 1))
    }
}

private func reuse(_ range: Range<Int64>, of extents: ExtentList) -> PartialReuseVerdict {
    guard let missing = extents.missing(in: range) else { return .answer(range) }
    // Where nothing of it is there, the request itself is the better question.
    return missing == range ? .fetchAsAsked : .fetch(missing: missing, toAnswer: range)
}
