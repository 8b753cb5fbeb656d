import Testing

@testable import HTTPCaching

@Suite("Route policy: force mode")
struct ForceTests {
    private let route = policy {
        $0.mode = .force
        $0.timeout = 30
    }

    @Test(
        "The timeout overrides the origin's directives", .tags(.choice),
        arguments: [
            "no-store", "private", "no-cache", "max-age=0", "s-maxage=5, must-revalidate", "max-age=9999",
            "must-understand",
        ])
    func replaces(value: String) {
        let verdict = store(
            response(
                200, [(.cacheControl, value), (.expires, "0"), (.age, "100"), (.date, "Mon, 01 Jan 2001 00:00:00 GMT")]),
            route)
        #expect(verdict.life == 630)
        #expect(verdict.facts?.timeToLive(at: arrival + 10) == 20)
        #expect(verdict.facts?.flags.isDisjoint(with: [.noCache, .neverStale, .sharedByOrigin]) == true)
    }

    @Test("For failures the origin's directives still apply", .tags(.choice))
    func failures() {
        #expect(store(response(500), route).reason == .noLifetime)
        #expect(store(response(503, [(.cacheControl, "no-store")]), route).reason == .responseNoStore)
        #expect(store(response(500, [(.cacheControl, "max-age=5")]), route).facts?.lifetime == 5)
    }

    @Test("Set-Cookie and Authorization are still refused", .tags(.must))
    func safety() {
        let authorized = request(.get, [(.authorization, "Basic x")])
        #expect(store(response(200, [(.setCookie, "a=b")]), route).reason == .setCookie)
        #expect(store(authorized, response(200, [(.cacheControl, "public")]), route).reason == .authorization)
        var open = route
        open.allowAuthorization = true
        open.allowSetCookie = true
        #expect(store(authorized, response(200, [(.setCookie, "a=b")]), open).life == 630)
    }
}
