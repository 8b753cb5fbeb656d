// What to write instead of a key that is not known where it stands.

import Configuration

enum UnknownKey {
    /// - Parameter level: the path of the mapping in `KeyDescription.all`; empty for the top.
    static func hint(for name: String, at level: String) -> String {
        let known = KeyDescription.names(below: level)
        if let space = OddSpace.first(in: name) {
            return "the key contains \(space.name): use ordinary spaces to indent"
        }
        // `staleIfError`, `stale-if-error`.
        let plain = KeySpelling.folded(name)
        if let key = known.first(where: { KeySpelling.folded($0) == plain }) { return "did you mean \(quoted(key))?" }
        if let hint = missingSpace(in: name, known) { return hint }
        if let hint = ForeignWords.hint(for: plain, at: level) { return hint }
        if level == "routes.*.request" || level == "routes.*.response", isFieldName(name) {
            return "write set: {\(name): value}"
        }
        // `route`, `methods`: one letter of a key that is known here says more than the same word elsewhere.
        if let key = known.first(where: { $0 == name + "s" || $0 + "s" == name }) {
            return "did you mean \(quoted(key))?"
        }
        if let hint = misplaced(plain, at: level) { return hint }
        if let hint = ForeignWords.hint(for: plain, at: nil, from: level) { return hint }
        if let near = nearestName(to: name, among: known) { return "did you mean \(quoted(near))?" }
        return "known keys: \(known.joined(separator: ", "))"
    }

    /// `X-Api-Version`.
    private static func isFieldName(_ name: String) -> Bool {
        name.contains("-") && name.utf8.allSatisfy(isTokenByte)
    }

    /// `{timeout:5m}` is a key `timeout:5m` without a value.
    private static func missingSpace(in name: String, _ known: [String]) -> String? {
        guard let colon = name.firstIndex(of: ":") else { return nil }
        let (key, value) = (String(name[..<colon]), name[name.index(after: colon)...])
        guard known.contains(key), !value.isEmpty else { return nil }
        return "add a space after the colon: \(key): \(value.prefix(40))"
    }

    /// A key that is known elsewhere: further down, else further up, else anywhere.
    private static func misplaced(_ plain: String, at level: String) -> String? {
        // `key` and `server_name` are words of many places: those of TLS count where TLS is.
        let isNearTLS = level.hasPrefix("server") || level.hasPrefix("upstreams")
        let places = (pathsByName[plain] ?? []).filter {
            KeySpelling.parent(of: $0) != level && (isNearTLS || !$0.contains(".tls."))
        }
        guard !places.isEmpty else { return nil }
        let below = places.filter { level.isEmpty || $0.hasPrefix(level + ".") }
        let above = places.filter {
            let parent = KeySpelling.parent(of: $0)
            return parent.isEmpty || level.hasPrefix(parent + ".")
        }
        let chosen = !below.isEmpty ? below : !above.isEmpty ? above : places
        let sentence = KeySpelling.choice(chosen.prefix(3).map { KeySpelling.place(of: $0, from: level) })
        return "\(quoted(KeySpelling.name(of: chosen[0]))) belongs \(sentence)"
    }
}

/// The paths of all keys by their folded last parts.
private let pathsByName = Dictionary(grouping: KeyDescription.all.map(\.path)) {
    KeySpelling.folded(KeySpelling.name(of: $0))
}

/// Keys and their places as sentences name them.
enum KeySpelling {
    /// Equal for spellings that differ in capitals, hyphens and underscores only.
    static func folded(_ name: String) -> String {
        String(
            decoding: name.utf8.filter { $0 != 0x2d && $0 != 0x5f }.map { $0 &- 65 < 26 ? $0 | 0x20 : $0 },
            as: UTF8.self)
    }

    /// `a`, `a or b`, `a, b or c`.
    static func choice(_ all: [String]) -> String {
        guard all.count > 1 else { return all.first ?? "" }
        return all.dropLast().joined(separator: ", ") + " or " + all[all.count - 1]
    }

    /// The last part of a path of `KeyDescription.all`.
    static func name(of path: String) -> String { String(path.split(separator: ".").last ?? "") }

    /// All but the last part.
    static func parent(of path: String) -> String { path.split(separator: ".").dropLast().joined(separator: ".") }

    /// Where the key is, for somebody who looks at the mapping `level`: `under cache`, `in a route`.
    static func place(of path: String, from level: String) -> String {
        let parent = parent(of: path)
        guard !parent.isEmpty else { return "at the top level" }
        let parts = parent.split(separator: ".")
        let isEntry = parts[parts.count - 1] == "*"
        if level.hasPrefix(parent + ".") {
            return isEntry ? "in the \(entry(of: parts[0])) itself" : "under \(quoted(parts[parts.count - 1]))"
        }
        if isEntry, parts.count > 2 { return "in an entry of \(quoted(parts[parts.count - 2]))" }
        if isEntry { return "in \(article(for: parts[0])) \(entry(of: parts[0]))" }
        let section = "under \(quoted(parts[parts.count - 1]))"
        guard parts.count > 2, !level.hasPrefix(parts[0...1].joined(separator: ".")) else { return section }
        return "\(section) of \(article(for: parts[0])) \(entry(of: parts[0]))"
    }

    private static func entry(of section: Substring) -> String {
        section.hasSuffix("s") ? String(section.dropLast()) : String(section)
    }

    private static func article(for section: Substring) -> String {
        "aeiou".contains(section.first ?? "x") ? "an" : "a"
    }
}
