// The figures of the memory store, for `/stats` and `/metrics`.

/// Figures of the memory store. All but the first three are counters that only grow.
package struct MemoryStoreFigures: Sendable, BitwiseCopyable, Equatable {
    package var entries = 0
    /// Bytes held, metadata included, and the limit.
    package var bytes = 0
    package var limit = 0
    package var hits = 0
    package var misses = 0
    package var stores = 0
    /// Stores that replaced an earlier record.
    package var replacements = 0
    package var removals = 0
    /// Records evicted to make room.
    package var evictions = 0
    /// Records removed because they had expired.
    package var expirations = 0
    /// Records rejected because they alone exceed the limit.
    package var rejectedAsTooLarge = 0

    package init() {}

    mutating func add(_ shard: borrowing MemoryShard) {
        entries += shard.count
        bytes += shard.bytes
        hits += shard.counters.hits
        misses += shard.counters.misses
        stores += shard.counters.stores
        replacements += shard.counters.replacements
        removals += shard.counters.removals
        evictions += shard.counters.evictions
        expirations += shard.counters.expirations
    }
}
