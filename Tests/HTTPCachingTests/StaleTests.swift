import Testing

@testable import HTTPCaching

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
