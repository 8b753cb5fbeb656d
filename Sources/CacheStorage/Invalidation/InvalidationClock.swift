// Remembers what was invalidated in this process, in which order and when. The response of a fetch that began before an
// invalidation may be what that was meant to remove, so it isn't stored; and a stored record that was requested before
// isn't used. It doesn't know the stores and reads no clock: time is an argument. It covers the workers of one process.

import Bytes
import HTTPCaching
import Synchronization

/// Shared by all workers; may be used on any thread. Results are exact while a name is remembered by itself, and err
/// towards a miss, for few other names, once it had to be folded. Each family has a memory of its own.
package final class InvalidationClock: Sendable {
    private let keys: Locked<RememberedInvalidations>
    private let groups: Locked<RememberedInvalidations>
    private let places = InvalidatedPlaces()
    /// The moment of the latest invalidation of all.
    private let count = Atomic<UInt64>(0)
    /// Whether a family has any invalidation. Checked first, since most processes never see one.
    private let hasKeys = Atomic<Bool>(false)
    private let hasGroups = Atomic<Bool>(false)

    package convenience init() { self.init(.standard) }

    init(_ limits: InvalidationLimits) {
        keys = Locked(RememberedInvalidations(of: .keys, limits))
        groups = Locked(RememberedInvalidations(of: .groups, limits))
    }

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
    /// - Returns: the moment of the keys, for ``noteDelivered(_:at:)``.
    @discardableResult
    package func note(_ names: some Sequence<InvalidationName>, at time: WallTime) -> InvalidationMoment {
        var keys: [InvalidationName.Digest] = []
        var groups: [InvalidationName.Digest] = []
        for name in names {
            switch name.family {
            case .keys: keys.append(name.digest)
            case .groups: groups.append(name.digest)
            }
        }
        if !groups.isEmpty { _ = note(groups, in: self.groups, at: time, marking: hasGroups) }
        return keys.isEmpty ? .first : note(keys, in: self.keys, at: time, marking: hasKeys)
    }

    /// Notes an invalidation of everything at these places.
    package func note(_ places: [InvalidatedPlace], at time: WallTime) {
        for place in places { self.places.note(place) }
        note(places.lazy.map(\.name), at: time)
    }

    /// Whether no place was ever invalidated: one relaxed load.
    package var hasNoPlaces: Bool { places.isEmpty }

    /// Whether a record that is looked up for this URL, and was requested at `time`, is at a place that was invalidated since,
    /// or may have been. Allocates nothing.
    /// - Parameters:
    ///   - scheme, authority: the origin, as in ``GroupOrigin``.
    ///   - path: in its normal form.
    ///   - query: with its `?`; empty without one.
    package func coversPlace(
        scheme: Span<UInt8>, authority: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>, requestedAt time: Instant
    ) -> Bool {
        if places.isEmpty { return false }
        return places.contain(scheme: scheme, authority: authority, path: path, query: query) {
            covers($0, requestedAt: time)
        }
    }

    /// The remote store has confirmed that it holds no record of these keys from before they were invalidated at `moment`.
    package func noteDelivered(_ keys: [CacheKey], at moment: InvalidationMoment) {
        self.keys.withLock { remembered in
            for key in keys { remembered.noteDelivered(InvalidationName.key(key).digest, at: moment) }
        }
    }

    /// How much is remembered.
    package var figures: InvalidationFigures {
        var figures = InvalidationFigures()
        keys.withLock { figures.add($0) }
        groups.withLock { figures.add($0) }
        return figures
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
    ) -> InvalidationMoment {
        family.withLock { remembered in
            hasAny.store(true, ordering: .relaxed)
            // Under the lock, so that whoever reads this moment also sees the invalidations noted at it.
            let moment = InvalidationMoment(count: count.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue)
            for name in names { remembered.note(name, moment: moment, time: time.milliseconds) }
            return moment
        }
    }
}

/// How much a clock remembers of what was invalidated.
package struct InvalidationFigures: Sendable, BitwiseCopyable, Equatable {
    /// Names that are remembered one by one.
    package fileprivate(set) var remembered = 0
    /// Names that were folded into the tables of fixed size; only grows.
    package fileprivate(set) var folded = 0

    fileprivate mutating func add(_ family: RememberedInvalidations) {
        remembered += family.count
        folded += family.folded
    }
}
