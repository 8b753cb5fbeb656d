import Testing

@testable import Origins

// Which connections are idle and how many are open, by server.

@Suite("The pool of connections")
struct OriginPoolTests {
    private final class Connection {}

    @Test("The most recently used connection is taken first, and each server has its own")
    func order() {
        var pool = OriginPool<Connection>()
        let all = (0..<3).map { _ in Connection() }
        for connection in all {
            pool.noteOpened(2)
            let isKept = pool.keep(connection, 2, limit: 8)
            #expect(isKept)
        }
        #expect(pool.idleCount == 3)
        #expect(pool.take(0) == nil)
        #expect(pool.take(7) == nil)
        #expect(pool.take(2) === all[2])
        #expect(pool.take(2) === all[1])
        #expect(pool.take(2) === all[0])
        #expect(pool.take(2) == nil)
        #expect(pool.reuses == 3 && pool.connects == 3 && pool.openCount == 3 && pool.idleCount == 0)
    }

    @Test("No more than the limit are kept, and none with a limit of zero", arguments: [0, 1, 3])
    func keepLimit(limit: Int) {
        var pool = OriginPool<Connection>()
        let kept = (0..<5).map { _ in
            pool.noteOpened(0)
            return pool.keep(Connection(), 0, limit: limit)
        }
        #expect(kept.filter { $0 }.count == limit)
        #expect(pool.idleCount == limit)
    }

    @Test("Idle connections count against the limit of a server's connections, another server's don't")
    func openLimit() {
        var pool = OriginPool<Connection>()
        #expect(pool.mayOpen(0, limit: 1))
        pool.noteOpened(0)
        _ = pool.keep(Connection(), 0, limit: 8)
        #expect(!pool.mayOpen(0, limit: 1))
        #expect(pool.mayOpen(0, limit: 2))
        #expect(pool.mayOpen(0, limit: 0))
        #expect(pool.mayOpen(1, limit: 1))
        pool.noteClosed(0)
        #expect(pool.mayOpen(0, limit: 1))
    }

    @Test("An idle connection that has ended is removed, whatever its position")
    func removal() {
        var pool = OriginPool<Connection>()
        let all = (0..<3).map { _ in Connection() }
        for connection in all {
            pool.noteOpened(0)
            _ = pool.keep(connection, 0, limit: 8)
        }
        pool.remove(all[1], 0)
        pool.noteClosed(0)
        #expect(pool.idleCount == 2 && pool.openCount == 2)
        #expect(pool.take(0) === all[2])
        #expect(pool.take(0) === all[0])
    }
}
