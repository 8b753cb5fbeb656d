import Foundation

// README, CONTRIBUTING and docs/*.md as tests read them: their code blocks, and the tables that are generated into them.

package struct DocumentationPage: Sendable, CustomStringConvertible {
    /// A fenced code block, without the indentation of its fence.
    package struct Block: Sendable {
        package let page: String
        package let line: Int
        /// What follows the three backticks: the language; empty for commands and their output.
        package let language: String
        package let lines: [String]

        package var place: String { "\(page):\(line)" }
        package var text: String { lines.joined(separator: "\n") + "\n" }
    }

    package static let checkout = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// From the checkout's folder: `docs/keys.md`.
    package let name: String
    package let text: String

    package var description: String { name }
    package var url: URL { Self.checkout.appending(path: name) }

    package init(_ name: String) throws {
        self.name = name
        text = try String(contentsOf: Self.checkout.appending(path: name), encoding: .utf8)
    }

    /// Every page for users and contributors; not the dated notes.
    package static func all() throws -> [DocumentationPage] {
        let docs = try FileManager.default.contentsOfDirectory(atPath: checkout.appending(path: "docs").path())
        let names = docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
        return try (["README.md", "CONTRIBUTING.md"] + names).map { try DocumentationPage($0) }
    }

    package var blocks: [Block] {
        var blocks: [Block] = []
        var open: (line: Int, indentation: Int, language: String, lines: [String])?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.drop { $0 == " " }
            if let block = open {
                if content == "```" {
                    blocks.append(Block(page: name, line: block.line, language: block.language, lines: block.lines))
                    open = nil
                } else {
                    open?.lines.append(String(line.dropFirst(min(block.indentation, line.count - content.count))))
                }
            } else if content.hasPrefix("```") {
                open = (index + 1, line.count - content.count, String(content.dropFirst(3)), [])
            }
        }
        return blocks
    }

    /// The simple commands of the blocks without a language, where they begin with one of these words. Of `a && b | c` these
    /// are three. A prompt (`$ `) and `sudo` before them are left out, and comments behind them.
    package func commands(of programs: Set<String>) -> [(place: String, words: [String])] {
        blocks.filter(\.language.isEmpty).flatMap { block in
            block.lines.flatMap { line in
                Self.simpleCommands(line).compactMap { words in
                    var words = words[...]
                    while let first = words.first, first == "$" || first == "sudo" { words.removeFirst() }
                    guard let program = words.first, programs.contains(program) else { return nil }
                    return (block.place, Array(words))
                }
            }
        }
    }

    /// Splits as a shell does, as far as documentation needs it: quotes, operators, comments.
    private static func simpleCommands(_ line: String) -> [[String]] {
        var commands: [[String]] = [[]]
        var word: String?
        var quote: Character?
        func isOperator(_ character: Character) -> Bool { "|&;<>".contains(character) }
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
                continue
            }
            if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == " " || isOperator(character) {
                if let word { commands[commands.count - 1].append(word) }
                word = nil
                if isOperator(character) { commands.append([]) }
            } else if character == "#", word == nil {
                break
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let word { commands[commands.count - 1].append(word) }
        return commands.filter { !$0.isEmpty }
    }

    // MARK: Generated tables

    /// The text between `<!-- name -->` and `<!-- /name -->`; nil if the page has no such place.
    package func generated(_ name: String) -> Substring? { place(of: name).map { text[$0] } }

    /// Puts the text between the two marks.
    package func write(generated name: String, _ content: String) throws {
        guard let place = place(of: name) else { throw HarnessError("\(self) has no <!-- \(name) -->") }
        try text.replacingCharacters(in: place, with: content).write(to: url, atomically: true, encoding: .utf8)
    }

    private func place(of name: String) -> Range<String.Index>? {
        guard let start = text.range(of: "<!-- \(name) -->\n"), let end = text.range(of: "<!-- /\(name) -->") else {
            return nil
        }
        return start.upperBound..<end.lowerBound
    }
}
