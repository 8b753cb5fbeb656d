import Configuration
import HTTPSemantics
import HTTPWire
import Testing

@testable import Routing

@Suite("cache.strict: which parts of a request are forwarded")
struct StrictKeyTests {
    private func selection(
        _ key: String, _ query: String, _ fields: [String] = [],
        _ change: (inout CacheSettings) -> Void = { _ in }
    ) throws -> RequestSelection {
        var settings = try cache(key: key)
        settings.isStrict = true
        change(&settings)
        let request = try SyntheticRequest(url: "http://a/7" + query, fields: fields)
        let recipe = try RouteTable([route("/{id}", cache: settings)]).recipes[0]
        let selected = recipe.selection(of: request.head, in: request.bytes.span)
        return try #require(selected)
    }

    private func query(_ key: String, _ query: String, _ change: (inout CacheSettings) -> Void = { _ in }) throws
        -> String?
    {
        try selection(key, query, [], change).query.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("a route that isn't strict selects nothing")
    func off() throws {
        let request = try SyntheticRequest(url: "http://a/7")
        let recipe = try RouteTable([route("/{id}", cache: cache(key: "{id}"))]).recipes[0]
        let selected = recipe.selection(of: request.head, in: request.bytes.span)
        #expect(selected == nil)
    }

    @Test(
        "the first of each query parameter in the key is forwarded, in the normal form and in order",
        arguments: [
            ("{query.page|1}", "?page=2", "page=2"), ("{query.page|1}", "?a=1&page=2&b=3", "page=2"),
            ("{query.page|1}", "?page=2&page=3", "page=2"), ("{query.page|1}", "?PAGE=2", nil),
            ("{query.page|1}", "?page=%7e+%2F", "page=~+%2F"), ("{query.page|1}", "?p%61ge=2", "page=2"),
            ("{query.page|1}", "?pages=2&pag=1", nil), ("{query.page|1}", "", nil), ("{query.page|1}", "?", nil),
            ("{query.page|1}", "?page", "page"), ("{query.page|1}", "?page=", "page="),
            ("{query.page|1}", "?&&page=1&&", "page=1"), ("{sort|none}", "?sort=a&x=1", "sort=a"),
            ("{query.b|}:{query.a|}", "?a=1&c=2&b=3&a=4", "a=1&b=3"),
            ("{query.a|}:{query.a|x}", "?a=1&a=2", "a=1"),
            // The path captures this parameter, so the query's is ignored.
            ("{id}", "?id=8", nil), ("fixed", "?a=1", nil),
            ("{query}", "?b=1&a=%41&b=2", "b=1&a=A&b=2"), ("{query}", "?", nil),
        ] as [(String, String, String?)])
    func queries(key: String, given: String, expected: String?) throws {
        #expect(try query(key, given) == expected)
    }

    @Test("{query} forwards what cache.query, query_allow and query_deny leave in the key")
    func wholeQuery() throws {
        #expect(try query("{query}", "?a=1&utm=2&b=3") { $0.queryDeny = ["utm"] } == "a=1&b=3")
        #expect(try query("{query}", "?a=1&utm=2&b=3") { $0.queryAllow = ["b"] } == "b=3")
        #expect(try query("{query}", "?a=1&utm=2") { $0.query = .ignore } == nil)
        #expect(try query("{query}:{query.utm|}", "?a=1&utm=2&utm=3") { $0.queryAllow = ["a"] } == "a=1&utm=2")
    }

    @Test(
        "the first of each cookie in the key is forwarded",
        arguments: [
            (["Cookie: theme=dark"], "theme=dark"), (["Cookie: s=1; theme=dark ;o=2"], "theme=dark"),
            (["Cookie: s=1", "Cookie: plan=b; theme=c", "Cookie: theme=d"], "theme=c; plan=b"),
            (["Cookie: Theme=dark"], ""), (["Cookie: themes=x; xtheme=y"], ""), ([], ""),
            (["Cookie: theme=dark", "Connection: cookie"], ""),
        ])
    func cookies(fields: [String], expected: String) throws {
        let selected = try selection("{cookie.theme|}:{cookie.plan|}:{cookie.theme|x}", "", fields)
        #expect(String(decoding: selected.cookies, as: UTF8.self) == expected)
        #expect(!selected.fields.contains(.cookie))
    }

    @Test("the fields in the key and the safe ones are forwarded")
    func fields() throws {
        let selected = try selection("{header.x-plan}:{header.User-Agent}:{id}", "")
        #expect(selected.otherFields == [Array("x-plan".utf8)])
        for name: FieldName in [.userAgent, .accept, .acceptEncoding, .range, .cacheControl, .authorization] {
            #expect(selected.fields.contains(name), "\(name)")
        }
        for name: FieldName in [.cookie, .referer, .origin, .contentType, .contentEncoding, .setCookie] {
            #expect(!selected.fields.contains(name), "\(name)")
        }
    }

    @Test("a key with the whole Cookie field forwards all of it")
    func wholeCookie() throws {
        let selected = try selection("{header.cookie}:{cookie.a|}", "", ["Cookie: a=1; b=2"])
        #expect(selected.fields.contains(.cookie) && selected.cookies.isEmpty)
    }

    @Test("Authorization is not forwarded if responses to it are stored anyway")
    func authorization() throws {
        #expect(try !selection("{id}", "", []) { $0.allowAuthorization = true }.fields.contains(.authorization))
        #expect(
            try selection("{header.authorization}", "", []) { $0.allowAuthorization = true }.fields.contains(
                .authorization)
        )
    }

    @Test("fields that describe the content are forwarded if the content is part of the key")
    func content() throws {
        let selected = try selection("{body}", "")
        #expect(selected.fields.contains(.contentType) && selected.fields.contains(.contentEncoding))
    }
}
