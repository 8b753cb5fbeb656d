// Remembers which keys were invalidated in this process, in which order and when. The response of a fetch that began before an
// invalidation may be what that was meant to remove, so it isn't stored; and a stored record that was requested before
// isn't used. It doesn't know the stores and reads no clock: time is an argument. It covers the workers of one process. Purges by
// anything but keys are the log's (`PurgeLog`).

import Bytes
import HTTPCaching
import Synchronization

/// Shared by all workers; may be used on any thread. Results are exact while a key is remembered by itself, and err
/// towards a miss, for few other keys, once it had to be folded.
package final class InvalidationClock: Sendable {
    private let keys: Locked<RememberedInvalidations>
    /// The moment of the latest invalidation of all.
    private let count = Atomic<UInt64>(0)
    /// Whether there is any invalidation. Checked first, since most processes never see one.
    private let hasAny = Atomic<Bool>(false)

    package convenience init() { self.init(.standard) }

    init(_ limits: InvalidationLimits) { keys = Locked(RememberedInvalidations(limits)) }

    /// The current moment. Whoever begins a fetch remembers it for ``overtook(_:since:)``.
    package var now: InvalidationMoment { InvalidationMoment(count: count.load(ordering: .acquiring)) }

    /// Whether nothing was ever invalidated: one relaxed load.
    package var isEmpty: Bool { !hasAny.load(ordering: .relaxed) }

    /// Notes an invalidation of these keys, all at the same moment.
    /// - Returns: the moment, for ``noteDelivered(_:at:)``.
    @discardableResult
    package func note(_ names: some Sequence<CacheKey>, at time: WallTime) -> InvalidationMoment {
        keys.withLock { remembered in
            hasAny.store(true, ordering: .relaxed)
            // Under the lock, so that whoever reads this moment also sees the invalidations noted at it.
            let moment = InvalidationMoment(count: count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue)
            for key in names { remembered.note(.key(key), moment: moment, time: time.milliseconds) }
            return moment
        }
    }

    /// The remote store has confirmed that it holds no record of these keys from before they were invalidated at `moment`.
    package func noteDelivered(_ keys: [CacheKey], at moment: InvalidationMoment) {
        self.keys.withLock { remembered in
            for key in keys { remembered.noteDelivered(.key(key), at: moment) }
        }
    }

    /// How much is remembered.
    package var figures: InvalidationFigures {
        keys.withLock { InvalidationFigures(remembered: $0.count, folded: $0.folded) }
    }

    /// Whether the key was invalidated after `moment`, or may have been.
    package func overtook(_ key: CacheKey, since moment: InvalidationMoment) -> Bool {
        keys.withLock { $0.overtook(.key(key), since: moment) }
    }

    /// Whether a record of that key, requested at `time`, was invalidated since, or may have been. A store may still
    /// return such a record.
    package func covers(_ key: CacheKey, requestedAt time: Instant) -> Bool {
        if isEmpty { return false }
        return keys.withLock { $0.covers(.key(key), requestedAt: time) }
    }

    /// Whether an invalidation of that key is remembered.
    package func remembers(_ key: CacheKey) -> Bool { keys.withLock { $0.remembers(.key(key)) } }
}

/// How much a clock remembers of what was invalidated.
package struct InvalidationFigures: Sendable, BitwiseCopyable, Equatable {
    /// Keys that are remembered one by one.
    package let remembered: Int
    /// Keys that were folded into the tables of fixed size; only grows.
    package let folded: Int
}
