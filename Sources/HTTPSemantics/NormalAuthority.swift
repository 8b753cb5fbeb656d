// The one normal form of an authority (RFC 3986 §6.2.3, RFC 9110 §4.2.3): without a port that is empty or the scheme's
// default, and compared without regard to case. Keys, cache groups and references to the same origin all use it, so that
// what is one origin for one of them is one for all. A trailing dot of the host is kept: an origin may respond to it
// differently.

import Bytes

package enum NormalAuthority {
    /// `authority` without a port that is empty or the default of `http`, or of `https` where `isHTTPS`. The case of its
    /// letters stays as it is.
    package static func range(_ authority: Range<Int>, in bytes: Span<UInt8>, isHTTPS: Bool) -> Range<Int> {
        guard let colon = colon(in: bytes, authority) else { return authority }
        var digits = colon + 1
        while digits + 1 < authority.upperBound, bytes[digits] == 0x30 { digits += 1 }
        let port = bytes.extracting(digits..<authority.upperBound)
        let isDefault = isHTTPS ? port.isCaseless("443") : port.isCaseless("80")
        return isDefault || colon + 1 == authority.upperBound ? authority.lowerBound..<colon : authority
    }

    /// The position of the `:` before the port.
    package static func colon(in bytes: Span<UInt8>, _ authority: Range<Int>) -> Int? {
        var index = authority.upperBound
        while index > authority.lowerBound {
            index -= 1
            if bytes[index] == 0x3A { return index }
            // A colon before this one is part of an IPv6 address.
            if bytes[index] == 0x5D { return nil }
        }
        return nil
    }
}
