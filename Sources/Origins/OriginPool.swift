// The bookkeeping of a worker's connections to origins: which are idle, and how many are open, by server. It knows neither
// sockets nor time: `OriginAccess` opens, closes and times them.

/// A list for each server, by its slot. Belongs to one worker's thread.
struct OriginPool<Connection: AnyObject> {
    private struct PerServer {
        /// The last one used is taken first, so that the others can grow old and go.
        var idle: [Connection] = []
        var open = 0
    }
    private var servers: [PerServer] = []
    /// Connections opened, and idle ones taken, since the start.
    private(set) var connects = 0
    private(set) var reuses = 0

    var idleCount: Int { servers.reduce(0) { $0 + $1.idle.count } }
    var openCount: Int { servers.reduce(0) { $0 + $1.open } }

    /// An idle connection to the server, which is no longer the pool's.
    mutating func take(_ slot: Int) -> Connection? {
        guard slot < servers.count, let connection = servers[slot].idle.popLast() else { return nil }
        reuses += 1
        return connection
    }

    /// Whether one more connection may be opened.
    /// - Parameter limit: 0 is none.
    func mayOpen(_ slot: Int, limit: Int) -> Bool {
        limit == 0 || slot >= servers.count || servers[slot].open < limit
    }

    /// Keeps a connection for reuse, unless there are `limit` already.
    /// - Returns: whether it is kept.
    mutating func keep(_ connection: Connection, _ slot: Int, limit: Int) -> Bool {
        guard servers[slot].idle.count < limit else { return false }
        servers[slot].idle.append(connection)
        return true
    }

    /// An idle connection has ended.
    mutating func remove(_ connection: Connection, _ slot: Int) {
        servers[slot].idle.removeAll { $0 === connection }
    }

    mutating func noteOpened(_ slot: Int) {
        while servers.count <= slot { servers.append(PerServer()) }
        servers[slot].open += 1
        connects += 1
    }

    mutating func noteClosed(_ slot: Int) { servers[slot].open -= 1 }
}
