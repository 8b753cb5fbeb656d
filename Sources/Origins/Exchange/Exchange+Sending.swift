// An exchange's second part: the request is sent, followed by its content, framed as the head announced (RFC 9112
// §7.1). What the origin doesn't accept at once is buffered here, and the delegate supplies no more until it is sent.

import Bytes
import EventLoop
import HTTPWire

extension Exchange {
    /// Sends the next piece of the content, or of the tunnel's bytes. Call it only while `takesContent` if more than
    /// one piece may accumulate in a turn.
    package func send(content piece: Span<UInt8>) {
        guard !piece.isEmpty else { return }
        guard contentFraming == .chunked, state.phase != .tunnel else { return write(piece, isChunk: false) }
        chunkLine.removeAll()
        chunkLine.append(hex: UInt64(piece.count))
        chunkLine.append("\r\n")
        write(piece, isChunk: true)
    }

    /// The content is complete.
    /// - Parameter trailers: trailer fields as lines, sent if the content is chunked.
    package func endContent(trailers: [UInt8]) {
        if contentFraming == .chunked {
            chunkLine.removeAll()
            chunkLine.append(access.lastChunk)
            write(trailers.span, isChunk: true)
        }
        state.contentEnded()
        // From now on it is the origin's turn.
        restartTimeout()
    }

    /// Nothing more goes through the tunnel to the origin; what it sends is still received.
    package func endTunnelOutput() {
        state.endTunnelOutput()
        if state.closesSending { carrier?.shutDownSending() }
    }

    /// Sends a piece; as a chunk, with `chunkLine` before it and CRLF after it.
    private func write(_ piece: Span<UInt8>, isChunk: Bool) {
        let lineEnd = access.lineEnd
        if state.supplied(piece.count) {
            if isChunk { request.append(chunkLine.span) }
            request.append(piece)
            if isChunk { request.append(lineEnd) }
        } else {
            request.removeAll(keepingUpTo: 8192)
        }
        // Between two connections it goes out with the request; after a failure nothing does.
        guard state.isSending, let carrier, carrier.isOpen else { return }
        if unsentStart < unsent.count {
            if isChunk { unsent.append(chunkLine.span) }
            unsent.append(piece)
            if isChunk { unsent.append(lineEnd) }
            return
        }
        let result = isChunk ? carrier.send(chunkLine.span, piece, lineEnd.span) : carrier.send(piece)
        guard case .wrote(let count) = result else { return sendingFailed() }
        let before = isChunk ? chunkLine.count : 0
        guard count < piece.count + (isChunk ? before + lineEnd.count : 0) else {
            if state.phase == .awaitingHead { restartTimeout() }
            return
        }
        unsent.removeAll()
        unsentStart = 0
        if isChunk { keepUnsent(chunkLine.span, after: count) }
        keepUnsent(piece, after: count - before)
        if isChunk { keepUnsent(lineEnd.span, after: count - before - piece.count) }
        state.queued()
        awaitOrigin()
    }

    private func keepUnsent(_ piece: Span<UInt8>, after taken: Int) {
        let start = max(taken, 0)
        if start < piece.count { unsent.append(piece.extracting(start...)) }
    }

    /// Sends a complete request: usually one write.
    func sendRequest() {
        guard let carrier else { return }
        nameServer()
        guard case .wrote(let count) = carrier.send(request.span) else { return perform(broken(carrier)) }
        if count < request.count {
            unsent.append(request.span.extracting(count...))
            state.queued()
        }
        awaitOrigin()
    }

    /// Sends the head and the content that has arrived already, in one write.
    func sendRequestAndContent() {
        nameServer()
        unsent.append(request.span)
        state.queued()
        delegate?.exchangeTakesContent(self)
        if state.phase == .awaitingHead { sendUnsent() }
    }

    /// Host (RFC 9112 §3.2), the first line after the request line, may be there for another server.
    private func nameServer() {
        guard namesServer, let server else { return }
        var written = ByteBuffer()
        swap(&written, &request)
        let bytes = written.span
        let line = Scan.first(UInt8(ascii: "\n"), in: bytes, from: 0, to: bytes.count) + 1
        let start = min(line + "Host: ".utf8.count, bytes.count)
        let end = Scan.first(UInt8(ascii: "\r"), in: bytes, from: start, to: bytes.count)
        request.append(bytes.extracting(..<start))
        request.append(server.authority)
        request.append(bytes.extracting(end...))
    }

    func sendUnsent() {
        guard let carrier, unsentStart < unsent.count else { return awaitOrigin() }
        guard case .wrote(let count) = carrier.send(unsent.span.extracting(unsentStart...)) else {
            return sendingFailed()
        }
        unsentStart += count
        let isEmpty = unsentStart == unsent.count
        if isEmpty {
            unsent.removeAll(keepingUpTo: 4096)
            unsentStart = 0
        }
        state.sent(all: isEmpty)
        awaitOrigin()
        if state.closesSending { carrier.shutDownSending() }
        if isEmpty { delegate?.exchangeTakesContent(self) }
    }

    private func sendingFailed() {
        unsent.removeAll()
        unsentStart = 0
        perform(state.sendingFailed())
    }
}
