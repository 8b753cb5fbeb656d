import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.1 Vary")
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
        "Requests that say the same have the same key", .tags(.must),
        arguments: [
            ("accept-encoding", "gzip, br", "BR,gzip"),
            ("Accept-Encoding", "gzip;q=1.0, br;q=0.50", "br; Q=0.5 , gzip"),
            ("accept-language", "en-GB, de;q=0.8", "de;q=0.80,EN-gb"),
            ("accept", "text/html, */*;q=0.1", "*/*; q=0.100,TEXT/HTML;q=1"),
            ("accept-encoding", "gzip, gzip", "gzip"), ("accept-encoding", "gzip,,", "gzip"),
            ("x-any", " a, b ", "a,b"),
            ("x-any", "a ,\tb", "a, b"), ("accept", "text/html;level=1", "text/html ; level=1"),
        ])
    func same(field: String, left: String, right: String) { #expect(key(field, [left]) == key(field, [right])) }

    @Test(
        "Requests that may differ have different keys", .tags(.must),
        arguments: [
            ("accept-encoding", "gzip", "br"), ("accept-encoding", "gzip;q=0.5", "gzip"),
            ("accept-encoding", "gzip;q=0", "gzip;q=0.1"),
            ("x-any", "A", "a"), ("x-any", "a, b", "b, a"), ("x-any", "\"a , b\"", "\"a,b\""), ("x-any", "a b", "ab"),
            ("accept", "text/html;v=A", "text/html;v=a"), ("accept", "a/b;p=\"x,y\"", "a/b;p=\"y,x\""),
            ("accept", "a/b;p=\"1,2\",c/d;p=\"3\"", "c/d;p=\"1,2\",a/b;p=\"3\""), ("x-any", "a,,b", "a,b"),
            ("accept", "a/b;p=\"1,c/d;p=2,3\"", "c/d;p=2,a/b;p=\"1,3\""),
        ])
    func different(field: String, left: String, right: String) { #expect(key(field, [left]) != key(field, [right])) }

    @Test("Several lines are one list", .tags(.must))
    func lines() {
        #expect(key("accept-encoding", ["gzip", "br"]) == key("accept-encoding", ["br, gzip"]))
        #expect(key("x-any", ["a", "b"]) == key("x-any", ["a, b"]))
    }

    @Test("An absent field matches only where it is absent too", .tags(.must))
    func absent() {
        #expect(key("accept", []) == "accept\n")
        #expect(key("accept", [""]) == "accept:\n")
    }

    @Test("A list too long to sort keeps its order, and the text before it stays")
    func long() {
        let many = (0..<100).map { "l\(99 - $0)" }.joined(separator: ",")
        #expect(key("accept-language", [many]) == "accept-language:\(many)\n")
        var text = Array("id\n".utf8)
        let (name, value) = (Array("accept-encoding".utf8), Array("c, b, a".utf8))
        var key = VariantKey(field: name.span, into: &text)
        key.add(value.span, into: &text)
        key.end(into: &text)
        #expect(string(text) == "id\naccept-encoding:a,b,c\n")
    }
}
