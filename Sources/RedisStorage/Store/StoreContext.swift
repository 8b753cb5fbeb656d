// What the parts of the store have in common: settings, counters, results on their way to users, and the way to a
// connection.

import CacheStorage
import EventLoop

/// Shared by a store and its parts, on its loop's thread.
final class StoreContext {
    let loop: EventLoop
    let settings: RedisSettings
    /// Begins every key; its hexadecimal digits follow.
    let keyPrefix: [UInt8]
    let topology: any Topology
    let deliveries: DeliveryQueue
    /// Counters of the store's own; those of connections are kept by them.
    var figures = RemoteStoreFigures()

    init(loop: EventLoop, settings: RedisSettings, topology: any Topology) {
        self.loop = loop
        self.settings = settings
        self.topology = topology
        keyPrefix = Array(settings.prefix.utf8)
        deliveries = DeliveryQueue(loop: loop)
    }
}
