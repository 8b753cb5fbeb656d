// Writes JSON text (RFC 8259) in order: objects, arrays and values. It adds the commas, and closes what it opened.

/// Builds one JSON document. Members of an object are written in the given order.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Whether the next value or member needs a comma before it.
    private var needsComma = false
    private var depth = 0

    /// `content` writes the members.
    mutating func object(_ content: (inout JSONWriter) -> Void) { nest("{", "}", content) }

    /// `content` writes the values.
    mutating func array(_ content: (inout JSONWriter) -> Void) { nest("[", "]", content) }

    mutating func object(_ name: StaticString, _ content: (inout JSONWriter) -> Void) {
        key(name)
        object(content)
    }

    mutating func array(_ name: StaticString, _ content: (inout JSONWriter) -> Void) {
        key(name)
        array(content)
    }

    mutating func member(_ name: StaticString, _ value: Int) {
        key(name)
        self.value(value)
    }

    mutating func member(_ name: StaticString, _ value: Int64) { member(name, Int(value)) }

    mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        separate()
        append(value ? "true" : "false")
    }

    mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        self.value(value)
    }

    mutating func member(_ name: StaticString, _ value: StaticString) {
        key(name)
        self.value("\(value)")
    }

    mutating func null(_ name: StaticString) {
        key(name)
        separate()
        append("null")
    }

    mutating func value(_ value: Int) {
        separate()
        append("\(value)")
    }

    mutating func value(_ text: String) {
        separate()
        appendQuoted(text)
    }

    /// The document. All objects and arrays must be closed.
    consuming func finished() -> [UInt8] {
        precondition(depth == 0, "a JSON document is finished while an object or array is open")
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private mutating func nest(_ open: StaticString, _ close: StaticString, _ content: (inout JSONWriter) -> Void) {
        separate()
        append(open)
        needsComma = false
        depth += 1
        content(&self)
        depth -= 1
        append(close)
        needsComma = true
    }

    private mutating func key(_ name: StaticString) {
        separate()
        appendQuoted("\(name)")
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func append(_ text: StaticString) { append("\(text)") }
    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// RFC 8259 §7. `<` and the two line separators of Unicode are escaped too, so that the text can be embedded in a page.
    private mutating func appendQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case "<", "\u{2028}", "\u{2029}", "\u{0}"..<"\u{20}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
            default: bytes.append(contentsOf: String(scalar).utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
