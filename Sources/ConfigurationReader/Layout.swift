// Reads a file that is no YAML line by line, as a person does, for the mistake that libyaml reports elsewhere or in words of
// its grammar: a line that is indented like no other, a missing space after a colon, a space that is none, a tab, a bracket or
// quote that is never closed. It knows only the YAML that configurations are written in, and where it is not sure, it says
// nothing.

import Configuration

struct Layout {
    struct Mistake {
        let position: Position
        let message: String
        let hint: String
    }

    /// One mapping or list that is open at a line, and where it began.
    private struct Level {
        let indent: Int
        let isList: Bool
        let line: Int
        /// Its first key; "-" for a list.
        let name: String
    }

    /// A bracket or quote that is open.
    private struct Opening {
        let mark: Unicode.Scalar
        let position: Position
        /// The indentation of the line it stands on.
        let indent: Int
        /// Whether what it encloses begins on the next line.
        let endsLine: Bool
    }

    private var levels: [Level] = []
    private var openings: [Opening] = []
    /// Whether the last key or dash waits for its value on a line below.
    private var isExpectingValue = true
    /// The indentation of the key whose text follows (`|`, `>`).
    private var textIndent: Int?
    private var line = 0

    /// The first mistake down to `lastLine`; nil if there is none that this reading knows.
    static func mistake(in bytes: [UInt8], downTo lastLine: Int) -> Mistake? {
        var layout = Layout()
        var rest = bytes[...]
        while layout.line < lastLine {
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            var text = end.map { rest[..<$0] } ?? rest
            if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
            layout.line += 1
            if layout.line == 1, text.starts(with: [0xef, 0xbb, 0xbf]) { text = text.dropFirst(3) }
            if let mistake = layout.read(Array(String(decoding: text, as: UTF8.self).unicodeScalars)) { return mistake }
            guard let end else { return layout.unclosed }
            rest = rest[(end + 1)...]
        }
        return rest.isEmpty ? layout.unclosed : nil
    }

    // MARK: - A line

    private mutating func read(_ scalars: [Unicode.Scalar]) -> Mistake? {
        let indent = scalars.prefix { $0 == " " }.count
        guard indent < scalars.count, scalars[indent] != "#" else { return nil }
        if let textIndent {
            if indent > textIndent { return nil }
            self.textIndent = nil
        }
        if let opening = openings.last {
            // An entry of its own at the level of the line that opened it: the mark was left open there.
            guard !opening.endsLine, indent <= opening.indent, isEntry(scalars[indent...]) else {
                return scan(scalars, from: indent, lineIndent: opening.indent)
            }
            return unclosed
        }
        if scalars.starts(with: "---".unicodeScalars) || scalars.starts(with: "...".unicodeScalars) {
            levels = []
            isExpectingValue = true
            return nil
        }
        if let mistake = oddIndentation(scalars, indent) { return mistake }
        return readEntries(scalars, from: indent)
    }

    /// `- ` as often as it stands there, then `key: value`.
    private mutating func readEntries(_ scalars: [Unicode.Scalar], from start: Int) -> Mistake? {
        var place = start
        while place < scalars.count, scalars[place] == "-", place + 1 == scalars.count || scalars[place + 1] == " " {
            if let mistake = enter(Level(indent: place, isList: true, line: line, name: "-")) { return mistake }
            isExpectingValue = true
            place += 1
            while place < scalars.count, scalars[place] == " " { place += 1 }
        }
        guard place < scalars.count, scalars[place] != "#" else { return nil }
        if let mistake = misspelledKey(scalars, from: place) { return mistake }
        guard let colon = keyEnd(scalars, from: place) else {
            // Text, or the rest of the text above.
            isExpectingValue = false
            return equalsSign(scalars, from: place) ?? scan(scalars, from: place, lineIndent: start)
        }
        let level = Level(indent: place, isList: false, line: line, name: text(scalars[place..<colon]))
        return enter(level) ?? readValue(scalars, from: colon + 1, of: level)
    }

    private mutating func readValue(_ scalars: [Unicode.Scalar], from start: Int, of key: Level) -> Mistake? {
        var place = start
        while place < scalars.count, scalars[place] == " " || scalars[place] == "\t" { place += 1 }
        // An anchor or a tag stands before its value.
        if place < scalars.count, scalars[place] == "&" || scalars[place] == "!" {
            while place < scalars.count, scalars[place] != " " { place += 1 }
            while place < scalars.count, scalars[place] == " " { place += 1 }
        }
        guard place < scalars.count, scalars[place] != "#" else {
            isExpectingValue = true
            return nil
        }
        isExpectingValue = false
        if scalars[place] == "|" || scalars[place] == ">" {
            textIndent = key.indent
            return nil
        }
        return secondKey(scalars, from: place, of: key) ?? scan(scalars, from: place, lineIndent: key.indent)
    }

    /// Opens and closes brackets and quotes.
    private mutating func scan(_ scalars: [Unicode.Scalar], from start: Int, lineIndent: Int) -> Mistake? {
        var place = start
        // In block context only a value that begins with one is in brackets or quotes.
        if openings.isEmpty {
            guard "{[\"'".unicodeScalars.contains(scalars[place]) else { return nil }
        }
        while place < scalars.count {
            let scalar = scalars[place]
            let startsWord = place == start || "{[,: ".unicodeScalars.contains(scalars[place - 1])
            let mark = openings.last?.mark
            switch mark {
            case "\"", "'":
                if mark == "\"", scalar == "\\" {
                    place += 1
                } else if scalar == mark {
                    openings.removeLast()
                    // '' is one quote within quotes.
                    let isDoubled = mark == "'" && place + 1 < scalars.count && scalars[place + 1] == "'"
                    if openings.isEmpty, !isDoubled { return excess(scalars, after: place) }
                }
            default:
                switch scalar {
                case "{", "[":
                    openings.append(opening(scalar, at: place, lineIndent, endsLine: place + 1 == scalars.count))
                case "\"", "'":
                    if startsWord {
                        openings.append(opening(scalar, at: place, lineIndent, endsLine: place + 1 == scalars.count))
                    }
                case "}", "]":
                    if let opening = openings.last, closing(opening.mark) != String(scalar) { return unclosed }
                    if !openings.isEmpty { openings.removeLast() }
                case "#":
                    if startsWord { return nil }
                default: break
                }
                if openings.isEmpty { return excess(scalars, after: place) }
            }
            place += 1
        }
        return nil
    }

    private func opening(_ mark: Unicode.Scalar, at place: Int, _ indent: Int, endsLine: Bool) -> Opening {
        Opening(mark: mark, position: Position(line: line, column: place + 1), indent: indent, endsLine: endsLine)
    }

    // MARK: - Mistakes

    /// Goes from the open levels to that of an entry.
    private mutating func enter(_ level: Level) -> Mistake? {
        var left: Level?
        while let top = levels.last, top.indent > level.indent { left = levels.removeLast() }
        // A list may stand at the indentation of its key: the next key there ends it.
        if let top = levels.last, top.indent == level.indent, top.isList, !level.isList { levels.removeLast() }
        guard let top = levels.last else {
            if let left { return wrongIndentation(level, beside: left) }
            levels.append(level)
            isExpectingValue = false
            return nil
        }
        if top.indent == level.indent {
            if level.isList, !top.isList {
                guard isExpectingValue else { return nil }
                levels.append(level)
            }
            isExpectingValue = false
            return nil
        }
        guard left == nil, isExpectingValue else { return wrongIndentation(level, beside: left ?? top) }
        levels.append(level)
        isExpectingValue = false
        return nil
    }

    private func wrongIndentation(_ level: Level, beside other: Level) -> Mistake {
        let other =
            levels.last.map { abs($0.indent - level.indent) < abs(other.indent - level.indent) ? $0 : other } ?? other
        return Mistake(
            position: Position(line: line, column: level.indent + 1),
            message: "wrong indentation: \(spaces(level.indent)) here, but \(spaces(other.indent)) before "
                + "\(quoted(other.name)) on line \(other.line)",
            hint: "indent the two alike")
    }

    private func spaces(_ count: Int) -> String { count == 1 ? "1 space" : "\(count) spaces" }

    /// Tabs and spaces that are none, before the first character that is neither.
    private func oddIndentation(_ scalars: [Unicode.Scalar], _ indent: Int) -> Mistake? {
        let position = Position(line: line, column: indent + 1)
        if scalars[indent] == "\t" {
            return Mistake(
                position: position, message: "a tab in the indentation", hint: "indent with spaces, not tabs")
        }
        return OddSpace.name(of: scalars[indent]).map {
            Mistake(position: position, message: "\($0) in the indentation", hint: "use ordinary spaces")
        }
    }

    /// `-key: value`, `key:value`, and `key:` with a space after it that is none.
    private func misspelledKey(_ scalars: [Unicode.Scalar], from start: Int) -> Mistake? {
        if scalars[start] == "-", start + 1 < scalars.count, let colon = keyEnd(scalars, from: start),
            Layout.keys.contains(text(scalars[(start + 1)..<colon]))
        {
            return Mistake(
                position: Position(line: line, column: start + 2), message: "no space after the dash",
                hint: "write - \(text(scalars[(start + 1)...].prefix(40)))")
        }
        let name = scalars[start...].prefix { $0.properties.isAlphabetic || $0 == "_" || $0 == "-" || $0.isASCIIDigit }
        let colon = name.endIndex
        guard !name.isEmpty, colon + 1 < scalars.count, scalars[colon] == ":" else { return nil }
        let position = Position(line: line, column: colon + 2)
        let next = scalars[colon + 1]
        if let space = OddSpace.name(of: next) {
            return Mistake(position: position, message: "\(space) after the colon", hint: "use an ordinary space")
        }
        let (key, value) = (text(name), text(scalars[(colon + 1)...]))
        let isURL = value.hasPrefix("http://") || value.hasPrefix("https://")
        guard next != " ", next != "\t", isURL || Layout.keys.contains(key) else { return nil }
        // A URL without quotes, in a list: `- http://…`, `- unix:/run/…`.
        guard key != "http", key != "https", key != "unix", !value.hasPrefix("//") else { return nil }
        return Mistake(
            position: position, message: "no space after the colon", hint: "write \(key): \(value.prefix(40))")
    }

    /// What follows the last closing bracket or quote of a value, and can't.
    private func excess(_ scalars: [Unicode.Scalar], after end: Int) -> Mistake? {
        guard let place = scalars[(end + 1)...].firstIndex(where: { $0 != " " && $0 != "\t" }) else { return nil }
        let position = Position(line: line, column: place + 1)
        let isQuote = scalars[end] == "\"" || scalars[end] == "'"
        if scalars[place] == "}" || scalars[place] == "]" {
            return Mistake(
                position: position, message: "the bracket \(scalars[place]) closes nothing", hint: "remove it")
        }
        guard isQuote, scalars[place] != "#", scalars[place] != ":" else { return nil }
        return Mistake(
            position: position, message: "text after the closing quote",
            hint: scalars[end] == "'" ? "write '' for a quote within quotes" : "write \\\" for a quote within quotes")
    }

    /// `cache: timeout: 5m`.
    private func secondKey(_ scalars: [Unicode.Scalar], from start: Int, of key: Level) -> Mistake? {
        guard !"\"'{[*".unicodeScalars.contains(scalars[start]), let colon = keyEnd(scalars, from: start) else {
            return nil
        }
        let position = Position(line: line, column: start + 1)
        let value = text(scalars[start...].prefix { $0 != "#" }.prefix(60))
        guard Layout.keys.contains(text(scalars[start..<colon])) else {
            return Mistake(
                position: position, message: "a value with a colon and a space in it needs quotes",
                hint: "write \"\(value)\"")
        }
        return Mistake(
            position: position, message: "a second key on the line of \(quoted(key.name))",
            hint: "put it on a line of its own, or write \(key.name): {\(value)}")
    }

    /// `timeout = 5m`.
    private func equalsSign(_ scalars: [Unicode.Scalar], from start: Int) -> Mistake? {
        guard let sign = scalars[start...].firstIndex(of: "=") else { return nil }
        let words = text(scalars[start..<sign]).split(separator: " ")
        guard words.count == 1, Layout.keys.contains(String(words[0])) else { return nil }
        let value = text(scalars[(sign + 1)...].drop { $0 == " " }.prefix(40))
        return Mistake(
            position: Position(line: line, column: sign + 1), message: "an equals sign where a colon belongs",
            hint: "write \(words[0]): \(value)")
    }

    private var unclosed: Mistake? {
        guard let opening = openings.last else { return nil }
        let kind = opening.mark == "{" || opening.mark == "[" ? "the bracket" : "the quote"
        return Mistake(
            position: opening.position, message: "\(kind) \(opening.mark) is not closed",
            hint: "add \(closing(opening.mark)) where the value ends")
    }

    private func closing(_ mark: Unicode.Scalar) -> String {
        switch mark {
        case "{": "}"
        case "[": "]"
        default: String(mark)
        }
    }

    // MARK: - Keys

    /// The colon of `key: …` or `key:`; nil for anything else.
    private func keyEnd(_ scalars: [Unicode.Scalar], from start: Int) -> Int? {
        var place = start
        if let quote = scalars[start...].first, quote == "\"" || quote == "'" {
            guard let end = scalars[(start + 1)...].firstIndex(of: quote) else { return nil }
            place = end + 1
            guard place < scalars.count, scalars[place] == ":" else { return nil }
        } else if "{[".unicodeScalars.contains(scalars[start]) {
            return nil
        }
        while place < scalars.count {
            if scalars[place] == ":",
                place + 1 == scalars.count || scalars[place + 1] == " " || scalars[place + 1] == "\t"
            {
                return place
            }
            if scalars[place] == "#", place > start, scalars[place - 1] == " " { return nil }
            place += 1
        }
        return nil
    }

    private func isEntry(_ scalars: ArraySlice<Unicode.Scalar>) -> Bool {
        let rest = Array(scalars)
        return rest.starts(with: "- ".unicodeScalars) || keyEnd(rest, from: 0) != nil
    }

    private func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }

    /// The last parts of all paths.
    private static let keys = Set(KeyDescription.all.map { KeySpelling.name(of: $0.path) })
}

extension Unicode.Scalar {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
