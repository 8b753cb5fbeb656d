// Notations of other routers in a path. Larder has two: {name} for one segment, and {name...} at the end for the rest.

import Configuration

enum PathSpelling {
    struct Advice {
        /// What it means here: `* is an ordinary character in a path`.
        let message: String
        let hint: String
    }

    /// What is written as elsewhere in `text`, the path as it stands in the file; nil if nothing is.
    static func advice(for text: String) -> Advice? {
        if let quote = text.unicodeScalars.first(where: ValueAdvice.isTypographicQuote) {
            return Advice(
                message: "\(quote) is a typographic quote, and part of the path",
                hint: "write \" or leave the quotes out")
        }
        if looksLikeRegularExpression(text) {
            return Advice(
                message: "the path \(quoted(text)) looks like a regular expression, which paths are not",
                hint: "write {name} for one segment, or {name...} at the end for the rest")
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for (index, part) in parts.enumerated() {
            if let advice = advice(for: part, at: index, of: parts) { return advice }
        }
        return nil
    }

    private static func advice(for part: String, at index: Int, of parts: [String]) -> Advice? {
        func path(with replacement: String) -> String {
            var all = parts
            all[index] = replacement
            let path = all.joined(separator: "/")
            return path.hasPrefix("/") ? path : "/" + path
        }
        let isLast = index == parts.count - 1
        if part.hasPrefix("{") {
            guard part.hasSuffix("}"), part.count > 2 else { return nil }
            let inside = part.dropFirst().dropLast()
            let name = inside.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
            let rest = inside.dropFirst(name.count)
            // {path:path} of Starlette and {rest*}, {rest:.*} of others take the rest; {id:int}, {id:[0-9]+} one segment.
            let takesRest = rest == "*" || rest == ":path" || rest == ":.*" || rest == ":.+" || inside.hasPrefix("*")
            guard rest.hasPrefix(":") || takesRest else { return nil }
            let word =
                takesRest ? "{\(name.isEmpty ? "rest" : String(name))...}" : "{\(name.isEmpty ? "name" : String(name))}"
            return Advice(
                message: takesRest
                    ? "\(quoted(part)) is not how a path takes the rest"
                    : "parameters have no types or patterns: \(quoted(part))",
                hint: "write \(path(with: word))")
        }
        if part.contains("*") {
            let before = part.prefix { $0 != "*" }
            let isRest = isLast && part.dropFirst(before.count).allSatisfy { $0 == "*" }
            let right = isRest ? (before.isEmpty ? "{rest...}" : "\(before)/{rest...}") : "{name}"
            return Advice(
                message:
                    "* is an ordinary character in a path, so \(quoted(parts.joined(separator: "/"))) matches only itself",
                hint: "write \(path(with: right))")
        }
        if part.hasPrefix(":"), part.count > 1 {
            return Advice(
                message: "\(quoted(part)) is literal text in a path",
                hint: "write \(path(with: "{\(part.dropFirst())}"))")
        }
        if part.hasPrefix("<"), part.hasSuffix(">"), part.count > 2 {
            // <id> and <int:id> of Flask.
            let inside = part.dropFirst().dropLast().split(separator: ":").last.map(String.init) ?? "name"
            let takesRest = part.hasPrefix("<path:")
            return Advice(
                message: "\(quoted(part)) is literal text in a path",
                hint: "write \(path(with: takesRest ? "{\(inside)...}" : "{\(inside)}"))")
        }
        return nil
    }

    /// OData's `/$metadata` and `/Products(1)` are not.
    private static func looksLikeRegularExpression(_ text: String) -> Bool {
        guard !text.contains("{") else { return text.hasPrefix("^") || text.hasPrefix("~") }
        let marks = [".*", ".+", "\\d", "\\w", "\\.", "\\/", "[0-9", "[a-z", "[A-Z", "[^", "(?", ")?", "]+"]
        return text.hasPrefix("^") || text.hasPrefix("~") || (text.hasSuffix("$") && text != "/$")
            || marks.contains { text.contains($0) }
    }
}
