// Everything that is decided about one exchange with an origin, without any I/O: events go in, what is to be done comes
// out. When a request may go to another server or be sent again (RFC 9110 §9.2.2), where a response ends (RFC 9112 §6.3),
// which time-out runs, and whether the connection serves again (RFC 9112 §9.3).

import HTTPSemantics
import HTTPWire

/// The state of an exchange. ``ExchangeState/begin(_:)`` makes it ready for the next one.
struct ExchangeState: ~Copyable {
    enum Phase: Equatable, Sendable {
        /// Not begun, or between two servers. Exits: locating, awaitingHead (idle connection), ended.
        case idle
        /// The server's name is being looked up. Exits: connecting, awaitingHead, idle, ended.
        case locating
        /// Exits: awaitingHead, idle, ended.
        case connecting
        /// The request is on its way. Exits: receivingContent, tunnel, idle (sent again), ended.
        case awaitingHead
        /// Exit: ended.
        case receivingContent
        /// After a 101: bytes both ways until either side ends. Exit: ended.
        case tunnel
        case ended
    }

    /// What the caller says of a request.
    struct Request: Equatable, Sendable {
        var method = Method.get
        /// Nothing follows what is sent first; else content comes as it arrives, and can't be sent twice.
        var isComplete = true
        var acceptsUpgrade = false
        /// Servers of the upstream.
        var serverCount = 1
        /// How often it may be sent again.
        var retries = 1
    }

    private(set) var phase = Phase.idle
    private var request = Request()
    /// Nothing of the request is still to come.
    private var isRequestComplete = true
    private var hasStreamedContent = false
    /// Something of the request waits for the connection to take it.
    private var hasUnsentBytes = false
    private var isPaused = false

    /// Bit *n* is set where server *n* had its try (servers past the 64th share the last bit).
    private(set) var tried: UInt64 = 0
    private var retriesLeft = 0
    private var avoidsIdleConnections = false
    private var isConnectionReused = false
    /// Counts the tries, over all exchanges: a look-up for an earlier one is known as such.
    private(set) var attempt = 0

    private var hasPartialHead = false
    private var framing = BodyFraming.none
    private var keepsAlive = false
    private var remaining: UInt64 = 0
    private var decoder = ChunkedDecoder(from: .origin)

    /// Makes it ready for an exchange.
    mutating func begin(_ request: Request) {
        precondition(phase == .idle || phase == .ended, "one exchange at a time")
        self.request = request
        isRequestComplete = request.isComplete
        retriesLeft = request.retries
        phase = .idle
        hasStreamedContent = false
        hasUnsentBytes = false
        isPaused = false
        tried = 0
        avoidsIdleConnections = false
        hasPartialHead = false
        framing = .none
        remaining = 0
    }

    // MARK: What is asked of it

    var method: Method { request.method }

    /// Whether the request has a connection to go out on.
    var isConnected: Bool { phase == .awaitingHead || phase == .receivingContent || phase == .tunnel }

    /// Whether more of the request's content can be taken now.
    var takesContent: Bool { isConnected && !hasUnsentBytes }

    /// Bytes of the body that are still to come, while one of a known length arrives.
    var remainingLength: UInt64? {
        guard phase == .receivingContent, case .length = framing else { return nil }
        return remaining
    }

    /// Trailer fields of a chunked response that is complete, as lines.
    var trailers: [UInt8] { framing == .chunked ? decoder.trailers : [] }

    /// What the connection waits for, and how long.
    var interest: ExchangeInterest {
        let timeout: ExchangeInterest.Timeout =
            if isPaused && !hasUnsentBytes {
                // The origin is made to wait, so its silence says nothing.
                .none
            } else {
                switch phase {
                case .awaitingHead: .firstByte
                case .receivingContent: .betweenBytes
                case .tunnel: .none
                case .idle, .locating, .connecting, .ended: .unchanged
                }
            }
        return ExchangeInterest(reads: !isPaused, writes: hasUnsentBytes, timeout: timeout)
    }

    // MARK: Choosing a server, connecting

    /// Whether an idle connection may be taken: not after one has turned out to be stale, its neighbours being likely to
    /// be as stale.
    var mayUseIdleConnection: Bool { !avoidsIdleConnections }

    /// Whether an idle connection is looked at before it is used: a request that must not be repeated isn't sent into
    /// one that has ended already.
    var checksIdleConnection: Bool { !request.method.isIdempotent }

    private var allServers: UInt64 {
        request.serverCount >= 64 ? .max : (1 << UInt64(request.serverCount)) - 1
    }

    /// The server with that index has its try.
    mutating func chose(server index: Int) {
        attempt += 1
        tried |= 1 << UInt64(min(index, 63))
    }

    /// None is left to choose.
    mutating func noServerLeft() -> ExchangeAction {
        fail(.init(tried == 0 ? .noServer : .refused), blamesServer: false)
    }

    /// The chosen server has as many connections as it may.
    mutating func connectionLimitReached() -> ExchangeAction {
        nextServer(after: .tooManyConnections, blamesServer: false)
    }

    /// The chosen server's address is asked for.
    mutating func locationAsked() { phase = .locating }

    /// A look-up has ended, for the try of that number.
    mutating func located(failed: Bool, attempt: Int) -> ExchangeAction {
        guard phase == .locating, attempt == self.attempt else { return .wait }
        return failed ? nextServer(after: .unresolved, blamesServer: true) : .connect
    }

    /// The address is unknown after all.
    mutating func locationUnknown() -> ExchangeAction { nextServer(after: .unresolved, blamesServer: false) }

    /// A connection is being opened.
    mutating func connecting() { phase = .connecting }

    mutating func refused() -> ExchangeAction { nextServer(after: .refused, blamesServer: true) }

    /// There is a connection for the request to go out on.
    /// - Parameter isReused: a response has come over it before.
    mutating func connected(isReused: Bool) -> ExchangeAction {
        phase = .awaitingHead
        isConnectionReused = isReused
        hasUnsentBytes = false
        // An earlier try may have ended within a head.
        hasPartialHead = false
        return isRequestComplete ? .sendRequest : .sendRequestAndContent
    }

    /// Nothing was sent, so any method may go to another server (RFC 9110 §9.2.2).
    private mutating func nextServer(after cause: ExchangeFailure.Cause, blamesServer: Bool) -> ExchangeAction {
        if tried & allServers == allServers { return fail(.init(cause), blamesServer: blamesServer) }
        phase = .idle
        return .chooseServer(blamesServer: blamesServer)
    }

    // MARK: Sending

    /// Bytes were put behind others that are still to be sent.
    mutating func queued() { hasUnsentBytes = true }

    /// The connection has taken bytes.
    /// - Parameter all: nothing is left to be sent.
    mutating func sent(all: Bool) { hasUnsentBytes = !all }

    /// A piece of the content goes out: from now on the request can't be repeated.
    mutating func contentBegan() { hasStreamedContent = true }

    /// The request is complete.
    mutating func contentEnded() { isRequestComplete = true }

    /// The connection takes nothing more. An origin may respond and close before it has read the content: what it said
    /// may still be there to read.
    mutating func sendingFailed() -> ExchangeAction {
        hasUnsentBytes = false
        guard phase == .awaitingHead || phase == .receivingContent else { return broke() }
        isRequestComplete = false
        return .readWhatIsThere
    }

    // MARK: Reading

    /// - Returns: whether anything changes by it.
    mutating func pause() -> Bool {
        defer { isPaused = true }
        return !isPaused
    }

    /// - Returns: whether anything changes by it.
    mutating func resume() -> Bool {
        defer { isPaused = false }
        return isPaused
    }

    /// A head has begun to arrive.
    mutating func receivedPartOfHead() -> ExchangeAction {
        hasPartialHead = true
        return .readOn
    }

    /// A head that another one follows.
    mutating func receivedInterimHead() { hasPartialHead = false }

    /// The head of the final response.
    mutating func received(_ head: borrowing ResponseHead) -> ExchangeAction {
        hasPartialHead = false
        framing = head.framing
        keepsAlive = head.keepsAlive
        if head.status == 101 {
            guard request.acceptsUpgrade else { return malformed(WireError(.invalidStatusCode, from: .origin)) }
            phase = .tunnel
            return .begin
        }
        phase = .receivingContent
        switch framing {
        case .none, .untilClose: remaining = 0
        case .length(let length): remaining = length
        case .chunked: decoder.reset()
        }
        return .begin
    }

    /// What the next of the bytes after the head are: `.deliver`, which moves `position` past them, `.wait` where no more
    /// can be said, or an end.
    mutating func content(_ bytes: Span<UInt8>, from position: inout Int) -> ExchangeAction {
        if phase == .tunnel { return rest(of: bytes, from: &position) }
        guard phase == .receivingContent else { return .wait }
        switch framing {
        case .none: return finish(hasExcess: position < bytes.count)
        case .untilClose: return rest(of: bytes, from: &position)
        case .length:
            if remaining == 0 { return finish(hasExcess: position < bytes.count) }
            let count = Int(min(remaining, UInt64(bytes.count &- position)))
            remaining -= UInt64(count)
            return take(count, from: &position)
        case .chunked:
            do throws(WireError) {
                switch try decoder.next(bytes, from: &position) {
                case .data(let range): return .deliver(range)
                case .needsMore: return .wait
                case .finished: return finish(hasExcess: position < bytes.count)
                }
            } catch {
                return malformed(error)
            }
        }
    }

    private func rest(of bytes: Span<UInt8>, from position: inout Int) -> ExchangeAction {
        take(bytes.count - position, from: &position)
    }

    private func take(_ count: Int, from position: inout Int) -> ExchangeAction {
        guard count > 0 else { return .wait }
        defer { position += count }
        return .deliver(position..<(position + count))
    }

    // MARK: Ends

    /// The connection serves again if both sides are done with it and nothing was left over.
    private mutating func finish(hasExcess: Bool) -> ExchangeAction {
        phase = .ended
        let isReusable =
            keepsAlive && isRequestComplete && !hasUnsentBytes && !hasExcess && framing != .untilClose
        return .finish(reusesConnection: isReusable)
    }

    /// The response can't be read.
    mutating func malformed(_ error: WireError) -> ExchangeAction {
        fail(.init(.malformedResponse, wire: error), blamesServer: true)
    }

    /// The origin has sent all it will.
    mutating func ended() -> ExchangeAction {
        if phase == .receivingContent && framing == .untilClose { return finish(hasExcess: false) }
        return broke()
    }

    /// The connection ended before the response did. RFC 9110 §9.2.2: an idempotent request whose content wasn't streamed
    /// may go again, once nothing of a response was seen.
    mutating func broke() -> ExchangeAction {
        let isStale = isConnectionReused
        let maySendAgain =
            phase == .awaitingHead && !hasPartialHead && !hasStreamedContent && request.method.isIdempotent
            && (retriesLeft > 0 || isStale && !avoidsIdleConnections)
        guard maySendAgain else { return fail(.init(.closedEarly), blamesServer: !isStale) }
        retriesLeft = max(0, retriesLeft - 1)
        avoidsIdleConnections = true
        // A stale connection says nothing about its server.
        if isStale || tried & allServers == allServers { tried = 0 }
        phase = .idle
        return .sendAgain(blamesServer: !isStale)
    }

    mutating func deadlinePassed() -> ExchangeAction {
        switch phase {
        case .connecting: nextServer(after: .connectTimeout, blamesServer: true)
        case .awaitingHead: fail(.init(.firstByteTimeout), blamesServer: true)
        case .receivingContent, .tunnel: fail(.init(.betweenBytesTimeout), blamesServer: false)
        case .idle, .locating, .ended: .wait
        }
    }

    /// Nobody wants the response any more.
    mutating func cancelled() { phase = .ended }

    private mutating func fail(_ failure: ExchangeFailure, blamesServer: Bool) -> ExchangeAction {
        phase = .ended
        return .fail(failure, blamesServer: blamesServer)
    }
}
