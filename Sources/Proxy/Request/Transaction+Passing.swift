// Asking the origin past the cache: the request goes on as it came, its content as it arrives, and the response back to this
// client alone. Also how any fetched response begins, and what happens when there is none.

import Bytes
import CacheStorage
import Clients
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

extension Transaction: ExchangeDelegate {
    // MARK: The request

    func beginPass() -> Progress {
        guard let entry = request.entry, let stream else {
            preconditionFailure("a request has its route before it passes")
        }
        guard case .granted(let admission) = entry.admission(at: selection.keys.key, in: cache) else {
            return refuse(.storeDown)
        }
        detach()
        served.forward = selection.reason?.forward ?? .miss
        asked = (worker.instant, cache.moment)
        let isWhole = stream.isContentComplete && !request.collectedIsPrefix
        var asking = OriginRequest(request: request, purpose: .pass)
        asking.sendsCollectedContent = isWhole && request.hasContent
        asking.forwardsExpect = !stream.isContentComplete && stream.contentCount == 0
        let upgrades = request.wantsTunnel ? request.offeredUpgrades(amongst: entry.upgrades) : []
        let exchange = worker.origins.exchange(
            with: entry.group, limits: entry.exchangeLimits, key: request.balanceKey, method: request.head.method,
            content: asking.contentSize, isRequestComplete: isWhole, isConditional: asking.isConditional,
            upgrades: upgrades, delegate: self)
        exchange.transform = asking.coder(fills)
        exchange.admission = admission
        activity = .passing(exchange)
        asking.append(to: &exchange.request)
        exchange.namesServer = asking.namesServer
        // Content is read once there is somebody to take it.
        if !isWhole { stream.pauseContent() }
        exchange.start()
        return .wait
    }

    func exchangeTakesContent(_ exchange: Exchange) {
        guard let stream, stream.isActive else { return }
        let number = self.number
        if request.collectedIsPrefix {
            let prefix = request.content
            request.content = []
            request.collectedIsPrefix = false
            exchange.send(content: prefix.span)
            guard number == self.number else { return }
            if stream.isContentComplete { exchange.endContent(trailers: contentTrailers) }
        }
        stream.readContent()
        guard number == self.number, stream.isActive, case .passing = activity else { return }
        if stream.isContentComplete { stream.awaitNothing() } else if exchange.takesContent { stream.awaitContent() }
    }

    func takeContent(_ piece: Span<UInt8>) {
        switch activity {
        case .readingContent: request.content.append(piece)
        case .passing(let exchange): exchange.send(content: piece)
        case .none, .lookingUp, .filling, .waiting, .reading, .tunnel: return
        }
    }

    func endContent(trailers: [UInt8]) {
        let trailers = request.entry?.requestFields?.trailers(trailers) ?? trailers
        switch activity {
        case .readingContent: contentTrailers = trailers
        case .passing(let exchange): exchange.endContent(trailers: trailers)
        case .none, .lookingUp, .filling, .waiting, .reading, .tunnel: return
        }
    }

    /// More content is wanted as soon as the exchange takes it.
    func awaitContent(for exchange: Exchange) {
        guard let stream else { return }
        if stream.isContentComplete {
            stream.awaitNothing()
        } else if exchange.takesContent {
            stream.awaitContent()
        } else {
            stream.pauseContent()
        }
    }

    /// What is wrong with the content shows only now: answered if no response has begun.
    func refuseContent() {
        endActivity()
        let isTooLarge = stream?.fault?.reason == .contentTooLarge
        if !isTooLarge { served.wireFault = stream?.fault }
        let outcome = isTooLarge ? Outcome.bodyTooLarge : .malformed
        if stream?.hasBegun == true { return cutShort(outcome) }
        _ = refuse(outcome)
    }

    /// The content doesn't come in time.
    func contentLate(_ outcome: Outcome) {
        endActivity()
        if stream?.hasBegun == true { return cutShort(outcome) }
        _ = refuse(outcome)
    }

    // MARK: The response

    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        passInterim(head, bytes)
    }

    /// RFC 9110 §15.2: passed on to whoever can understand it; never stored.
    func passInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard let stream, stream.isActive, stream.takesInterimResponses else { return }
        if response.status == 100 && !request.head.expectsContinue { return }
        writer.beginInterim(response, bytes)
        stream.sendInterim()
        // It may have been behind before this exchange began.
        if stream.isBlocked, case .passing(let exchange) = activity { exchange.pause() }
    }

    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        let status = Status(head.status)
        if head.status == 101 { return openTunnel(exchange, head, bytes) }
        let invalidates = request.invalidates(status)
        let isOvertaken = invalidates && GetRecord.isOvertaken(request, head, since: asked.moment, in: fills)
        request.invalidate(by: head, bytes, mayBeCarriedOut: exchange.mayBeCarriedOut, in: fills)
        if invalidates, !isOvertaken, storeForGet(exchange, head, bytes) { return }
        passResponse(head, bytes)
    }

    /// The head of a response that is this client's alone.
    func passResponse(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        respondFetched(response, bytes, lines: nil)
    }

    /// Begins to store the response to a POST, which the route itself doesn't cache, for the GETs that follow. What it
    /// invalidated is gone by now. While the client still sends content its request is no fill's.
    private func storeForGet(_ exchange: Exchange, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard cache.canStore, stream?.isContentComplete == true, selection.reason != .bypassed,
            let record = GetRecord(
                request, response, bytes, requestTime: asked.time, isOvertaken: false, in: fills),
            let keys = KeySelection.ofGet(request, &fills.composer)
        else { return false }
        var basis = Selection()
        basis.keys = keys
        let fill = Fill(
            fills, feed: fills.newFeed(keys), isPublished: false, purpose: .request, request, request.facts, basis,
            reader: self)
        fill.claim.claimAhead()
        fill.isToBeStored = true
        // Its own invalidation doesn't count against it.
        fill.adopt(exchange, requestTime: asked.time, began: record.since)
        let head = fill.recordHead(response, bytes, for: record.facts)
        fill.begin(record.facts, record.life, head, response, bytes)
        guard fill.body == .collecting else {
            served.notStoredReason = fill.notStoredReason
            fill.source = nil
            fill.end()
            return false
        }
        exchange.delegate = fill
        activity = .filling(fill)
        served.isStored = true
        fillBegan(response, bytes, lines: nil)
        return true
    }

    /// The head of a response that was fetched.
    /// - Parameter lines: the status line and fields, where they are put together already.
    func respondFetched(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, lines: RecordHead?) {
        guard let stream, stream.isActive else { return }
        served.status = response.status
        served.outcome = served.verdict.outcome
        selection.stored = nil
        begin(response, bytes, lines)
        appendVerdict()
        let size = response.contentSize
        switch size {
        case .none:
            let isAbsent = request.head.method == .head || response.status == 304
            if let declared = response.declaredContentLength, isAbsent {
                writer.append("Content-Length", decimal: declared)
            }
        case .known(let length):
            if lines?.hasContentLength != true { writer.append("Content-Length", decimal: length) }
        case .unknown: if stream.takesInterimResponses { writer.appendTrailerNames(response, bytes) }
        }
        stream.sendHead(size)
    }

    private func begin(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, _ recorded: RecordHead?) {
        let removesTags = request.entry?.removesTags == true
        let head = recorded?.lines
        if let changes = request.entry?.responseFields {
            changes.begin(
                response, bytes, for: request, recorded: head, isStored: served.isStored, isPersonal: isForWhoAsked,
                removesTags: removesTags, with: writer)
        } else if let head {
            writer.begin(head.span, removesTags: false)
        } else {
            writer.begin(response, bytes, removesTags: removesTags)
        }
        if recorded != nil, let age = response.first(.age) { writer.append("Age", bytes.extracting(age)) }
    }

    /// `X-Cache` and `Cache-Status` of a response that was fetched.
    private func appendVerdict() {
        if runtime.showsXCache { writer.append(line: served.verdict.line) }
        if runtime.showsCacheStatus { writer.append(served.forwardedStatus(because: selection.reason)) }
    }

    func exchange(_ exchange: Exchange, received piece: Span<UInt8>) {
        fills.counters.bytesFromOrigins += piece.count
        stream?.send(piece)
    }

    func exchangeTurnEnded(_ exchange: Exchange) {
        guard let stream else { return }
        let number = self.number
        stream.flush()
        if number == self.number, stream.isBlocked { exchange.pause() }
    }

    func exchangeEnded(_ exchange: Exchange) {
        let trailers = sentTrailers(exchange.trailers)
        endActivity()
        stream?.end(trailers: trailers)
    }

    /// Trailers as the route has them sent.
    func sentTrailers(_ trailers: [UInt8]) -> [UInt8] {
        request.entry?.responseFields?.trailers(trailers) ?? trailers
    }

    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure) {
        if exchange.mayBeCarriedOut, stream?.hasBegun != true { request.invalidateUnanswered(in: fills) }
        endActivity()
        fetchFailed(failure)
    }

    /// Nobody wants the response any more.
    func leave(_ exchange: Exchange) {
        if exchange.awaitsResponse, request.mayChangeStored {
            return UnansweredWrite.begin(request, exchange, in: fills)
        }
        // Another attempt was about to begin.
        if exchange.isUnanswered, exchange.mayBeCarriedOut { request.invalidateUnanswered(in: fills) }
        exchange.stop()
    }

    // MARK: No response

    /// There is no response, or no more of it.
    func fetchFailed(_ failure: ExchangeFailure) {
        if stream?.hasBegun == true { return cutShort(.responseCutShort) }
        served.wireFault = failure.wire
        endWithout(failure.cause)
    }

    /// No response is to be had from the origin: what is stored serves, where nothing forbids it.
    func endWithout(_ cause: ExchangeFailure.Cause) {
        // The origin was not asked.
        if cause == .storeDown { served.forward = nil }
        if selection.stored != nil && selection.fallback.contains(.onDisconnect) {
            return deliverStale(cause == .storeDown ? .keptWhileStoreDown : .disconnected)
        }
        // RFC 9111 §5.2.2.2: something is there, and may not be used unvalidated.
        let isForbidden =
            cause != .storeDown && selection.stored != nil
            && (selection.reason == .mustRevalidate || selection.reason == .storedNoCache)
        _ = refuse(isForbidden ? .validationFailed : cause.outcome)
    }

    // MARK: Tunnels

    private func openTunnel(_ exchange: Exchange, _ head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard let stream else { return }
        served.status = 101
        served.outcome = .tunnel
        writer.begin(head, bytes, removesTags: false)
        appendVerdict()
        stream.switchProtocols(head, bytes)
        let tunnel = Tunnel(
            stream, exchange, received: { [fills] in fills.counters.bytesFromOrigins += $0 },
            ended: { [unowned self] in endTunnel() })
        activity = .tunnel(tunnel)
        tunnel.open()
    }

    /// A tunnel has ended: what is under way to the client still goes out.
    private func endTunnel() {
        endActivity()
        stream?.endTunnel()
    }

    /// Nothing has come from the client or gone to it, for as long as that may be.
    func tunnelTimedOut() {
        guard case .tunnel(let tunnel) = activity, let stream else { return }
        if tunnel.hasMoved { return tunnel.awaitClient() }
        worker.counters.tunnelsTimedOut += 1
        guard stream.isBlocked else { return endTunnel() }
        // It takes nothing: there is nobody to wait for.
        endActivity()
        worker.account(self)
        stream.abort()
    }
}

extension ExchangeFailure.Cause {
    /// What the client is told.
    var outcome: Outcome {
        switch self {
        case .unresolved: .originUnresolved
        case .refused: .originRefused
        case .untrusted: .originUntrusted
        case .handshakeFailed: .originHandshake
        case .tooManyConnections: .originBusy
        case .ownShortage: .outOfResources
        case .upgradeImpossible: .originUpgrade
        case .storeDown: .storeDown
        case .connectTimeout: .originConnectTimeout
        case .firstByteTimeout: .originTimeout
        case .betweenBytesTimeout: .originTimeout
        case .closedEarly: .originClosed
        case .malformedResponse: .originMalformed
        }
    }
}
