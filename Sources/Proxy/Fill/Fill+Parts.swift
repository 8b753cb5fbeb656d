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

    /// Whether a 206 whose range is known is of the same representation as what is stored.
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
        guard let entry = request.entry, let policy = entry.policy(for: nil, key: keys.plainKey),
            request.head.method == .get,
            facts.hasRange || partial?.missing != nil
        else { return false }
        // A part can't be told from the whole by its content alone.
        guard entry.json == nil else {
            notStoredReason = .partialContent
            return false
        }
        let facts = ResponseFacts(response, bytes, in: service)
        let isOne = response.fields.count(where: { $0.known == .contentRange }) == 1
        let contentRange = bytes.extracting(isOne ? response.first(.contentRange) ?? .empty : .empty)
        let contentType = bytes.extracting(response.first(.contentType) ?? .empty)
        let verdict = partialStorageVerdict(
            request: self.facts, response: facts, contentRange: contentRange, contentType: contentType,
            policy: policy, requestTime: requestTime)
        guard case .store(let storedFacts, let life, let range, let completeLength) = verdict else {
            guard case .refuse(let reason) = verdict else { return false }
            notStoredReason = reason
            // RFC 9111 §3.4: with the new fields no request could be given what is stored.
            if reason == .varyStar, let known = partial?.known,
                known.record.etag.isSame(as: bytes.extracting(response.first(.etag) ?? .empty))
            {
                service.cache.delete([keys.key])
            }
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
        if tagLine == nil {
            notStoredReason = .tagsTooLong
            return false
        }
        // Something complete is worth more than a part, unless that is known to be of another representation; then it is for
        // those alone that wait for it.
        let isWhole = range.lowerBound == 0 && range.upperBound == completeLength
        var isWorthLess = false
        if let superseded, superseded.isResponse, superseded.status == 200, !isWhole,
            !storedFacts.flags.contains(.strongETag)
                || superseded.etag.isSame(as: bytes.extracting(response.first(.etag) ?? .empty))
        {
            isWorthLess = true
            notStoredReason = .partialContent
            if !isPublished { return false }
        }
        isToBeStored = claim.mayStore && !isWorthLess
        if partial == nil { partial = PartialFetch() }
        partial?.range = range
        partial?.completeLength = completeLength
        let head = recordHead(response, bytes, for: storedFacts).asWhole()
        var whole: [UInt8]?
        if let known = partial?.known, joins(known, response, bytes) {
            let lines = head.lines
            whole = FreshenedHead.joined(known.record.head, with: lines.span)
        }
        begin(storedFacts, life, head, response, bytes, joined: whole)
        return body == .collecting
    }

    /// The part that has arrived, together with what is stored of the response.
    /// - Parameter arrived: a record whose body is the part.
    func joined(_ arrived: StoredResponse) -> StoredResponse? {
        guard let range = partial?.range else { return arrived }
        let found = service.cache.lookUpInMemory(keys.key, keyText: arrived.keyText, now: service.wallTime)
        let completeLength = partial?.completeLength
        let isWhole = range.lowerBound == 0 && range.upperBound == completeLength
        // The whole has come meanwhile, and is worth more than a part of it.
        if let found, found.isResponse, !isWhole,
            !arrived.facts.flags.contains(.strongETag) || found.etag.isSame(as: arrived.etag)
        {
            return found
        }
        let limit = service.cache.objectLimit
        // Another request may have added to what was there.
        if let known = found.map({ PartialResponse($0) }) ?? partial?.known {
            let verdict = combineVerdict(
                etag: arrived.etag, storedETag: known.record.etag, range: range, completeLength: completeLength,
                storedCompleteLength: known.completeLength)
            let head = FreshenedHead.joined(known.record.head, with: arrived.head)
            // Its key was settled when its head came; what has been stored since may vary by other fields.
            let names = Self.varyNames(ofStored: head.span)
            if verdict == .combine && names.span.isSame(as: arrived.varyNames) {
                var description = arrived.description
                (description.etag, description.lastModified) = StoredHead.validators(in: head.span)
                // What the part's own head didn't repeat is in the whole's all the same.
                description.facts.flags.formUnion(
                    known.record.facts.flags.intersection([.varies, .tagged, .grouped, .searchVaries]))
                return known.adding(
                    range, bytes: arrived.body, completeLength: completeLength, description: description,
                    keyText: arrived.keyText, varyNames: arrived.varyNames, head: head.span, objectLimit: limit)
            }
        }
        return arrived.asPart(range, completeLength: completeLength, objectLimit: limit)
    }
}
