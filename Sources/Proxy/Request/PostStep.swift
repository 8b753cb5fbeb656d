// The answer to a POST that a later GET may be given (RFC 9110 §9.3.3): the origin says by Content-Location that it is what
// a GET of the same URI would bring, and for how long.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire
import Routing

/// The record that a POST's answer becomes for GETs, beside the one for the same POST again.
struct GetRecord {
    let facts: StoredFacts
    let life: Seconds
    /// What it would be overtaken by comes after this.
    let since: InvalidationMoment
}

extension Transaction {
    /// Begins to store the answer to a POST, which the route itself doesn't cache, for the GETs that follow. What it
    /// invalidated is gone by now.
    /// - Returns: whether the client's head stands in the worker's scratch buffer, as after ``considerStoring(_:_:)``.
    func considerStoringForGet(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard facts.method == .post, worker.cache.canStore, let found = reuseForGet(response, bytes), composeKeyOfGet()
        else {
            return false
        }
        let record = RecordHead(response, bytes, worker: worker)
        storedHeadHasLength = record.hasContentLength
        isToBeStored = true
        // Its own invalidation doesn't count against it.
        fetchStarted = found.since
        begin(found.facts, found.life, record, response, bytes)
        return true
    }

    /// What the answer to a POST is worth to later GETs; nil for most.
    func reuseForGet(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> GetRecord? {
        guard response.status == 200, let location = response.first(.contentLocation), !response.contains(.vary),
            !isGetOvertaken, let entry, entry.recipe.isMadeOfTarget, let policy = entry.policy,
            policy.methods.contains(.get), entry.storesType(of: response, bytes)
        else { return nil }
        let responseFacts = ResponseFacts(response, bytes, at: worker.instant)
        let request = self.bytes
        let scheme = self.scheme.name
        let query = queryOfTarget
        var resolved: [UInt8] = []
        let verdict = getReuseVerdict(
            request: facts, response: responseFacts, policy: policy, requestTime: fetchBegan,
            contentLocation: bytes.extracting(location), scheme: scheme.span,
            authority: request.extracting(head.authority), path: request.extracting(head.path), query: query.span,
            scratch: &resolved)
        guard case .store(var storedFacts, let life) = verdict else { return nil }
        // The POST's own invalidation of what was stored before doesn't cover it.
        storedFacts.requestTime = worker.instant
        return GetRecord(facts: storedFacts, life: life, since: worker.cache.moment)
    }

    /// To be asked before the answer's own invalidation is noted: whether another change has overtaken it.
    func noteWhetherGetIsOvertaken(_ response: borrowing ResponseHead) {
        guard facts.method == .post, response.contains(.contentLocation), let key = keyOfGet() else { return }
        isGetOvertaken = worker.cache.overtook(key, since: fetchStarted)
    }

    /// Stores the complete answer to a POST under the key of a GET too.
    func keepForGet(_ whole: StoredResponse, _ record: GetRecord) {
        guard whole.kind == .response, composeKeyOfGet() else { return }
        var description = whole.description
        description.facts = record.facts
        description.id = worker.newIdentifier()
        description.discardAt = worker.wallTime.advanced(byMilliseconds: record.life.count * 1000)
        let text = keyText.span.copied()
        guard !worker.cache.overtook(plainKey, since: record.since),
            let copy = StoredResponse.response(
                description, keyText: text.span, varyNames: Span(), head: whole.head, body: whole.body)
        else { return }
        worker.cache.put(plainKey, copy, now: worker.wallTime)
    }

    /// With its `?`; empty without one.
    private var queryOfTarget: [UInt8] {
        guard head.hasQuery else { return [] }
        var query: [UInt8] = [UInt8(ascii: "?")]
        query.append(bytes.extracting(head.query))
        return query
    }

    /// The key of a GET for the same target; its text is the composer's.
    private func keyOfGet() -> CacheKey? {
        let authority = bytes.extracting(head.authority).copied()
        let target = bytes.extracting(head.path).copied() + queryOfTarget
        let url = String(decoding: scheme.name + Array("://".utf8) + authority + target, as: UTF8.self)
        let worker = self.worker
        do throws(SyntheticRequestFault) {
            try worker.composer.compose(try SyntheticRequest(url: url), by: runtime.table)
        } catch {
            return nil
        }
        let digest = worker.composer.digest
        return CacheKey(high: digest.high, low: digest.low)
    }

    private func composeKeyOfGet() -> Bool {
        guard let found = keyOfGet() else { return false }
        let worker = self.worker
        key = found
        plainKey = key
        keyText.removeAll()
        keyText.append(worker.composer.text)
        plainTextCount = keyText.count
        isKeyTextKept = true
        return true
    }
}
