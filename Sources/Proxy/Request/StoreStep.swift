// Storing what was fetched (RFC 9111 §3), with the marker that leads to it where the resource varies (§4.1), renewing
// what a 304 confirmed (§4.3.4), and invalidating what an unsafe request changed (§4.4).

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Transaction {
    /// What came of a 304 to our own condition.
    enum Renewal {
        /// The stored response is renewed and on its way to the client.
        case deliver
        /// The 304 is the answer to the client's own condition, or of no use.
        case leave
    }

    /// Builds the client's head in the worker's scratch buffer and, where the response may be stored, the record's
    /// beginning from the same bytes.
    func considerStoring(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard let entry, let policy = entry.policy(for: Status(response.status)) else { return }
        let facts = ResponseFacts(response, bytes, at: worker.instant)
        let record = RecordHead(response, bytes, worker: worker)
        storedHeadHasLength = record.hasContentLength
        switch storageVerdict(request: self.facts, response: facts, policy: policy, requestTime: fetchBegan) {
        case .refuse(let reason): refuseStoring(reason, facts.status)
        case .store(let storedFacts, let life):
            guard entry.storesType(of: response, bytes) else { return refuseStoring(.contentType, facts.status) }
            isToBeStored = worker.cache.canStore
            if !isToBeStored { notStoredReason = .storeUnavailable }
            begin(storedFacts, life, record, response, bytes)
        }
    }

    /// Begins a record whose head stands in the worker's scratch buffer, where it stays for the client.
    func begin(
        _ facts: StoredFacts, _ life: Seconds, _ record: RecordHead, _ response: borrowing ResponseHead,
        _ bytes: Span<UInt8>
    ) {
        let worker = self.worker
        if facts.flags.contains(.fieldsRemoved) {
            // RFC 9111 §5.2.2.4, §5.2.2.7: the named fields reach this client and nobody else.
            let whole = worker.scratch.span.copied()
            let reduced = record.withoutNamedFields(whole.span, of: response, bytes)
            begin(facts, life, record.placed(in: reduced.span), head: reduced.span, response, bytes)
        } else {
            let head = worker.scratch.span.copied(from: record.start)
            begin(facts, life, record, head: head.span, response, bytes)
        }
    }

    /// It isn't stored, so nobody else is given it either.
    func refuseStoring(_ reason: Reason, _ status: Status) {
        notStoredReason = reason
        // What is stored was asked about, and the origin has another answer now: the old one serves nobody any more.
        let isAnotherAnswer = !status.isOriginFailure && !status.answersOneRequestOnly && reason != .storeUnavailable
        if isAnotherAnswer && !reason.isRequestsOwn && superseded != nil {
            worker.cache.invalidate([key], at: worker.wallTime)
        }
        guard let flight = takeLead() else { return }
        let flights = worker.shared.flights
        if reason == .storeUnavailable {
            flight.refuse(.unshared)
            flights.noteUnshared(flight.key, now: worker.loop.now, isShort: true)
        } else if status.isOriginFailure {
            flight.refuse(.originFailure(status))
            flights.noteUnshared(flight.key, now: worker.loop.now, isShort: true)
        } else if reason.isRequestsOwn && reason != .authorization {
            flight.refuse(.ownReason)
        } else {
            flight.refuse(.unshared)
            flights.noteUnshared(flight.key, now: worker.loop.now, isShort: false)
        }
    }

    func begin(
        _ facts: StoredFacts, _ life: Seconds, _ record: RecordHead, head: Span<UInt8>,
        _ response: borrowing ResponseHead,
        _ bytes: Span<UInt8>
    ) {
        let worker = self.worker
        settleSearchRule(response, bytes)
        let discardAt = worker.wallTime.advanced(byMilliseconds: life.count * 1000)
        let names = facts.flags.contains(.varies) ? varyNames(response, bytes) : []
        var found: StoredResponse?
        if !names.isEmpty {
            guard !isOvertaken, let marker = markerForStoring(names: names, discardAt: discardAt, facts: facts) else {
                return refuseStoring(.storeUnavailable, facts.status)
            }
            found = marker
            selectVariant(names: names.span, generation: marker.id)
            worker.cache.noteVariant(key, of: marker.id, limit: runtime.configuration.limits.variants)
            keyText.removeAll()
            keyText.append(worker.composer.variantText)
        } else {
            key = plainKey
            if keyText.count > plainTextCount {
                let plain = keyText.span.extracting(..<plainTextCount).copied()
                keyText.removeAll()
                keyText.append(plain)
            }
        }
        let description = RecordDescription(
            id: worker.newIdentifier(), status: facts.status.code, discardAt: discardAt, facts: facts,
            etag: record.etag, lastModified: record.lastModified, headHasContentLength: record.hasContentLength)
        var length: Int?
        switch response.framing {
        case .none: length = 0
        case .length(let declared): length = Int(clamping: declared)
        case .chunked, .untilClose: length = nil
        }
        let keyText = self.keyText.span.copied()
        do throws(StoredResponseBuilder.Refusal) {
            let builder = try StoredResponseBuilder(
                description, keyText: keyText.span, varyNames: names.span, head: head, length: length,
                objectLimit: worker.cache.objectLimit, budget: worker.shared.fillBudget)
            collect(into: builder, facts, marker: found, length: length)
        } catch {
            isToBeStored = false
            worker.counters.storeRefused += 1
            refuseStoring(error.reason, facts.status)
        }
    }

    /// From here on the body is kept whole. Others may read along, if they may be given it.
    private func collect(
        into builder: StoredResponseBuilder, _ facts: StoredFacts, marker: StoredResponse?, length: Int?
    ) {
        let flights = worker.shared.flights
        isCollecting = true
        guard let flight, part == .leading else {
            // Nobody can find this one: it went alone.
            let alone = newFlight()
            self.flight = alone
            part = .leading
            alone.begin(nil, builder: builder)
            if isForOthers(facts) {
                flights.forgetUnshared(plainKey)
                if key != plainKey { flights.forgetUnshared(key) }
            }
            return
        }
        guard isForOthers(facts) else {
            flight.begin(nil, builder: builder)
            endFlight(flight)
            flight.refuse(.unshared)
            flights.noteUnshared(flight.key, now: worker.loop.now, isShort: false)
            return
        }
        if partial?.missing != nil {
            // What arrives is a part of what others wait for: they get the whole.
            return flight.begin(nil, builder: builder)
        }
        flight.begin(FlightPlace(key: key, marker: marker, length: length), builder: builder)
        guard key != flight.key else { return }
        let text = keyText.span.copied()
        flights.add(flight, under: key, keyText: text)
    }

    /// Whether a plain request may be answered with it as it stands.
    private func isForOthers(_ facts: StoredFacts) -> Bool {
        guard let policy = entry?.policy else { return false }
        let plain = RequestFacts(method: self.facts.method)
        switch reuseVerdict(stored: facts, request: plain, policy: policy, now: worker.instant) {
        case .fresh, .stale: return true
        case .validate, .bypass, .refuse: return false
        }
    }

    /// The names of all Vary lines, lower case, separated by commas.
    private func varyNames(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> [UInt8] {
        var names: [UInt8] = []
        for field in response.fields where field.known == .vary {
            let value = bytes.extracting(field.value)
            var walker = VaryNames()
            while let member = walker.next(in: value) {
                guard case .name(let range) = member else { continue }
                if !names.isEmpty { names.append(UInt8(ascii: ",")) }
                for index in range {
                    let byte = value[index]
                    names.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
                }
            }
        }
        return names
    }

    /// The marker at the plain key: the one that led here if it names the same fields, with a life that covers the new
    /// variant, else one of a new generation.
    private func markerForStoring(names: [UInt8], discardAt: WallTime, facts: StoredFacts) -> StoredResponse? {
        let plain = keyText.span.extracting(..<plainTextCount).copied()
        var generation = worker.newIdentifier()
        if let known = marker ?? markerInMemory(plain), known.varyNames.isSame(as: names.span) {
            if known.discardAt >= discardAt { return known }
            generation = known.id
        }
        guard
            let made = StoredResponse.varyMarker(
                generation: generation, discardAt: discardAt, facts: facts, keyText: plain.span, names: names.span)
        else { return nil }
        worker.cache.put(plainKey, made, now: worker.wallTime)
        return made
    }

    /// A marker that another request put there while this one was fetching: a second one would cut off its variants.
    private func markerInMemory(_ plainText: [UInt8]) -> StoredResponse? {
        let found = worker.cache.lookUpInMemory(plainKey, keyText: plainText.span, now: worker.wallTime)
        return found?.kind == .varyMarker ? found : nil
    }

    /// The complete response enters the store, unless what it answers was invalidated since it was asked for.
    /// - Parameter token: let go of once the store has it, or doesn't get it.
    func keep(_ response: StoredResponse, holding token: AnyObject? = nil) {
        guard !isOvertaken else {
            worker.counters.storeRefused += 1
            return
        }
        worker.counters.stored += 1
        worker.counters.storedBytes += response.bodyCount
        entry?.counters.stores += 1
        worker.cache.put(key, response, now: worker.wallTime, holding: token)
    }

    /// Variants go with their plain key.
    private var isOvertaken: Bool { worker.cache.overtook(key, plainKey: plainKey, since: fetchStarted) }

    // MARK: Validation

    /// RFC 9111 §4.3.3, §4.3.4.
    func renew(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Renewal {
        guard let stored, let policy = entry?.policy(for: Status(Int(stored.status))) else { return .leave }
        let etag = bytes.extracting(response.first(.etag) ?? .empty)
        let lastModified = bytes.extracting(response.first(.lastModified) ?? .empty)
        let selected = fresheningVerdict(
            etag: etag, lastModified: lastModified, storedETag: stored.etag, storedLastModified: stored.lastModified,
            isOnlyCandidate: true)
        guard selected != FresheningVerdict.leave else {
            // RFC 9111 §4.3.3: a 304 that is about something else; the request goes again without conditions.
            isValidating = false
            self.stored = nil
            fetchAgain()
            return .deliver
        }
        // What a HEAD is answered from is a GET's.
        let request = self.facts.method == .head ? self.facts.with(method: .get) : self.facts
        let renewed = renewed(stored, by: response, bytes, policy, request) ?? stored
        self.stored = renewed
        verdict = .revalidated
        reason = nil
        forwardStatus = Status(304)
        isRenewed = true
        takeLead()?.land(renewed)
        // The fetch is in the middle of its own callback: it ends first, then the answer goes out.
        worker.loop.atEndOfTurn { [self, number] in
            guard number == self.number else { return }
            endFetch()
            if isUnattended { return endUnattended() }
            resume(at: .deliver)
        }
        return .deliver
    }

    /// The stored response with what a 304, or the answer to a HEAD, says of it (RFC 9111 §3.2, §4.3.4, §4.3.5), stored
    /// again; nil where it stays as it is.
    private func renewed(
        _ stored: StoredResponse, by response: borrowing ResponseHead, _ bytes: Span<UInt8>, _ policy: RoutePolicy,
        _ request: RequestFacts
    ) -> StoredResponse? {
        worker.refreshDate()
        let date = worker.dateLine
        let merged = MergedHead(stored: stored, update: response, bytes, date: date.span)
        var facts = ResponseFacts(status: Status(Int(stored.status)), responseTime: worker.instant)
        forEachLine(of: merged.head.span) { name, line in
            facts.note(FieldName.recognise(name), fieldValue(line))
        }
        if let age = response.first(.age) { facts.note(.age, bytes.extracting(age)) }
        switch storageVerdict(request: request, response: facts, policy: policy, requestTime: fetchBegan) {
        case .store(let storedFacts, let life):
            let description = RecordDescription(
                id: worker.newIdentifier(), status: stored.status,
                discardAt: worker.wallTime.advanced(byMilliseconds: life.count * 1000), facts: storedFacts,
                etag: merged.etag, lastModified: merged.lastModified,
                headHasContentLength: stored.description.headHasContentLength)
            guard let made = stored.refreshed(description, head: merged.head.span) else { return nil }
            if !isOvertaken {
                var landing: AnyObject?
                if let flight, part == .leading {
                    flight.land(made)
                    landing = land(flight)
                }
                worker.cache.put(key, made, now: worker.wallTime, holding: landing)
                if let marker { prolong(marker, until: made.discardAt) }
            }
            if !keepsSearchRule(response, bytes) { worker.cache.invalidate([key], at: worker.wallTime) }
            return made
        case .refuse(let reason):
            if !reason.isRequestsOwn { worker.cache.invalidate([key], at: worker.wallTime) }
            return nil
        }
    }

    /// Until a slow store has what the flight brought, those that ask there find it with the flight.
    /// - Returns: to be let go of when it has.
    func land(_ flight: Flight) -> AnyObject? {
        guard worker.cache.usesRemote else { return nil }
        let keys = key == flight.key ? [key] : [flight.key, key]
        return worker.shared.flights.land(flight, under: keys, at: worker.loop.now)
    }

    /// The origin's answer to a HEAD says whether the stored GET is still what it has (RFC 9111 §4.3.5).
    func freshen(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard response.status == 200, verdict == .miss, let stored, stored.status == 200, stored.kind == .response,
            let policy = entry?.policy(for: Status(200))
        else { return }
        let length = storedValue(of: .contentLength, in: stored.head)
        let bodyLength = Array(String(stored.bodyCount).utf8)
        let verdict = headFresheningVerdict(
            etag: bytes.extracting(response.first(.etag) ?? .empty),
            lastModified: bytes.extracting(response.first(.lastModified) ?? .empty),
            contentLength: bytes.extracting(response.first(.contentLength) ?? .empty), storedETag: stored.etag,
            storedLastModified: stored.lastModified,
            storedContentLength: length.isEmpty ? bodyLength.span : length.span)
        switch verdict {
        case .update: _ = renewed(stored, by: response, bytes, policy, facts.with(method: .get))
        case .invalidate: worker.cache.invalidate([key], at: worker.wallTime)
        }
    }

    /// The fetch is in the middle of its own callback: it ends first, then the request goes out anew.
    func fetchAgain() {
        endFetch()
        isRenewed = true
        isHeldBack = false
        isCollecting = false
        isToBeStored = false
        position = 0
        arrived = 0
        worker.loop.atEndOfTurn { [self, number] in
            guard number == self.number else { return }
            isRenewed = false
            resume(at: .fetch)
        }
    }

    /// A marker lives as long as the longest of its variants.
    private func prolong(_ marker: StoredResponse, until discardAt: WallTime) {
        guard marker.discardAt < discardAt else { return }
        let longer = StoredResponse.varyMarker(
            generation: marker.id, discardAt: discardAt, facts: marker.facts, keyText: marker.keyText,
            names: marker.varyNames)
        if let longer { worker.cache.put(plainKey, longer, now: worker.wallTime) }
    }

    // MARK: Invalidation

    /// The target, and what Location and Content-Location name within the same origin.
    func invalidate(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard worker.cache.isStoring else { return }
        let request = self.bytes
        let authority = request.extracting(head.authority)
        let path = request.extracting(head.path)
        var targets: [[UInt8]] = []
        var own = path.copied()
        if head.hasQuery {
            own.append(UInt8(ascii: "?"))
            own.append(request.extracting(head.query))
        }
        targets.append(own)
        let schemeName: [UInt8] = Array((scheme == .https ? "https" : "http").utf8)
        for field in response.fields where field.known == .location || field.known == .contentLocation {
            var target: [UInt8] = []
            let isSame = InvalidatedReference.appendPath(
                of: bytes.extracting(field.value), scheme: schemeName.span, authority: authority, path: path,
                into: &target)
            if isSame { targets.append(target) }
        }
        for target in targets {
            let url = String(decoding: schemeName + Array("://".utf8) + authority.copied() + target, as: UTF8.self)
            worker.invalidate(url: url, in: runtime)
        }
    }
}
