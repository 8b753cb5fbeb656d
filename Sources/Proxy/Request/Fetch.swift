// One exchange with an origin: choosing a server, connecting, sending the request, reading the answer, and trying again
// where RFC 9110 §9.2.2 allows it. It knows framing and time-outs; what becomes of the answer is its consumer's affair.

import Bytes
import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire

/// Why a fetch gave no (whole) answer.
struct FetchFailure {
    enum Cause: UInt8 {
        case noServer, unresolved, refused, connectTimeout, firstByteTimeout, betweenBytesTimeout
        case closedEarly, brokenAnswer, tooManyConnections
    }
    let cause: Cause
    /// What was wrong with the answer's bytes, where that is the cause.
    var wire: WireError?
}

/// A worker's own; one at a time per transaction. Ended ones rest with the worker until the turn is over and serve
/// again, with their buffers.
final class Fetch {
    enum State { case idle, locating, connecting, awaitingHead, receivingBody, tunnel, ended }

    let worker: Worker
    var consumer: Transaction
    var state = State.idle
    var connection: OriginConnection?
    var server: OriginServer?
    var group: UpstreamGroup
    var tried: UInt64 = 0
    var triesLeft: Int
    var method: Method
    /// Counts the tries, so that an answer of the resolver to an earlier one is known as such.
    var attempt = 0
    var avoidsPool = false
    var allServers: UInt64 { group.servers.count >= 64 ? .max : (1 << UInt64(group.servers.count)) - 1 }

    /// The serialised head, with a keyed body behind it; kept until the first byte of an answer, for another try.
    var request = ByteBuffer(minimumCapacity: 1024)
    /// What of `request`, or of the body after it, the origin hasn't taken yet.
    var backlog = ByteBuffer(minimumCapacity: 64)
    var backlogStart = 0
    var isRequestComplete: Bool
    var hasStreamedBody = false

    var head = ResponseHead()
    var kept = ByteBuffer(minimumCapacity: 64)
    var remaining: UInt64 = 0
    var decoder = ChunkedDecoder(from: .origin)
    var hasExcess = false
    var isPaused = false

    /// - Parameter isRequestComplete: nothing of the request follows what is put into `request`.
    init(worker: Worker, consumer: Transaction, group: UpstreamGroup, method: Method, isRequestComplete: Bool) {
        self.worker = worker
        self.consumer = consumer
        self.group = group
        self.method = method
        self.isRequestComplete = isRequestComplete
        triesLeft = group.settings.retries
    }

    /// Makes an ended one ready for another exchange; as `init`.
    func prepare(consumer: Transaction, group: UpstreamGroup, method: Method, isRequestComplete: Bool) {
        precondition(state == .ended && connection == nil, "only a fetch that has ended serves again")
        self.consumer = consumer
        self.group = group
        self.method = method
        self.isRequestComplete = isRequestComplete
        triesLeft = group.settings.retries
        state = .idle
        server = nil
        tried = 0
        request.removeAll(keepingUpTo: 8192)
        backlog.removeAll(keepingUpTo: 4096)
        backlogStart = 0
        kept.removeAll(keepingUpTo: 4096)
        hasStreamedBody = false
        hasExcess = false
        isPaused = false
        remaining = 0
        avoidsPool = false
    }

    // MARK: Sending the request's body

    /// Whether the request has a connection to go out on.
    var isConnected: Bool { state == .awaitingHead || state == .receivingBody || state == .tunnel }

    /// Whether more of the body can be taken now.
    var takesBody: Bool { isConnected && backlogStart >= backlog.count }

    /// The next bytes of the body, framed already. To be called while `takesBody`, once more than one piece may pile up
    /// in a turn.
    func sendBody(_ prefix: Span<UInt8>, _ piece: Span<UInt8>, _ suffix: Span<UInt8>) {
        guard let connection, connection.isOpen else { return }
        hasStreamedBody = true
        if backlogStart < backlog.count {
            backlog.append(prefix)
            backlog.append(piece)
            backlog.append(suffix)
            return
        }
        switch connection.send(prefix, piece, suffix) {
        case .failed: sendingFailed()
        case .wrote(let count):
            guard count < prefix.count + piece.count + suffix.count else {
                if state == .awaitingHead { awaitOrigin() }
                return
            }
            backlog.removeAll()
            backlogStart = 0
            keep(prefix, after: count)
            keep(piece, after: count - prefix.count)
            keep(suffix, after: count - prefix.count - piece.count)
            awaitOrigin()
        }
    }

    func keep(_ piece: Span<UInt8>, after taken: Int) {
        let start = max(taken, 0)
        if start < piece.count { backlog.append(piece.extracting(start...)) }
    }

    /// The request's body is complete.
    func endBody() { isRequestComplete = true }

    func originWritable() {
        guard let connection, backlogStart < backlog.count else { return awaitOrigin() }
        switch connection.send(backlog.span.extracting(backlogStart...)) {
        case .failed: sendingFailed()
        case .wrote(let count):
            backlogStart += count
            if backlogStart == backlog.count {
                backlog.removeAll(keepingUpTo: 4096)
                backlogStart = 0
            }
            awaitOrigin()
            if backlogStart >= backlog.count { consumer.originTakesBody() }
        }
    }

    /// An origin may answer and close before it has read the body: what it said may still be there to read.
    func sendingFailed() {
        backlog.removeAll()
        backlogStart = 0
        guard let connection, state == .awaitingHead || state == .receivingBody else { return broken() }
        isRequestComplete = false
        connection.wait(for: .read)
    }
}
