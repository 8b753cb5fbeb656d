// A connection that has left HTTP (RFC 9110 §7.8): bytes go both ways as they are, each side as fast as the other takes them,
// until one ends or nothing has come or gone for too long.

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

    /// - Parameter ended: called once, when the origin's side has ended.
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
        stream.awaitTunnel()
    }

    /// Bytes from the client.
    func send(_ bytes: Span<UInt8>) {
        exchange.send(content: bytes)
        if !exchange.takesContent { stream.pauseContent() }
    }

    func pause() { exchange.pause() }
    func resume() { exchange.resume() }
    func close() { exchange.stop() }

    func exchangeTakesContent(_ exchange: Exchange) { stream.awaitTunnel() }

    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>) {}
    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>) {}

    func exchange(_ exchange: Exchange, received piece: Span<UInt8>) {
        received(piece.count)
        stream.sendTunnel(piece)
    }

    func exchangeTurnEnded(_ exchange: Exchange) { stream.flush() }
    func exchangeEnded(_ exchange: Exchange) { ended() }
    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure) { ended() }
}
