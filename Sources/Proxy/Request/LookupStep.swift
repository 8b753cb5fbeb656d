// Asking the store: memory at once, Redis by a round trip, and twice where the resource varies (RFC 9111 §4.1).

import CacheStorage
import HTTPCaching
import HTTPWire

extension Transaction: StoreReceiver {
    func lookUp() -> Progress {
        let worker = self.worker
        let now = worker.wallTime
        if let found = marker == nil
            ? lookInMemory(for: worker.composer.text, now) : lookInMemory(for: worker.composer.variantText, now)
        {
            return use(found)
        }
        if search != nil, let found = exactMatch(now: now) { return use(found) }
        keepKeyText()
        guard worker.cache.usesRemote else { return .next(.decide) }
        detach()
        asked = worker.loop.now
        switch worker.cache.lookUpInRemote(key, keyText: keyText.span, now: now, receiver: self, token: number) {
        case .pending(let ticket):
            lookupTicket = ticket
            return .wait
        case .hit(let found): return use(found)
        case .miss: return .next(.decide)
        case .failed(let trouble):
            reason = trouble == .commandTimedOut ? .storeTimedOut : .storeUnavailable
            return .next(.decide)
        }
    }

    /// The composer's text is the next request's soon; what follows a miss needs it longer.
    func keepKeyText() {
        let worker = self.worker
        isKeyTextKept = true
        keyText.removeAll()
        if marker == nil {
            keyText.append(worker.composer.text)
        } else {
            keyText.append(worker.composer.variantText)
        }
    }

    /// A marker leads to the variant's own key; a response is what was looked for.
    private func use(_ found: StoredResponse) -> Progress {
        if found.kind != .varyMarker && !isUsable(found) { return .next(.decide) }
        switch found.kind {
        case .response:
            stored = found
            return .next(.decide)
        case .partial:
            stored = found
            return .next(.decide)
        case .varyMarker:
            // A marker under a variant's key would be nobody's; it is taken as a miss.
            guard marker == nil else { return .next(.decide) }
            composeVariantKey(found)
            return .next(.lookUp)
        }
    }

    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64) {
        guard token == number, isLive else { return }
        lookupTicket = nil
        switch answer {
        case .hit(let found) where !worker.cache.isCurrent(found, key: key, plainKey: plainKey):
            // An invalidation by this process is on its way to the store that still hands this out.
            resume(at: .decide)
        case .hit(let found):
            if explainer == nil { worker.cache.keepCopy(key, found, now: worker.wallTime) }
            switch use(found) {
            case .next(let step): resume(at: step)
            case .wait, .done: return
            }
        case .miss: resume(at: .decide)
        case .failed(let trouble):
            reason = trouble == .commandTimedOut ? .storeTimedOut : .storeUnavailable
            resume(at: .decide)
        }
    }

    /// RFC 9111 §4: reuse what is stored, validate it, or fetch.
    func decide() -> Progress {
        guard let policy = entry?.policy else { preconditionFailure("only a caching route looks up") }
        // What another lookup found parts of is not what this one found.
        if partial != nil { partial = nil }
        guard let stored else {
            if let refusal = missRefusal(request: facts, policy: policy) {
                reason = refusal
                return refuse(.onlyIfCached)
            }
            reason = reason ?? (marker == nil ? .notStored : .variantNotStored)
            verdict = .miss
            return .next(.join)
        }
        if isInvalidatedWithGroup(stored) {
            if explainer == nil { worker.cache.invalidate([key], at: worker.wallTime) }
            self.stored = nil
            reason = .purged
            return .next(.decide)
        }
        if stored.kind == .partial { return decidePartial(stored) }
        let verdictOfStored = reuseVerdict(stored: stored.facts, request: facts, policy: policy, now: worker.instant)
        if case .fresh = verdictOfStored {} else if !isKeyTextKept { keepKeyText() }
        switch verdictOfStored {
        case .fresh:
            verdict = .hit
            if let share = entry?.earlyRefresh, refreshesEarly(stored, share) {
                refreshInBackground(because: .earlyRefresh)
            }
            return .next(.deliver)
        case .stale(_, _, let reason):
            self.reason = reason
            verdict = .stale
            if reason == .staleWhileRevalidate { refreshInBackground(because: .stale) }
            return .next(.deliver)
        case .validate(let reason, _, let fallback):
            return validate(stored, because: reason, fallback: fallback)
        case .bypass(let reason): return pass(reason)
        case .refuse(let reason):
            self.reason = reason
            return refuse(.onlyIfCached)
        }
    }

    /// Asks the origin about what is stored, or for the whole where it has no validator.
    private func validate(_ stored: StoredResponse, because reason: Reason, fallback: StaleFallback) -> Progress {
        self.reason = reason
        self.fallback = fallback
        verdict = .miss
        isValidating = stored.facts.hasValidator
        // What this client alone wants to be certain of is asked for this client alone; so is what every request has to
        // ask for.
        let isForAll = reason == .stale || reason == .mustRevalidate || reason == .purged
        return .next(isForAll ? .join : .fetch)
    }

    /// As the end of a lifetime comes near, a growing share of requests has it renewed.
    private func refreshesEarly(_ stored: StoredResponse, _ percentage: UInt8) -> Bool {
        HTTPCaching.refreshesEarly(
            stored: stored.facts, percentage: percentage, now: worker.instant,
            random: explainer == nil ? worker.random() : 0)
    }
}
