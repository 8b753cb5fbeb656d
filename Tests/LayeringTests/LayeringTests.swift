import Foundation
import Testing

@Suite("Layering: arrows point down, and unsafe code stays at home")
struct LayeringTests {
    @Test("Every folder of Sources stands in the table, and every module of the table has its folder")
    func tableIsComplete() {
        #expect(Set(SourceFile.moduleFolders) == Set(Module.all.map(\.name)))
        #expect(!SourceFile.all.isEmpty)
    }

    @Test("The table itself has no arrow that points up")
    func tablePointsDown() {
        var above: Set<String> = []
        let own = Set(Module.all.map(\.name))
        for module in Module.all {
            let upward = module.imports.intersection(own).subtracting(above)
            #expect(upward.isEmpty, "\(module.name) imports \(upward.sorted()), which stands below it")
            above.insert(module.name)
        }
    }

    @Test("A file imports only what its module may", arguments: SourceFile.all)
    func importsAreAllowed(file: SourceFile) throws {
        let module = try #require(Module.named(file.module))
        for found in file.imports {
            #expect(
                module.imports.contains(found.module),
                "Sources/\(file.module)/\(file.path):\(found.line): \(file.module) may not import \(found.module)")
        }
    }

    @Test("`unsafe` stands only in the files that the table names", arguments: SourceFile.all)
    func unsafeIsAtHome(file: SourceFile) throws {
        let module = try #require(Module.named(file.module))
        let line = file.code.firstIndex { $0.hasWord("unsafe") }
        if let line, !module.unsafeHomes.allows(file.path) {
            Issue.record(
                "Sources/\(file.module)/\(file.path):\(line + 1): unsafe code, in a file that is no home of it")
        }
    }

    @Test(
        "Stores and invalidations are reached through the cache alone",
        arguments: SourceFile.all.filter { ["Proxy", "Admin", "Origins", "Clients"].contains($0.module) })
    func storesAreBehindTheCache(file: SourceFile) {
        for word in ["MemoryStore", "RemoteStore", "InvalidationClock", "PurgeLog", "VariantTable"] {
            if let line = file.code.firstIndex(where: { $0.hasWord(word) }) {
                Issue.record(
                    "Sources/\(file.module)/\(file.path):\(line + 1): \(word) belongs to CacheStorage: ask the worker's cache"
                )
            }
        }
    }

    @Test(
        "HTTP/1's versions and framing are known where messages are read and written, and nowhere else",
        arguments: SourceFile.all.filter { file in
            file.module == "Proxy" || file.module == "CacheStorage" || file.module == "HTTPCaching"
                || file.module == "Clients" && !file.path.hasPrefix("HTTP1/") && file.path != "RequestMessage.swift"
        })
    func framingIsBehindTheStream(file: SourceFile) {
        for word in ["minorVersion", "BodyFraming", "ChunkedDecoder", "chunked", "untilClose"] {
            if let line = file.code.firstIndex(where: { $0.hasWord(word) }) {
                Issue.record("Sources/\(file.module)/\(file.path):\(line + 1): \(word) is HTTP/1's own")
            }
        }
    }

    @Test("A home of unsafe code that the table names exists and still says `unsafe`")
    func homesAreLivedIn() {
        for module in Module.all {
            guard case .files(let homes) = module.unsafeHomes else { continue }
            for home in homes {
                let isLivedIn = SourceFile.all.contains { file in
                    file.module == module.name && Module.UnsafeHomes.files([home]).allows(file.path)
                        && file.code.contains { $0.hasWord("unsafe") }
                }
                #expect(isLivedIn, "\(module.name)/\(home) needs no leave to be unsafe: take it off the table")
            }
        }
    }

    @Test(
        "A promise that the compiler can't check has its proof in a comment on the line before",
        arguments: SourceFile.all)
    func promisesHaveProofs(file: SourceFile) {
        for (index, line) in file.code.enumerated()
        where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
            #expect(
                file.hasComment(before: index),
                "Sources/\(file.module)/\(file.path):\(index + 1): say in a comment above why this holds")
        }
    }
}

extension SourceFile {
    /// A comment ends on the line before, attributes between the two not counted.
    func hasComment(before index: Int) -> Bool {
        let before = lines[..<index].last { line in
            let text = line.trimmingPrefix(while: \.isWhitespace)
            return !text.hasPrefix("@")
        }
        guard let text = before?.trimmingPrefix(while: \.isWhitespace) else { return false }
        return text.hasPrefix("//") || text.hasPrefix("*") || text.hasSuffix("*/")
    }
}

extension String {
    /// The word by itself, not as a part of `unsafeAddress` or `nonisolated(unsafe)`.
    func hasWord(_ word: String) -> Bool {
        replacing("nonisolated(unsafe)", with: "").split { !$0.isLetter && !$0.isNumber && $0 != "_" }.contains {
            $0 == word
        }
    }
}
