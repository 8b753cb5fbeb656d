import Testing

@testable import Configuration
@testable import ConfigurationReader

@Suite("Words of other products")
struct ForeignWordTests {
    private static let lists =
        ForeignWords.byLevel.map { ($0.key, $0.value) } + [("every level", ForeignWords.everywhere)]

    @Test("every word gets a sentence, and every key in it can be written")
    func sentences() {
        for (level, list) in Self.lists {
            for word in list {
                for text in word.words {
                    let isAnywhere = level == "every level"
                    let hint = ForeignWords.hint(for: text, at: isAnywhere ? nil : level, from: "routes.*.cache")
                    #expect(hint?.isEmpty == false, "\(text) at \(level)")
                }
                #expect(word.otherwise != nil || word.keys.contains { KeyDescription.named($0) != nil })
            }
        }
    }

    @Test("no word stands twice at one level")
    func once() {
        for (level, list) in Self.lists {
            let words = list.flatMap(\.words)
            #expect(
                words.count == Set(words).count, "\(level): \(words.filter { word in words.count { $0 == word } > 1 })")
        }
    }

    @Test("the levels are mappings that the file has")
    func levels() {
        for level in ForeignWords.byLevel.keys { #expect(!KeyDescription.names(below: level).isEmpty, "\(level)") }
    }

    @Test(
        "a word leads to the key that means the same as soon as that key is declared, and never before",
        arguments: [
            ("strip_prefix", "routes.*", "routes.*.strip"), ("replace_path", "routes.*", "routes.*.rewrite"),
            ("proxy_set_header", "routes.*", "routes.*.request"), ("add_header", "routes.*", "routes.*.response"),
            ("gzip", "routes.*", "routes.*.compress"), ("return", "routes.*", "routes.*.redirect"),
            ("domains", "routes.*", "routes.*.hosts"), ("no_cache", "routes.*.cache", "routes.*.cache.bypass"),
            ("imports", "", "include"), ("default", "", "defaults"), ("ssl", "upstreams.*", "upstreams.*.tls"),
        ])
    func declared(_ word: String, _ level: String, _ key: String) {
        let isDeclared = KeyDescription.named(key) != nil
        let hint = UnknownKey.hint(for: word, at: level)
        #expect(hint.contains("`\(KeySpelling.name(of: key))`") == isDeclared, "\(hint)")
        #expect(!hint.hasPrefix("known keys") && !hint.isEmpty)
    }

    @Test(
        "a list where one value belongs is answered with the key for lists, if there is one",
        arguments: ["path", "host"])
    func lists(_ key: String) {
        let keys = key == "path" ? "path: [/a, /b]" : "path: /, host: [a, b]"
        let right = KeyDescription.named("routes.*.\(key)s") == nil ? "write one route for each" : "use `\(key)s`"
        let column = key == "path" ? 17 : 26
        #expect(
            faults("upstreams: {a: \"http://h\"}\nroutes: [{\(keys), upstream: a}]") == [
                "2:\(column): error: `\(key)` takes one value, found a list; \(right)"
            ])
    }
}
