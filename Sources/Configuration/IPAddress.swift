// IP addresses and ranges of them, read from text and compared as numbers.

import Bytes

/// An IPv4 or IPv6 address.
package enum IPAddress: Sendable, Hashable {
    case v4(UInt32)
    case v6(UInt128)

    package var isLoopback: Bool {
        switch self {
        case .v4(let bits): bits >> 24 == 127
        case .v6(let bits): bits == 1 || (bits >> 32 == 0xffff && (bits >> 24) & 0xff == 127)
        }
    }

    /// An IPv4 address that arrived as `::ffff:a.b.c.d` counts as the IPv4 address it is.
    package var unmapped: IPAddress {
        if case .v6(let bits) = self, bits >> 32 == 0xffff { return .v4(UInt32(truncatingIfNeeded: bits)) }
        return self
    }

    /// Reads the text forms of RFC 4291 §2.2 and dotted decimals; nil for anything else, zones included.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    /// As above, from bytes. Allocates nothing.
    package init?(_ text: Span<UInt8>) {
        if let bits = AddressText.v4(text) {
            self = .v4(bits)
        } else if let bits = AddressText.v6(text) {
            self = .v6(bits)
        } else {
            return nil
        }
    }

    /// Reads an address as a hop of `X-Forwarded-For` or `Forwarded` is named: alone or with a port, and IPv6 in brackets or
    /// without (RFC 7239 §6). nil for `unknown`, for an obfuscated name and for anything else. An IPv4 address that is mapped
    /// to IPv6 counts as the IPv4 address that it is.
    package init?(hop: Span<UInt8>) {
        guard !hop.isEmpty else { return nil }
        var address = 0..<hop.count
        var portStart: Int?
        if hop[0] == UInt8(ascii: "[") {
            var end = 1
            while end < hop.count, hop[end] != UInt8(ascii: "]") { end += 1 }
            guard end < hop.count else { return nil }
            address = 1..<end
            guard let bits = AddressText.v6(hop.extracting(address)) else { return nil }
            if end + 1 < hop.count {
                guard hop[end + 1] == UInt8(ascii: ":") else { return nil }
                portStart = end + 2
            }
            self = IPAddress.v6(bits).unmapped
        } else {
            var colons = 0
            for index in hop.indices where hop[index] == UInt8(ascii: ":") {
                colons += 1
                portStart = index + 1
            }
            if colons == 1, let start = portStart { address = 0..<(start - 1) } else { portStart = nil }
            guard let read = IPAddress(hop.extracting(address)) else { return nil }
            self = read.unmapped
        }
        if let portStart, !IPAddress.isPort(hop.extracting(portStart..<hop.count)) { return nil }
    }

    /// RFC 7239 §6: up to five digits, or an obfuscated port.
    private static func isPort(_ text: Span<UInt8>) -> Bool {
        guard !text.isEmpty, text.count <= 64 else { return false }
        if text[0] == UInt8(ascii: "_") { return true }
        guard text.count <= 5 else { return false }
        for index in text.indices where !text[index].isDigit { return false }
        return true
    }
}

/// One address or a CIDR block, as `trusted_proxies` lists them.
package struct AddressRange: Sendable, Hashable {
    package let address: IPAddress
    package let prefixLength: Int

    package func contains(_ other: IPAddress) -> Bool {
        switch (address, other.unmapped) {
        case (.v4(let network), .v4(let bits)):
            prefixLength == 0 || (network ^ bits) >> UInt32(32 - prefixLength) == 0
        case (.v6(let network), .v6(let bits)):
            prefixLength == 0 || (network ^ bits) >> UInt128(128 - prefixLength) == 0
        case (.v4, .v6), (.v6, .v4): false
        }
    }
}

// MARK: - Text

extension IPAddress: CustomStringConvertible {
    /// Dotted decimals, or RFC 5952: lower case, the longest run of zero groups as `::`.
    package var description: String {
        switch self {
        case .v4(let bits):
            return "\(bits >> 24).\((bits >> 16) & 255).\((bits >> 8) & 255).\(bits & 255)"
        case .v6(let bits):
            let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) }
            var best = 0..<0
            var start = 0
            for index in 0...8 where index == 8 || groups[index] != 0 {
                if index - start > max(best.count, 1) { best = start..<index }
                start = index + 1
            }
            func text(_ range: Range<Int>) -> String {
                groups[range].map { String($0, radix: 16) }.joined(separator: ":")
            }
            if best.isEmpty { return text(0..<8) }
            return "\(text(0..<best.lowerBound))::\(text(best.upperBound..<8))"
        }
    }
}

extension AddressRange: CustomStringConvertible {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address.
    package init(parsing text: String) throws(ValueFault) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else {
            throw ValueFault(
                "\(quoted(text)) is not an IP address or range", hint: "write 10.0.0.1, 10.0.0.0/8 or fd00::/8")
        }
        let width: Int
        switch address {
        case .v4: width = 32
        case .v6: width = 128
        }
        guard parts.count == 2 else {
            self.init(address: address, prefixLength: width)
            return
        }
        guard let length = wholeNumber(parts[1]), length <= width else {
            throw ValueFault("invalid prefix length in \(quoted(text))", hint: "allowed: 0–\(width)")
        }
        let network = address.masked(to: Int(length))
        guard network == address else {
            throw ValueFault(
                "\(quoted(text)) has host bits set",
                hint: "did you mean \(network)/\(length)?")
        }
        self.init(address: address, prefixLength: Int(length))
    }

    package var description: String {
        switch (address, prefixLength) {
        case (.v4, 32), (.v6, 128): "\(address)"
        default: "\(address)/\(prefixLength)"
        }
    }
}

extension IPAddress {
    fileprivate func masked(to length: Int) -> IPAddress {
        switch self {
        case .v4(let bits): .v4(length == 0 ? 0 : bits & (UInt32.max << UInt32(32 - length)))
        case .v6(let bits): .v6(length == 0 ? 0 : bits & (UInt128.max << UInt128(128 - length)))
        }
    }
}
