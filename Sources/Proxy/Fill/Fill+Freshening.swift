// What a 304 to the fill's own condition does to what is stored (RFC 9111 §4.3.3, §4.3.4), and what the response to a HEAD
// says of a stored GET (§4.3.5).

import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Fill {
    /// A 304 to our own condition.
    /// - Returns: whether that was all; otherwise it is a response like others.
    func freshened(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let stored, let policy = request.entry?.policy(for: Status(Int(stored.status))) else { return false }
        let selected = fresheningVerdict(
            etag: bytes.extracting(response.first(.etag) ?? .empty),
            lastModified: bytes.extracting(response.first(.lastModified) ?? .empty), storedETag: stored.etag,
            storedLastModified: stored.lastModified, isOnlyCandidate: true)
        guard selected != FresheningVerdict.leave else {
            // RFC 9111 §4.3.3: a 304 that is about something else; the request goes again without conditions.
            isValidating = false
            self.stored = nil
            askAgain()
            return true
        }
        // What a HEAD is answered from is a GET's.
        let facts = facts.method == .head ? facts.with(method: .get) : facts
        let record = freshen(stored, by: response, bytes, policy, facts) ?? stored
        withdraw()
        feed.complete(with: record)
        // The exchange is in the middle of its own callback: it ends first, so that its connection serves again; then the
        // response goes out.
        let (reader, source) = (self.reader, self.source)
        self.source = nil
        end()
        service.loop.atEndOfTurn {
            source?.stop()
            reader?.fillDelivers(record, .revalidated, by: self)
        }
        return true
    }

    /// The stored response with what a 304, or the response to a HEAD, says of it (RFC 9111 §3.2, §4.3.4, §4.3.5), stored
    /// again; nil where it stays as it is.
    private func freshen(
        _ stored: StoredResponse, by response: borrowing ResponseHead, _ bytes: Span<UInt8>, _ policy: RoutePolicy,
        _ facts: RequestFacts
    ) -> StoredResponse? {
        let merged = FreshenedHead(stored: stored, update: response, bytes, date: service.dateLine())
        var update = ResponseFacts(status: Status(Int(stored.status)), responseTime: service.instant)
        let lines = merged.lines
        StoredHead.forEachLine(of: lines.span) { name, line in
            update.note(FieldName.recognise(name), StoredHead.value(of: line))
        }
        if let age = response.first(.age) { update.note(.age, bytes.extracting(age)) }
        switch storageVerdict(request: facts, response: update, policy: policy, requestTime: requestTime) {
        case .store(let storedFacts, let life):
            let description = RecordDescription(
                id: service.newIdentifier(), status: stored.status,
                discardAt: service.wallTime.advanced(byMilliseconds: life.count * 1000), facts: storedFacts,
                etag: merged.etag, lastModified: merged.lastModified,
                headHasContentLength: stored.description.headHasContentLength)
            guard let made = stored.refreshed(description, head: lines.span) else { return nil }
            if !isOvertaken {
                var token: AnyObject?
                if isPublished {
                    feed.complete(with: made)
                    token = noteCompleted()
                }
                service.cache.put(keys.key, made, now: service.wallTime, holding: token)
                if let index = keys.varyIndex { prolong(index, until: made.discardAt) }
            }
            if !keys.keepsSearchRule(response, bytes) { service.cache.invalidate([keys.key], at: service.wallTime) }
            return made
        case .refuse(let reason):
            if !reason.isRequestsOwn { service.cache.invalidate([keys.key], at: service.wallTime) }
            return nil
        }
    }

    /// The origin's response to a HEAD says whether the stored GET is still what it has.
    func freshenByHead(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard response.status == 200, let stored, stored.status == 200, stored.isResponse,
            let policy = request.entry?.policy(for: Status(200))
        else { return }
        let length = StoredHead.value(of: .contentLength, in: stored.head)
        let bodyLength = Array(String(stored.bodyCount).utf8)
        let verdict = headFresheningVerdict(
            etag: bytes.extracting(response.first(.etag) ?? .empty),
            lastModified: bytes.extracting(response.first(.lastModified) ?? .empty),
            contentLength: bytes.extracting(response.first(.contentLength) ?? .empty), storedETag: stored.etag,
            storedLastModified: stored.lastModified,
            storedContentLength: length.isEmpty ? bodyLength.span : length.span)
        switch verdict {
        case .update: _ = freshen(stored, by: response, bytes, policy, facts.with(method: .get))
        case .invalidate: service.cache.invalidate([keys.key], at: service.wallTime)
        }
    }
}
