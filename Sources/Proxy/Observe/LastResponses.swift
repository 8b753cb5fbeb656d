// What became of the latest response for a key: so that `explain` can say afterwards why nothing is stored. Written once for each
// response of an origin's, never for a HIT.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import Origins

/// What became of an origin's response, or of the attempt to get one.
enum ResponseFate: Equatable, Sendable {
    case stored(Status)
    case notStored(Status, Reason)
    /// What it is about was invalidated while it was fetched.
    case invalidated(Status)
    /// The memory for responses under way was used up (`limits.memory`).
    case outOfMemory(Status)
    /// What is stored is used instead (RFC 5861 §4).
    case originFailed(Status)
    case failed(ExchangeFailure.Cause)
}

/// The fates of the latest keys. Shared by all threads; one short lock each time.
///
/// Its size is bounded by the number of keys, since each takes the same: about 100 bytes, 800 KiB in all.
package final class LastResponses: Sendable {
    struct Entry: Sendable {
        let fate: ResponseFate
        let time: WallTime
    }
    private struct State {
        var entries = RecencyMap<CacheKey, Entry>(limit: LastResponses.limit)
        var forgotten = 0
    }
    private let state = Locked(State())
    static let limit = 8192

    package init() {}

    func note(_ fate: ResponseFate, of key: CacheKey, at time: WallTime) {
        let entry = Entry(fate: fate, time: time)
        state.withLock { state in
            if state.entries[key] != nil {
                state.entries[key] = entry
            } else if state.entries.insert(entry, for: key) != nil {
                state.forgotten += 1
            }
        }
    }

    func last(of key: CacheKey) -> Entry? { state.withLock { $0.entries[key] } }

    /// Keys that are remembered, and those that made room for others since the start.
    package var figures: (remembered: Int, forgotten: Int) {
        state.withLock { ($0.entries.count, $0.forgotten) }
    }
}
