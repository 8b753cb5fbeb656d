// A worker's connections to origins: idle ones kept for reuse, all of them counted against the upstream's bound.

import Configuration
import EventLoop

/// Belongs to one worker's thread.
final class OriginPool {
    private struct Shelf {
        /// The last one used is taken first, so that the others can grow old and go.
        var idle: [OriginConnection] = []
        var open = 0
    }
    private var shelves: [Shelf] = []
    private(set) var opened = 0
    private(set) var reused = 0
    var idleCount: Int { shelves.reduce(0) { $0 + $1.idle.count } }
    var openCount: Int { shelves.reduce(0) { $0 + $1.open } }

    /// An idle connection to the server, fit for use.
    func take(_ server: OriginServer) -> OriginConnection? {
        guard server.slot < shelves.count, let connection = shelves[server.slot].idle.popLast() else { return nil }
        connection.clearDeadline()
        reused += 1
        return connection
    }

    /// Whether one more connection may be opened.
    func mayOpen(_ server: OriginServer, limit: Int) -> Bool {
        limit == 0 || server.slot >= shelves.count || shelves[server.slot].open < limit
    }

    /// Keeps a connection whose answer is complete, for as long as the upstream's settings allow.
    func giveBack(_ connection: OriginConnection, settings: Upstream) {
        connection.fetch = nil
        let slot = connection.server.slot
        guard settings.keepalive > 0, shelves[slot].idle.count < settings.keepalive, connection.isOpen else {
            connection.discard()
            return
        }
        connection.hasServed = true
        connection.wait(for: .read)
        connection.setDeadline(afterMilliseconds: settings.keepaliveTimeout.rawValue)
        shelves[slot].idle.append(connection)
    }

    /// An idle connection has ended.
    func drop(_ connection: OriginConnection) {
        shelves[connection.server.slot].idle.removeAll { $0 === connection }
        connection.discard()
    }

    /// Closes every idle connection, as the worker stops.
    func closeIdle() {
        for slot in shelves.indices {
            let idle = shelves[slot].idle
            shelves[slot].idle = []
            for connection in idle { connection.discard() }
        }
    }

    func opened(_ server: OriginServer) {
        while shelves.count <= server.slot { shelves.append(Shelf()) }
        shelves[server.slot].open += 1
        opened += 1
    }

    func closed(_ server: OriginServer) { shelves[server.slot].open -= 1 }
}
