// One shard of the memory store: its slots, its two queues, its counters. Called under its lock; it knows neither the
// limit nor a clock. The rules of S3-FIFO are here: which queue a record joins, when it moves from the small to the
// main one, which record is evicted.

struct MemoryShard: Sendable {
    /// Event counters for the store's figures.
    struct Counters: Sendable {
        var hits = 0
        var misses = 0
        var stores = 0
        var replacements = 0
        var removals = 0
        var evictions = 0
        var expirations = 0
    }

    private(set) var counters = Counters()
    /// Footprint of all records, and of those in the small queue.
    private(set) var recordBytes = 0
    private(set) var smallBytes = 0

    private var slots: [Slot] = []
    private var freeSlots = Line()
    private var small = Line()
    private var main = Line()
    private var index = KeyIndex()
    private var ghosts = GhostList()
    private var sweepPosition = 0
    /// The number of the last message that named any of the keys which share a place; empty until one does.
    private var namings: [UInt64] = []

    var count: Int { small.count + main.count }

    /// All bytes of the shard: records, tables, and the shard itself.
    var bytes: Int {
        recordBytes + slots.capacity * MemoryLayout<Slot>.stride + index.footprint + ghosts.footprint
            + namings.capacity * MemoryLayout<UInt64>.stride + MemoryLayout<MemoryShard>.stride
    }

    /// The record at `key`, if its key text is `keyText` and it may still be used. An expired one is removed and returned in
    /// `departed`.
    /// - Parameter session: the one whose copies may be used; 0 where nothing is a copy.
    mutating func lookup(
        _ key: CacheKey, tag: UInt32, keyText: Span<UInt8>, now: WallTime, session: UInt32,
        departed: inout StoredResponse?
    ) -> StoredResponse? {
        guard let slot = find(key, tag), slots[slot].isOf(session) else {
            counters.misses += 1
            return nil
        }
        guard now < slots[slot].usableUntil else {
            guard slots[slot].discardAt <= now else {
                counters.misses += 1
                return nil
            }
            departed = remove(slot, tag: tag)
            counters.expirations += 1
            counters.misses += 1
            return nil
        }
        guard let response = slots[slot].response, response.hasKeyText(keyText) else {
            counters.misses += 1
            return nil
        }
        if slots[slot].uses < Slot.mostUses { slots[slot].uses += 1 }
        counters.hits += 1
        return response
    }

    /// The same without side effects.
    func peek(
        _ key: CacheKey, tag: UInt32, keyText: Span<UInt8>, now: WallTime, session: UInt32
    ) -> StoredResponse? {
        guard let slot = find(key, tag), now < slots[slot].usableUntil,
            slots[slot].isOf(session), let response = slots[slot].response,
            response.hasKeyText(keyText)
        else { return nil }
        return response
    }

    /// The record at `key`, usable or not.
    mutating func lookUpKept(
        _ key: CacheKey, tag: UInt32, keyText: Span<UInt8>, now: WallTime, isCounted: Bool
    ) -> StoredResponse? {
        guard let slot = find(key, tag), now < slots[slot].discardAt, let response = slots[slot].response,
            response.hasKeyText(keyText)
        else { return nil }
        if isCounted {
            if slots[slot].uses < Slot.mostUses { slots[slot].uses += 1 }
            counters.hits += 1
        }
        return response
    }

    /// Whether `current` is the record at `key`.
    func holds(_ current: StoredResponse, at key: CacheKey, tag: UInt32) -> Bool {
        guard let slot = find(key, tag) else { return false }
        return slots[slot].response === current
    }

    /// Whether the record at `key` has that id.
    func holds(recordOf id: UInt64, at key: CacheKey, tag: UInt32) -> Bool {
        guard let slot = find(key, tag) else { return false }
        return slots[slot].response?.id == id
    }

    /// Stores `response`; returns the record that it replaced.
    mutating func store(
        _ key: CacheKey, tag: UInt32, _ response: StoredResponse, usableUntil: WallTime = .never, session: UInt32 = 0
    ) -> StoredResponse? {
        counters.stores += 1
        response.entered()
        if let slot = find(key, tag) {
            counters.replacements += 1
            let old = slots[slot].response
            add(response.footprint - (old?.footprint ?? 0), to: slots[slot].queue)
            slots[slot].response = response
            slots[slot].discardAt = response.discardAt
            slots[slot].usableUntil = min(usableUntil, response.discardAt)
            slots[slot].session = session
            old?.left()
            return old
        }
        let slot = takeFreeSlot()
        slots[slot].high = key.high
        slots[slot].low = key.low
        slots[slot].response = response
        slots[slot].discardAt = response.discardAt
        slots[slot].usableUntil = min(usableUntil, response.discardAt)
        slots[slot].session = session
        slots[slot].uses = 0
        let isReturning = ghosts.take(tag, window: max(main.count, 16))
        join(isReturning ? .main : .small, slot)
        add(response.footprint, to: slots[slot].queue)
        index.insert(tag, slot: slot)
        return nil
    }

    /// A message has named the key, or one that shares its place.
    mutating func name(tag: UInt32, in message: UInt64) {
        if namings.isEmpty { namings = [UInt64](repeating: 0, count: Self.namingCount) }
        namings[Self.naming(tag)] = message
    }

    /// Whether a message after that one may have named the key.
    func isNamed(tag: UInt32, since message: UInt64) -> Bool {
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.named.isBroken { return false }
        #endif
        return !namings.isEmpty && namings[Self.naming(tag)] > message
    }

    private static let namingCount = 4096
    private static func naming(_ tag: UInt32) -> Int { Int(tag) & (namingCount - 1) }

    mutating func remove(_ key: CacheKey, tag: UInt32) -> StoredResponse? {
        guard let slot = find(key, tag) else { return nil }
        counters.removals += 1
        return remove(slot, tag: tag)
    }

    /// Evicts the next record of the small queue, never `newcomer`. Records that were hit while in the small queue move
    /// to the main queue instead.
    mutating func evictFromSmall(sparing newcomer: StoredResponse?, tagOf: (CacheKey) -> UInt32) -> StoredResponse? {
        while small.oldest != Slot.none {
            let slot = Int(small.oldest)
            if let newcomer, slots[slot].response === newcomer { return nil }
            if slots[slot].uses == 0 {
                let tag = tagOf(CacheKey(high: slots[slot].high, low: slots[slot].low))
                ghosts.insert(tag, capacity: index.capacity)
                counters.evictions += 1
                return remove(slot, tag: tag)
            }
            let footprint = slots[slot].response?.footprint ?? 0
            leave(slot)
            add(-footprint, to: .small)
            slots[slot].uses = 0
            join(.main, slot)
            add(footprint, to: .main)
        }
        return nil
    }

    /// Evicts the next record of the main queue, never `newcomer`. A record that was hit is requeued, once for each hit
    /// up to three.
    mutating func evictFromMain(sparing newcomer: StoredResponse?, tagOf: (CacheKey) -> UInt32) -> StoredResponse? {
        while main.oldest != Slot.none {
            let slot = Int(main.oldest)
            if let newcomer, slots[slot].response === newcomer {
                if main.count == 1 { return nil }
                leave(slot)
                join(.main, slot)
                continue
            }
            if slots[slot].uses == 0 {
                counters.evictions += 1
                return remove(slot, tag: tagOf(CacheKey(high: slots[slot].high, low: slots[slot].low)))
            }
            slots[slot].uses -= 1
            leave(slot)
            join(.main, slot)
        }
        return nil
    }

    /// Checks the next `limit` slots and removes expired records.
    mutating func sweep(limit: Int, now: WallTime, tagOf: (CacheKey) -> UInt32) -> [StoredResponse] {
        var expired: [StoredResponse] = []
        for _ in 0..<min(limit, slots.count) {
            if sweepPosition >= slots.count { sweepPosition = 0 }
            let slot = sweepPosition
            sweepPosition += 1
            guard slots[slot].queue != .free, slots[slot].discardAt <= now else { continue }
            counters.expirations += 1
            let tag = tagOf(CacheKey(high: slots[slot].high, low: slots[slot].low))
            if let response = remove(slot, tag: tag) { expired.append(response) }
        }
        return expired
    }

    /// Removes everything, tables included; the counters stay.
    mutating func empty() -> [StoredResponse] {
        let held = slots.compactMap(\.response)
        for response in held { response.left() }
        let (counters, namings) = (counters, namings)
        self = MemoryShard()
        self.counters = counters
        self.namings = namings
        self.counters.removals += held.count
        return held
    }

    /// Frees table space that is unused after the limit was lowered.
    mutating func shrink(tagOf: (CacheKey) -> UInt32) {
        guard slots.capacity > 64, slots.capacity > 4 * count else { return }
        let old = slots
        let lines = [(small, SlotQueue.small), (main, SlotQueue.main)]
        let kept = count
        slots = []
        slots.reserveCapacity(kept)
        (small, main, freeSlots, index, sweepPosition) = (Line(), Line(), Line(), KeyIndex(), 0)
        ghosts.empty()
        for (line, queue) in lines {
            var position = line.oldest
            while position != Slot.none {
                let moved = old[Int(position)]
                position = moved.newer
                slots.append(moved)
                join(queue, slots.count - 1)
                index.insert(tagOf(CacheKey(high: moved.high, low: moved.low)), slot: slots.count - 1)
            }
        }
    }

    private func find(_ key: CacheKey, _ tag: UInt32) -> Int? {
        index.find(tag) { slots[$0].high == key.high && slots[$0].low == key.low }
    }

    private mutating func remove(_ slot: Int, tag: UInt32) -> StoredResponse? {
        let response = slots[slot].response.take()
        response?.left()
        add(-(response?.footprint ?? 0), to: slots[slot].queue)
        leave(slot)
        join(.free, slot)
        index.remove(tag, slot: slot)
        return response
    }

    private mutating func takeFreeSlot() -> Int {
        guard freeSlots.oldest != Slot.none else {
            slots.append(Slot())
            return slots.count - 1
        }
        let slot = Int(freeSlots.oldest)
        leave(slot)
        return slot
    }

    private mutating func add(_ footprint: Int, to queue: SlotQueue) {
        recordBytes += footprint
        if queue == .small { smallBytes += footprint }
    }

    private mutating func join(_ queue: SlotQueue, _ slot: Int) {
        slots[slot].queue = queue
        switch queue {
        case .free: freeSlots.append(slot, in: &slots)
        case .small: small.append(slot, in: &slots)
        case .main: main.append(slot, in: &slots)
        }
    }

    private mutating func leave(_ slot: Int) {
        switch slots[slot].queue {
        case .free: freeSlots.unlink(slot, in: &slots)
        case .small: small.unlink(slot, in: &slots)
        case .main: main.unlink(slot, in: &slots)
        }
    }
}
