// A connection that has left HTTP (RFC 9110 §7.8): bytes go both ways as they are, each side as fast as the other takes them,
// until both have ended or nothing has come or gone for too long. The end of one direction is passed on as such.

import Clients
import HTTPWire
import Origins

/// Joins a client's stream and an exchange whose origin has switched protocols. Belongs to the worker's thread.
final class Tunnel: ExchangeDelegate {
    private let stream: ClientStream
    private let exchange: Exchange
    /// Counts what comes from the origin.
    private let received: (Int) -> Void
    private let ended: () -> Void
    private var isClientOver = false
    private var isOriginOver = false
    /// What the origin hadn't accepted when it was looked at last.
    private var unsent = 0

    /// - Parameter ended: called once, when both directions have ended, or the origin's connection has broken.
    init(_ stream: ClientStream, _ exchange: Exchange, received: @escaping (Int) -> Void, ended: @escaping () -> Void) {
        self.stream = stream
        self.exchange = exchange
        self.received = received
        self.ended = ended
    }

    /// What the client sent ahead of the switch belongs to the new protocol.
    func open() {
        exchange.delegate = self
        let ahead = stream.takeAhead()
        if !ahead.isEmpty { exchange.send(content: ahead.span) }
        awaitClient()
    }

    /// Bytes from the client.
    func send(_ bytes: Span<UInt8>) {
        exchange.send(content: bytes)
        if !exchange.isEnded { awaitClient() }
    }

    /// The client sends no more.
    func clientEnded() {
        isClientOver = true
        if isOriginOver { return ended() }
        exchange.endTunnelOutput()
    }

    /// Whether the origin has accepted something since it was looked at last, which the stream doesn't see.
    var hasMoved: Bool { exchange.unsentCount < unsent }

    /// Something has come or gone.
    func awaitClient() {
        unsent = exchange.unsentCount
        stream.awaitTunnel(reads: exchange.takesContent)
    }

    func pause() { exchange.pause() }
    func resume() { exchange.resume() }
    func close() { exchange.stop() }

    func exchangeTakesContent(_ exchange: Exchange) { awaitClient() }

    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>) {}
    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>) {}

    func exchange(_ exchange: Exchange, received piece: Span<UInt8>) {
        received(piece.count)
        stream.sendTunnel(piece)
    }

    func exchangeTurnEnded(_ exchange: Exchange) { stream.flush() }

    func exchangeEnded(_ exchange: Exchange) {
        isOriginOver = true
        if isClientOver { ended() } else { stream.endTunnelOutput() }
    }

    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure) { ended() }
}
