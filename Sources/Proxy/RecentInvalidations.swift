// Which keys were dropped lately, and in what order: a fetch that began before may bring what the drop was meant to
// remove, and is not stored then. Holds for the workers of one process.

import Bytes
import CacheStorage
import HTTPCaching
import Synchronization

/// Shared by all workers; asked once when a fetch begins and once when its response is to be stored.
package final class RecentInvalidations: Sendable {
    package init() {}

    /// A place in the order of all drops; later ones are larger.
    package struct Moment: Comparable, Sendable {
        fileprivate let count: UInt64

        package static let first = Moment(count: 0)

        package static func < (left: Moment, right: Moment) -> Bool { left.count < right.count }
    }

    private struct State {
        /// When each key was dropped last.
        var drops = RecencyMap<CacheKey, Drop>(limit: RecentInvalidations.remembered)
        /// What began before this counts as overtaken: what was forgotten can't be told any more.
        var horizon = Moment.first
        /// The same by the clock.
        var horizonTime = Int64.min
    }
    private struct Drop {
        var moment: Moment
        /// Milliseconds since 1970.
        var time: Int64
    }
    private let state = Locked(State())
    private let count = Atomic<UInt64>(0)
    private static let remembered = 4096

    /// The moment to remember when a fetch begins.
    package var now: Moment { Moment(count: count.load(ordering: .acquiring)) }

    /// - Parameter time: now, in milliseconds since 1970.
    package func note(_ keys: [CacheKey], at time: Int64) {
        state.withLock { state in
            let moment = Moment(count: count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue)
            for key in keys {
                let drop = Drop(moment: moment, time: time)
                guard state.drops[key] == nil else {
                    state.drops[key] = drop
                    continue
                }
                if let forgotten = state.drops.insert(drop, for: key) {
                    state.horizon = max(state.horizon, forgotten.moment)
                    state.horizonTime = max(state.horizonTime, forgotten.time)
                }
            }
        }
    }

    /// Whether the key was dropped lately, as far back as this remembers.
    package func remembers(_ key: CacheKey) -> Bool { state.withLock { $0.drops[key] != nil } }

    /// Whether the key was dropped after `began`, or may have been.
    package func overtook(_ key: CacheKey, since began: Moment) -> Bool {
        state.withLock { state in
            if began < state.horizon { return true }
            guard let dropped = state.drops[key] else { return false }
            return dropped.moment > began
        }
    }

    /// Whether something that was requested at that time was dropped since, or may have been: a slow store may hand it out
    /// still.
    func covers(_ key: CacheKey, requestedAt time: Instant) -> Bool {
        if count.load(ordering: .relaxed) == 0 { return false }
        return state.withLock { state in
            if time.milliseconds < state.horizonTime { return true }
            guard let dropped = state.drops[key] else { return false }
            return time.milliseconds < dropped.time
        }
    }
}
