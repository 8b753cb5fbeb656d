// Remembers what was invalidated in this process, in which order and when. The response of a fetch that began before an
// invalidation may be what that was meant to remove, so it isn't stored; and a stored record that was requested before
// isn't used. It doesn't know the stores and reads no clock: time is an argument. It covers the workers of one process.

import Bytes
import HTTPCaching
import Synchronization

/// Shared by all workers; may be used on any thread. Results are exact while an invalidation is remembered and err
/// towards a miss once it isn't. Families are forgotten independently of each other.
package final class InvalidationClock: Sendable {
    private let keys = Locked(RememberedInvalidations(of: .keys))
    private let groups = Locked(RememberedInvalidations(of: .groups))
    /// The moment of the latest invalidation of all.
    private let count = Atomic<UInt64>(0)
    /// Whether a family has any invalidation. Checked first, since most processes never see one.
    private let hasKeys = Atomic<Bool>(false)
    private let hasGroups = Atomic<Bool>(false)

    package init() {}

    /// The current moment. Whoever begins a fetch remembers it for ``overtook(_:since:)``.
    package var now: InvalidationMoment { InvalidationMoment(count: count.load(ordering: .acquiring)) }

    /// Whether nothing of that family was ever invalidated: one relaxed load.
    package func isEmpty(_ family: InvalidationName.Family) -> Bool {
        switch family {
        case .keys: !hasKeys.load(ordering: .relaxed)
        case .groups: !hasGroups.load(ordering: .relaxed)
        }
    }

    /// Notes an invalidation of these names. Names of one family get the same moment.
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

    /// Whether a record of that name, requested at `time`, was invalidated since, or may have been. A store may still
    /// return such a record.
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
            // Under the lock, so that whoever reads this moment also sees the invalidations noted at it.
            let moment = InvalidationMoment(count: count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue)
            for name in names { remembered.note(name, moment: moment, time: time.milliseconds) }
        }
    }
}
