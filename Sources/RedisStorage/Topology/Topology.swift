// Which connection leads to the server that holds a key, and what the connections amount to as one store. It opens,
// replaces and closes connections; it never sends a record.

import CacheStorage

/// Used on the thread of its connections. It is told of their changes by the store, which is the delegate of each.
protocol Topology: AnyObject {
    /// Every connection there is, serving or not.
    var connections: [RedisConnection] { get }

    /// What users of the store may expect.
    var state: StoreState { get }

    /// Begins to connect.
    /// - Parameter delegate: of every connection, those of later too; not retained.
    func open(delegate: any RedisConnectionDelegate)

    /// The connection to the server that holds `key`. It may be down; its `state` says so.
    func connection(for key: CacheKey) -> RedisConnection

    /// `availability` of one of the connections has changed.
    func connectionDidChangeAvailability(_ connection: RedisConnection)

    /// Closes every connection. Final.
    func close()
}
