// Which connection leads to the server for a key, and the combined state of all connections. It opens, replaces and
// closes connections; it never sends a record.

import CacheStorage

/// Used on the thread of its connections. The store, which is the delegate of each of them, passes their changes on.
protocol Topology: AnyObject {
    /// All connections, serving or not.
    var connections: [RedisConnection] { get }

    /// The state that users of the store see.
    var state: StoreState { get }

    /// Starts connecting.
    /// - Parameter delegate: the delegate of every connection, including later ones; not retained.
    func open(delegate: any RedisConnectionDelegate)

    /// The connection to the server for `key`. It may be down; its `state` says so.
    func connection(for key: CacheKey) -> RedisConnection

    /// Whether several servers have the keys, so that each command's keys must belong together.
    var isSplit: Bool { get }

    /// Keys that one command may have, with the connection to their server. None is left out.
    func split(_ keys: [CacheKey]) -> [(connection: RedisConnection, keys: [CacheKey])]

    /// The name of a key for trying whether that server takes writes.
    func probe(on connection: RedisConnection) -> [UInt8]

    /// Tells the present servers from those that had the keys before; 0 where there is only ever one.
    var number: UInt64 { get }

    /// The counters of all connections, including those that are closed.
    func addFigures(to sum: inout RemoteStoreFigures)

    /// A server has replied that it doesn't have a key, or doesn't serve it now; ``RedisConnection/redirection`` may say who does.
    func connection(_ connection: RedisConnection, didRefuse kind: RedisErrorKind)

    /// The connection to the server that a key is being moved to; nil if there is none yet.
    func connection(asking redirection: Redirection, from connection: RedisConnection) -> RedisConnection?

    /// `availability` of one of the connections has changed.
    func connectionDidChangeAvailability(_ connection: RedisConnection)

    /// Closes all connections for good.
    func close()
}

/// Of a single server that has every key.
extension Topology {
    var isSplit: Bool { false }

    func split(_ keys: [CacheKey]) -> [(connection: RedisConnection, keys: [CacheKey])] {
        keys.first.map { [(connection(for: $0), keys)] } ?? []
    }

    var number: UInt64 { connections.first?.masterNumber ?? 0 }

    func addFigures(to sum: inout RemoteStoreFigures) {
        for connection in connections { connection.addFigures(to: &sum) }
    }

    func connection(_ connection: RedisConnection, didRefuse kind: RedisErrorKind) {}

    func connection(asking redirection: Redirection, from connection: RedisConnection) -> RedisConnection? { nil }
}
