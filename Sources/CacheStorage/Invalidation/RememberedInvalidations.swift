// The remembered invalidations of keys, and what is returned for those that had to be folded. This is the only
// place that decides how long an invalidation is remembered: for good, and nothing that was invalidated is ever taken for
// current.
//
// The latest names are remembered one by one. When there are too many, the oldest is folded into tables of a fixed size,
// where it shares its places with others: only records that have all of its places can be taken for invalidated with it,
// and the rest of the store is none the worse, whatever was invalidated and however often. What a remote store has
// confirmed to be deleted can't be returned by it any more, so when that is folded, only fetches that began before it still
// have to know. So an endless stream of invalidations costs other records nothing while the remote store takes them.

import Bytes
import HTTPCaching

/// A position in the order of all invalidations of this process; later ones are greater.
package struct InvalidationMoment: Comparable, Sendable, BitwiseCopyable {
    let count: UInt64
    /// Up to where purges were applied: what a record of a fetch that began then carries.
    package internal(set) var fence = PurgePosition.start

    package static let first = InvalidationMoment(count: 0)

    package static func < (left: InvalidationMoment, right: InvalidationMoment) -> Bool { left.count < right.count }
}

/// How much is remembered.
struct InvalidationLimits: Sendable {
    /// Names that are remembered one by one: some 60 bytes each.
    var names: Int
    /// Places in each of the four rows, of 8 bytes each, that the times of older names are folded into; a power of two.
    /// Their order, which only fetches need that began before them, has half as many.
    var places: Int

    /// 6, 8 and 4 MiB, the latter two only once something is folded. 100,000 names that are folded during a record's life
    /// take one unrelated record in 100 for invalidated, 10,000 one in 500,000.
    static let standard = InvalidationLimits(names: 98_304, places: 1 << 18)
}

/// Not thread-safe: the clock protects it with a lock.
struct RememberedInvalidations: Sendable {
    private struct Entry: Sendable, BitwiseCopyable {
        var moment: InvalidationMoment
        /// Milliseconds since 1970.
        var time: Int64
        /// The remote store has confirmed that it holds nothing of that name from before.
        var isDelivered = false
    }

    /// When each name was invalidated last.
    private var entries: RecencyMap<PurgeName, Entry>
    /// The order and the times of the invalidations that were folded.
    private var foldedMoments: GreatestTable
    private var foldedTimes: GreatestTable
    /// How many were folded.
    private(set) var folded = 0

    init(_ limits: InvalidationLimits) {
        entries = RecencyMap(limit: limits.names)
        foldedMoments = GreatestTable(places: max(1, limits.places / 2))
        foldedTimes = GreatestTable(places: limits.places)
    }

    /// How many names are remembered one by one.
    var count: Int { entries.count }

    mutating func note(_ name: PurgeName, moment: InvalidationMoment, time: Int64) {
        if let known = entries[name] {
            // Another worker's turn may have begun a little earlier.
            entries[name] = Entry(moment: moment, time: max(time, known.time))
        } else if let (oldest, entry) = entries.insert(Entry(moment: moment, time: time), for: name) {
            fold(oldest, entry)
        }
    }

    private mutating func fold(_ name: PurgeName, _ entry: Entry) {
        folded += 1
        foldedMoments.note(Int64(clamping: entry.moment.count), for: name)
        if !entry.isDelivered { foldedTimes.note(entry.time, for: name) }
    }

    /// The remote store has deleted what it had of that name when it was invalidated at `moment`.
    mutating func noteDelivered(_ name: PurgeName, at moment: InvalidationMoment) {
        guard let entry = entries[name], entry.moment == moment else { return }
        entries[name]?.isDelivered = true
    }

    func remembers(_ name: PurgeName) -> Bool { entries[name] != nil }

    /// Whether the name was invalidated after `moment`, or may have been.
    func overtook(_ name: PurgeName, since moment: InvalidationMoment) -> Bool {
        if let entry = entries[name] { return entry.moment > moment }
        return foldedMoments.greatest(for: name) > Int64(clamping: moment.count)
    }

    /// Whether a record requested at that time was invalidated since, or may have been.
    func covers(_ name: PurgeName, requestedAt time: Instant) -> Bool {
        let invalidated = entries[name]?.time ?? foldedTimes.greatest(for: name)
        // Within the same millisecond the order is unknown. The key's record was deleted, so one with that time is newer.
        return time.milliseconds < invalidated
    }
}

/// The greatest number that was noted for each name, in a fixed size: a name has a place in each of four rows, and what is
/// returned for it is the least of its four. That is never less than what was noted for it, and greater only if others have
/// all four of its places with it. Nothing is allocated before the first number. The places can't be known outside of this
/// process, so nobody can choose a name for the places of another.
struct GreatestTable: Sendable {
    private static let rows = 4
    private static let seeds = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))

    private let places: Int
    private var numbers: [Int64] = []

    /// - Parameter places: of each row; a power of two.
    init(places: Int) {
        precondition(places > 0 && places & (places - 1) == 0, "the places are found by bits of a hash")
        self.places = places
    }

    mutating func note(_ number: Int64, for name: PurgeName) {
        if numbers.isEmpty { numbers = Array(repeating: .min, count: Self.rows * places) }
        var hash = Hash(name)
        for row in 0..<Self.rows {
            let place = row * places + hash.next(places)
            numbers[place] = max(numbers[place], number)
        }
    }

    /// `Int64.min` if nothing can have been noted for the name.
    func greatest(for name: PurgeName) -> Int64 {
        if numbers.isEmpty { return .min }
        var hash = Hash(name)
        var least = Int64.max
        for row in 0..<Self.rows { least = min(least, numbers[row * places + hash.next(places)]) }
        return least
    }

    /// Places from two seeded hashes of the name.
    private struct Hash {
        private var position: UInt64
        private let step: UInt64

        init(_ name: PurgeName) {
            let first = (name.high ^ seeds.0).multipliedFullWidth(by: name.low ^ seeds.1 | 1)
            let second = (name.low ^ seeds.0).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15 ^ seeds.1 | 1)
            position = first.high ^ first.low
            step = (second.high ^ second.low) | 1
        }

        mutating func next(_ places: Int) -> Int {
            position = (position &+ step) &* 0xD6E8_FEB8_6659_FD93
            return Int(truncatingIfNeeded: (position ^ position >> 32) >> 8) & (places - 1)
        }
    }
}
