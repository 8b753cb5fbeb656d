// The limit on memory held by responses that are still arriving, or were read from a remote store. Without it, many large
// concurrent fetches could hold far more than the store's limit. A response that exceeds the budget isn't stored; it is
// streamed through as if it were too large. A record that exceeds it isn't read; the request continues as after a miss.

import Synchronization

/// Bytes reserved by builders in progress, over all workers. Thread-safe.
package final class FillBudget: Sendable {
    private let limit: Atomic<Int>
    private let reserved = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)

    package init(bytes limit: Int) {
        self.limit = Atomic(limit)
    }

    /// Bytes currently reserved. `refusals` counts the reservations that failed.
    package var inUse: Int { reserved.load(ordering: .relaxed) }
    package var refusals: Int { refusedCount.load(ordering: .relaxed) }

    /// Changes the limit for future reservations.
    package func resize(bytes: Int) {
        limit.store(bytes, ordering: .relaxed)
    }

    /// Whether `count` bytes could be reserved now; counted as a refusal if not.
    package func hasRoom(for count: Int) -> Bool {
        guard reserve(count) else { return false }
        release(count)
        return true
    }

    /// Reserves `count` bytes, or nothing at all.
    func reserve(_ count: Int) -> Bool {
        let total = reserved.wrappingAdd(count, ordering: .relaxed).newValue
        if total <= limit.load(ordering: .relaxed) { return true }
        reserved.wrappingSubtract(count, ordering: .relaxed)
        refusedCount.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    func release(_ count: Int) {
        reserved.wrappingSubtract(count, ordering: .relaxed)
    }
}

/// Bytes of the budget that one record holds until it is released, or until ``end()``. Thread-safe.
package final class MemoryReservation: Sendable {
    private let budget: FillBudget
    private let bytes: Atomic<Int>

    /// Nil if the budget has no room for `count` bytes.
    init?(_ count: Int, from budget: FillBudget) {
        guard budget.reserve(count) else { return nil }
        self.budget = budget
        bytes = Atomic(count)
    }

    deinit { end() }

    /// Returns the bytes to the budget.
    func end() { budget.release(bytes.exchange(0, ordering: .relaxed)) }
}
