// When groups of responses were invalidated: by `Cache-Group-Invalidation` (RFC 9875 §3), within one origin, or by a purge of
// a tag. An invalidation is a time: what was requested before it is not used any more, whatever store it comes from. Holds
// for the workers of one process.

import Bytes
import HTTPCaching
import Synchronization

/// Shared by all workers.
package final class GroupInvalidations: Sendable {
    private struct State: Sendable {
        /// Milliseconds since 1970, by name.
        var times = RecencyMap<[UInt8], Int64>(limit: GroupInvalidations.remembered)
        /// What was requested before this may have been invalidated by something that is forgotten.
        var horizon = Int64.min
    }

    private let state = Locked(State())
    /// Read before anything else, since most processes never see an invalidation.
    private let count = Atomic<Int>(0)
    private static let remembered = 16_384

    package init() {}

    package var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }

    /// - Parameter name: as ``GroupName`` puts it together.
    package func note(_ name: [UInt8], at time: Int64) {
        state.withLock { state in
            if let known = state.times[name] {
                state.times[name] = max(known, time)
            } else if let forgotten = state.times.insert(time, for: name) {
                state.horizon = max(state.horizon, forgotten)
            }
        }
        count.wrappingAdd(1, ordering: .releasing)
    }

    /// Whether something of that name, requested at `time`, has been invalidated since, or may have been.
    package func covers(_ name: [UInt8], requestedAt time: Instant) -> Bool {
        state.withLock { state in
            if time.milliseconds <= state.horizon { return true }
            guard let invalidated = state.times[name] else { return false }
            return time.milliseconds <= invalidated
        }
    }
}

/// The names under which invalidations are noted.
package enum GroupName {
    /// A group of RFC 9875, which is one origin's.
    static func group(_ name: Span<UInt8>, scheme: Span<UInt8>, authority: Span<UInt8>) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "g")]
        text.append(scheme)
        text.append(UInt8(ascii: " "))
        for index in authority.indices {
            let byte = authority[index]
            text.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
        }
        text.append(UInt8(ascii: " "))
        text.append(name)
        return text
    }

    /// A tag, which is the operator's own.
    package static func tag(_ name: Span<UInt8>) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "t")]
        text.append(name)
        return text
    }
}
