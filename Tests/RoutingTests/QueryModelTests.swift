// The query of a key text against a model that takes the rule word for word: split, filter, normalise, sort.

import Configuration
import TestRandomness
import Testing

@testable import Routing

/// What the key text of a query must be, without its `?`.
private enum QueryModel {
    static func text(_ query: String, _ settings: CacheSettings) -> String {
        if settings.query == .exact, settings.queryDeny.isEmpty { return query }
        let pairs = query.utf8.split(separator: UInt8(ascii: "&")).map(Array.init).filter { pair in
            !settings.queryDeny.contains(String(decoding: decoded(name(pair)), as: UTF8.self))
        }
        guard settings.query == .sorted else { return joined(pairs) }
        // The standard library's sort is stable, but doesn't promise it.
        let normal = pairs.map(normalized).enumerated().sorted { left, right in
            let (first, second) = (formDecoded(name(left.element)), formDecoded(name(right.element)))
            return first == second ? left.offset < right.offset : first.lexicographicallyPrecedes(second)
        }
        return joined(normal.map(\.element))
    }

    private static func joined(_ pairs: [[UInt8]]) -> String {
        String(decoding: Array(pairs.joined(separator: [UInt8(ascii: "&")])), as: UTF8.self)
    }

    private static func name(_ pair: [UInt8]) -> [UInt8] { Array(pair.prefix { $0 != UInt8(ascii: "=") }) }

    /// RFC 3986 §6.2.2: only unreserved characters are decoded, and the digits of all others are capitals.
    private static func normalized(_ pair: [UInt8]) -> [UInt8] {
        mapTriplets(pair) { byte in
            let character = Character(UnicodeScalar(byte))
            let isUnreserved =
                character.isASCII && (character.isLetter || character.isNumber || "-._~".contains(character))
            if isUnreserved { return [byte] }
            let digits = String(byte, radix: 16, uppercase: true)
            return Array(("%" + String(repeating: "0", count: 2 - digits.count) + digits).utf8)
        }
    }

    private static func decoded(_ pair: [UInt8]) -> [UInt8] { mapTriplets(pair) { [$0] } }

    private static func formDecoded(_ name: [UInt8]) -> [UInt8] {
        mapTriplets(name.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }) { [$0] }
    }

    private static func mapTriplets(_ pair: [UInt8], _ transform: (UInt8) -> [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = pair[...]
        while let byte = rest.first {
            let digits = rest.dropFirst().prefix(2)
            let text = String(decoding: digits, as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.count == 2, text.allSatisfy(\.isHexDigit),
                let value = UInt8(text, radix: 16)
            {
                result += transform(value)
                rest = rest.dropFirst(3)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return result
    }
}

@Suite("The query in the key text is what a model says")
struct QueryModelTests {
    private func expectModel(_ query: String, _ settings: CacheSettings) throws {
        let text = try keyText(route("/{all...}", cache: settings), "http://h/p?" + query)
        let expected = QueryModel.text(query, settings)
        let isPresent = !expected.isEmpty || (settings.query == .exact && settings.queryDeny.isEmpty)
        #expect(text == "GET http://h/p" + (isPresent ? "?" + expected : ""))
    }

    /// Pairs of few letters, so that names are equal, begin alike, or end where others go on.
    private func pair(_ generator: inout SeededGenerator, upTo length: Int) -> String {
        let pieces = [
            "a", "b", "=", "aaaaaaaa", "ab", "~", "%41", "%7e", "%2f", "%2F", "%", "%4", "%26", "%3d", "%%341", "+",
            "z", "B", "%5B", "[", "%20",
        ]
        return (0..<Int.random(in: 0...length, using: &generator)).map { _ in
            pieces.randomElement(using: &generator)!
        }.joined()
    }

    @Test("random short queries, sorted or exact, with names left out or not", arguments: 0..<8)
    func short(history: UInt64) throws {
        var generator = SeededGenerator(history: history)
        for _ in 0..<400 {
            let count = Int.random(in: 0...12, using: &generator)
            let query = (0..<count).map { _ in pair(&generator, upTo: 4) }.joined(separator: "&")
            try expectModel(query, cache())
            try expectModel(query, cache(deny: ["a", "aA", "~"]))
            try expectModel(query, cache(query: .exact))
            try expectModel(query, cache(query: .exact, deny: ["a", "b", "ab"]))
        }
    }

    @Test("random queries of many pairs, with short names, long ones, and ones that begin alike", arguments: 0..<2)
    func long(history: UInt64) throws {
        var generator = SeededGenerator(history: 100 + history)
        for length in [1, 3, 8, 20] {
            let count = Int.random(in: 40...600, using: &generator)
            let query = (0..<count).map { _ in pair(&generator, upTo: length) }.joined(separator: "&")
            try expectModel(query, cache())
            try expectModel(query, cache(deny: ["a", "aA", "~"]))
        }
        let words = ["parameter", "identifier", "id", "parameterise", "p"]
        let numbers = (0..<1_000).map { "\(words.randomElement(using: &generator)!)\($0)=\($0)" }
        for query in [numbers, numbers.sorted(), numbers.sorted(by: >), numbers.shuffled(using: &generator)] {
            try expectModel(query.joined(separator: "&"), cache())
        }
    }

    @Test("names whose beginnings have thousands of bytes in common")
    func longNames() throws {
        let names = (0..<5).map { String(repeating: "n", count: 2_000 - 7 * $0) }
        let query = ["c", "b", "a", "b"].flatMap { (end: String) -> [String] in
            names.map { "\($0)\(end)=\(end)" } + names
        }
        try expectModel(query.joined(separator: "&"), cache())
    }
}
