import HTTPSemantics
import Testing

@testable import HTTPCaching

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

    @Test("Not for a request that requires freshness", .tags(.should), arguments: ["max-age=1000", "max-stale=2"])
    func notForPickyRequests(value: String) {
        let fields: Fields = [(.cacheControl, "max-age=60, stale-while-revalidate=10"), (.etag, "\"a\"")]
        #expect(reuse(fields, request(.get, [(.cacheControl, value)]), after: 65)?.name == "validate stale")
    }

    @Test("Both limits hold to the millisecond, not to the next full second", .tags(.must))
    func exactLimits() {
        let facts = store(
            response(
                200, [(.cacheControl, "max-age=60, stale-while-revalidate=1, stale-if-error=2"), (.etag, "\"a\"")])
        ).facts!
        func verdict(_ milliseconds: Int64) -> ReuseVerdict {
            let now = Instant(milliseconds: arrival.milliseconds + milliseconds)
            return reuseVerdict(stored: facts, request: request(), policy: policy(), now: now)
        }
        #expect(verdict(61_000).name == "stale staleWhileRevalidate")
        #expect(verdict(61_001).name == "validate stale")
        #expect(verdict(62_000).fallback == [.onDisconnect, .onError])
        #expect(verdict(62_001).fallback == .onDisconnect)
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

    @Test("The route's allowances apply if the response has none of its own", .tags(.choice))
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

    @Test("Errors are 500, 502, 503 and 504, and every other 5xx like them", .tags(.choice))
    func errors() {
        let failures = (0...999).filter { Status($0).isOriginFailure }
        #expect(failures == Array(500..<600))
    }
}
