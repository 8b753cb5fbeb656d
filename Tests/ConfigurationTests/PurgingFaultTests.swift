import Testing

@testable import Configuration

// `cache.tags`, `cache.invalidates`, `cache.jitter` and `cache.keep`.

private func route(_ cache: String, path: String = "\"/p/{id}\"") -> String {
    "upstreams: {a: \"http://h\"}\nroutes: [{path: \(path), upstream: a, cache: {\(cache)}}]"
}

@Suite("What is invalidated together, and lifetimes that end apart")
struct PurgingFaultTests {
    private func cache(_ keys: String) throws -> CacheSettings {
        let reading = read(route(keys))
        #expect(reading.faults == [])
        let configuration = try #require(reading.configuration)
        #expect(read(configuration.effectiveYAML()).configuration == configuration)
        return try #require(configuration.routes[0].cache)
    }

    @Test("Tags, targets, jitter and the time that stale responses are kept, and what they are in the effective file")
    func values() throws {
        let it = try cache(
            "tags: [p, \"p:{id}\"], invalidates: [/p, \"/p?*\", \"/u/{id}/*\"], jitter: 10%, keep: 1h, tag_headers: remove"
        )
        #expect(it.tags.map(\.text) == ["p", "p:{id}"] && it.tagHeaders == .remove)
        #expect(it.invalidates.map(\.text) == ["/p", "/p?*", "/u/{id}/*"])
        #expect(it.invalidates.map(\.isPrefix) == [false, true, true])
        #expect(it.invalidates[1].template.pieces == [.literal(Array("/p?".utf8))])
        #expect(it.jitter == Percent(10) && it.keep == .seconds(3600))
        #expect(try cache("jitter: off").jitter == nil)
        #expect(try cache("tags: p, invalidates: /p").tags.map(\.text) == ["p"])
        #expect(try cache("keep: 0").keep == .zero)
    }

    @Test("keep and remove are what they were", arguments: CacheSettings.TagHeaders.allCases)
    func tagHeaders(_ headers: CacheSettings.TagHeaders) throws {
        let it = try cache("tags: \(headers.rawValue)")
        #expect(it.tagHeaders == headers && it.tags == [])
        #expect(try cache("tag_headers: \(headers.rawValue)") == it)
    }

    @Test(
        "faults",
        arguments: [
            ("tags: [\"p:{ID}\"]", "2:55: error: `{ID}` is not a parameter of the path `/p/{id}`; did you mean {id}?"),
            (
                "tags: [\"p:{user}\"]",
                "2:55: error: `{user}` is not a parameter of the path `/p/{id}`; known parameters: id"
            ),
            ("tags: [\"{query.x}\"]", "2:56: error: `{query.x}` is not a path parameter; only {name} can be used here"),
            ("tags: [\"p,q\"]", "2:56: error: the tag `p,q` has a comma or a space; list each tag by itself: [a, b]"),
            ("tags: \"p q\"", "2:55: error: the tag `p q` has a comma or a space; list each tag by itself: [a, b]"),
            ("tags: [\"\"]", "2:56: error: the tag is empty"),
            ("tags: [p, p]", "2:59: error: the tag `p` is listed twice; first on line 2"),
            ("tags: [\"p{\"]", "2:56: error: the tag `p{` has an unclosed {"),
            ("tags: [p], methods: []", "2:55: error: `tags` has no effect: `methods` is empty; remove it"),
            ("tags: keep, tag_headers: keep", "2:55: error: `keep` is given twice; remove tags: keep"),
            ("invalidates: [p]", "2:63: error: `p` must start with a slash; write `/p`"),
            (
                "invalidates: [\"https://h/p/1\"]",
                "2:63: error: `https://h/p/1` is a URL; write the path alone, `/p/1`: the host is the request's"
            ),
            (
                "invalidates: [\"/p/*/x\"]",
                "2:63: error: `/p/*/x` has a * that isn't at its end; only a last * is allowed: it stands for any rest"
            ),
            ("invalidates: [\"/p#a\"]", "2:63: error: `/p#a` has a #; fragments are never part of a request"),
            (
                "invalidates: [\"/p/ä\"]",
                "2:63: error: the target `/p/ä` has a character that is not printable ASCII; write it percent-encoded"
            ),
            (
                "invalidates: [\"/u/{user}\"]",
                "2:62: error: `{user}` is not a parameter of the path `/p/{id}`; known parameters: id"
            ),
            ("invalidates: [/q, /q]", "2:67: error: the target `/q` is listed twice; first on line 2"),
            ("jitter: 10", "2:57: error: invalid percentage `10`; write 10%"),
            ("jitter: 10s", "2:57: error: invalid percentage `10s`; use a whole number such as 10%, or off"),
            ("jitter: 0%", "2:57: error: `0%` is out of range; allowed: 1%–100%, or off"),
            ("purge: [/p]", "2:49: error: unknown key `purge`; use `invalidates`"),
            ("tag: p", "2:49: error: unknown key `tag`; use `tags`"),
            ("surrogate_keys: [p]", "2:49: error: unknown key `surrogate_keys`; use `tags`"),
            ("keep: 1 hour", "2:55: error: invalid duration `1 hour`; write 1h"),
        ])
    func faults(_ keys: String, _ fault: String) { #expect(findings(route(keys)) == [fault]) }

    @Test("With Redis, a prefix isn't known to other processes, which is said once")
    func redis() {
        let text =
            "store: {backend: redis, redis: \"redis://h\"}\nupstreams: {a: \"http://h\"}\nroutes: ["
            + ["x", "y"].map { "{path: /\($0), upstream: a, cache: {invalidates: [/p, \"/p*\"]}}" }.joined(
                separator: ", ")
            + "]"
        #expect(
            findings(text) == [
                "3:55: warning: `/p*` reaches what this process serves, until it restarts; other processes on the same Redis don't learn of it; list single URLs where that matters: they are deleted from Redis"
            ])
    }

    @Test("A list has a bound")
    func bound() {
        let many = (0..<33).map { "/q\($0)" }.joined(separator: ", ")
        #expect(findings(route("invalidates: [\(many)]")) == ["2:62: error: more than 32 entries in `invalidates`"])
    }

    @Test("What is probably a mistake is a warning")
    func warned() {
        #expect(
            findings(route("invalidates: [/p]", path: "/p"))
                == [
                    "2:55: warning: `/p` is the route's own path, which is invalidated in any case; remove it, or add ?* for its queries"
                ])
        #expect(
            findings(route("invalidates: [\"/p?page=*\"]"))
                == [
                    "2:62: warning: `/p?page=*` reaches only requests whose query begins with just this; end it with ?* to reach every query"
                ])
    }
}
