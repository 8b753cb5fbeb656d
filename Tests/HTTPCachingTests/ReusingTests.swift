import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4 Reusing stored responses")
struct ReusingTests {
    private let fresh: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]

    @Test("A plain request is told by one word")
    func plain() {
        #expect(request().isPlain)
        #expect(!request(.get, [(.cacheControl, "x")]).isPlain)
        #expect(request(.get, [(.date, arrivalDate)]).isPlain)
    }

    @Test("Before the store is asked")
    func lookup() {
        #expect(lookupVerdict(request: request(), policy: RoutePolicy()) == .lookUp)
        #expect(lookupVerdict(request: request(.head), policy: RoutePolicy()) == .lookUp)
        #expect(lookupVerdict(request: request(.post), policy: RoutePolicy()) == .bypass(.methodNotCached))
        #expect(lookupVerdict(request: request(), policy: policy { $0.methods = [] }) == .bypass(.routeNotCached))
        #expect(
            lookupVerdict(request: request(.get, [(.ifMatch, "*")]), policy: RoutePolicy())
                == .bypass(.originConditions))
    }

    @Test("no-cache in the stored response asks for validation of every use", .tags(.must))
    func storedNoCache() {
        let verdict = reuse([(.cacheControl, "no-cache, max-age=60"), (.etag, "\"a\"")], after: 1)
        #expect(verdict?.name == "validate storedNoCache")
        #expect(verdict?.fallback == [])
    }

    @Test(
        "§5.2.1 Request directives", .tags(.should),
        arguments: [
            ("no-cache", 10, "validate requestNoCache"), ("max-age=5", 10, "validate requestMaxAge"),
            ("max-age=10", 10, "fresh"),
            ("max-age=0", 0, "validate requestMaxAge"), ("max-age=x", 10, "validate requestMaxAge"),
            ("max-age=50, max-age=5", 10, "validate requestMaxAge"), ("min-fresh=50", 10, "fresh"),
            ("min-fresh=51", 10, "validate requestMinFresh"), ("min-fresh=x", 10, "fresh"),
            ("max-stale", 1000, "stale requestMaxStale"),
            ("max-stale=10", 70, "stale requestMaxStale"), ("max-stale=10", 71, "validate stale"),
            ("max-stale=x", 61, "validate stale"),
            ("max-age=1000, max-stale=20", 70, "stale requestMaxStale"), ("only-if-cached", 10, "fresh"),
            ("only-if-cached", 70, "refuse onlyIfCached"), ("only-if-cached, max-stale", 70, "stale requestMaxStale"),
            ("only-if-cached, no-cache", 10, "refuse onlyIfCached"), ("no-store", 10, "fresh"),
            ("MAX-AGE=\"5\"", 10, "validate requestMaxAge"),
        ])
    func requestDirectives(value: String, after: Int, name: String) {
        #expect(reuse(fresh, request(.get, [(.cacheControl, value)]), after: Int64(after))?.name == name)
    }

    @Test(
        "A route may ignore them all", .tags(.choice),
        arguments: ["no-cache", "max-age=0", "min-fresh=100", "only-if-cached", "no-store"])
    func ignored(value: String) {
        let route = policy { $0.clientControl = .ignore }
        let asked = request(.get, [(.cacheControl, value), (.pragma, "no-cache")])
        #expect(reuse(fresh, asked, route, after: 10)?.name == "fresh")
        #expect(reuse(fresh, asked, route, after: 70)?.name == "validate stale")
        #expect(missRefusal(request: asked, policy: route) == nil)
    }

    @Test("§5.4 Pragma: no-cache counts only without Cache-Control", .tags(.should))
    func pragma() {
        #expect(reuse(fresh, request(.get, [(.pragma, "no-cache")]), after: 1)?.name == "validate requestNoCache")
        #expect(
            reuse(fresh, request(.get, [(.pragma, "no-cache"), (.cacheControl, "max-age=60")]), after: 1)?.name
                == "fresh")
        #expect(reuse(fresh, request(.get, [(.pragma, "foo, No-Cache")]), after: 1)?.name == "validate requestNoCache")
    }

    @Test("§5.2.1.7 only-if-cached is answered 504 when nothing is stored", .tags(.should))
    func onlyIfCached() {
        #expect(
            missRefusal(request: request(.get, [(.cacheControl, "only-if-cached")]), policy: RoutePolicy())
                == .onlyIfCached)
        #expect(missRefusal(request: request(), policy: RoutePolicy()) == nil)
    }
}

@Suite("RFC 9111 §4.2.4 Serving stale responses")
struct StaleTests {
    @Test(
        "Never against what forbids it", .tags(.must),
        arguments: ["max-age=60, must-revalidate", "max-age=60, proxy-revalidate", "s-maxage=60"])
    func forbidden(value: String) {
        let fields: Fields = [
            (.cacheControl, value + ", stale-while-revalidate=100, stale-if-error=100"), (.etag, "\"a\""),
        ]
        for asked in [request(), request(.get, [(.cacheControl, "max-stale, stale-if-error=100")])] {
            let verdict = reuse(fields, asked, after: 61)
            #expect(verdict?.name == "validate mustRevalidate")
            #expect(verdict?.fallback == [])
        }
    }

    @Test("Without a word against it, when the origin is gone", .tags(.must))
    func disconnected() {
        #expect(reuse([(.cacheControl, "max-age=60"), (.etag, "\"a\"")], after: 61)?.fallback == .onDisconnect)
    }

    @Test("Fresh, but refused by the request: still better than an error", .tags(.choice))
    func freshFallback() {
        let fields: Fields = [(.cacheControl, "max-age=60, must-revalidate")]
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "max-age=0")]), after: 1)?.fallback == [
                .onDisconnect, .onError,
            ])
        #expect(reuse(fields, request(.get, [(.cacheControl, "no-cache")]), after: 1)?.fallback == [])
    }
}

@Suite("RFC 5861 stale-while-revalidate and stale-if-error")
struct StaleExtensionTests {
    @Test("Served stale within stale-while-revalidate, validated after it", .tags(.should))
    func whileRevalidate() {
        let fields: Fields = [(.cacheControl, "max-age=60, stale-while-revalidate=10"), (.etag, "\"a\"")]
        #expect(reuse(fields, after: 59)?.name == "fresh")
        #expect(reuse(fields, after: 60) == .stale(age: 60, timeToLive: 0, .staleWhileRevalidate))
        #expect(reuse(fields, after: 70) == .stale(age: 70, timeToLive: -10, .staleWhileRevalidate))
        #expect(reuse(fields, after: 71)?.name == "validate stale")
    }

    @Test("Not to a request that asks for freshness", .tags(.should), arguments: ["max-age=1000", "max-stale=2"])
    func notForPickyRequests(value: String) {
        let fields: Fields = [(.cacheControl, "max-age=60, stale-while-revalidate=10"), (.etag, "\"a\"")]
        #expect(reuse(fields, request(.get, [(.cacheControl, value)]), after: 65)?.name == "validate stale")
    }

    @Test("Served on an error within stale-if-error, of the response or the request", .tags(.should))
    func ifError() {
        let fields: Fields = [(.cacheControl, "max-age=60, stale-if-error=10"), (.etag, "\"a\"")]
        #expect(reuse(fields, after: 70)?.fallback == [.onDisconnect, .onError])
        #expect(reuse(fields, after: 71)?.fallback == .onDisconnect)
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "stale-if-error=50")]), after: 110)?.fallback == [
                .onDisconnect, .onError,
            ])
    }

    @Test("The route's allowances count where the response has none of its own", .tags(.choice))
    func fromRoute() {
        let route = policy {
            $0.staleWhileRevalidate = 10
            $0.staleIfError = 20
        }
        let own = store(
            response(200, [(.cacheControl, "max-age=60, stale-while-revalidate=0, stale-if-error=0")]), route
        ).facts
        #expect(own?.staleWhileRevalidate == 0 && own?.staleIfError == 0)
        let given = store(response(200, [(.cacheControl, "max-age=60")]), route).facts
        #expect(given?.staleWhileRevalidate == 10 && given?.staleIfError == 20)
    }

    @Test("Errors are 500, 502, 503 and 504", .tags(.must))
    func errors() {
        let failures = (100..<600).filter { CachingStatus($0).isOriginFailure }
        #expect(failures == [500, 502, 503, 504])
    }
}

@Suite("RFC 8246 immutable")
struct ImmutableTests {
    @Test("A reload of a fresh response is answered from the store, no-cache is not", .tags(.should))
    func reload() {
        let fields: Fields = [(.cacheControl, "max-age=60, immutable"), (.etag, "\"a\"")]
        #expect(reuse(fields, request(.get, [(.cacheControl, "max-age=0")]), after: 1)?.name == "fresh")
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "no-cache")]), after: 1)?.name == "validate requestNoCache")
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "max-age=0")]), after: 61)?.name == "validate requestMaxAge")
    }
}
