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

    /// What had been heard of the store's changes when the fetch began.
    var heard: HearingMark {
        get { heardBefore.withLock { $0 } }
        set { heardBefore.withLock { $0 = newValue } }
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
