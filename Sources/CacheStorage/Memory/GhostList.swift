// Remembers which keys left the small queue lately, without their records: a key that comes back soon has shown that it
// is wanted, and goes to the main queue at once. Four bytes of hash stand for a key; a wrong guess costs one badly
// placed entry, nothing more.

/// Recently departed tags, in a direct-mapped table.
struct GhostList: Sendable {
    /// `tag << 32 | when`; the last one to fall on a place keeps it.
    private var places: [UInt64] = []
    private var clock: UInt32 = 1

    var footprint: Int { places.count * MemoryLayout<UInt64>.stride }

    /// Notes that `tag` left. The table follows the index in size.
    mutating func insert(_ tag: UInt32, capacity: Int) {
        if places.count != capacity { resize(to: capacity) }
        guard !places.isEmpty else { return }
        places[place(of: tag)] = UInt64(tag) << 32 | UInt64(clock)
        clock &+= 1
    }

    /// Whether `tag` left within the last `window` departures; if so it is forgotten.
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
