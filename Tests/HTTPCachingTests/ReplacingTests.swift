import HTTPSemantics
import TestSupport
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.3.3 What a response says of the stored one")
struct ReplacingTests {
    private static let kept = "max-age=60, stale-while-revalidate=10, stale-if-error=20"

    /// The verdict on a response that comes so many seconds after what is stored.
    private func verdict(
        _ status: Int, _ fields: Fields = [], stored: Fields? = [(.cacheControl, kept), (.etag, "\"a\"")],
        after seconds: Int64 = 1, _ request: RequestFacts = request(), _ route: RoutePolicy = policy()
    ) -> ReplacementVerdict {
        let now = arrival + Seconds(seconds)
        let new = response(status, fields, at: now)
        let hasRetryAfter = fields.contains { $0.0 == .retryAfter }
        return replacementVerdict(
            of: Status(status), hasRetryAfter: hasRetryAfter, store(request, new, route, requestTime: now),
            stored: stored.flatMap { store(response(200, $0), route).facts }, policy: route, now: now)
    }

    @Test(
        "A response for one client leaves what is stored", .tags(.must),
        arguments: [
            (400, "", ReplacementVerdict.leaves(.noLifetime)), (401, "", .leaves(.noLifetime)),
            (403, "", .leaves(.noLifetime)), (405, "", .leaves(.noLifetime)), (408, "", .leaves(.noLifetime)),
            (422, "", .leaves(.noLifetime)), (429, "", .leaves(.noLifetime)), (451, "", .leaves(.noLifetime)),
            (302, "", .leaves(.noLifetime)), (307, "", .leaves(.noLifetime)),
            (303, "private", .leaves(.privateResponse)),
            (200, "private, max-age=60", .leaves(.privateResponse)), (200, "no-store", .leaves(.responseNoStore)),
            (403, "no-store", .leaves(.responseNoStore)), (404, "private", .leaves(.privateResponse)),
            (412, "", .leaves(.oneRequestStatus)), (416, "", .leaves(.oneRequestStatus)),
        ])
    func forOne(status: Int, control: String, expected: ReplacementVerdict) {
        #expect(verdict(status, control.isEmpty ? [] : [(.cacheControl, control)]) == expected)
    }

    @Test("So does one that sets a cookie, or is for who proved who they are", .tags(.must))
    func personal() {
        #expect(verdict(200, [(.cacheControl, "max-age=60"), (.setCookie, "a=b")]) == .leaves(.setCookie))
        let authorized = request(.get, [(.authorization, "Basic x")])
        #expect(verdict(200, [(.cacheControl, "max-age=60")], authorized) == .leaves(.authorization))
        #expect(verdict(404, [(.cacheControl, "max-age=60")], authorized) == .leaves(.authorization))
    }

    @Test("What may be stored takes the place of what is", .tags(.must), arguments: [200, 203, 301, 302, 404, 410])
    func storable(status: Int) {
        for seconds in [1, 65, 75, 100] as [Int64] {
            #expect(verdict(status, [(.cacheControl, "max-age=60")], after: seconds) == .replaces)
        }
        #expect(verdict(status, [(.cacheControl, "max-age=60")], stored: nil) == .replaces)
    }

    @Test("404 and 410 take it though they may not be stored", .tags(.must), arguments: [404, 410])
    func gone(status: Int) {
        #expect(verdict(status) == .removes(.noLifetime))
        #expect(verdict(status, [(.cacheControl, "no-store")]) == .removes(.responseNoStore))
        #expect(verdict(status, [(.cacheControl, "max-age=60"), (.setCookie, "a=b")]) == .removes(.setCookie))
    }

    @Test("A 5xx, and a 429 with Retry-After, is the origin's failure", .tags(.must))
    func failures() {
        for status in [500, 501, 502, 503, 504, 507, 511] {
            #expect(verdict(status) == .originFailed(.noLifetime), "\(status)")
            #expect(isOriginFailure(Status(status), hasRetryAfter: false))
        }
        #expect(verdict(429, [(.retryAfter, "30")]) == .originFailed(.noLifetime))
        #expect(
            isOriginFailure(Status(429), hasRetryAfter: true) && !isOriginFailure(Status(429), hasRetryAfter: false))
        #expect(!isOriginFailure(Status(403), hasRetryAfter: true))
    }

    @Test(
        "An error with a lifetime of its own takes the place of what may no longer be served, and of nothing else",
        .tags(.must), arguments: [400, 403, 405, 429, 500, 503])
    func errorWithLifetime(status: Int) {
        let error: Fields = [(.cacheControl, "max-age=60")]
        for seconds in [1, 59, 60, 70] as [Int64] {
            #expect(verdict(status, error, after: seconds) == .leaves(.storedPrevails), "\(seconds)")
        }
        #expect(verdict(status, error, after: 75) == .replaces)
        #expect(verdict(status, error, stored: nil) == .replaces)
        // What must be validated before each use serves nobody unasked.
        #expect(verdict(status, error, stored: [(.cacheControl, "no-cache"), (.etag, "\"a\"")]) == .replaces)
    }

    @Test("One whose lifetime is the route's guess leaves what may still serve on errors, too", .tags(.choice))
    func errorWithGuessedLifetime() {
        let route = policy { $0.timeout = 60 }
        #expect(verdict(405, after: 75, request(), route) == .leaves(.storedPrevails))
        #expect(verdict(405, after: 90, request(), route) == .replaces)
        #expect(verdict(405, stored: nil, request(), route) == .replaces)
    }

    @Test("A stored error prevails over no other", .tags(.choice))
    func storedError() {
        let stored = store(response(403, [(.cacheControl, "max-age=60")])).facts
        let new = store(response(400, [(.cacheControl, "max-age=60")]))
        let verdict = replacementVerdict(
            of: Status(400), hasRetryAfter: false, new, stored: stored, policy: policy(), now: arrival)
        #expect(verdict == .replaces)
    }
}
