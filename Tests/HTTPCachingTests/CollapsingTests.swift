import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4 Collapsed requests")
struct CollapsingTests {
    /// Why the response is not shared with a request that waited for it; nil if it is.
    private func refusal(
        _ fields: Fields, status: Int = 200, leader: RequestFacts = request(), waiter: RequestFacts = request(),
        _ route: RoutePolicy = policy()
    ) -> Reason? {
        switch store(leader, response(status, fields), route) {
        case .refuse(let reason): return reason
        case .store(let facts, _):
            switch reuseVerdict(stored: facts, request: waiter, policy: route, now: arrival) {
            case .fresh, .stale: return nil
            case .validate(let reason, _, _), .bypass(let reason), .refuse(let reason): return reason
            }
        }
    }
    private let tag: (FieldName, String) = (.etag, "\"a\"")

    @Test("A fresh, shareable response is shared", .tags(.choice), arguments: [200, 301, 404, 500])
    func shared(status: Int) { #expect(refusal([(.cacheControl, "max-age=1")], status: status) == nil) }

    @Test(
        "A response that may not be stored, or must be validated before use, is not shared", .tags(.must),
        arguments: [
            ("no-store", Reason.responseNoStore), ("private", .privateResponse),
            ("private, max-age=60", .privateResponse),
            ("no-cache, max-age=60", .storedNoCache), ("max-age=0", .stale), ("x", .noLifetime),
            ("s-maxage=0, max-age=60", .mustRevalidate), ("max-age=0, must-revalidate", .mustRevalidate),
        ])
    func unshared(value: String, reason: Reason) { #expect(refusal([(.cacheControl, value), tag]) == reason) }

    @Test("A response that is stale on arrival is shared within its stale-while-revalidate", .tags(.choice))
    func staleFromTheStart() {
        #expect(refusal([(.cacheControl, "max-age=0, stale-while-revalidate=60"), tag]) == nil)
    }

    @Test("A response that sets a cookie, that needed authorization, or with Vary: * is not shared", .tags(.must))
    func personal() {
        let fresh: Fields = [(.cacheControl, "max-age=60")]
        let authorized = request(.get, [(.authorization, "Basic x")])
        #expect(refusal(fresh + [(.setCookie, "a=b")]) == .setCookie)
        #expect(refusal(fresh, leader: authorized) == .authorization)
        #expect(refusal(fresh + [(.vary, "*")]) == .varyStar)
        #expect(refusal([], leader: authorized, policy { $0.timeout = 60 }) == .authorization)
        #expect(refusal([(.cacheControl, "public, max-age=60")], leader: authorized) == nil)
    }

    @Test(
        "A request with Authorization doesn't share a response with a lifetime from the route, fetched without Authorization",
        .tags(.must))
    func authorizedWaiter() {
        let authorized = request(.get, [(.authorization, "Basic x")])
        #expect(refusal([], waiter: authorized, policy { $0.timeout = 60 }) == .authorizationNotShared)
        #expect(refusal([(.cacheControl, "max-age=60")], waiter: authorized) == nil)
    }

    @Test("A waiting request whose own directives rule out the response sends its own request", .tags(.should))
    func directives() {
        for (value, reason) in [
            ("no-cache", Reason.requestNoCache), ("max-age=0", .requestMaxAge), ("min-fresh=90", .requestMinFresh),
        ] {
            let waiter = request(.get, [(.cacheControl, value)])
            #expect(refusal([(.cacheControl, "max-age=60")], waiter: waiter) == reason)
            #expect(reason.isRequestsOwn)
            #expect(
                refusal([(.cacheControl, "max-age=60")], waiter: waiter, policy { $0.clientControl = .ignore }) == nil)
        }
    }

    @Test("On a route that overrides the origin, a response is shared if it may be stored", .tags(.choice))
    func forced() {
        let route = policy {
            $0.mode = .force
            $0.timeout = 5
        }
        #expect(refusal([(.cacheControl, "no-store")], route) == nil)
        #expect(refusal([(.cacheControl, "no-store"), (.setCookie, "a=b")], route) == .setCookie)
    }
}
