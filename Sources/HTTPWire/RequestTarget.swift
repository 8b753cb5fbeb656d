// The four forms of a request target (RFC 9112 §3.2) and the parts of a URI in them. Visible ASCII is accepted as it
// is: the router and the origin interpret the path. White space, controls, `#` and bytes beyond ASCII are rejected.

import Bytes
import HTTPSemantics

/// RFC 9112 §3.2.
@usableFromInline
package enum TargetForm: UInt8, Sendable {
    /// `/path?query`
    case origin
    /// `http://authority/path?query`
    case absolute
    /// `host:port`, of CONNECT alone
    case authority
    /// `*`, of OPTIONS alone
    case asterisk
}

/// The ranges of a target's parts; a missing part is empty.
@usableFromInline
struct RequestTarget {
    @usableFromInline var form = TargetForm.origin
    var scheme = ByteRange.empty
    @usableFromInline var authority = ByteRange.empty
    @usableFromInline var path = ByteRange.empty
    @usableFromInline var query = ByteRange.empty
    @usableFromInline var hasQuery = false

    init() {}

    /// Parses `target`; the method determines which forms are valid.
    init(_ target: Range<Int>, of method: Method, in bytes: Span<UInt8>) throws(WireError.Reason) {
        let start = target.lowerBound
        let end = target.upperBound
        guard start < end else { throw .invalidRequestLine }
        guard Scan.firstOutsideTarget(in: bytes, from: start, to: end) == end else { throw .invalidTarget }
        if method == .connect {
            form = .authority
            authority = ByteRange(start, end)
            let text = bytes.extracting(start..<end)
            guard let host = Authority.hostLength(text) else {
                throw bytes[start] == UInt8(ascii: "/") ? .targetFormMismatch : .invalidTarget
            }
            // RFC 9110 §9.3.6: CONNECT has no default port.
            guard host &+ 1 < text.count else { throw .invalidTarget }
        } else if bytes[start] == UInt8(ascii: "/") {
            readPath(from: start, to: end, in: bytes)
        } else if end == start + 1, bytes[start] == UInt8(ascii: "*") {
            guard method == .options else { throw .targetFormMismatch }
            form = .asterisk
            path = ByteRange(start, end)
        } else {
            try readAbsolute(from: start, to: end, in: bytes)
        }
    }

    private mutating func readPath(from start: Int, to end: Int, in bytes: Span<UInt8>) {
        let mark = Scan.first(UInt8(ascii: "?"), in: bytes, from: start, to: end)
        path = ByteRange(start, mark)
        hasQuery = mark < end
        query = hasQuery ? ByteRange(mark &+ 1, end) : ByteRange(end, end)
    }

    private mutating func readAbsolute(from start: Int, to end: Int, in bytes: Span<UInt8>) throws(WireError.Reason) {
        let colon = Scan.first(UInt8(ascii: ":"), in: bytes, from: start, to: end)
        guard colon &+ 2 < end, bytes[colon &+ 1] == UInt8(ascii: "/"), bytes[colon &+ 2] == UInt8(ascii: "/") else {
            throw .invalidTarget
        }
        let name = bytes.extracting(start..<colon)
        guard Scan.equalsIgnoringCase(name, "http") || Scan.equalsIgnoringCase(name, "https") else {
            throw .invalidTarget
        }
        form = .absolute
        scheme = ByteRange(start, colon)
        var index = colon &+ 3
        while index < end, bytes[index] != UInt8(ascii: "/"), bytes[index] != UInt8(ascii: "?") { index &+= 1 }
        authority = ByteRange(colon &+ 3, index)
        guard Authority.isValid(bytes.extracting(authority)) else { throw .invalidHost }
        readPath(from: index, to: end, in: bytes)
    }
}
