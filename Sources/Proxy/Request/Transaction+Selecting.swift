// The first steps: which route takes the request, what the cache may do with it (RFC 9111 §3, §4 before the store is asked),
// its key, and the look-up: memory at once, Redis by a round trip, and twice where the resource varies (§4.1).

import Bytes
import CacheStorage
import Clients
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Routing

extension Transaction: StoreReceiver {
    // MARK: Route

    func route() -> Progress {
        let request = self.request!
        if request.hasPassedHere { return refuse(.loop) }
        switch request.head.method {
        // RFC 9110 §9.3.8: TRACE would show a page what the proxies on the way add to its requests.
        case .connect, .trace: return refuse(.methodNotAllowed)
        case .options:
            if request.head.targetForm == .asterisk { return answerOptions() }
            if request.head.contains(.maxForwards), request.head.maxForwards(in: request.bytes) == 0 {
                return answerOptions()
            }
        case .get, .head, .post, .put, .delete, .patch, .query, .other: break
        }
        if let length = request.contentLength, length > runtime.bodyLimit { return refuse(.bodyTooLarge) }
        if explainer == nil {
            request.readScheme()
            if let folder = runtime.configuration.server.acmeFolder,
                let content = ACMEChallenge.content(for: request.head, request.bytes, in: folder)
            {
                return respond(200, content) { $0.append("Content-Type", "application/octet-stream") }
            }
            if let port = request.httpsPort, request.scheme == .http {
                guard let location = HTTPSRedirect.location(of: request, port: port) else { return refuse(.noRoute) }
                // It keeps the method, and is for good (RFC 9110 §15.4.9).
                return respond(308, []) { $0.append("Location", location.span) }
            }
        }
        switch runtime.table.match(request.bytes, host: request.head.authority, path: request.head.path) {
        case .noRoute: return refuse(.noRoute)
        case .refused: return refuse(.invalidPath)
        case .matched(let found):
            let entry = runtime.entries[found.route]
            request.match = found
            request.entry = entry
            if explainer == nil { entry.counters.requests += 1 }
            if let own = entry.ownResponse { return respond(own, found) }
            if entry.forwardedPath != nil, !entry.takesPath(request.head, request.bytes, found) {
                return refuse(.invalidPath)
            }
            if !entry.upgrades.isEmpty, request.head.offersUpgrade(toAnyOf: entry.upgrades, in: request.bytes) {
                request.wantsTunnel = true
                return pass(.routeNotCached)
            }
            return .next(.admit)
        }
    }

    /// RFC 9110 §9.3.7: OPTIONS for the server itself.
    private func answerOptions() -> Progress {
        if let explainer { return explainer.refused(self, .own, status: 204) }
        respond(status: 204, reason: "No Content", detail: Outcome.own.slug) { writer in
            writer.append("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, QUERY")
        }
        return .done
    }

    /// Responds before any route is looked for.
    private func respond(_ status: Int, _ content: [UInt8], fields: (ResponseHeadWriter) -> Void) -> Progress {
        served.outcome = .own
        respond(
            status: status, reason: ReasonPhrase.of(status), detail: Outcome.own.slug, content: content, fields: fields)
        return .done
    }

    /// Responds as the route says, whatever the method.
    private func respond(_ own: OwnResponse, _ match: RouteMatch) -> Progress {
        let request = self.request!
        let bytes = request.bytes
        guard let location = own.location(request.head, bytes, match) else { return refuse(.invalidPath) }
        if let explainer { return explainer.refused(self, .own, status: own.status) }
        served.outcome = .own
        respond(
            status: own.status, reason: ReasonPhrase.of(own.status), detail: Outcome.own.slug, content: own.content,
            hasLength: own.hasLength
        ) { writer in
            own.append(to: writer, location: location)
        }
        return .done
    }

    // MARK: Admit

    func admit() -> Progress {
        guard let entry = request.entry, let policy = entry.policy else { return pass(.routeNotCached) }
        request.noteFacts()
        let isBypassed = if let bypass = entry.bypass { request.meets(bypass) } else { false }
        switch lookupVerdict(request: request.facts, policy: policy) {
        case .lookUp where !isBypassed: break
        case .lookUp, .bypass(.originConditions):
            // The store might have a response and may not give it, and the origin may not be asked (RFC 9111 §5.2.1.7).
            if let refusal = missRefusal(request: request.facts, policy: policy) {
                selection.reason = refusal
                return refuse(.onlyIfCached)
            }
            return pass(isBypassed ? .bypassed : .originConditions)
        case .bypass(let reason): return pass(isBypassed ? .bypassed : reason)
        }
        guard request.hasContent else { return .next(.key) }
        // Content of a GET has no meaning to a key; whoever sends it may get another response than everybody else.
        guard entry.recipe.needsBody(for: request.head.method) else { return pass(.methodNotCached) }
        if let length = request.contentLength, length > UInt64(entry.bodyKeyLimit) { return pass(.tooLarge) }
        return .next(.readKeyedContent)
    }

    /// Goes to the origin past the cache.
    func pass(_ reason: Reason) -> Progress {
        selection.reason = reason
        served.verdict = .bypass
        return .next(.pass)
    }

    // MARK: Content

    /// Reads content until it is complete or longer than a key may be made of; then the request passes by the cache, the
    /// part that was read first.
    func readKeyedContent() -> Progress {
        // What is explained has all of it.
        guard let stream else { return contentProgress() }
        detach()
        activity = .readingContent
        if request.head.expectsContinue { stream.sendContinue() }
        stream.readContent()
        guard case .readingContent = activity else { return .done }
        return contentProgress()
    }

    /// After more content was collected.
    func contentProgress() -> Progress {
        guard isLive, let entry = request.entry else { return .done }
        if request.content.count > entry.bodyKeyLimit {
            activity = .none
            request.collectedIsPrefix = true
            return pass(.tooLarge)
        }
        if let stream, !stream.isContentComplete {
            stream.awaitContent()
            return .wait
        }
        activity = .none
        return .next(.key)
    }

    // MARK: Key

    func composeKey() -> Progress {
        guard request.readsContent() else { return pass(.mutation) }
        selection.keys.compose(request, &fills.composer, fills.searchRules)
        switch fills.composer.fault {
        case .incomplete: return pass(.keyIncomplete)
        case .ambiguous: return pass(.keyAmbiguous)
        case nil: return .next(.lookUp)
        }
    }

    func keepKeyText() {
        if !selection.keys.isTextKept { selection.keys.keepText(fills.composer) }
    }

    func selectVariant(by index: StoredResponse, list: Int = 0) {
        selection.keys.selectVariant(by: index, list: list, request, &fills.composer, &fills.variantText)
    }

    // MARK: Look up

    func lookUp() -> Progress {
        if let found = lookUpInMemory() { return use(found) }
        if let found = lookUpExactly() { return use(found) }
        if let found = lookUpByLanguage() {
            selection.stored = found
            return .next(.decide)
        }
        selection.keys.keepText(fills.composer)
        guard cache.usesRemote else { return lookByNextList() }
        if let found = lookUpUnderWay() { return use(found) }
        detach()
        if selection.keys.list == 0 {
            selection.asked = worker.loop.now
            selection.sight = .unknown
        }
        selection.heard = cache.heard
        let text = selection.keys.text
        let key = selection.keys.key
        let form = request.entry?.recordForm ?? .whole
        switch cache.lookUpInRemote(
            key, keyText: text.span, as: form, now: worker.wallTime, receiver: self, token: number)
        {
        case .hit(let found): return use(found)
        case .miss: return lookByNextList()
        case .pending(let ticket):
            activity = .lookingUp(ticket)
            return .wait
        case .failed(let trouble): return lookUpKept() ?? endLookUp(because: trouble)
        }
    }

    private func lookUpInMemory() -> StoredResponse? {
        let fills = self.fills
        return selection.keys.varyIndex == nil
            ? look(for: fills.composer.text) : look(for: fills.composer.variantText)
    }

    /// What the store has, without a trace there where this is only explained.
    @inline(__always)
    private func look(for keyText: Span<UInt8>) -> StoredResponse? { look(for: keyText, at: selection.keys.key) }

    @inline(__always)
    private func look(for keyText: Span<UInt8>, at key: CacheKey) -> StoredResponse? {
        explainer == nil
            ? cache.lookUpInMemory(key, keyText: keyText, now: worker.wallTime)
            : cache.peekInMemory(key, keyText: keyText, now: worker.wallTime)
    }

    /// What is on its way to the remote store, unless it was invalidated since it was asked for.
    private func lookUpUnderWay() -> StoredResponse? {
        let keys = selection.keys
        let text = keys.text
        let now = worker.wallTime
        guard let found = cache.lookUpUnderWay(keys.key, keyText: text.span, now: now),
            cache.isCurrent(found, key: keys.key, plainKey: keys.plainKey, now: now)
        else { return nil }
        return found
    }

    /// What memory still has although a copy that old isn't used otherwise, where the route prefers that while the remote store
    /// is down.
    private func lookUpKept() -> Progress? {
        guard request.entry?.servesKept == true, cache.isRemoteDown(at: selection.keys.key) else { return nil }
        let text = selection.keys.text
        let found = cache.lookUpKept(
            selection.keys.key, keyText: text.span, now: worker.wallTime, isCounted: explainer == nil)
        guard let found else { return nil }
        selection.isKept = true
        return use(found)
    }

    /// What is stored for this very query although its path has a rule: a failure, say, that came without one. Memory alone
    /// is asked a second time; Redis would cost every miss a round trip.
    private func lookUpExactly() -> StoredResponse? {
        let fills = self.fills
        guard let exact = selection.keys.exact(request, &fills.composer) else { return nil }
        let ruled = selection.keys
        selection.keys = exact
        if let found = look(for: fills.composer.text) {
            selection.keys = ruled
            selection.keys.takeExact(exact, fills.composer)
            return found
        }
        selection.keys = ruled
        selection.keys.composeAgain(request, &fills.composer)
        return nil
    }

    /// A fresh variant in the language that the request prefers to all others, where no variant is stored for its own
    /// Accept-Language. Asks memory alone, as above.
    private func lookUpByLanguage() -> StoredResponse? {
        let (request, fills) = (self.request!, self.fills)
        guard let index = selection.keys.varyIndex, LanguageIndex.covers(index.varyNames), let policy = request.policy,
            let range = request.preferredLanguage
        else { return nil }
        let language = request.bytes.extracting(range).copied()
        let (key, text) = LanguageIndex.entry(
            beside: fills.composer.variantText, plainCount: selection.keys.plainCount,
            language: language.span)
        guard let entry = look(for: text.span, at: key), entry.kind == .varyIndex else { return nil }
        let found = look(for: entry.varyNames, at: CacheKey(MD5Hasher.digest(of: entry.varyNames)))
        guard let found, found.isResponse, selection.keys.isUsable(found),
            case .fresh = reuseVerdict(
                stored: found.facts, request: request.facts, policy: policy, now: worker.instant)
        else { return nil }
        return found
    }

    /// An index leads to the variant's own key; a response is what was looked for.
    private func use(_ found: StoredResponse) -> Progress {
        switch found.kind {
        case .response, .partial:
            if selection.keys.isUsable(found), selection.stored?.isLater(than: found) != true {
                selection.stored = found
                selection.storedList = selection.keys.list
            } else if selection.stored == nil {
                see(StoreSight(of: found))
            }
            return lookByNextList()
        case .varyIndex:
            // An index under a variant's key would be nobody's; it is taken as a miss.
            guard selection.keys.varyIndex == nil else { return lookByNextList() }
            selectVariant(by: found)
            return .next(.lookUp)
        }
    }

    /// Where the responses of a resource vary by several lists of names, one may be stored by each; of those that suit, the
    /// latest is used (RFC 9111 §4).
    private func lookByNextList() -> Progress {
        guard selection.keys.hasOtherLists, let index = selection.keys.varyIndex else { return .next(.decide) }
        if selection.keys.hasMoreLists {
            selectVariant(by: index, list: selection.keys.list + 1)
            return .next(.lookUp)
        }
        return endLookUp()
    }

    /// The key is the one of what was found; of a miss, the one with the most names.
    private func endLookUp(because trouble: StoreTrouble? = nil) -> Progress {
        if let trouble, selection.stored == nil { selection.reason = Reason(trouble) }
        if selection.keys.hasOtherLists, let index = selection.keys.varyIndex {
            selectVariant(by: index, list: selection.stored == nil ? 0 : selection.storedList)
        }
        return .next(.decide)
    }

    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64) {
        guard token == number, isLive else { return }
        activity = .none
        switch go(on: answer) {
        case .next(let step): resume(at: step)
        case .wait, .done: return
        }
    }

    func storeDidBegin(_ record: any ArrivingRecord, token: UInt64) -> ArrivingRecordUse {
        guard token == number, isLive else { return .dropped }
        // What is asked for may need the whole: to be freshened, or to be shown.
        guard explainer == nil, isFresh(record.head) else { return .awaitWhole }
        return deliver(arriving: record)
    }

    /// Whether what the remote store has may be used as it is, and for nothing else than to be delivered.
    private func isFresh(_ head: StoredResponse) -> Bool {
        let (request, keys, now) = (self.request!, selection.keys, worker.instant)
        guard let policy = request.policy, selection.stored == nil, !keys.hasOtherLists, keys.isUsable(head),
            cache.isCurrent(head, key: keys.key, plainKey: keys.plainKey, now: worker.wallTime),
            request.purgeVerdict(on: head, at: keys.selected, in: cache) == .current,
            case .fresh = reuseVerdict(stored: head.facts, request: request.facts, policy: policy, now: now)
        else { return false }
        guard let share = request.entry?.earlyRefresh else { return true }
        return !HTTPCaching.refreshesEarly(stored: head.facts, percentage: share, now: now, random: 0)
    }

    private func missed(_ sight: StoreSight) -> Progress {
        see(sight)
        // It may have been put since the store was asked.
        if let found = lookUpUnderWay() { return use(found) }
        return lookByNextList()
    }

    /// The key of a miss is the one of the first list.
    private func see(_ sight: StoreSight) { if selection.keys.list == 0 { selection.sight = sight } }

    private func go(on answer: consuming StoreAnswer) -> Progress {
        switch answer {
        case .hit(let found):
            let keys = selection.keys
            // An invalidation by this process may be on its way to the store that still hands this out.
            let now = worker.wallTime
            guard cache.isCurrent(found, key: keys.key, plainKey: keys.plainKey, now: now) else {
                see(StoreSight(of: found))
                return lookByNextList()
            }
            if explainer == nil { cache.keepCopy(keys.key, found, of: keys.plainKey, since: selection.heard, now: now) }
            return use(found)
        case .miss: return missed(.nothing)
        case .occupied(let occupant): return missed(.occupied(occupant))
        case .failed(let trouble): return lookUpKept() ?? endLookUp(because: trouble)
        }
    }
}

extension StoredResponse {
    /// Of two responses that suit a request, the one with the later `Date`, and of one second, the one that arrived later.
    fileprivate func isLater(than other: StoredResponse) -> Bool {
        facts.date == other.facts.date
            ? facts.responseTime > other.facts.responseTime : facts.date > other.facts.date
    }
}
