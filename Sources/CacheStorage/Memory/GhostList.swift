// Remembers which keys were recently evicted from the small queue, without their records: a key that is stored again
// soon is popular and goes to the main queue directly. A four-byte hash represents a key; a collision only puts one
// entry into the wrong queue.

/// The hash tags of recently evicted keys, in a direct-mapped table.
struct GhostList: Sendable {
    /// `tag << 32 | when`; a later tag overwrites an earlier one at the same place.
    private var places: [UInt64] = []
    private var clock: UInt32 = 1

    var footprint: Int { places.count * MemoryLayout<UInt64>.stride }

    /// Notes the eviction of `tag`. The table grows with the index.
    mutating func insert(_ tag: UInt32, capacity: Int) {
        if places.count != capacity { resize(to: capacity) }
        guard !places.isEmpty else { return }
        places[place(of: tag)] = UInt64(tag) << 32 | UInt64(clock)
        clock &+= 1
    }

    /// Whether `tag` is among the last `window` evictions; if so, it is removed.
    mutating func take(_ tag: UInt32, window: Int) -> Bool {
        guard !places.isEmpty else { return false }
        let index = place(of: tag)
        let held = places[index]
        guard held != 0, UInt32(held >> 32) == tag else { return false }
        places[index] = 0
        return Int(clock &- UInt32(truncatingIfNeeded: held)) <= window
    }

    mutating func empty() {
        places = []
    }

    private mutating func resize(to capacity: Int) {
        let old = places
        places = Array(repeating: 0, count: capacity)
        guard capacity > 0 else { return }
        for held in old where held != 0 { places[place(of: UInt32(held >> 32))] = held }
    }

    private func place(of tag: UInt32) -> Int {
        Int((UInt64(tag) * UInt64(places.count)) >> 32)
    }
}
