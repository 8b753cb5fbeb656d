// `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2.2), narrower than the grammar: a registered name is letters,
// digits and `-._~`. Percent-encoding and sub-delimiters occur in no real host name, and parsers disagree about them.
// User information is rejected (RFC 9110 §4.2.4), and so is IPvFuture.

import Bytes

package enum Authority {
    /// Whether `text` is a host with an optional port (an empty port, as in `host:`, is allowed).
    package static func isValid(_ text: Span<UInt8>) -> Bool { hostLength(text) != nil }

    /// How many bytes of `text` are the host, brackets included; nil if `text` isn't a valid authority.
    package static func hostLength(_ text: Span<UInt8>) -> Int? {
        guard !text.isEmpty else { return nil }
        var index = 0
        if text[0] == UInt8(ascii: "[") {
            let close = Scan.first(UInt8(ascii: "]"), in: text, from: 1, to: text.count)
            guard close < text.count, isIPv6(text.extracting(1..<close)) else { return nil }
            index = close &+ 1
        } else {
            while index < text.count, ByteClass.unreserved.contains(text[index]) { index &+= 1 }
            if index == 0 { return nil }
        }
        if index == text.count { return index }
        guard text[index] == UInt8(ascii: ":"), isPort(text.extracting((index &+ 1)..<text.count)) else { return nil }
        return index
    }

    /// At most five digits, up to 65535; RFC 3986 §3.2.3 allows an empty port.
    static func isPort(_ digits: Span<UInt8>) -> Bool {
        guard digits.count <= 5 else { return false }
        var port = 0
        for index in digits.indices {
            guard digits[index].isDigit else { return false }
            port = port * 10 + Int(digits[index] &- 0x30)
        }
        return port <= 65535
    }

    /// RFC 3986 §3.2.2 IPv6address: eight groups of up to four hexadecimal digits, one `::` for a row of zeros, and the
    /// last two groups optionally as an IPv4 address.
    static func isIPv6(_ text: Span<UInt8>) -> Bool {
        var groups = 0
        var hasElision = false
        var index = 0
        if text.count >= 2, text[0] == UInt8(ascii: ":"), text[1] == UInt8(ascii: ":") {
            hasElision = true
            index = 2
        }
        while index < text.count {
            let start = index
            while index < text.count, text[index].hexValue != nil { index &+= 1 }
            if index < text.count, text[index] == UInt8(ascii: ".") {
                guard isIPv4(text.extracting(start..<text.count)) else { return false }
                groups += 2
                return hasElision ? groups <= 7 : groups == 8
            }
            guard index > start, index - start <= 4 else { return false }
            groups += 1
            if index == text.count { break }
            guard text[index] == UInt8(ascii: ":") else { return false }
            index &+= 1
            if index == text.count { return false }
            if text[index] == UInt8(ascii: ":") {
                if hasElision { return false }
                hasElision = true
                index &+= 1
            }
        }
        return hasElision ? groups <= 7 : groups == 8
    }

    /// Four decimal numbers up to 255 without leading zeros.
    static func isIPv4(_ text: Span<UInt8>) -> Bool {
        var parts = 0
        var index = 0
        while true {
            let start = index
            var value = 0
            while index < text.count, text[index].isDigit, index - start < 3 {
                value = value * 10 + Int(text[index] &- 0x30)
                index &+= 1
            }
            guard index > start, value <= 255, index - start == 1 || text[start] != 0x30 else { return false }
            parts += 1
            if index == text.count { return parts == 4 }
            guard parts < 4, text[index] == UInt8(ascii: ".") else { return false }
            index &+= 1
        }
    }
}
