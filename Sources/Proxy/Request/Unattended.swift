// Fetches without a client: begun to renew what is stored in the background (RFC 5861 §3, early refresh), or left behind
// by a client that is gone while others wait for the same answer, or while it is nearly complete.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

extension Transaction {
    /// Refreshes that one worker has under way at most; beyond it stale responses are served without.
    static let refreshLimit = 512
    /// An answer of which less than this is missing is fetched to its end though nobody waits for it.
    private static let nearlyDone = 64 << 10

    // MARK: Refreshing

    /// Fetches what is stored anew, once the present request is answered; nothing if somebody does already.
    func refreshInBackground(because reason: Reason) {
        guard let stored, head.method != .head, !content.collectedIsPrefix else { return }
        if let explainer { return explainer.noteRefresh(reason) }
        let worker = self.worker
        guard worker.refreshes < Self.refreshLimit else {
            worker.counters.refreshesSkipped += 1
            return
        }
        if !isKeyTextKept { keepKeyText() }
        guard
            let flight = worker.shared.flights.lead(
                key, now: worker.loop.now, asked: asked, known: stored, make: { newFlight() })
        else { return }
        let other = worker.takeTransaction()
        guard other.takeOver(self, stored, flight, because: reason) else {
            worker.shared.flights.remove(flight, under: flight.key)
            return worker.giveBack(other)
        }
        worker.refreshes += 1
        worker.counters.refreshes += 1
        let number = other.number
        worker.loop.atEndOfTurn {
            if other.number == number { other.resume(at: .fetch) }
        }
    }

    /// Becomes a request for the same thing, without a client.
    private func takeOver(_ other: Transaction, _ stored: StoredResponse, _ flight: Flight, because reason: Reason)
        -> Bool
    {
        let worker = self.worker
        headCopy.removeAll()
        headCopy.append(other.bytes.extracting(..<other.head.length))
        isDetached = true
        guard parseCopy(limits: other.runtime.headLimits) else { return false }
        runtime = other.runtime
        isUnattended = true
        isRefresh = true
        began = worker.loop.now
        peer = other.client?.peer ?? other.peer
        content = other.content
        match = other.match
        entry = other.entry
        scheme = other.scheme
        facts = RequestFacts(method: other.facts.method)
        if other.facts.hasAuthorization { facts.note(.authorization, Span()) }
        key = other.key
        plainKey = other.plainKey
        plainTextCount = other.plainTextCount
        keyText.removeAll()
        keyText.append(other.keyText.span)
        isKeyTextKept = true
        search = other.search
        marker = other.marker
        self.stored = stored
        self.reason = reason
        verdict = .miss
        isValidating = stored.facts.hasValidator
        self.flight = flight
        part = .leading
        worker.leaders[ObjectIdentifier(flight)] = self
        return true
    }

    private func parseCopy(limits: HeadLimits) -> Bool {
        let bytes = self.bytes
        do throws(WireError) { return try head.parse(bytes, limits: limits) } catch { return false }
    }

    /// Fields of the client's that say nothing about what is to be stored.
    static let notRefreshed = FieldSet.conditionals.union([.range, .cacheControl, .pragma])

    // MARK: Left behind

    /// The client is gone, or has its answer: whether the fetch goes on without it.
    var outlivesClient: Bool {
        guard part == .leading, let flight, let exchange, content.isComplete, !isTunnel, !exchange.isEnded else {
            return false
        }
        if flight.followers > 0 { return true }
        guard let remaining = exchange.remainingLength, isCollecting else { return false }
        return remaining <= UInt64(max(Self.nearlyDone, flight.end / 3))
    }

    /// Goes on without a client, for those who wait and for the store.
    func leaveBehind() {
        guard let flight else { return }
        client = nil
        isUnattended = true
        output.reset()
        worker.leaders[ObjectIdentifier(flight)] = self
        worker.counters.fetchesLeftBehind += 1
        exchange?.resume()
    }

    /// Nobody waits for it any more, or those that lagged have caught up.
    func flightNeedsLeader() {
        guard let flight, part == .leading else { return }
        if isNarrow {
            if flight.followers == 0 && client == nil { return endUnattended() }
            if !flight.hold(leaderIsBehind: holdsUp()) {
                flight.release()
                exchange?.resume()
            }
            return
        }
        if isUnattended && !isRefresh && flight.followers == 0 && !outlivesClient { endUnattended() }
    }

    /// Its fetch is over, one way or another.
    func endUnattended() {
        guard isUnattended else { return }
        worker.scratch.removeAll()
        if isRefresh {
            worker.refreshes -= 1
            isRefresh = false
        }
        isUnattended = false
        worker.giveBack(self)
        worker.endDrainIfDone()
    }
}
