// A strict reader of JSON text (RFC 8259), for admin requests and their responses. Numbers are validated and kept as text:
// nothing here calculates with them. Duplicate names in an object are rejected, because readers disagree on which one counts.

import Bytes

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

    mutating func string() throws(JSONValue.Fault) -> String {
        var place = index
        do throws(JSONString.Fault) {
            let bytes = try JSONString.read(text.span, at: &place)
            index = place
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            index = place
            throw fault(error.sentence)
        }
    }
}
