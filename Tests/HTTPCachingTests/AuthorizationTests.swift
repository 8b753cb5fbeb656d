import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §3.5 Authenticated requests")
struct AuthorizationTests {
    private let authorized = request(.get, [(.authorization, "Bearer x")])

    @Test(
        "Stored only if the response allows it", .tags(.must),
        arguments: [
            ("max-age=60", false), ("max-age=60, public", true), ("max-age=60, must-revalidate", true),
            ("s-maxage=60", true),
            ("max-age=60, proxy-revalidate", false), ("max-age=60, immutable", false), ("s-maxage=60, private", false),
        ])
    func stored(value: String, isStored: Bool) {
        #expect((store(authorized, response(200, [(.cacheControl, value)])).facts != nil) == isStored)
    }

    @Test("Stored if the route allows it", .tags(.choice))
    func allowed() {
        #expect(
            store(authorized, response(200, [(.cacheControl, "max-age=60")]), policy { $0.allowAuthorization = true })
                .facts != nil)
    }

    @Test("A response with a lifetime from the route is not used for requests with Authorization", .tags(.choice))
    func reused() {
        let route = policy { $0.timeout = 60 }
        #expect(reuse([], authorized, route, after: 1)?.name == "bypass authorizationNotShared")
        #expect(reuse([], request(), route, after: 1)?.name == "fresh")
        #expect(reuse([(.cacheControl, "max-age=60")], authorized, route, after: 1)?.name == "fresh")
        #expect(reuse([(.cacheControl, "public")], authorized, route, after: 1)?.name == "fresh")
        var open = route
        open.allowAuthorization = true
        #expect(reuse([], authorized, open, after: 1)?.name == "fresh")
    }
}
