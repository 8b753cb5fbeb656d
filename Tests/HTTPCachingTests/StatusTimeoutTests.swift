import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("Route policy: lifetimes by status")
struct StatusTimeoutTests {
    private let timeouts = StatusTimeouts([(.any, 9), (.statusClass(5), 5), (.status(404), 4), (.statusClass(4), 40)])

    @Test(
        "The most specific key applies", .tags(.choice),
        arguments: [(404, 4), (410, 40), (500, 5), (599, 5), (200, 9), (301, 9)])
    func exactness(status: Int, seconds: Int64) {
        #expect(timeouts.timeout(for: Status(status)) == Seconds(seconds))
    }

    @Test("A status without a key has no timeout", .tags(.choice))
    func unnamed() {
        let some = StatusTimeouts([(.status(404), 4), (.statusClass(5), 5)])
        #expect(some.timeout(for: Status(200)) == nil && some.timeout(for: Status(403)) == nil)
        #expect(StatusTimeouts([]).isEmpty && StatusTimeouts([]).timeout(for: Status(200)) == nil)
        #expect(!some.isEmpty)
    }

    private func stored(_ status: Int, _ fields: Fields = [], _ base: RoutePolicy) -> StorageVerdict {
        let some = StatusTimeouts([(.status(404), 4), (.status(403), 3), (.statusClass(5), 5)])
        return store(response(status, fields), base.applying(some, to: Status(status)))
    }

    @Test("They replace timeout; it still applies to other statuses", .tags(.choice))
    func replaces() {
        let route = policy { $0.timeout = 30 }
        #expect(stored(404, [], route).facts?.lifetime == 4)
        #expect(stored(200, [], route).facts?.lifetime == 30)
        #expect(stored(404, [], policy()).facts?.lifetime == 4)
        #expect(stored(200, [], policy()).reason == .noLifetime)
    }

    @Test(
        "Standard mode: only statuses cacheable by default, or public, and only without the origin's own", .tags(.must))
    func standard() {
        #expect(stored(403, [], policy()).reason == .noLifetime)
        #expect(stored(500, [], policy()).reason == .noLifetime)
        #expect(stored(501, [], policy()).facts?.lifetime == 5)
        #expect(stored(500, [(.cacheControl, "public")], policy()).facts?.lifetime == 5)
        #expect(stored(404, [(.cacheControl, "max-age=7")], policy()).facts?.lifetime == 7)
        #expect(stored(404, [(.cacheControl, "no-store")], policy()).reason == .responseNoStore)
    }

    @Test("Force mode: every listed status, whatever the origin's directives", .tags(.choice))
    func force() {
        let route = policy { $0.mode = .force }
        #expect(stored(500, [(.cacheControl, "no-store")], route).facts?.lifetime == 5)
        #expect(stored(403, [], route).facts?.lifetime == 3)
        #expect(stored(200, [(.cacheControl, "no-store")], route).reason == .responseNoStore)
        let timed = policy {
            $0.mode = .force
            $0.timeout = 30
        }
        #expect(stored(200, [(.cacheControl, "no-store")], timed).facts?.lifetime == 30)
        #expect(stored(302, [(.cacheControl, "no-store")], timed).reason == .responseNoStore)
    }

    @Test(
        "Force mode stores no status that responds to one request only", .tags(.must),
        arguments: [304, 412, 416])
    func oneRequest(status: Int) {
        let route = policy { $0.mode = .force }
        let all = StatusTimeouts([(.any, 60)])
        let verdict = store(response(status), route.applying(all, to: Status(status)))
        #expect(verdict.reason == .oneRequestStatus)
    }

    @Test("A timeout of zero stores nothing", .tags(.choice))
    func zero() {
        let never = StatusTimeouts([(.status(404), 0)])
        #expect(store(response(404), policy().applying(never, to: Status(404))).reason == .alreadyStale)
    }
}
