// The store in memory, shared by all workers. It looks up, stores, removes and evicts records; it never judges
// freshness and never reads a clock.
//
// The table is split into shards by bits of the key, each with its own lock, which a request takes once and briefly.
// The byte limit applies to the whole store rather than to a shard, so that one object may be as large as the limit:
// storing evicts from one shard after the other, holding one lock at a time, until the total fits. Records are released
// outside the locks, since freeing a large one takes long.
//
// Eviction is S3-FIFO (Yang et al., SOSP 2023): new records join a small queue and move to the main one only if they
// are requested again while there or soon after their eviction. A scan therefore passes through the small queue without
// affecting the main one; SIEVE is simpler, but lets a long scan evict entries that weren't requested during it.

import Bytes
import Synchronization

package final class MemoryStore: Sendable {
    private static let shardCount = 64

    private let shards: InlineArray<64, Locked<MemoryShard>>
    /// Clients that choose URLs can choose keys; the seeds make their positions in the tables unpredictable.
    private let shardSeed = UInt64.random(in: .min ... .max) | 1
    private let tagSeed = UInt64.random(in: .min ... .max) | 1

    private let limit: Atomic<Int>
    /// Totals over the shards: all bytes, and those of records in small queues.
    private let bytes: Atomic<Int>
    private let smallBytes = Atomic<Int>(0)
    private let victimTurn = Atomic<Int>(0)
    private let sweepTurn = Atomic<Int>(0)
    private let rejected = Atomic<Int>(0)

    /// - Parameter limit: `store.memory`, metadata included.
    package init(bytes limit: Int) {
        self.limit = Atomic(limit)
        bytes = Atomic(Self.shardCount * MemoryShard().bytes)
        shards = InlineArray { _ in Locked(MemoryShard()) }
    }

    /// The record at `key` if its key text is `keyText` and it hasn't expired. One lock, one retain, no allocation.
    /// - Parameter session: the one whose copies may be used; 0 where nothing is a copy. See ``Hearing``.
    package func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, session: UInt32 = 0
    ) -> StoredResponse? {
        var departed: StoredResponse?
        let tag = tag(of: key)
        return shards[shard(of: key)].withLock { shard in
            let before = (shard.recordBytes, shard.smallBytes)
            let found = shard.lookup(key, tag: tag, keyText: keyText, now: now, session: session, departed: &departed)
            if found == nil {
                settle(shard.recordBytes - before.0, shard.smallBytes - before.1)
            }
            return found
        }
    }

    /// What ``lookup(_:keyText:now:)`` would return, without side effects: nothing is counted, marked as used, or
    /// removed. For `explain`.
    package func peek(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, session: UInt32 = 0
    ) -> StoredResponse? {
        let tag = tag(of: key)
        return shards[shard(of: key)].withLock {
            $0.peek(key, tag: tag, keyText: keyText, now: now, session: session)
        }
    }

    /// The record at `key` with that key text, whether or not it is still usable.
    func lookUpKept(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, isCounted: Bool
    ) -> StoredResponse? {
        let tag = tag(of: key)
        return shards[shard(of: key)].withLock {
            $0.lookUpKept(key, tag: tag, keyText: keyText, now: now, isCounted: isCounted)
        }
    }

    /// Stores `response` at `key`, replacing any earlier record. `false` if it alone exceeds the limit; the earlier
    /// record is then removed too, since it is out of date.
    /// - Parameter usableUntil: from then on only ``lookUpKept(_:keyText:now:isCounted:)`` finds it.
    /// - Parameter session: ``Hearing/shortLife`` for a copy of a remote record.
    /// - Parameter isOvertaken: asked under the lock that a removal takes too: whoever notes an invalidation first and
    ///   removes then, leaves nothing here that this returns true for.
    @discardableResult
    package func store(
        _ key: CacheKey, _ response: StoredResponse, usableUntil: WallTime = .never, session: UInt32 = 0,
        unless isOvertaken: () -> Bool = { false }
    ) -> Bool {
        guard fits(response) else {
            remove(key)
            return false
        }
        let tag = tag(of: key)
        let old = change(shard(of: key)) { shard in
            isOvertaken()
                ? nil : shard.store(key, tag: tag, response, usableUntil: usableUntil, session: session)
        }
        makeRoom(sparing: response)
        return withExtendedLifetime(old) { true }
    }

    /// Stores a copy of a remote record that was asked for at `mark`, unless the key was named since.
    /// - Parameters:
    ///   - usableUntil, isOvertaken: as above.
    ///   - hearing: which session lasts. Asked under the lock that ``name(_:in:)`` takes too: whatever order the two come in, no
    ///     copy of what was named is left.
    package func store(
        _ key: CacheKey, copy response: StoredResponse, of mark: HearingMark, _ hearing: Hearing,
        usableUntil: WallTime = .never, unless isOvertaken: () -> Bool
    ) {
        guard fits(response) else {
            remove(key)
            return
        }
        let tag = tag(of: key)
        let old = change(shard(of: key)) { shard in
            guard hearing.lasts(mark), !shard.isNamed(tag: tag, since: mark.message), !isOvertaken() else {
                return shard.remove(key, tag: tag)
            }
            return shard.store(key, tag: tag, response, usableUntil: usableUntil, session: mark.session)
        }
        makeRoom(sparing: response)
        withExtendedLifetime(old) {}
    }

    /// Whether a message after that one may have named the key.
    func isNamed(_ key: CacheKey, since message: UInt64) -> Bool {
        let tag = tag(of: key)
        return shards[shard(of: key)].withLock { $0.isNamed(tag: tag, since: message) }
    }

    /// A message has named the key: its record is removed, and copies that were asked for before aren't kept.
    func name(_ key: CacheKey, in message: UInt64) {
        let tag = tag(of: key)
        let old = change(shard(of: key)) { shard in
            shard.name(tag: tag, in: message)
            return shard.remove(key, tag: tag)
        }
        withExtendedLifetime(old) {}
    }

    /// Stores `response` at `key` only if `current` is still the record there: a refresh must not undo a removal made
    /// meanwhile.
    @discardableResult
    package func replace(_ key: CacheKey, with response: StoredResponse, ifCurrent current: StoredResponse) -> Bool {
        guard fits(response) else {
            remove(key, ifCurrent: current)
            return false
        }
        let tag = tag(of: key)
        let old: StoredResponse? = change(shard(of: key)) { shard in
            shard.holds(current, at: key, tag: tag) ? shard.store(key, tag: tag, response) : nil
        }
        guard old != nil else { return false }
        makeRoom(sparing: response)
        return true
    }

    /// Removes the record at `key`; returns whether there was one.
    @discardableResult
    package func remove(_ key: CacheKey) -> Bool {
        let tag = tag(of: key)
        let old = change(shard(of: key)) { $0.remove(key, tag: tag) }
        return old != nil
    }

    /// Removes the record at `key` only if it is `current`.
    @discardableResult
    package func remove(_ key: CacheKey, ifCurrent current: StoredResponse) -> Bool {
        let tag = tag(of: key)
        let old: StoredResponse? = change(shard(of: key)) { shard in
            shard.holds(current, at: key, tag: tag) ? shard.remove(key, tag: tag) : nil
        }
        return old != nil
    }

    /// Removes the record at `key` only if it has that id.
    func remove(_ key: CacheKey, ofRecord id: UInt64) {
        let tag = tag(of: key)
        _ = change(shard(of: key)) { shard in
            shard.holds(recordOf: id, at: key, tag: tag) ? shard.remove(key, tag: tag) : nil
        }
    }

    /// Empties the store; returns how many records were removed.
    @discardableResult
    package func removeAll() -> Int {
        var count = 0
        for index in 0..<Self.shardCount {
            count += change(index) { $0.empty() }.count
        }
        return count
    }

    /// Checks the next `limit` slots, removes the expired records and returns how many. Called by a timer: lookups
    /// remove the expired records that they find, this removes those that are no longer requested.
    @discardableResult
    package func sweep(limit: Int, now: WallTime) -> Int {
        let perShard = 64
        var removed = 0
        for _ in 0..<max(limit / perShard, 1) {
            let index = sweepTurn.wrappingAdd(1, ordering: .relaxed).oldValue & (Self.shardCount - 1)
            removed += change(index) { $0.sweep(limit: perShard, now: now, tagOf: tag) }.count
        }
        return removed
    }

    /// Changes the limit, evicts down to it, and frees table space.
    package func resize(bytes: Int) {
        limit.store(bytes, ordering: .relaxed)
        // The tables are still sized for the current contents. If they counted at first, they alone could force out
        // every record.
        var excess = -bytes
        for index in 0..<Self.shardCount { excess += shards[index].withLock { $0.recordBytes } }
        while excess > 0, let victim = evictOne(.main) ?? evictOne(.small) {
            excess -= victim.footprint
        }
        for index in 0..<Self.shardCount {
            change(index) { $0.shrink(tagOf: tag) }
        }
        makeRoom(sparing: nil)
    }

    /// Bytes held, metadata included. Takes no lock.
    package var heldBytes: Int { bytes.load(ordering: .relaxed) }

    /// All figures, at about the same moment; locks every shard in turn.
    package var figures: MemoryStoreFigures {
        var sum = MemoryStoreFigures()
        for index in 0..<Self.shardCount {
            shards[index].withLock { sum.add($0) }
        }
        sum.limit = limit.load(ordering: .relaxed)
        sum.rejectedAsTooLarge = rejected.load(ordering: .relaxed)
        return sum
    }

    // MARK: Room

    private func fits(_ response: StoredResponse) -> Bool {
        if response.footprint <= limit.load(ordering: .relaxed) { return true }
        rejected.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    private enum Queue { case small, main }

    /// Evicts until the total fits the limit: from the small queues while they hold more than a tenth of it, otherwise
    /// from the main ones. The new record is evicted last; otherwise a large one would push itself out of the small
    /// queue.
    private func makeRoom(sparing newcomer: StoredResponse?) {
        while bytes.load(ordering: .relaxed) > limit.load(ordering: .relaxed) {
            let isSmallOverShare = smallBytes.load(ordering: .relaxed) * 10 >= limit.load(ordering: .relaxed)
            let (first, second): (Queue, Queue) = isSmallOverShare ? (.small, .main) : (.main, .small)
            if evictOne(first, sparing: newcomer) ?? evictOne(second, sparing: newcomer) != nil { continue }
            if evictOne(.small) ?? evictOne(.main) == nil { return }
        }
    }

    /// Evicts one record, trying shard after shard; nil if none has one.
    private func evictOne(_ queue: Queue, sparing newcomer: StoredResponse? = nil) -> StoredResponse? {
        for _ in 0..<Self.shardCount {
            let index = victimTurn.wrappingAdd(1, ordering: .relaxed).oldValue & (Self.shardCount - 1)
            let victim = change(index) { shard in
                switch queue {
                case .small: shard.evictFromSmall(sparing: newcomer, tagOf: tag)
                case .main: shard.evictFromMain(sparing: newcomer, tagOf: tag)
                }
            }
            if let victim { return victim }
        }
        return nil
    }

    /// Runs `body` under the shard's lock and adds the change in its bytes to the totals.
    private func change<Result: Sendable>(_ index: Int, _ body: (inout MemoryShard) -> Result) -> Result {
        shards[index].withLock { shard in
            let before = (shard.bytes, shard.smallBytes)
            let result = body(&shard)
            settle(shard.bytes - before.0, shard.smallBytes - before.1)
            return result
        }
    }

    private func settle(_ bytesAdded: Int, _ smallBytesAdded: Int) {
        if bytesAdded != 0 { bytes.wrappingAdd(bytesAdded, ordering: .relaxed) }
        if smallBytesAdded != 0 { smallBytes.wrappingAdd(smallBytesAdded, ordering: .relaxed) }
    }

    private func shard(of key: CacheKey) -> Int {
        Int(truncatingIfNeeded: (key.high &* shardSeed) >> 58)
    }

    private func tag(of key: CacheKey) -> UInt32 {
        UInt32(truncatingIfNeeded: (key.low &* tagSeed) >> 32)
    }
}
