// Storing parts (RFC 9111 §3.3, §3.4): a 206 becomes a record of the 200 that it belongs to, joined to what is stored of
// that already if the validators say that both are of one representation.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Fill {
    /// The head of the response to a request for what is missing.
    /// - Returns: whether it was dealt with; false for an ordinary response.
    func partResponded(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let missing = partial?.missing, let known = partial?.known else { return false }
        guard response.status == 206 || response.status == 416 else {
            // The whole, changed since; or a failure.
            partial = nil
            return false
        }
        if response.status == 206, beginPart(response, bytes), partial?.range == missing, joins(known, response, bytes)
        {
            isHeldBack = true
            return true
        }
        // What was begun for a part that turns out to be of no use.
        if isPublished {
            withdraw()
            feed.refuse(.ownReason)
        }
        partial = nil
        askAgain()
        return true
    }

    /// Whether a 206 is of the same representation as what is stored.
    private func joins(_ known: PartialResponse, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let range = partial?.range else { return false }
        let verdict = combineVerdict(
            etag: bytes.extracting(response.first(.etag) ?? .empty), storedETag: known.record.etag, range: range,
            completeLength: partial?.completeLength, storedCompleteLength: known.completeLength)
        return verdict == .combine
    }

    /// Begins to collect the content of a 206, if it may be stored.
    /// - Returns: whether it is collected.
    func beginPart(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let entry = request.entry, let policy = entry.policy, request.head.method == .get,
            facts.hasRange || partial?.missing != nil
        else { return false }
        let facts = ResponseFacts(response, bytes, at: service.instant)
        let isOne = response.fields.count(where: { $0.known == .contentRange }) == 1
        let contentRange = bytes.extracting(isOne ? response.first(.contentRange) ?? .empty : .empty)
        let contentType = bytes.extracting(response.first(.contentType) ?? .empty)
        let verdict = partialStorageVerdict(
            request: self.facts, response: facts, contentRange: contentRange, contentType: contentType,
            policy: policy, requestTime: requestTime)
        guard case .store(let storedFacts, let life, let range, let completeLength) = verdict else {
            if case .refuse(let reason) = verdict { notStoredReason = reason }
            return false
        }
        // Parts are answered from while they are fresh, and not validated: others would only be in the way of the whole.
        let plain = RequestFacts(method: .get)
        let reuse = reuseVerdict(stored: storedFacts, request: plain, policy: policy, now: service.instant)
        guard case .fresh = reuse else {
            notStoredReason = .partialContent
            return false
        }
        if case .known(let length) = response.contentSize, length != UInt64(range.count) { return false }
        guard entry.storesType(of: response, bytes) else {
            notStoredReason = .contentType
            return false
        }
        // Something complete, with the same validator, is worth more than a part of it.
        if let superseded, superseded.isResponse, superseded.status == 200,
            superseded.etag.isSame(as: bytes.extracting(response.first(.etag) ?? .empty))
        {
            notStoredReason = .partialContent
            return false
        }
        isToBeStored = service.cache.canStore
        if partial == nil { partial = PartialFetch() }
        partial?.range = range
        partial?.completeLength = completeLength
        var head = recordHead(response, bytes).asWhole()
        if storedFacts.flags.contains(.fieldsRemoved) { head = head.withoutNamedFields(of: response, bytes) }
        begin(storedFacts, life, head, response, bytes)
        return body == .collecting
    }

    /// The part that has arrived, together with what is stored of the response.
    /// - Parameter arrived: a record whose body is the part.
    func joined(_ arrived: StoredResponse) -> StoredResponse? {
        guard let range = partial?.range else { return arrived }
        let completeLength = partial?.completeLength
        let limit = service.cache.objectLimit
        if let known = latestPart(arrived) {
            let verdict = combineVerdict(
                etag: arrived.etag, storedETag: known.record.etag, range: range, completeLength: completeLength,
                storedCompleteLength: known.completeLength)
            if verdict == .combine {
                let head = FreshenedHead.joined(known.record.head, with: arrived.head)
                var description = arrived.description
                (description.etag, description.lastModified) = StoredHead.validators(in: head.span)
                return known.adding(
                    range, bytes: arrived.body, completeLength: completeLength, description: description,
                    head: head.span, objectLimit: limit)
            }
        }
        return arrived.asPart(range, completeLength: completeLength, objectLimit: limit)
    }

    /// What is stored by now: another request may have added to it.
    private func latestPart(_ arrived: StoredResponse) -> PartialResponse? {
        if let found = service.cache.lookUpInMemory(keys.key, keyText: arrived.keyText, now: service.wallTime) {
            return PartialResponse(found)
        }
        return partial?.known
    }
}
