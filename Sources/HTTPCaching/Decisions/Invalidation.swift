// What a response invalidates (RFC 9111 §4.4): the target URI, and the URIs of `Location` and `Content-Location` if
// they have the target's origin. References are resolved (RFC 3986 §5.2) into the caller's array.

import Bytes
import HTTPSemantics

/// Whether the response with this status to this method invalidates what is stored for its target URI.
package func invalidates(_ method: Method, _ status: Status) -> Bool {
    !method.isSafe && status.isNonError
}

package struct InvalidatedReference: Sendable {
    /// Appends the path and query that the reference resolves to. Returns false, with nothing appended, if it names
    /// another origin than the target's, or can't be resolved.
    /// - Parameters:
    ///   - scheme, authority: of the target URI; any case, default port given or not.
    ///   - path: the target URI's path, without its query.
    package static func appendPath(
        of reference: Span<UInt8>, scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>,
        into text: inout [UInt8]
    ) -> Bool {
        var rest = reference.trimming(reference.indices)
        if let fragment = reference.firstIndex(of: 0x23, in: rest) { rest = rest.lowerBound..<fragment }
        if let colon = endOfScheme(in: reference, rest) {
            guard reference.extracting(rest.lowerBound..<colon).isSameName(as: scheme) else { return false }
            rest = (colon + 1)..<rest.upperBound
            guard startsWithAuthority(reference, rest) else { return false }
        }
        var isAbsolute = false
        if startsWithAuthority(reference, rest) {
            let start = rest.lowerBound + 2
            var end = start
            while end < rest.upperBound, reference[end] != 0x2F, reference[end] != 0x3F { end += 1 }
            guard
                Authority(reference.extracting(start..<end), scheme: scheme)
                    .isSame(as: Authority(authority, scheme: scheme), reference.extracting(start..<end), authority)
            else { return false }
            rest = end..<rest.upperBound
            isAbsolute = true
        }
        let queryStart = reference.firstIndex(of: 0x3F, in: rest) ?? rest.upperBound
        appendResolved(
            reference.extracting(rest.lowerBound..<queryStart), isAbsolute: isAbsolute, base: path, into: &text)
        text.append(reference.extracting(queryStart..<rest.upperBound))
        return true
    }

    private static func startsWithAuthority(_ reference: Span<UInt8>, _ range: Range<Int>) -> Bool {
        range.count >= 2 && reference[range.lowerBound] == 0x2F && reference[range.lowerBound + 1] == 0x2F
    }

    private static func endOfScheme(in reference: Span<UInt8>, _ range: Range<Int>) -> Int? {
        for index in range {
            switch reference[index] {
            case 0x3A: return index > range.lowerBound ? index : nil
            case 0x2F, 0x3F: return nil
            default: continue
            }
        }
        return nil
    }

    private static func appendResolved(
        _ path: Span<UInt8>, isAbsolute: Bool, base: Span<UInt8>, into text: inout [UInt8]
    ) {
        let start = text.count
        if path.isEmpty {
            if isAbsolute { text.append(0x2F) } else { text.append(base) }
            return
        }
        text.append(0x2F)
        if path[0] != 0x2F {
            var end = base.count
            while end > 0, base[end - 1] != 0x2F { end -= 1 }
            appendSegments(base.extracting(0..<end), after: start, into: &text)
        }
        appendSegments(path, after: start, into: &text)
    }

    /// Appends segments after a slash, removing `.` and `..` (RFC 3986 §5.2.4).
    private static func appendSegments(_ path: Span<UInt8>, after start: Int, into text: inout [UInt8]) {
        var position = path.count > 0 && path[0] == 0x2F ? 1 : 0
        while position < path.count {
            let end = path.firstIndex(of: 0x2F, in: position..<path.count) ?? path.count
            let segment = path.extracting(position..<end)
            let hasSlash = end < path.count
            position = end + 1
            if segment.count == 1, segment[0] == 0x2E { continue }
            if segment.count == 2, segment[0] == 0x2E, segment[1] == 0x2E {
                removeLastSegment(after: start, from: &text)
                continue
            }
            text.append(segment)
            if hasSlash { text.append(0x2F) }
        }
    }

    private static func removeLastSegment(after start: Int, from text: inout [UInt8]) {
        guard text.count > start + 1 else { return }
        text.removeLast()
        while text.count > start + 1, text[text.count - 1] != 0x2F { text.removeLast() }
    }
}

/// Host and port of a URI, in their normal form.
private struct Authority {
    private let range: Range<Int>
    private let isPlain: Bool

    init(_ bytes: Span<UInt8>, scheme: Span<UInt8>) {
        range = NormalAuthority.range(bytes.indices, in: bytes, isHTTPS: scheme.isCaseless("https"))
        // A reference with userinfo is never followed.
        isPlain = !range.isEmpty && bytes.firstIndex(of: 0x40, in: bytes.indices) == nil
    }

    func isSame(as other: Authority, _ bytes: Span<UInt8>, _ otherBytes: Span<UInt8>) -> Bool {
        isPlain && other.isPlain && bytes.extracting(range).isSameName(as: otherBytes.extracting(other.range))
    }
}
