import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.1 Calculating cache keys with Vary")
struct VaryTests {
    private func key(_ field: String, _ lines: [String]) -> String {
        let name = Array(field.utf8)
        var text: [UInt8] = []
        var key = VariantKey(field: name.span, into: &text)
        for line in lines {
            let value = Array(line.utf8)
            key.add(value.span, into: &text)
        }
        key.end(into: &text)
        return string(text)
    }

    private func names(_ value: String) -> [String] {
        let bytes = Array(value.utf8)
        var walker = VaryNames()
        var found: [String] = []
        while let member = walker.next(in: bytes.span) {
            switch member {
            case .star: found.append("*")
            case .name(let range): found.append(string(Array(bytes[range])))
            }
        }
        return found
    }

    @Test("The names of a Vary value, and * wherever it stands", .tags(.must))
    func walker() {
        #expect(names(" Accept ,, accept-encoding,") == ["Accept", "accept-encoding"])
        #expect(names("a, *") == ["a", "*"])
        #expect(names("") == [])
        #expect(names("\"a, *") == ["\"a", "*"])
    }

    @Test(
        "White space, and how a list is spread over lines, make no difference", .tags(.must),
        arguments: [
            ("x-any", [" a, b "], ["a,b"]), ("x-any", ["a ,\tb"], ["a, b"]), ("x-any", ["a", "b"], ["a, b"]),
            ("accept", ["text/html;level=1"], ["text/html ; level=1"]),
            ("accept-language", ["fr", "de"], ["de, fr"]),
            ("X-Any", ["a"], ["a"]), ("accept-language", ["de", "", "en"], ["de,en"]),
        ])
    func whitespace(field: String, left: [String], right: [String]) {
        #expect(key(field, left) == key(field.lowercased(), right))
    }

    @Test(
        "Nor do order, case and repetition, where the field's syntax gives them no meaning", .tags(.choice),
        arguments: [
            ("accept-language", "fr, en", "EN,fr"), ("accept-language", "fr, fr", "fr"),
            ("accept-language", "fr,,", "fr"), ("accept-language", "de, fr", "fr, de"),
            ("accept-language", "en-GB", "EN-gb"), ("accept-language", "*;q=0.5, de-CH-1996", "DE-ch-1996, *;q=0.5"),
            ("accept", "text/html, */*", "*/*,TEXT/HTML"), ("accept", "text/html;Level=1", "text/html;level=1"),
        ])
    func normalised(field: String, left: String, right: String) { #expect(key(field, [left]) == key(field, [right])) }

    @Test(
        "Weights are compared as numbers", .tags(.choice),
        arguments: [
            ("accept-language", "fr;q=1.0, en;q=0.50", "en; Q=0.5 , fr"),
            ("accept-language", "en-GB, de;q=0.8", "de;q=0.80,EN-gb"), ("accept-language", "de;q=1.000", "de"),
            ("accept-language", "fr;q=0.000", "fr;q=0"), ("accept", "a/b, */*;q=0.1", "*/*; q=0.100,a/b;q=1"),
        ])
    func weights(field: String, left: String, right: String) { #expect(key(field, [left]) == key(field, [right])) }

    @Test(
        "Requests that may differ have different keys", .tags(.must),
        arguments: [
            ("accept-language", "fr", "en"), ("accept-language", "fr;q=0.5", "fr"),
            ("accept-language", "fr;q=0", "fr;q=0.1"),
            ("accept-language", "de", "de-CH"), ("accept-language", "de;q=0.5, en", "de, en;q=0.5"),
            ("x-any", "A", "a"), ("x-any", "a, b", "b, a"), ("x-any", "\"a , b\"", "\"a,b\""), ("x-any", "a b", "ab"),
            ("accept", "text/html;v=A", "text/html;v=a"), ("accept", "a/b;p=\"x,y\"", "a/b;p=\"y,x\""),
            ("accept", "a/b;p=\"1,2\",c/d;p=\"3\"", "c/d;p=\"1,2\",a/b;p=\"3\""), ("x-any", "a,,b", "a,b"),
            ("accept", "a/b;p=\"1,c/d;p=2,3\"", "c/d;p=2,a/b;p=\"1,3\""),
        ])
    func different(field: String, left: String, right: String) { #expect(key(field, [left]) != key(field, [right])) }

    @Test("An absent field matches only where it is absent too", .tags(.must))
    func absent() {
        #expect(key("x-any", []) != key("x-any", [""]))
        #expect(key("accept", []) == "accept\n")
        #expect(key("accept", [""]) == "accept:\n")
    }

    @Test(
        "A response with * matches no request: it is not stored", .tags(.must),
        arguments: ["*", "Accept, *", "*, a", " , * "])
    func star(value: String) {
        #expect(store(response(200, [(.cacheControl, "max-age=60"), (.vary, value)])).reason == .varyStar)
        #expect(
            store(response(200, [(.cacheControl, "max-age=60"), (.vary, "a"), (.vary, value)])).reason == .varyStar)
    }

    @Test("The varies flag is set for field names only", .tags(.must))
    func flag() {
        for (value, varies) in [("Accept", true), ("a, b", true), ("", false), (" , ", false)] {
            let facts = store(response(200, [(.cacheControl, "max-age=60"), (.vary, value)])).facts
            #expect(facts?.flags.contains(.varies) == varies)
        }
    }

    @Test("What comes beyond 4 KiB of a field is taken as it is, on one line or on several", .tags(.choice))
    func veryLong() {
        let huge = (0..<2000).map { "L\(2000 - $0) ; q=1" }.joined(separator: " , ")
        #expect(key("accept-language", [huge]) == "accept-language:\(huge)\n")
        #expect(key("accept-language", ["B;q=1, a", huge]) == "accept-language:b,a,\(huge)\n")
        #expect(key("x-other", [huge]) == "x-other:\(huge)\n")
    }

    @Test("A list too long to sort keeps its order, and the text before it is unchanged", .tags(.choice))
    func long() {
        let many = (0..<100).map { "l\(99 - $0)" }.joined(separator: ",")
        #expect(key("accept-language", [many]) == "accept-language:\(many)\n")
        var text = Array("id\n".utf8)
        let (name, value) = (Array("accept-language".utf8), Array("c, b, a".utf8))
        var key = VariantKey(field: name.span, into: &text)
        key.add(value.span, into: &text)
        key.end(into: &text)
        #expect(string(text) == "id\naccept-language:a,b,c\n")
    }
}
