import Bytes
import Configuration
import EventLoop
import Glibc
import Testing

@testable import Origins

// What is told of an upstream whose servers fail and come back: each change once. No sockets.

@Suite("Changes of an upstream's health")
struct UpstreamChangeTests {
    /// Takes note of what is told.
    private final class Witness: Sendable {
        let changes = Locked<[UpstreamChange]>([])
        var count: Int { changes.withLock { $0.count } }
        var last: UpstreamChange? { changes.withLock { $0.last } }
    }

    private let start = MonotonicTime(milliseconds: 1_000_000)
    private let witness = Witness()
    private let check = HealthCheck(path: "/healthz")

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    private func group(_ servers: [OriginAddress]) -> UpstreamGroup {
        UpstreamGroup(settings: Upstream(name: "u", servers: servers)) { [witness] change in
            witness.changes.withLock { $0.append(change) }
        }
    }

    private func numbered(_ count: Int) -> [OriginAddress] {
        (1...count).map { .tcp(host: "192.0.2.\($0)", port: 80) }
    }

    /// Ten seconds at most.
    private func waitUntil(_ condition: () -> Bool) {
        for _ in 0..<10_000 where !condition() { usleep(1_000) }
    }

    private func fail(_ group: UpstreamGroup, _ index: Int, at milliseconds: Int64, _ reason: String = "refused") {
        let server = group.servers[index]
        group.noteFailure(
            at: server.endpoints[0], of: server, attemptFrom: later(milliseconds), now: later(milliseconds), reason)
    }

    private func succeed(_ group: UpstreamGroup, _ index: Int, at milliseconds: Int64) {
        let server = group.servers[index]
        group.noteSuccess(at: server.endpoints[0], of: server, now: later(milliseconds))
    }

    @Test("However often a server fails it is told once, and once that it is back, after how many failures")
    func once() throws {
        let group = group(numbered(2))
        succeed(group, 0, at: 0)
        #expect(witness.count == 0)
        for number in 0..<50 { fail(group, 0, at: Int64(number) * 1_000) }
        #expect(witness.count == 1)
        var change = try #require(witness.last)
        guard case .ejected(let trouble) = change.kind, case .none = change.consequence else {
            Issue.record("\(change)")
            return
        }
        #expect(trouble.reason == "refused")
        #expect(change.serversUp == 1 && change.servers == 2)
        for _ in 0..<3 { succeed(group, 0, at: 60_000) }
        #expect(witness.count == 2)
        change = try #require(witness.last)
        guard case .recovered(let ended) = change.kind else {
            Issue.record("\(change)")
            return
        }
        #expect(ended.failures == 50 && ended.since == start && change.serversUp == 2)
    }

    @Test(
        "That the whole upstream is down is told with the last server's failure, and that it is up with the first one back"
    )
    func down() throws {
        let group = group(numbered(2))
        fail(group, 0, at: 0)
        fail(group, 1, at: 10)
        guard case .isDown = try #require(witness.last).consequence else {
            Issue.record("\(witness.last!)")
            return
        }
        #expect(group.isDown(now: later(60_000)))
        succeed(group, 1, at: 20)
        guard case .isUp = try #require(witness.last).consequence else {
            Issue.record("\(witness.last!)")
            return
        }
        succeed(group, 0, at: 30)
        guard case .none = try #require(witness.last).consequence else {
            Issue.record("\(witness.last!)")
            return
        }
        #expect(witness.count == 4)
    }

    @Test("A check that fails and succeeds again is told once each, and a success ends an ejection too")
    func checks() {
        let group = group(numbered(2))
        let server = group.servers[0]
        func check(_ problem: String?) {
            group.noteCheck(problem, at: server.endpoints[0], of: server, self.check, now: start)
        }
        for _ in 0..<10 { check("status 500") }
        #expect(witness.count == 1)
        for _ in 0..<10 { check(nil) }
        #expect(witness.count == 2)
        fail(group, 0, at: 0)
        check(nil)
        #expect(witness.count == 4)
        #expect(server.endpoints[0].trouble == nil)
    }

    @Test("A name that can't be looked up any more is told once, and that it can again")
    func names() throws {
        let isBroken = Locked(true)
        let resolver = Resolver { _, port in
            isBroken.withLock { $0 }
                ? .failed("no such host") : .addresses([SocketAddress(numericHost: "192.0.2.1", port: port)!])
        }
        let group = group([.tcp(host: "api.test", port: 80)])
        func lookUp(_ milliseconds: Int64) {
            let before = resolver.figures.lookUps
            _ = group.servers[0].locate(
                now: later(milliseconds), resolver: resolver, lifetimeMilliseconds: 1, waiter: nil)
            waitUntil { resolver.figures.lookUps > before && resolver.figures.inFlight == 0 }
        }
        // By the real clock, which names are looked up by: far ahead, so that each is due.
        let ahead: Int64 = 1 << 40
        for number in 0..<3 { lookUp(ahead + Int64(number) * 3_600_000) }
        waitUntil { witness.count == 1 }
        #expect(witness.count == 1)
        guard case .unresolved("no such host") = try #require(witness.last).kind else {
            Issue.record("\(witness.last!)")
            return
        }
        #expect(group.isDown(now: start))
        isBroken.withLock { $0 = false }
        lookUp(ahead + 20_000_000)
        waitUntil { witness.count == 2 }
        #expect(witness.count == 2)
        guard case .resolved = try #require(witness.last).kind else {
            Issue.record("\(witness.last!)")
            return
        }
    }
}
