import Configuration
import EventLoop
import Glibc
import Synchronization
import Testing

@testable import Origins

// How requests are spread over servers by weight, by key, and over backups, with given health and time. No sockets.

/// Holds a look-up back.
private final class Gate: Sendable { let isOpen = Atomic<Bool>(false) }

@Suite("Weights, backups and keys: which server gets a request")
struct BalanceTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)
    private let resolver = Resolver { _, _ in .failed("nothing is looked up here") }

    private func group(
        weights: [Int] = [1, 1, 1], backups: Set<Int> = [], _ balance: Upstream.Balance = .roundRobin
    ) -> UpstreamGroup {
        let servers = weights.indices.map { OriginAddress.tcp(host: "192.0.2.\($0 + 1)", port: 80) }
        var settings = Upstream(name: "u", servers: servers)
        for (server, weight) in zip(servers, weights) where weight != 1 { settings.weights[server] = weight }
        settings.backups = Set(backups.map { servers[$0] })
        settings.balance = balance
        return UpstreamGroup(settings: settings)
    }

    /// The number of the server that is chosen.
    private func choose(
        _ group: UpstreamGroup, for key: UInt64? = nil, excluding tried: [Int] = [], after milliseconds: Int64 = 0
    ) -> Int? {
        let now = start.advanced(byMilliseconds: milliseconds)
        let choice = group.choose(for: key, excluding: tried, now: now, resolver: resolver, waiter: nil)
        guard case .endpoint(let endpoint, let server, let isTrial) = choice else { return nil }
        if isTrial { endpoint.endTrial() }
        return group.servers.firstIndex { $0 === server }
    }

    private func fail(_ group: UpstreamGroup, _ index: Int) {
        group.servers[index].endpoints[0].noteFailure(ofAttemptFrom: start, now: start)
    }

    private func slot(_ group: UpstreamGroup, _ index: Int) -> Int { group.servers[index].endpoints[0].slot }

    // MARK: Weights

    @Test("Turns are in proportion to the weights, and spread evenly")
    func smooth() {
        let group = group(weights: [5, 1, 1])
        let turns = (0..<14).map { _ in choose(group) }
        #expect(turns == [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
    }

    @Test("Over any seven turns in a row nobody gets more than its weight says, whatever the weights")
    func never() {
        let weights = [3, 2, 2]
        var turns = SmoothTurns(count: 3)
        let chosen = (0..<700).map { _ in turns.next(weights.indices.map { ($0, weights[$0]) }) }
        for first in stride(from: 0, to: 700, by: 7) {
            for (index, weight) in weights.enumerated() {
                #expect(chosen[first..<first + 7].count { $0 == index } == weight)
            }
        }
    }

    @Test("The turns of a server that is ejected go to the others by their weights")
    func ejectedTurns() {
        let group = group(weights: [2, 2, 1])
        fail(group, 0)
        let turns = (0..<30).map { _ in choose(group) }
        #expect([0, 1, 2].map { index in turns.count { $0 == index } } == [0, 20, 10])
    }

    @Test("least-outstanding goes by the load for the weight, and takes turns by weight where that is equal")
    func load() {
        let group = group(weights: [4, 1, 1], .leastOutstanding)
        let turns = (0..<12).map { _ in choose(group) }
        #expect([0, 1, 2].map { index in turns.count { $0 == index } } == [8, 2, 2])
        group.servers[0].endpoints[0].outstanding.add(3, ordering: .relaxed)
        for index in [1, 2] { group.servers[index].endpoints[0].outstanding.add(1, ordering: .relaxed) }
        #expect((0..<6).allSatisfy { _ in choose(group) == 0 })
        group.servers[0].endpoints[0].outstanding.add(2, ordering: .relaxed)
        #expect(!(0..<6).contains { _ in choose(group) == 0 })
    }

    // MARK: Backups

    @Test("A backup gets nothing while another server is usable", arguments: Upstream.Balance.allCases)
    func backup(_ balance: Upstream.Balance) {
        let group = group(backups: [2], balance)
        func chosen() -> Set<Int?> { Set((0..<40).map { choose(group, for: UInt64($0)) }) }
        #expect(chosen() == [0, 1])
        fail(group, 0)
        #expect(chosen() == [1])
        fail(group, 1)
        #expect(chosen() == [2])
        // Once the pause is over, a request tries the server; others stay with the backup until that has succeeded.
        #expect(choose(group, for: 7, after: 60_000) != 2)
        group.servers[0].endpoints[0].noteSuccess()
        #expect(chosen() == [0])
    }

    @Test("A request that no other server has taken goes to the backup, and to an ejected server after that")
    func backupAfterAttempts() {
        let group = group(backups: [2])
        #expect(choose(group, excluding: [slot(group, 0), slot(group, 1)]) == 2)
        for index in 0..<3 { fail(group, index) }
        #expect(choose(group) != nil)
        #expect(choose(group, excluding: (0..<3).map { slot(group, $0) }) == nil)
    }

    @Test("A server that fails its check gives way to a backup, and is used again if that fails its check too")
    func backupAfterChecks() {
        let group = group(weights: [1, 1], backups: [1])
        func check(_ index: Int) {
            for _ in 0..<2 {
                _ = group.servers[index].endpoints[0].noteCheck("it failed", fall: 2, rise: 1, now: start)
            }
        }
        check(0)
        #expect(choose(group) == 1)
        check(1)
        #expect(Set((0..<10).map { _ in choose(group) }) == [0, 1])
    }

    @Test("A name that has yet to be looked up keeps a backup waiting; one that can't be looked up doesn't")
    func backupAndNames() {
        let (name, backup) = (
            OriginAddress.tcp(host: "api.test", port: 80), OriginAddress.tcp(host: "192.0.2.9", port: 80)
        )
        var settings = Upstream(name: "u", servers: [name, backup])
        settings.backups = [backup]
        let group = UpstreamGroup(settings: settings)
        let gate = Gate()
        let resolver = Resolver { _, _ in
            while !gate.isOpen.load(ordering: .relaxed) { usleep(1000) }
            return .failed("there is no such name")
        }
        guard case .names = group.choose(excluding: [], now: start, resolver: resolver, waiter: nil) else {
            gate.isOpen.store(true, ordering: .relaxed)
            Issue.record("the backup was used at once")
            return
        }
        gate.isOpen.store(true, ordering: .relaxed)
        for _ in 0..<10_000 where !group.servers[0].hasFailedName { usleep(1000) }
        #expect(choose(group) == 1)
    }

    // MARK: Keys

    private static let keys = (0..<30_000).map { HashRank.number(of: "key \($0)") }

    @Test("The same key goes to the same server, in each process, and keys are spread by weight")
    func spread() {
        let (first, second) = (group(weights: [2, 1, 1], .hash), group(weights: [2, 1, 1], .hash))
        let chosen = Self.keys.map { choose(first, for: $0) }
        #expect(chosen == Self.keys.map { choose(second, for: $0) })
        for (index, share) in [(0, 15_000), (1, 7_500), (2, 7_500)] {
            let count = chosen.count { $0 == index }
            #expect(abs(count - share) < 600, "server \(index): \(count) of \(share)")
        }
    }

    @Test("An ejected server moves its own keys alone, to all others, and takes them back")
    func moving() {
        let group = group(weights: [1, 1, 1, 1], .hash)
        let before = Self.keys.map { choose(group, for: $0) }
        fail(group, 2)
        let during = Self.keys.map { choose(group, for: $0) }
        for (old, new) in zip(before, during) where old != 2 { #expect(old == new) }
        let moved = zip(before, during).filter { $0.0 == 2 }.map(\.1)
        for index in [0, 1, 3] {
            let count = moved.count { $0 == index }
            #expect(abs(count - moved.count / 3) < 300, "server \(index): \(count) of \(moved.count)")
        }
        group.servers[2].endpoints[0].noteSuccess()
        #expect(Self.keys.map { choose(group, for: $0) } == before)
    }

    @Test("A server that is added takes keys from all others, and none change places otherwise")
    func adding() {
        let (three, four) = (group(weights: [1, 1, 1], .hash), group(weights: [1, 1, 1, 1], .hash))
        var taken = 0
        for key in Self.keys {
            let (old, new) = (choose(three, for: key), choose(four, for: key))
            if new == 3 { taken += 1 } else { #expect(old == new) }
        }
        #expect(abs(taken - Self.keys.count / 4) < 600)
    }

    @Test("A retry goes to the next server of the key, the same for each request")
    func retries() {
        let group = group(weights: [1, 1, 1, 1], .hash)
        for key in Self.keys.prefix(100) {
            guard let first = choose(group, for: key) else { continue }
            let second = choose(group, for: key, excluding: [slot(group, first)])
            #expect(second != first && second == choose(group, for: key, excluding: [slot(group, first)]))
        }
    }

    @Test("A request without a key goes to the servers in turn")
    func noKey() {
        let group = group(.hash)
        let turns = (0..<9).map { _ in choose(group) }
        #expect([0, 1, 2].allSatisfy { index in turns.count { $0 == index } == 3 })
    }

    @Test("A key tells the addresses of a name apart, and the health of one is no matter to the keys of others")
    func addressesOfAName() throws {
        let addresses = try (1...4).map { try #require(SocketAddress(numericHost: "192.0.2.\($0)", port: 80)) }
        var settings = Upstream(name: "u", servers: [.tcp(host: "api.test", port: 80)])
        settings.balance = .hash
        let group = UpstreamGroup(settings: settings)
        let resolver = Resolver { _, _ in .addresses(addresses) }
        func choose(_ key: UInt64) -> Endpoint? {
            let choice = group.choose(for: key, excluding: [], now: start, resolver: resolver, waiter: nil)
            if case .endpoint(let endpoint, _, _) = choice { return endpoint }
            return nil
        }
        _ = choose(1)
        for _ in 0..<10_000 where group.servers[0].endpoints.isEmpty { usleep(1000) }
        let keys = Self.keys.prefix(2_000)
        let before = keys.map { choose($0)?.slot }
        #expect(Set(before).count == 4)
        #expect(before == keys.map { choose($0)?.slot })
        let ejected = group.servers[0].endpoints[1]
        ejected.noteFailure(ofAttemptFrom: start, now: start)
        for (old, key) in zip(before, keys) {
            let new = choose(key)?.slot
            #expect(old == ejected.slot ? new != old : new == old)
        }
    }
}
