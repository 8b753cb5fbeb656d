import EventLoop
import Testing

@testable import Origins

// The addresses of a name, with given times and results of the resolver.

@Suite("Names of servers: looked up when due, repeated while somebody waits, and known addresses survive a failure")
struct NameCacheTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)
    private let lifetime: Int64 = 30_000

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    private func address(_ last: Int) throws -> SocketAddress {
        try #require(SocketAddress(numericHost: "192.0.2.\(last)", port: 80))
    }

    private func resolved(_ addresses: [SocketAddress]) -> NameCache<Int> {
        var cache = NameCache<Int>()
        _ = cache.locate(now: start, waiter: nil)
        _ = cache.settle(.addresses(addresses), now: start, lifetimeMilliseconds: lifetime)
        return cache
    }

    /// What is expected of a state: addresses, when to look again, or that nobody waits.
    private enum Expected: Equatable {
        case known([SocketAddress])
        case pending(MonotonicTime?)
        case failing

        init(_ state: NameState) {
            switch state {
            case .known(let endpoints): self = .known(endpoints.map(\.address))
            case .pending(let time): self = .pending(time)
            case .failing: self = .failing
            }
        }
    }

    private func locate(_ cache: inout NameCache<Int>, _ milliseconds: Int64, waiter: Int? = nil) -> (Expected, Bool) {
        let (state, asks) = cache.locate(now: later(milliseconds), waiter: waiter)
        return (Expected(state), asks)
    }

    @Test("The first request has the name looked up, and all others meanwhile wait for that")
    func firstLookUp() throws {
        var cache = NameCache<Int>()
        #expect(locate(&cache, 0, waiter: 1) == (.pending(nil), true))
        #expect(locate(&cache, 5, waiter: 2) == (.pending(nil), false))
        // A worker is told once, however many of its requests wait.
        #expect(locate(&cache, 5, waiter: 2) == (.pending(nil), false))
        #expect(locate(&cache, 6) == (.pending(nil), false))

        let only = try address(1)
        #expect(cache.settle(.addresses([only]), now: later(10), lifetimeMilliseconds: lifetime) == [1, 2])
        #expect(locate(&cache, 10, waiter: 3) == (.known([only]), false))
        #expect(cache.settle(.addresses([only]), now: later(20), lifetimeMilliseconds: lifetime) == [])
    }

    @Test("After its lifetime a name is looked up once, and the old addresses are used until the new ones are known")
    func expiry() throws {
        let (old, new) = (try address(1), try address(2))
        var cache = resolved([old])
        #expect(locate(&cache, lifetime - 1) == (.known([old]), false))
        #expect(locate(&cache, lifetime, waiter: 1) == (.known([old]), true))
        #expect(locate(&cache, lifetime + 1) == (.known([old]), false))
        #expect(cache.settle(.addresses([new]), now: later(lifetime + 2), lifetimeMilliseconds: lifetime) == [])
        #expect(locate(&cache, lifetime + 3) == (.known([new]), false))
    }

    @Test("An address that stays keeps its endpoint, one that leaves is retired, one that returns is a new one")
    func identity() throws {
        let (first, second, third) = (try address(1), try address(2), try address(3))
        var cache = resolved([first, second])
        let before = cache.endpoints
        before[1].noteFailure(ofAttemptFrom: start, now: start)
        _ = cache.settle(.addresses([second, third]), now: start, lifetimeMilliseconds: lifetime)
        #expect(cache.endpoints.map(\.address) == [second, third])
        #expect(cache.endpoints[0] === before[1])
        #expect(cache.endpoints[0].health(now: start) != .up)
        #expect(before[0].isRetired && !before[1].isRetired && !cache.endpoints[1].isRetired)
        _ = cache.settle(.addresses([first]), now: start, lifetimeMilliseconds: lifetime)
        #expect(cache.endpoints[0] !== before[0] && !cache.endpoints[0].isRetired)
        #expect(before[1].isRetired)
    }

    @Test("While somebody waits, a failed look-up is repeated after a quarter of a second, and ever later up to two")
    func repetition() {
        var cache = NameCache<Int>()
        var now: Int64 = 0
        for pause: Int64 in [250, 500, 1_000, 2_000, 2_000] {
            #expect(locate(&cache, now, waiter: 1) == (.pending(nil), true))
            #expect(cache.settle(.failed("no such name"), now: later(now), lifetimeMilliseconds: lifetime) == [1])
            #expect(cache.hasFailed)
            #expect(locate(&cache, now + pause - 1, waiter: 1) == (.pending(later(now + pause)), false))
            now += pause
        }
    }

    @Test("A lifetime shorter than the pause is the pause")
    func shortLifetime() {
        var cache = NameCache<Int>()
        _ = cache.locate(now: start, waiter: 1)
        _ = cache.settle(.failed("no such name"), now: start, lifetimeMilliseconds: 100)
        #expect(locate(&cache, 99) == (.pending(later(100)), false))
        #expect(locate(&cache, 100) == (.pending(nil), true))
    }

    @Test("After ten seconds of failures requests wait for the look-up that is due, and for no other")
    func patience() throws {
        var cache = NameCache<Int>()
        var now: Int64 = 0
        while now < 12_000 {
            _ = cache.locate(now: later(now), waiter: 1)
            _ = cache.settle(.failed("no such name"), now: later(now), lifetimeMilliseconds: lifetime)
            now += 2_000
        }
        #expect(locate(&cache, now - 1_999, waiter: 1) == (.failing, false))
        #expect(locate(&cache, now, waiter: 1) == (.pending(nil), true))
        #expect(locate(&cache, now + 1, waiter: 2) == (.pending(nil), false))
        let only = try address(1)
        #expect(cache.settle(.addresses([only]), now: later(now), lifetimeMilliseconds: lifetime) == [1, 2])
        #expect(locate(&cache, now + 2) == (.known([only]), false))
        #expect(!cache.hasFailed)
    }

    @Test("Known addresses survive a failed look-up, and one that finds nothing")
    func failureAfterSuccess() throws {
        let known = try address(1)
        for resolution: Resolution in [.failed("no such name"), .addresses([])] {
            var cache = resolved([known])
            #expect(locate(&cache, lifetime) == (.known([known]), true))
            _ = cache.settle(resolution, now: later(lifetime), lifetimeMilliseconds: lifetime)
            #expect(locate(&cache, lifetime + 1_999, waiter: 1) == (.known([known]), false))
            #expect(locate(&cache, lifetime + 2_000, waiter: 1) == (.known([known]), true))
            #expect(!cache.endpoints[0].isRetired)
        }
    }
}

@Suite("Those who wait for a name")
struct NameWaitsTests {
    private final class Waiter {}
    private func time(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(milliseconds: milliseconds) }

    @Test("Each is told at its own deadline, or asks again when a look-up is due")
    func due() {
        var waits = NameWaits<Waiter>()
        let (first, second, third) = (Waiter(), Waiter(), Waiter())
        #expect(waits.next == nil)
        waits.add(first, until: time(100), lookAgain: time(40))
        waits.add(second, until: time(50), lookAgain: nil)
        waits.add(third, until: time(30), lookAgain: time(60))
        #expect(waits.next == time(30))
        #expect(waits.takeDue(now: time(29)).late.count == 0)
        let early = waits.takeDue(now: time(30))
        #expect(early.late.count == 1 && early.late[0] === third && early.again.isEmpty)
        let later = waits.takeDue(now: time(50))
        #expect(later.late.count == 1 && later.late[0] === second)
        #expect(later.again.count == 1 && later.again[0] === first)
        #expect(waits.count == 0 && waits.next == nil)
    }

    @Test("Those whose name was looked up are taken out, and so is whoever waits no longer")
    func taken() {
        var waits = NameWaits<Waiter>()
        let (first, second) = (Waiter(), Waiter())
        waits.add(first, until: time(100), lookAgain: nil)
        waits.add(second, until: time(200), lookAgain: nil)
        #expect(waits.take { $0 === second }.count == 1)
        #expect(waits.take { $0 === second }.count == 0)
        waits.remove(first)
        #expect(waits.count == 0)
    }
}
