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
        if bytes.contains(UInt8(ascii: ":")) {
            guard let bits = IPAddress.v6Bits(bytes) else { return nil }
            self = .v6(bits)
        } else {
            guard let bits = IPAddress.v4Bits(bytes[...]) else { return nil }
            self = .v4(bits)
        }
    }

    /// Four decimals without leading zeros: `010` is octal to some programs and ten to others.
    private static func v4Bits(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy(\.isDigit) else { return nil }
            guard part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            let value = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func v6Bits(_ bytes: [UInt8]) -> UInt128? {
        guard bytes.count <= 45 else { return nil }
        var bytes = bytes[...]
        var tail: [UInt16] = []
        if bytes.contains(UInt8(ascii: ".")) {
            guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
                let bits = v4Bits(bytes[(colon + 1)...])
            else { return nil }
            tail = [UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits)]
            // What is left ends with the colon; a placeholder group keeps the grammar the same.
            bytes = bytes[...colon] + [UInt8(ascii: "0")]
        }
        let halves = splitAtDoubleColon(bytes)
        guard let halves, let front = groups(halves.0), var back = groups(halves.1 ?? []) else { return nil }
        var all = front
        if !tail.isEmpty {
            if halves.1 == nil { all.removeLast() } else { back.removeLast() }
        }
        let known = all.count + back.count + tail.count
        if halves.1 == nil {
            guard known == 8 else { return nil }
        } else {
            guard known <= 7 else { return nil }
            all += Array(repeating: 0, count: 8 - known)
        }
        return (all + back + tail).reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
    }

    /// The parts before and after `::`; the second is nil without one; nil for two of them.
    private static func splitAtDoubleColon(
        _ bytes: ArraySlice<UInt8>
    ) -> (ArraySlice<UInt8>, ArraySlice<UInt8>?)? {
        let colon = UInt8(ascii: ":")
        var place: Int?
        for index in bytes.indices.dropLast() where bytes[index] == colon && bytes[index + 1] == colon {
            guard place == nil else { return nil }
            place = index
        }
        guard let place else { return (bytes, nil) }
        return (bytes[..<place], bytes[(place + 2)...])
    }

    private static func groups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        if bytes.isEmpty { return [] }
        var groups: [UInt16] = []
        for part in bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard (1...4).contains(part.count) else { return nil }
            var value: UInt16 = 0
            for byte in part {
                guard let digit = byte.hexValue else { return nil }
                value = value << 4 | UInt16(digit)
            }
            groups.append(value)
        }
        return groups
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
