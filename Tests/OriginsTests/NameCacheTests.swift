import EventLoop
import Testing

@testable import Origins

// The addresses of a name, with given times and results of the resolver.

@Suite("Names of servers: addresses are used in turn, expire, and survive a failed resolution")
struct NameCacheTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)
    private let lifetime: Int64 = 30_000

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    private func address(_ last: Int) throws -> SocketAddress {
        try #require(SocketAddress(numericHost: "192.0.2.\(last)", port: 80))
    }

    private func resolved(_ addresses: [SocketAddress]) -> NameCache<Int> {
        var cache = NameCache<Int>(fixed: [])
        _ = cache.locate(now: start, waiter: nil)
        _ = cache.settle(.addresses(addresses), now: start, lifetimeMilliseconds: lifetime)
        return cache
    }

    @Test("A server configured by its address is never resolved")
    func fixed() throws {
        let only = try address(1)
        var cache = NameCache<Int>(fixed: [only])
        for time in [start, later(1_000_000_000)] {
            let (location, asks) = cache.locate(now: time, waiter: 1)
            #expect(location == .address(only) && !asks)
        }
    }

    @Test("The first request has the name resolved, and all others meanwhile wait for that")
    func firstLookUp() throws {
        var cache = NameCache<Int>(fixed: [])
        let first = cache.locate(now: start, waiter: 1)
        #expect(first.location == .pending && first.asks)
        let second = cache.locate(now: later(5), waiter: 2)
        #expect(second.location == .pending && !second.asks)
        let withoutWaiting = cache.locate(now: later(6), waiter: nil)
        #expect(withoutWaiting.location == .pending && !withoutWaiting.asks)

        let only = try address(1)
        let settled = cache.settle(.addresses([only]), now: later(10), lifetimeMilliseconds: lifetime)
        #expect(settled.waiters == [1, 2] && settled.failure == nil)
        let third = cache.locate(now: later(10), waiter: 3)
        #expect(third.location == .address(only) && !third.asks)
        // No waiter is called twice.
        #expect(cache.settle(.addresses([only]), now: later(20), lifetimeMilliseconds: lifetime).waiters.isEmpty)
    }

    @Test("Addresses are used in turn")
    func turns() throws {
        let all = try (1...3).map(address)
        var cache = resolved(all)
        let taken = (0..<6).map { _ in cache.locate(now: start, waiter: nil).location }
        #expect(taken == [all[1], all[2], all[0], all[1], all[2], all[0]].map { .address($0) })
    }

    @Test("After its lifetime a name is resolved once, and the old addresses are used until the new ones are known")
    func expiry() throws {
        let (old, new) = (try address(1), try address(2))
        var cache = resolved([old])
        #expect(!cache.locate(now: later(lifetime - 1), waiter: nil).asks)
        let due = cache.locate(now: later(lifetime), waiter: 1)
        #expect(due.location == .address(old) && due.asks)
        #expect(!cache.locate(now: later(lifetime + 1), waiter: nil).asks)
        let settled = cache.settle(.addresses([new]), now: later(lifetime + 2), lifetimeMilliseconds: lifetime)
        #expect(settled.waiters.isEmpty)
        #expect(cache.locate(now: later(lifetime + 3), waiter: nil).location == .address(new))
    }

    @Test(
        "After a failure the name is asked for again in two seconds, or sooner with a shorter lifetime",
        arguments: [(30_000, 2_000), (2_000, 2_000), (700, 700)] as [(Int64, Int64)])
    func failure(lifetime: Int64, pause: Int64) {
        var cache = NameCache<Int>(fixed: [])
        _ = cache.locate(now: start, waiter: 1)
        let settled = cache.settle(.failed("no such name"), now: start, lifetimeMilliseconds: lifetime)
        #expect(settled.waiters == [1] && settled.failure == "no such name")
        let early = cache.locate(now: later(pause - 1), waiter: 2)
        #expect(early.location == .pending && !early.asks)
        let due = cache.locate(now: later(pause), waiter: 3)
        #expect(due.location == .pending && due.asks)
    }

    @Test("Known addresses survive a failed resolution")
    func failureAfterSuccess() throws {
        let known = try address(1)
        var cache = resolved([known])
        #expect(cache.locate(now: later(lifetime), waiter: nil).asks)
        _ = cache.settle(.failed("no such name"), now: later(lifetime), lifetimeMilliseconds: lifetime)
        let next = cache.locate(now: later(lifetime + 1_999), waiter: 1)
        #expect(next.location == .address(known) && !next.asks)
        #expect(cache.locate(now: later(lifetime + 2_000), waiter: 1).asks)
    }
}
