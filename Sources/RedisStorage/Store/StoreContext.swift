// What the parts of the store share: settings, counters, the delivery queue, and the topology.

import CacheStorage
import EventLoop

/// Shared by a store and its parts, on its loop's thread.
final class StoreContext {
    let loop: EventLoop
    let settings: RedisSettings
    /// The prefix of every key; its hexadecimal digits follow.
    let keyPrefix: [UInt8]
    let topology: any Topology
    let deliveries: DeliveryQueue
    /// What records that are read may take of the memory, and those in use, over all workers.
    let budget: MemoryBudget
    let liveRecords: LiveRecords
    /// Removals that Redis couldn't take, over all workers.
    let undelivered: UndeliveredRemovals
    /// Of this process and of others, and how far they are heard of.
    let purges: PurgeLog
    private let hearing: Hearing
    /// The store's own counters; connections keep theirs.
    var figures = RemoteStoreFigures()

    init(
        loop: EventLoop, settings: RedisSettings, topology: any Topology, budget: MemoryBudget,
        liveRecords: LiveRecords, undelivered: UndeliveredRemovals, purges: PurgeLog, hearing: Hearing
    ) {
        self.undelivered = undelivered
        self.purges = purges
        self.hearing = hearing
        self.budget = budget
        self.liveRecords = liveRecords
        self.loop = loop
        self.settings = settings
        self.topology = topology
        keyPrefix = Array(settings.prefix.utf8)
        deliveries = DeliveryQueue(loop: loop)
    }

    /// Whether every purge of other processes is known here.
    var knowsPurges: Bool { hearing.knowsPurges(at: WallTime(milliseconds: loop.clockMilliseconds)) }
}
