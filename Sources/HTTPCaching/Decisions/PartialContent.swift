// Decisions on 206 responses: whether one is stored (RFC 9111 §3.3), whether it is combined with what is stored already
// (§3.4), and whether the stored parts satisfy a request or what must be fetched first. A partial response is stored as
// the incomplete 200 that it belongs to; the store knows where its bytes are.

import Bytes
import HTTPSemantics

package enum PartialStorageVerdict: Equatable, Sendable {
    /// The facts are those of the 200 that the response is a part of.
    /// - `range`: the position of the content; the caller ensures that the content has this length.
    /// - `completeLength`: nil if the origin didn't say.
    case store(StoredFacts, life: Seconds, range: Range<Int64>, completeLength: Int64?)
    case refuse(Reason)
}

/// Decides on a 206 to a GET for one range of bytes, requested by the client or by Larder. The rules are those of a 200: a
/// part answers requests for bytes within it whatever its validators (RFC 9111 §3.3). Other parts are combined with it only
/// by a strong entity-tag: see `combineVerdict`.
///
/// - Parameters:
///   - contentRange: the value of the one `Content-Range` line, empty if there is none, or more than one.
///   - contentType: the value of `Content-Type`, empty without one.
///   - requestTime: when the request was sent to the origin.
package func partialStorageVerdict(
    request: RequestFacts, response: ResponseFacts, contentRange: Span<UInt8>, contentType: Span<UInt8>,
    policy: RoutePolicy, requestTime: Instant
) -> PartialStorageVerdict {
    guard response.status.code == 206, request.method == .get, !isMultipartByteRanges(contentType),
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
    /// The representation has changed: the new response replaces the stored one.
    case replace
}

/// Whether a new, storable 206 is combined with the stored response, which may be partial or complete. Only a strong
/// entity-tag says that both are of one representation; a Last-Modified may be a strong validator too (RFC 9110 §8.8.2.2), but
/// clocks aren't reliable enough to combine content.
///
/// - Parameters:
///   - etag, storedETag: the `ETag` values, empty where absent.
///   - completeLength: the complete length according to the new response's `Content-Range`.
///   - storedCompleteLength: that of the stored response; the length of its content if that is complete.
package func combineVerdict(
    etag: Span<UInt8>, storedETag: Span<UInt8>, range: Range<Int64>, completeLength: Int64?,
    storedCompleteLength: Int64?
) -> CombineVerdict {
    guard let new = EntityTag(field: etag), let stored = EntityTag(field: storedETag),
        new.isStronglyEqual(to: stored, etag, storedETag)
    else { return .replace }
    // One entity-tag with two lengths: the origin contradicts itself, and the newer response is the more likely to be
    // right.
    if let completeLength, let storedCompleteLength, completeLength != storedCompleteLength { return .replace }
    if let storedCompleteLength, range.upperBound > storedCompleteLength { return .replace }
    return .combine
}

package enum PartialReuseVerdict: Equatable, Sendable {
    /// All of the range is stored: respond 206 with it.
    case answer(Range<Int64>)
    /// Request the missing span from the origin, with `If-Range` and the stored entity-tag. Together with it, the
    /// stored bytes satisfy the request. If the origin sends the complete content instead, that replaces the stored
    /// response.
    case fetch(missing: Range<Int64>, toAnswer: Range<Int64>)
    /// Forward the request unchanged.
    case fetchAsAsked
    /// 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// Decides how a stored partial response is used. The caller has checked that it is fresh and that the client's
/// `If-Range` holds (`ifRangeHolds`); if `If-Range` doesn't hold, `request` is `.ignored`.
///
/// - Parameter mayBeJoined: whether a strong entity-tag lets what is missing be combined with what is stored.
package func partialReuse(
    _ request: RangeRequest, extents: ExtentList, completeLength: Int64?, mayBeJoined: Bool
) -> PartialReuseVerdict {
    switch request {
    case .several: return .fetchAsAsked
    case .ignored:
        guard let completeLength else { return .fetchAsAsked }
        return reuse(0..<completeLength, of: extents, mayBeJoined)
    case .one(let spec):
        if let completeLength {
            switch spec.resolved(length: completeLength) {
            case .part(let range): return reuse(range, of: extents, mayBeJoined)
            case .unsatisfiable: return .unsatisfiable
            case .allOfNothing: return .fetchAsAsked
            }
        }
        // The complete length is unknown: only a stored range with both ends given can be served.
        guard case .between(let first, let last) = spec, last < .max, extents.contains(first..<(last + 1)) else {
            return .fetchAsAsked
        }
        return .answer(first..<(last + 1))
    }
}

private func reuse(_ range: Range<Int64>, of extents: ExtentList, _ mayBeJoined: Bool) -> PartialReuseVerdict {
    guard let missing = extents.missing(in: range) else { return .answer(range) }
    // If none of the range is stored, the original request is forwarded instead.
    return missing == range || !mayBeJoined ? .fetchAsAsked : .fetch(missing: missing, toAnswer: range)
}
