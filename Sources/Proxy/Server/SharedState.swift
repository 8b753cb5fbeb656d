// What the workers of one process share: what their caches share, the count of clients, the resolver, the logs.

import Bytes
import CacheStorage
import Clients
import Configuration
import EventLoop
import HTTPWire
import Routing

/// Shared by all threads.
package final class SharedState: Sendable {
    package let stores: SharedStores
    package let memory: MemoryBudget
    package let resolver = Resolver()
    package let log: EventLog
    package let accessLog: AccessLogSink
    let storeWatch: StoreWatch
    let limitWatch = LimitWatch()
    let fills = FillTable()
    let searchRules = SearchRules()
    package let lastResponses = LastResponses()
    let clients = ClientCount()
    package let descriptors: DescriptorReserve
    /// Workers of this process.
    let workerCount: Int
    /// The name of this process in Via of requests, which no other Larder has: one behind another is no loop.
    let pseudonym: [UInt8]

    /// - Parameter descriptorLimit: how many descriptors the process may open.
    package init(
        _ configuration: Configuration, workers: Int, descriptorLimit: Int, log: EventLog, accessLog: AccessLogSink
    ) {
        stores = SharedStores(memoryBytes: Int(configuration.store.memory.rawValue))
        memory = MemoryBudget(bytes: Int(configuration.limits.memory.rawValue))
        descriptors = DescriptorReserve(limit: descriptorLimit, workers: workers)
        workerCount = workers
        pseudonym = Self.newPseudonym()
        self.log = log
        storeWatch = StoreWatch(log: log)
        self.accessLog = accessLog
    }

    private static func newPseudonym() -> [UInt8] {
        var name = Array("\(Forwarding.pseudonym)-".utf8)
        for _ in 0..<12 { name.append(UInt8.random(in: 0..<16).hexDigit) }
        return name
    }

    /// A reload changed the bounds.
    package func resize(for configuration: Configuration) {
        stores.resize(memoryBytes: Int(configuration.store.memory.rawValue))
        memory.resize(bytes: Int(configuration.limits.memory.rawValue))
    }

    /// Bytes of memory that some limit counts: of stored responses, and of those under way.
    package var countedBytes: Int { stores.memoryBytes + memory.inUse }

    /// Fills under way that several requests may share, and keys known to bring what can't be shared. Takes one lock
    /// after another, from any thread.
    package var fillCounts: (underWay: Int, hitForMiss: Int) {
        let counts = fills.counts
        return (counts.fills, counts.hitForMiss)
    }

    /// The keys under which a response to the request that `composer` read last may be stored: one, or two where its
    /// path has said which differences between queries don't matter.
    package func keys(of composer: inout KeyComposer, by recipe: KeyRecipe) -> [CacheKey] {
        searchRules.keys(of: &composer, by: recipe)
    }
}
