// `cache.bypass`: which requests go past the cache.

import Bytes

/// `cookie.session`, `header.x-preview=1`, `query.debug*`: a request has something of that name, with such a value.
package struct BypassCondition: Sendable, Hashable {
    package enum Source: String, Sendable, Hashable, CaseIterable {
        case cookie
        case header
        case query
    }

    package let source: Source
    /// In which `*` stands for any characters; of a header in lower case.
    package let name: String
    /// In which `*` stands for any characters; nil for any value, be it empty.
    package let value: String?
    /// As written in the file.
    package let text: String

    package init(parsing text: String) throws(ValueFault) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let subject = parts[0]
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw ValueFault("the condition \(quoted(text)) has a control character")
        }
        guard text.utf8.count <= 4096 else { throw ValueFault("the condition is longer than 4096 bytes") }
        if let ours = BypassCondition.variable(subject) {
            throw ValueFault("unknown condition \(quoted(text))", hint: "write \(ours)")
        }
        guard let dot = subject.firstIndex(of: ".") else {
            guard let start = subject.utf8.first, isTokenByte(start), !subject.contains(" ") else {
                throw ValueFault(
                    "\(quoted(text)) is not a condition", hint: "write one such as cookie.session or query.nocache=1")
            }
            throw ValueFault(
                "the condition \(quoted(text)) doesn't say where to look",
                hint: "write cookie.\(subject), header.\(subject) or query.\(subject)")
        }
        let word = String(subject[..<dot])
        let name = String(subject[subject.index(after: dot)...])
        guard let source = Source(rawValue: word) else {
            let near = BypassCondition.others[word] ?? nearestName(to: word, among: Source.allCases.map(\.rawValue))
            throw ValueFault(
                "unknown source \(quoted(word)) in \(quoted(text))",
                hint: near.map { "did you mean \($0).\(name)?" } ?? "use cookie, header or query")
        }
        guard !name.isEmpty else { throw ValueFault("\(quoted(text)) has no name after the dot") }
        guard source == .query || name.utf8.allSatisfy(isTokenByte) else {
            throw ValueFault(
                "invalid \(source.rawValue) name \(quoted(name))",
                hint: name.contains(":") ? "write \(word).NAME=VALUE" : nil)
        }
        self.source = source
        self.name = source == .header ? String(decoding: name.utf8.map(lowercase), as: UTF8.self) : name
        value = parts.count == 2 ? String(parts[1]) : nil
        self.text = text
    }

    /// What nginx's variables mean.
    private static func variable(_ name: Substring) -> String? {
        if name.hasPrefix("$cookie_") { return "cookie.\(name.dropFirst(8))" }
        if name.hasPrefix("$arg_") { return "query.\(name.dropFirst(5))" }
        if name.hasPrefix("$http_") {
            return "header." + String(name.dropFirst(6).map { $0 == "_" ? "-" : $0 })
        }
        return nil
    }

    private static let others = [
        "cookies": "cookie", "headers": "header", "args": "query", "arg": "query", "param": "query", "params": "query",
        "http": "header", "req": "header",
    ]
}
