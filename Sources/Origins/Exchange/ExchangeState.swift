// All decisions about one exchange with an origin, without any I/O: events go in, actions come out. When a request may
// go to another server or be retried (RFC 9110 §9.2.2), where a response ends (RFC 9112 §6.3), which time-out applies,
// and whether the connection can be reused (RFC 9112 §9.3).

import HTTPSemantics
import HTTPWire

/// The state of an exchange. ``ExchangeState/begin(_:)`` resets it for the next one.
struct ExchangeState: ~Copyable {
    enum Phase: Equatable, Sendable {
        /// Not started, or between two addresses. Exits: locating, connecting, awaitingHead (idle connection), ended.
        case idle
        /// A name is being looked up. Exits: idle, ended.
        case locating
        /// Exits: awaitingHead, idle, ended.
        case connecting
        /// The request is being sent or has been sent. Exits: receivingContent, tunnel, idle (retried), ended.
        case awaitingHead
        /// Exit: ended.
        case receivingContent
        /// After a 101: bytes both ways until either side ends. Exit: ended.
        case tunnel
        case ended
    }

    private(set) var phase = Phase.idle
    private var request = Request()
    /// Whether all of the request's content has been supplied.
    private var isRequestComplete = true
    private var hasStreamedContent = false
    /// Whether a part of the request waits until the connection is writable.
    private var hasUnsentBytes = false
    private var isPaused = false

    private var retriesLeft = 0
    private var avoidsIdleConnections = false
    private var isConnectionReused = false
    /// Why the last address that was tried could not be used.
    private var lastCause: ExchangeFailure.Cause?

    private var hasPartialHead = false
    private var framing = BodyFraming.none
    private var keepsAlive = false
    private var remaining: UInt64 = 0
    private var decoder = ChunkedDecoder(from: .origin)

    /// Resets it for a new exchange.
    mutating func begin(_ request: Request) {
        precondition(phase == .idle || phase == .ended, "the previous exchange must have ended")
        self.request = request
        isRequestComplete = request.isComplete
        retriesLeft = request.retries
        phase = .idle
        hasStreamedContent = false
        hasUnsentBytes = false
        isPaused = false
        lastCause = nil
        avoidsIdleConnections = false
        hasPartialHead = false
        framing = .none
        remaining = 0
    }

    // MARK: Queries

    var method: Method { request.method }

    /// Whether there is a connection for the request.
    var isConnected: Bool { phase == .awaitingHead || phase == .receivingContent || phase == .tunnel }

    /// Whether more of the request's content is accepted now.
    var takesContent: Bool { isConnected && !hasUnsentBytes }

    /// Bytes of the body still to arrive, if its length is known.
    var remainingLength: UInt64? {
        guard phase == .receivingContent, case .length = framing else { return nil }
        return remaining
    }

    /// Trailer fields of a complete chunked response, as lines.
    var trailers: [UInt8] { framing == .chunked ? decoder.trailers : [] }

    /// The events that the connection waits for, and the time-out.
    var interest: ExchangeInterest {
        let timeout: ExchangeInterest.Timeout =
            if isPaused && !hasUnsentBytes {
                // Larder itself has paused reading, so the origin's silence means nothing.
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

    /// Whether an idle connection may be used: not after one turned out to be stale, since the others are probably
    /// stale too.
    var mayUseIdleConnection: Bool { !avoidsIdleConnections }

    /// Whether to check an idle connection before using it: a request that must not be repeated isn't sent over one
    /// that the origin has closed already.
    var checksIdleConnection: Bool { !request.method.isIdempotent }

    /// No address is left to choose.
    mutating func noServerLeft() -> ExchangeAction { fail(.init(lastCause ?? .unresolved), blamesServer: false) }

    /// The connection limit of the chosen address is reached.
    mutating func connectionLimitReached() -> ExchangeAction {
        nextServer(after: .tooManyConnections, blamesServer: false)
    }

    /// No address is known that wasn't tried; a name is being looked up.
    mutating func locationAsked() { phase = .locating }

    /// A look-up has ended.
    mutating func located() -> ExchangeAction {
        guard phase == .locating else { return .wait }
        phase = .idle
        return .chooseServer(blamesServer: false)
    }

    /// No name has brought an address in time.
    /// - Parameter hasFailed: whether a look-up failed; otherwise they are still under way.
    mutating func nameTimedOut(hasFailed: Bool) -> ExchangeAction {
        guard phase == .locating else { return .wait }
        return fail(.init(lastCause ?? (hasFailed ? .unresolved : .connectTimeout)), blamesServer: false)
    }

    /// A connection is being opened.
    mutating func connecting() { phase = .connecting }

    mutating func refused() -> ExchangeAction { nextServer(after: .refused, blamesServer: true) }

    /// Larder can't open a connection for want of descriptors, ports or memory.
    mutating func lacksResources() -> ExchangeAction { nextServer(after: .ownShortage, blamesServer: false) }

    /// There is a connection for the request.
    /// - Parameter isReused: whether it has carried a response before.
    mutating func connected(isReused: Bool) -> ExchangeAction {
        phase = .awaitingHead
        isConnectionReused = isReused
        hasUnsentBytes = false
        // An earlier attempt may have ended within a head.
        hasPartialHead = false
        return isRequestComplete ? .sendRequest : .sendRequestAndContent
    }

    /// Nothing was sent, so any method may go to another address (RFC 9110 §9.2.2).
    private mutating func nextServer(after cause: ExchangeFailure.Cause, blamesServer: Bool) -> ExchangeAction {
        lastCause = cause
        phase = .idle
        return .chooseServer(blamesServer: blamesServer)
    }

    // MARK: Sending

    /// Bytes were queued for sending.
    mutating func queued() { hasUnsentBytes = true }

    /// The connection has accepted bytes.
    /// - Parameter all: whether nothing is left to send.
    mutating func sent(all: Bool) { hasUnsentBytes = !all }

    /// A piece of the content is sent: from now on the request can't be repeated.
    mutating func contentBegan() { hasStreamedContent = true }

    /// The request is complete.
    mutating func contentEnded() { isRequestComplete = true }

    /// Sending has failed. An origin may respond and close before it has read the content, so there may still be a
    /// response to read.
    mutating func sendingFailed() -> ExchangeAction {
        hasUnsentBytes = false
        guard phase == .awaitingHead || phase == .receivingContent else { return broke() }
        isRequestComplete = false
        return .readWhatIsThere
    }

    // MARK: Reading

    /// - Returns: whether this changed the state.
    mutating func pause() -> Bool {
        defer { isPaused = true }
        return !isPaused
    }

    /// - Returns: whether this changed the state.
    mutating func resume() -> Bool {
        defer { isPaused = false }
        return isPaused
    }

    /// A head has begun to arrive.
    mutating func receivedPartOfHead() -> ExchangeAction {
        hasPartialHead = true
        return .readOn
    }

    /// An interim head has arrived; another one follows.
    mutating func receivedInterimHead() { hasPartialHead = false }

    /// The head of the final response has arrived.
    mutating func received(_ head: borrowing ResponseHead) -> ExchangeAction {
        hasPartialHead = false
        framing = head.framing
        keepsAlive = head.keepsAlive
        if head.status == 304 && !request.isConditional {
            // The server is up all the same.
            return fail(
                .init(.malformedResponse, wire: WireError(.unaskedNotModified, from: .origin)), blamesServer: false)
        }
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

    /// Interprets the next bytes after the head: `.deliver`, which moves `position` past them, `.wait` if more bytes
    /// are needed, or an end.
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

    /// The connection is reusable if both messages are complete and there are no excess bytes.
    private mutating func finish(hasExcess: Bool) -> ExchangeAction {
        phase = .ended
        let isReusable =
            keepsAlive && isRequestComplete && !hasUnsentBytes && !hasExcess && framing != .untilClose
        return .finish(reusesConnection: isReusable)
    }

    /// The response is malformed.
    mutating func malformed(_ error: WireError) -> ExchangeAction {
        fail(.init(.malformedResponse, wire: error), blamesServer: true)
    }

    /// The origin has closed its side of the connection.
    mutating func ended() -> ExchangeAction {
        if phase == .receivingContent && framing == .untilClose { return finish(hasExcess: false) }
        return broke()
    }

    /// The connection ended before the response was complete. RFC 9110 §9.2.2: an idempotent request whose content
    /// wasn't streamed may be retried, as long as no part of a response was seen.
    mutating func broke() -> ExchangeAction {
        let isStale = isConnectionReused
        let maySendAgain =
            phase == .awaitingHead && !hasPartialHead && !hasStreamedContent && request.method.isIdempotent
            && (retriesLeft > 0 || isStale && !avoidsIdleConnections)
        guard maySendAgain else { return fail(.init(.closedEarly), blamesServer: !isStale) }
        retriesLeft = max(0, retriesLeft - 1)
        avoidsIdleConnections = true
        phase = .idle
        // A stale connection isn't the server's fault.
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

    /// The response is no longer wanted.
    mutating func cancelled() { phase = .ended }

    private mutating func fail(_ failure: ExchangeFailure, blamesServer: Bool) -> ExchangeAction {
        phase = .ended
        return .fail(failure, blamesServer: blamesServer)
    }
}
