// What stands at a feed's keys in the remote store as long as its response may be given to whoever asks: its fill's placeholder,
// or the record that it refreshes. Who looked later and saw something else there isn't given it: another program, or another
// Larder, has removed or replaced what was there.

import Bytes
import CacheStorage
import EventLoop

/// Any thread reads; the fill's alone writes.
final class FeedFence: Sendable {
    private struct Entry: Sendable {
        let key: CacheKey
        let fence: StoreFence
        /// Since when it is known to stand there.
        var since: MonotonicTime?
    }

    private let entries = Locked<[Entry]>([])
    private let heardBefore = Locked(HearingMark.deaf)
    /// When the origin was asked without a placeholder, as the store was away or another's stood for too long.
    private let askedAlone = Locked<MonotonicTime?>(nil)

    /// What had been heard of the store's changes when the fetch began.
    var heard: HearingMark {
        get { heardBefore.withLock { $0 } }
        set { heardBefore.withLock { $0 = newValue } }
    }

    /// The origin is asked without a placeholder.
    /// - Parameter heard: what has been heard of the store's changes until now.
    func noteAlone(at time: MonotonicTime, heard: HearingMark) {
        self.heard = heard
        askedAlone.withLock { $0 = time }
    }

    /// Whether nothing stands in the store that would show whether anything has happened to the key since.
    var isAlone: Bool { askedAlone.withLock { $0 != nil } }

    /// When nothing had happened to the key that its response doesn't know of: it was asked for later, or what it put there was
    /// seen then. Nil where that isn't known.
    var confirmed: MonotonicTime? {
        askedAlone.withLock { $0 } ?? entries.withLock { $0.compactMap(\.since).max() }
    }

    /// - Parameter since: nil where that isn't known yet.
    func add(_ fence: StoreFence, at key: CacheKey, since: MonotonicTime?) {
        entries.withLock { $0.append(Entry(key: key, fence: fence, since: since)) }
    }

    /// The placeholder of the claim with that number is known to stand.
    func noteHeld(_ claim: UInt64, since: MonotonicTime) {
        entries.withLock { entries in
            for index in entries.indices {
                if case .claim(let own) = entries[index].fence, own.number == claim { entries[index].since = since }
            }
        }
    }

    /// Whether somebody who looked at that time saw that none of it stood there any more.
    func isBroken(at key: CacheKey, by sight: StoreSight, asked: MonotonicTime) -> Bool {
        guard sight != .unknown else { return false }
        return entries.withLock { entries in
            var isKnown = false
            for entry in entries where entry.key == key {
                if sight.shows(entry.fence) == true { return false }
                if let since = entry.since, since < asked { isKnown = true }
            }
            return isKnown
        }
    }
}
