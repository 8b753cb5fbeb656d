// What the caches of all workers of one process share: the memory store, the clock of invalidations, and the table of
// variants. A worker reaches them through its own `Cache`; what has no worker, such as a reload or a report, is here.

/// For any thread.
package final class SharedStores: Sendable {
    let memory: MemoryStore
    let clock = InvalidationClock()
    let variants = VariantTable()

    /// - Parameter memoryBytes: the bound of the memory store, bookkeeping included.
    package init(memoryBytes: Int) { memory = MemoryStore(bytes: memoryBytes) }

    /// Takes a new bound for the memory store and evicts down to it.
    package func resize(memoryBytes: Int) { memory.resize(bytes: memoryBytes) }

    /// The memory store's figures; takes every shard's lock in turn.
    package var memoryFigures: MemoryStoreFigures { memory.figures }

    /// From now on nothing of that name which was requested up to `time` is used any more. Nothing is deleted.
    package func invalidate(_ names: some Sequence<InvalidationName>, at time: WallTime) { clock.note(names, at: time) }
}
