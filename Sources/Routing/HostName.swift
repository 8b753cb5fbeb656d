// The host inside an authority (RFC 3986 §3.2.2), ignoring case, port and a trailing dot.

import Bytes
import HTTPSemantics
import HTTPWire

enum HostName {
    /// The host's bytes: `api.example.com` in `api.example.com.:8080`, `[::1]` in `[::1]:8080`.
    static func range(in bytes: Span<UInt8>, authority: ByteRange) -> ByteRange {
        var end = NormalAuthority.colon(in: bytes, authority.lower..<authority.upper) ?? authority.upper
        if end > authority.lower + 1, bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
        return ByteRange(authority.lower, end)
    }

    /// A route's host in the form used for lookups.
    static func literal(_ text: String) -> [UInt8] {
        var bytes = text.utf8.map(\.lowercased)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        return bytes
    }
}
