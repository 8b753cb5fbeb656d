// Reads a Dictionary of structured fields (RFC 9651 §3.2, §4.2.2) without allocating, for the targeted fields of RFC
// 9213. It checks every byte of the value, since one error makes the whole field invalid, but it distinguishes only
// what a cache directive can be: absent, an integer, a string, or something else.

import Bytes

/// The value of a member; ranges refer to the parsed bytes.
package enum DictionaryValue: Equatable {
    case boolean(Bool)
    case integer(Range<Int>)
    case string(Range<Int>)
    case token(Range<Int>)
    case other
}

/// A member, as ranges of the parsed bytes.
package struct DictionaryMember: Equatable {
    package var key: Range<Int>
    package var value: DictionaryValue
}

/// Iterates over the members of a Dictionary.
package struct DictionaryWalker {
    /// The value violates the grammar: the whole field must be ignored.
    package private(set) var hasFailed = false
    var position = 0
    private var isFirst = true

    package init() {}

    /// Whether the whole value is a dictionary with at least one member.
    package static func isValid(_ bytes: Span<UInt8>) -> Bool {
        var walker = DictionaryWalker()
        var count = 0
        while walker.next(in: bytes) != nil { count += 1 }
        return count > 0 && !walker.hasFailed
    }

    /// The next member; nil at the end, and at the first error (`hasFailed`).
    package mutating func next(in bytes: Span<UInt8>) -> DictionaryMember? {
        if isFirst {
            isFirst = false
            skipSpaces(in: bytes)
            if position == bytes.count { return nil }
        } else {
            while position < bytes.count, bytes[position].isWhitespace { position += 1 }
            if position == bytes.count { return nil }
            guard take(0x2C, in: bytes) else { return fail() }
            while position < bytes.count, bytes[position].isWhitespace { position += 1 }
        }
        guard let key = key(in: bytes) else { return fail() }
        var value = DictionaryValue.boolean(true)
        if take(0x3D, in: bytes) {
            guard let read = peek(in: bytes) == 0x28 ? innerList(in: bytes) : bareItem(in: bytes) else { return fail() }
            value = read
        }
        guard parameters(in: bytes) else { return fail() }
        return DictionaryMember(key: key, value: value)
    }

    private mutating func fail() -> DictionaryMember? {
        hasFailed = true
        position = .max
        return nil
    }

    private func peek(in bytes: Span<UInt8>) -> UInt8 { position < bytes.count ? bytes[position] : 0 }

    mutating func take(_ byte: UInt8, in bytes: Span<UInt8>) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func skipSpaces(in bytes: Span<UInt8>) {
        while position < bytes.count, bytes[position] == 0x20 { position += 1 }
    }

    private mutating func key(in bytes: Span<UInt8>) -> Range<Int>? {
        let start = position
        guard isLowercase(peek(in: bytes)) || peek(in: bytes) == 0x2A else { return nil }
        while isKeyCharacter(peek(in: bytes)) { position += 1 }
        return start..<position
    }

    mutating func parameters(in bytes: Span<UInt8>) -> Bool {
        while take(0x3B, in: bytes) {
            skipSpaces(in: bytes)
            guard key(in: bytes) != nil else { return false }
            if take(0x3D, in: bytes), bareItem(in: bytes) == nil { return false }
        }
        return true
    }

    mutating func innerList(in bytes: Span<UInt8>) -> DictionaryValue? {
        position += 1
        while true {
            skipSpaces(in: bytes)
            if take(0x29, in: bytes) { return .other }
            guard bareItem(in: bytes) != nil, parameters(in: bytes) else { return nil }
            guard peek(in: bytes) == 0x20 || peek(in: bytes) == 0x29 else { return nil }
        }
    }

    mutating func bareItem(in bytes: Span<UInt8>) -> DictionaryValue? {
        let first = peek(in: bytes)
        switch first {
        case 0x2D, 0x30...0x39: return number(in: bytes)
        case 0x22: return string(in: bytes)
        case 0x3F:
            position += 1
            if take(0x31, in: bytes) { return .boolean(true) }
            return take(0x30, in: bytes) ? .boolean(false) : nil
        case 0x3A: return byteSequence(in: bytes)
        case 0x40:
            position += 1
            if case .integer? = number(in: bytes) { return .other }
            return nil
        case 0x25: return displayString(in: bytes)
        default:
            guard first.isLetter || first == 0x2A else { return nil }
            let start = position
            while peek(in: bytes).isTokenCharacter || peek(in: bytes) == 0x3A || peek(in: bytes) == 0x2F {
                position += 1
            }
            return .token(start..<position)
        }
    }

    /// At most 15 digits, or 12 and 3 around a point.
    private mutating func number(in bytes: Span<UInt8>) -> DictionaryValue? {
        let start = position
        _ = take(0x2D, in: bytes)
        let digits = position
        while peek(in: bytes).isDigit { position += 1 }
        let whole = position - digits
        guard whole > 0 else { return nil }
        guard take(0x2E, in: bytes) else { return whole <= 15 ? .integer(start..<position) : nil }
        let point = position
        while peek(in: bytes).isDigit { position += 1 }
        return whole <= 12 && position > point && position - point <= 3 ? .other : nil
    }

    private mutating func string(in bytes: Span<UInt8>) -> DictionaryValue? {
        position += 1
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22: return .string(start..<(position - 1))
            case 0x5C:
                guard take(0x22, in: bytes) || take(0x5C, in: bytes) else { return nil }
            case 0x20...0x7E: continue
            default: return nil
            }
        }
        return nil
    }

    private mutating func byteSequence(in bytes: Span<UInt8>) -> DictionaryValue? {
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x3A { return .other }
            guard byte.isLetter || byte.isDigit || byte == 0x2B || byte == 0x2F || byte == 0x3D else { return nil }
        }
        return nil
    }

    /// `%"…"` with lowercase percent-escapes; that the octets are UTF-8 is not checked, as no directive is one of these.
    private mutating func displayString(in bytes: Span<UInt8>) -> DictionaryValue? {
        position += 1
        guard take(0x22, in: bytes) else { return nil }
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x22 { return .other }
            guard byte >= 0x20, byte <= 0x7E else { return nil }
            if byte == 0x25 {
                guard isLowercaseHex(peek(in: bytes)) else { return nil }
                position += 1
                guard isLowercaseHex(peek(in: bytes)) else { return nil }
                position += 1
            }
        }
        return nil
    }
}

private func isLowercase(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 }
private func isLowercaseHex(_ byte: UInt8) -> Bool { byte.isDigit || byte &- 0x61 < 6 }

private func isKeyCharacter(_ byte: UInt8) -> Bool {
    isLowercase(byte) || byte.isDigit || byte == 0x5F || byte == 0x2D || byte == 0x2E || byte == 0x2A
}
