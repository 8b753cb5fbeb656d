// One request and its response, whatever version of HTTP carries them. A handler sends heads and pieces and asks for
// content; how those are framed, and what the peer hasn't taken yet, is the subclass's business.

import Bytes
import CacheStorage
import EventLoop
import HTTPSemantics
import HTTPWire

/// What was waited for when a deadline passed.
public enum ClientDeadline: Sendable {
    /// The client sends no more of the content that it announced.
    case content
    /// The client sends its content too slowly.
    case slowContent
    /// The client takes no more of the response.
    case room
    /// What ``ClientStream/wait(atMostMilliseconds:)`` said.
    case wait
    /// Nothing has come or gone through the tunnel.
    case tunnel
}

/// A stream on the worker's thread. It is used again for one request after another.
///
/// A response is sent so: put the lines of a head together with ``connections``'s writer, then ``sendHead(_:)``, then
/// ``send(_:)`` as often as content comes, then ``end(trailers:)``; or ``sendStored(_:range:)``, which is all of it. Small
/// pieces are gathered and go out with the next ``flush()``.
package class ClientStream {
    package final let connections: ClientConnections
    final let writer: ResponseHeadWriter
    /// The request in progress.
    package internal(set) final var message: RequestMessage
    package internal(set) final var handler: RequestHandler!

    /// What is wrong with what the client sent, where that ends the request.
    package internal(set) final var fault: WireError?
    /// Whether all of the request's content has been received; true where it has none.
    package internal(set) final var isContentComplete = true
    /// Bytes of content received so far.
    package internal(set) final var contentCount: UInt64 = 0
    /// A head has been sent, so that nothing but this response can be sent any more.
    package internal(set) final var hasBegun = false
    /// Bytes of content in the response so far.
    package internal(set) final var bodyCount = 0
    /// The connection ends after this response, whatever else would allow it to persist.
    package final var closesAfterResponse = false

    init(connections: ClientConnections) {
        self.connections = connections
        writer = connections.writer
        message = connections.makeMessage()
    }

    /// Whether a client waits for a response on it.
    package var isActive: Bool { preconditionFailure("a stream knows its connection") }
    /// Whether the peer hasn't taken everything that was sent.
    package var isBlocked: Bool { preconditionFailure("a stream queues what isn't taken") }
    /// Whether the client understands responses before the final one (RFC 9110 §15.2), and trailers.
    package var takesInterimResponses: Bool { preconditionFailure("a stream knows its version") }

    // MARK: The request

    /// Keeps the request past this turn. To be called before anything that waits.
    package func detach() {}
    /// Asks for content: it is delivered as it arrives, first what was received with the head.
    package func readContent() {}
    /// No content is wanted for now.
    package func pauseContent() {}
    /// Content was asked for and more is wanted.
    package func awaitContent() {}
    /// RFC 9110 §10.1.1, where Larder itself reads the content first.
    package func sendContinue() {}
    /// The next move is not the client's; one that leaves is noticed.
    package func awaitNothing() {}
    /// As ``awaitNothing()``; ``RequestHandler/deadlinePassed(_:)`` is called unless something happens first.
    package func wait(atMostMilliseconds limit: Int64) {}

    // MARK: The response

    /// Sends the head in the writer as an interim response.
    package func sendInterim() {}
    /// Completes the head in the writer with this connection's own fields. It goes out with the next piece or flush.
    package func sendHead(_ size: ContentSize) {}
    /// The next piece of the response's content. Nothing happens to an empty one.
    package func send(_ piece: Span<UInt8>) {}
    /// Sends what was gathered.
    package func flush() {}
    /// The response is complete.
    /// - Parameter trailers: lines, each with CRLF.
    package func end(trailers: [UInt8]) {}
    /// Sends the head in the writer and a part of a stored body, from where it lies, and ends the response.
    package func sendStored(_ record: StoredResponse, range: Range<Int>) {}
    /// As ``sendStored(_:range:)``, several parts of the body with lines of their own.
    package func sendStored(_ record: StoredResponse, parts: StoredParts) {}
    /// Sends what is left of a stored body, from where it lies, and ends the response, whose head was sent.
    package func sendRest(of record: StoredResponse, range: Range<Int>, trailers: [UInt8]) {}
    /// More is there to send, but others shall have their turn: ``RequestHandler/streamWritable()`` is called soon.
    package func yield() {}
    /// Ends the stream so that the client can tell that the response isn't whole. The handler is reset.
    package func abort() {}

    // MARK: Tunnels

    /// Sends the head in the writer as the one that switches protocols; from then on bytes go both ways as they are.
    /// - Parameter head: the origin's own, for its Upgrade fields.
    package func switchProtocols(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) {}
    /// What the client sent ahead of the switch.
    package func takeAhead() -> [UInt8] { [] }
    /// Something has come or gone through the tunnel: its time begins anew.
    /// - Parameter reads: more from the client is wanted. Without that a client that breaks off is noticed all the same.
    package func awaitTunnel(reads: Bool) {}
    /// Bytes for the client, as they are.
    package func sendTunnel(_ bytes: Span<UInt8>) {}
    /// The origin sends no more: once what is queued is out the client is told, and may go on sending.
    package func endTunnelOutput() {}
    /// The tunnel has ended: what is queued still goes out.
    package func endTunnel() {}

    /// Forgets the request. A message that somebody else still holds is theirs from now on.
    final func resetMessage() {
        if isKnownUniquelyReferenced(&message) {
            message.reset()
        } else {
            message = connections.makeMessage()
        }
        fault = nil
        isContentComplete = true
        contentCount = 0
        hasBegun = false
        bodyCount = 0
        closesAfterResponse = false
    }
}
