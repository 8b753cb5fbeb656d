// The remembered invalidations of one family, and the results for those that were forgotten. This is the only place
// that decides how long an invalidation is remembered: currently the latest `limit` names. Whatever a forgotten
// invalidation might cover counts as covered, so that forgetting causes misses but never serves an invalidated
// response.

import Bytes
import HTTPCaching

/// A position in the order of all invalidations of this process; later ones are greater.
package struct InvalidationMoment: Comparable, Sendable, BitwiseCopyable {
    let count: UInt64

    package static let first = InvalidationMoment(count: 0)

    package static func < (left: InvalidationMoment, right: InvalidationMoment) -> Bool { left.count < right.count }
}

/// Not thread-safe: the clock protects it with a lock.
struct RememberedInvalidations: Sendable {
    private struct Entry: Sendable, BitwiseCopyable {
        var moment: InvalidationMoment
        /// Milliseconds since 1970.
        var time: Int64
    }

    private let family: InvalidationName.Family
    /// When each name was invalidated last.
    private var entries: RecencyMap<InvalidationName.Digest, Entry>
    /// The latest of the forgotten invalidations.
    private var horizon = Entry(moment: .first, time: .min)

    init(of family: InvalidationName.Family) {
        self.family = family
        entries = RecencyMap(limit: family.limit)
    }

    mutating func note(_ name: InvalidationName.Digest, moment: InvalidationMoment, time: Int64) {
        if let known = entries[name] {
            entries[name] = Entry(moment: moment, time: family.time(time, after: known.time))
        } else if let forgotten = entries.insert(Entry(moment: moment, time: time), for: name) {
            horizon.moment = max(horizon.moment, forgotten.moment)
            horizon.time = max(horizon.time, forgotten.time)
        }
    }

    func remembers(_ name: InvalidationName.Digest) -> Bool { entries[name] != nil }

    /// Whether the name was invalidated after `moment`, or may have been.
    func overtook(_ name: InvalidationName.Digest, since moment: InvalidationMoment) -> Bool {
        if moment < horizon.moment { return true }
        guard let entry = entries[name] else { return false }
        return entry.moment > moment
    }

    /// Whether a record requested at that time was invalidated since, or may have been.
    func covers(_ name: InvalidationName.Digest, requestedAt time: Instant) -> Bool {
        if family.reaches(time.milliseconds, from: horizon.time) { return true }
        guard let entry = entries[name] else { return false }
        return family.reaches(time.milliseconds, from: entry.time)
    }
}

extension InvalidationName.Family {
    /// How many names are remembered.
    fileprivate var limit: Int {
        switch self {
        case .keys: 4_096
        case .groups: 16_384
        }
    }

    /// Whether an invalidation at `time` covers a record requested at `requestTime`. Within the same millisecond the
    /// order is unknown. A key's record was deleted, so a record with that time counts as newer; a group's records were
    /// not deleted, so they count as older.
    fileprivate func reaches(_ requestTime: Int64, from time: Int64) -> Bool {
        switch self {
        case .keys: requestTime < time
        case .groups: requestTime <= time
        }
    }

    /// The time to remember for a name that is invalidated again, in case the clock was set back.
    fileprivate func time(_ time: Int64, after known: Int64) -> Int64 {
        switch self {
        case .keys: time
        case .groups: max(time, known)
        }
    }
}
