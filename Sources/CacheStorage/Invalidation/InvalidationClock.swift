// What was invalidated in this process, in which order and when. A fetch that began before an invalidation may bring what
// that was meant to remove, and isn't stored then; what a store hands out that was requested before isn't used. Knows no
// store and reads no clock: the time is an argument. Holds for the workers of one process.

import Bytes
import HTTPCaching
import Synchronization

/// Shared by all workers, any of which may ask or note at any time. An answer is exact while the invalidation is
/// remembered, and errs towards a miss once it isn't; families are forgotten independently of each other.
package final class InvalidationClock: Sendable {
    private let keys = Locked(RememberedInvalidations(of: .keys))
    private let groups = Locked(RememberedInvalidations(of: .groups))
    /// The moment of the latest invalidation of all.
    private let count = Atomic<UInt64>(0)
    /// Whether anything was noted of a family. Read before anything else, since most processes never see an invalidation.
    private let hasKeys = Atomic<Bool>(false)
    private let hasGroups = Atomic<Bool>(false)

    package init() {}

    /// The moment to remember when a fetch begins.
    package var now: InvalidationMoment { InvalidationMoment(count: count.load(ordering: .acquiring)) }

    /// Whether nothing of that family was ever invalidated: one relaxed load.
    package func isEmpty(_ family: InvalidationName.Family) -> Bool {
        switch family {
        case .keys: !hasKeys.load(ordering: .relaxed)
        case .groups: !hasGroups.load(ordering: .relaxed)
        }
    }

    /// Notes that these are invalidated; those of one family at one moment.
    package func note(_ names: some Sequence<InvalidationName>, at time: WallTime) {
        var keys: [InvalidationName.Digest] = []
        var groups: [InvalidationName.Digest] = []
        for name in names {
            switch name.family {
            case .keys: keys.append(name.digest)
            case .groups: groups.append(name.digest)
            }
        }
        if !keys.isEmpty { note(keys, in: self.keys, at: time, marking: hasKeys) }
        if !groups.isEmpty { note(groups, in: self.groups, at: time, marking: hasGroups) }
    }

    /// Whether the name was invalidated after `moment`, or may have been.
    package func overtook(_ name: InvalidationName, since moment: InvalidationMoment) -> Bool {
        switch name.family {
        case .keys: keys.withLock { $0.overtook(name.digest, since: moment) }
        case .groups: groups.withLock { $0.overtook(name.digest, since: moment) }
        }
    }

    /// Whether something of that name, requested at `time`, was invalidated since, or may have been: a store may hand it
    /// out still.
    package func covers(_ name: InvalidationName, requestedAt time: Instant) -> Bool {
        if isEmpty(name.family) { return false }
        return switch name.family {
        case .keys: keys.withLock { $0.covers(name.digest, requestedAt: time) }
        case .groups: groups.withLock { $0.covers(name.digest, requestedAt: time) }
        }
    }

    /// Whether an invalidation of that name is remembered.
    package func remembers(_ name: InvalidationName) -> Bool {
        switch name.family {
        case .keys: keys.withLock { $0.remembers(name.digest) }
        case .groups: groups.withLock { $0.remembers(name.digest) }
        }
    }

    private func note(
        _ names: [InvalidationName.Digest], in family: borrowing Locked<RememberedInvalidations>, at time: WallTime,
        marking hasAny: borrowing Atomic<Bool>
    ) {
        family.withLock { remembered in
            hasAny.store(true, ordering: .relaxed)
            // Within the lock: whoever has read this moment finds what was noted at it.
            let moment = InvalidationMoment(count: count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue)
            for name in names { remembered.note(name, moment: moment, time: time.milliseconds) }
        }
    }
}
