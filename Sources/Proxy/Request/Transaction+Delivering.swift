// Responding from the store (RFC 9111 §4, RFC 9110 §13, §14, §15.4.5): the stored head as it lies, the few lines that are this
// response's own, and the body from where it lies. The usual HIT is one system call and allocates nothing. And Larder's own
// responses: problem documents (RFC 9457) that never tell an address, a key or what a client sent.

import Bytes
import CacheStorage
import Clients
import HTTPCaching
import HTTPSemantics
import HTTPWire

extension Transaction {
    func deliver() -> Progress {
        guard let stored = selection.stored, let stream else {
            preconditionFailure("what is delivered was found before, for a client")
        }
        served.outcome = served.verdict.outcome
        if request.facts.hasConditions && request.isNotModified(stored, now: worker.instant) {
            deliverNotModified(stored)
            return .done
        }
        guard stored.isResponse else {
            // The body of a part is laid out in a way of its own and goes to nobody as it is.
            selection.stored = nil
            selection.partial = nil
            served.verdict = .miss
            return .next(.fill)
        }
        if request.facts.hasRange, request.head.method == .get, stored.status == 200, deliverRange(stored) {
            return .done
        }
        served.status = Int(stored.status)
        begin(stored)
        appendOwnFields(stored)
        if !stored.description.headHasContentLength && stored.status != 204 && stored.status != 304 {
            writer.append("Content-Length", decimal: UInt64(stored.bodyCount))
        }
        countHit()
        stream.sendHead(.known(UInt64(stored.bodyCount)))
        stream.sendStored(stored, range: request.head.method == .head ? 0..<0 : 0..<stored.bodyCount)
        return .done
    }

    /// Whether the route keeps the tags of this response from its clients (`cache.tag_headers: remove`).
    func removesTags(of stored: StoredResponse) -> Bool {
        stored.facts.flags.contains(.tagged) && request.entry?.removesTags == true
    }

    /// Whether a response may be for this client alone, by what the request says: nobody else is told to share it.
    var isForWhoAsked: Bool {
        switch selection.reason {
        case .bypassed, .credentials, .keyIncomplete, .keyAmbiguous: true
        default: false
        }
    }

    /// The same of one that is stored, and that a 304 may have brought fields for this client alone.
    private func isPersonal(_ stored: StoredResponse) -> Bool {
        isForWhoAsked || served.notStoredReason != nil || stored.facts.flags.contains(.fieldsRemoved)
    }

    /// The head of a stored response, as the route has it sent.
    private func begin(_ stored: StoredResponse) {
        let removesTags = removesTags(of: stored)
        guard let changes = request.entry?.responseFields else {
            return writer.begin(stored.head, removesTags: removesTags)
        }
        changes.begin(
            stored, for: request, now: worker.instant, isPersonal: isPersonal(stored), removesTags: removesTags,
            with: writer)
    }

    private func countHit() { if served.verdict != .miss { request.entry?.counters.hits += 1 } }

    /// `Age`, `X-Cache` and `Cache-Status` of a response from the store.
    func appendOwnFields(_ stored: StoredResponse) {
        let age = stored.facts.currentAge(at: worker.instant)
        writer.appendAge(UInt64(max(0, age.count)))
        if runtime.showsXCache { writer.append(line: served.verdict.line) }
        guard runtime.showsCacheStatus else { return }
        let timeToLive = stored.facts.lifetime - age
        // RFC 9211 §2.1: a hit is what the origin was not asked for.
        guard let forward = served.forward else {
            return writer.appendHit(timeToLive: timeToLive, detail: selection.reason)
        }
        var member = CacheStatus(.forwarded(forward))
        member.forwardStatus = served.forwardStatus
        member.timeToLive = timeToLive
        member.isCollapsed = served.isCollapsed
        member.isStored = served.isStored
        member.detail = selection.reason
        writer.append(member)
    }

    private func deliverNotModified(_ stored: StoredResponse) {
        served.status = 304
        let lines = selection.linesBeyond304
        let removesTags = request.entry?.removesTags == true
        if let changes = request.entry?.responseFields {
            changes.beginNotModified(
                stored, for: request, now: worker.instant, isPersonal: isPersonal(stored), linesBeyond: lines,
                removesTags: removesTags, with: writer)
        } else {
            writer.beginNotModified(stored.head)
            if !lines.isEmpty { writer.append(lines: lines.span, removesTags: removesTags) }
        }
        appendOwnFields(stored)
        countHit()
        stream?.sendHead(.none)
        stream?.end(trailers: [])
    }

    /// RFC 9111 §4.2.4: stale rather than nothing, where nothing forbids it.
    func deliverStale(_ reason: Reason) {
        endActivity()
        selection.isValidating = false
        selection.reason = reason
        let isFresh = selection.stored.map { $0.facts.timeToLive(at: worker.instant) > .zero } == true
        served.verdict = isFresh ? .hit : .stale
        resume(at: .deliver)
    }

    // MARK: What still arrives

    /// The response to a HEAD, whose length may not be known yet.
    func deliverHead(_ head: FillHead) {
        let record = head.response
        served.status = Int(record.status)
        served.outcome = served.verdict.outcome
        beginHead(head)
        stream?.sendHead(.none)
        stream?.end(trailers: [])
    }

    /// The head of a response that is still arriving.
    func beginHead(_ head: FillHead) {
        let record = head.response
        begin(record)
        appendOwnFields(record)
        // RFC 9110 §8.6: none in a 204.
        if let length = head.length, !record.description.headHasContentLength, record.status != 204 {
            writer.append("Content-Length", decimal: UInt64(length))
        }
    }

    /// Responds with a large record that has begun to arrive from the remote store. What is done with the head alone is
    /// done; a body is sent as it comes, unless it is small enough to wait for.
    func deliver(arriving record: any ArrivingRecord) -> ArrivingRecordUse {
        guard let stream else { return .dropped }
        let head = record.head
        let request = self.request!
        if request.facts.hasConditions && request.isNotModified(head, now: worker.instant) {
            use(head)
            deliverNotModified(head)
            return .taken
        }
        var part: Range<Int>?
        let length = Int64(record.bodyCount)
        if request.facts.hasRange, request.head.method == .get, head.status == 200 {
            switch request.ranges(of: head, length: length) {
            case .whole: break
            case .part(let asked): part = Int(asked.lowerBound)..<Int(asked.upperBound)
            // They are sent in the order in which they were asked for.
            case .parts: return .awaitWhole
            case .unsatisfiable:
                use(head)
                deliverUnsatisfiable(head, length: length)
                return .taken
            }
        }
        if request.head.method == .head {
            use(head)
            beginWhole(of: record)
            stream.sendStored(head, range: 0..<0)
            return .taken
        }
        if fills.budget.hasPlenty(for: record.bodyCount) {
            if record.bodyCount <= RemoteBody.smallest { return .awaitWhole }
            // A response that has begun can't be taken back when the record is deleted.
            if record.mayAwaitMore, !RemoteBody.isSmall(part) { return .awaitMore }
        }
        guard let body = fills.remoteBody(of: record, part, selection),
            let reader = body.feed.join(worker: worker.index, mailbox: fills.mailbox)
        else { return .refused }
        use(head)
        activity = .reading(body.feed, reader)
        worker.startReading(body.feed, self)
        if let part {
            reading.count = part.lowerBound
            reading.end = part.upperBound
            body.narrow(to: part)
            body.feed.advance(reader, to: reading.count)
            beginPart(head, Int64(part.lowerBound)..<Int64(part.upperBound), completeLength: length)
            countHit()
        } else {
            reading.count = 0
            beginWhole(of: record)
        }
        body.readOn()
        pump(body.feed, reader)
        return .taken
    }

    private func use(_ head: StoredResponse) {
        activity = .none
        selection.stored = head
        served.verdict = .hit
        served.outcome = served.verdict.outcome
    }

    private func beginWhole(of record: any ArrivingRecord) {
        let head = record.head
        served.status = Int(head.status)
        begin(head)
        appendOwnFields(head)
        if !head.description.headHasContentLength && head.status != 204 && head.status != 304 {
            writer.append("Content-Length", decimal: UInt64(record.bodyCount))
        }
        countHit()
        stream?.sendHead(.known(UInt64(record.bodyCount)))
    }

    // MARK: Ranges

    /// Responds with the parts that are asked for; false where the whole is the response (RFC 9110 §14.2).
    private func deliverRange(_ stored: StoredResponse) -> Bool {
        let length = Int64(stored.bodyCount)
        switch request.ranges(of: stored, length: length) {
        case .whole: return false
        case .unsatisfiable: deliverUnsatisfiable(stored, length: length)
        case .part(let part):
            let place = Int(part.lowerBound)..<Int(part.upperBound)
            deliverPart(stored, part, at: place, completeLength: length)
        case .parts(let parts): deliverParts(stored, parts)
        }
        return true
    }

    func deliverUnsatisfiable(_ stored: StoredResponse, length: Int64) {
        served.outcome = served.verdict.outcome
        served.status = 416
        writer.beginUnsatisfiable(completeLength: length)
        appendOwnFields(stored)
        stream?.sendHead(.none)
        stream?.end(trailers: [])
    }

    /// - Parameter place: where the part lies in the stored body.
    private func deliverPart(
        _ stored: StoredResponse, _ part: Range<Int64>, at place: Range<Int>, completeLength: Int64?
    ) {
        beginPart(stored, part, completeLength: completeLength)
        countHit()
        stream?.sendStored(stored, range: place)
    }

    /// The head of a response with one part.
    func beginPart(_ stored: StoredResponse, _ part: Range<Int64>, completeLength: Int64?) {
        served.outcome = served.verdict.outcome
        served.status = 206
        beginPartial(stored, dropsType: false)
        writer.append("Content-Length", decimal: UInt64(part.count))
        writer.appendContentRange(part, completeLength: completeLength)
        appendOwnFields(stored)
        stream?.sendHead(.known(UInt64(part.count)))
    }

    private func beginPartial(_ stored: StoredResponse, dropsType: Bool) {
        let removesTags = removesTags(of: stored)
        guard let changes = request.entry?.responseFields else {
            return writer.beginPartial(stored.head, dropsType: dropsType, removesTags: removesTags)
        }
        changes.beginPartial(
            stored, for: request, now: worker.instant, isPersonal: isPersonal(stored), dropsType: dropsType,
            removesTags: removesTags, with: writer)
    }

    /// Several parts, each with a head of its own (RFC 9110 §14.6).
    private func deliverParts(_ stored: StoredResponse, _ parts: [Range<Int64>]) {
        guard let stream else { return }
        served.status = 206
        let length = Int64(stored.bodyCount)
        let boundary = worker.newBoundary()
        let type =
            request.entry?.responseFields?.contentType(for: request)
            ?? StoredHead.value(of: .contentType, in: stored.head)
        beginPartial(stored, dropsType: true)
        var contentType: [UInt8] = []
        MultipartByteRanges.appendContentType(boundary: boundary.span, into: &contentType)
        writer.append("Content-Type", contentType.span)
        let total = MultipartByteRanges.length(
            of: parts, boundary: boundary.span, contentType: type.span, length: length)
        writer.append("Content-Length", decimal: UInt64(total))
        appendOwnFields(stored)
        countHit()
        stream.sendHead(.known(UInt64(total)))
        var content = StoredParts()
        for (index, part) in parts.enumerated() {
            content.append(Int(part.lowerBound)..<Int(part.upperBound)) { lines in
                MultipartByteRanges.appendPartHeader(
                    part, isFirst: index == 0, boundary: boundary.span, contentType: type.span, length: length,
                    into: &lines)
            }
        }
        content.end { MultipartByteRanges.appendEnd(boundary: boundary.span, into: &$0) }
        stream.sendStored(stored, parts: content)
    }

    /// Responds with a range of which every byte is there.
    func deliverKnown(_ known: PartialResponse, _ range: Range<Int64>) -> Bool {
        guard let place = known.place(of: range) else { return false }
        deliverPart(known.record, range, at: place, completeLength: known.completeLength)
        return true
    }

    // MARK: Larder's own

    /// Responds with what `outcome` stands for, and ends the connection where the rest of it can't be read.
    func refuse(_ outcome: Outcome) -> Progress {
        served.outcome = outcome
        if served.forward == nil { served.verdict = outcome == .onlyIfCached ? .miss : .bypass }
        if let explainer { return explainer.refused(self, outcome) }
        if outcome == .storeDown { request.entry?.counters.heldBack += 1 }
        selection.stored = nil
        let wire = outcome == .malformed || outcome == .originMalformed ? served.wireFault : nil
        if let wire { worker.counters.wireFaults[Int(wire.reason.rawValue)] += 1 }
        let problem = Problem(outcome, wire)
        switch outcome {
        case .malformed, .bodyTooLarge, .bodyTimeout, .bodyTooSlow, .headTimeout: stream?.closesAfterResponse = true
        default: break
        }
        respond(
            status: problem.status, reason: ReasonPhrase.of(problem.status), detail: problem.slug,
            content: problem.document
        ) { writer in
            writer.append("Content-Type", "application/problem+json")
            writer.append("Cache-Control", "no-store")
            if problem.status == 405 { writer.append("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, QUERY") }
            if let error = outcome.proxyError { writer.appendProxyStatus(error: error) }
            if problem.status == 503 { writer.append("Retry-After", "1") }
        }
        return .done
    }

    /// Sends a whole response of Larder's own.
    func respond(
        status: Int, reason: StaticString, detail: StaticString, content: [UInt8] = [], hasLength: Bool = true,
        fields: (ResponseHeadWriter) -> Void
    ) {
        guard let stream else { return }
        served.status = status
        writer.begin(status, reason)
        writer.appendDate()
        fields(writer)
        if hasLength, status != 204 { writer.append("Content-Length", decimal: UInt64(content.count)) }
        if served.verdict == .none { served.verdict = .bypass }
        if runtime.showsXCache { writer.append(line: served.verdict.line) }
        if runtime.showsCacheStatus {
            var member: CacheStatus?
            if let forward = served.forward {
                member = CacheStatus(.forwarded(forward))
                member?.forwardStatus = served.forwardStatus
                member?.isCollapsed = served.isCollapsed
            }
            writer.append(member, detail: detail)
        }
        let number = self.number
        stream.sendHead(.known(UInt64(content.count)))
        if request.head.method != .head { stream.send(content.span) }
        guard number == self.number else { return }
        stream.end(trailers: [])
    }
}
