// JSON (RFC 8259) read strictly, as far as keys need it: strings decoded, other values copied without the spaces between
// their tokens.

import Bytes

struct JSONScanner {
    private var position = 0
    private static let deepest = 100

    func isAtEnd(_ text: Span<UInt8>) -> Bool { position == text.count }

    mutating func skipSpace(_ text: Span<UInt8>) {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// Passes over one byte, and the space before it, if it is there.
    mutating func take(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
        skipSpace(text)
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    /// The decoded string that stands here; nil if there is none.
    mutating func string(_ text: Span<UInt8>) -> [UInt8]? {
        guard position < text.count, text[position] == UInt8(ascii: "\"") else { return nil }
        return try? JSONString.read(text, at: &position)
    }

    /// Copies the value that stands here. False if it isn't JSON.
    mutating func value(_ text: Span<UInt8>, into copy: inout [UInt8], depth: Int) -> Bool {
        skipSpace(text)
        guard position < text.count, depth < Self.deepest else { return false }
        switch text[position] {
        case UInt8(ascii: "{"): return members(text, into: &copy, depth: depth, isObject: true)
        case UInt8(ascii: "["): return members(text, into: &copy, depth: depth, isObject: false)
        case UInt8(ascii: "\""):
            let start = position
            guard string(text) != nil else { return false }
            copy.append(text.extracting(start..<position))
            return true
        default:
            // A number or a name: what stands for one can't be taken for another, whether or not it is valid.
            let start = position
            while position < text.count, Self.isScalar(text[position]) { position += 1 }
            copy.append(text.extracting(start..<position))
            return position > start
        }
    }

    private mutating func members(_ text: Span<UInt8>, into copy: inout [UInt8], depth: Int, isObject: Bool) -> Bool {
        let closing = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
        copy.append(text[position])
        position += 1
        if take(closing, text) {
            copy.append(closing)
            return true
        }
        while true {
            if isObject {
                skipSpace(text)
                let start = position
                guard string(text) != nil else { return false }
                copy.append(text.extracting(start..<position))
                guard take(UInt8(ascii: ":"), text) else { return false }
                copy.append(UInt8(ascii: ":"))
            }
            guard value(text, into: &copy, depth: depth + 1) else { return false }
            if take(closing, text) {
                copy.append(closing)
                return true
            }
            guard take(UInt8(ascii: ","), text) else { return false }
            copy.append(UInt8(ascii: ","))
        }
    }

    private static func isScalar(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            || byte == UInt8(ascii: ".")
    }
}
