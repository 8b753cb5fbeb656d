import Configuration
import EventLoop
import Glibc
import Testing

@testable import Origins

// Which address a request goes to, with given health and time. No sockets.

@Suite("The choice of an address: health is kept per address, not per name")
struct UpstreamGroupTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)
    private let resolver = Resolver { _, _ in .failed("nothing is looked up here") }

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    private func group(_ count: Int, _ balance: Upstream.Balance = .roundRobin) -> UpstreamGroup {
        var settings = Upstream(
            name: "u", servers: (1...count).map { .tcp(host: "192.0.2.\($0)", port: 80) })
        settings.balance = balance
        return UpstreamGroup(settings: settings)
    }

    private func endpoints(_ group: UpstreamGroup) -> [Endpoint] { group.servers.flatMap(\.endpoints) }

    private func fail(_ endpoint: Endpoint, at time: MonotonicTime? = nil) {
        endpoint.noteFailure(ofAttemptFrom: time ?? start, now: time ?? start)
    }

    private func check(_ endpoint: Endpoint, _ succeeded: Bool) {
        for _ in 0..<2 { _ = endpoint.noteCheck(succeeded ? nil : "it failed", fall: 2, rise: 1, now: start) }
    }

    /// The chosen addresses of so many requests.
    private func chosen(
        _ count: Int, _ group: UpstreamGroup, _ milliseconds: Int64 = 0, excluding tried: [Int] = []
    ) -> [Endpoint] {
        (0..<count).compactMap { _ in
            let choice = group.choose(excluding: tried, now: later(milliseconds), resolver: resolver, waiter: nil)
            if case .endpoint(let endpoint, _, let isTrial) = choice {
                if isTrial { endpoint.endTrial() }
                return endpoint
            }
            return nil
        }
    }

    @Test("Servers are used in turn, and a failed one is left out", arguments: Upstream.Balance.allCases)
    func turns(balance: Upstream.Balance) {
        let group = group(3, balance)
        let all = endpoints(group)
        for endpoint in all { #expect(chosen(9, group).count { $0 === endpoint } == 3) }
        fail(all[1])
        #expect(!chosen(9, group).contains { $0 === all[1] })
        #expect(chosen(1, group, excluding: [all[0].slot]).first === all[2])
    }

    @Test("After its pause a failed address is tried by one request at a time")
    func trial() {
        let group = group(2)
        let all = endpoints(group)
        fail(all[0])
        var trials = 0
        for _ in 0..<10 {
            let choice = group.choose(excluding: [], now: later(10_000), resolver: resolver, waiter: nil)
            guard case .endpoint(let endpoint, _, let isTrial) = choice else { continue }
            #expect((endpoint === all[0]) == isTrial)
            trials += isTrial ? 1 : 0
        }
        #expect(trials == 1)
    }

    @Test("If none is up, the one whose pause ends first is tried, before one that fails its check")
    func fallback() {
        let group = group(3)
        let all = endpoints(group)
        // Later by more than the jitter of a pause.
        fail(all[0], at: later(60_000))
        fail(all[1], at: start)
        check(all[2], false)
        #expect(chosen(6, group).allSatisfy { $0 === all[1] })
        #expect(chosen(6, group, excluding: [all[1].slot]).allSatisfy { $0 === all[0] })
        #expect(chosen(6, group, excluding: [all[0].slot, all[1].slot]).allSatisfy { $0 === all[2] })
        #expect(chosen(1, group, excluding: all.map(\.slot)).isEmpty)
    }

    @Test("If every one fails its check, all are tried in turn")
    func allFailTheirCheck() {
        let group = group(2)
        let all = endpoints(group)
        for endpoint in all { check(endpoint, false) }
        let used = chosen(10, group)
        for endpoint in all { #expect(used.count { $0 === endpoint } == 5) }
        check(all[1], true)
        #expect(chosen(10, group).allSatisfy { $0 === all[1] })
    }

    @Test("The least busy address gets the next request")
    func leastOutstanding() {
        let group = group(3, .leastOutstanding)
        let all = endpoints(group)
        for (endpoint, load) in zip(all, [2, 0, 1]) { endpoint.outstanding.add(load, ordering: .relaxed) }
        #expect(chosen(6, group).allSatisfy { $0 === all[1] })
    }

    // MARK: Names

    /// A group with one server, whose name has these addresses.
    private func named(_ hosts: [String]) throws -> UpstreamGroup {
        let addresses = try hosts.map { try #require(SocketAddress(numericHost: $0, port: 80)) }
        let group = UpstreamGroup(settings: Upstream(name: "u", servers: [.tcp(host: "api.test", port: 80)]))
        let resolver = Resolver { _, _ in .addresses(addresses) }
        guard case .names = group.choose(excluding: [], now: start, resolver: resolver, waiter: nil) else {
            Issue.record("nothing is known yet")
            return group
        }
        for _ in 0..<10_000 where group.servers[0].endpoints.isEmpty { usleepMilliseconds(1) }
        return group
    }

    @Test("Of two addresses of one name the healthy one is used, and a check has no part in the requests' turn")
    func addressesOfAName() throws {
        let group = try named(["192.0.2.1", "192.0.2.2"])
        let all = endpoints(group)
        #expect(all.count == 2)
        for endpoint in all { #expect(chosen(10, group).count { $0 === endpoint } == 5) }
        // A check asks for all of them each time.
        for _ in 0..<5 {
            guard
                case .known(let checked) = group.servers[0].locate(
                    now: start, resolver: resolver, lifetimeMilliseconds: 30_000, waiter: nil)
            else { continue }
            #expect(checked.map(\.slot) == all.map(\.slot))
        }
        for endpoint in all { #expect(chosen(10, group).count { $0 === endpoint } == 5) }
        fail(all[0])
        #expect(chosen(10, group).allSatisfy { $0 === all[1] })
        #expect(group.servers[0].health(now: start) == .up)
        fail(all[1])
        guard case .ejected = group.servers[0].health(now: start) else {
            Issue.record("no address is up")
            return
        }
    }

    @Test("The addresses that are left decide how long one may take to connect")
    func untried() throws {
        let group = group(3)
        let all = endpoints(group)
        #expect(group.untriedCount(excluding: [], now: start) == 3)
        fail(all[0])
        #expect(group.untriedCount(excluding: [all[1].slot], now: start) == 1)
    }

    @Test("A name without an address is waited for only if no other server is left")
    func unknownName() {
        let group = UpstreamGroup(
            settings: Upstream(
                name: "u", servers: [.tcp(host: "gone.test", port: 80), .tcp(host: "192.0.2.1", port: 80)]))
        let known = group.servers[1].endpoints[0]
        fail(known)
        #expect(chosen(4, group).allSatisfy { $0 === known })
        guard
            case .names = group.choose(excluding: [known.slot], now: start, resolver: resolver, waiter: nil)
        else {
            Issue.record("the name may still bring an address")
            return
        }
    }
}

private func usleepMilliseconds(_ count: UInt32) { _ = usleep(count * 1000) }
