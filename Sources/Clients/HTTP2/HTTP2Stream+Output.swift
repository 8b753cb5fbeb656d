// Writing a response as HTTP/2: the head's neutral lines as a header section, bodies from where they lie, and trailers.

import Bytes
import CacheStorage
import HTTP2Wire
import HTTPSemantics
import HTTPWire

extension HTTP2Stream {
    /// What a handler may queue before it flushes, and while the connection is busy with others.
    private static let mostQueued = 64 << 10

    // MARK: Heads

    func writeInterim() {
        let writer = self.writer
        guard let connection else { return writer.lines.removeAll() }
        connection.session.interim(on: identifier, connection.library, writer.lines.span)
        writer.lines.removeAll()
        connection.run()
    }

    func writeHead(_ size: ContentSize) {
        let writer = self.writer
        guard let connection else { return writer.lines.removeAll() }
        endsWithHead = tunnel == nil && (size == .none || size == .known(0) || message.head.method == .head)
        hasBegun = true
        connection.session.respond(
            on: identifier, connection.library, writer.lines.span, hasContent: !endsWithHead,
            status: tunnel != nil ? .switched : refusesUpgrade ? .refusingUpgrade : .asWritten)
        writer.lines.removeAll()
    }

    // MARK: Content

    func write(_ piece: Span<UInt8>) {
        guard let connection, !piece.isEmpty, !endsWithHead else { return }
        bodyCount += piece.count
        queue.append(piece)
        countBytes()
        noteSending(on: connection)
        // The connection is busy: others wait for it as well.
        if queue.ownCount >= Self.mostQueued { offeredContent() }
    }

    func writeEnd(trailers: [UInt8]) {
        responseTrailers = trailers
        complete()
        offer()
    }

    func writeStored(_ record: StoredResponse, _ range: Range<Int>, trailers: [UInt8] = []) {
        bodyCount += range.count
        responseTrailers = trailers
        if !endsWithHead { queue.pin(record, range) }
        complete()
        offer()
    }

    func writeStored(_ record: StoredResponse, _ parts: StoredParts) {
        bodyCount = parts.count
        if !endsWithHead { queue.pin(record, parts) }
        complete()
        offer()
    }

    private func noteSending(on connection: HTTP2Connection) {
        guard !isSending else { return }
        isSending = true
        connection.noteSending(self)
    }

    /// Offers the client what there is.
    func offer() {
        guard let connection else { return }
        if !endsWithHead { noteSending(on: connection) }
        if isDeferred {
            isDeferred = false
            connection.session.resume(identifier)
        }
        connection.run()
    }

    /// The client was offered what is queued: is it behind now?
    func offeredContent() {
        guard connection != nil, !isStuck else { return }
        if queue.isEmpty {
            // END_STREAM waits for the window as content does.
            guard isComplete, !hasSentAll, !endsWithHead, tunnel == nil else { return }
            isStuck = true
            return awaitRoom()
        }
        isStuck = true
        awaitRoom()
        countBytes()
        handler.streamBlocked()
    }

    // MARK: What nghttp2 asks for

    /// How much of the content can go out next.
    func nextContent(atMost limit: Int) -> (count: Int, isLast: Bool) {
        let offered = queue.offered
        let count = min(offered, limit)
        let isLast = isComplete && count == offered && queue.isAllOffered
        isDeferred = count == 0 && !isLast
        return (count, isLast)
    }

    /// The content ends: whether trailers follow it.
    func submitTrailers() -> Bool {
        let trailers = responseTrailers
        guard let connection, !trailers.isEmpty else { return false }
        connection.session.trailers(on: identifier, connection.library, trailers.span)
        return true
    }

    /// Content is gathered with what else goes out.
    func moveContent(_ count: Int, to library: HTTP2Library) {
        queue.move(count, to: &library.output)
        countBytes()
        guard isStuck else { return }
        awaitRoom()
        if queue.isEmpty { noteDrained() }
    }
}
