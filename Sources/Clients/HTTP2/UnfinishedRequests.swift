// Requests whose response is complete while the client hasn't ended them (RFC 9113 §8.1). Most end by themselves in a moment; a
// stream that is reset at once looks like a fault to some clients, and hides from others what is wrong with theirs.

import EventLoop

/// Streams of one connection that nobody reads any more, in the order in which they are due.
struct UnfinishedRequests {
    private struct Entry {
        let stream: Int32
        let due: MonotonicTime
        var received = 0
    }

    private var entries: [Entry] = []

    /// How long the client has for the end of the request.
    static let patienceMilliseconds: Int64 = 1000
    /// Bytes of content that are passed over meanwhile; a stream's window is larger.
    private static let mostContent = 32 << 10

    var count: Int { entries.count }
    /// When the first one is due.
    var due: MonotonicTime? { entries.first?.due }

    mutating func add(_ stream: Int32, now: MonotonicTime) {
        entries.append(Entry(stream: stream, due: now.advanced(byMilliseconds: Self.patienceMilliseconds)))
    }

    /// The stream is closed.
    mutating func remove(_ stream: Int32) { entries.removeAll { $0.stream == stream } }

    /// The first one, to be reset.
    mutating func takeFirst() -> Int32? { entries.isEmpty ? nil : entries.removeFirst().stream }

    /// The first one whose time is over, to be reset.
    mutating func takeDue(_ now: MonotonicTime) -> Int32? {
        guard let due, due <= now else { return nil }
        return takeFirst()
    }

    /// Content has come; false, once, if there is too much of it, and the stream is to be reset.
    mutating func takes(_ count: Int, of stream: Int32) -> Bool {
        guard let index = entries.firstIndex(where: { $0.stream == stream }) else { return true }
        entries[index].received += count
        guard entries[index].received > Self.mostContent else { return true }
        entries.remove(at: index)
        return false
    }
}
