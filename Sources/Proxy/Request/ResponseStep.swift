// The origin's answer as it arrives: interim answers, the head, the body, the end; what of it is stored (RFC 9111 §3),
// what it invalidates (§4.4), and what becomes of a 304 to our own condition (§4.3.3).

import CacheStorage
import HTTPCaching
import HTTPWire

extension Transaction {
    var acceptsUpgrade: Bool { isTunnel }

    /// RFC 9110 §15.2: passed on to whoever can understand it; never stored.
    func interimResponse(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard head.minorVersion >= 1, client != nil else { return }
        if response.status == 100 && !head.expectsContinue { return }
        var plan = ResponseForwarding(framing: .none)
        plan.appendsVia = false
        Forwarding.appendResponse(response, bytes, plan, to: &worker.scratch)
        Forwarding.endHead(&worker.scratch)
        emit()
    }

    /// The head of the final answer. `bytes` begin with it.
    func responseBegan(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if isValidating && response.status == 304 {
            switch renew(response, bytes) {
            case .deliver: return
            case .leave: isValidating = false
            }
        }
        let code = CachingStatus(response.status)
        if stored != nil && code.isOriginFailure && fallback.contains(.onError) {
            forwardStatus = code
            return deliverStale(.staleIfError)
        }
        stored = nil
        status = response.status
        outcome = isTunnel && status == 101 ? .tunnel : verdict.outcome
        if invalidates(CachingMethod(head.method), code) { invalidate(response, bytes) }
        chooseFraming(response)
        if verdict == .miss { considerStoring(response, bytes) } else { appendHead(response, bytes) }
        output.hasBegun = true
        if verdict == .miss, let age = response.first(.age) {
            Forwarding.appendField("Age", bytes.extracting(age), to: &worker.scratch)
        }
        appendVerdict(isStored: builder != nil)
        appendFramingAndConnection(response, bytes)
        Forwarding.endHead(&worker.scratch)
        if isTunnel && status == 101 { openTunnel() }
    }

    /// What the client sent ahead of the switch belongs to the new protocol.
    private func openTunnel() {
        guard let client, let fetch else { return }
        let ahead = client.takeKept()
        if !ahead.isEmpty { fetch.sendBody(ahead.span, Span(), Span()) }
        client.awaitTunnel()
    }

    func responseBody(_ piece: Span<UInt8>) {
        worker.counters.bytesFromOrigins += piece.count
        if let builder {
            do throws(StoredResponseBuilder.Refusal) { try builder.append(piece) } catch { dropBuilder(error) }
        }
        if isTunnel && status == 101 {
            bodyBytes += piece.count
            client?.awaitTunnel()
            emit(piece)
        } else {
            emitBody(piece)
        }
    }

    /// No more of the answer came in this turn: what is collected goes out.
    func responseTurnEnded() { emit() }

    func responseEnded() {
        if isRenewed { return }
        if let builder {
            self.builder = nil
            do throws(StoredResponseBuilder.Refusal) { keep(try builder.finish()) } catch { dropBuilder(error) }
        }
        if output.framing == .chunked {
            worker.scratch.append("0\r\n")
            if let fetch { worker.scratch.append(fetch.trailers) }
            worker.scratch.append("\r\n")
        }
        endFetch()
        emit()
        complete()
    }

    /// The fetch gave no whole answer.
    func fetchFailed(_ failure: FetchFailure) {
        endFetch()
        builder = nil
        worker.scratch.removeAll()
        if isTunnel && status == 101 { return endTunnel() }
        if output.hasBegun { return cutShort(.answerCutShort) }
        if stored != nil && fallback.contains(.onDisconnect) { return deliverStale(.disconnected) }
        wireFault = failure.wire
        _ = refuse(failure.cause.outcome)
    }

    /// RFC 9111 §4.2.4: stale rather than nothing, where nothing forbids it.
    private func deliverStale(_ reason: Reason) {
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
        Forwarding.appendEndToEndFields(response, bytes, dropping: Self.writtenAnew, to: &worker.scratch)
        worker.appendDateAndVia(response, bytes)
    }

    private static let writtenAnew: FieldSet = [.via, .xCache, .trailer]

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
        if world.showsXCache { appendXCache() }
        guard world.showsCacheStatus else { return }
        var member = CacheStatus(.forwarded(forward ?? .miss))
        member.isStored = isStored
        member.forwardStatus = forwardStatus
        // That nothing was stored is what `fwd` says already.
        switch reason {
        case .notStored, .variantNotStored: member.detail = notStoredReason
        default: member.detail = notStoredReason ?? reason
        }
        worker.appendCacheStatus(member)
    }
}

extension FetchFailure.Cause {
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
        case .brokenAnswer: .originBroken
        }
    }
}
