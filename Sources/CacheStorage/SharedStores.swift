// What the caches of all workers of one process share: the memory store, the invalidations, the table of
// variants, and the records in use. A worker uses them through its own `Cache`; operations without a worker, such as a reload or a report, are
// here.

/// May be used on any thread.
package final class SharedStores: Sendable {
    let memory: MemoryStore
    let clock = InvalidationClock()
    /// Purges by anything but keys, whose records stay where they are.
    package let purges: PurgeLog
    /// On their way to other processes.
    package let outbox: PurgeOutbox
    let variants = VariantTable()
    /// Of the remote store.
    package let liveRecords = LiveRecords()
    let writes = WritesUnderWay()
    /// Of changes in the remote store.
    package let hearing = Hearing()
    let watchedKeys = WatchedKeys()
    let claims = ClaimNumbers()
    /// Of the remote store.
    package let undelivered: UndeliveredRemovals

    /// - Parameter memoryBytes: the limit of the memory store, metadata included.
    package init(memoryBytes: Int) {
        memory = MemoryStore(bytes: memoryBytes)
        purges = PurgeLog()
        let outbox = PurgeOutbox(purges)
        self.outbox = outbox
        undelivered = UndeliveredRemovals { outbox.send(.everything) }
    }

    /// A message of the remote store has named these keys: copies in memory of what was there before are gone, and what is
    /// being written there isn't found on its way any more, for the change may be a later one.
    package func forget(_ keys: some Sequence<CacheKey>, in message: UInt64) {
        for key in keys {
            memory.name(key, in: message)
            writes.hide(key)
            watchedKeys.tell(key)
        }
    }

    /// A message has named everything.
    package func forgetAll() {
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.everything.isBroken { return }
        #endif
        hearing.renewSession()
        writes.hideAll()
        watchedKeys.tellAll()
    }

    /// Nothing has been heard for a while, or nothing will be: who waits for word of a key looks by itself.
    package func wakeWatchers() { watchedKeys.tellAll() }

    /// Positions of purges come from elsewhere from now on. Those so far, and what is stored with them, mean nothing there.
    package func forgetPurges() {
        purges.restart(at: .start)
        memory.removeAll()
    }

    /// Changes the limit of the memory store and evicts down to it.
    package func resize(memoryBytes: Int) { memory.resize(bytes: memoryBytes) }

    /// Bytes that the memory store holds now, metadata included.
    package var memoryBytes: Int { memory.heldBytes }

    /// The figures of the memory store; locks every shard in turn.
    package var memoryFigures: MemoryStoreFigures { memory.figures }

    /// How much is remembered of what was invalidated.
    package var invalidationFigures: InvalidationFigures { clock.figures }
}
