// What stands between a socket and its descriptor where a connection is encrypted. This module knows no protocol for that: the
// `TLS` module's channel is one of these. A base class and not a protocol: a HIT passes through here.

/// The result of a step of a handshake.
public enum HandshakeResult {
    case done
    /// The peer's next message is awaited.
    case wouldBlock
    /// The connection is of no use, unless the fault says otherwise.
    case failed(HandshakeFault)
}

/// Why there is no encrypted connection.
public struct HandshakeFault: Error, Equatable {
    public enum Kind: Sendable, Equatable {
        /// The peer speaks HTTP as it is. Nothing was sent to it, and ``SecureChannel/takeReceived()`` has what it sent.
        case plainHTTP
        /// The peer has left without a byte, as checks of load balancers do.
        case unused
        /// The peer has left.
        case left
        /// The peer's certificate isn't one to be trusted, or there is none.
        case untrusted(Distrust)
        /// The peer refuses this side's certificate, or wants one.
        case refused
        /// What the peer says isn't of this protocol at all.
        case foreign
        /// Anything else.
        case broken
    }

    /// What is wrong with a certificate.
    public enum Distrust: Sendable, Equatable {
        /// It isn't valid any more, or not yet.
        case expired
        /// It is for another name.
        case misnamed
        /// No authority that is believed vouches for it, or anything else.
        case unvouched
    }
    public let kind: Kind
    /// For an operator.
    public let sentence: String

    public init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }
}

/// One connection's encryption. It belongs to one ``Socket``, which calls it with its descriptor, on the loop's thread. It never
/// blocks, and it calls nobody.
///
/// Three things differ from a bare descriptor, and the socket sees to each: bytes that were read and decrypted may be left when
/// the reader has taken what it has room for (``hasPending``); reading may have something to send, as an alert
/// (``hasUnsent``); and an event on the descriptor may bring the reader nothing.
open class SecureChannel {
    public init() {}

    /// Goes on with the handshake as far as what the peer has sent allows.
    open func handshake(on descriptor: Int32) -> HandshakeResult { preconditionFailure("a channel has a handshake") }

    /// Reads once from the descriptor, unless bytes are pending, and decrypts into `room`. The end of the stream counts as such only
    /// where the peer has said so; a connection that merely ends has failed.
    open func receive(on descriptor: Int32, into room: UnsafeMutableRawBufferPointer) -> ReceiveResult {
        preconditionFailure("a channel decrypts")
    }

    /// What ``receive(on:into:)`` would come to, but takes no byte of the peer's from the reader.
    open func peek(on descriptor: Int32) -> ReceiveResult { preconditionFailure("a channel decrypts") }

    /// Encrypts and sends. What it counts as written has left for the system: of what was offered some bytes, at least one, are not
    /// counted before all that was made of them is taken, and the caller is to offer those again, the same ones first.
    open func send(
        on descriptor: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
        _ third: UnsafeRawBufferPointer
    ) -> SendResult {
        preconditionFailure("a channel encrypts")
    }

    /// Whether ``receive(on:into:)`` has something to say without a read: bytes, the end, or a failure.
    open var hasPending: Bool { false }
    /// Whether encrypted bytes wait for room in the socket's buffer.
    open var hasUnsent: Bool { unsentCount > 0 }
    open var unsentCount: Int { 0 }
    /// Sends what waits. A failure shows with the next read.
    open func flush(on descriptor: Int32) {}
    /// Tells the peer that no more comes (TLS: close_notify), if that can be said. Repeated calls do nothing.
    open func end(on descriptor: Int32) {}
    /// Nothing is expected for a while: memory that isn't needed meanwhile is let go of.
    open func rest() {}
    /// Bytes that were read from the descriptor before the channel was there.
    open func give(received bytes: Span<UInt8>) {}
    /// What was received of a peer that turned out not to encrypt.
    open func takeReceived() -> [UInt8] { [] }
    /// Why the connection has failed since its handshake, if the peer has said so: it may look at this side's certificate only then
    /// (RFC 8446 §4.4.2.4).
    public final var lateFault: HandshakeFault?
    /// The protocol that both sides have agreed on (RFC 7301); nil if they haven't.
    open var applicationProtocol: String? { nil }
}
