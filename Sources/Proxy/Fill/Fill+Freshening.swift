// What a 304 to the fill's own condition does to what is stored (RFC 9111 §4.3.3, §4.3.4), and what the response to a HEAD
// says of a stored GET (§4.3.5). What follows from a stored head follows the new one: its key, its lifetime, whom it may be
// given. New fields that may not be stored reach the client that asked, and nobody else.

import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Fill {
    // MARK: 304

    /// A 304 to our own condition.
    /// - Returns: whether that was all; otherwise it is a response like others.
    func freshened(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let stored, let policy = request.entry?.policy(for: Status(Int(stored.status)), key: keys.plainKey)
        else { return false }
        let selected = fresheningVerdict(
            etag: bytes.extracting(response.first(.etag) ?? .empty),
            lastModified: bytes.extracting(response.first(.lastModified) ?? .empty), storedETag: stored.etag,
            storedLastModified: stored.lastModified, isOnlyCandidate: true)
        guard selected != FresheningVerdict.leave else {
            // RFC 9111 §4.3.3: a 304 that is about something else; the request goes again without conditions.
            isValidating = false
            superseded = stored
            self.stored = nil
            askAgain()
            return true
        }
        // What a HEAD is answered from is a GET's.
        let facts = facts.method == .head ? facts.with(method: .get) : facts
        let shared = renew(stored, by: response, bytes, policy, facts)
        withdraw()
        if shared != nil {
            service.note(.stored(Status(304)), of: keys)
        } else if let notStoredReason {
            service.note(.notStored(Status(304), notStoredReason), of: keys)
        }
        if shared == nil {
            feed.refuse(.oneClient)
            noteFailedRefresh()
        }
        var own = shared ?? stored
        if reader != nil {
            own = confirmed(stored, shared, by: response, bytes, policy)
            linesBeyond304 = FreshenedHead.linesBeyond304(response, bytes)
        }
        // The exchange is in the middle of its own callback: it ends first, so that its connection serves again; then the
        // response goes out.
        let (reader, source) = (self.reader, self.source)
        self.source = nil
        end()
        service.loop.atEndOfTurn {
            source?.stop()
            reader?.fillDelivers(own, .revalidated, by: self)
        }
        return true
    }

    /// The stored response as the client gets it whose request the 304 came to: with all that this brought.
    /// - Parameter shared: what is stored now; nil where the 304 changed nothing for others.
    private func confirmed(
        _ stored: StoredResponse, _ shared: StoredResponse?, by response: borrowing ResponseHead, _ bytes: Span<UInt8>,
        _ policy: RoutePolicy
    ) -> StoredResponse {
        if let shared, !shared.facts.flags.contains(.fieldsRemoved) { return shared }
        let head = FreshenedHead(
            stored: stored, update: response, bytes, date: service.dateLine(), tags: tagLine ?? [], isForOne: true)
        var description = (shared ?? stored).description
        (description.etag, description.lastModified) = (head.etag, head.lastModified)
        if shared == nil {
            description.facts = confirmedFacts(
                stored.facts, response: mergedFacts(of: stored, head, response, bytes), policy: policy,
                requestTime: requestTime)
        }
        let lines = head.lines
        return stored.refreshed(description, head: lines.span) ?? stored
    }

    // MARK: HEAD

    /// The origin's response to a HEAD says whether the stored GET is still what it has.
    func freshenByHead(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        let status = Status(response.status)
        guard let stored, stored.isResponse, let policy = request.entry?.policy(for: status, key: keys.plainKey)
        else { return }
        let facts = facts.with(method: .get)
        // RFC 9110 §9.3.2: what a GET would have brought.
        let storage = storageVerdict(
            request: facts, response: ResponseFacts(response, bytes, in: service), policy: policy,
            requestTime: requestTime)
        if status.isGone && stored.facts.status.isNonError {
            switch replacementVerdict(
                of: status, hasRetryAfter: false, storage, stored: stored.facts, policy: policy, now: service.instant)
            {
            case .replaces, .removes: service.cache.invalidate([keys.key], at: service.wallTime)
            case .leaves, .originFailed: break
            }
            return
        }
        guard status.code == 200, stored.status == 200 else { return }
        var refusal: Reason?
        if case .refuse(let reason) = storage { refusal = reason }
        let length = StoredHead.value(of: .contentLength, in: stored.head)
        let bodyLength = Array(String(stored.bodyCount).utf8)
        let verdict = headFresheningVerdict(
            etag: bytes.extracting(response.first(.etag) ?? .empty),
            lastModified: bytes.extracting(response.first(.lastModified) ?? .empty),
            contentLength: bytes.extracting(response.first(.contentLength) ?? .empty), storedETag: stored.etag,
            storedLastModified: stored.lastModified,
            storedContentLength: length.isEmpty ? bodyLength.span : length.span, refusal: refusal)
        // Of bare JSON there is nothing to update, and a life that ends now is a deletion.
        let isJSON = stored.facts.flags.contains(.bareJSON)
        switch verdict {
        case .update: if !isJSON { _ = renew(stored, by: response, bytes, policy, facts) }
        case .expire where isJSON: service.cache.delete([keys.key])
        case .expire: expire(stored)
        case .leave: break
        }
    }

    /// What is stored is stale from now on.
    private func expire(_ stored: StoredResponse) {
        guard !isOvertaken, let stored = latest(stored) else { return }
        var description = stored.description
        description.id = service.newIdentifier()
        description.facts.lifetime = stored.facts.currentAge(at: service.instant)
        guard description.facts.lifetime < stored.facts.lifetime,
            let made = stored.refreshed(description, head: stored.head)
        else { return }
        service.cache.put(
            keys.key, made, of: keys.plainKey, since: began,
            over: claim.fence(over: stored, at: keys.key, for: keys.key),
            now: service.wallTime)
    }

    // MARK: What is stored

    /// The stored response with what a 304, or the response to a HEAD, says of it (RFC 9111 §3.2, §4.3.4, §4.3.5), stored
    /// again under the key that its new head says.
    /// - Returns: nil where it stays as it is, or where nothing stays.
    private func renew(
        _ asked: StoredResponse, by response: borrowing ResponseHead, _ bytes: Span<UInt8>, _ policy: RoutePolicy,
        _ facts: RequestFacts
    ) -> StoredResponse? {
        let latest = latest(asked)
        let stored = latest ?? asked
        let merged = FreshenedHead(
            stored: stored, update: response, bytes, date: service.dateLine(), tags: tagLine ?? [])
        switch renewalVerdict(
            request: facts, response: mergedFacts(of: stored, merged, response, bytes), policy: policy,
            requestTime: requestTime)
        {
        case .leave(let reason):
            notStoredReason = reason
            return nil
        case .remove(let reason):
            notStoredReason = reason
            if latest != nil { service.cache.delete([keys.key]) }
            return nil
        case .store(var storedFacts, let life):
            guard latest != nil, !isOvertaken else { return nil }
            if stored.facts.flags.contains(.codedHere) { storedFacts.flags.insert(.codedHere) }
            let isTagKept = !response.contains(.etag) && stored.facts.flags.contains(.weakenedETag)
            if isTagKept || source?.marks.contains(.weakenedETag) == true { storedFacts.flags.insert(.weakenedETag) }
            let description = RecordDescription(
                id: service.newIdentifier(), status: stored.status,
                discardAt: service.wallTime.advanced(byMilliseconds: life.count * 1000), facts: storedFacts,
                etag: merged.etag, lastModified: merged.lastModified,
                headHasContentLength: stored.description.headHasContentLength, fence: began.fence,
                url: request.urlDigest)
            guard let made = storeAgain(stored, description, merged) else { return nil }
            if !keys.keepsSearchRule(response, bytes) { service.cache.invalidate([keys.key], at: service.wallTime) }
            return made
        }
    }

    private func storeAgain(
        _ stored: StoredResponse, _ description: RecordDescription, _ merged: FreshenedHead
    ) -> StoredResponse? {
        let lines = merged.lines
        let names = Self.varyNames(ofStored: lines.span)
        let old = keys.key
        var index = keys.varyIndex
        if names.span.isSame(as: stored.varyNames) {
            // What is known to vary by now isn't for all again because one response doesn't say so.
            if names.isEmpty, let found = inMemory(), found.kind == .varyIndex { return nil }
            if let index { prolong(index, until: description.discardAt) }
        } else {
            guard settleVariant(names, discardAt: description.discardAt, description.facts, &index) else {
                // RFC 9111 §4.1: where it was it would be given to requests that it isn't for.
                service.cache.delete([old])
                return nil
            }
            // The variant may be there already, and be another.
            guard latest(stored) != nil else { return nil }
        }
        let text = keys.text
        guard
            let made = stored.refreshed(description, keyText: text.span, varyNames: names.span, head: lines.span)
        else { return nil }
        var token: AnyObject?
        if isPublished {
            if keys.key != feed.key { service.table.add(feed, under: keys.key, keyText: text) }
            feed.complete(with: made, at: FillPlace(key: keys.key, varyIndex: index, length: made.bodyCount))
            token = noteCompleted()
        } else {
            service.table.forgetHitForMiss(feed.key)
        }
        service.cache.move(
            made, from: old, to: keys.key, plainKey: keys.plainKey, since: began,
            over: claim.fence(over: stored, at: old, for: keys.key), foundUntil: foundUntil, now: service.wallTime,
            holding: token)
        claim.spend()
        return made
    }

    /// What the decisions take of a stored head with the fields of an update.
    private func mergedFacts(
        of stored: StoredResponse, _ merged: FreshenedHead, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>
    ) -> ResponseFacts {
        var facts = ResponseFacts(
            status: Status(Int(stored.status)), responseTime: service.instant, arrivalDate: service.date)
        let lines = merged.lines
        StoredHead.forEachLine(of: lines.span) { name, line in
            facts.note(FieldName.recognise(name), StoredHead.value(of: line))
        }
        if let age = response.first(.age) { facts.note(.age, bytes.extracting(age)) }
        return facts
    }

    /// The same response as memory has it by now, which another request may have freshened since this fill looked. Nil where
    /// another response has taken its place: what the origin said of the one before doesn't bring that back.
    private func latest(_ stored: StoredResponse) -> StoredResponse? {
        guard let found = inMemory(), found.kind != .varyIndex, found.id != stored.id else { return stored }
        let isSame = found.etag.isSame(as: stored.etag) && found.lastModified.isSame(as: stored.lastModified)
        guard isSame && !(found.etag.isEmpty && found.lastModified.isEmpty) else { return nil }
        return found.isResponse ? found : stored
    }

    private func inMemory() -> StoredResponse? {
        let text = keys.text
        return service.cache.peekInMemory(keys.key, keyText: text.span, now: service.wallTime)
    }
}
