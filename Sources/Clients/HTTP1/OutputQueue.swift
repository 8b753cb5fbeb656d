// What a client has not taken yet: bytes, behind them a stored body that is written from where it lies, and a few bytes behind
// that. It decides nothing.

import Bytes
import CacheStorage
import EventLoop

/// The unsent rest of one response.
struct OutputQueue: ~Copyable {
    private var bytes = ByteBuffer(minimumCapacity: 64)
    private var start = 0
    /// The reference keeps the body where it is.
    private var record: StoredResponse?
    private var range = 0..<0
    /// What comes behind the stored body.
    private var tail: [UInt8] = []

    var isEmpty: Bool { start >= bytes.count && record == nil }

    /// Offers all of it to the socket, in one system call.
    func send(on socket: Socket) -> SendResult {
        guard let record else { return socket.send(bytes.span.extracting(start...)) }
        return socket.send(bytes.span.extracting(start...), record.body.extracting(range), tail.span)
    }

    mutating func append(_ piece: Span<UInt8>) { bytes.append(piece) }

    /// Appends what of a piece wasn't taken when it was offered with others.
    /// - Parameter taken: bytes taken, counted from the piece's beginning; may be negative or more than it has.
    mutating func append(_ piece: Span<UInt8>, after taken: Int) {
        let start = max(taken, 0)
        if start < piece.count { bytes.append(piece.extracting(start...)) }
    }

    /// A stored body, and what comes behind it, are the last of a response.
    mutating func pin(_ record: StoredResponse, _ range: Range<Int>, tail: [UInt8] = []) {
        guard !range.isEmpty else { return }
        self.record = record
        self.range = range
        self.tail = tail
    }

    /// So many bytes were taken, from the first on.
    mutating func remove(_ count: Int) {
        let queued = bytes.count - start
        start += min(count, queued)
        if start == bytes.count {
            bytes.removeAll(keepingUpTo: 4096)
            start = 0
        }
        guard record != nil, count > queued else { return }
        let ofBody = min(count - queued, range.count)
        range = (range.lowerBound + ofBody)..<range.upperBound
        guard range.isEmpty else { return }
        // The body is gone: what is left of the tail is the queue.
        record = nil
        let rest = tail
        tail = []
        bytes.append(rest.span.extracting((count - queued - ofBody)...))
    }

    mutating func removeAll() {
        bytes.removeAll(keepingUpTo: 4096)
        start = 0
        record = nil
        if !tail.isEmpty { tail = [] }
    }
}
