// A stream that carries another protocol (RFC 8441): DATA frames both ways are its bytes, and the end of each direction is that
// of the stream.

import Bytes
import EventLoop
import HTTP2Wire
import HTTPWire

/// What a stream knows of its tunnel.
struct HTTP2Tunnel {
    /// More from the client is wanted.
    var reads = true
    /// The handler knows that the client sends no more.
    var isInputOver = false
    /// Both directions have ended.
    var isOver = false
}

extension HTTP2Stream {
    /// With one direction over, as long as that (see ``HTTP1Stream``).
    private static let halfClosedMilliseconds: Int64 = 30_000

    /// RFC 8441 §5: a 101 is a 200 here, and what names the protocol is the request.
    func writeSwitch() {
        tunnel = HTTP2Tunnel()
        isContentComplete = false
        writeHead(.unknown)
        restartTunnelTime()
        offer()
    }

    func restartTunnelTime() {
        guard let tunnel else { return }
        var limit = connections.limits.tunnelTimeout
        if tunnel.isInputOver || isComplete { limit = min(limit, Self.halfClosedMilliseconds) }
        setDue(connections.loop.now.advanced(byMilliseconds: limit))
    }

    func takeTunnelAhead() -> [UInt8] {
        guard hasReceivedContent, let connection else { return [] }
        var taken = takeBuffer()
        let bytes = taken.span.copied()
        connection.session.consume(bytes.count, of: identifier)
        returnBuffer(&taken)
        return bytes
    }

    func awaitTunnelBytes(reads: Bool) {
        tunnel?.reads = reads
        restartTunnelTime()
        if reads, hasReceivedContent || hasReceivedAll && tunnel?.isInputOver == false { noteContent() }
    }

    /// Hands on what the client has sent.
    func takeTunnelContent() {
        guard let tunnel, tunnel.reads, let connection else { return }
        let serial = self.serial
        if hasReceivedContent {
            var taken = takeBuffer()
            restartTunnelTime()
            handler.tunnelReceived(taken.span)
            guard serial == self.serial else { return }
            connection.session.consume(taken.count, of: identifier)
            returnBuffer(&taken)
        }
        guard hasReceivedAll, !hasReceivedContent, self.tunnel?.isInputOver == false else { return }
        self.tunnel?.isInputOver = true
        restartTunnelTime()
        handler.tunnelEnded()
    }

    func writeTunnel(_ bytes: Span<UInt8>) {
        restartTunnelTime()
        write(bytes)
        offer()
    }

    func tunnelDrained() {
        restartTunnelTime()
        handler.streamWritable()
    }

    /// The origin sends no more; the client may.
    func finishTunnelOutput() {
        isOutputOver()
        restartTunnelTime()
    }

    func finishTunnel() {
        tunnel?.isOver = true
        if isComplete { complete() } else { isOutputOver() }
        connection?.run()
    }

    private func isOutputOver() {
        guard !isComplete else { return }
        complete()
        offer()
    }
}
