// What a client has not taken yet: bytes, behind them a stored body, or parts of one, that are written from where they lie, with
// a few bytes behind each. It decides nothing.

import Bytes
import CacheStorage
import EventLoop

/// The unsent rest of one response.
struct OutputQueue: ~Copyable {
    private var bytes = ByteBuffer(minimumCapacity: 64)
    private var start = 0
    /// The reference keeps the body where it is; pinned as long as it is here.
    private var record: StoredResponse?
    private var range = 0..<0
    /// What comes behind the range of the stored body.
    private var tail: [UInt8] = []
    /// Further parts of the body, behind the tail, and which of them is next.
    private var parts: StoredParts?
    private var nextPart = 0

    var isEmpty: Bool { start >= bytes.count && record == nil }

    /// Bytes of its own: what of a response was copied for this client.
    var ownCount: Int { bytes.count + tail.count + (parts?.textCount ?? 0) }
    /// Its part in a body that no memory store holds any more.
    var shareOfPin: Int { record?.shareOfPin ?? 0 }

    /// Bytes that one ``send(on:)`` offers.
    var offered: Int { bytes.count - start + (record == nil ? 0 : range.count + tail.count) }

    /// Offers what there is to the socket in one system call; of several parts the first.
    func send(on socket: Socket) -> SendResult {
        guard let record else { return socket.send(bytes.span.extracting(start...)) }
        return socket.send(bytes.span.extracting(start...), record.body.extracting(range), tail.span)
    }

    /// Whether nothing is left behind what is offered.
    var isAllOffered: Bool { parts == nil }

    /// Appends the first `count` bytes of what is offered to `output`, and removes them.
    mutating func move(_ count: Int, to output: inout ByteBuffer) {
        output.reserve(count)
        var left = count
        func take(_ piece: Span<UInt8>) {
            let taken = min(piece.count, left)
            output.append(piece.extracting(..<taken))
            left -= taken
        }
        take(bytes.span.extracting(start...))
        if left > 0, let record {
            take(record.body.extracting(range))
            take(tail.span)
        }
        remove(count)
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
        hold(record)
        self.range = range
        self.tail = tail
    }

    /// Parts of a stored body, each with its lines, are the last of a response.
    mutating func pin(_ record: StoredResponse, _ parts: StoredParts) {
        hold(record)
        self.parts = parts
        nextPart = 0
        pinNextPart()
    }

    /// So many bytes were taken, from the first on; no more than were offered.
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
        // What is left of the tail comes before anything else.
        let rest = tail
        tail = []
        bytes.append(rest.span.extracting((count - queued - ofBody)...))
        pinNextPart()
    }

    /// The next part that isn't empty takes the place of the one that is taken. After the last one the body is let go.
    private mutating func pinNextPart() {
        while let parts {
            let text = parts.text
            guard nextPart < parts.parts.count else {
                bytes.append(text.span.extracting(parts.end))
                self.parts = nil
                break
            }
            let part = parts.parts[nextPart]
            bytes.append(text.span.extracting(part.lines))
            nextPart += 1
            guard part.body.isEmpty else {
                range = part.body
                return
            }
        }
        letGo()
    }

    private mutating func hold(_ record: StoredResponse) {
        letGo()
        record.pin()
        self.record = record
    }

    private mutating func letGo() {
        guard let record else { return }
        record.unpin()
        self.record = nil
    }

    mutating func removeAll() {
        bytes.removeAll(keepingUpTo: 4096)
        start = 0
        letGo()
        range = 0..<0
        if !tail.isEmpty { tail = [] }
        if parts != nil { parts = nil }
    }
}
