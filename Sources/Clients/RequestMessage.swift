// One request as it was received: its head, the head's bytes, where it came from, and the content that was collected for
// its key. Frozen once its handler has admitted it, so that a fill may keep it after the client is gone. It decides
// nothing.

import Bytes
import EventLoop
import HTTPSemantics
import HTTPWire

/// A request message. The stream that received it, its handler, and a fill on the same worker share it by reference.
///
/// Until ``detach()`` the head's bytes lie in the loop's input buffer, where the next read overwrites them: a request that
/// is answered within its own turn, as a HIT is, copies nothing.
///
/// A handler's module may make its own kind, which knows more of a request: see ``ClientConnections``.
open class RequestMessage {
    package final var head = RequestHead()
    /// The head's bytes once it is detached. A head that HTTP/2 has brought lies here.
    final var assembly = ByteBuffer(minimumCapacity: 1024)
    package private(set) final var isDetached = false
    private final let input: InputBuffer
    private final var start = 0
    private final var end = 0
    /// Where it came from: the other end of the connection.
    package internal(set) final var peer = PeerAddress.unix
    /// Whether it came over TLS.
    package private(set) final var isSecure = false
    /// The port of https that its listener sends every request to; nil where it doesn't.
    package private(set) final var httpsPort: UInt16?
    /// When its head was complete.
    package internal(set) final var began = MonotonicTime(milliseconds: 0)
    /// Content that the key is made of, or that was read in the hope of it.
    package final var content: [UInt8] = []

    /// One that receives requests, one after another, by way of the loop's input buffer.
    public init(on loop: EventLoop) { input = loop.input }

    /// A request that no client sent, from the bytes of its head; it is to be parsed.
    public init(described bytes: Span<UInt8>, on loop: EventLoop) {
        input = loop.input
        began = loop.now
        assembly.append(bytes)
        isDetached = true
    }

    /// Parses the head of a described request, and takes its content from `sent`, framed as the head says.
    package final func complete(content sent: Span<UInt8>, limits: HeadLimits) throws(WireError) {
        let bytes = self.bytes
        guard try head.parse(bytes, limits: limits) else {
            preconditionFailure("a described request's head was parsed before, and is complete")
        }
        var decoder = ContentDecoder()
        decoder.begin(head.framing)
        var position = 0
        var gathered = ByteBuffer()
        while true {
            switch try decoder.next(sent, from: &position, gathering: &gathered) {
            case .none: return
            case .piece(let range): content.append(sent.extracting(range))
            case .gathered: content.append(gathered.span)
            }
        }
    }

    /// The bytes that `head` was parsed from, and maybe more behind them. Valid for this turn, or for the message's life
    /// once it is detached.
    package final var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            // Either the copy, which this object owns, or the input buffer, which it keeps alive.
            if isDetached { return unsafe _overrideLifetime(assembly.span, borrowing: self) }
            let input = self.input
            return unsafe _overrideLifetime(input.span(count: end).extracting(start...), borrowing: self)
        }
    }

    /// Whether the client announced content, read or not.
    package final var hasContent: Bool {
        switch head.contentSize {
        case .none, .known(0): false
        case .known, .unknown: true
        }
    }

    /// The version of HTTP that it came in, as access logs have it.
    package final var protocolName: StaticString {
        head.majorVersion == 2 ? "HTTP/2.0" : head.minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1"
    }

    /// The length of the content where it was announced.
    package final var contentLength: UInt64? {
        if case .known(let length) = head.contentSize { length } else { nil }
    }

    /// The head was parsed from the input buffer at `start`; what follows it there, up to `end`, is content or the next
    /// request.
    final func begin(start: Int, end: Int, peer: PeerAddress, at now: MonotonicTime) {
        self.start = start
        self.end = end
        self.peer = peer
        began = now
    }

    /// What its listener says of it.
    final func note(_ traits: ListenerTraits, isSecure: Bool) {
        self.isSecure = isSecure
        httpsPort = traits.httpsPort
    }

    /// There is no head that could be read. The first line of what was received is kept, up to a bound.
    final func beginUnreadable(_ received: Span<UInt8>, peer: PeerAddress, at now: MonotonicTime) {
        head.reset()
        assembly.removeAll()
        var count = 0
        while count < min(received.count, Self.unreadableLimit) {
            count += 1
            if received[count - 1] == UInt8(ascii: "\n") { break }
        }
        assembly.append(received.extracting(..<count))
        isDetached = true
        self.peer = peer
        began = now
    }

    private static let unreadableLimit = 120

    // MARK: HTTP/2

    /// A header section is whole.
    /// - Parameter head: what was put together; another buffer takes its place.
    final func beginAssembled(_ head: inout ByteBuffer, peer: PeerAddress, at now: MonotonicTime) {
        swap(&assembly, &head)
        isDetached = true
        self.peer = peer
        began = now
    }

    /// Parses the head that was put together, which is whole.
    final func parseAssembled(_ limits: HeadLimits) throws(WireError) {
        let bytes = self.bytes
        guard try head.parse(bytes, limits: limits) else {
            preconditionFailure("a head that was put together ends with an empty line")
        }
    }

    /// What was put together is no head, or not whole.
    final func becomeUnreadable() {
        let received = assembly.span.copied()
        beginUnreadable(received.span, peer: peer, at: began)
    }

    /// What was received instead of a request; empty where there is a head. Its first line alone: what follows may be secret.
    package final var unreadable: Span<UInt8> {
        @_lifetime(borrow self)
        get { head.length == 0 && isDetached ? bytes : bytes.extracting(..<0) }
    }

    /// Keeps the head's bytes past this turn.
    /// - Returns: where in the input buffer the bytes behind the head stand.
    final func detach() -> Range<Int> {
        let headEnd = start + head.length
        assembly.removeAll()
        let input = self.input
        assembly.append(input.span(count: headEnd).extracting(start...))
        isDetached = true
        return headEnd..<end
    }

    /// Readies it for another request; a little memory is kept. Overriding it, call this one too.
    open func reset() {
        head.reset()
        assembly.removeAll(keepingUpTo: 8192)
        isDetached = false
        isSecure = false
        httpsPort = nil
        if !content.isEmpty { content = [] }
    }
}
