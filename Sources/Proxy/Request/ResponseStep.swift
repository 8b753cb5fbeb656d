// The origin's answer as it arrives: interim answers, the head, the body, the end; what of it is stored (RFC 9111 §3),
// what it invalidates (§4.4), and what becomes of a 304 to our own condition (§4.3.3).

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

extension Transaction: ExchangeDelegate {
    /// RFC 9110 §15.2: passed on to whoever can understand it; never stored.
    func exchange(_: Exchange, receivedInterim response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard head.minorVersion >= 1, client != nil else { return }
        if response.status == 100 && !head.expectsContinue { return }
        var plan = ResponseForwarding(framing: .none)
        plan.appendsVia = false
        Forwarding.appendResponse(response, bytes, plan, to: &worker.scratch)
        Forwarding.endHead(&worker.scratch)
        emit()
    }

    /// The head of the final answer. `bytes` begin with it.
    func exchange(_: Exchange, began response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if isValidating && response.status == 304 {
            switch renew(response, bytes) {
            case .deliver: return
            case .leave: isValidating = false
            }
        }
        let code = Status(response.status)
        if stored != nil && code.isOriginFailure && fallback.contains(.onError) {
            return originFailed(code)
        }
        if isRefresh && code.isOriginFailure { return originFailed(code) }
        if partBegan(response, bytes) { return }
        if facts.method == .head { freshen(response, bytes) }
        superseded = stored
        stored = nil
        status = response.status
        outcome = isTunnel && status == 101 ? .tunnel : verdict.outcome
        if invalidates(head.method, code) {
            noteWhetherGetIsOvertaken(response)
            invalidate(response, bytes)
            invalidateGroups(response, bytes)
        }
        chooseFraming(response)
        appendHeadAndStore(response, bytes)
        // Nobody waits for what isn't kept.
        if isUnattended && part != .leading { return endUnattended() }
        // Conditions of the client's own are for the whole response to answer, where it is to be had soon.
        if isCollecting, facts.hasConditions, partial?.range == nil, case .length = response.framing {
            isHeldBack = true
        }
        if isHeldBack || isUnattended { return worker.scratch.removeAll() }
        output.hasBegun = true
        if verdict == .miss, let age = response.first(.age) {
            Forwarding.appendField("Age", bytes.extracting(age), to: &worker.scratch)
        }
        appendVerdict(isStored: isToBeStored)
        appendFramingAndConnection(response, bytes)
        Forwarding.endHead(&worker.scratch)
        if isTunnel && status == 101 { openTunnel() }
    }

    /// The client's head, and the beginning of what is stored of the response.
    private func appendHeadAndStore(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if verdict == .miss && response.status == 206 {
            // A part that nobody asked for is nobody else's.
            if !considerPart(response, bytes), part == .leading {
                refuseStoring(notStoredReason ?? .partialContent, Status(response.status))
            }
            return appendHead(response, bytes)
        }
        if verdict == .miss {
            considerStoring(response, bytes)
            if facts.method == .post && isCollecting { forGet = reuseForGet(response, bytes) }
            removeTags(response)
        } else if considerStoringForGet(response, bytes) {
            removeTags(response)
        } else {
            appendHead(response, bytes)
        }
    }

    /// What is stored has its tags; the client doesn't get them where the route says so.
    private func removeTags(_ response: borrowing ResponseHead) {
        guard entry?.removesTags == true, !response.present.isDisjoint(with: Self.tags) else { return }
        let worker = self.worker
        let whole = worker.scratch.span.copied()
        worker.scratch.removeAll()
        appendWithoutTags(whole.span)
    }

    /// What the client sent ahead of the switch belongs to the new protocol.
    private func openTunnel() {
        guard let client, let exchange else { return }
        let ahead = client.takeKept()
        if !ahead.isEmpty { exchange.send(content: ahead.span) }
        client.awaitTunnel()
    }

    func exchange(_: Exchange, received piece: Span<UInt8>) {
        worker.counters.bytesFromOrigins += piece.count
        if part == .leading { return collect(piece) }
        if isTunnel && status == 101 {
            bodyBytes += piece.count
            client?.awaitTunnel()
            emit(piece)
        } else {
            emitBody(piece)
        }
    }

    /// No more of the answer came in this turn: what is collected goes out.
    func exchangeTurnEnded(_: Exchange) {
        emit()
        if isNarrow { holdOrigin() }
    }

    func exchangeEnded(_: Exchange) {
        if isRenewed { return }
        if part == .leading { return collected() }
        endAnswer()
    }

    /// Everything has arrived and gone out, or is on its way out.
    func endAnswer() {
        if output.framing == .chunked {
            worker.scratch.append("0\r\n")
            if let exchange { worker.scratch.append(exchange.trailers) }
            worker.scratch.append("\r\n")
        }
        endFetch()
        emit()
        complete()
    }

    /// The fetch gave no whole answer.
    func exchange(_: Exchange, failed failure: ExchangeFailure) {
        endFetch()
        worker.scratch.removeAll()
        takeLead()?.fail(failure.cause)
        if isUnattended {
            if isRefresh { worker.shared.flights.noteFailedRefresh(key, now: worker.loop.now) }
            return endUnattended()
        }
        if isTunnel && status == 101 { return endTunnel() }
        if output.hasBegun { return cutShort(.answerCutShort) }
        wireFault = failure.wire
        endWithout(failure.cause)
    }

    /// No answer is to be had from the origin: what is stored serves, where nothing forbids it.
    func endWithout(_ cause: ExchangeFailure.Cause) {
        if stored != nil && fallback.contains(.onDisconnect) { return deliverStale(.disconnected) }
        // RFC 9111 §5.2.2.2: something is there, and may not be used unvalidated.
        let isForbidden = stored != nil && (reason == .mustRevalidate || reason == .storedNoCache)
        _ = refuse(isForbidden ? .validationFailed : cause.outcome)
    }

    /// The origin answers with a failure, and something stale is there instead (RFC 5861 §4).
    private func originFailed(_ status: Status) {
        forwardStatus = status
        endFetch()
        takeLead()?.refuse(.originFailure(status))
        if isRefresh { worker.shared.flights.noteFailedRefresh(key, now: worker.loop.now) }
        if isUnattended { return endUnattended() }
        deliverStale(.staleIfError)
    }

    /// RFC 9111 §4.2.4: stale rather than nothing, where nothing forbids it.
    func deliverStale(_ reason: Reason) {
        endFetch()
        isValidating = false
        self.reason = reason
        verdict = stored.map { $0.facts.timeToLive(at: worker.instant) > .zero } == true ? .hit : .stale
        resume(at: .deliver)
    }

    // MARK: The head for the client

    /// RFC 9112 §6.3, §7.1: chunks for whoever understands them, else the end of the connection ends the body.
    private func chooseFraming(_ response: borrowing ResponseHead) {
        switch response.framing {
        case .none: output.framing = .none
        case .length(let length): output.framing = .length(length)
        case .chunked, .untilClose: output.framing = head.minorVersion >= 1 ? .chunked : .untilClose
        }
        decideConnection()
        if output.framing == .untilClose { output.closes = true }
    }

    /// Status line and end-to-end fields, with Date and Via.
    private func appendHead(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        Forwarding.appendStatusLine(response.status, reason: bytes.extracting(response.reason), to: &worker.scratch)
        Forwarding.appendEndToEndFields(
            response, bytes, dropping: entry?.removesTags == true ? Self.writtenAnewWithTags : Self.writtenAnew,
            to: &worker.scratch)
        worker.appendDateAndVia(response, bytes)
    }

    static let writtenAnew: FieldSet = [.via, .xCache, .trailer]

    private static let tags: FieldSet = [.cacheTag, .surrogateKey, .xkey]
    private static let writtenAnewWithTags = writtenAnew.union(tags)

    private func appendFramingAndConnection(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if isTunnel && status == 101 {
            worker.scratch.append("Connection: Upgrade\r\n")
            for field in response.fields where field.known == .upgrade {
                Forwarding.appendField("Upgrade", bytes.extracting(field.value), to: &worker.scratch)
            }
            return
        }
        switch output.framing {
        case .none:
            if let declared = response.declaredContentLength, head.method == .head || status == 304 {
                if !storedHeadHasLength {
                    Forwarding.appendField("Content-Length", decimal: declared, to: &worker.scratch)
                }
            }
        case .length(let length):
            if !storedHeadHasLength { Forwarding.appendField("Content-Length", decimal: length, to: &worker.scratch) }
        case .chunked:
            for field in response.fields where field.known == .trailer && response.framing == .chunked {
                Forwarding.appendField("Trailer", bytes.extracting(field.value), to: &worker.scratch)
            }
            worker.scratch.append("Transfer-Encoding: chunked\r\n")
        case .untilClose: break
        }
        appendConnectionField()
    }

    /// `X-Cache` and `Cache-Status` of an answer that was fetched.
    func appendVerdict(isStored: Bool) {
        if runtime.showsXCache { appendXCache() }
        if runtime.showsCacheStatus { worker.appendCacheStatus(forwardedStatus(isStored: isStored)) }
    }

    /// The member of `Cache-Status` for an answer that is fetched.
    func forwardedStatus(isStored: Bool) -> CacheStatus {
        var member = CacheStatus(.forwarded(forward ?? .miss))
        member.isStored = isStored
        member.isCollapsed = isCollapsed
        member.forwardStatus = forwardStatus
        // That nothing was stored is what `fwd` says already.
        switch reason {
        case .notStored, .variantNotStored: member.detail = notStoredReason ?? aloneReason
        default: member.detail = notStoredReason ?? reason
        }
        return member
    }
}

extension ExchangeFailure.Cause {
    /// What the client is told.
    var outcome: Outcome {
        switch self {
        case .noServer: .noServer
        case .unresolved: .originUnresolved
        case .refused: .originRefused
        case .tooManyConnections: .originBusy
        case .connectTimeout: .originConnectTimeout
        case .firstByteTimeout: .originTimeout
        case .betweenBytesTimeout: .originTimeout
        case .closedEarly: .originClosed
        case .malformedResponse: .originBroken
        }
    }
}
