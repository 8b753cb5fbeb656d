// Removals that the remote store couldn't take: it was down, hung, or refused them for the time being. They are kept until it
// takes them, since other processes would be given the old records by it until then. Of the process, not of a connection: the
// first worker whose connection is back sends them, before its next look-up.

import Bytes
import Synchronization

/// Shared by all workers; may be used on any thread.
package final class UndeliveredRemovals: Sendable {
    private struct State {
        var keys: Set<CacheKey> = []
        /// `waiting` is the number of keys.
        var figures = UndeliveredFigures()
    }

    /// So many keys take some 4 MiB. Beyond it a removal is lost, and counted.
    package static let limit = 131_072

    private let limit: Int
    private let state = Locked(State())
    private let count = Atomic<Int>(0)

    package init(limit: Int = UndeliveredRemovals.limit) { self.limit = limit }

    /// One relaxed load.
    package var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }

    /// Keeps the removal of these keys until somebody takes it.
    package func keep(_ keys: [CacheKey]) {
        state.withLock { state in
            for key in keys where !state.keys.contains(key) {
                if state.keys.count < limit {
                    state.keys.insert(key)
                    state.figures.kept += 1
                } else {
                    state.figures.lost += 1
                }
            }
            count.store(state.keys.count, ordering: .relaxed)
        }
    }

    /// The store has refused the removal of so many keys for good.
    package func noteLost(_ keys: Int) { state.withLock { $0.figures.lost += keys } }

    /// Takes some of the keys. Whoever fails to deliver them keeps them again.
    package func take(atMost most: Int) -> [CacheKey] {
        if isEmpty { return [] }
        return state.withLock { state in
            let taken = Array(state.keys.prefix(most))
            state.keys.subtract(taken)
            count.store(state.keys.count, ordering: .relaxed)
            return taken
        }
    }

    package var figures: UndeliveredFigures {
        state.withLock { state in
            var figures = state.figures
            figures.waiting = state.keys.count
            return figures
        }
    }
}

/// What became of removals that the remote store couldn't take.
package struct UndeliveredFigures: Sendable, BitwiseCopyable, Equatable {
    /// Keys whose removal waits for the store.
    package var waiting = 0
    /// Keys whose removal was kept for later; only grows.
    package var kept = 0
    /// Keys whose removal the store refused for good, or for which there was no room; only grows.
    package var lost = 0

    package init(waiting: Int = 0, kept: Int = 0, lost: Int = 0) {
        self.waiting = waiting
        self.kept = kept
        self.lost = lost
    }
}
