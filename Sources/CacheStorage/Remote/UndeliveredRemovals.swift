// Removals that the remote store couldn't take: it was down, hung, or refused them for the time being. They are kept until it
// takes them, since other processes would be given the old records by it until then. Of the process, not of a connection: the
// first worker whose connection is back sends them, before its next look-up. Where the store may be replaced by a replica of
// it, what was removed lately is removed there once more.

import Bytes
import Synchronization

/// Shared by all workers; may be used on any thread.
package final class UndeliveredRemovals: Sendable {
    private struct State {
        var keys: Set<CacheKey> = []
        /// Keys that somebody has taken and is delivering.
        var taken = 0
        var recent: RecentRemovals
        /// The number of the master that removes now.
        var master: UInt64 = 0
        /// `waiting` is the number of keys, those taken included.
        var figures = UndeliveredFigures()
    }

    /// So many keys take some 4 MiB. Of more, a purge of everything takes the place.
    package static let limit = 131_072

    private let limit: Int
    /// Purges everything.
    private let purgeAll: @Sendable () -> Void
    private let state: Locked<State>
    private let count = Atomic<Int>(0)

    /// - Parameter purgeAll: purges everything that the store has, once it can; called on any thread.
    package init(limit: Int = UndeliveredRemovals.limit, purgeAll: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.purgeAll = purgeAll
        state = Locked(State(recent: RecentRemovals(limit: limit)))
    }

    /// One relaxed load.
    package var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }

    /// Keeps the removal of these keys until somebody takes it.
    /// - Parameter taken: whether they were taken from here, and couldn't be delivered.
    package func keep(_ keys: [CacheKey], taken: Bool = false) {
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.delivery.isBroken { return }
        #endif
        let isFolded = state.withLock { state in
            if taken { state.taken -= keys.count }
            return keep(keys, &state, counted: !taken)
        }
        if isFolded { purgeAll() }
    }

    /// - Returns: whether there are too many, so that everything is to be purged instead.
    private func keep(_ keys: [CacheKey], _ state: inout State, counted: Bool = true) -> Bool {
        defer { count.store(state.keys.count, ordering: .relaxed) }
        for key in keys where !state.keys.contains(key) {
            if counted { state.figures.kept += 1 }
            guard state.keys.count < limit else {
                state.keys = []
                state.figures.folded += 1
                return true
            }
            state.keys.insert(key)
        }
        return false
    }

    /// The store has refused the removal of so many keys for good.
    /// - Parameter taken: as for `keep`.
    package func noteLost(_ keys: Int, because trouble: StoreTrouble, taken: Bool = false) {
        state.withLock { state in
            if taken { state.taken -= keys }
            state.figures.lost += keys
            state.figures.refused += keys
            state.figures.refusal = trouble
        }
    }

    /// The store has removed these keys.
    /// - Parameters:
    ///   - taken: as for `keep`.
    ///   - master: the number of the master that did; 0 if the store is always the same.
    ///   - now: monotonic, in milliseconds.
    package func noteDone(_ keys: [CacheKey], taken: Bool, by master: UInt64, now: Int64) {
        // Nothing to remember, mostly.
        guard taken || master != 0 else { return }
        let isFolded = state.withLock { state in
            if taken { state.taken -= keys.count }
            guard master != 0 else { return false }
            if master == state.master {
                state.recent.note(keys, now: now)
                return false
            }
            // Another one has taken its place meanwhile.
            state.figures.repeated += keys.count
            return keep(keys, &state, counted: false)
        }
        if isFolded { purgeAll() }
    }

    /// Another server takes the place of the store, and may lack what that was told last: those removals are repeated.
    /// - Parameter isConcerned: which keys it takes over; nil for all of them.
    /// - Returns: the number of the new master.
    package func nextMaster(now: Int64, where isConcerned: ((CacheKey) -> Bool)? = nil) -> UInt64 {
        let (number, isFolded) = state.withLock { state in
            let recent = state.recent.takeAll(now: now, where: isConcerned)
            state.master += 1
            state.figures.repeated += recent.count
            return (state.master, keep(recent, &state, counted: false))
        }
        if isFolded { purgeAll() }
        return number
    }

    /// Takes some of the keys. Whoever takes them tells of each what became of it.
    /// - Parameters:
    ///   - master: the number of the master that is to remove them; one that was replaced gets none.
    ///   - isConcerned: which of the keys; nil for any. All of them may be gone through.
    package func take(
        atMost most: Int, for master: UInt64 = 0, where isConcerned: ((CacheKey) -> Bool)? = nil
    ) -> [CacheKey] {
        if isEmpty { return [] }
        return state.withLock { state in
            guard master == 0 || master == state.master else { return [] }
            var taken: [CacheKey] = []
            for key in state.keys where isConcerned?(key) != false {
                if taken.count == most { break }
                taken.append(key)
            }
            state.keys.subtract(taken)
            state.taken += taken.count
            count.store(state.keys.count, ordering: .relaxed)
            return taken
        }
    }

    package var figures: UndeliveredFigures {
        state.withLock { state in
            var figures = state.figures
            figures.waiting = state.keys.count + state.taken
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
    /// Keys whose removal the store refused for good; only grows.
    package var lost = 0
    /// The same.
    package var refused = 0
    /// How often there were too many, so that a purge of everything took their place; only grows.
    package var folded = 0
    /// Why it refused the last one.
    package var refusal: StoreTrouble?
    /// Keys that are removed once more, since another server has taken the place of the store; only grows.
    package var repeated = 0

    package init(
        waiting: Int = 0, kept: Int = 0, lost: Int = 0, refused: Int = 0, refusal: StoreTrouble? = nil,
        repeated: Int = 0, folded: Int = 0
    ) {
        self.waiting = waiting
        self.kept = kept
        self.lost = lost
        self.refused = refused
        self.refusal = refusal
        self.repeated = repeated
        self.folded = folded
    }
}
