// JSON text (RFC 8259), read strictly: what the few requests with a JSON content need. Numbers are checked and kept as
// text, since nothing here counts with one; a name that occurs twice in an object is refused, since two readers could
// take different ones.

/// One JSON value.
package enum JSONValue: Equatable {
    case null
    case bool(Bool)
    /// As it was written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Why a text is no JSON, with the place of the first byte that can't be.
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

    /// Nothing that is asked for nests deeper; the stack is bounded with it.
    static let depthLimit = 16

    init(text: [UInt8]) { self.text = text }

    func fault(_ sentence: StaticString) -> JSONValue.Fault { JSONValue.Fault(offset: index, sentence: sentence) }

    var current: UInt8? { index < text.count ? text[index] : nil }

    mutating func document() throws(JSONValue.Fault) -> JSONValue {
        let value = try self.value()
        guard current == nil else { throw fault("something follows the value") }
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

    /// A value with the white space around it.
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
        case nil: throw fault("the text ends where a value is expected")
        case let byte? where byte == UInt8(ascii: "-") || byte >= 0x30 && byte <= 0x39: return try number()
        default: throw fault("no value begins like this")
        }
    }

    mutating func literal(_ word: String, _ value: JSONValue) throws(JSONValue.Fault) -> JSONValue {
        for byte in word.utf8 {
            guard take(byte) else { throw fault("no value begins like this") }
        }
        return value
    }

    mutating func descend() throws(JSONValue.Fault) {
        index += 1
        depth += 1
        guard depth <= Self.depthLimit else { throw fault("it is nested too deep") }
    }

    mutating func object() throws(JSONValue.Fault) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw fault("a member's name is expected") }
            let start = index
            let name = try string()
            guard members[name] == nil else {
                index = start
                throw fault("this name occurs twice in its object")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is expected") }
            members[name] = try value()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw fault("a comma or the object's end is expected") }
        return .object(members)
    }

    mutating func array() throws(JSONValue.Fault) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var values: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value()) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw fault("a comma or the array's end is expected") }
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
                guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("this is not UTF-8") }
                index += 1
                return string
            case UInt8(ascii: "\\"):
                index += 1
                try escape(into: &bytes)
            case 0..<0x20: throw fault("a control character has to be escaped")
            default:
                bytes.append(byte)
                index += 1
            }
        }
        throw fault("the string has no end")
    }

    mutating func escape(into bytes: inout [UInt8]) throws(JSONValue.Fault) {
        guard let byte = current else { throw fault("the string has no end") }
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
                    throw fault("half of a pair stands alone")
                }
                let low = try codeUnit()
                guard 0xDC00..<0xE000 ~= low else { throw fault("half of a pair stands alone") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fault("half of a pair stands alone") }
            bytes.append(contentsOf: String(scalar).utf8)
        default: throw fault("there is no such escape")
        }
    }

    mutating func codeUnit() throws(JSONValue.Fault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = hexValue(byte) else { throw fault("four hex digits are expected") }
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
