// Which part of a complete stored response satisfies a request with `Range` (RFC 9110 §14.2, §13.1.5), for callers that
// serve one part at most. A Range that is invalid, or in a unit other than bytes, is ignored; so is one whose
// `If-Range` doesn't hold. Several ranges get the complete content here; `rangeSetVerdict` handles them.

import Bytes
import HTTPSemantics

package enum RangeVerdict: Equatable, Sendable {
    /// 200 with the complete content.
    case whole
    /// 206 with these bytes of the content, never empty.
    case part(Range<Int64>)
    /// 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// - Parameters:
///   - value: the `Range` field value; the caller has checked that there is one line, and that the method is GET.
///   - length: the length of the complete content.
package func rangeVerdict(_ value: Span<UInt8>, length: Int64) -> RangeVerdict {
    var walker = ByteRangeWalker(value)
    var count = 0
    var verdict = RangeVerdict.unsatisfiable
    while let spec = walker.next(in: value) {
        count += 1
        switch spec.resolved(length: length) {
        case .part(let part): verdict = count == 1 ? .part(part) : .whole
        case .allOfNothing: verdict = .whole
        // A set is satisfiable if one of its ranges is.
        case .unsatisfiable: if case .part = verdict { verdict = .whole }
        }
    }
    return walker.hasFailed || count == 0 ? .whole : verdict
}

/// Whether `If-Range` holds, so that `Range` applies: the same strong entity-tag, or exactly the same Last-Modified if
/// that is a strong validator because it is at least a minute older than Date (RFC 9110 §8.8.2.2, §13.1.5).
package func ifRangeHolds(
    _ value: Span<UInt8>, storedETag: Span<UInt8>, storedLastModified: Span<UInt8>, stored: StoredFacts
) -> Bool {
    if let tag = EntityTag(field: value) {
        guard let own = EntityTag(field: storedETag) else { return false }
        return tag.isStronglyEqual(to: own, value, storedETag)
    }
    guard let modified = stored.lastModified, stored.date - modified >= 60 else { return false }
    return value.extracting(value.trimming(value.indices))
        .isSame(as: storedLastModified.extracting(storedLastModified.trimming(storedLastModified.indices)))
}
