// The bound on memory held by responses that are still arriving. Without it, many large fetches at once could hold far
// more than the store may. A fetch that gets no share isn't stored; it streams through as if it were too large.

import Synchronization

/// Bytes lent to builders in progress, over all workers. Threads share one.
package final class FillBudget: Sendable {
    private let limit: Atomic<Int>
    private let lent = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)

    package init(bytes limit: Int) {
        self.limit = Atomic(limit)
    }

    /// Bytes lent at the moment, and how often a request for more was refused.
    package var inUse: Int { lent.load(ordering: .relaxed) }
    package var refusals: Int { refusedCount.load(ordering: .relaxed) }

    /// Changes the bound for what is lent from now on.
    package func resize(bytes: Int) {
        limit.store(bytes, ordering: .relaxed)
    }

    /// Lends `count` bytes, or nothing at all.
    func borrow(_ count: Int) -> Bool {
        let total = lent.wrappingAdd(count, ordering: .relaxed).newValue
        if total <= limit.load(ordering: .relaxed) { return true }
        lent.wrappingSubtract(count, ordering: .relaxed)
        refusedCount.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    func giveBack(_ count: Int) {
        lent.wrappingSubtract(count, ordering: .relaxed)
    }
}
