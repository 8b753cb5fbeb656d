// The strings of JSON (RFC 8259 §7), decoded: for admin requests, and for what keys are made of.

package enum JSONString {
    package enum Fault: Error, Equatable {
        case unterminated
        case control
        case unknownEscape
        case unpairedSurrogate
        case digits
        case invalidUTF8

        package var sentence: StaticString {
            switch self {
            case .unterminated: "unterminated string"
            case .control: "control characters must be escaped"
            case .unknownEscape: "unknown escape sequence"
            case .unpairedSurrogate: "unpaired surrogate"
            case .digits: "four hexadecimal digits are expected"
            case .invalidUTF8: "invalid UTF-8"
            }
        }
    }

    /// The string whose opening quotation mark is at `index`, which moves past the closing one: valid UTF-8. After a fault it
    /// is where the fault is.
    package static func read(_ text: Span<UInt8>, at index: inout Int) throws(Fault) -> [UInt8] {
        index += 1
        var decoded: [UInt8] = []
        while index < text.count {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: decoded, as: UTF8.self) != nil else { throw .invalidUTF8 }
                index += 1
                return decoded
            case UInt8(ascii: "\\"):
                index += 1
                try readEscape(text, at: &index, into: &decoded)
            case 0..<0x20: throw .control
            default:
                decoded.append(byte)
                index += 1
            }
        }
        throw .unterminated
    }

    /// What follows a backslash.
    private static func readEscape(
        _ text: Span<UInt8>, at index: inout Int, into decoded: inout [UInt8]
    ) throws(Fault) {
        guard index < text.count else { throw .unterminated }
        let byte = text[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            var code = try readCodeUnit(text, at: &index)
            if 0xD800..<0xDC00 ~= code {
                guard take(UInt8(ascii: "\\"), text, at: &index), take(UInt8(ascii: "u"), text, at: &index) else {
                    throw .unpairedSurrogate
                }
                let low = try readCodeUnit(text, at: &index)
                guard 0xDC00..<0xE000 ~= low else { throw .unpairedSurrogate }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw .unpairedSurrogate }
            decoded += String(scalar).utf8
        default: throw .unknownEscape
        }
    }

    private static func readCodeUnit(_ text: Span<UInt8>, at index: inout Int) throws(Fault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard index < text.count, let digit = text[index].hexValue else { throw .digits }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }

    private static func take(_ byte: UInt8, _ text: Span<UInt8>, at index: inout Int) -> Bool {
        guard index < text.count, text[index] == byte else { return false }
        index += 1
        return true
    }
}
