// What becomes of a request now that the store was asked (RFC 9111 §4): the stored response is used, validated or completed, or
// the origin is asked, and then whether another request is asking it for the same thing already.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

extension Transaction {
    // MARK: Decide

    func decide() -> Progress {
        guard let policy = request.policy else { preconditionFailure("only a caching route looks up") }
        // What another look-up found parts of is not what this one found.
        if selection.partial != nil { selection.partial = nil }
        guard let stored = selection.stored else {
            if let made = fromOtherCoding() {
                selection.stored = made
                return .next(.decide)
            }
            return miss(selection.reason ?? (selection.keys.varyIndex == nil ? .notStored : .variantNotStored), policy)
        }
        switch request.purgeVerdict(on: stored, at: selection.keys.selected, in: cache) {
        case .current: break
        case .soft:
            keepKeyText()
            selection.stored = fills.becomeStale(stored, for: request, selection.keys, isKept: explainer == nil)
            selection.reason = .purged
            return .next(.decide)
        case .hard:
            keepKeyText()
            // What it is purged by is remembered, so its key need not be.
            if explainer == nil { cache.delete([selection.keys.key]) }
            selection.stored = nil
            selection.sight = .nothing
            selection.reason = .purged
            return .next(.decide)
        }
        if stored.isPartial { return decidePartial(stored, policy) }
        let verdict = reuseVerdict(
            stored: stored.facts, request: request.facts, policy: policy, now: worker.instant)
        if case .fresh = verdict {} else { keepKeyText() }
        switch verdict {
        case .fresh:
            guard !selection.isKept else { return deliverKept() }
            served.verdict = .hit
            if let share = request.entry?.earlyRefresh, refreshesEarly(stored, share) {
                refreshInBackground(stored, because: .earlyRefresh)
            }
            return .next(.deliver)
        case .stale(_, _, let reason):
            if let made = fromOtherCoding() {
                selection.stored = made
                return .next(.decide)
            }
            selection.reason = reason
            served.verdict = .stale
            if reason == .staleWhileRevalidate { refreshInBackground(stored, because: .stale) }
            return .next(.deliver)
        case .validate(let reason, _, let fallback):
            if reason == .stale || reason == .mustRevalidate, let made = fromOtherCoding() {
                selection.stored = made
                return .next(.decide)
            }
            if reason == .stale, request.entry?.servesKept == true, cache.isRemoteDown(at: selection.keys.key),
                policy.reads(request.head.method)
            {
                return deliverKept()
            }
            selection.reason = reason
            selection.fallback = fallback
            selection.isValidating = mayValidate(stored)
            served.verdict = .miss
            // What this client alone wants to be certain of is asked for this client alone; so is what every request has
            // to ask for.
            let isForAll = reason == .stale || reason == .mustRevalidate || reason == .purged
            return .next(isForAll ? fetching : .fill)
        case .bypass(let reason): return pass(reason)
        case .refuse(let reason):
            selection.reason = reason
            return refuse(.onlyIfCached)
        }
    }

    /// What is stored serves although it is stale, or older than copies may be: the remote store is down, and the route says
    /// so.
    private func deliverKept() -> Progress {
        selection.reason = .keptWhileStoreDown
        served.verdict = .stale
        return .next(.deliver)
    }

    /// What the request asks for, from the same response in another coding, where that is fresh.
    private func fromOtherCoding() -> StoredResponse? {
        guard request.entry?.compression != nil, selection.keys.isTextKept else { return nil }
        return fills.responseFromOtherCoding(for: request, selection.keys, makes: explainer == nil) {
            request.purgeVerdict(on: $0, at: selection.keys.selected, in: cache) == .current
        }
    }

    /// Nothing stored answers the request.
    private func miss(_ reason: Reason, _ policy: RoutePolicy, isForAll: Bool = true) -> Progress {
        if let refusal = missRefusal(request: request.facts, policy: policy) {
            selection.reason = refusal
            return refuse(.onlyIfCached)
        }
        selection.reason = reason
        served.verdict = .miss
        return .next(isForAll ? fetching : .fill)
    }

    /// How it goes to the origin: together with others that ask for the same, or by itself.
    private var fetching: Step {
        guard let entry = request.entry, let policy = entry.policy else { return .fill }
        let facts = request.facts
        // A POST runs, and a stream is each subscriber's own.
        guard policy.reads(facts.method), !request.wantsEvents else { return .fill }
        // What a request with credentials brings is likely its own where the route alone gives lifetimes, and what others
        // bring isn't for it; unless the origin has said otherwise before.
        guard facts.hasCredentials, entry.givesLifetime else { return .join }
        return selection.stored?.facts.flags.contains(.sharedByOrigin) == true ? .join : .fill
    }

    /// RFC 9110 §13.1.2: to a condition on a POST an origin responds 412.
    private func mayValidate(_ stored: StoredResponse) -> Bool {
        stored.facts.hasValidator && request.head.method != .post
    }

    /// As the end of a lifetime comes near, a growing share of requests has it refreshed.
    private func refreshesEarly(_ stored: StoredResponse, _ percentage: UInt8) -> Bool {
        HTTPCaching.refreshesEarly(
            stored: stored.facts, percentage: percentage, now: worker.instant,
            random: explainer == nil ? worker.random() : 0)
    }

    /// Fetches what is stored anew (RFC 5861 §3), once the present request is answered; nothing if somebody does already.
    private func refreshInBackground(_ stored: StoredResponse, because reason: Reason) {
        guard request.head.method != .head, !request.collectedIsPrefix,
            request.policy?.reads(request.head.method) == true
        else { return }
        if let explainer { return explainer.noteRefresh(reason) }
        let fills = self.fills
        guard fills.refreshing < FillService.refreshLimit else {
            fills.counters.refreshesSkipped += 1
            return
        }
        keepKeyText()
        let feed = fills.table.beginRefresh(
            selection.keys.key, now: worker.loop.now, asked: selection.asked, known: stored,
            make: { fills.newFeed(selection.keys) })
        guard let feed, !isRefreshed(stored, feed) else { return }
        detach()
        // Who asks is of no matter: nobody's credentials are sent, but for those that the key or the variant is made of, and
        // those that the route takes for nothing of the kind.
        var facts = RequestFacts(method: request.facts.method)
        var basis = selection
        if let credentials = request.entry?.recipe.credentials {
            let withheld = credentials.without(namesIn: stored.varyNames)
            if request.facts.hasAuthorization, !withheld.known.contains(.authorization) {
                facts.note(.authorization, Span())
            }
            if request.facts.hasCredentials, !withheld.covers(credentials) { facts.noteCredentials() }
            basis.keys.withheld = withheld
        }
        basis.isValidating = mayValidate(stored)
        basis.fallback = []
        basis.partial = nil
        let fill = Fill(fills, feed: feed, isPublished: true, purpose: .refresh, request, facts, basis, reader: nil)
        fills.counters.refreshes += 1
        worker.loop.atEndOfTurn { if !fill.isOver { fill.start() } }
    }

    /// Whether another refresh has ended since this request looked: memory has what it brought, for those too that found this
    /// feed meanwhile.
    private func isRefreshed(_ stored: StoredResponse, _ feed: FillFeed) -> Bool {
        let text = selection.keys.text
        let found = cache.peekInMemory(feed.key, keyText: text.span, now: worker.wallTime)
        guard let found, found.id != stored.id, found.isResponse else { return false }
        fills.table.remove(feed, under: feed.key)
        feed.complete(with: found)
        return true
    }

    // MARK: Parts

    /// What is stored is a part of the response only: what it is good for.
    private func decidePartial(_ record: StoredResponse, _ policy: RoutePolicy) -> Progress {
        let request = self.request!
        selection.stored = nil
        keepKeyText()
        guard let known = PartialResponse(record) else { return missPart(.notStored, policy) }
        selection.partial = PartialFetch(known: known)
        switch reuseVerdict(stored: record.facts, request: request.facts, policy: policy, now: worker.instant) {
        case .fresh: break
        case .bypass(let reason): return pass(reason)
        case .refuse(let reason):
            selection.reason = reason
            return refuse(.onlyIfCached)
        case .stale, .validate: return missPart(.stale, policy)
        }
        guard request.head.method == .get else { return missPart(.rangeNotStored, policy) }
        if request.facts.hasConditions && request.isNotModified(record, now: worker.instant) {
            selection.stored = record
            served.verdict = .hit
            return .next(.deliver)
        }
        var range = RangeRequest.ignored
        if let value = request.rangeThatCounts(for: record) {
            range = RangeRequest(field: request.bytes.extracting(value))
        }
        switch known.reuse(for: range) {
        case .answer(let range):
            served.verdict = .hit
            if isExplained(record) { return .done }
            return deliverKnown(known, range) ? .done : missPart(.rangeNotStored, policy)
        case .fetch(let missing, let toAnswer):
            selection.partial?.missing = missing
            selection.partial?.toAnswer = toAnswer
            return missPart(.rangeNotStored, policy)
        case .fetchAsAsked: return missPart(.rangeNotStored, policy)
        case .unsatisfiable:
            served.verdict = .hit
            if isExplained(record) { return .done }
            deliverUnsatisfiable(record, length: known.completeLength ?? 0)
            return .done
        }
    }

    private func missPart(_ reason: Reason, _ policy: RoutePolicy) -> Progress {
        // What is missing of a range of which some is there is this request's own question.
        let isShared = selection.partial.map { $0.missing == nil || $0.completes } ?? true
        return miss(reason, policy, isForAll: isShared)
    }

    /// For a step that would respond with a record right away: whether it was explained instead.
    private func isExplained(_ record: StoredResponse) -> Bool {
        guard let explainer else { return false }
        selection.stored = record
        explainer.end(self, before: .deliver)
        return true
    }

    // MARK: Join

    /// After so many fills that brought nothing for it a request waits for no other.
    static let mostWaits = 3

    func join() -> Progress {
        keepKeyText()
        guard let entry = request.entry, entry.collapseMilliseconds > 0, reading.waits < Self.mostWaits else {
            return .next(.fill)
        }
        if case .occupied(let occupant) = selection.sight, occupant.kind == .hitForMiss {
            // So another process has learned.
            served.isCollapsed = false
            served.aloneReason = .unshared
            return .next(.fill)
        }
        let fills = self.fills
        switch fills.join(
            request, selection, isBehind: reading.isBehind, worker: worker.index, mailbox: fills.mailbox)
        {
        case .alone(let isHitForMiss):
            if isHitForMiss {
                served.isCollapsed = false
                served.aloneReason = .unshared
            }
            return .next(.fill)
        case .begin(let feed): return beginUnlessStored(feed)
        case .lookAgain:
            // Its write ended after the store was asked, and before that replied. A store that fails at once says so again and
            // again within the same millisecond: that is no reason to look for ever.
            reading.waits += 1
            selection.reset()
            return .next(.key)
        case .read(let feed, let reader):
            if let found = completed(feed) {
                feed.leave(reader, tellsFill: true)
                selection.stored = found
                selection.reason = nil
                return .next(.decide)
            }
            reading.waits += 1
            reading.isWaitingForPart = false
            detach()
            activity = .waiting(feed, reader)
            worker.startReading(feed, self)
            stream?.wait(atMostMilliseconds: entry.collapseMilliseconds)
            feedMoved(feed)
            return .wait
        }
    }

    /// What a fill has brought that is complete: for whoever asks from then on it is what is stored, though the stores may not
    /// have it yet.
    private func completed(_ feed: FillFeed) -> StoredResponse? {
        guard case .head(let head, isWhole: true) = feed.news, head.response.isResponse, head.part == nil,
            let policy = request.policy, cache.knowsPurges(at: worker.wallTime),
            head.key == selection.keys.key, selection.keys.isUsable(head.response),
            request.purgeVerdict(on: head.response, at: selection.keys.selected, in: cache) == .current,
            case .fresh = reuseVerdict(
                stored: head.response.facts, request: request.facts, policy: policy, now: worker.instant)
        else { return nil }
        return head.response
    }

    /// Another worker's fill may have been stored since this one looked.
    private func beginUnlessStored(_ feed: FillFeed) -> Progress {
        let keys = selection.keys
        let text = keys.text
        let found = cache.lookUpInMemory(keys.key, keyText: text.span, now: worker.wallTime)
        // One that was purged is what this request has found already, whatever it has made of it.
        guard let found, keys.isUsable(found), request.purgeVerdict(on: found, at: keys.selected, in: cache) == .current
        else {
            begin(feed, isPublished: true)
            return .wait
        }
        let isOther = found.id != selection.stored?.id && found.id != selection.partial?.known?.record.id
        let isPart = request.facts.hasRange && PartialResponse(found) != nil
        if isOther && (found.isResponse || isPart) {
            fills.table.remove(feed, under: feed.key)
            // A part may not be what others wait for.
            if isPart { feed.abandon() } else { feed.complete(with: found) }
            selection.stored = found
            selection.reason = nil
            return .next(.decide)
        }
        begin(feed, isPublished: true)
        return .wait
    }

    /// Another process has stored something that this request may have, which has waited for that with a fill of its own.
    func fillLooksAgain() {
        guard case .filling(let fill) = activity else { return }
        endReading(of: fill)
        reading.waits += 1
        lookAgain()
    }

    /// What there was when the request looked has changed since.
    func lookAgain() {
        stream?.awaitNothing()
        selection.reset()
        // Nothing of what follows was forwarded.
        served.reset()
        resume(at: .key)
    }

    // MARK: Fill

    /// Fetches for the store, and for nobody else.
    func beginFill() -> Progress {
        keepKeyText()
        begin(fills.newFeed(selection.keys, isPersonal: FillService.isPersonal(request)), isPublished: false)
        return .wait
    }

    private func begin(_ feed: FillFeed, isPublished: Bool) {
        guard request.entry != nil else { preconditionFailure("a request has its route before its fill") }
        detach()
        served.forward = selection.reason?.forward ?? .miss
        let fill = Fill(
            fills, feed: feed, isPublished: isPublished, purpose: .request, request, request.facts, selection,
            reader: self)
        fill.claim.isPastWaiting = reading.isPastWaiting
        fill.isExpectedToBeStored = served.isCollapsed != false && fetching == .join
        activity = .filling(fill)
        stream?.awaitNothing()
        fill.start()
    }
}

extension CredentialFields {
    /// Without those that a response varies by.
    fileprivate func without(namesIn varyNames: Span<UInt8>) -> CredentialFields {
        var rest = self
        var names = VaryNames()
        while let member = names.next(in: varyNames) {
            if case .name(let range) = member { rest = rest.without(varyNames.extracting(range)) }
        }
        return rest
    }
}
