// Reads the sources as text: what a file imports, and its code without comments and string literals. Read once for all tests.

import Foundation
import Testing

struct SourceFile: CustomTestStringConvertible {
    let module: String
    /// From the module's folder.
    let path: String
    let lines: [String]
    /// The lines with comments and the insides of string literals taken out.
    let code: [String]

    init(module: String, path: String, lines: [String]) {
        self.module = module
        self.path = path
        self.lines = lines
        var stripper = CodeStripper()
        code = lines.map { stripper.code(of: $0) }
    }

    var testDescription: String { "\(module)/\(path)" }

    /// The names of the imported modules, with their line: `import A`, `package import A`, `import struct A.B`, and
    /// `@_spi(C) import A` alike.
    var imports: [(module: String, line: Int)] {
        code.enumerated().compactMap { index, line in
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count else { return nil }
            guard words[..<position].allSatisfy({ $0.hasPrefix("@") || Self.accessLevels.contains($0) }) else {
                return nil
            }
            let isKind = Self.importKinds.contains(words[position + 1]) && position + 2 < words.count
            let target = words[position + (isKind ? 2 : 1)]
            return (String(target.prefix { $0 != "." && $0 != ";" }), index + 1)
        }
    }

    private static let accessLevels: Set<String> = ["public", "package", "internal", "fileprivate", "private"]
    private static let importKinds: Set<String> = [
        "class", "enum", "func", "let", "protocol", "struct", "typealias", "var",
    ]

    /// The checkout, three folders above this file.
    static let checkout = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let moduleFolders: [String] = folders(of: checkout.appending(path: "Sources"))

    static let all: [SourceFile] = moduleFolders.flatMap { module in
        let root = checkout.appending(path: "Sources/\(module)").resolvingSymlinksInPath()
        let found = FileManager.default.enumerator(atPath: root.path())?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(".swift") }.sorted().compactMap { path -> SourceFile? in
            guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else { return nil }
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            return SourceFile(module: module, path: path, lines: lines)
        }
    }

    private static func folders(of root: URL) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path())) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }
}
