// Decides which parts of a complete stored response satisfy a request for several ranges, and in which order (RFC 9110
// §14.2, §15.3.7.2). Ranges that overlap or touch are coalesced, as a server may do; a set that selects more bytes than
// the content has, or too many parts, gets the complete content (§17.15).

import HTTPSemantics

package enum RangeSetVerdict: Equatable, Sendable {
    /// 200 with the complete content.
    case whole
    /// 206 with this part, which isn't empty, as the content itself, and `Content-Range`.
    case part(Range<Int64>)
    /// 206 with several parts as multipart/byteranges (`MultipartByteRanges`) in this order. None is empty, no two overlap
    /// or touch.
    case parts([Range<Int64>])
    /// 416 with `Content-Range: bytes */length`.
    case unsatisfiable
}

/// No legitimate client needs more parts than this.
private let greatestPartCount = 16

/// - Parameters:
///   - value: the `Range` field value; the caller has checked that there is one line, that the method is GET and that
///     `If-Range` holds.
///   - length: the length of the complete content.
package func rangeSetVerdict(_ value: Span<UInt8>, length: Int64) -> RangeSetVerdict {
    var walker = ByteRangeWalker(value)
    // The usual one needs no list, and so no memory.
    var first: Range<Int64>?
    var parts: [Range<Int64>] = []
    var asked: Int64 = 0
    var count = 0
    while let spec = walker.next(in: value) {
        count += 1
        switch spec.resolved(length: length) {
        case .unsatisfiable: continue
        case .allOfNothing: return .whole
        case .part(let part):
            asked += part.upperBound - part.lowerBound
            // Compared before ranges are coalesced, so that a set that repeats the same bytes counts as too large.
            if asked > length { return .whole }
            guard let known = first else {
                first = part
                continue
            }
            if parts.isEmpty { parts = [known] }
            coalesce(part, into: &parts)
            if parts.count > greatestPartCount { return .whole }
        }
    }
    if walker.hasFailed || count == 0 { return .whole }
    guard let first else { return .unsatisfiable }
    return parts.count > 1 ? .parts(parts) : .part(parts.first ?? first)
}

/// Merges `part` with all that overlap or touch it; the result takes the position of the first of them (RFC 9110
/// §15.3.7.2).
private func coalesce(_ part: Range<Int64>, into parts: inout [Range<Int64>]) {
    var joined = part
    var place: Int?
    var index = 0
    while index < parts.count {
        let other = parts[index]
        guard other.lowerBound <= joined.upperBound, joined.lowerBound <= other.upperBound else {
            index += 1
            continue
        }
        joined = min(joined.lowerBound, other.lowerBound)..<max(joined.upperBound, other.upperBound)
        if place == nil {
            place = index
            index += 1
        } else {
            parts.remove(at: index)
        }
    }
    if let place { parts[place] = joined } else { parts.append(joined) }
}
