import Configuration
import Testing

/// A route whose `cache` keys stand on lines of their own, from line 5 on.
private func route(_ cache: String) -> String {
    let lines = cache.split(separator: "\n").map { "      \($0)\n" }.joined()
    return
        "upstreams: {a: \"http://h\"}\nroutes:\n  - {path: /, upstream: a}\n  - path: /x\n    upstream: a\n    cache:\n"
        + lines
}

@Suite("Faults of the keys that say what a route's lifetime applies to")
struct SafetyFaultTests {
    @Test(
        "credentials, cookies, post and graphql",
        arguments: [
            ("credentials: [\"X Key\"]", "7:21: error: invalid header name `X Key`"),
            ("credentials: [a, A]", "7:24: error: the header `A` is listed twice; first on line 7"),
            (
                "cookies: ignore\ncredentials: [COOKIE]",
                "7:16: error: `credentials` lists Cookie, which `cookies: ignore` ignores; keep one"
            ),
            ("cookies: off", "7:16: error: invalid value `off` for `cookies`; allowed: credentials or ignore"),
            (
                "post: read",
                "7:13: error: invalid value `read` for `post`; did you mean `reads`? Allowed: writes or reads"
            ),
            (
                "methods: [GET]\npost: reads",
                "8:13: error: `post: reads` has no effect: POST is not in `methods`; add POST to `methods`"
            ),
            (
                "methods: [GET, POST]\ngraphql: on",
                "8:16: error: `graphql: on` requires `post: reads`; add post: reads; only query operations are cached"
            ),
        ])
    func keys(_ cache: String, _ fault: String) { #expect(faults(route(cache)) == [fault]) }

    @Test(
        "POST that is cached is warned of, unless only GraphQL queries are",
        arguments: [
            (
                "methods: [GET, POST]",
                [
                    "7:16: warning: POST is cached only where its response declares a lifetime; the route's own doesn't apply; add post: reads where POST only reads, as in a search, or remove POST"
                ]
            ),
            (
                "post: reads",
                [
                    "7:13: warning: every POST is taken for a read: one that is repeated within the lifetime never reaches the upstream; keep it only where POST changes nothing, as in a search; `graphql: on` tells queries from mutations"
                ]
            ),
            ("post: reads\ngraphql: on", []), ("methods: [GET, QUERY]", []),
        ])
    func warned(_ cache: String, _ expected: [String]) { #expect(warnings(route(cache)) == expected) }

    @Test("post: reads caches POST where no methods are listed, and a key with {default} may have query rules")
    func accepted() {
        #expect(faults(route("post: reads\ntimeout: 5s")) == [])
        #expect(faults(route("key: \"{default}|{header.authorization}\"\nquery_deny: [a]")) == [])
        #expect(faults(route("credentials: []")) == [])
    }
}
