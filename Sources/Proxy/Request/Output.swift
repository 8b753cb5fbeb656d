// Writing to the client: heads from the worker's scratch buffer, bodies from where they lie, and what the client can't
// take now kept until it can.

import Bytes
import CacheStorage
import EventLoop
import HTTPWire
import Origins

extension Transaction {
    /// Pieces up to this size are copied behind the head or the chunk before them, so that they go in one write.
    private static let copiedPiece = 4096
    /// Likewise for a stored body behind its head. Measured by `make bench`: at 1 KiB one send(2) takes about 0.3 µs less
    /// than a writev(2) of three pieces; copying costs as much at some 16 KiB.
    private static let copiedBody = 8192

    /// Sends what stands in the worker's scratch buffer, then `piece`, then `tail`, in one system call.
    func emit(_ piece: Span<UInt8> = Span(), _ tail: Span<UInt8> = Span()) {
        let worker = self.worker
        guard let client else { return worker.scratch.removeAll() }
        let total = worker.scratch.count + piece.count + tail.count
        guard total > 0 else { return }
        if output.isBlocked {
            output.backlog.append(worker.scratch.span)
            output.backlog.append(piece)
            output.backlog.append(tail)
            worker.scratch.removeAll()
            return
        }
        let sent = client.send(worker.scratch.span, piece, tail)
        switch sent {
        case .wrote(let count):
            worker.counters.bytesToClients += count
            if count < total {
                keepUnsent(after: count, piece, tail)
                block()
            }
            worker.scratch.removeAll()
        case .failed:
            worker.scratch.removeAll()
            clientIsGone()
        }
    }

    private func keepUnsent(after count: Int, _ piece: Span<UInt8>, _ tail: Span<UInt8>) {
        let worker = self.worker
        output.backlog.removeAll()
        output.backlogStart = 0
        let scratchCount = worker.scratch.count
        if count < scratchCount { output.backlog.append(worker.scratch.span, from: count) }
        let pieceStart = max(count - scratchCount, 0)
        if pieceStart < piece.count { output.backlog.append(piece.extracting(pieceStart...)) }
        let tailStart = max(count - scratchCount - piece.count, 0)
        if tailStart < tail.count { output.backlog.append(tail.extracting(tailStart...)) }
    }

    /// The client can't take more: the origin waits with it, unless what it sends is kept whole anyway.
    func block() {
        detach()
        if part == .none { exchange?.pause() }
        client?.awaitRoom()
    }

    /// One piece of the body, framed for this client.
    func emitBody(_ piece: Span<UInt8>) {
        if piece.isEmpty { return }
        bodyBytes += piece.count
        let worker = self.worker
        let isChunked = output.framing == .chunked
        if isChunked {
            worker.scratch.append(hex: UInt64(piece.count))
            worker.scratch.append("\r\n")
        }
        if piece.count <= Self.copiedPiece {
            worker.scratch.append(piece)
            if isChunked { worker.scratch.append("\r\n") }
        } else {
            let lineEnd = worker.lineEnd
            emit(piece, isChunked ? lineEnd.span : Span())
        }
    }

    /// Sends a head that stands in the worker's scratch buffer together with a stored body.
    /// - Parameter range: the part of the body that is sent.
    func emitStored(_ stored: StoredResponse, range: Range<Int>) {
        guard let client else { return }
        let worker = self.worker
        output.isComplete = true
        bodyBytes = range.count
        let body = stored.body.extracting(range)
        // One buffer goes out by a cheaper call than two do.
        let isCopied = body.count <= Self.copiedBody
        if isCopied { worker.scratch.append(body) }
        let headCount = worker.scratch.count
        let sent = isCopied ? client.send(worker.scratch.span) : client.send(worker.scratch.span, body)
        guard case .wrote(let count) = sent else {
            worker.scratch.removeAll()
            return clientIsGone()
        }
        worker.counters.bytesToClients += count
        if count == headCount + (isCopied ? 0 : body.count) {
            worker.scratch.removeAll()
            return finish()
        }
        output.backlog.removeAll()
        output.backlogStart = 0
        if count < headCount { output.backlog.append(worker.scratch.span, from: count) }
        worker.scratch.removeAll()
        if !isCopied {
            output.pinned = stored
            output.pinnedStart = range.lowerBound + max(count - headCount, 0)
            output.pinnedEnd = range.upperBound
        }
        block()
    }

    /// The client has room again.
    func clientWritable() {
        guard let client else { return }
        if !flush(to: client) { return }
        if output.isComplete { return finish() }
        if isTunnel && status == 101 { client.awaitTunnel() } else { client.awaitNothing() }
        if part == .none { exchange?.resume() } else { pump() }
    }

    /// Writes what is left; true once nothing is.
    private func flush(to client: Client) -> Bool {
        let backlogCount = output.backlog.count - output.backlogStart
        let sent: SendResult
        if let pinned = output.pinned {
            sent = client.send(
                output.backlog.span.extracting(output.backlogStart...),
                pinned.body.extracting(output.pinnedStart..<output.pinnedEnd))
        } else {
            sent = client.send(output.backlog.span.extracting(output.backlogStart...))
        }
        guard case .wrote(let count) = sent else {
            clientIsGone()
            return false
        }
        worker.counters.bytesToClients += count
        if count > 0 { client.awaitRoom() }
        output.backlogStart += min(count, backlogCount)
        if output.pinned != nil {
            output.pinnedStart += max(count - backlogCount, 0)
            if output.pinnedStart == output.pinnedEnd { output.pinned = nil }
        }
        guard output.backlogStart == output.backlog.count else { return false }
        output.backlog.removeAll(keepingUpTo: 4096)
        output.backlogStart = 0
        return output.pinned == nil
    }

    /// The answer is whole, or as whole as it gets: what isn't sent yet goes when the client takes it.
    func complete() {
        // The connection may have broken over the last of it: this is the next request's then.
        guard client != nil || isUnattended else { return }
        output.isComplete = true
        if isUnattended { return endUnattended() }
        if client != nil && !output.isBlocked { finish() }
    }

    /// The request is over and its answer is sent.
    func finish() {
        guard let client else { return }
        worker.account(self)
        let ends = output.closes || !content.isComplete
        client.transactionEnded(self, ends: ends)
    }

    /// The connection broke, or is to break since the answer can't be completed.
    func clientIsGone() {
        guard let client else { return }
        outcome = .clientGone
        abandon(client)
    }

    /// Ends the connection within an answer, so that the client can tell that it isn't whole.
    func cutShort(_ outcome: Outcome) {
        guard let client else { return }
        self.outcome = outcome
        // A body that ends with the connection needs more than a clean end to show that it is broken.
        if output.framing == .untilClose { client.reset() }
        abandon(client)
    }

    private func abandon(_ client: Client) {
        worker.account(self)
        if outlivesClient {
            client.transactionLeft(self)
            return leaveBehind()
        }
        endFetch()
        client.transactionBroke(self)
    }
}
