// IP addresses as text (RFC 4291 §2.2, RFC 5952), read and written byte by byte: heads and logs have them, and the hit path
// allocates nothing.

/// The text of one address, without heap memory; and how such texts are read. What others ask of it is inlinable: else the
/// whole of it is copied for each question.
@usableFromInline
package struct AddressText: Sendable {
    /// Room for the longest address: six groups and an IPv4 address, or eight groups.
    @usableFromInline var bytes = InlineArray<48, UInt8>(repeating: 0)
    @usableFromInline var count = 0

    /// The empty text, of an address that has none.
    package init() {}

    /// Dotted decimals.
    package init(v4 bits: UInt32) { append(v4: bits) }

    /// The form of RFC 5952: lower case, the longest run of zero groups as `::`, the IPv4 address of a mapped one in dotted
    /// decimals.
    package init(v6 bits: UInt128) {
        append(v6: bits)
        hasColons = true
    }

    @inlinable package var isEmpty: Bool { count == 0 }

    /// Whether it is an IPv6 address, which needs brackets where a port may follow.
    @usableFromInline package internal(set) var hasColons = false

    @inlinable package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes.span.extracting(..<count) }
    }

    private mutating func append(_ byte: UInt8) {
        bytes[count] = byte
        count &+= 1
    }

    /// Four decimals without leading zeros: `010` is octal to some programs and ten to others.
    package static func v4(_ text: Span<UInt8>) -> UInt32? {
        guard (7...15).contains(text.count) else { return nil }
        var bits: UInt32 = 0
        var part: UInt32 = 0
        var digits = 0
        var dots = 0
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                bits = bits << 8 | part
                dots += 1
                part = 0
                digits = 0
            } else {
                guard byte.isDigit, digits < 3, digits == 0 || part != 0 else { return nil }
                part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
                guard part <= 255 else { return nil }
                digits += 1
            }
        }
        guard dots == 3, digits > 0 else { return nil }
        return bits << 8 | part
    }

    /// Eight groups, or fewer with one `::`; the last 32 bits may be dotted decimals. No zones.
    package static func v6(_ text: Span<UInt8>) -> UInt128? {
        guard (2...45).contains(text.count) else { return nil }
        let colon = UInt8(ascii: ":")
        var bits: UInt128 = 0
        var groups = 0
        /// How many groups stand before `::`.
        var gap: Int?
        var position = 0
        if text[0] == colon {
            guard text[1] == colon else { return nil }
            gap = 0
            position = 2
        }
        while position < text.count {
            var end = position
            while end < text.count, text[end] != colon { end += 1 }
            if end == text.count, let tail = v4(text.extracting(position..<end)) {
                bits = bits << 32 | UInt128(tail)
                groups += 2
                break
            }
            guard (1...4).contains(end - position), groups < 8 else { return nil }
            var group: UInt128 = 0
            for index in position..<end {
                guard let digit = text[index].hexValue else { return nil }
                group = group << 4 | UInt128(digit)
            }
            bits = bits << 16 | group
            groups += 1
            guard end < text.count else { break }
            position = end + 1
            guard position < text.count else { return nil }
            if text[position] == colon {
                guard gap == nil else { return nil }
                gap = groups
                position += 1
            }
        }
        guard let gap else { return groups == 8 ? bits : nil }
        guard groups <= 7 else { return nil }
        // What stands behind the gap is in place; what stands before it moves up.
        let behind = UInt128(16 * (groups - gap))
        let low = bits & ((1 << behind) - 1)
        let high = gap == 0 ? 0 : (bits >> behind) << UInt128(128 - 16 * gap)
        return high | low
    }

    private mutating func append(v4 bits: UInt32) {
        var shift: UInt32 = 32
        while shift > 0 {
            shift -= 8
            let part = UInt8(truncatingIfNeeded: bits >> shift)
            if part >= 100 { append(0x30 + part / 100) }
            if part >= 10 { append(0x30 + part / 10 % 10) }
            append(0x30 + part % 10)
            if shift > 0 { append(UInt8(ascii: ".")) }
        }
    }

    private mutating func append(v6 bits: UInt128) {
        let colon = UInt8(ascii: ":")
        if bits >> 32 == 0xffff {
            for byte in "::ffff:".utf8 { append(byte) }
            return append(v4: UInt32(truncatingIfNeeded: bits))
        }
        let gap = Self.longestZeros(of: bits)
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, !gap.isEmpty {
                append(colon)
                append(colon)
                index = gap.upperBound
                continue
            }
            let group = Self.group(index, of: bits)
            var shift: UInt16 = 16
            var hasBegun = false
            while shift > 0 {
                shift -= 4
                let digit = UInt8(truncatingIfNeeded: group >> shift & 15)
                if digit != 0 || hasBegun || shift == 0 {
                    append(digit.hexDigit)
                    hasBegun = true
                }
            }
            index += 1
            if index < 8, index != gap.lowerBound || gap.isEmpty { append(colon) }
        }
    }

    private static func group(_ index: Int, of bits: UInt128) -> UInt16 {
        UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * index))
    }

    /// The first of the longest runs of two or more zero groups; empty without one.
    private static func longestZeros(of bits: UInt128) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index, of: bits) != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        return best
    }
}
