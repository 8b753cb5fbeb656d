// All decisions about one exchange with an origin, without any I/O: events go in, actions come out. When a request may
// go to another server or be retried (RFC 9110 §9.2.2), where a response ends (RFC 9112 §6.3), which time-out applies,
// and whether the connection can be reused (RFC 9112 §9.3).

import Bytes
import HTTPSemantics
import HTTPWire

/// The state of an exchange. ``ExchangeState/begin(_:)`` resets it for the next one.
struct ExchangeState: ~Copyable {
    private(set) var phase = Phase.idle
    private var request = Request()
    /// Whether all of the request's content has been supplied.
    private var isRequestComplete = true
    /// Bytes of content supplied so far.
    private var suppliedCount = 0
    /// Whether content was sent that isn't kept, so that the request can't be repeated.
    private var isContentLost = false
    /// Whether the connection accepts no more of the request.
    private var hasSendingFailed = false
    /// Whether a part of the request waits until the connection is writable.
    private(set) var hasUnsentBytes = false
    private(set) var isPaused = false
    /// In a tunnel: the origin sends no more; it is to be sent no more.
    private(set) var isTunnelInputOver = false
    private var isTunnelOutputOver = false

    private var attempts = Attempts()
    /// Something that was sent waits for the server's window.
    var isHeldBack = false
    /// The response says that the request was not carried out.
    private var isError = false
    /// Why the last address that was tried could not be used.
    private(set) var lastCause: ExchangeFailure.Cause?

    private var hasPartialHead = false
    private var framing = BodyFraming.none
    private var keepsAlive = false
    /// Whether bytes followed the response that don't belong to it.
    private(set) var hasExcess = false
    private var remaining: UInt64 = 0
    private var decoder = ChunkedDecoder(from: .origin)

    /// So much content is kept until the first byte of the response, for a retry.
    static let keptContentLimit = 64 << 10
    /// Pieces of chunks from this size on are passed on where they lie; smaller ones are gathered.
    private static let largePiece = 4096

    mutating func begin(_ request: Request) {
        precondition(phase == .idle || phase == .ended, "the previous exchange must have ended")
        self.request = request
        isRequestComplete = request.isComplete
        attempts = Attempts(retries: request.retries)
        phase = .idle
        suppliedCount = 0
        isContentLost = false
        hasSendingFailed = false
        hasUnsentBytes = false
        isPaused = false
        (isTunnelInputOver, isTunnelOutputOver, isError) = (false, false, false)
        lastCause = nil
        hasPartialHead = false
        framing = .none
        hasExcess = false
        remaining = 0
    }

    // MARK: Queries

    var method: Method { request.method }

    /// Whether there is a connection for the request.
    var isConnected: Bool { phase == .awaitingHead || phase == .receivingContent || phase == .tunnel }

    /// Whether bytes for the origin can be sent, or queued.
    var isSending: Bool { isConnected && !hasSendingFailed }

    /// Whether more of the request's content is accepted now.
    var takesContent: Bool { isSending && !hasUnsentBytes }

    /// Whether the rest of the request is still to come from the client: then the origin's silence means nothing.
    var awaitsContent: Bool { !isRequestComplete && !hasSendingFailed }

    /// Whether a server has been sent the whole request, and its response is still to come.
    var awaitsResponse: Bool {
        phase == .awaitingHead && isRequestComplete && !hasUnsentBytes && !hasSendingFailed && !isHeldBack
    }

    /// Whether a server may have carried out the request, of which it got the whole, in an attempt that had no response.
    var mayBeCarriedOut: Bool { attempts.mayBeCarriedOut }

    /// No final response has begun.
    var isUnanswered: Bool { phase != .receivingContent && phase != .tunnel && phase != .ended }

    /// Bytes of the body still to arrive, if its length is known.
    var remainingLength: UInt64? {
        guard phase == .receivingContent, case .length = framing else { return nil }
        return remaining
    }

    /// Trailer fields of a complete chunked response, as lines.
    var trailers: [UInt8] { framing == .chunked ? decoder.trailers : [] }

    // MARK: Choosing a server, connecting

    /// Whether an idle connection may be used for the next attempt.
    var mayUseIdleConnection: Bool { attempts.mayUseIdleConnection }

    /// No address is left to choose.
    mutating func noServerLeft() -> ExchangeAction { fail(.init(lastCause ?? .unresolved), blamesServer: false) }

    /// The connection limit of the chosen address is reached.
    mutating func connectionLimitReached() -> ExchangeAction { nextServer(after: .tooManyConnections) }

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

    /// A connection is being opened, or takes the request later.
    mutating func connecting() {
        phase = .connecting
        attempts.connecting()
    }

    mutating func refused(_ cause: ExchangeFailure.Cause = .refused) -> ExchangeAction {
        nextServer(after: cause, blamesServer: true)
    }

    /// Whether the request is one to switch protocols, and what follows where the chosen server speaks HTTP/2 only.
    var offersUpgrade: Bool { !request.upgrades.isEmpty }
    mutating func upgradeImpossible() -> ExchangeAction { nextServer(after: .upgradeImpossible) }

    /// Larder can't open a connection for want of descriptors, ports or memory.
    mutating func lacksResources() -> ExchangeAction { nextServer(after: .ownShortage, blamesServer: false) }

    /// There is a connection for the request. Whether it has carried a response before, and whether the server can say of a request
    /// that it has done nothing with it.
    mutating func connected(isReused: Bool, mayBeGivenBack: Bool = false) -> ExchangeAction {
        phase = .awaitingHead
        attempts.connected(isReused: isReused, mayBeGivenBack: mayBeGivenBack)
        (hasUnsentBytes, hasSendingFailed, isHeldBack) = (false, false, false)
        // An earlier attempt may have ended within a head.
        hasPartialHead = false
        return isRequestComplete ? .sendRequest : .sendRequestAndContent
    }

    /// Nothing was sent, so any method may go to another address (RFC 9110 §9.2.2).
    private mutating func nextServer(after cause: ExchangeFailure.Cause, blamesServer: Bool = false) -> ExchangeAction {
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

    /// A piece of the content has been supplied.
    /// - Returns: whether it is to be kept with the request: as long as that may be repeated, or has yet to be sent.
    mutating func supplied(_ count: Int) -> Bool {
        suppliedCount += count
        switch phase {
        case .idle, .locating, .connecting: return true
        case .awaitingHead:
            if mayBeRepeated || maySendUnprocessedAgain, suppliedCount <= Self.keptContentLimit { return true }
            isContentLost = true
            return false
        case .receivingContent, .tunnel, .ended: return false
        }
    }

    /// The request is complete.
    mutating func contentEnded() { isRequestComplete = true }

    /// Nothing more goes through the tunnel to the origin, once what was queued is sent.
    mutating func endTunnelOutput() { isTunnelOutputOver = phase == .tunnel }

    /// Whether the connection's sending side is to be closed now.
    var closesSending: Bool { isTunnelOutputOver && !hasUnsentBytes }

    /// Sending has failed. An origin may respond and close before it has read the content, so there may still be a
    /// response to read.
    mutating func sendingFailed() -> ExchangeAction {
        hasUnsentBytes = false
        guard phase == .awaitingHead || phase == .receivingContent else { return broke() }
        hasSendingFailed = true
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

    /// The head of the final response, with which `bytes` begin, has arrived.
    mutating func received(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> ExchangeAction {
        hasPartialHead = false
        framing = head.framing
        keepsAlive = head.keepsAlive
        if head.status == 304 && !request.isConditional {
            // The server is up all the same.
            return fail(
                .init(.malformedResponse, wire: WireError(.unaskedNotModified, from: .origin)), blamesServer: false)
        }
        if head.status == 101 {
            guard !request.upgrades.isEmpty else { return malformed(WireError(.invalidStatusCode, from: .origin)) }
            guard head.switches(toOneOf: request.upgrades, in: bytes) else {
                return malformed(WireError(.unofferedProtocol, from: .origin))
            }
            phase = .tunnel
            return .begin
        }
        phase = .receivingContent
        isError = head.status >= 400
        switch framing {
        case .none, .untilClose: remaining = 0
        case .length(let length): remaining = length
        case .chunked: decoder.reset()
        }
        return .begin
    }

    /// Decodes the first bytes of a chunked body, all of them, before anything of the response is passed on: one that is
    /// malformed already has a failure instead of a beginning.
    /// - Returns: `.deliver` or `.deliverGathered`, as ``content(_:from:gathering:)`` does, or the failure; nil where there is
    ///   nothing to deliver yet, or the body isn't chunked.
    mutating func firstContent(
        _ bytes: Span<UInt8>, from position: inout Int, gathering gathered: inout ByteBuffer
    ) -> ExchangeAction? {
        guard phase == .receivingContent, framing == .chunked else { return nil }
        return chunks(bytes, from: &position, gathering: &gathered, large: .max)
    }

    /// Interprets the next bytes after the head: `.deliver` or `.deliverGathered`, which move `position` on, `.wait`, or an end.
    /// - Parameter gathered: receives the content of `.deliverGathered`.
    mutating func content(
        _ bytes: Span<UInt8>, from position: inout Int, gathering gathered: inout ByteBuffer
    ) -> ExchangeAction {
        if phase == .tunnel { return take(bytes.count - position, from: &position) }
        guard phase == .receivingContent else { return .wait }
        switch framing {
        case .none: return finish(hasExcess: position < bytes.count)
        case .untilClose: return take(bytes.count - position, from: &position)
        case .length:
            if remaining == 0 { return finish(hasExcess: position < bytes.count) }
            let count = Int(min(remaining, UInt64(bytes.count &- position)))
            remaining -= UInt64(count)
            return take(count, from: &position)
        case .chunked:
            if let action = chunks(bytes, from: &position, gathering: &gathered, large: Self.largePiece) {
                return action
            }
            return decoder.isFinished ? finish(hasExcess: position < bytes.count) : .wait
        }
    }

    private mutating func chunks(
        _ bytes: Span<UInt8>, from position: inout Int, gathering gathered: inout ByteBuffer, large: Int
    ) -> ExchangeAction? {
        do throws(WireError) {
            return switch try decoder.gather(bytes, from: &position, into: &gathered, large: large) {
            case .piece(let range): .deliver(range)
            case .gathered: .deliverGathered
            case .none: nil
            }
        } catch {
            return malformed(error)
        }
    }

    private func take(_ count: Int, from position: inout Int) -> ExchangeAction {
        guard count > 0 else { return .wait }
        defer { position += count }
        return .deliver(position..<(position + count))
    }

    // MARK: Ends

    /// The connection is reusable if both messages are complete, the server has certainly read the request's content, and
    /// there are no excess bytes.
    private mutating func finish(hasExcess: Bool) -> ExchangeAction {
        phase = .ended
        self.hasExcess = hasExcess
        let isContentRead = !request.hasContent || request.method.definesContent
        let isReusable =
            keepsAlive && isRequestComplete && !hasSendingFailed && !hasUnsentBytes && isContentRead && !hasExcess
            && framing != .untilClose
        return .finish(reusesConnection: isReusable)
    }

    /// Whether the response had no body by rule (HEAD, 204, 304). A server may send one all the same, a moment later; it must
    /// not be taken for the next response.
    var mayBeFollowedByBody: Bool { framing == .none }

    /// The response is malformed.
    mutating func malformed(_ error: WireError) -> ExchangeAction {
        fail(.init(.malformedResponse, wire: error), blamesServer: true)
    }

    /// The origin has closed its side of the connection.
    mutating func ended() -> ExchangeAction {
        if phase == .receivingContent && framing == .untilClose { return finish(hasExcess: false) }
        if phase == .tunnel {
            isTunnelInputOver = true
            return .endTunnelInput
        }
        return broke()
    }

    /// The connection ended before the response was complete. An idempotent request whose content is still there may be retried, as
    /// long as no part of a response was seen.
    mutating func broke(_ loss: Loss = .unknown) -> ExchangeAction {
        if loss != .unknown, maySendUnprocessedAgain {
            attempts.sendsUnprocessedAgain()
            phase = .idle
            return .sendAgain(blamesServer: loss == .unserved)
        }
        let isStale = attempts.isConnectionReused && phase != .connecting || loss == .refused
        guard mayBeRepeated else {
            return fail(.init(.closedEarly), blamesServer: !isStale, isUnprocessed: loss != .unknown)
        }
        attempts.repeats(mayBeCarriedOut: loss == .unknown && awaitsResponse)
        phase = .idle
        // A stale connection isn't the server's fault.
        return .sendAgain(blamesServer: !isStale)
    }

    private var maySendUnprocessedAgain: Bool {
        (phase == .connecting || phase == .awaitingHead && !hasPartialHead) && !isContentLost
            && attempts.maySendUnprocessedAgain
    }

    private var mayBeRepeated: Bool {
        phase == .awaitingHead && !hasPartialHead && !isContentLost && request.method.isIdempotent && attempts.mayRepeat
    }

    mutating func deadlinePassed() -> ExchangeAction {
        switch phase {
        case .connecting: nextServer(after: .connectTimeout, blamesServer: true)
        case .awaitingHead: fail(.init(.firstByteTimeout), blamesServer: true)
        case .receivingContent, .tunnel: fail(.init(.betweenBytesTimeout), blamesServer: false)
        case .idle, .locating, .ended: .wait
        }
    }

    /// Nobody waits for the response: the request isn't sent again.
    mutating func makeLastAttempt() { attempts.isLast = true }

    /// The response is no longer wanted.
    mutating func cancelled() { phase = .ended }

    private mutating func fail(
        _ failure: ExchangeFailure, blamesServer: Bool, isUnprocessed: Bool = false
    ) -> ExchangeAction {
        if phase == .receivingContent ? !isError : awaitsResponse && !isUnprocessed { attempts.noteCarriedOut() }
        phase = .ended
        return .fail(failure, blamesServer: blamesServer)
    }
}
