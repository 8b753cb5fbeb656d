// Requests for parts (RFC 9110 §14) answered from what is stored: from a complete response, or from one of which only
// parts are there (RFC 9111 §3.3), with what is missing fetched first.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire

/// A fetch that has to do with parts.
struct PartialFetch {
    /// What is stored of the response already.
    var known: PartialResponse?
    /// What of it is asked for, on the condition that it is still the same response (RFC 9110 §13.1.5).
    var missing: Range<Int64>?
    /// With that, what answers the request; nil is the whole.
    var toAnswer: Range<Int64>?
    /// What the answer brings: the bytes, and the length of the whole where it tells.
    var range: Range<Int64>?
    var completeLength: Int64?
}

extension Transaction {
    // MARK: From a complete response

    /// Answers with the parts that are asked for; false where the whole is the answer (RFC 9110 §14.2).
    func deliverRange(_ stored: StoredResponse) -> Bool {
        guard let value = rangeThatCounts(stored) else { return false }
        switch rangeSetVerdict(bytes.extracting(value), length: Int64(stored.bodyCount)) {
        case .whole: return false
        case .unsatisfiable: deliverUnsatisfiable(stored, length: Int64(stored.bodyCount))
        case .parts(let parts):
            if parts.count == 1 {
                let place = Int(parts[0].lowerBound)..<Int(parts[0].upperBound)
                deliverPart(stored, parts[0], at: place, completeLength: Int64(stored.bodyCount))
            } else {
                deliverParts(stored, parts)
            }
        }
        return true
    }

    /// Where the value of the one Range line stands, unless `If-Range` says that it doesn't count.
    private func rangeThatCounts(_ stored: StoredResponse) -> ByteRange? {
        guard let value = head.first(.range), head.fields.count(where: { $0.known == .range }) == 1 else { return nil }
        guard let condition = head.first(.ifRange) else { return value }
        let holds = ifRangeHolds(
            bytes.extracting(condition), storedETag: stored.etag, storedLastModified: stored.lastModified,
            stored: stored.facts)
        return holds ? value : nil
    }

    private func deliverUnsatisfiable(_ stored: StoredResponse, length: Int64) {
        status = 416
        decideConnection()
        worker.scratch.append("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nContent-Range: bytes */")
        worker.scratch.append(decimal: Int(length))
        worker.scratch.append("\r\nVia: 1.1 larder\r\n")
        worker.appendDate()
        appendOwnFields(stored)
        Forwarding.endHead(&worker.scratch)
        emit()
        complete()
    }

    /// - Parameter place: where the part lies in the stored body.
    private func deliverPart(
        _ stored: StoredResponse, _ part: Range<Int64>, at place: Range<Int>, completeLength: Int64?
    ) {
        appendPartialHead(stored, droppingType: false)
        Forwarding.appendField("Content-Length", decimal: UInt64(place.count), to: &worker.scratch)
        var range: [UInt8] = []
        ContentRange.part(part, completeLength: completeLength).append(to: &range)
        Forwarding.appendField("Content-Range", range.span, to: &worker.scratch)
        appendOwnFields(stored)
        Forwarding.endHead(&worker.scratch)
        countHit()
        emitStored(stored, range: place)
    }

    /// Several parts, each with a head of its own (RFC 9110 §14.6).
    private func deliverParts(_ stored: StoredResponse, _ parts: [Range<Int64>]) {
        let worker = self.worker
        let length = Int64(stored.bodyCount)
        let boundary = worker.newBoundary()
        let type = storedValue(of: .contentType, in: stored.head)
        appendPartialHead(stored, droppingType: true)
        var contentType: [UInt8] = []
        MultipartByteRanges.appendContentType(boundary: boundary.span, into: &contentType)
        Forwarding.appendField("Content-Type", contentType.span, to: &worker.scratch)
        let total = MultipartByteRanges.length(
            of: parts, boundary: boundary.span, contentType: type.span, length: length)
        Forwarding.appendField("Content-Length", decimal: UInt64(total), to: &worker.scratch)
        appendOwnFields(stored)
        Forwarding.endHead(&worker.scratch)
        countHit()
        output.hasBegun = true
        let number = self.number
        for (index, part) in parts.enumerated() {
            var partHead: [UInt8] = []
            MultipartByteRanges.appendPartHeader(
                part, isFirst: index == 0, boundary: boundary.span, contentType: type.span, length: length,
                into: &partHead)
            worker.scratch.append(partHead)
            emit(stored.body.extracting(Int(part.lowerBound)..<Int(part.upperBound)))
            guard number == self.number, client != nil else { return }
        }
        var end: [UInt8] = []
        MultipartByteRanges.appendEnd(boundary: boundary.span, into: &end)
        worker.scratch.append(end)
        bodyBytes = Int(total)
        emit()
        guard number == self.number, client != nil else { return }
        complete()
    }

    private func appendPartialHead(_ stored: StoredResponse, droppingType: Bool) {
        status = 206
        decideConnection()
        worker.scratch.append("HTTP/1.1 206 Partial Content\r\n")
        forEachLine(of: stored.head) { name, line in
            let known = FieldName.recognise(name)
            if known == .contentLength || known == .contentType && droppingType { return }
            if isRemovedForClients(known) { return }
            worker.scratch.append(line)
        }
    }

    // MARK: From parts

    /// What is stored is a part of the response only: what it is good for.
    func decidePartial(_ record: StoredResponse) -> Progress {
        stored = nil
        if !isKeyTextKept { keepKeyText() }
        guard let policy = entry?.policy, let known = PartialResponse(record) else { return missPartial(.notStored) }
        partial = PartialFetch(known: known)
        switch reuseVerdict(stored: record.facts, request: facts, policy: policy, now: worker.instant) {
        case .fresh: break
        case .bypass(let reason): return pass(reason)
        case .refuse(let reason):
            self.reason = reason
            return refuse(.onlyIfCached)
        case .stale, .validate: return missPartial(.stale)
        }
        guard head.method == .get else { return missPartial(.rangeNotStored) }
        if facts.hasConditions && isNotModified(record) {
            stored = record
            verdict = .hit
            return .next(.deliver)
        }
        var request = RangeRequest.ignored
        if let value = rangeThatCounts(record) { request = RangeRequest(field: bytes.extracting(value)) }
        switch partialReuse(request, extents: known.extents, completeLength: known.completeLength) {
        case .answer(let range):
            verdict = .hit
            outcome = verdict.outcome
            if isExplained(record) { return .done }
            return deliverKnown(known, range) ? .done : missPartial(.rangeNotStored)
        case .fetch(let missing, let toAnswer):
            if let refusal = missRefusal(request: facts, policy: policy) {
                reason = refusal
                return refuse(.onlyIfCached)
            }
            partial?.missing = missing
            partial?.toAnswer = toAnswer
            reason = .rangeNotStored
            verdict = .miss
            return .next(facts.hasRange ? .fetch : .join)
        case .fetchAsAsked: return missPartial(.rangeNotStored)
        case .unsatisfiable:
            verdict = .hit
            outcome = verdict.outcome
            if isExplained(record) { return .done }
            deliverUnsatisfiable(record, length: known.completeLength ?? 0)
            return .done
        }
    }

    private func missPartial(_ reason: Reason) -> Progress {
        guard let policy = entry?.policy else { return pass(.routeNotCached) }
        if let refusal = missRefusal(request: facts, policy: policy) {
            self.reason = refusal
            return refuse(.onlyIfCached)
        }
        self.reason = reason
        verdict = .miss
        return .next(facts.hasRange ? .fetch : .join)
    }

    /// Answers with a range of which every byte is there.
    private func deliverKnown(_ known: PartialResponse, _ range: Range<Int64>) -> Bool {
        guard let place = known.place(of: range) else { return false }
        deliverPart(known.record, range, at: place, completeLength: known.completeLength)
        return true
    }

    /// What was missing has arrived, and is one with what was there.
    func deliverJoined(_ record: StoredResponse) {
        outcome = verdict.outcome
        if record.kind == .response {
            stored = record
            return resume(at: .deliver)
        }
        guard let known = PartialResponse(record), let range = partial?.toAnswer, deliverKnown(known, range) else {
            return fetchAsAsked()
        }
    }

    /// What was asked for of our own accord can't be used: the request goes to the origin as it came.
    func fetchAsAsked() {
        partial = nil
        fetchAgain()
    }
}
