import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §5.2.1 Request directives")
struct RequestDirectiveTests {
    private let fresh: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]

    private func reused(_ value: String, after seconds: Double) -> String? {
        guard let facts = store(response(200, fresh)).facts else { return nil }
        let now = Instant(milliseconds: arrival.milliseconds + Int64(seconds * 1000))
        let asked = request(.get, [(.cacheControl, value)])
        return reuseVerdict(stored: facts, request: asked, policy: policy(), now: now).name
    }

    @Test(
        "§5.2.1.1 max-age: no older response, and no stale one without max-stale", .tags(.should),
        arguments: [
            ("max-age=10", 10, "fresh"), ("max-age=10", 10.001, "validate requestMaxAge"),
            ("max-age=5", 10, "validate requestMaxAge"), ("max-age=50, max-age=5", 10, "validate requestMaxAge"),
            ("MAX-AGE=\"5\"", 10, "validate requestMaxAge"), ("max-age=1000", 61, "validate stale"),
            ("max-age=1000, max-stale=20", 70, "stale requestMaxStale"),
            ("max-age=5, max-stale=20", 70, "validate requestMaxAge"),
        ])
    func maxAge(value: String, after: Double, name: String) { #expect(reused(value, after: after) == name) }

    @Test(
        "§5.2.1.1 max-age=0 forces validation even in the second of the arrival; an invalid number counts as zero",
        .tags(.choice), arguments: ["max-age=0", "max-age=x", "max-age", "max-age=-1", "max-age=1.5"])
    func maxAgeZero(value: String) { #expect(reused(value, after: 0) == "validate requestMaxAge") }

    @Test(
        "§5.2.1.2 max-stale: stale by at most this much, or by any time without a value", .tags(.should),
        arguments: [
            ("max-stale", 1000, "stale requestMaxStale"), ("max-stale=10", 70, "stale requestMaxStale"),
            ("max-stale=10", 70.001, "validate stale"), ("max-stale=99999999999999", 1000, "stale requestMaxStale"),
            ("max-stale=x", 61, "validate stale"), ("max-stale=5, max-stale", 70, "validate stale"),
            ("max-stale=0", 60, "stale requestMaxStale"),
        ])
    func maxStale(value: String, after: Double, name: String) { #expect(reused(value, after: after) == name) }

    @Test(
        "§5.2.1.3 min-fresh: fresh for at least this much longer", .tags(.should),
        arguments: [
            ("min-fresh=50", 10, "fresh"), ("min-fresh=50", 10.001, "validate requestMinFresh"),
            ("min-fresh=51", 10, "validate requestMinFresh"),
            ("min-fresh=5, min-fresh=51", 10, "validate requestMinFresh"),
            ("min-fresh=99999999999999", 0, "validate requestMinFresh"), ("min-fresh=0", 59.999, "fresh"),
        ])
    func minFresh(value: String, after: Double, name: String) { #expect(reused(value, after: after) == name) }

    @Test("§5.2.1.3 An invalid min-fresh is ignored", .tags(.choice))
    func unreadableMinFresh() { #expect(reused("min-fresh=x", after: 10) == "fresh") }

    @Test(
        "§5.2.1.4 no-cache: no response without validation, whatever the other directives", .tags(.should),
        arguments: ["no-cache", "NO-CACHE", "max-stale, no-cache", "no-cache=x", "no-cache=\"a\""])
    func noCache(value: String) { #expect(reused(value, after: 1) == "validate requestNoCache") }

    @Test("§5.2.1.4 no-cache: if validation fails, the stored response is not served", .tags(.choice))
    func noCacheFallback() {
        let verdict = reuse(fresh, request(.get, [(.cacheControl, "no-cache, stale-if-error=100")]), after: 1)
        #expect(verdict?.fallback == [])
    }

    @Test("§5.2.1.5 no-store: the response is not stored, while what is stored already may be used", .tags(.must))
    func noStore() {
        let asked = request(.get, [(.cacheControl, "no-store")])
        #expect(store(asked, response(200, fresh)).reason == .requestNoStore)
        #expect(reused("no-store", after: 1) == "fresh")
    }

    @Test(
        "§5.2.1.7 only-if-cached: 504 if the request would have to be forwarded", .tags(.should),
        arguments: [
            ("only-if-cached", 10, "fresh"), ("only-if-cached", 70, "refuse onlyIfCached"),
            ("only-if-cached, max-stale", 70, "stale requestMaxStale"),
            ("only-if-cached, no-cache", 10, "refuse onlyIfCached"),
        ])
    func onlyIfCached(value: String, after: Double, name: String) { #expect(reused(value, after: after) == name) }

    @Test("§5.2.1.7 only-if-cached: 504 if nothing is stored", .tags(.should))
    func onlyIfCachedMiss() {
        let asked = request(.get, [(.cacheControl, "only-if-cached")])
        #expect(missRefusal(request: asked, policy: policy()) == .onlyIfCached)
        #expect(missRefusal(request: request(), policy: policy()) == nil)
    }

    @Test(
        "§5.2.3 Unknown directives are ignored", .tags(.must),
        arguments: ["foo", "foo=bar", "foo=\"max-age=0\"", "=", ","])
    func unknown(value: String) { #expect(reused(value, after: 1) == "fresh") }

    @Test(
        "By default they are ignored, but for no-store and only-if-cached", .tags(.choice),
        arguments: ["no-cache", "max-age=0", "min-fresh=100", "max-stale", "stale-if-error=100", "no-store"])
    func ignored(value: String) {
        let route = RoutePolicy()
        let asked = request(.get, [(.cacheControl, value), (.pragma, "no-cache")])
        #expect(reuse(fresh, asked, route, after: 10)?.name == "fresh")
        #expect(reuse(fresh, asked, route, after: 70)?.name == "validate stale")
        #expect(missRefusal(request: asked, policy: route) == nil)
        #expect(reuse(fresh, asked, route, after: 70)?.fallback == .onDisconnect)
    }

    @Test("no-store and only-if-cached hold by default too", .tags(.should))
    func alwaysHeld() {
        let route = RoutePolicy()
        #expect(
            store(request(.get, [(.cacheControl, "no-store")]), response(200, fresh), route).reason == .requestNoStore)
        let asked = request(.get, [(.cacheControl, "only-if-cached, max-stale")])
        #expect(reuse(fresh, asked, route, after: 10)?.name == "fresh")
        #expect(reuse(fresh, asked, route, after: 70)?.name == "refuse onlyIfCached")
        #expect(missRefusal(request: asked, policy: route) == .onlyIfCached)
    }
}

@Suite("RFC 9111 §5.4 Pragma")
struct PragmaTests {
    private let fresh: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]

    @Test("no-cache counts only without Cache-Control", .tags(.should))
    func pragma() {
        #expect(reuse(fresh, request(.get, [(.pragma, "no-cache")]), after: 1)?.name == "validate requestNoCache")
        #expect(
            reuse(fresh, request(.get, [(.pragma, "no-cache"), (.cacheControl, "max-age=60")]), after: 1)?.name
                == "fresh")
        #expect(reuse(fresh, request(.get, [(.pragma, "foo, No-Cache")]), after: 1)?.name == "validate requestNoCache")
    }

    @Test("Pragma in a response has no meaning", .tags(.must))
    func inResponses() { #expect(reuse(fresh + [(.pragma, "no-cache")], after: 1)?.name == "fresh") }
}
