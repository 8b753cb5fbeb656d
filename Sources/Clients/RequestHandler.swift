// What a stream tells whoever handles its requests. A base class and not a protocol: a HIT passes through here, and calls
// through a protocol's witness are dearer than those of a class.

import Bytes
import HTTPSemantics
import HTTPWire

/// Handles one request after another of the stream that it was made for, on the worker's thread.
///
/// Calls come in this order: one of the four beginnings; content as far as the handler asks for it; then one of the ends,
/// ``responseSent()`` or ``clientGone()``; then ``reset()``, after which the next request may begin.
open class RequestHandler {
    /// The stream that this handler answers on. Nil for a request that nobody sent. Each owns the other, until the pool
    /// lets go of the stream.
    package internal(set) final var stream: ClientStream?

    public init() {}

    // MARK: Beginnings

    /// A whole head was received; it stands in `stream.message`.
    open func requestReceived() { preconditionFailure("a handler takes requests") }
    /// What was received is no request. The connection ends with the response, since where the next request begins can't
    /// be told. What is wrong stands in `stream.fault`.
    open func requestMalformed() { preconditionFailure("a handler refuses malformed requests") }
    /// The head didn't arrive in time.
    open func headTimedOut() { preconditionFailure("a handler answers a late head") }
    /// There are more clients than the limit allows. Not counted as a request.
    open func clientRejected() { preconditionFailure("a handler turns clients away") }

    // MARK: Content

    /// The next piece of the request's content, decoded. Valid during the call.
    open func contentReceived(_ piece: Span<UInt8>) { preconditionFailure("a handler takes the content it asked for") }
    /// All content has been received; `trailers` are lines that end in CRLF.
    open func contentEnded(trailers: [UInt8]) { preconditionFailure("a handler takes the content it asked for") }
    /// No more content came in this turn, nor has it ended: the handler says whether it wants more.
    open func contentTurnEnded() { preconditionFailure("a handler takes the content it asked for") }
    /// The content's framing is broken, or it is larger than `limits.body`: see
    /// `stream.fault`.
    open func contentRefused() { preconditionFailure("a handler takes the content it asked for") }
    /// Bytes of the protocol that the connection was switched to.
    open func tunnelReceived(_ bytes: Span<UInt8>) { preconditionFailure("only a handler that switched gets these") }

    /// The client ended its side of the tunnel; it may still read.
    open func tunnelEnded() { preconditionFailure("only a handler that switched gets this") }

    // MARK: The response

    /// The client takes no more for now. What is sent further is queued, so a handler pauses what it reads from.
    open func streamBlocked() {}
    /// Everything queued was taken.
    open func streamWritable() {}
    /// A time that was waited for has passed: see ``ClientDeadline``.
    open func deadlinePassed(_ deadline: ClientDeadline) {}

    /// Memory for responses is short, and this client, which doesn't take its response, is among those that hold most of it:
    /// the stream is to be aborted.
    open func memoryShort() { preconditionFailure("a handler ends what holds too much") }

    /// The worker stops: the stream is to be aborted.
    open func stopping() { preconditionFailure("a handler ends what is in progress") }

    // MARK: Ends

    /// The response is sent, as far as the system is concerned.
    open func responseSent() {}
    /// The connection ended, or is of no use any more, before the response was sent.
    open func clientGone() {}
    /// Lets go of everything that belongs to the request.
    open func reset() { preconditionFailure("a handler is used again") }
}
