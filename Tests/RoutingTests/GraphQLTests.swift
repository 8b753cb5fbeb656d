import Configuration
import Testing

@testable import Routing

/// Which POSTs a route with `graphql: on` takes for reads. Whatever isn't understood may be a mutation.
@Suite("GraphQL: only query operations are read from the cache")
struct GraphQLTests {
    private let json = ["Content-Type: application/json"]

    private func digest(
        _ content: String, _ fields: [String]? = nil, method: String = "POST", query: String = ""
    ) throws -> MD5Digest? {
        var settings = CacheSettings()
        settings.isGraphQL = true
        let recipe = try RouteTable([route("/{all...}", cache: settings)]).recipes[0]
        let request = try SyntheticRequest(method: method, url: "http://a/graphql\(query)", fields: fields ?? json)
        let bytes = Array(content.utf8)
        return recipe.readsContent(of: request.head, request.bytes.span, bytes.span)
    }

    @Test("With parameters in the URL, from which a server may take the operation, it is read by nobody")
    func parameters() throws {
        #expect(try digest(asked("{a}")) != nil)
        for query in ["?", "?query=mutation{a}", "?operationName=B", "?x"] {
            #expect(try digest(asked("{a}"), query: query) == nil)
        }
    }

    private func asked(_ document: String) -> String {
        let text = document.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            default: String(scalar)
            }
        }
        return "{\"query\":\"\(text.joined())\"}"
    }

    @Test(
        "Queries",
        arguments: [
            "{ a }", "query { a }", "query A { a { b(c: \"}\") } }",
            "query A($x: [Int!]! = [1, 2], $y: In = {a: 1}) { a }",
            "# mutation { a }\n{ a }", "query A @d(a: \"mutation\") @e { a ...F }\nfragment F on T @d { b }",
            "{ a(b: \"\"\"mutation { \\\"\"\" } \"\"\") }", "query mutation { mutation }", ",,{a}",
            "query A {a} query B {b}",
            "{ mutation: a subscription }", "{ a(b: \"\\\") } mutation { b } #\") }",
        ])
    func queries(_ document: String) throws {
        #expect(try digest(asked(document)) != nil)
        #expect(try digest(document, ["Content-Type: application/graphql"]) != nil)
    }

    @Test(
        "Everything else is forwarded",
        arguments: [
            "mutation { pay }", "subscription { a }", "query A { a } mutation B { b }", "{ a } mutation { b }",
            "fragment F on T { a } mutation { b }", "", "  ", "# only a comment", "fragment F on T { a }",
            "{ a", "{ a } }", "query", "query A", "query A B { a }",
            "{ a(b: [}]) } mutation { x }", "type T { a: Int }", "extend type T { a: Int }", "schema { query: Q }",
            "{ a(b: \"\n\") } mutation { c }", "\u{FEFF}{ a }", "QUERY { a }", "query { a }\u{0}", "{ é }",
            "\"\"\"text\"\"\" query { a }",
        ])
    func others(_ document: String) throws {
        #expect(try digest(asked(document)) == nil)
        #expect(try digest(document, ["Content-Type: application/graphql"]) == nil)
    }

    @Test(
        "Content that isn't one plain request is forwarded",
        arguments: [
            "[{\"query\":\"{a}\"}]", "{\"query\":\"{a}\"}x", "{\"query\":\"{a}\",}",
            "{\"query\":\"{a}\",\"query\":\"{b}\"}",
            "{\"query\":\"{a}\",\"id\":\"7\"}",
            "{\"query\":\"{a}\",\"extensions\":{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"00\"}}}",
            "{\"query\":\"{a}\",\"extensions\":{\"clientLibrary\":{},\"persisted\\u0051uery\":{}}}",
            "{\"query\":\"{a}\",\"extensions\":{\"documentId\":\"7\"}}", "{\"extensions\":{\"persistedQuery\":{}}}",
            "{\"query\":null}", "{}",
            "",
            "{\"query\":\"{a}\",\"variables\":[]}", "{\"query\":\"{a}\",\"operationName\":7}", "{'query':'{a}'}",
            "{\"query\":\"{a}\",\"variables\":{\"a\":}}", "{\"query\":\"{a}\\ud800\"}", "{\"query\" \"{a}\"}",
            "{\"query\":\"{a}\",\"variables\":{\"a\":1}", "\u{FEFF}{\"query\":\"{a}\"}",
        ])
    func malformed(_ content: String) throws { #expect(try digest(content) == nil) }

    @Test(
        "So is content of another type, in another coding, or of another method",
        arguments: [
            [], ["Content-Type: text/plain"], ["Content-Type: application/json", "Content-Encoding: gzip"],
            ["Content-Type: application/json; charset=utf-16"],
            ["Content-Type: application/json", "Content-Type: a/b"],
            ["Content-Type: multipart/form-data; boundary=a"],
        ])
    func types(_ fields: [String]) throws {
        #expect(try digest(asked("{ a }"), fields) == nil)
        #expect(try digest(asked("{ a }"), ["Content-Type: Application/JSON; charset=UTF-8"]) != nil)
        #expect(try digest(asked("{ a }"), method: "QUERY") == nil)
    }

    @Test("The key has the query's text, the variables and the operation, however they are written")
    func keys() throws {
        let plain = try digest("{\"query\":\"{a}\",\"variables\":{\"b\":[1,2]},\"operationName\":\"A\"}")
        #expect(
            try digest(
                "{ \"operationName\" : \"A\",\n\"variables\": { \"b\": [ 1, 2 ] }, \"query\":\"\\u007ba}\" }") == plain)
        for other in [
            "{\"query\":\"{b}\",\"variables\":{\"b\":[1,2]},\"operationName\":\"A\"}",
            "{\"query\":\"{a}\",\"variables\":{\"b\":[12]},\"operationName\":\"A\"}",
            "{\"query\":\"{a}\",\"variables\":{\"b\":[1,2]},\"operationName\":\"B\"}",
            "{\"query\":\"{a}\",\"variables\":{\"b\":[1,2]},\"operationName\":\"A\",\"extensions\":{}}",
        ] {
            let digest = try digest(other)
            #expect(digest != nil && digest != plain, "\(other)")
        }
        let library = "{\"name\":\"a\",\"version\":\"4\"}"
        #expect(try digest("{\"query\":\"{a}\",\"extensions\":{\"clientLibrary\":\(library)}}") != nil)
        #expect(try digest("{\"query\":\"{a}\",\"variables\":null}") == digest("{\"query\":\"{a}\"}"))
        #expect(
            try digest("{\"query\":\"{a}\",\"variables\":{\"b\":\" \"}}")
                != digest("{\"query\":\"{a}\",\"variables\":{\"b\":\"\"}}"))
    }
}

@Suite("Credentials: fields that tell who sends a request")
struct CredentialFieldsTests {
    private func found(_ field: String, _ change: (inout CacheSettings) throws -> Void = { _ in }) throws -> Bool {
        var settings = CacheSettings()
        try change(&settings)
        let credentials = try RouteTable([route("/{all...}", cache: settings)]).recipes[0].credentials
        let request = try SyntheticRequest(url: "http://a/", fields: ["Accept: a/b", field])
        return credentials.areIn(request.head, request.bytes.span)
    }

    @Test(
        "by default",
        arguments: [
            "Authorization: a", "Cookie: a=b", "COOKIE: ", "X-API-Key: a", "x-auth-token: a", "X_Api_Key: a",
            "x-auth_token: a",
        ])
    func defaults(_ field: String) throws { #expect(try found(field)) }

    @Test("others are none, unless the route lists them")
    func listed() throws {
        #expect(try !found("X-Session: a"))
        #expect(try found("x-SESSION: a") { $0.credentials = ["X-Session"] })
        #expect(try !found("Cookie: a=b") { $0.credentials = ["X-Session"] })
        #expect(try !found("Cookie: a=b") { $0.cookies = .ignore })
        #expect(try found("X-Api-Key: a") { $0.cookies = .ignore })
        #expect(try !found("Authorization: a") { $0.allowAuthorization = true })
    }

    @Test("a field that the key names is none, and neither is one that a strict route doesn't forward")
    func keyed() throws {
        for (field, key) in [
            ("Authorization: a", "{header.Authorization|-}"), ("Cookie: a=b", "{header.cookie}"),
            ("Cookie: a=b", "{path}:{cookie.a|-}"), ("Cookie: a=b; c=d", "{cookie.c}{cookie.a}"),
            ("X-Api-Key: a", "{default}|{header.x-api-key}"),
        ] {
            #expect(try !found(field) { $0.key = try KeyTemplate(parsing: key) }, "\(key)")
        }
        for cookies in ["a=b; c=d", "c=d;a=b", "a", "aa=b"] {
            #expect(try found("Cookie: \(cookies)") { $0.key = try KeyTemplate(parsing: "{path}:{cookie.a|-}") })
        }
        #expect(try found("X-Api-Key: a") { $0.key = try KeyTemplate(parsing: "{header.authorization}") })
        let strict = { (settings: inout CacheSettings) throws in
            settings.key = try KeyTemplate(parsing: "{path}")
            settings.isStrict = true
        }
        #expect(try !found("Cookie: a=b", strict))
        #expect(try found("Authorization: a", strict))
    }
}
