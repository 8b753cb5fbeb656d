// libyaml's syntax errors, with a hint for people who don't know YAML's grammar.

enum SyntaxSentence {
    static func make(for fault: YAMLSyntaxFault, in bytes: [UInt8]) -> (message: String, hint: String?) {
        var message = "invalid YAML: \(fault.problem)"
        if let context = fault.context {
            message += " \(context)"
            if let began = fault.contextPosition, began.line != fault.position.line {
                message += " from line \(began.line)"
            }
        }
        // The mistake is often before the position that the parser reports: where the value began, or one line above.
        var lines = [fault.position.line]
        if let began = fault.contextPosition { lines.append(began.line) }
        if fault.position.line > 1 { lines.append(fault.position.line - 1) }
        for line in lines {
            if let hint = hint(forLine: text(ofLine: line, in: bytes)) { return (message, hint) }
        }
        return (message, nil)
    }

    private static func text(ofLine line: Int, in bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        for _ in 1..<max(line, 1) {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return [] }
            rest = rest[(end + 1)...]
        }
        return rest.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }

    private static func hint(forLine line: ArraySlice<UInt8>) -> String? {
        let indent = line.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        if indent.contains(UInt8(ascii: "\t")) { return "indent with spaces, not tabs" }
        let value = value(of: line.dropFirst(indent.count))
        guard let first = value.first else { return nil }
        let needsQuotes: Bool
        switch first {
        case UInt8(ascii: "*"), UInt8(ascii: "&"), UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "%"),
            UInt8(ascii: "!"), UInt8(ascii: "|"), UInt8(ascii: ">"):
            needsQuotes = true
        case UInt8(ascii: "{"): needsQuotes = closesEarly(value, with: UInt8(ascii: "}"))
        case UInt8(ascii: "["): needsQuotes = closesEarly(value, with: UInt8(ascii: "]"))
        default: needsQuotes = false
        }
        return needsQuotes
            ? "a value that starts with \(String(UnicodeScalar(first))) needs quotes" : nil
    }

    /// What stands after `key: ` or `- `, without the spaces at both ends and a comment.
    private static func value(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let space = UInt8(ascii: " ")
        var value = line
        if value.first == UInt8(ascii: "-") { value = value.dropFirst().drop { $0 == space } }
        for index in value.indices.dropLast() where value[index] == UInt8(ascii: ":") && value[index + 1] == space {
            value = value[(index + 1)...].drop { $0 == space }
            break
        }
        for index in value.indices.dropFirst() where value[index] == UInt8(ascii: "#") && value[index - 1] == space {
            value = value[..<index]
            break
        }
        while value.last == space { value = value.dropLast() }
        return value
    }

    /// Whether more follows the first closing bracket: then the value was meant as text.
    private static func closesEarly(_ value: ArraySlice<UInt8>, with bracket: UInt8) -> Bool {
        guard let first = value.firstIndex(of: bracket) else { return false }
        return first != value.endIndex - 1
    }
}
