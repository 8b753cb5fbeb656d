// Storing parts (RFC 9111 §3.3, §3.4): a 206 becomes a record of the 200 that it belongs to, joined to what is stored of
// that already if the validators say that both are of one representation.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Transaction {
    /// The head of the answer to a request for what is missing; false where it is an ordinary answer.
    func partBegan(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard let missing = partial?.missing, let known = partial?.known else { return false }
        guard response.status == 206 || response.status == 416 else {
            // The whole, changed since; or a failure.
            partial = nil
            return false
        }
        if response.status == 206, considerPart(response, bytes), partial?.range == missing,
            joins(known, response, bytes)
        {
            isHeldBack = true
            worker.scratch.removeAll()
            return true
        }
        worker.scratch.removeAll()
        dropPart()
        fetchAsAsked()
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

    /// Begins to collect the content of a 206, if it may be stored. Leaves the worker's scratch buffer empty.
    /// - Returns: whether it is collected.
    func considerPart(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        let worker = self.worker
        let record = RecordHead(response, bytes, worker: worker)
        let whole = worker.scratch.span.copied(from: record.start)
        worker.scratch.removeAll()
        guard let entry, let policy = entry.policy, head.method == .get, facts.hasRange || partial?.missing != nil
        else {
            return false
        }
        let facts = ResponseFacts(response, bytes, at: worker.instant)
        let isOne = response.fields.count(where: { $0.known == .contentRange }) == 1
        let contentRange = bytes.extracting(isOne ? response.first(.contentRange) ?? .empty : .empty)
        let contentType = bytes.extracting(response.first(.contentType) ?? .empty)
        let verdict = partialStorageVerdict(
            request: self.facts, response: facts, contentRange: contentRange, contentType: contentType, policy: policy,
            requestTime: fetchBegan)
        guard case .store(let storedFacts, let life, let range, let completeLength) = verdict else {
            if case .refuse(let reason) = verdict { notStoredReason = reason }
            return false
        }
        // Parts are answered from while they are fresh, and not validated: others would only be in the way of the whole.
        let plain = RequestFacts(method: .get)
        let reuse = reuseVerdict(stored: storedFacts, request: plain, policy: policy, now: worker.instant)
        guard case .fresh = reuse else {
            notStoredReason = .partialContent
            return false
        }
        if case .length(let length) = response.framing, length != UInt64(range.count) { return false }
        guard entry.storesType(of: response, bytes) else {
            notStoredReason = .contentType
            return false
        }
        // Something complete, with the same validator, is worth more than a part of it.
        if let superseded, superseded.kind == .response, superseded.status == 200,
            superseded.etag.isSame(as: bytes.extracting(response.first(.etag) ?? .empty))
        {
            notStoredReason = .partialContent
            return false
        }
        isToBeStored = worker.cache.canStore
        if partial == nil { partial = PartialFetch() }
        partial?.range = range
        partial?.completeLength = completeLength
        var head = Self.headOfWhole(whole.span)
        if storedFacts.flags.contains(.fieldsRemoved) {
            head = record.withoutNamedFields(head.span, of: response, bytes, start: 0)
        }
        begin(storedFacts, life, record.placed(in: head.span), head: head.span, response, bytes)
        worker.scratch.removeAll()
        return isCollecting
    }

    /// The head of the 200 that a 206 is a part of.
    private static func headOfWhole(_ head: Span<UInt8>) -> [UInt8] {
        var whole: [UInt8] = Array("HTTP/1.1 200 OK\r\n".utf8)
        forEachLine(of: head) { name, line in
            let known = FieldName.recognise(name)
            if known != .contentRange && known != .contentLength { whole.append(line) }
        }
        return whole
    }

    /// What was begun for a part that turns out to be of no use.
    private func dropPart() {
        guard let flight = takeLead() else { return }
        flight.refuse(.ownReason)
        isCollecting = false
        isToBeStored = false
    }

    /// The part that has arrived, together with what is stored of the response.
    /// - Parameter arrived: a record whose body is the part.
    func joined(_ arrived: StoredResponse) -> StoredResponse? {
        guard let range = partial?.range else { return arrived }
        let completeLength = partial?.completeLength
        let limit = worker.cache.objectLimit
        if let known = latestPart(arrived) {
            let verdict = combineVerdict(
                etag: arrived.etag, storedETag: known.record.etag, range: range, completeLength: completeLength,
                storedCompleteLength: known.completeLength)
            if verdict == .combine {
                let head = Self.merged(known.record.head, with: arrived.head)
                var description = arrived.description
                (description.etag, description.lastModified) = validators(in: head.span)
                return known.adding(
                    range, bytes: arrived.body, completeLength: completeLength, description: description,
                    head: head.span, objectLimit: limit)
            }
        }
        return arrived.asPart(range, completeLength: completeLength, objectLimit: limit)
    }

    /// What is stored by now: another request may have added to it.
    private func latestPart(_ arrived: StoredResponse) -> PartialResponse? {
        if let found = worker.cache.lookUpInMemory(key, keyText: arrived.keyText, now: worker.wallTime) {
            return PartialResponse(found)
        }
        return partial?.known
    }

    /// RFC 9111 §3.4: the newer response's fields take the place of the stored ones.
    private static func merged(_ old: Span<UInt8>, with new: Span<UInt8>) -> [UInt8] {
        var head: [UInt8] = Array("HTTP/1.1 200 OK\r\n".utf8)
        forEachLine(of: old) { oldName, line in
            var isReplaced = false
            forEachLine(of: new) { name, _ in if name.isSameName(as: oldName) { isReplaced = true } }
            if !isReplaced { head.append(line) }
        }
        forEachLine(of: new) { _, line in head.append(line) }
        return head
    }
}
