import EventLoop
import Testing

@testable import Origins

// Which connections are idle and how many are open, by address; with addresses that leave their name, and with time given.

@Suite("The pool of connections")
struct OriginPoolTests {
    private final class Connection: PooledConnection {
        let endpoint: Endpoint
        let opened: MonotonicTime
        let restsUntil: MonotonicTime

        init(to endpoint: Endpoint, opened: Int64 = 0, restsUntil: Int64 = 0) {
            self.endpoint = endpoint
            self.restsUntil = MonotonicTime(milliseconds: restsUntil)
            self.opened = MonotonicTime(milliseconds: opened)
        }
    }

    private let age: Int64 = 60_000

    private func time(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(milliseconds: milliseconds) }

    private func endpoints(_ count: Int) throws -> [Endpoint] {
        try (0..<count).map { Endpoint(try #require(SocketAddress(numericHost: "192.0.2.\($0)", port: 80))) }
    }

    private func filled(
        _ pool: inout OriginPool<Connection>, _ endpoint: Endpoint, _ count: Int, limit: Int = 8
    ) -> [Connection] {
        (0..<count).map { _ in
            let connection = Connection(to: endpoint)
            pool.noteOpened(endpoint)
            _ = pool.keep(connection, limit: limit, now: time(0), maximumAge: age)
            return connection
        }
    }

    private func take(_ pool: inout OriginPool<Connection>, _ endpoint: Endpoint, at now: Int64 = 1) -> Connection? {
        pool.take(endpoint, now: time(now), maximumAge: age).flatMap { $1 ? $0 : nil }
    }

    @Test("The most recently used connection is taken first, and each address has its own")
    func order() throws {
        var pool = OriginPool<Connection>()
        let all = try endpoints(2)
        let kept = filled(&pool, all[0], 3)
        #expect(pool.idleCount == 3)
        #expect(take(&pool, all[1]) == nil)
        #expect(take(&pool, all[0]) === kept[2])
        #expect(take(&pool, all[0]) === kept[1])
        #expect(take(&pool, all[0]) === kept[0])
        #expect(take(&pool, all[0]) == nil)
        #expect(pool.reuses == 3 && pool.connects == 3 && pool.openCount == 3 && pool.idleCount == 0)
    }

    @Test("No more than the limit are kept, and none with a limit of zero", arguments: [0, 1, 3])
    func keepLimit(limit: Int) throws {
        var pool = OriginPool<Connection>()
        _ = filled(&pool, try endpoints(1)[0], 5, limit: limit)
        #expect(pool.idleCount == limit && pool.openCount == 5)
    }

    @Test("Idle connections count against the limit of an address's connections, another address's don't")
    func openLimit() throws {
        var pool = OriginPool<Connection>()
        let all = try endpoints(2)
        #expect(pool.mayOpen(all[0], limit: 1))
        _ = filled(&pool, all[0], 1)
        #expect(!pool.mayOpen(all[0], limit: 1))
        #expect(pool.mayOpen(all[0], limit: 2))
        #expect(pool.mayOpen(all[0], limit: 0))
        #expect(pool.mayOpen(all[1], limit: 1))
        pool.noteClosed(all[0])
        #expect(pool.mayOpen(all[0], limit: 1))
    }

    @Test("An idle connection that has ended is removed, whatever its position")
    func removal() throws {
        var pool = OriginPool<Connection>()
        let endpoint = try endpoints(1)[0]
        let all = filled(&pool, endpoint, 3)
        pool.remove(all[1])
        pool.noteClosed(endpoint)
        #expect(pool.idleCount == 2 && pool.openCount == 2)
        #expect(take(&pool, endpoint) === all[2])
        #expect(take(&pool, endpoint) === all[0])
    }

    @Test("A connection whose address has left the name is neither kept nor reused, and others are")
    func retirement() throws {
        var pool = OriginPool<Connection>()
        let all = try endpoints(2)
        _ = filled(&pool, all[0], 2)
        let staying = filled(&pool, all[1], 1)
        let busy = Connection(to: all[0])
        pool.noteOpened(all[0])
        all[0].retire()
        #expect(pool.keep(busy, limit: 8, now: time(1), maximumAge: age) == false)
        let taken = pool.take(all[0], now: time(1), maximumAge: age)
        #expect(taken?.isUsable == false)
        #expect(pool.takeRetired().count == 1)
        #expect(pool.takeRetired().count == 0)
        #expect(pool.retirements == 3 && pool.reuses == 0)
        #expect(take(&pool, all[1]) === staying[0])
    }

    @Test("A connection is not reused beyond its maximum age, nor kept")
    func maximumAge() throws {
        var pool = OriginPool<Connection>()
        let endpoint = try endpoints(1)[0]
        let kept = filled(&pool, endpoint, 2)
        #expect(take(&pool, endpoint, at: age - 1) === kept[1])
        #expect(pool.keep(kept[1], limit: 8, now: time(age - 1), maximumAge: age) == true)
        #expect(take(&pool, endpoint, at: age) == nil)
        #expect(pool.keep(kept[1], limit: 8, now: time(age), maximumAge: age) == false)
        #expect(pool.retirements == 2)
    }

    @Test("An address that is gone makes room for another one, so that names which change for ever don't need more")
    func slots() throws {
        var highest = 0
        for _ in 0..<2_000 { highest = max(highest, try endpoints(3).map(\.slot).max() ?? 0) }
        // Other tests have endpoints at the same time.
        #expect(highest < 2_000)
    }

    @Test("For want of descriptors any idle connection makes room")
    func room() throws {
        var pool = OriginPool<Connection>()
        #expect(pool.takeAny() == nil)
        let all = filled(&pool, try endpoints(1)[0], 2)
        #expect(pool.takeAny() === all[0])
        #expect(pool.takeAny() === all[1])
        #expect(pool.takeAny() == nil)
    }

    @Test("A connection that rests is passed over until its time has come")
    func rest() throws {
        var pool = OriginPool<Connection>()
        let endpoint = try endpoints(1)[0]
        let (rested, resting) = (Connection(to: endpoint), Connection(to: endpoint, restsUntil: 1_001))
        for connection in [rested, resting] {
            pool.noteOpened(endpoint)
            _ = pool.keep(connection, limit: 8, now: time(1), maximumAge: age)
        }
        #expect(take(&pool, endpoint, at: 1_000) === rested)
        #expect(take(&pool, endpoint, at: 1_000) == nil)
        #expect(pool.reuses == 1 && pool.idleCount == 1)
        #expect(take(&pool, endpoint, at: 1_001) === resting)
    }

    @Test("Where no more connections may be opened, the one that was idle for longest makes room")
    func roomForOne() throws {
        var pool = OriginPool<Connection>()
        let all = try endpoints(2)
        #expect(pool.takeOldest(all[0]) == nil)
        let kept = filled(&pool, all[0], 2)
        #expect(pool.takeOldest(all[0]) === kept[0])
        #expect(pool.takeOldest(all[1]) == nil)
        #expect(pool.idleCount == 1)
    }
}
