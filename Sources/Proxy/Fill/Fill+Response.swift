// What a fill makes of the response's head: judged once, by RFC 9111 §3 and §4.3.3, and with that either stored as it
// arrives, or refused to the others and left to the request that began the fill.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

extension Fill: ExchangeDelegate {
    /// A fill's request is complete at its start; a large one may take a while to go out.
    func exchangeTakesContent(_ exchange: Exchange) {}

    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        receivedInterim(head, bytes)
    }

    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        responded(head, bytes)
        writeAnswered()
    }

    // An exchange whose 304 was all that was wanted comes to its own end after the fill's.
    func exchange(_ exchange: Exchange, received piece: Span<UInt8>) { if !isOver { received(piece) } }
    func exchangeTurnEnded(_ exchange: Exchange) { if !isOver { turnEnded() } }
    func exchangeEnded(_ exchange: Exchange) { if !isOver { completed() } }
    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure) { if !isOver { failed(failure) } }
}

extension Exchange: FillSource {
    func stop() { retire() }
    var remaining: UInt64? { remainingLength }
    var marks: StoredFacts.Flags { (transform as? ResponseCoder)?.marks ?? [] }
}

extension Fill {
    /// The head of the final response. `bytes` begin with it.
    func responded(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if isValidating && response.status == 304 {
            if freshened(response, bytes) { return }
            isValidating = false
        }
        let status = Status(response.status)
        self.status = status
        if isOriginFailure(status, hasRetryAfter: response.contains(.retryAfter)) {
            let servesStale = stored != nil && fallback.contains(.onError)
            if servesStale || purpose == .refresh { return originFailed(status) }
        }
        if partResponded(response, bytes) { return }
        if facts.method == .head { freshenByHead(response, bytes) }
        superseded = stored ?? superseded
        stored = nil
        let isGetOvertaken =
            request.invalidates(status) && GetRecord.isOvertaken(request, response, since: began, in: service)
        request.invalidate(by: response, bytes, mayBeCarriedOut: source?.mayBeCarriedOut == true, in: service)
        judge(response, bytes, status)
        guard !isOver, body == .collecting else { return }
        if facts.method == .post {
            forGet = GetRecord(
                request, response, bytes, requestTime: requestTime, isOvertaken: isGetOvertaken, in: service)
            if forGet != nil, let get = KeySelection.ofGet(request, &service.composer) {
                claim.claimForGet(get.plainKey)
            }
        }
    }

    private func judge(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, _ status: Status) {
        var lines: RecordHead?
        if response.status == 206 {
            // A part that nobody asked for is nobody else's.
            if !beginPart(response, bytes) { refuse(notStoredReason ?? .partialContent, status) }
        } else {
            lines = begin(response, bytes, status)
        }
        guard body == .collecting else { return handOver(response, bytes) }
        if partial?.range == nil && answersCondition() { return }
        if !isHeldBack { reader?.fillBegan(response, bytes, lines: lines) }
    }

    /// Whether the client's own condition is answered by the head alone (RFC 9110 §13.1): the reader has what it needs, and
    /// the rest is for the store and for others.
    private func answersCondition() -> Bool {
        guard facts.hasConditions, let reader, let preview = feed.preview,
            request.isNotModified(preview, now: service.instant)
        else { return false }
        letReaderGo()
        reader.fillDelivers(preview, .whole, by: self)
        readersChanged()
        return true
    }

    /// Begins to store the response, if it may be.
    /// - Returns: its head as it is stored, where everybody gets that.
    private func begin(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, _ status: Status) -> RecordHead? {
        guard let entry = request.entry, let policy = entry.policy(for: status, key: keys.plainKey) else { return nil }
        let facts = ResponseFacts(response, bytes, in: service)
        var storage = storageVerdict(request: self.facts, response: facts, policy: policy, requestTime: requestTime)
        if case .store = storage {
            if !entry.storesType(of: response, bytes) { storage = .refuse(.contentType) }
            if tagLine == nil { storage = .refuse(.tagsTooLong) }
        }
        if case .store(let whole, _) = storage, let json = entry.json {
            storage = json.verdict(
                whole, of: response, bytes, forbidsTransformation: facts.forbidsTransformation,
                reads: policy.reads(self.facts.method))
        }
        let verdict = replacementVerdict(
            of: status, hasRetryAfter: response.contains(.retryAfter), storage, stored: superseded?.facts,
            policy: request.policy ?? policy, now: service.instant)
        guard case .store(let storedFacts, let life) = storage, verdict == .replaces else {
            refuse(verdict, status)
            return nil
        }
        isToBeStored = claim.mayStore
        if !isToBeStored { notStoredReason = claim.refusal ?? .storeUnavailable }
        if storedFacts.flags.contains(.bareJSON) {
            let head = RecordHead(ofJSON: response, date: service.date)
            begin(storedFacts, life, head, response, bytes)
            return nil
        }
        let head = recordHead(response, bytes, for: storedFacts)
        begin(storedFacts, life, head, response, bytes)
        return storedFacts.flags.contains(.fieldsRemoved) || entry.removesTags ? nil : head
    }

    /// The head as it is stored.
    func recordHead(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, for facts: StoredFacts) -> RecordHead {
        let head = RecordHead(
            response, bytes, date: service.dateLine(), tags: tagLine ?? [], assembly: &service.assembly)
        // RFC 9111 §5.2.2.4, §5.2.2.7: the named fields reach the client that asked and nobody else.
        return facts.flags.contains(.fieldsRemoved) ? head.withoutNamedFields(of: response, bytes) : head
    }

    func refuse(_ reason: Reason, _ status: Status) {
        refuse(replacementVerdict(of: status, hasRetryAfter: false, refusedFor: reason), status)
    }

    /// It isn't stored, so nobody else is given it either.
    private func refuse(_ verdict: ReplacementVerdict, _ status: Status) {
        switch verdict {
        case .replaces: return
        case .leaves(let reason), .originFailed(let reason): notStoredReason = reason
        case .removes(let reason):
            notStoredReason = reason
            if hadStored { service.cache.invalidate([keys.key], at: service.wallTime) }
        }
        // What a HEAD brings says nothing of a GET.
        if let notStoredReason, notStoredReason != .headResponse {
            service.note(.notStored(status, notStoredReason), of: keys)
        }
        guard isPublished else { return }
        withdraw()
        noteFailedRefresh()
        switch verdict {
        case .replaces: return
        // Who is told to slow down isn't helped by everybody else's coming at once.
        case .originFailed where status.isClientError: feed.refuse(.oneClient)
        case .originFailed:
            // Nor does one client's failure say that others would fail too.
            feed.refuse(feed.isPersonal ? .ownReason : .originFailure(status))
            noteHitForMiss(isShort: true)
        case .leaves(.storeUnavailable):
            feed.refuse(.hitForMiss)
            noteHitForMiss(isShort: true)
        case .leaves(let reason) where reason != .tooLarge && (hadStored || status.isClientError):
            feed.refuse(.oneClient)
        case .leaves(let reason) where reason.isRequestsOwn && !feed.isPersonal: feed.refuse(.ownReason)
        case .leaves where feed.range != nil && status.code == 206:
            // Those that wait for the whole may find that to be for all.
            feed.refuse(.ownReason)
            noteHitForMiss(isShort: false)
        case .leaves, .removes:
            refuseToAll()
        }
    }

    /// What came isn't for others, and what comes next won't be either. Where it came for somebody with credentials, that holds
    /// for those who have some.
    func refuseToAll() {
        feed.refuse(feed.isPersonal ? .ownReason : .hitForMiss)
        noteHitForMiss(isShort: false)
    }
}

// MARK: - Interim responses

// They are the first reader's alone (RFC 9110 §15.2), and nothing keeps them. While its client takes none the origin is read no
// further; but others that wait for the response itself aren't held up by that for long.
extension Fill {
    func receivedInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if interimHold.isBehind && interimHold.skips { return }
        reader?.fillInterim(response, bytes)
        if interimHold.isBehind && !isOver { source?.pause() }
    }

    /// The first reader's client takes nothing for now.
    func readerBlocked() {
        guard !isOver, body == .none, !interimHold.isBehind else { return }
        interimHold.isBehind = true
        if interimHold.skips { return }
        source?.pause()
        if interimHold.timer == nil {
            interimHold.timer = LoopTimer(loop: service.loop) { [weak self] in self?.interimHoldEnded() }
        }
        scheduleHoldEnd()
    }

    private func scheduleHoldEnd() {
        if let limit = service.interimHoldMilliseconds { interimHold.timer?.schedule(afterMilliseconds: limit) }
    }

    /// It has taken everything.
    func readerReady() {
        guard interimHold.isBehind else { return }
        interimHold.isBehind = false
        interimHold.timer?.cancel()
        if body == .none { source?.resume() }
    }

    /// The first reader has left.
    func dropInterimHold() {
        interimHold.timer?.cancel()
        interimHold = InterimHold()
    }

    func interimHoldEnded() {
        guard !isOver, interimHold.isBehind, body == .none else { return }
        guard feed.readers > 1 else {
            return scheduleHoldEnd()
        }
        interimHold.skips = true
        source?.resume()
    }
}
