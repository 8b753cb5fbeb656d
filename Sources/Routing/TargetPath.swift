// Which request paths are accepted at all, decided before a route is matched.
//
// A path must mean the same to Larder, which derives route and key from it, and to the origin, which receives it in the
// key's normal form (RFC 3986 §6.2.2) where the route caches, otherwise unchanged. So what origins are known to rewrite is
// rejected with 400 instead of guessing:
// - dot segments, plain or encoded, also if an origin may treat `%2F`, `\` or `%5C` as a slash or end a segment at `;`
//   (`/a/../b`, `/%2e%2e/b`, `/a/..%2Fb`, `/a/..;/b`). Clients resolve them before they send (RFC 3986 §5.2.4).
// - an encoded NUL, and a `%` without two hex digits.
// Everything else is accepted: `//` stays two slashes, and an encoded slash is never treated as a slash.

import Bytes
import HTTPWire

/// Why a path is rejected, each with 400.
package enum PathFault: Sendable, Hashable {
    /// Not of the form `/…` (RFC 9112 §3.2.1).
    case notAbsolute
    /// `.` or `..` as a segment, or what an origin may treat as one.
    case dotSegment
    /// A `%` that isn't followed by two hex digits.
    case malformedEncoding
    /// `%00`.
    case encodedNull
}

enum TargetPath {
    enum Form {
        /// Nothing in it is percent-encoded: bytes can be compared as they are.
        case plain
        case encoded
        case refused(PathFault)
    }

    static func form(of bytes: Span<UInt8>, in range: ByteRange) -> Form {
        // RFC 3986 §6.2.3: an absolute-form without a path means `/`.
        if range.isEmpty { return .plain }
        guard bytes[range.lower] == UInt8(ascii: "/") else { return .refused(.notAbsolute) }
        var isSuspicious = false
        var isEncoded = false
        var previous: UInt8 = 0
        for index in range.lower..<range.upper {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%") { isEncoded = true }
            if byte == UInt8(ascii: "\\") || (byte == UInt8(ascii: ".") && previous == UInt8(ascii: "/")) {
                isSuspicious = true
            }
            previous = byte
        }
        if isEncoded || isSuspicious, let fault = fault(in: bytes, range) { return .refused(fault) }
        return isEncoded ? .encoded : .plain
    }

    /// Reads the path as the most lenient origin would, and reports the first fault found that way.
    private static func fault(in bytes: Span<UInt8>, _ range: ByteRange) -> PathFault? {
        // The number of dots while the segment consists of dots only; nil once it contains anything else.
        var dots: Int? = nil
        var index = range.lower
        while index < range.upper {
            let start = index
            let byte = PercentEncoding.decodedByte(bytes, at: &index, end: range.upper)
            if bytes[start] == UInt8(ascii: "%") {
                if index == start + 1 { return .malformedEncoding }
                if byte == 0 { return .encodedNull }
            }
            switch byte {
            case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ";"):
                if isDotSegment(dots) { return .dotSegment }
                // What follows a `;` belongs to the same segment and can't make it a dot segment.
                dots = byte == UInt8(ascii: ";") ? nil : 0
            case UInt8(ascii: "."):
                dots = dots.map { $0 + 1 }
            default:
                dots = nil
            }
        }
        return isDotSegment(dots) ? .dotSegment : nil
    }

    private static func isDotSegment(_ dots: Int?) -> Bool { dots == 1 || dots == 2 }
}
