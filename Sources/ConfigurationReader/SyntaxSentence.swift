// libyaml's syntax errors, with a hint for people who don't know YAML's grammar.

import Configuration

enum SyntaxSentence {
    static func make(
        for fault: YAMLSyntaxFault, in bytes: [UInt8]
    ) -> (position: Position, message: String, hint: String?) {
        if fault.isEncoding {
            let isControl = fault.problem.hasPrefix("control")
            return (fault.position, "invalid YAML: \(fault.problem)", isControl ? nil : "save the file as UTF-8")
        }
        if let mistake = Layout.mistake(in: bytes, downTo: fault.position.line) {
            return (mistake.position, "invalid YAML: \(mistake.message)", mistake.hint)
        }
        // The mistake is often before the position that the parser reports: where the value began, or one line above.
        var lines = [fault.position.line]
        if let began = fault.contextPosition { lines.append(began.line) }
        if fault.position.line > 1 { lines.append(fault.position.line - 1) }
        for line in lines {
            let text = text(ofLine: line, in: bytes)
            guard let value = unquotedValue(in: text, context: fault.context ?? ""), let first = value.first else {
                continue
            }
            let before = String(decoding: text[text.startIndex..<value.startIndex], as: UTF8.self)
            return (
                Position(line: line, column: before.unicodeScalars.count + 1),
                "invalid YAML: a value that starts with \(String(UnicodeScalar(first))) needs quotes",
                "write \(inQuotes(String(decoding: value, as: UTF8.self)))"
            )
        }
        var message = "invalid YAML: \(fault.problem)"
        if let context = fault.context {
            message += " \(context)"
            if let began = fault.contextPosition, began.line != fault.position.line {
                message += " from line \(began.line)"
            }
        }
        let hint =
            fault.context?.contains("flow") == true && hasBraceInText(text(ofLine: fault.position.line, in: bytes))
            ? "a value with { needs quotes within brackets, as in [\"/users/{id}\"]" : nil
        return (fault.position, message, hint)
    }

    /// What may be told of an included file, which may be none that was meant for Larder, such as a file with a key: where the
    /// fault is, and nothing of what stands there but names that Larder itself knows.
    static func withoutContent(
        _ sentence: (position: Position, message: String, hint: String?)
    ) -> (position: Position, message: String, hint: String?) {
        let quoted = sentence.message.split(separator: "`", omittingEmptySubsequences: false)
        let namesOnly = quoted.indices.allSatisfy { $0 % 2 == 0 || KeyDescription.isName(quoted[$0]) }
        let hint = sentence.hint.flatMap { $0.hasPrefix("write ") || $0.hasPrefix("put it ") ? nil : $0 }
        return (sentence.position, namesOnly ? sentence.message : "invalid YAML", hint)
    }

    /// Whether a brace stands within unquoted text: `/users/{id}`.
    private static func hasBraceInText(_ line: ArraySlice<UInt8>) -> Bool {
        zip(line, line.dropFirst()).contains { $0 == UInt8(ascii: "/") && $1 == UInt8(ascii: "{") }
    }

    private static func inQuotes(_ text: String) -> String {
        let shown = text.count > 60 ? "\(text.prefix(60))…" : text
        return shown.contains("\"") || shown.contains("\\") ? "'\(shown)'" : "\"\(shown)\""
    }

    private static func text(ofLine line: Int, in bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        for _ in 1..<max(line, 1) {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return [] }
            rest = rest[(end + 1)...]
        }
        return rest.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }

    /// The value on this line if it starts with a character that has a meaning of its own; nil if it doesn't.
    private static func unquotedValue(in line: ArraySlice<UInt8>, context: String) -> ArraySlice<UInt8>? {
        let value = value(of: line.drop { $0 == UInt8(ascii: " ") })
        guard let first = value.first else { return nil }
        switch first {
        case UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "%"): return value
        // These are right elsewhere, on a line beside the one that is wrong.
        case UInt8(ascii: "*"): return context.contains("alias") ? value : nil
        case UInt8(ascii: "&"): return context.contains("anchor") ? value : nil
        case UInt8(ascii: "!"): return context.contains("tag") ? value : nil
        case UInt8(ascii: "|"), UInt8(ascii: ">"): return context.contains("block scalar") ? value : nil
        case UInt8(ascii: "{"): return closesEarly(value, with: UInt8(ascii: "}")) ? value : nil
        case UInt8(ascii: "["): return closesEarly(value, with: UInt8(ascii: "]")) ? value : nil
        default: return nil
        }
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
