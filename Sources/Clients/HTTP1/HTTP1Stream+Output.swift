// Writing a response as HTTP/1: the head's own lines with the framing and the connection's fields behind them, bodies from
// where they lie, and what the client can't take now queued until it can.

import Bytes
import CacheStorage
import EventLoop
import HTTPSemantics
import HTTPWire

extension HTTP1Stream {
    /// Pieces up to this size are copied behind the head or the chunk before them, so that they go in one write.
    private static let copiedPiece = 4096
    /// Likewise for a stored body behind its head. Measured by `make bench`: at 1 KiB one send(2) takes about 0.3 µs less
    /// than a writev(2) of three pieces; copying costs as much at some 16 KiB.
    private static let copiedBody = 8192

    // MARK: Heads

    func writeInterim() {
        Forwarding.endHead(&writer.lines)
        emit()
    }

    /// RFC 9112 §6.3, §7.1: chunks for whoever understands them, else the end of the connection ends the body.
    func writeHead(_ size: ContentSize) {
        guard let connection else { return }
        closes =
            closesAfterResponse || !message.head.keepsAlive || connection.mustClose || !isContentComplete
        switch size {
        case .none: framing = .none
        case .known(let count): framing = .length(count)
        case .unknown where message.head.minorVersion >= 1:
            framing = .chunked
            writer.lines.append("Transfer-Encoding: chunked\r\n")
        case .unknown:
            framing = .untilClose
            closes = true
        }
        if closes {
            writer.lines.append("Connection: close\r\n")
        } else if message.head.minorVersion == 0 {
            writer.lines.append("Connection: keep-alive\r\n")
        }
        // RFC 9110 §7.8: Upgrade, which a 426 has, is to be named.
        if writer.saysUpgradeRequired { writer.lines.append("Connection: Upgrade\r\n") }
        Forwarding.endHead(&writer.lines)
        hasBegun = true
    }

    // MARK: Content

    func write(_ piece: Span<UInt8>) {
        if piece.isEmpty { return }
        bodyCount += piece.count
        let isChunked = framing == .chunked
        if isChunked {
            writer.lines.append(hex: UInt64(piece.count))
            writer.lines.append("\r\n")
        }
        if piece.count <= Self.copiedPiece {
            writer.lines.append(piece)
            if isChunked { writer.lines.append("\r\n") }
        } else {
            let lineEnd = writer.lineEnd
            emit(piece, isChunked ? lineEnd.span : Span())
        }
    }

    func writeEnd(trailers: [UInt8]) {
        if framing == .chunked {
            writer.lines.append("0\r\n")
            writer.lines.append(trailers)
            writer.lines.append("\r\n")
        }
        emit()
        complete()
    }

    func writeStored(_ record: StoredResponse, range: Range<Int>) {
        let writer = self.writer
        guard let connection else { return }
        isComplete = true
        bodyCount = range.count
        if isBlocked {
            // An interim response is still on its way.
            queue.append(writer.lines.span)
            writer.lines.removeAll()
            queue.pin(record, range)
            return countQueue()
        }
        let body = record.body.extracting(range)
        // One buffer goes out by a cheaper call than two do.
        let isCopied = body.count <= Self.copiedBody
        if isCopied { writer.lines.append(body) }
        let headCount = writer.lines.count
        let sent = isCopied ? connection.send(writer.lines.span) : connection.send(writer.lines.span, body)
        guard case .wrote(let count) = sent else {
            writer.lines.removeAll()
            return fail()
        }
        connections.counters.bytesSent += count
        if count == headCount + (isCopied ? 0 : body.count) {
            writer.lines.removeAll()
            return finish()
        }
        queue.append(writer.lines.span, after: count)
        writer.lines.removeAll()
        if !isCopied { queue.pin(record, (range.lowerBound + max(count - headCount, 0))..<range.upperBound) }
        block()
    }

    func writeStored(_ record: StoredResponse, parts: StoredParts) {
        guard connection != nil else { return }
        bodyCount = parts.count
        let writer = self.writer
        if parts.count <= Self.copiedBody {
            let text = parts.text
            for part in parts.parts {
                writer.lines.append(text.span.extracting(part.lines))
                writer.lines.append(record.body.extracting(part.body))
            }
            writer.lines.append(text.span.extracting(parts.end))
            emit()
            return complete()
        }
        isComplete = true
        let wasBlocked = isBlocked
        queue.append(writer.lines.span)
        writer.lines.removeAll()
        queue.pin(record, parts)
        if wasBlocked { countQueue() } else { sendQueue() }
    }

    func writeRest(of record: StoredResponse, range: Range<Int>, trailers: [UInt8]) {
        guard connection != nil else { return }
        let writer = self.writer
        let wasBlocked = isBlocked
        bodyCount += range.count
        isComplete = true
        if framing == .chunked {
            if !range.isEmpty {
                writer.lines.append(hex: UInt64(range.count))
                writer.lines.append("\r\n")
                queue.pin(
                    record, range, tail: Array("\r\n0\r\n".utf8) + trailers + writer.lineEnd)
            } else {
                writer.lines.append("0\r\n")
                writer.lines.append(trailers)
                writer.lines.append("\r\n")
            }
        } else {
            queue.pin(record, range)
        }
        queue.append(writer.lines.span)
        writer.lines.removeAll()
        if wasBlocked { countQueue() } else { sendQueue() }
    }

    // MARK: The socket

    /// Sends what stands in the writer, then `piece`, then `tail`, in one system call.
    func emit(_ piece: Span<UInt8> = Span(), _ tail: Span<UInt8> = Span()) {
        let writer = self.writer
        guard let connection else { return writer.lines.removeAll() }
        let total = writer.lines.count + piece.count + tail.count
        guard total > 0 else { return }
        if isBlocked {
            queue.append(writer.lines.span)
            queue.append(piece)
            queue.append(tail)
            writer.lines.removeAll()
            return countQueue()
        }
        let sent = connection.send(writer.lines.span, piece, tail)
        guard case .wrote(let count) = sent else {
            writer.lines.removeAll()
            return fail()
        }
        connections.counters.bytesSent += count
        if count < total {
            let headCount = writer.lines.count
            queue.append(writer.lines.span, after: count)
            queue.append(piece, after: count - headCount)
            queue.append(tail, after: count - headCount - piece.count)
        }
        writer.lines.removeAll()
        if count < total { block() }
    }

    private func block() {
        detach()
        countQueue()
        if isTunnel { awaitTunnelEvents() } else { awaitRoom() }
        handler.streamBlocked()
    }

    /// Sends what is queued, of a response that is complete, for the first time.
    private func sendQueue() {
        guard offerQueue() else { return }
        if isBlocked { block() } else { finish() }
    }

    /// Sends what the client takes of what is queued; false if the connection has broken.
    private func offerQueue() -> Bool {
        guard let connection else { return false }
        while isBlocked {
            let offered = queue.offered
            guard case .wrote(let count) = queue.send(on: connection) else {
                fail()
                return false
            }
            connections.counters.bytesSent += count
            queue.remove(count)
            if count > 0, isBlocked || !isComplete { isTunnel ? restartTunnelTime() : awaitRoom() }
            if count < offered { break }
        }
        countQueue()
        return true
    }

    /// The client has room again.
    func writable() {
        guard connection != nil, offerQueue(), !isBlocked else { return }
        if isComplete { return finish() }
        if isTunnel { tunnelDrained() } else { awaitNothing() }
        handler.streamWritable()
    }
}
