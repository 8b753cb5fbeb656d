// The memory that responses under way hold beyond the store, over all workers (`limits.memory`): what is arriving, what clients
// haven't taken, records read from a remote store, and records that the memory store has let go of while somebody still holds
// them. What arrives is refused at the limit, and is then streamed without being kept. What is held already can't be refused:
// a shortage is counted, and those that have clients cut off the ones that hold most.

import Synchronization

/// Thread-safe; one for the process.
package final class MemoryBudget: Sendable {
    private let limit: Atomic<Int>
    private let total = Atomic<Int>(0)
    private let arrivingBytes = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)
    private let shortageCount = Atomic<Int>(0)

    /// - Parameter limit: `limits.memory`.
    package init(bytes limit: Int) { self.limit = Atomic(limit) }

    /// Bytes held, of whatever kind.
    package var inUse: Int { total.load(ordering: .relaxed) }
    /// Bytes of responses that are still arriving.
    package var arriving: Int { arrivingBytes.load(ordering: .relaxed) }
    package var bytes: Int { limit.load(ordering: .relaxed) }
    /// Reservations that failed.
    package var refusals: Int { refusedCount.load(ordering: .relaxed) }
    /// How often something didn't fit, refused or not. It only grows: whoever looks compares it with what it saw before.
    package var shortages: Int { shortageCount.load(ordering: .relaxed) }

    /// Changes the limit for future reservations.
    package func resize(bytes: Int) { limit.store(bytes, ordering: .relaxed) }

    /// Reserves `count` bytes for a response that arrives, or nothing at all.
    package func reserve(_ count: Int) -> Bool {
        let sum = total.wrappingAdd(count, ordering: .relaxed).newValue
        guard sum <= bytes else {
            total.wrappingSubtract(count, ordering: .relaxed)
            refusedCount.wrappingAdd(1, ordering: .relaxed)
            shortageCount.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        arrivingBytes.wrappingAdd(count, ordering: .relaxed)
        return true
    }

    /// Reserves `count` bytes if half of the limit is free after that, or nothing at all, which isn't a shortage: for what
    /// can do with less.
    package func reserveIfPlenty(_ count: Int) -> Bool {
        let sum = total.wrappingAdd(count, ordering: .relaxed).newValue
        guard sum <= bytes / 2 else {
            total.wrappingSubtract(count, ordering: .relaxed)
            return false
        }
        arrivingBytes.wrappingAdd(count, ordering: .relaxed)
        return true
    }

    /// Whether ``reserveIfPlenty(_:)`` would succeed now.
    package func hasPlenty(for count: Int) -> Bool { inUse + count <= bytes / 2 }

    /// Whether `count` bytes could be reserved now; counted as a refusal if not.
    package func hasRoom(for count: Int) -> Bool {
        guard reserve(count) else { return false }
        release(count)
        return true
    }

    /// Returns what was reserved.
    package func release(_ count: Int) {
        total.wrappingSubtract(count, ordering: .relaxed)
        arrivingBytes.wrappingSubtract(count, ordering: .relaxed)
    }

    /// Counts bytes that are held in any case; a negative number takes them back.
    package func hold(_ count: Int) {
        let sum = total.wrappingAdd(count, ordering: .relaxed).newValue
        if count > 0, sum > bytes { shortageCount.wrappingAdd(1, ordering: .relaxed) }
    }
}
