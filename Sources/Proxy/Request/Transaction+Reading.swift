// Responding from a fill: the request's own, which tells it of everything at once, or another request's, whose feed it reads at
// the pace at which this client takes it. The first reader of a fill comes to the feed too once its client is slower than the
// origin.

import Bytes
import CacheStorage
import Clients
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

extension Transaction: FillReader {
    // MARK: Its own fill

    var readCount: Int { reading.count }

    func fillInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) { passInterim(response, bytes) }

    func fillBegan(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, lines: RecordHead?) {
        if case .filling(let fill) = activity {
            served.isStored = fill.isToBeStored
            served.notStoredReason = fill.notStoredReason
        }
        respondFetched(response, bytes, lines: lines)
    }

    func fillReceived(_ piece: Span<UInt8>, at position: Int) {
        guard let stream else { return }
        if case .passing = activity { return stream.send(piece) }
        guard position == reading.count, !stream.isBlocked, !isEnd(piece) else { return }
        reading.count += piece.count
        stream.send(piece)
    }

    /// Whoever has all of a response finds it in the store: a last piece that would go out at once waits for that, a small
    /// one is gathered until then anyway.
    private func isEnd(_ piece: Span<UInt8>) -> Bool {
        guard piece.count > Self.gatheredCount, case .filling(let fill) = activity else { return false }
        return fill.body == .collecting && fill.source?.remaining == 0
    }

    private static let gatheredCount = 4096

    func fillTurnEnded() { stream?.flush() }

    func fillDropped() { cutShort(.clientStalled) }

    func fillEnded(_ whole: StoredResponse?, trailers: [UInt8]) {
        guard case .filling(let fill) = activity, let stream else { return }
        let feed = fill.feed
        let trailers = sentTrailers(trailers)
        activity = .none
        if reading.count == fill.arrived {
            feed.leave(fill.first, tellsFill: false)
            return stream.end(trailers: trailers)
        }
        // The client lags: the rest goes out as it takes it.
        if let whole {
            feed.leave(fill.first, tellsFill: false)
            return stream.sendRest(of: whole, range: reading.count..<whole.bodyCount, trailers: trailers)
        }
        activity = .reading(feed, fill.first)
        worker.startReading(feed, self)
        stream.flush()
    }

    func fillDelivers(_ record: StoredResponse, _ how: FillDelivery, by fill: Fill) {
        guard case .filling(let own) = activity, own === fill else { return }
        endReading(of: fill)
        switch how {
        case .revalidated:
            served.verdict = .revalidated
            served.forwardStatus = Status(304)
            // Why the new fields are for this client alone, where they are.
            served.notStoredReason = fill.notStoredReason
            selection.reason = fill.notStoredReason
            selection.linesBeyond304 = fill.linesBeyond304
        case .whole:
            served.isStored = fill.isToBeStored
            served.notStoredReason = fill.notStoredReason
        case .joined:
            served.isStored = fill.isToBeStored
            served.notStoredReason = fill.notStoredReason
            if !record.isResponse {
                if let known = PartialResponse(record), let range = selection.partial?.toAnswer,
                    deliverKnown(known, range)
                {
                    return
                }
                // What was asked for of our own accord can't be used: the request goes to the origin as it came.
                selection.partial = nil
                selection.stored = nil
                selection.isValidating = false
                return resume(at: .fill)
            }
        }
        selection.stored = record
        resume(at: .deliver)
    }

    func fillServesStale(_ status: Status) {
        guard case .filling(let fill) = activity else { return }
        endReading(of: fill)
        served.forwardStatus = status
        deliverStale(.staleIfError)
    }

    func fillHandsOver(
        _ source: any FillSource, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, because reason: Reason?
    ) {
        takeOver(source)
        served.notStoredReason = reason
        passResponse(response, bytes)
    }

    func fillHandsOverRest(_ source: any FillSource) {
        takeOver(source)
    }

    private func takeOver(_ source: any FillSource) {
        guard case .filling(let fill) = activity else { return }
        endReading(of: fill)
        guard let exchange = source as? Exchange else { return source.stop() }
        exchange.delegate = self
        activity = .passing(exchange)
        if stream?.isBlocked == true { exchange.pause() }
    }

    func fillFailed(_ failure: ExchangeFailure, stored: StoredResponse?) {
        guard case .filling(let fill) = activity else { return }
        endReading(of: fill)
        selection.stored = stored
        fetchFailed(failure)
    }

    /// The fill is over.
    func endReading(of fill: Fill) {
        activity = .none
        fill.feed.leave(fill.first, tellsFill: false)
    }

    // MARK: Another request's fill

    /// Something has changed in the feed that this request waits for or reads from.
    func feedMoved(_ feed: FillFeed) {
        switch activity {
        case .reading(let own, let reader) where own === feed: pump(feed, reader)
        case .waiting(let own, _) where own === feed: look(at: feed)
        default: return
        }
    }

    private func look(at feed: FillFeed) {
        switch feed.news {
        case .none: return
        case .head(let head, let isWhole): use(head, of: feed, isWhole: isWhole)
        case .gone:
            endActivity()
            fetchAlone()
        case .refused(.ownReason):
            endActivity()
            resume(at: .join)
        case .refused(.lookAgain):
            endActivity()
            lookAgain()
        case .refused(.oneClient):
            endActivity()
            // What came for several clients in a row, each time for that client alone, is not to be waited for.
            if reading.waits >= Self.mostWaits {
                fills.table.noteHitForMiss(
                    selection.keys.key, of: feed.scopeOfVerdict, now: worker.loop.now,
                    isShort: selection.stored != nil || feed.range != nil)
            }
            resume(at: .join)
        case .refused(.hitForMiss):
            endActivity()
            served.isCollapsed = false
            fetchAlone()
        case .refused(.originFailure(let status)):
            endActivity()
            guard selection.stored != nil, selection.fallback.contains(.onError) else { return fetchAlone() }
            served.forward = selection.reason?.forward ?? .miss
            served.forwardStatus = status
            served.isCollapsed = true
            deliverStale(.staleIfError)
        case .failed(let cause):
            endActivity()
            served.forward = selection.reason?.forward ?? .miss
            served.isCollapsed = true
            endWithout(cause)
        }
    }

    private func fetchAlone() {
        reading.waits = Self.mostWaits
        stream?.awaitNothing()
        resume(at: .fill)
    }

    /// The wait has its limit. The first to reach it fetches anew, for all that still wait.
    func waitTimedOut() {
        guard case .waiting(let feed, _) = activity else { return }
        fills.counters.waitsTimedOut += 1
        served.aloneReason = .waitTimedOut
        // Once its head is there others may still read along.
        guard case .none = feed.news else {
            endActivity()
            guard reading.isWaitingForPart, request.oneRange != nil else { return fetchAlone() }
            reading.isBehind = true
            stream?.awaitNothing()
            return resume(at: .join)
        }
        fills.table.remove(feed, under: feed.key)
        endActivity()
        stream?.awaitNothing()
        reading.isPastWaiting = true
        if reading.waits > 1 { return fetchAlone() }
        resume(at: .join)
    }

    /// Another request's response has its head: is it one for this request?
    private func use(_ head: FillHead, of feed: FillFeed, isWhole: Bool) {
        guard let policy = request.policy, let stream else { return }
        if cache.overtook(selection.keys.plainKey, since: feed.began) {
            endActivity()
            return resume(at: .join)
        }
        if request.purgeVerdict(on: head.response, at: selection.keys.selected, in: cache) != .current {
            // Others that come later aren't to find it either.
            fills.table.remove(feed, under: feed.key)
            if head.key != feed.key { fills.table.remove(feed, under: head.key) }
            endActivity()
            return resume(at: .join)
        }
        guard isSameKey(as: head) else { return }
        switch reuseVerdict(
            stored: head.response.facts, request: request.facts, policy: policy, now: worker.instant)
        {
        case .fresh, .stale: break
        case .validate, .bypass, .refuse:
            endActivity()
            return fetchAlone()
        }
        let isComplete = isWhole && head.part == nil
        let plan = isComplete ? nil : ReadingPlan(request, reading: head, now: worker.instant)
        if plan == .later { return waitForPart() }
        if plan == .elsewhere {
            endActivity()
            return resume(at: .join)
        }
        served.forward = selection.reason?.forward ?? .uriMiss
        served.isCollapsed = true
        served.verdict = .miss
        selection.reason = nil
        selection.stored = head.response
        fills.counters.coalesced += 1
        switch plan {
        case .whole, .part, .later, .elsewhere: return beginReading(head, of: feed, plan)
        case nil, .head, .notModified, .unsatisfiable: endActivity()
        }
        stream.awaitNothing()
        switch plan {
        case .head: deliverHead(head)
        case .unsatisfiable(let length): deliverUnsatisfiable(head.response, length: length)
        case nil, .whole, .part, .later, .elsewhere, .notModified: resume(at: .deliver)
        }
    }

    /// What it asks for hasn't arrived, and might be had sooner from the origin: it isn't waited for as long as a head.
    private func waitForPart() {
        guard !reading.isWaitingForPart, let entry = request.entry else { return }
        reading.isWaitingForPart = true
        stream?.wait(atMostMilliseconds: min(entry.collapseMilliseconds, Self.partMilliseconds))
    }

    private static let partMilliseconds: Int64 = 1_000

    /// Whether the response belongs to this request's key; if not, the request goes on elsewhere.
    private func isSameKey(as head: FillHead) -> Bool {
        let fills = self.fills
        if selection.keys.key != head.key {
            selection.keys.followSearchRule(request, &fills.composer, fills.searchRules)
        }
        // What doesn't vary, or no longer, is for every variant.
        guard selection.keys.key != head.key && (head.varyIndex != nil || selection.keys.plainKey != head.key) else {
            return true
        }
        // It varies, and this request's own fields say which variant is wanted (RFC 9111 §4.1).
        guard let index = head.varyIndex else {
            endActivity()
            fetchAlone()
            return false
        }
        for list in 0..<VaryLists.count(in: index.varyNames) {
            selectVariant(by: index, list: list)
            selection.keys.keepText(fills.composer)
            if selection.keys.key == head.key { return true }
        }
        if selection.keys.list > 0 { selectVariant(by: index) }
        endActivity()
        stream?.awaitNothing()
        selection.reason = nil
        selection.stored = nil
        resume(at: .lookUp)
        return false
    }

    /// Begins the response of a reader.
    private func beginReading(_ head: FillHead, of feed: FillFeed, _ plan: ReadingPlan?) {
        guard let stream, case .waiting(_, let reader) = activity else { return }
        if feed.reach(of: reader).isBroken {
            // Nothing has gone out yet, so this one still gets a whole response.
            endActivity()
            return endWithout(.closedEarly)
        }
        activity = .reading(feed, reader)
        stream.awaitNothing()
        if case .part(let part, let completeLength) = plan {
            let start = head.part?.range.lowerBound ?? 0
            reading.count = Int(part.lowerBound - start)
            reading.end = Int(part.upperBound - start)
            feed.advance(reader, to: reading.count)
            beginPart(head.response, part, completeLength: completeLength)
        } else {
            reading.count = 0
            served.status = Int(head.response.status)
            served.outcome = served.verdict.outcome
            beginHead(head)
            stream.sendHead(head.length.map { .known(UInt64($0)) } ?? .unknown)
        }
        pump(feed, reader)
    }

    // MARK: The body

    /// Bytes of the body that are taken at once. While a client doesn't take them they are what it costs.
    private static let windowCount = 64 << 10
    /// Windows sent in one turn to one client.
    private static let windowsPerTurn = 2

    /// Sends what there is, until the client takes no more or nothing more is there.
    func pump(_ feed: FillFeed, _ reader: FillFeed.ReaderID) {
        guard let stream, stream.hasBegun else { return }
        let number = self.number
        let worker = self.worker
        var windows = 0
        while true {
            let reach = feed.reach(of: reader)
            if reach.isDropped { return cutShort(.clientStalled) }
            if stream.isBlocked { break }
            if reach.isBroken {
                stream.flush()
                return cutShort(feed.isStored ? .storedCutShort : .responseCutShort)
            }
            if let completed = reach.completed {
                endActivity()
                let end = reading.end ?? completed.bodyCount
                return stream.sendRest(of: completed, range: reading.count..<end, trailers: [])
            }
            let end = min(reach.end, reading.end ?? .max)
            if reading.count < end {
                if windows == Self.windowsPerTurn {
                    // Others have their turn; the socket, which has room, brings us back.
                    stream.flush()
                    if number == self.number { stream.yield() }
                    return
                }
                windows += 1
                worker.window.removeAll()
                let limit = min(Self.windowCount, end - reading.count)
                let count = feed.read(reader, from: reading.count, atMost: limit) { worker.window.append($0) }
                // It has broken off since, or was too slow.
                guard count > 0 else {
                    stream.flush()
                    if feed.reach(of: reader).isDropped { return cutShort(.clientStalled) }
                    return cutShort(feed.isStored ? .storedCutShort : .responseCutShort)
                }
                reading.count += count
                stream.send(worker.window.span)
                if number != self.number { return }
                continue
            }
            if reach.isWhole || reading.count == reading.end {
                endActivity()
                return stream.end(trailers: [])
            }
            stream.flush()
            if number != self.number { return }
            if !stream.isBlocked { stream.awaitNothing() }
            return
        }
        stream.flush()
    }
}
