// What the client has not taken yet. While anything stands here nothing more is read from the origin, so a slow client
// slows the origin and costs one read's worth of memory, not a body's.

import Bytes
import CacheStorage
import HTTPWire

/// The unsent rest of one answer.
struct ClientOutput: ~Copyable {
    /// Bytes that were offered and not taken.
    var backlog = ByteBuffer(minimumCapacity: 64)
    var backlogStart = 0
    /// A stored body that is written from where it lies, after the backlog. The reference keeps it there.
    var pinned: StoredResponse?
    var pinnedStart = 0
    var pinnedEnd = 0
    /// Nothing follows what stands here.
    var isComplete = false
    var hasBegun = false
    /// How the body goes to this client.
    var framing = BodyFraming.none
    /// The connection ends with this answer.
    var closes = false

    var isBlocked: Bool { backlogStart < backlog.count || pinned != nil }

    mutating func reset() {
        backlog.removeAll(keepingUpTo: 4096)
        backlogStart = 0
        pinned = nil
        pinnedStart = 0
        pinnedEnd = 0
        isComplete = false
        hasBegun = false
        framing = .none
        closes = false
    }
}
