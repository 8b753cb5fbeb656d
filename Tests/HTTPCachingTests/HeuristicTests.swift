import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.2.2 Calculating heuristic freshness")
struct HeuristicTests {
    private let old: (FieldName, String) = (.lastModified, "Sun, 31 Dec 2023 00:00:00 GMT")

    @Test("Off by default", .tags(.choice))
    func off() { #expect(store(response(200, [old])).reason == .noLifetime) }

    private let route = policy { $0.heuristicPercentage = 10 }

    @Test("The lifetime is a part of the time between Last-Modified and Date", .tags(.should))
    func share() {
        #expect(store(response(200, [old]), route).facts?.lifetime == 8640)
        #expect(store(response(200, [old]), policy { $0.heuristicPercentage = 100 }).facts?.lifetime == 86_400)
        #expect(store(response(200, [old]), policy { $0.heuristicPercentage = 1 }).facts?.lifetime == 864)
        let dated = old.1.replacing("Sun, 31", with: "Sat, 30")
        #expect(store(response(200, [old, (.date, old.1)]), route).facts?.lifetime == 0)
        #expect(
            store(
                response(200, [(.lastModified, dated), (.date, old.1)]),
                policy {
                    $0.heuristicPercentage = 100
                }
            ).facts?.lifetime == 86_400)
    }

    @Test(
        "For every status that is heuristically cacheable", .tags(.should),
        arguments: [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501])
    func statuses(status: Int) { #expect(store(response(status, [old]), route).facts?.lifetime == 8640) }

    @Test(
        "For other statuses only if the origin says public", .tags(.must),
        arguments: [201, 202, 302, 303, 307, 400, 401, 403, 409, 429, 500, 502, 503, 504, 599])
    func otherStatuses(status: Int) {
        #expect(store(response(status, [old]), route).reason == .noLifetime)
        #expect(store(response(status, [old, (.cacheControl, "public")]), route).facts?.lifetime == 8640)
    }

    @Test("Capped", .tags(.choice))
    func cap() {
        let ancient: (FieldName, String) = (.lastModified, "Mon, 01 Jan 1990 00:00:00 GMT")
        #expect(store(response(200, [ancient]), route).facts?.lifetime == 86_400)
        let capped = policy {
            $0.heuristicPercentage = 10
            $0.heuristicCap = 60
        }
        #expect(store(response(200, [ancient]), capped).facts?.lifetime == 60)
        #expect(store(response(200, [old]), capped).facts?.lifetime == 60)
    }

    @Test("There is no heuristic lifetime without a valid Last-Modified, or with one in the future", .tags(.choice))
    func nothingToGuessFrom() {
        #expect(store(response(200), route).reason == .noLifetime)
        #expect(store(response(200, [(.lastModified, "yesterday"), (.etag, "\"a\"")]), route).reason == .noLifetime)
        #expect(store(response(200, [(.lastModified, "Mon, 01 Jan 2029 00:00:00 GMT")]), route).facts?.lifetime == 0)
    }

    @Test("The route's timeout takes precedence over a heuristic", .tags(.choice))
    func timeoutFirst() {
        let both = policy {
            $0.heuristicPercentage = 10
            $0.timeout = 7
        }
        #expect(store(response(200, [old]), both).facts?.lifetime == 7)
    }

    @Test("A heuristic never replaces explicit freshness", .tags(.must))
    func explicitFirst() {
        let route = policy { $0.heuristicPercentage = 10 }
        #expect(store(response(200, [old, (.cacheControl, "max-age=5")]), route).facts?.lifetime == 5)
        #expect(store(response(200, [old, (.expires, "0")]), route).facts?.lifetime == 0)
    }
}
