// What the workers of one process share: what their caches share, the count of clients, the resolver, the logs.

import Bytes
import CacheStorage
import Clients
import Configuration
import EventLoop
import Routing

/// Shared by all threads.
package final class SharedState: Sendable {
    package let stores: SharedStores
    package let fillBudget: FillBudget
    package let resolver = Resolver()
    package let log: EventLog
    package let accessLog: AccessLogSink
    let fills = FillTable()
    let searchRules = SearchRules()
    let clients = ClientCount()

    package init(store: StoreSettings, log: EventLog, accessLog: AccessLogSink) {
        stores = SharedStores(memoryBytes: Int(store.memory.rawValue))
        fillBudget = FillBudget(bytes: Self.fillBudget(for: store))
        self.log = log
        self.accessLog = accessLog
    }

    /// Responses that are arriving may hold a quarter of the memory bound, and at least a few of the largest.
    private static func fillBudget(for store: StoreSettings) -> Int {
        max(Int(store.memory.rawValue) / 4, 8 * Int(store.object.rawValue))
    }

    /// A reload changed the bounds.
    package func resize(for store: StoreSettings) {
        stores.resize(memoryBytes: Int(store.memory.rawValue))
        fillBudget.resize(bytes: Self.fillBudget(for: store))
    }

    /// Bytes of memory that some limit counts: of stored responses, and of those under way.
    package var countedBytes: Int { stores.memoryBytes + fillBudget.inUse }

    package var clientCount: Int { clients.value }

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
