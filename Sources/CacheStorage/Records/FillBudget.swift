// The limit on memory held by responses that are still arriving. Without it, many large concurrent fetches could hold
// far more than the store's limit. A response that exceeds the budget isn't stored; it is streamed through as if it
// were too large.

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
