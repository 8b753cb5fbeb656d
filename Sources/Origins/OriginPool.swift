// The pool of a worker's connections to origins: which are idle, and how many are open, by server. It knows neither
// sockets nor time: `OriginAccess` opens and closes connections and sets their time-outs.

/// A list per server, indexed by its slot. Used only on one worker's thread.
struct OriginPool<Connection: AnyObject> {
    private struct PerServer {
        /// The most recently used one is taken first, so that the others can time out.
        var idle: [Connection] = []
        var open = 0
    }
    private var servers: [PerServer] = []
    /// Connections opened, and idle ones reused, since the start.
    private(set) var connects = 0
    private(set) var reuses = 0

    var idleCount: Int { servers.reduce(0) { $0 + $1.idle.count } }
    var openCount: Int { servers.reduce(0) { $0 + $1.open } }

    /// Removes an idle connection to the server from the pool and returns it.
    mutating func take(_ slot: Int) -> Connection? {
        guard slot < servers.count, let connection = servers[slot].idle.popLast() else { return nil }
        reuses += 1
        return connection
    }

    /// Whether one more connection may be opened.
    /// - Parameter limit: maximum number of open connections to the server; 0 means unlimited.
    func mayOpen(_ slot: Int, limit: Int) -> Bool {
        limit == 0 || slot >= servers.count || servers[slot].open < limit
    }

    /// Keeps a connection for reuse, unless `limit` idle ones are kept already.
    /// - Returns: whether it is kept.
    mutating func keep(_ connection: Connection, _ slot: Int, limit: Int) -> Bool {
        guard servers[slot].idle.count < limit else { return false }
        servers[slot].idle.append(connection)
        return true
    }

    /// Removes an idle connection that has ended.
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
