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

    /// `availability` of one of the connections has changed.
    func connectionDidChangeAvailability(_ connection: RedisConnection)

    /// Closes all connections for good.
    func close()
}
