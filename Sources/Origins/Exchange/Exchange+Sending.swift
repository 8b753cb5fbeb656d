// An exchange's second part: the request goes out, and its content behind it, framed as the head has announced (RFC 9112
// §7.1). What the origin doesn't take at once waits here; whoever has the content waits too.

import EventLoop
import HTTPWire

extension Exchange {
    /// The next piece of the content, as it is, or of what goes through the tunnel. To be called while `takesContent`,
    /// once more than one piece may pile up in a turn.
    package func send(content piece: Span<UInt8>) {
        guard !piece.isEmpty else { return }
        guard contentFraming == .chunked, state.phase != .tunnel else { return write(piece, isChunk: false) }
        chunkLine.removeAll()
        chunkLine.append(hex: UInt64(piece.count))
        chunkLine.append("\r\n")
        write(piece, isChunk: true)
    }

    /// The content is complete.
    /// - Parameter trailers: trailer fields as lines, sent where the content is chunked.
    package func endContent(trailers: [UInt8]) {
        if contentFraming == .chunked {
            chunkLine.removeAll()
            chunkLine.append(access.lastChunk)
            write(trailers.span, isChunk: true)
        }
        state.contentEnded()
    }

    /// Sends a piece; as a chunk, with `chunkLine` before it and the end of the line behind it.
    private func write(_ piece: Span<UInt8>, isChunk: Bool) {
        guard let connection, connection.isOpen else { return }
        state.contentBegan()
        let lineEnd = access.lineEnd
        if unsentStart < unsent.count {
            if isChunk { unsent.append(chunkLine.span) }
            unsent.append(piece)
            if isChunk { unsent.append(lineEnd) }
            return
        }
        let result = isChunk ? connection.send(chunkLine.span, piece, lineEnd.span) : connection.send(piece)
        guard case .wrote(let count) = result else { return sendingFailed() }
        let before = isChunk ? chunkLine.count : 0
        guard count < piece.count + (isChunk ? before + lineEnd.count : 0) else {
            if state.phase == .awaitingHead { awaitOrigin() }
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

    /// The request is complete: one write as a rule.
    func sendRequest() {
        guard let connection else { return }
        guard case .wrote(let count) = connection.send(request.span) else { return perform(state.broke()) }
        if count < request.count {
            unsent.append(request.span.extracting(count...))
            state.queued()
        }
        awaitOrigin()
    }

    /// Content that is there already goes in one write with the head.
    func sendRequestAndContent() {
        unsent.append(request.span)
        state.queued()
        delegate?.exchangeTakesContent(self)
        if state.phase == .awaitingHead { sendUnsent() }
    }

    func sendUnsent() {
        guard let connection, unsentStart < unsent.count else { return awaitOrigin() }
        guard case .wrote(let count) = connection.send(unsent.span.extracting(unsentStart...)) else {
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
        if isEmpty { delegate?.exchangeTakesContent(self) }
    }

    private func sendingFailed() {
        unsent.removeAll()
        unsentStart = 0
        perform(state.sendingFailed())
    }
}
