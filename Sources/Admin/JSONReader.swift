// A strict reader of JSON text (RFC 8259), for admin requests and their responses. Numbers are validated and kept as text:
// nothing here calculates with them. Duplicate names in an object are rejected, because readers disagree on which one counts.

/// One JSON value.
package enum JSONValue: Equatable {
    case null
    case bool(Bool)
    /// The text of the number.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Why a text is not JSON, with the offset of the first wrong byte.
    package struct Fault: Error, Equatable {
        package let offset: Int
        package let sentence: StaticString

        package static func == (left: Fault, right: Fault) -> Bool { left.offset == right.offset }
    }

    package init(_ text: [UInt8]) throws(Fault) {
        var reader = JSONReader(text: text)
        self = try reader.document()
    }
}

private struct JSONReader {
    let text: [UInt8]
    var index = 0
    var depth = 0

    /// Maximum nesting depth; bounds the stack. No admin request nests deeper.
    static let depthLimit = 16

    init(text: [UInt8]) { self.text = text }

    func fault(_ sentence: StaticString) -> JSONValue.Fault { JSONValue.Fault(offset: index, sentence: sentence) }

    var current: UInt8? { index < text.count ? text[index] : nil }

    mutating func document() throws(JSONValue.Fault) -> JSONValue {
        let value = try self.value()
        guard current == nil else { throw fault("unexpected text after the value") }
        return value
    }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
    }

    /// Takes `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    /// A value, with white space before and after it.
    mutating func value() throws(JSONValue.Fault) -> JSONValue {
        skipSpace()
        defer { skipSpace() }
        switch current {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case nil: throw fault("unexpected end: a value is expected")
        case let byte? where byte == UInt8(ascii: "-") || byte >= 0x30 && byte <= 0x39: return try number()
        default: throw fault("a value is expected")
        }
    }

    mutating func literal(_ word: String, _ value: JSONValue) throws(JSONValue.Fault) -> JSONValue {
        for byte in word.utf8 {
            guard take(byte) else { throw fault("a value is expected") }
        }
        return value
    }

    mutating func descend() throws(JSONValue.Fault) {
        index += 1
        depth += 1
        guard depth <= Self.depthLimit else { throw fault("nested too deeply") }
    }

    mutating func object() throws(JSONValue.Fault) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw fault("a member name is expected") }
            let start = index
            let name = try string()
            guard members[name] == nil else {
                index = start
                throw fault("duplicate member name")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is expected") }
            members[name] = try value()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw fault("a comma or } is expected") }
        return .object(members)
    }

    mutating func array() throws(JSONValue.Fault) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var values: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value()) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw fault("a comma or ] is expected") }
        return .array(values)
    }

    /// RFC 8259 §6.
    mutating func number() throws(JSONValue.Fault) -> JSONValue {
        let start = index
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return .number(String(decoding: text[start..<index], as: UTF8.self))
    }

    mutating func digits() throws(JSONValue.Fault) {
        let start = index
        while let byte = current, byte >= 0x30, byte <= 0x39 { index += 1 }
        guard index > start else { throw fault("a digit is expected") }
    }

    /// RFC 8259 §7.
    mutating func string() throws(JSONValue.Fault) -> String {
        index += 1
        var bytes: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("invalid UTF-8") }
                index += 1
                return string
            case UInt8(ascii: "\\"):
                index += 1
                try escape(into: &bytes)
            case 0..<0x20: throw fault("control characters must be escaped")
            default:
                bytes.append(byte)
                index += 1
            }
        }
        throw fault("unterminated string")
    }

    mutating func escape(into bytes: inout [UInt8]) throws(JSONValue.Fault) {
        guard let byte = current else { throw fault("unterminated string") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if 0xD800..<0xDC00 ~= code {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                    throw fault("unpaired surrogate")
                }
                let low = try codeUnit()
                guard 0xDC00..<0xE000 ~= low else { throw fault("unpaired surrogate") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fault("unpaired surrogate") }
            bytes.append(contentsOf: String(scalar).utf8)
        default: throw fault("unknown escape sequence")
        }
    }

    mutating func codeUnit() throws(JSONValue.Fault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = hexValue(byte) else {
                throw fault("four hexadecimal digits are expected")
            }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }
}

/// The value of a hexadecimal digit of either case.
func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
