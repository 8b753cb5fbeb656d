// Which keys were dropped lately, and in what order: a fetch that began before may bring what the drop was meant to
// remove, and is not stored then. Holds for the workers of one process.

import CacheStorage
import EventLoop
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
        var drops: [CacheKey: Moment] = [:]
        /// Keys in the order of their dropping, as a ring, for forgetting the oldest.
        var order: [CacheKey] = []
        var oldest = 0
        /// What began before this counts as overtaken: what was forgotten can't be told any more.
        var horizon = Moment.first
    }
    private let state = Locked(State())
    private let count = Atomic<UInt64>(0)
    private static let remembered = 4096

    /// The moment to remember when a fetch begins.
    package var now: Moment { Moment(count: count.load(ordering: .acquiring)) }

    package func note(_ keys: [CacheKey]) {
        state.withLock { state in
            let moment = Moment(count: count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue)
            for key in keys {
                if state.drops.updateValue(moment, forKey: key) != nil { continue }
                guard state.order.count == Self.remembered else {
                    state.order.append(key)
                    continue
                }
                if let forgotten = state.drops.removeValue(forKey: state.order[state.oldest]) {
                    state.horizon = max(state.horizon, forgotten)
                }
                state.order[state.oldest] = key
                state.oldest = (state.oldest + 1) % Self.remembered
            }
        }
    }

    /// Whether the key was dropped after `began`, or may have been.
    package func overtook(_ key: CacheKey, since began: Moment) -> Bool {
        state.withLock { state in
            if began < state.horizon { return true }
            guard let dropped = state.drops[key] else { return false }
            return dropped > began
        }
    }
}
