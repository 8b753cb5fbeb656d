import Testing

@testable import Configuration

@Suite("Keys that leave out what responses depend on")
struct SharedKeyTests {
    /// A file with two upstreams, and these routes.
    private func file(_ routes: [String], more: String = "") -> String {
        "upstreams: {a: \"http://127.0.0.1:1\", b: {servers: \"http://127.0.0.1:2\", host: upstream}}\nroutes:\n"
            + routes.map { "  - \($0)\n" }.joined() + more
    }

    private func route(_ path: String, _ key: String, _ upstream: String = "a", host: String = "h.example") -> String {
        "{path: \"\(path)\", host: \(host), upstream: \(upstream), cache: {key: \"\(key)\"}}"
    }

    private func meet(_ first: String, _ second: String) -> Bool {
        faults(file([first, second])).contains { $0.contains("the key can be the same as that on line 3") }
    }

    @Test("Two routes whose keys can be equal must have one upstream, or {route}")
    func sentence() {
        let routes = [route("/v1/{id}", "task:{id}"), route("/v2/{id}", "task:{id}", "b")]
        #expect(
            faults(file(routes)) == [
                "4:67: error: the key can be the same as that on line 3, whose upstream is `a`; begin each with a text of its own, or add {route} to both"
            ])
        #expect(faults(file([route("/v1/{id}", "task:{id}"), route("/v2/{id}", "task:{id}")])) == [])
        #expect(
            faults(file([route("/v1/{id}", "{route}:{id}"), route("/v2/{id}", "{route}:{id}", "b")])) == [])
    }

    @Test(
        "Templates that can give one text",
        arguments: [
            ("{id}", "{id}"), ("x:{id}", "{query.a|}:{id}"), ("{id}{query.q|}", "x"), ("{host}:{id}", "{host}:{id}"),
            ("{query.a}x", "x{query.b}"), ("{path}", "/v1/{id}"), ("one", "one"),
            ("{scheme}", "http"), ("{method}:{id}", "GET:{id}"), ("{default}", "{method} {id}"),
            ("{id}-{query.a}-x", "a{query.b}"), ("{route}", "h.example/v1/%7Bid%7D"),
        ])
    func meeting(first: String, second: String) {
        #expect(meet(route("/v1/{id}", first), route("/v2/{id}", second, "b")))
    }

    @Test(
        "Templates that can't",
        arguments: [
            ("task:{id}", "user:{id}"), ("{path}", "{path}"), ("{id}:a", "{id}:b"), ("one", "two"), ("{id}", "{id}:x"),
            ("{host}{path}", "{host}{path}"), ("{default}", "{default}"),
            ("{default}|{query.a|}", "{default}|{query.a|}"),
            ("v1/{id}", "v2/{query.a}"), ("a:{id}:b", "a:{id}"), ("{path}?{query}", "{path}"),
            ("{route}:{id}", "{route}:{id}"),
            ("{id}/x", "{id}"),
        ])
    func apart(first: String, second: String) {
        #expect(!meet(route("/v1/{id}", first), route("/v2/{id}", second, "b")))
    }

    @Test("One path belongs to one route of a host, and to another of another host")
    func hosts() {
        let (a, b) = (
            route("/{rest...}", "{path}", host: "a.example"), route("/{rest...}", "{path}", "b", host: "b.example")
        )
        #expect(meet(a, b))
        #expect(!meet(a.replacing("{path}", with: "{host}{path}"), b.replacing("{path}", with: "{host}{path}")))
        #expect(!meet(route("/a/{id}", "{path}"), route("/{rest...}", "{path}", "b")))
    }

    @Test("5,000 routes are compared in a moment, whatever their keys begin with")
    func many() {
        for key in ["{host}{path}", "r%:{id}", "{query.a|}{path}"] {
            let routes = (0..<5_000).map { number in
                route("/r\(number)/{id}", key.replacing("%", with: "\(number)"), number % 2 == 0 ? "a" : "b")
            }
            #expect(findings(file(routes)) == [])
        }
    }

    // MARK: Warnings

    @Test("A key without {host} on a route for every host is a warning")
    func host() {
        let every = "{path: \"/{rest...}\", upstream: a, cache: {key: \"{path}\"}}"
        let sentence =
            "and this route serves every host, which share its entries; add {host} to the key, or give the route a `host`"
        #expect(
            warnings(file([every])).contains { $0.contains("3:52: warning: the key has no {host}, \(sentence)") },
            "\(warnings(file([every])))")
        let suffix = every.replacing("upstream: a", with: "host: \"*.example\", upstream: a")
        #expect(warnings(file([suffix])).contains { $0.contains("serves several hosts") })
        for right in [
            every.replacing("{path}\"}", with: "{host}{path}\"}"), every.replacing("{path}\"}", with: "{default}\"}"),
            every.replacing("upstream: a", with: "host: a.example, upstream: a"),
            // Its servers see their own name alone.
            every.replacing("upstream: a", with: "upstream: b"),
        ] {
            #expect(!warnings(file([right])).contains { $0.contains("{host}") }, "\(right)")
        }
    }

    @Test("A key without {scheme} behind proxies that say which it was is a warning")
    func scheme() {
        let trusting = "server: {trusted_proxies: 10.0.0.1}\n"
        let sentence =
            "the key has no {scheme}: what comes over http is served over https, and the reverse; add {scheme} to the key, as a proxy that is trusted says which it was"
        #expect(warnings(file([route("/a", "a")], more: trusting)).contains { $0.hasSuffix(sentence) })
        for (key, more) in [("a", ""), ("{scheme}:a", trusting), ("{default}", trusting)] {
            #expect(!warnings(file([route("/a", key)], more: more)).contains { $0.contains("{scheme}") }, "\(key)")
        }
    }
}
