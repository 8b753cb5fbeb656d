// How a response enters the store (RFC 9111 §3): under the key that its own Vary and No-Vary-Search say (§4.1), with the index
// that leads to a variant, and not at all if what it is about was invalidated since it was asked for.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Fill {
    /// Begins the record of a response that may be stored.
    /// - Parameters:
    ///   - head: as it is stored.
    ///   - joined: the head of the whole that a part becomes one with; nil where the response stands by itself.
    func begin(
        _ facts: StoredFacts, _ life: Seconds, _ head: RecordHead, _ response: borrowing ResponseHead,
        _ bytes: Span<UInt8>, joined: [UInt8]? = nil
    ) {
        var facts = facts
        if let source { facts.flags.formUnion(source.marks) }
        if request.entry?.tags.isEmpty == false { facts.flags.insert(.tagged) }
        settleSearchRule(response, bytes)
        let isJSON = facts.flags.contains(.bareJSON)
        var discardAt = service.wallTime.advanced(byMilliseconds: life.count * 1000)
        // What is left of its life will tell when it was asked for.
        if let json = request.entry?.json, isJSON {
            let asked = WallTime(milliseconds: requestTime.milliseconds)
            discardAt = min(discardAt, asked.advanced(byMilliseconds: json.longest.milliseconds))
        }
        let names =
            if isJSON { [UInt8]() } else if let joined { Self.varyNames(ofStored: joined.span) } else {
                Self.varyNames(response, bytes)
            }
        var index: StoredResponse?
        guard settleVariant(names, discardAt: discardAt, facts, &index) else {
            return refuse(.storeUnavailable, facts.status)
        }
        #if LARDER_BREAKABLE_RULES
            let fence = BreakableRule.position.isBroken ? service.cache.moment.fence : began.fence
        #else
            let fence = began.fence
        #endif
        let description = RecordDescription(
            id: service.newIdentifier(), status: facts.status.code, discardAt: discardAt, facts: facts,
            etag: head.etag, lastModified: head.lastModified, headHasContentLength: head.hasContentLength,
            fence: fence, url: request.urlDigest)
        var length: Int?
        switch response.contentSize {
        case .none: length = 0
        case .known(let declared): length = Int(clamping: declared)
        // A part says by its place how long it is.
        case .unknown: length = partial?.range?.count
        }
        let keyText = keys.text
        let lines = head.lines
        let limit = isJSON ? min(service.cache.objectLimit, JSONEntry.limit) : service.cache.objectLimit
        do throws(StoredResponseBuilder.Refusal) {
            let builder = try StoredResponseBuilder(
                description, keyText: keyText.span, varyNames: names.span, head: lines.span, length: length,
                objectLimit: limit, budget: service.budget)
            collect(into: builder, facts, varyIndex: index, length: length)
        } catch {
            isToBeStored = false
            service.counters.storeRefused += 1
            refuse(error.reason, facts.status)
            if error.isMemory { service.note(.outOfMemory(facts.status), of: keys) }
        }
    }

    /// From here on the body is kept whole. Others may read along, if they may be given it.
    private func collect(
        into builder: StoredResponseBuilder, _ facts: StoredFacts, varyIndex: StoredResponse?, length: Int?
    ) {
        let table = service.table
        body = .collecting
        if leftAt != nil { leftAt = service.loop.now }
        guard isPublished else {
            feed.begin(nil, builder: builder)
            if isForOthers(facts) {
                table.forgetHitForMiss(keys.plainKey)
                if keys.key != keys.plainKey { table.forgetHitForMiss(keys.key) }
            }
            return
        }
        guard isForOthers(facts) else {
            feed.begin(nil, builder: builder)
            withdraw()
            refuseToAll()
            return
        }
        if partial?.missing != nil {
            // What arrives is a part of what others wait for: they get the whole.
            return feed.begin(nil, builder: builder)
        }
        var place = FillPlace(key: keys.key, varyIndex: varyIndex, length: length)
        if let range = partial?.range {
            let part = ContentPart(range: range, completeLength: partial?.completeLength, asked: feed.range)
            if !part.isWhole {
                // Before anybody looks: who waits for the whole goes on, and doesn't find it again.
                place.part = part
                if keys.key != feed.key { feed.isAbout(keys.text) }
                table.narrow(feed, under: keys.key == feed.key ? [feed.key] : [feed.key, keys.key])
                return feed.begin(place, builder: builder)
            }
        }
        feed.begin(place, builder: builder)
        if feed.range != nil { table.widen(feed) }
        if keys.key != feed.key { table.add(feed, under: keys.key, keyText: keys.text) }
    }

    /// What the fill was to bring for all isn't for others.
    func noteHitForMiss(isShort: Bool) {
        // What is stored all the same, such as what has to be validated before each use, stands there before long.
        let isStored = body == .collecting && isToBeStored
        if !isStored && feed.scopeOfVerdict == .whole {
            claim.release(hitForMiss: FillTable.milliseconds(isShort: isShort))
        }
        service.table.noteHitForMiss(feed.key, of: feed.scopeOfVerdict, now: service.loop.now, isShort: isShort)
    }

    /// Whether a plain request may be answered with it as it stands.
    private func isForOthers(_ facts: StoredFacts) -> Bool {
        guard let policy = request.policy else { return false }
        let plain = RequestFacts(method: self.facts.method)
        switch reuseVerdict(stored: facts, request: plain, policy: policy, now: service.instant) {
        case .fresh, .stale: return true
        case .validate, .bypass, .refuse: return false
        }
    }

    private func settleSearchRule(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        // What it was asked for under is invalidated already: it isn't stored, under this key or another.
        if service.cache.overtook(keys.plainKey, since: began) { return }
        keys.settleSearchRule(
            request, response, bytes, &service.composer, service.searchRules, requestTime: requestTime,
            now: service.instant)
        claim.follow(keys.key)
    }

    // MARK: Variants

    /// The names of all Vary lines, as one list of a vary index.
    static func varyNames(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8] {
        var names: [[UInt8]] = []
        for field in response.fields where field.known == .vary {
            appendNames(of: bytes.extracting(field.value), to: &names)
        }
        return VaryLists.list(of: names)
    }

    /// The same of a head as it is stored.
    static func varyNames(ofStored head: Span<UInt8>) -> [UInt8] {
        var names: [[UInt8]] = []
        StoredHead.forEachLine(of: head) { name, line in
            if FieldName.recognise(name) == .vary { appendNames(of: StoredHead.value(of: line), to: &names) }
        }
        return VaryLists.list(of: names)
    }

    private static func appendNames(of value: Span<UInt8>, to names: inout [[UInt8]]) {
        var walker = VaryNames()
        while let member = walker.next(in: value) {
            if case .name(let range) = member { names.append(value.extracting(range).copied()) }
        }
    }

    /// Settles the key of a response by the names of its Vary: the plain one, or that of the variant which this request's
    /// own fields select (RFC 9111 §4.1).
    /// - Parameter index: what leads to the variant from now on.
    /// - Returns: whether it can be found by that key.
    func settleVariant(
        _ names: [UInt8], discardAt: WallTime, _ facts: StoredFacts, _ index: inout StoredResponse?
    ) -> Bool {
        if names.isEmpty {
            index = nil
            keys.dropVariant()
            // What led to the variant gives way to the response.
            claim.follow(keys.key, over: keys.varyIndex.map { .record($0.mark) })
            return true
        }
        let settled = isOvertaken ? nil : varyIndex(names: names, discardAt: discardAt, facts: facts)
        index = settled?.index
        guard let settled, let index else { return false }
        let lists = index.varyNames
        let list = VaryLists.range(of: VaryLists.place(of: names.span, in: lists) ?? 0, in: lists)
        keys.selectVariant(
            names: lists.extracting(list), generation: index.id, request, &service.composer, &service.variantText)
        service.cache.noteVariant(keys.key, of: index.id, limit: request.runtime.configuration.limits.variants)
        keys.keepVariantText(service.composer)
        // Where the index is new, who finds it sees that the variant is being fetched: the placeholder goes first.
        let spent = settled.isNew ? claim.spend(on: index, at: keys.plainKey) : nil
        claim.follow(keys.key)
        if settled.isNew { put(index, over: settled.replaced ?? spent) }
        return true
    }

    /// - Parameter fence: what has to stand at the plain key. Without any, who might find it by it is given nothing.
    private func put(_ index: StoredResponse, over fence: StoreFence?) {
        guard fence != nil || !service.cache.usesRemote else { return }
        service.cache.put(keys.plainKey, index, since: began, over: fence, now: service.wallTime)
    }

    /// The index at the plain key, with these names among its lists and a life that covers the new variant: the one that is
    /// there, if its lists and the new one contain each other, else one of a new generation.
    private func varyIndex(
        names: [UInt8], discardAt: WallTime, facts: StoredFacts
    ) -> (index: StoredResponse, isNew: Bool, replaced: StoreFence?)? {
        let plain = Array(keys.plainText)
        var (generation, lists, until) = (service.newIdentifier(), names, discardAt)
        var replaced: StoreFence?
        // Nothing but this fill's own may stand where its placeholder does.
        if !claim.isHeld(at: keys.plainKey), let known = currentIndex(plain) {
            replaced = .record(known.mark)
            if let all = VaryLists.adding(names.span, to: known.varyNames) {
                if known.discardAt >= discardAt && known.varyNames.isSame(as: all.span) { return (known, false, nil) }
                (generation, lists, until) = (known.id, all, max(known.discardAt, discardAt))
            }
        }
        guard
            let made = StoredResponse.varyIndex(
                generation: generation, discardAt: until, facts: facts, keyText: plain.span, names: lists.span)
        else { return nil }
        return (made, true, replaced)
    }

    /// The index that another request put there while this one was fetching, since a second one would cut off its variants;
    /// else the one that led here, unless what it leads to was invalidated since.
    private func currentIndex(_ plainText: [UInt8]) -> StoredResponse? {
        let now = service.wallTime
        if let found = service.cache.peekInMemory(keys.plainKey, keyText: plainText.span, now: now) {
            return found.kind == .varyIndex ? found : nil
        }
        guard let known = keys.varyIndex,
            service.cache.isCurrent(known, key: keys.plainKey, plainKey: keys.plainKey, now: now)
        else { return nil }
        return known
    }

    /// An index lives as long as the longest of its variants.
    func prolong(_ index: StoredResponse, until discardAt: WallTime) {
        guard index.discardAt < discardAt else { return }
        let longer = StoredResponse.varyIndex(
            generation: index.id, discardAt: discardAt, facts: index.facts, keyText: index.keyText,
            names: index.varyNames)
        if let longer {
            service.cache.put(
                keys.plainKey, longer, since: began, over: .record(index.mark), now: service.wallTime)
        }
    }

    // MARK: Putting

    /// The complete response enters the store, unless what it is about was invalidated since it was asked for.
    /// - Parameters:
    ///   - old: where the part was that it has been joined with.
    ///   - token: let go of once the store has it, or doesn't get it.
    func keep(_ response: StoredResponse, movedFrom old: CacheKey?, holding token: AnyObject?) {
        guard !isOvertaken, request.purgeVerdict(on: response, at: keys.selected, in: service.cache) != .hard else {
            service.counters.storeRefused += 1
            service.note(.invalidated(status), of: keys)
            return
        }
        if response.facts.flags.contains(.bareJSON), !JSONEntry.mayBeJSON(response.body) {
            service.note(.notStored(status, .jsonContent), of: keys)
            return
        }
        service.note(.stored(status), of: keys)
        service.counters.stored += 1
        service.counters.storedBytes += response.bodyCount
        request.entry?.counters.stores += 1
        defer { claim.spend() }
        if service.cache.usesRemote && claim.fence == nil && !claim.storesAlone {
            service.cache.keepCopyAlone(
                keys.key, response, of: keys.plainKey, since: began, now: service.wallTime)
            return
        }
        service.cache.move(
            response, from: old ?? keys.key, to: keys.key, plainKey: keys.plainKey, since: began,
            over: claim.fence?.fence, foundUntil: foundUntil, now: service.wallTime, holding: token)
        LanguageIndex.note(response, under: keys, service.cache)
        if let superseded, request.entry?.compression != nil, FillService.isAnotherVersion(response, than: superseded) {
            service.deleteOtherCodings(of: request, keys)
        }
    }

    /// See ``AdmittedRequest/tagLine(in:)``.
    var tagLine: [UInt8]? { request.tagLine(in: &service.assembly) }

    /// Until when what it brings may be taken for current without a look at the remote store.
    var foundUntil: WallTime {
        guard service.cache.usesRemote, let confirmed = feed.fence.confirmed else { return .never }
        let left = FillService.grace(of: request) - service.loop.now.milliseconds(since: confirmed)
        return service.wallTime.advanced(byMilliseconds: left)
    }

    /// Variants go with their plain key.
    var isOvertaken: Bool {
        service.cache.overtook(keys.key, plainKey: keys.plainKey, since: began)
    }

    /// Until a slow store has what the fill brought, those that ask there find it with the fill.
    /// - Returns: to be let go of when it has.
    func noteCompleted() -> AnyObject? {
        guard isPublished, service.cache.usesRemote else { return nil }
        let found = keys.key == feed.key ? [keys.key] : [feed.key, keys.key]
        return service.table.complete(feed, under: found, at: service.loop.now)
    }

    /// Stores the complete response to a POST under the key of a GET too (RFC 9110 §9.3.3).
    func keepForGet(_ whole: StoredResponse, _ record: GetRecord) {
        guard whole.isResponse, let get = KeySelection.ofGet(request, &service.composer) else { return }
        var description = whole.description
        description.facts = record.facts
        description.fence = record.since.fence
        description.id = service.newIdentifier()
        description.discardAt = service.wallTime.advanced(byMilliseconds: record.life.count * 1000)
        let text = get.text
        guard !service.cache.overtook(get.plainKey, since: record.since),
            let copy = StoredResponse.response(
                description, keyText: text.span, varyNames: Span(), head: whole.head, body: whole.body)
        else { return }
        let fence = claim.spendForGet(get.plainKey)
        guard fence != nil || !service.cache.usesRemote else { return }
        service.cache.put(get.plainKey, copy, since: record.since, over: fence, now: service.wallTime)
    }
}

extension StoredResponseBuilder.Refusal {
    /// The memory for responses under way is used up.
    var isMemory: Bool { self == .budgetExhausted || self == .outOfMemory }

    /// Why it isn't stored.
    var reason: Reason {
        switch self {
        case .tooLarge: .tooLarge
        case .wrongLength: .incomplete
        case .budgetExhausted, .outOfMemory: .storeUnavailable
        }
    }
}
