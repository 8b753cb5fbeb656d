import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.2.4 Serving stale responses")
struct StaleTests {
    @Test(
        "Never if a directive forbids it", .tags(.must),
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

    @Test("If nothing forbids it and the origin is unreachable", .tags(.must))
    func disconnected() {
        #expect(reuse([(.cacheControl, "max-age=60"), (.etag, "\"a\"")], after: 61)?.fallback == .onDisconnect)
    }

    @Test("A fresh response that only the request rules out is better than an error", .tags(.choice))
    func freshFallback() {
        let fields: Fields = [(.cacheControl, "max-age=60, must-revalidate")]
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "max-age=0")]), after: 1)?.fallback == [
                .onDisconnect, .onError,
            ])
        #expect(reuse(fields, request(.get, [(.cacheControl, "no-cache")]), after: 1)?.fallback == [])
    }
}
