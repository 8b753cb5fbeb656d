// The I/O of one request to an origin: it performs the actions of its `ExchangeState` and reports the results as
// events. The delegate decides what happens with the response.

import Bytes
import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire

/// At most one per request at a time. Created by ``OriginAccess``, which takes it back when it has ended. Used only on
/// one worker's thread.
package final class Exchange {
    let access: OriginAccess
    /// Receives the events. May be changed at any time, even within a call: it is read again for each call.
    package var delegate: (any ExchangeDelegate)?
    /// Changes the response before the delegate is given it. Set before `start()`.
    package var transform: (any ResponseTransform)?
    /// Released when the exchange is over: what bounds how many there are at once. Set before `start()`.
    package var admission: AnyObject?
    var state = ExchangeState()
    var group: UpstreamGroup
    var limits: ExchangeLimits
    /// What the choice of a server goes by, if it goes by the request.
    var key: UInt64?
    /// Where the current attempt goes, or the last one went.
    var server: OriginServer?
    var endpoint: Endpoint?
    /// When the current attempt began.
    var attemptBegan = MonotonicTime(milliseconds: 0)
    /// `errno` of the last attempt to connect that failed.
    var connectError: Int32 = 0
    /// What was wrong with TLS in the last attempt that came to nothing by it.
    var handshakeFault: HandshakeFault?
    /// Whether this attempt alone tries an address that has failed.
    var isTrial = false
    /// Slots of the addresses that were tried.
    var tried: [Int] = []
    /// Whether a retry may go to an address that was tried, if no other can be chosen.
    var startsOver = false
    /// When the request must have a connection.
    var connectDeadline = MonotonicTime(milliseconds: 0)
    var carrier: OriginCarrier?
    /// Whether the request counts as outstanding at the server.
    var isOutstanding = false

    /// The serialised head, followed by the content if that is complete, or by what of it has been supplied and is kept for a
    /// retry; until the first byte of the response. The caller writes it before `start()`.
    package var request = ByteBuffer(minimumCapacity: 1024)
    /// The part of `request`, or of the content after it, that the origin hasn't accepted yet.
    var unsent = ByteBuffer(minimumCapacity: 64)
    var unsentStart = 0
    var contentFraming = BodyFraming.none
    /// The chunk-size line of the chunk being sent.
    var chunkLine = ByteBuffer(minimumCapacity: 64)

    var head = ResponseHead()
    var partialHead = ByteBuffer(minimumCapacity: 64)
    /// `partialHead` has whole heads that arrived before a pause.
    var holdsHeads = false
    /// Whether Host in `request` is to name the server that it goes to.
    package var namesServer = false
    /// Tells one connection that it uses from the next, whatever request that is for.
    var connectionNumber: UInt64 = 0

    init(access: OriginAccess, group: UpstreamGroup) {
        self.access = access
        self.group = group
        limits = ExchangeLimits(group.settings)
    }

    /// Resets it for a new request; memory is kept.
    func prepare(
        group: UpstreamGroup, limits: ExchangeLimits, key: UInt64?, method: Method, content: BodyFraming,
        isRequestComplete: Bool, isConditional: Bool, upgrades: [[UInt8]], delegate: any ExchangeDelegate
    ) {
        precondition(carrier == nil, "only an exchange that has ended is reused")
        state.begin(
            ExchangeState.Request(
                method: method, isComplete: isRequestComplete, hasContent: content != .none && content != .length(0),
                isConditional: isConditional, upgrades: upgrades, retries: limits.retries))
        self.group = group
        self.limits = limits
        self.key = key
        self.delegate = delegate
        transform = nil
        admission = nil
        contentFraming = content
        server = nil
        endpoint = nil
        tried.removeAll(keepingCapacity: true)
        startsOver = false
        namesServer = false
        request.removeAll(keepingUpTo: 8192)
        unsent.removeAll(keepingUpTo: 4096)
        unsentStart = 0
        partialHead.removeAll(keepingUpTo: 4096)
        holdsHeads = false
    }

    // MARK: Queries of the delegate

    package var isEnded: Bool { state.phase == .ended }
    /// Whether there is a connection for the request.
    package var isConnected: Bool { state.isConnected }
    /// Whether a server has been sent the whole request, and its response is still to come.
    package var awaitsResponse: Bool { state.awaitsResponse && carrier?.isHoldingBack != true }
    /// Whether it goes on, and no final response has begun.
    package var isUnanswered: Bool { state.isUnanswered }
    /// Whether a server may have carried out the request though it sent no response: in an attempt before this one, or in the last
    /// one, where the exchange has failed.
    package var mayBeCarriedOut: Bool { state.mayBeCarriedOut }
    /// Whether more content is accepted now.
    package var takesContent: Bool { state.takesContent }
    /// Bytes that the origin hasn't accepted yet.
    package var unsentCount: Int { unsent.count - unsentStart }
    /// Bytes of the body still to be passed on, if its length is known.
    package var remainingLength: UInt64? { transform?.changesBody == true ? nil : state.remainingLength }
    /// Trailer fields of a complete chunked response, as lines.
    package var trailers: [UInt8] { state.trailers }

    // MARK: Calls of the delegate

    /// Starts the exchange with the contents of `request`.
    package func start() { beginReaching() }

    /// Stops reading while the response can't be passed on: flow control then slows the origin.
    package func pause() { if state.pause() { awaitOrigin() } }

    /// Nobody waits for the response: it may still say what the request has done, but the request isn't sent again.
    package func makeLastAttempt() { state.makeLastAttempt() }

    package func resume() {
        guard state.resume() else { return }
        awaitOrigin()
        guard holdsHeads else { return }
        let number = connectionNumber
        access.loop.atEndOfTurn { [self] in if number == connectionNumber { readHeldHeads() } }
    }

    /// Returns it to its worker's ``OriginAccess``, which cancels it if it hasn't ended.
    package func retire() { access.retire(self) }

    /// Cancels the exchange if it hasn't ended. The delegate is not called.
    func cancel() {
        guard state.phase != .ended else { return }
        if state.phase == .locating { access.stopAwaitingName(self) }
        endTrial()
        leaveConnection()
        state.cancelled()
    }

    /// Tells the state whether the carrier has sent what it has taken. To be called before whatever ends an attempt.
    func noteHeldBack() { if let carrier { state.isHeldBack = carrier.isHoldingBack } }

    // MARK: Actions of the state

    func perform(_ action: ExchangeAction) {
        switch action {
        case .wait: break
        case .chooseServer(let blamesServer):
            leaveServer(blamesServer, state.lastCause.map { ExchangeFailure($0) })
            chooseServer()
        case .sendAgain(let blamesServer):
            leaveServer(blamesServer, ExchangeFailure(.closedEarly))
            access.retries += 1
            // A stale connection says nothing about its address.
            if !blamesServer { tried.removeAll(keepingCapacity: true) }
            startsOver = true
            beginReaching()
        case .sendRequest: sendRequest()
        case .sendRequestAndContent: sendRequestAndContent()
        case .readWhatIsThere: awaitOrigin()
        case .readOn: carrier?.setDeadline(afterMilliseconds: limits.betweenBytes)
        case .endTunnelInput:
            awaitOrigin()
            delegate?.exchangeEnded(self)
        case .finish(let reusesConnection):
            if state.hasExcess { endpoint?.noteSurplus(now: access.loop.now) }
            releaseConnection(isReusable: reusesConnection)
            passOnEnd()
        case .fail(let failure, let blamesServer):
            leaveServer(blamesServer, failure)
            delegate?.exchange(self, failed: failure)
        case .begin, .deliver, .deliverGathered: preconditionFailure("the reading functions pass bytes on themselves")
        }
    }

    /// Sets the events and the time-out that the connection waits for, as the state says.
    func awaitOrigin() {
        guard let carrier, carrier.isOpen else { return }
        let interest = state.interest
        carrier.wait(
            for: interest.writes
                ? (interest.reads ? .readAndWrite : .write) : (interest.reads ? .read : .none))
        setTimeout(interest.timeout, of: carrier)
    }

    /// Sets the time-out alone, after progress that changes nothing else.
    func restartTimeout() {
        guard let carrier, carrier.isOpen else { return }
        setTimeout(state.interest.timeout, of: carrier)
    }

    private func setTimeout(_ timeout: ExchangeInterest.Timeout, of carrier: OriginCarrier) {
        switch timeout {
        case .none: carrier.clearDeadline()
        case .firstByte: carrier.setDeadline(afterMilliseconds: limits.firstByte)
        case .betweenBytes: carrier.setDeadline(afterMilliseconds: limits.betweenBytes)
        case .unchanged: break
        }
    }

    // MARK: Releasing the connection

    /// - Parameter failure: what the server is blamed for.
    private func leaveServer(_ blamesServer: Bool, _ failure: ExchangeFailure?) {
        if blamesServer, let endpoint, let server {
            let reason = reason(of: failure)
            group.noteFailure(at: endpoint, of: server, attemptFrom: attemptBegan, now: access.loop.now, reason)
        }
        endTrial()
        leaveConnection()
    }

    /// In words for an operator.
    private func reason(of failure: ExchangeFailure?) -> String {
        guard let failure else { return "a request failed" }
        switch failure.cause {
        case .refused where connectError != 0: return errorText(connectError)
        case .untrusted, .handshakeFailed:
            return handshakeFault.map { "\(failure.sentence): \($0.sentence)" } ?? "\(failure.sentence)"
        case .unresolved, .refused, .connectTimeout, .firstByteTimeout, .betweenBytesTimeout, .closedEarly,
            .malformedResponse, .tooManyConnections, .ownShortage, .upgradeImpossible, .storeDown:
            return "\(failure.sentence)"
        }
    }

    private func endTrial() {
        guard isTrial else { return }
        isTrial = false
        endpoint?.endTrial()
    }

    private func leaveConnection() {
        guard let carrier else { return }
        self.carrier = nil
        noteNotOutstanding()
        switch carrier {
        case .connection(let connection): access.discard(connection)
        case .stream(let stream): stream.close()
        }
    }

    private func releaseConnection(isReusable: Bool) {
        guard let carrier else { return }
        self.carrier = nil
        endTrial()
        noteNotOutstanding()
        switch carrier {
        case .connection(let connection) where isReusable:
            access.release(connection, to: group, rests: state.mayBeFollowedByBody)
        case .connection(let connection): access.discard(connection)
        case .stream(let stream): stream.close()
        }
    }

    private func noteNotOutstanding() {
        guard isOutstanding else { return }
        isOutstanding = false
        server?.outstanding.wrappingSubtract(1, ordering: .relaxed)
        endpoint?.outstanding.wrappingSubtract(1, ordering: .relaxed)
    }
}
