import HTTPSemantics
import TestRandomness
import Testing

@testable import HTTPCaching

@Suite("Hostile field values")
struct HostileValueTests {
    /// Fragments of valid values, and arbitrary bytes.
    private static let pieces: [[UInt8]] =
        [
            "bytes", "=", "-", ",", " ", "/", "*", "0", "7", "99999999999999999999", "\"", "\\", "(", ")", ";",
            "params=(",
            "except=(", "key-order", "a", "%", "%2", "%\"", ":", "?1", "?", "@", ".", "&", "\t",
        ].map { Array($0.utf8) } + [[0], [0xFF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90], [0xC0]]

    private static func value(_ random: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...12, using: &random)).flatMap { _ in pieces.randomElement(using: &random)! }
    }

    @Test("No value traps a parser, and every parsed range lies within the value", .tags(.must))
    func noTrap() {
        var random = SeededGenerator(seed: 99)
        for _ in 0..<3000 {
            let bytes = Self.value(&random)
            _ = ContentRange(field: bytes.span)
            _ = RangeRequest(field: bytes.span)
            let verdict = rangeSetVerdict(bytes.span, length: 50)
            if case .part(let part) = verdict {
                #expect(!part.isEmpty && part.lowerBound >= 0 && part.upperBound <= 50)
            }
            if case .parts(let parts) = verdict {
                for part in parts { #expect(!part.isEmpty && part.lowerBound >= 0 && part.upperBound <= 50) }
            }
            if var groups = CacheGroups(field: bytes.span) {
                while let group = groups.next(in: bytes.span) { #expect(group.upperBound < bytes.count) }
            }
            for separator in [TagWalker.Separator.commas, .spaces, .commasAndSpaces] {
                var tags = TagWalker(separator)
                while let tag = tags.next(in: bytes.span) { #expect(!tag.isEmpty && tag.upperBound <= bytes.count) }
            }
            let rule = NoVarySearch(field: bytes.span)
            var text: [UInt8] = []
            rule.append(to: &text)
            #expect(NoVarySearch(field: text.span) == rule)
        }
    }

    @Test("Both range parsers agree on a single range", .tags(.must))
    func readersAgree() {
        var random = SeededGenerator(seed: 100)
        for _ in 0..<3000 {
            let bytes = Array("bytes=".utf8) + Self.value(&random)
            switch rangeVerdict(bytes.span, length: 50) {
            case .part(let part): #expect(rangeSetVerdict(bytes.span, length: 50) == .part(part))
            case .unsatisfiable: #expect(rangeSetVerdict(bytes.span, length: 50) == .unsatisfiable)
            case .whole:
                switch rangeSetVerdict(bytes.span, length: 50) {
                case .part, .parts: #expect(RangeRequest(field: bytes.span) == .several)
                case .whole, .unsatisfiable: continue
                }
            }
        }
    }

    @Test("Invalid UTF-8 in a query is replaced like in every form decoder", .tags(.must))
    func replacesInvalidUTF8() {
        var random = SeededGenerator(seed: 101)
        let interesting: [UInt8] = [
            0x61, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF1,
            0xF4, 0xF5, 0xFF,
        ]
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                interesting.randomElement(using: &random)!
            }
            var raw: [UInt8] = []
            appendNormalForm(of: bytes.span, into: &raw)
            var repaired: [UInt8] = []
            let text = Array(String(decoding: bytes, as: UTF8.self).utf8)
            appendNormalForm(of: text.span, into: &repaired)
            #expect(raw == repaired, "\(bytes)")
        }
    }
}
