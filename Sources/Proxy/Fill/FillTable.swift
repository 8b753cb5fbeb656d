// Which fetches are under way, by key, over all workers of the process; and which keys are known to bring what can't be
// shared, so that their requests don't wait for one another.

import Bytes
import CacheStorage
import EventLoop
import HTTPSemantics

/// What a request that has to be fetched is to do.
enum FillRole {
    /// It begins a fill, which others may read from.
    case begin(FillFeed)
    case read(FillFeed, FillFeed.ReaderID)
    /// The store has by now what it didn't have when it was asked.
    case lookAgain
    /// It sends its own request: what this key brings can't be shared, or others may not read what this request brings.
    case alone(isHitForMiss: Bool)
}

/// What stands in the table for a key.
package enum FillStanding: Sendable {
    case underWay, completed, hitForMiss, refreshFailed

    /// How documents name it; programs read this, so that it stays.
    package var label: StaticString {
        switch self {
        case .underWay: "under-way"
        case .completed: "landed"
        case .hitForMiss: "unshared"
        case .refreshFailed: "resting"
        }
    }
}

/// What of a response an entry is about: ranges find one another beside those that ask for the whole.
enum FillScope: Hashable, Sendable {
    case whole
    case range(ByteRangeSpec)
    /// Of notes: ranges, whichever they are.
    case ranges
    /// Of notes: requests that say who sends them. What comes for one of them says nothing of what others are given.
    case credentials
}

/// Shared by all workers. One short lock a miss.
final class FillTable: Sendable {
    private enum Entry: Sendable {
        case fill(FillFeed)
        /// Complete; whoever asked the store before it arrived there finds it here. Nil while it is on its way there.
        case completed(FillFeed, at: MonotonicTime, stored: MonotonicTime?)
        /// The same, where the response is too large to be kept here.
        case stored(at: MonotonicTime)
        /// Requests go by themselves.
        case hitForMiss(until: MonotonicTime)
        /// A refresh in the background failed lately.
        case refreshFailed(until: MonotonicTime)
    }

    private struct Place: Hashable {
        let key: CacheKey
        var scope = FillScope.whole
    }

    private let shards: [Shard]
    private static let shardCount = 16
    /// Notes kept in one shard; beyond it the expired go, then any.
    private static let notesPerShard = 1024
    /// A response that is no longer is found here for a moment after a slow store has it.
    private static let keptBytes = 4 << 10
    /// How long coalescing is disabled for a key whose response could not be shared.
    private static let hitForMissMilliseconds: Int64 = 60_000
    /// How long no further refresh is begun after one that failed, and requests for what failed go by themselves.
    private static let pauseMilliseconds: Int64 = 1_000

    private final class Shard: Sendable {
        let entries = Locked<[Place: Entry]>([:])
    }

    init() { shards = (0..<Self.shardCount).map { _ in Shard() } }

    private func shard(_ key: CacheKey) -> Shard { shards[Int(truncatingIfNeeded: key.low & 15)] }

    /// Finds the fetch for a key, or notes that the caller begins one.
    /// - Parameters:
    ///   - range: what the request asks for, where that is one range. It reads from a fetch for the same range, or for the
    ///     whole.
    ///   - isPersonal: it says who sends it.
    ///   - mayReadWhole: false where what is fetched of the whole takes too long to come to the range.
    ///   - asked: when the store was asked, which held nothing.
    ///   - hasReplied: whether it has said so. One that is down isn't asked again: the next moment would bring the same.
    ///   - isOvertaken: whether what a fetch brings that began at that moment was invalidated since.
    ///   - make: the feed of the fill that the caller would begin; nil if others may not read from it.
    func join(
        _ key: CacheKey, range: ByteRangeSpec? = nil, isPersonal: Bool = false, mayReadWhole: Bool = true,
        keyText: Span<UInt8>,
        worker: Int, mailbox: Mailbox<FillFeed.Notice>, now: MonotonicTime, asked: MonotonicTime,
        hasReplied: Bool = true, isOvertaken: (FillFeed) -> Bool, make: () -> FillFeed?
    ) -> FillRole {
        shard(key).entries.withLock { entries in
            for scope in Self.scopes(range, mayReadWhole, isPersonal) {
                switch entries[Place(key: key, scope: scope)] {
                case .hitForMiss(let until) where now < until: return .alone(isHitForMiss: true)
                case .fill(let feed):
                    // Another text with the same digest has nothing to do with it.
                    guard feed.hasKeyText(keyText) else { return .alone(isHitForMiss: false) }
                    if !isOvertaken(feed), let reader = feed.join(worker: worker, mailbox: mailbox) {
                        return .read(feed, reader)
                    }
                case .completed(let feed, _, let stored) where Self.isMissed(stored, asked: asked):
                    if feed.hasKeyText(keyText), !isOvertaken(feed),
                        let reader = feed.join(worker: worker, mailbox: mailbox)
                    {
                        return .read(feed, reader)
                    }
                case .stored(let stored) where hasReplied && Self.isMissed(stored, asked: asked): return .lookAgain
                case .completed, .stored, .hitForMiss, .refreshFailed, nil: break
                }
            }
            guard let feed = make() else { return .alone(isHitForMiss: false) }
            entries[Place(key: key, scope: feed.scope)] = .fill(feed)
            return .begin(feed)
        }
    }

    /// Where a request looks, one after another: whether ranges, or what comes for those who say who they are, can't be
    /// shared matters to those that find nothing to read.
    private static func scopes(_ range: ByteRangeSpec?, _ mayReadWhole: Bool, _ isPersonal: Bool) -> [FillScope] {
        guard let range else { return isPersonal ? wholeAndCredentials : wholeAlone }
        let scopes: [FillScope] = mayReadWhole ? [.range(range), .whole, .ranges] : [.range(range), .ranges]
        return isPersonal ? scopes + [.credentials] : scopes
    }

    private static let wholeAlone = [FillScope.whole]
    private static let wholeAndCredentials = [FillScope.whole, .credentials]

    /// The feed of a refresh in the background; nil where a fill is under way, or a refresh failed a moment ago.
    /// - Parameters:
    ///   - asked: when the store was asked for what is to be refreshed.
    ///   - known: what it had.
    func beginRefresh(
        _ key: CacheKey, now: MonotonicTime, asked: MonotonicTime, known: StoredResponse, make: () -> FillFeed
    ) -> FillFeed? {
        let place = Place(key: key)
        return shard(key).entries.withLock { entries in
            switch entries[place] {
            case .fill: return nil
            case .completed(let feed, _, let stored)
            where Self.isMissed(stored, asked: asked) && !feed.brought(known):
                return nil
            case .stored(let stored) where Self.isMissed(stored, asked: asked): return nil
            case .hitForMiss(let until) where now < until: return nil
            case .refreshFailed(let until) where now < until: return nil
            case .completed, .stored, .hitForMiss, .refreshFailed, nil: break
            }
            let feed = make()
            entries[place] = .fill(feed)
            return feed
        }
    }

    /// Lets those that know the variant's own key find the feed too.
    func add(_ feed: FillFeed, under key: CacheKey, keyText: [UInt8]) {
        feed.isAbout(keyText)
        add(feed, at: Place(key: key))
    }

    /// What was asked for as a range is all of it: those that ask for the whole find it too.
    func widen(_ feed: FillFeed) { add(feed, at: Place(key: feed.key)) }

    /// What arrives is a part: those that ask for the whole don't find it any more, and those for the same range do, under
    /// the keys that it has.
    func narrow(_ feed: FillFeed, under keys: [CacheKey]) {
        guard let range = feed.range else { return }
        for key in keys {
            replace(feed, at: Place(key: key), by: nil)
            add(feed, at: Place(key: key, scope: .range(range)))
        }
    }

    private func add(_ feed: FillFeed, at place: Place) {
        shard(place.key).entries.withLock { entries in
            if case .fill = entries[place] { return }
            entries[place] = .fill(feed)
        }
    }

    /// The feed has ended, or can't be followed any more.
    func remove(_ feed: FillFeed, under key: CacheKey) { replace(feed, under: key, by: nil) }

    /// The feed has landed, and its response is on its way into a slow store: until that has it, what asks there is
    /// served from here.
    /// - Returns: to be released when the store has the response, or doesn't get it.
    func complete(_ feed: FillFeed, under keys: [CacheKey], at now: MonotonicTime) -> AnyObject {
        for key in keys { replace(feed, under: key, by: .completed(feed, at: now, stored: nil)) }
        return Storing(table: self, feed: feed, keys: keys)
    }

    fileprivate func noteStored(_ feed: FillFeed, under key: CacheKey) {
        shard(key).entries.withLock { entries in
            for place in Self.places(of: feed, under: key) {
                guard case .completed(let current, let completed, nil) = entries[place], current === feed else {
                    continue
                }
                // What is kept here pins the response beside the store's own bounds: small ones, and not many.
                let now = MonotonicTime.now()
                if entries.count > Self.notesPerShard {
                    entries[place] = nil
                } else {
                    let isKept = (feed.completed?.bodyCount ?? 0) <= Self.keptBytes
                    entries[place] = isKept ? .completed(feed, at: completed, stored: now) : .stored(at: now)
                }
            }
        }
    }

    /// Where a feed may stand for a key.
    private static func places(of feed: FillFeed, under key: CacheKey) -> [Place] {
        guard let range = feed.range else { return [Place(key: key)] }
        return [Place(key: key), Place(key: key, scope: .range(range))]
    }

    /// Whether a lookup that began then may have missed what was stored at that time.
    private static func isMissed(_ stored: MonotonicTime?, asked: MonotonicTime) -> Bool {
        guard let stored else { return true }
        return !(stored < asked)
    }

    /// What the key brings can't be shared.
    /// - Parameters:
    ///   - scope: `ranges` where it was a range that was asked for, which says nothing of the whole; `credentials` where
    ///     the request said who sends it.
    ///   - isShort: the origin failed, which says little about its next response.
    func noteHitForMiss(_ key: CacheKey, of scope: FillScope = .whole, now: MonotonicTime, isShort: Bool) {
        let until = now.advanced(byMilliseconds: Self.milliseconds(isShort: isShort))
        note(.hitForMiss(until: until), at: Place(key: key, scope: scope), now: now)
    }

    /// How long it is known that what a key brings can't be shared.
    static func milliseconds(isShort: Bool) -> Int64 { isShort ? pauseMilliseconds : hitForMissMilliseconds }

    func noteFailedRefresh(_ key: CacheKey, now: MonotonicTime) {
        let until = now.advanced(byMilliseconds: Self.pauseMilliseconds)
        note(.refreshFailed(until: until), at: Place(key: key), now: now)
    }

    /// Something that can be shared was stored under the key.
    func forgetHitForMiss(_ key: CacheKey) {
        shard(key).entries.withLock { entries in
            for scope in [FillScope.whole, .ranges, .credentials] {
                let place = Place(key: key, scope: scope)
                if case .hitForMiss = entries[place] { entries[place] = nil }
            }
        }
    }

    /// Removes what has expired.
    func sweep(now: MonotonicTime) {
        for shard in shards { shard.entries.withLock { Self.sweep(&$0, now: now) } }
    }

    /// What is known of a key's fetches. It changes nothing: for operators' questions.
    func standing(of key: CacheKey, now: MonotonicTime) -> FillStanding? {
        let place = Place(key: key)
        return shard(key).entries.withLock { entries in
            switch entries[place] {
            case .fill: .underWay
            case .completed(_, _, nil): .completed
            case .hitForMiss(let until) where now < until: .hitForMiss
            case .refreshFailed(let until) where now < until: .refreshFailed
            case .completed, .stored, .hitForMiss, .refreshFailed, nil: nil
            }
        }
    }

    /// Fills under way, and hit-for-miss keys.
    var counts: (fills: Int, hitForMiss: Int) {
        var counts = (fills: 0, hitForMiss: 0)
        for shard in shards {
            shard.entries.withLock { entries in
                for entry in entries.values {
                    switch entry {
                    case .fill: counts.fills += 1
                    case .hitForMiss: counts.hitForMiss += 1
                    case .completed, .stored, .refreshFailed: break
                    }
                }
            }
        }
        return counts
    }

    private func replace(_ feed: FillFeed, under key: CacheKey, by entry: Entry?) {
        for place in Self.places(of: feed, under: key) { replace(feed, at: place, by: entry) }
    }

    private func replace(_ feed: FillFeed, at place: Place, by entry: Entry?) {
        shard(place.key).entries.withLock { entries in
            if case .fill(let current) = entries[place], current === feed { entries[place] = entry }
        }
    }

    private func note(_ entry: Entry, at place: Place, now: MonotonicTime) {
        shard(place.key).entries.withLock { entries in
            if case .fill = entries[place] { return }
            if entries.count >= Self.notesPerShard { Self.sweep(&entries, now: now) }
            if entries.count >= Self.notesPerShard, let other = entries.first(where: { !Self.isFill($0.value) }) {
                entries[other.key] = nil
            }
            entries[place] = entry
        }
    }

    private static func isFill(_ entry: Entry) -> Bool { if case .fill = entry { true } else { false } }

    private static func sweep(_ entries: inout [Place: Entry], now: MonotonicTime) {
        // Nothing is the rule, and costs nothing.
        guard entries.contains(where: { !isCurrent($0.value, now: now) }) else { return }
        entries = entries.filter { isCurrent($0.value, now: now) }
    }

    private static func isCurrent(_ entry: Entry, now: MonotonicTime) -> Bool {
        switch entry {
        case .fill: true
        case .completed(_, let completed, let stored):
            now.milliseconds(since: stored ?? completed) < (stored == nil ? hitForMissMilliseconds : pauseMilliseconds)
        case .stored(let stored): now.milliseconds(since: stored) < pauseMilliseconds
        case .hitForMiss(let until), .refreshFailed(let until): now < until
        }
    }
}

/// Held by a write under way: its end is the moment at which the store has, or will never have, what it writes.
private final class Storing {
    private let table: FillTable
    private let feed: FillFeed
    private let keys: [CacheKey]

    init(table: FillTable, feed: FillFeed, keys: [CacheKey]) {
        self.table = table
        self.feed = feed
        self.keys = keys
    }

    deinit {
        for key in keys { table.noteStored(feed, under: key) }
    }
}
