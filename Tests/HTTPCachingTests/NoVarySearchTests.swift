import TestRandomness
import Testing

@testable import HTTPCaching

@Suite("No-Vary-Search")
struct NoVarySearchTests {
    private static func rule(_ value: String) -> NoVarySearch {
        let bytes = Array(value.utf8)
        return NoVarySearch(field: bytes.span)
    }

    private static func canonical(_ rule: NoVarySearch) -> String {
        var text: [UInt8] = []
        rule.append(to: &text)
        return string(text)
    }

    private static func normal(_ query: String, _ rule: NoVarySearch) -> String {
        let bytes = Array(query.utf8)
        var text: [UInt8] = []
        rule.normalise(bytes.span, into: &text)
        return string(text)
    }

    @Test(
        "§4.1 An invalid field is the default: an exact match", .tags(.must),
        arguments: [
            "key-order=\"not a boolean\"", "params=\"not an inner list\"", "params=(not-a-string)", "params=?0",
            "params=?1", "params=?1, except=(\"x\")", "params=(\"a\"), except=(\"x\")", "params=(), except=()",
            "except=\"not an inner list\"", "except=(not-a-string)", "except=?1", "params=(\"a\"", "params=(\"a\"),",
            "key-order=1", "params=(\"a\" 1)", "params", "except", "", "key-order=?0", "params=()",
            "key-order=?1, key-order=2", "KEY-ORDER", "params=(\"a\"), except",
        ])
    func fallsBack(value: String) { #expect(Self.rule(value).isDefault) }

    @Test(
        "§4.2 Valid fields are parsed, in every notation", .tags(.must),
        arguments: [
            ("params=(\"a\")", "params=(\"a\")"), ("except=(\"x\")", "except=(\"x\")"), ("except=()", "except=()"),
            ("key-order=?1", "key-order, params=()"), ("key-order", "key-order, params=()"),
            ("except=(\"x\"), key-order", "key-order, except=(\"x\")"),
            ("params=( \"b\";p=\") \"  \"a\" \"b\" );q=\"(\", unknown=(1 2)", "params=(\"a\" \"b\")"),
            ("params=?1, params=(\"a\")", "params=(\"a\")"),
            ("params=(\"a b\" \"a%20b\" \"a+b\")", "params=(\"a%20b\")"),
            ("params=(\"\\\"\\\\\")", "params=(\"%22%5C\")"),
            ("params=(\"%C3%A9+%E6%B0%97\")", "params=(\"%C3%A9%20%E6%B0%97\")"),
            ("params=(\"%f6\")", "params=(\"%EF%BF%BD\")"),
        ])
    func reads(value: String, form: String) {
        let rule = Self.rule(value)
        #expect(Self.canonical(rule) == form)
        #expect(Self.rule(form) == rule)
        #expect(!rule.isDefault)
    }

    @Test(
        "§5.1 Equivalent queries have the same normal form under any rule but the default", .tags(.must),
        arguments: [
            ("a=x", "%61=%78"), ("a=\u{e9}", "a=%C3%A9"), ("a=%f6", "a=%ef%bf%bd"), ("a=x&&&&", "a=x"), ("a=", "a"),
            ("a=%20", "a= &"), ("a=+", "a= &"), ("", "&"), ("a=b=c", "a=b%3Dc"), ("=", "=&"),
        ])
    func sameMeaning(first: String, second: String) {
        let rule = Self.rule("key-order")
        #expect(Self.normal(first, rule) == Self.normal(second, rule))
        #expect(Self.normal(first, NoVarySearch()) != Self.normal(second, NoVarySearch()))
    }

    @Test(
        "Queries that aren't equivalent have different normal forms", .tags(.must),
        arguments: [
            ("a=x", "a=y"), ("a", "b"), ("a=1&a=2", "a=2&a=1"), ("a=%26b=1", "a=&b=1"), ("a=%2B", "a=+"),
            ("a%3D=1", "a==1"), ("a=%", "a=%25%25"), ("a=X", "a=x"), ("a=1", "a=1&a=1"), ("", "="),
        ])
    func otherMeaning(first: String, second: String) {
        let rule = Self.rule("key-order")
        #expect(Self.normal(first, rule) != Self.normal(second, rule))
    }

    @Test("§4.3 Names match by their decoded form", .tags(.must))
    func decodedNames() {
        let rule = Self.rule("params=(\"%C3%A9+%E6%B0%97\")")
        for query in ["é 気=1", "é+気=2", "%C3%A9%20気=3", "%C3%A9+%E6%B0%97=4"] {
            #expect(Self.normal(query + "&b=1", rule) == "b=1&")
        }
    }

    @Test("Parameters are left out, kept, and put in order", .tags(.must))
    func filters() {
        #expect(Self.normal("utm=1&b=2&a=3&b=1", Self.rule("params=(\"utm\")")) == "b=2&a=3&b=1&")
        #expect(Self.normal("utm=1&b=2&a=3&b=1", Self.rule("params=(\"utm\"), key-order")) == "a=3&b=2&b=1&")
        #expect(Self.normal("utm=1&b=2&a=3&b=1", Self.rule("except=(\"b\" \"c\")")) == "b=2&b=1&")
        #expect(Self.normal("utm=1&b=2", Self.rule("except=()")) == "")
        #expect(Self.normal("b=2&&%61=1&", NoVarySearch()) == "b=2&&%61=1&")
    }

    @Test("The normal form is appended to the existing output", .tags(.choice))
    func appends() {
        let query = Array("b=1&a=2".utf8)
        var text = Array("key b=0&".utf8)
        Self.rule("key-order").normalise(query.span, into: &text)
        #expect(string(text) == "key b=0&a=2&b=1&")
    }

    @Test("§5 Random queries are equivalent exactly if their normal forms are the same", .tags(.must))
    func model() {
        var random = SeededGenerator(seed: 5)
        let rules: [(String, PlainRule)] = [
            ("key-order", PlainRule(ignoresOrder: true)),
            ("params=(\"a\")", PlainRule(ignoredNames: ["a"])),
            ("params=(\"a\" \"\u{25}ff\"), key-order", PlainRule(ignoredNames: ["a", "\u{FFFD}"], ignoresOrder: true)),
            ("except=(\"b\" \"c+\")", PlainRule(kept: ["b", "c "])),
            ("except=(\"a\" \"b\"), key-order", PlainRule(kept: ["a", "b"], ignoresOrder: true)),
        ]
        var equivalent = 0
        for _ in 0..<1500 {
            let (text, plain) = rules.randomElement(using: &random)!
            let first = Self.query(&random)
            // Half of them are a shuffle of the first's pairs, so that many are equivalent.
            let second =
                Bool.random(using: &random)
                ? Self.query(&random)
                : first.split(separator: "&", omittingEmptySubsequences: false).shuffled(using: &random).joined(
                    separator: "&")
            let isSame = Self.normal(first, Self.rule(text)) == Self.normal(second, Self.rule(text))
            #expect(isSame == plain.areEquivalent(first, second), "\(text): \(first) and \(second)")
            if isSame { equivalent += 1 }
        }
        #expect(equivalent > 200)
    }

    private static func query(_ random: inout SeededGenerator) -> String {
        let pieces = [
            "a", "b", "%61", "c+", "c%20", "=", "=", "1", "%ff", "%e2%82", "%e2%82%ac", "%", "%4", "\u{e9}", "%c3",
            "%A9",
        ]
        return (0..<Int.random(in: 0...4, using: &random)).map { _ in
            (0..<Int.random(in: 0...3, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
        }.joined(separator: "&")
    }
}

/// The draft's comparison, step by step, over strings.
private struct PlainRule {
    var ignoredNames: Set<String>?
    var kept: Set<String>?
    var ignoresOrder = false

    func areEquivalent(_ first: String, _ second: String) -> Bool { pairs(first) == pairs(second) }

    private func pairs(_ query: String) -> [[String]] {
        var pairs: [[String]] = []
        for text in query.utf8.split(separator: UInt8(ascii: "&")) {
            let sides = text.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let pair = [decode(Array(sides[0])), sides.count > 1 ? decode(Array(sides[1])) : ""]
            if let ignoredNames, ignoredNames.contains(pair[0]) { continue }
            if let kept, !kept.contains(pair[0]) { continue }
            pairs.append(pair)
        }
        guard ignoresOrder else { return pairs }
        return pairs.enumerated().sorted { left, right in
            left.element[0] == right.element[0]
                ? left.offset < right.offset : left.element[0] < right.element[0]
        }.map(\.element)
    }

    private func decode(_ bytes: [UInt8]) -> String {
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                index += 3
            } else {
                decoded.append(bytes[index] == UInt8(ascii: "+") ? 0x20 : bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}
