// Which fetches are under way, by key, over all workers of the process; and which keys are known to bring what can't be
// shared, so that their requests don't wait for one another.

import Bytes
import CacheStorage
import EventLoop

/// What a request that has to be fetched is to do.
enum FlightRole {
    /// It fetches, and others may follow.
    case lead(Flight)
    case follow(Flight)
    /// It fetches by itself: what this key brings can't be shared, or the request can't lead.
    case alone(isKnownUnshared: Bool)
}

/// What stands in the table for a key.
package enum FlightStanding: Sendable {
    case underWay, landed, unshared, resting

    /// As `/explain` calls it.
    package var label: StaticString {
        switch self {
        case .underWay: "under-way"
        case .landed: "landed"
        case .unshared: "unshared"
        case .resting: "resting"
        }
    }
}

/// Shared by all workers. One short lock a miss.
final class FlightTable: Sendable {
    private enum Entry: Sendable {
        case flight(Flight)
        /// Complete; whoever asked the store before it arrived there finds it here. Nil while it is on its way there.
        case landed(Flight, at: MonotonicTime, stored: MonotonicTime?)
        /// Requests go by themselves.
        case unshared(until: MonotonicTime)
        /// A refresh in the background failed lately.
        case resting(until: MonotonicTime)
    }

    private let shards: [Shard]
    private static let shardCount = 16
    /// Notes kept in one shard; beyond it the expired go, then any.
    private static let notesPerShard = 1024
    /// A response that is no longer is found here for a moment after a slow store has it.
    private static let keptBytes = 4 << 10
    /// How long a key whose answer could not be shared is taken to bring more of the kind.
    private static let unsharedMilliseconds: Int64 = 60_000
    /// How long no further refresh is begun after one that failed, and requests for what failed go by themselves.
    private static let restMilliseconds: Int64 = 1_000

    private final class Shard: Sendable {
        let entries = Locked<[CacheKey: Entry]>([:])
    }

    init() { shards = (0..<Self.shardCount).map { _ in Shard() } }

    private func shard(_ key: CacheKey) -> Shard { shards[Int(truncatingIfNeeded: key.low & 15)] }

    /// Finds the fetch for a key, or notes that the caller begins one.
    /// - Parameters:
    ///   - asked: when the store was asked, which held nothing.
    ///   - isOvertaken: whether what a fetch brings that began at that moment was invalidated since.
    ///   - make: the flight that the caller would lead; nil if it can't.
    func join(
        _ key: CacheKey, keyText: Span<UInt8>, worker: Int, mailbox: Mailbox<WorkerMessage>, now: MonotonicTime,
        asked: MonotonicTime,
        isOvertaken: (Flight) -> Bool, make: () -> Flight?
    ) -> FlightRole {
        shard(key).entries.withLock { entries in
            switch entries[key] {
            case .unshared(let until) where now < until: return .alone(isKnownUnshared: true)
            case .flight(let flight):
                // Another text with the same digest has nothing to do with it.
                guard flight.hasKeyText(keyText) else { return .alone(isKnownUnshared: false) }
                if !isOvertaken(flight), flight.join(worker: worker, mailbox: mailbox) { return .follow(flight) }
            case .landed(let flight, _, let stored) where Self.isMissed(stored, asked: asked):
                if flight.hasKeyText(keyText), !isOvertaken(flight),
                    flight.join(worker: worker, mailbox: mailbox)
                {
                    return .follow(flight)
                }
            case .landed, .unshared, .resting, nil: break
            }
            guard let flight = make() else { return .alone(isKnownUnshared: false) }
            entries[key] = .flight(flight)
            return .lead(flight)
        }
    }

    /// A flight to lead in the background; nil where one is under way, or failed a moment ago.
    /// - Parameters:
    ///   - asked: when the store was asked for what is to be refreshed.
    ///   - known: what it answered with.
    func lead(
        _ key: CacheKey, now: MonotonicTime, asked: MonotonicTime, known: StoredResponse, make: () -> Flight
    ) -> Flight? {
        shard(key).entries.withLock { entries in
            switch entries[key] {
            case .flight: return nil
            case .landed(let flight, _, let stored)
            where Self.isMissed(stored, asked: asked) && !flight.brought(known):
                return nil
            case .unshared(let until) where now < until: return nil
            case .resting(let until) where now < until: return nil
            case .landed, .unshared, .resting, nil: break
            }
            let flight = make()
            entries[key] = .flight(flight)
            return flight
        }
    }

    /// Lets those that know the variant's own key find the flight too.
    func add(_ flight: Flight, under key: CacheKey, keyText: [UInt8]) {
        flight.isAbout(keyText)
        shard(key).entries.withLock { entries in
            if case .flight = entries[key] { return }
            entries[key] = .flight(flight)
        }
    }

    /// The flight has ended, or can't be followed any more.
    func remove(_ flight: Flight, under key: CacheKey) { replace(flight, under: key, by: nil) }

    /// The flight has landed, and its response is on its way into a slow store: until that has it, what asks there is
    /// answered from here.
    /// - Returns: to be let go of when the store has the response, or doesn't get it.
    func land(_ flight: Flight, under keys: [CacheKey], at now: MonotonicTime) -> AnyObject {
        for key in keys { replace(flight, under: key, by: .landed(flight, at: now, stored: nil)) }
        return Landing(table: self, flight: flight, keys: keys)
    }

    fileprivate func noteStored(_ flight: Flight, under key: CacheKey) {
        shard(key).entries.withLock { entries in
            guard case .landed(let current, let landed, nil) = entries[key], current === flight else { return }
            // What is kept here pins the response beside the store's own bounds: small ones, and not many.
            let isKept = flight.reach.end <= Self.keptBytes && entries.count < Self.notesPerShard
            entries[key] = isKept ? .landed(flight, at: landed, stored: MonotonicTime.now()) : nil
        }
    }

    /// Whether a lookup that began then may have missed what was stored at that time.
    private static func isMissed(_ stored: MonotonicTime?, asked: MonotonicTime) -> Bool {
        guard let stored else { return true }
        return !(stored < asked)
    }

    /// What the key brings can't be shared.
    /// - Parameter isShort: the origin failed, which says little about its next answer.
    func noteUnshared(_ key: CacheKey, now: MonotonicTime, isShort: Bool) {
        let interval = isShort ? Self.restMilliseconds : Self.unsharedMilliseconds
        note(.unshared(until: now.advanced(byMilliseconds: interval)), under: key, now: now)
    }

    func noteFailedRefresh(_ key: CacheKey, now: MonotonicTime) {
        note(.resting(until: now.advanced(byMilliseconds: Self.restMilliseconds)), under: key, now: now)
    }

    /// Something that can be shared was stored under the key.
    func forgetUnshared(_ key: CacheKey) {
        shard(key).entries.withLock { entries in
            if case .unshared = entries[key] { entries[key] = nil }
        }
    }

    /// Lets go of what is past its time.
    func sweep(now: MonotonicTime) {
        for shard in shards { shard.entries.withLock { Self.sweep(&$0, now: now) } }
    }

    /// What is known of a key's fetches. It changes nothing: for operators' questions.
    func standing(of key: CacheKey, now: MonotonicTime) -> FlightStanding? {
        shard(key).entries.withLock { entries in
            switch entries[key] {
            case .flight: .underWay
            case .landed(_, _, nil): .landed
            case .unshared(let until) where now < until: .unshared
            case .resting(let until) where now < until: .resting
            case .landed, .unshared, .resting, nil: nil
            }
        }
    }

    /// Flights under way, and keys known to bring what can't be shared.
    var counts: (flights: Int, unshared: Int) {
        var counts = (flights: 0, unshared: 0)
        for shard in shards {
            shard.entries.withLock { entries in
                for entry in entries.values {
                    switch entry {
                    case .flight: counts.flights += 1
                    case .unshared: counts.unshared += 1
                    case .landed, .resting: break
                    }
                }
            }
        }
        return counts
    }

    private func replace(_ flight: Flight, under key: CacheKey, by entry: Entry?) {
        shard(key).entries.withLock { entries in
            if case .flight(let current) = entries[key], current === flight { entries[key] = entry }
        }
    }

    private func note(_ entry: Entry, under key: CacheKey, now: MonotonicTime) {
        shard(key).entries.withLock { entries in
            if case .flight = entries[key] { return }
            if entries.count >= Self.notesPerShard { Self.sweep(&entries, now: now) }
            if entries.count >= Self.notesPerShard, let other = entries.first(where: { !Self.isFlight($0.value) }) {
                entries[other.key] = nil
            }
            entries[key] = entry
        }
    }

    private static func isFlight(_ entry: Entry) -> Bool { if case .flight = entry { true } else { false } }

    private static func sweep(_ entries: inout [CacheKey: Entry], now: MonotonicTime) {
        // Nothing is the rule, and costs nothing.
        guard entries.contains(where: { !isCurrent($0.value, now: now) }) else { return }
        entries = entries.filter { isCurrent($0.value, now: now) }
    }

    private static func isCurrent(_ entry: Entry, now: MonotonicTime) -> Bool {
        switch entry {
        case .flight: true
        case .landed(_, let landed, let stored):
            now.milliseconds(since: stored ?? landed) < (stored == nil ? unsharedMilliseconds : restMilliseconds)
        case .unshared(let until), .resting(let until): now < until
        }
    }
}

/// Held by a write under way: its end is the moment at which the store has, or will never have, what it writes.
private final class Landing {
    private let table: FlightTable
    private let flight: Flight
    private let keys: [CacheKey]

    init(table: FlightTable, flight: Flight, keys: [CacheKey]) {
        self.table = table
        self.flight = flight
        self.keys = keys
    }

    deinit {
        for key in keys { table.noteStored(flight, under: key) }
    }
}
