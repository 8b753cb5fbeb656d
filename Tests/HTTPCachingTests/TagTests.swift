import Testing

@testable import HTTPCaching

@Suite("Cache-Tag, Surrogate-Key, xkey")
struct TagTests {
    private func tags(_ separator: TagWalker.Separator, _ value: String) -> [String] {
        let bytes = Array(value.utf8)
        var walker = TagWalker(separator)
        var tags: [String] = []
        while let tag = walker.next(in: bytes.span) { tags.append(string(Array(bytes[tag]))) }
        return tags
    }

    @Test("Cache-Tag separates by commas", .tags(.choice))
    func commas() {
        #expect(tags(.commas, "product-1, category 7 ,,\tx") == ["product-1", "category 7", "x"])
        #expect(tags(.commas, " , ") == [])
    }

    @Test("Surrogate-Key separates by spaces", .tags(.choice))
    func spaces() { #expect(tags(.spaces, "  a,b  c\td ") == ["a,b", "c", "d"]) }

    @Test("xkey separates by either", .tags(.choice))
    func both() { #expect(tags(.commasAndSpaces, "a, b c,d ") == ["a", "b", "c", "d"]) }
}

@Suite("RFC 9875 §2 Cache-Groups, §3 Cache-Group-Invalidation")
struct CacheGroupTests {
    private func groups(_ value: String) -> [String]? {
        let bytes = Array(value.utf8)
        guard var walker = CacheGroups(field: bytes.span) else { return nil }
        var groups: [String] = []
        while let group = walker.next(in: bytes.span) { groups.append(string(Array(bytes[group]))) }
        return groups
    }

    @Test("The RFC's examples", .tags(.must))
    func examples() {
        #expect(groups("\"scripts\"") == ["scripts"])
        #expect(groups("\"eurovision-results\", \"australia\"") == ["eurovision-results", "australia"])
    }

    @Test("Parameters are ignored", .tags(.must))
    func parameters() {
        #expect(groups("\"a\";p=1;q, \"b\"; r=\"x, \\\"y\\\"\" ,\t\"c\";s=:YQ==:") == ["a", "b", "c"])
    }

    @Test("Case counts, commas and spaces within quotes don't, escapes stay", .tags(.must))
    func content() { #expect(groups("\"A b,c\", \"a\\\"\\\\\", \"\"") == ["A b,c", "a\\\"\\\\", ""]) }

    @Test("An empty value is a list without groups", .tags(.must), arguments: ["", "  "])
    func empty(value: String) { #expect(groups(value) == []) }

    @Test(
        "A value that isn't a List of Strings is ignored", .tags(.must),
        arguments: [
            "scripts", "\"a\", b", "\"a\",", "\"a\" \"b\"", "\"a", "(\"a\" \"b\")", "\"a\", 1", "?1", "\"\u{e9}\"",
            "\"a\";P=1", "\"a\";p=", ", \"a\"", "\"a\\b\"",
        ])
    func invalid(value: String) { #expect(groups(value) == nil) }

    @Test("Many long groups are all found", .tags(.must))
    func many() {
        let names = (0..<128).map { "\($0)-" + String(repeating: "g", count: 60) }
        #expect(groups(names.map { "\"\($0)\"" }.joined(separator: ", ")) == names)
    }
}
