// The pool of a worker's connections to origins: which are idle, and how many are open, by address. It has neither sockets
// nor a clock: `OriginAccess` opens and closes connections and sets their time-outs.

import EventLoop

/// A connection as the pool sees it.
protocol PooledConnection: AnyObject {
    var endpoint: Endpoint { get }
    var opened: MonotonicTime { get }
    /// It isn't used again before that.
    var restsUntil: MonotonicTime { get }
}

extension PooledConnection {
    /// Whether it may carry another request: not beyond its maximum age, nor to an address that its server's name doesn't
    /// have any more.
    func mayBeReused(now: MonotonicTime, maximumAge: Int64) -> Bool {
        !endpoint.isRetired && now.milliseconds(since: opened) < maximumAge
    }
}

/// A list per address, indexed by its slot. Used only on one worker's thread.
struct OriginPool<Connection: PooledConnection> {
    private struct PerAddress {
        /// The most recently used one is taken first, so that the others can time out.
        var idle: [Connection] = []
        var open = 0
    }
    private var addresses: [PerAddress] = []
    /// Connections opened, and idle ones reused, since the start.
    private(set) var connects = 0
    private(set) var reuses = 0
    /// Connections that were not reused because of their age, or because their address had left the name.
    private(set) var retirements = 0

    var idleCount: Int { addresses.reduce(0) { $0 + $1.idle.count } }
    var openCount: Int { addresses.reduce(0) { $0 + $1.open } }
    /// One idle connection of each address.
    var representatives: [Connection] { addresses.compactMap(\.idle.first) }

    /// Removes an idle connection to the address and returns it, unless all of them rest.
    /// - Returns: whether it may carry another request; otherwise the caller closes it and asks again.
    mutating func take(_ endpoint: Endpoint, now: MonotonicTime, maximumAge: Int64) -> (Connection, isUsable: Bool)? {
        let slot = endpoint.slot
        guard slot < addresses.count, let place = addresses[slot].idle.lastIndex(where: { $0.restsUntil <= now }) else {
            return nil
        }
        let connection = addresses[slot].idle.remove(at: place)
        let isUsable = connection.mayBeReused(now: now, maximumAge: maximumAge)
        if isUsable { reuses += 1 } else { retirements += 1 }
        return (connection, isUsable)
    }

    /// Removes the connection to the address that has been idle for longest, to make room for another one.
    mutating func takeOldest(_ endpoint: Endpoint) -> Connection? {
        guard endpoint.slot < addresses.count, !addresses[endpoint.slot].idle.isEmpty else { return nil }
        return addresses[endpoint.slot].idle.removeFirst()
    }

    /// Whether one more connection may be opened.
    /// - Parameter limit: maximum number of open connections to the address; 0 means unlimited.
    func mayOpen(_ endpoint: Endpoint, limit: Int) -> Bool {
        limit == 0 || endpoint.slot >= addresses.count || addresses[endpoint.slot].open < limit
    }

    /// Keeps a connection for reuse, unless `limit` idle ones are kept already or it may carry no more requests.
    /// - Returns: whether it is kept.
    mutating func keep(_ connection: Connection, limit: Int, now: MonotonicTime, maximumAge: Int64) -> Bool {
        guard connection.mayBeReused(now: now, maximumAge: maximumAge) else {
            retirements += 1
            return false
        }
        let slot = connection.endpoint.slot
        guard addresses[slot].idle.count < limit else { return false }
        addresses[slot].idle.append(connection)
        return true
    }

    /// Removes an idle connection that has ended.
    mutating func remove(_ connection: Connection) {
        addresses[connection.endpoint.slot].idle.removeAll { $0 === connection }
    }

    /// Removes the idle connections to addresses that have left their server's name, and returns them.
    mutating func takeRetired() -> [Connection] {
        var retired: [Connection] = []
        for slot in addresses.indices where addresses[slot].idle.first?.endpoint.isRetired == true {
            retired += addresses[slot].idle
            addresses[slot].idle.removeAll()
        }
        retirements += retired.count
        return retired
    }

    /// Removes some idle connection, to make room for another one.
    mutating func takeAny() -> Connection? {
        guard let slot = addresses.firstIndex(where: { !$0.idle.isEmpty }) else { return nil }
        return addresses[slot].idle.removeFirst()
    }

    mutating func noteOpened(_ endpoint: Endpoint) {
        while addresses.count <= endpoint.slot { addresses.append(PerAddress()) }
        addresses[endpoint.slot].open += 1
        connects += 1
    }

    mutating func noteReuse() { reuses += 1 }
    mutating func noteRetirement() { retirements += 1 }
    mutating func noteClosed(_ endpoint: Endpoint) { addresses[endpoint.slot].open -= 1 }
}
