import Testing

@testable import Routing

@Suite("RFC 10008 §2.7: the key of a QUERY includes the metadata of its content")
struct ContentMetadataTests {
    private static let body = " body:900150983cd24fb0d6963f7d28e17f72"

    private func suffix(_ method: String, _ fields: [String]) throws -> String {
        let text = try keyText(route("/{all...}"), method, "http://a/b", fields: fields, body: "abc")
        let start = "\(method) http://a/b\(Self.body)"
        #expect(text.hasPrefix(start))
        return String(text.dropFirst(start.count))
    }

    @Test(
        "type, coding and language follow the content, in this order",
        arguments: [
            ([], ""),
            (["Content-Type: application/json"], " type:application/json"),
            (["Content-Encoding: gzip"], " encoding:gzip"),
            (["Content-Language: de"], " language:de"),
            (
                ["Content-Language: de, fr", "Content-Encoding: gzip", "Content-Type: a/b"],
                " type:a/b encoding:gzip language:de,fr"
            ),
            (["Content-Type:"], " type:"),
            (["Content-Encoding: gzip", "Content-Encoding: br"], " encoding:gzip,br"),
        ])
    func fields(given: [String], expected: String) throws {
        #expect(try suffix("QUERY", given) == expected)
    }

    @Test(
        "case and white space without meaning are normalised",
        arguments: [
            ("Application/JSON", "application/json"),
            ("text/plain ;\tCharset=UTF-8", "text/plain;charset=UTF-8"),
            ("text/plain; charset=\"a ; B\\\"C\" ; X=y", "text/plain;charset=\"a%20;%20B\\\"C\";x=y"),
            ("a/b; FLAG; C=D", "a/b;flag;c=D"),
            ("te xt/plain", "te%20xt/plain"),
            ("a/b  c", "a/b%20%20c"),
            ("a/%62", "a/%2562"),
            ("a/b; c=\"open", "a/b;c=\"open"),
            ("a/b;c=\u{e9}", "a/b;c=%C3%A9"),
        ])
    func normalised(given: String, expected: String) throws {
        #expect(try suffix("QUERY", ["Content-Type: \(given)"]) == " type:\(expected)")
    }

    @Test("codings are compared without case and white space")
    func codings() throws {
        #expect(try suffix("QUERY", ["Content-Encoding: GZip , br"]) == " encoding:gzip,br")
    }

    @Test(
        "no value forges another field",
        arguments: [
            ["Content-Type: a/b encoding:gzip"], ["Content-Type: a/b;x=\" encoding:gzip\""],
            ["Content-Type: a/b\t language:de"],
        ])
    func unforgeable(fields: [String]) throws {
        let written = try suffix("QUERY", fields)
        #expect(written.hasPrefix(" type:a/b") && written.dropFirst().contains(" ") == false)
    }

    @Test("so does the key of a POST")
    func post() throws {
        #expect(
            try suffix("POST", ["Content-Type: application/json", "Content-Encoding: gzip"])
                == " type:application/json encoding:gzip")
    }

    @Test("{body} in a template includes the metadata")
    func template() throws {
        let route = try route("/{all...}", cache: cache(key: "q:{body}-{query.n|0}"))
        let fields = ["Content-Type: application/json"]
        #expect(
            try keyText(route, "QUERY", "http://a/b", fields: fields, body: "abc")
                == "q:900150983cd24fb0d6963f7d28e17f72%20type%3Aapplication%2Fjson-0 method:QUERY")
        #expect(
            try keyText(route, "POST", "http://a/b", fields: fields, body: "abc")
                == "q:900150983cd24fb0d6963f7d28e17f72%20type%3Aapplication%2Fjson-0 method:POST")
        #expect(
            try keyText(route, "QUERY", "http://a/b", fields: ["Content-Type: a/x-b"], body: "abc")
                == "q:900150983cd24fb0d6963f7d28e17f72%20type%3Aa%2Fx%2Db-0 method:QUERY")
    }

    @Test("a field that Connection names is not included: the origin doesn't receive it")
    func hopByHop() throws {
        #expect(try suffix("QUERY", ["Connection: content-type", "Content-Type: a/b"]) == "")
    }
}

@Suite("RFC 9110 §7.6.1: a field that Connection names is not part of a key")
struct ConnectionNamedKeyTests {
    @Test(
        "headers and cookies count as absent",
        arguments: [
            (["X-Plan: gold"], "gold:dark"), (["X-Plan: gold", "Connection: x-plan"], "none:dark"),
            (["X-Plan: gold", "Connection: Cookie"], "gold:plain"),
        ])
    func absent(fields: [String], expected: String) throws {
        let route = try route("/{all...}", cache: cache(key: "{header.x-plan|none}:{cookie.theme|plain}"))
        #expect(try keyText(route, "http://a/b", fields: fields + ["Cookie: theme=dark"]) == expected)
    }
}

@Suite("No-Vary-Search: the query under a response's rule")
struct ReplacedQueryTests {
    private func replaced(_ url: String, cache settings: String? = nil) throws -> String? {
        let all = try route("/{all...}", cache: settings.map { try cache(key: $0) } ?? cache(query: .exact))
        var composer = KeyComposer()
        try composer.compose(SyntheticRequest(url: url), by: try RouteTable([all]))
        let before = composer.digest
        guard composer.pathEnd != nil else { return nil }
        let rule = Array("params=(\"a b\")".utf8)
        let query = Array("c=1&".utf8)
        composer.replaceQuery(rule: rule.span, query: query.span)
        let (now, whole) = (composer.digest, MD5Hasher.digest(of: composer.text))
        #expect(now != before && now == whole)
        return text(of: composer)
    }

    @Test(
        "the rule and the query take the place of what the target has", arguments: ["", "?", "?c=1", "?c=1&a=%20"])
    func place(query: String) throws {
        #expect(
            try replaced("http://a/b" + query) == "GET http://a/b search:params%3D%28%22a%20b%22%29?c=1&")
    }

    @Test("the text of a template has no query to replace")
    func template() throws { #expect(try replaced("http://a/b?c=1", cache: "t:{query.c}") == nil) }

    @Test("the next text is composed as usual")
    func reuse() throws {
        let table = try RouteTable([route("/{all...}")])
        var composer = KeyComposer()
        try composer.compose(SyntheticRequest(url: "http://a/b?c"), by: table)
        let rule = Array("x".utf8)
        composer.replaceQuery(rule: rule.span, query: rule.span)
        try composer.compose(SyntheticRequest(url: "http://a/b?c"), by: table)
        #expect(text(of: composer) == "GET http://a/b?c")
    }
}
