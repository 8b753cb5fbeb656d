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
        position += 1
        var decoded: [UInt8] = []
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: decoded, as: UTF8.self) == nil ? nil : decoded
            case UInt8(ascii: "\\"): guard escape(text, into: &decoded) else { return nil }
            case ..<0x20: return nil
            default: decoded.append(byte)
            }
        }
        return nil
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

    private mutating func escape(_ text: Span<UInt8>, into decoded: inout [UInt8]) -> Bool {
        guard position < text.count else { return false }
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            guard var code = codeUnit(text) else { return false }
            if code & 0xFC00 == 0xD800 {
                guard position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
                    text[position + 1] == UInt8(ascii: "u")
                else { return false }
                position += 2
                guard let low = codeUnit(text), low & 0xFC00 == 0xDC00 else { return false }
                code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else { return false }
            decoded += UTF8.encode(scalar).map { Array($0) } ?? []
        default: return false
        }
        return true
    }

    private mutating func codeUnit(_ text: Span<UInt8>) -> UInt32? {
        guard position + 4 <= text.count else { return nil }
        var code: UInt32 = 0
        for index in position..<position + 4 {
            guard let digit = text[index].hexValue else { return nil }
            code = code << 4 | UInt32(digit)
        }
        position += 4
        return code
    }
}
