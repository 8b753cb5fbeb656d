// A single server that has every key, over one connection.

import CacheStorage
import EventLoop

final class SingleTopology: Topology {
    let connections: [RedisConnection]
    private let connection: RedisConnection

    /// - Parameter resolver: needed if the server is given by a host name.
    init(loop: EventLoop, settings: RedisSettings, resolver: Resolver?) {
        connection = RedisConnection(loop: loop, settings: settings, resolver: resolver)
        connections = [connection]
    }

    var state: StoreState { connection.state.availability }

    func open(delegate: any RedisConnectionDelegate) {
        connection.delegate = delegate
        connection.open()
    }

    func connection(for key: CacheKey) -> RedisConnection { connection }
    func probe(on connection: RedisConnection) -> [UInt8] { Array("\(connection.settings.prefix)probe".utf8) }

    /// Nothing to do: the connection reconnects by itself, and there is no other to use instead.
    func connectionDidChangeAvailability(_ connection: RedisConnection) {}

    func close() { connection.close() }
}
