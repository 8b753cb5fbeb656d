// Sharing one fetch (RFC 9111 §4: a cache may collapse requests): a request that would ask the origin for what another
// one is asking for already waits for that answer, if it may be given it. Otherwise it leads, and others follow.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPWire

/// What a transaction has to do with a flight.
enum FlightPart {
    case none
    /// Its fetch is the flight's.
    case leading
    /// It waits for the head, or for the whole where it needs that.
    case waiting
    /// It sends the body on as it arrives.
    case reading
}

extension Transaction {
    /// After so many flights that brought nothing for it a request waits for no other.
    private static let mostWaits = 3

    func join() -> Progress {
        if !isKeyTextKept { keepKeyText() }
        guard let entry, entry.collapseMilliseconds > 0, waits < Self.mostWaits, !isUnattended else {
            return .next(.fetch)
        }
        let worker = self.worker
        let plain = plainKey
        let key = self.key
        let cache = worker.cache
        let mayLead = head.method != .head && !facts.hasRange && !facts.flags.contains(.noStore)
        let role = worker.shared.flights.join(
            key, keyText: keyText.span, worker: worker.index, mailbox: worker.mailbox, now: worker.loop.now,
            asked: asked,
            isOvertaken: { flight in cache.overtook(key, plainKey: plain, since: flight.began) },
            make: { mayLead ? newFlight() : nil })
        switch role {
        case .alone(let isKnownUnshared):
            if isKnownUnshared {
                isCollapsed = false
                aloneReason = .unshared
            }
            return .next(.fetch)
        case .lead(let flight):
            self.flight = flight
            part = .leading
            return leadUnlessStored()
        case .follow(let flight):
            self.flight = flight
            part = .waiting
            waits += 1
            detach()
            worker.follow(flight, self)
            client?.awaitNothing()
            client?.setDeadline(afterMilliseconds: entry.collapseMilliseconds)
            flightMoved()
            return .wait
        }
    }

    func newFlight() -> Flight {
        let text = keyText.span.copied()
        return Flight(key: key, keyText: text, began: worker.cache.moment, leader: worker.mailbox)
    }

    /// Another worker's fetch may have been stored since this one looked.
    private func leadUnlessStored() -> Progress {
        let found = worker.cache.lookUpInMemory(key, keyText: keyText.span, now: worker.wallTime)
        guard let found, found.kind == .response, found.id != stored?.id, isUsable(found) else { return .next(.fetch) }
        takeLead()?.land(found)
        stored = found
        reason = nil
        return .next(.decide)
    }

    // MARK: Waiting

    /// Something has changed in the flight that this request follows.
    func flightMoved() {
        guard let flight else { return }
        switch part {
        case .none, .leading: return
        case .reading: return pump()
        case .waiting: break
        }
        switch flight.news {
        case .none: return
        case .head(let head, let isWhole): use(head, isWhole: isWhole)
        case .gone:
            leaveFlight()
            fetchAlone()
        case .refused(.ownReason):
            leaveFlight()
            resume(at: .join)
        case .refused(.unshared):
            leaveFlight()
            isCollapsed = false
            fetchAlone()
        case .refused(.originFailure(let status)):
            leaveFlight()
            guard stored != nil, fallback.contains(.onError) else { return fetchAlone() }
            forward = reason?.forward ?? .miss
            forwardStatus = status
            isCollapsed = true
            deliverStale(.staleIfError)
        case .failed(let cause):
            leaveFlight()
            forward = reason?.forward ?? .miss
            isCollapsed = true
            endWithout(cause)
        }
    }

    private func fetchAlone() {
        waits = Self.mostWaits
        client?.awaitNothing()
        resume(at: .fetch)
    }

    /// The wait has its limit. The first to reach it fetches anew, for all that still wait.
    func waitTimedOut() {
        guard let flight, part == .waiting else { return }
        worker.counters.waitsTimedOut += 1
        aloneReason = .waitTimedOut
        // Once its head is there others may still read along.
        if case .none = flight.news {
            worker.shared.flights.remove(flight, under: flight.key)
            leaveFlight()
            client?.awaitNothing()
        } else {
            leaveFlight()
            return fetchAlone()
        }
        if waits > 1 { return fetchAlone() }
        resume(at: .join)
    }

    /// Another request's answer has its head: is it one for this request?
    private func use(_ head: FlightHead, isWhole: Bool) {
        guard let flight, let policy = entry?.policy else { return }
        if worker.cache.overtook(plainKey, since: flight.began) {
            leaveFlight()
            return resume(at: .join)
        }
        if isInvalidatedWithGroup(head.response) {
            // Others that come later aren't to find it either.
            worker.shared.flights.remove(flight, under: flight.key)
            if head.key != flight.key { worker.shared.flights.remove(flight, under: head.key) }
            leaveFlight()
            return resume(at: .join)
        }
        if key != head.key { followSearchRule() }
        // What doesn't vary, or no longer, is for every variant.
        if key != head.key && (head.marker != nil || plainKey != head.key) {
            // It varies, and this request's own fields say which variant is wanted (RFC 9111 §4.1).
            guard let marker = head.marker else {
                leaveFlight()
                return fetchAlone()
            }
            composeVariantKey(marker)
            keepKeyText()
            if key != head.key {
                leaveFlight()
                client?.awaitNothing()
                reason = nil
                stored = nil
                return resume(at: .lookUp)
            }
        }
        switch reuseVerdict(stored: head.response.facts, request: facts, policy: policy, now: worker.instant) {
        case .fresh, .stale: break
        case .validate, .bypass, .refuse:
            leaveFlight()
            return fetchAlone()
        }
        let isMeasured = head.response.description.headHasContentLength
        let needsWhole = facts.hasRange || facts.hasConditions || self.head.method == .head && !isMeasured
        if needsWhole && !isWhole { return }
        forward = reason?.forward ?? .uriMiss
        isCollapsed = true
        reason = nil
        verdict = .miss
        worker.counters.collapsed += 1
        stored = head.response
        guard isWhole || self.head.method == .head else { return beginReading(head) }
        leaveFlight()
        client?.awaitNothing()
        resume(at: .deliver)
    }

    /// Has no part in a flight any more. What a leader's fetch brought is lost to the others.
    func leaveFlight() {
        if let led = takeLead() { return led.leaveToOthers() }
        guard let flight else { return }
        self.flight = nil
        part = .none
        worker.unfollow(flight, self)
        flight.leave(caughtUpAt: caughtUpAt)
    }

    /// The flight that this one leads, if it does; from now on it is out of everybody's sight, and not this one's any more.
    /// Its followers are still to be told how it ends.
    func takeLead() -> Flight? {
        guard let flight, part == .leading else { return nil }
        endFlight(flight)
        self.flight = nil
        part = .none
        return flight
    }

    /// Takes the flight that this one leads out of everybody's sight.
    func endFlight(_ flight: Flight) {
        let flights = worker.shared.flights
        flights.remove(flight, under: flight.key)
        if key != flight.key { flights.remove(flight, under: key) }
        worker.leaders[ObjectIdentifier(flight)] = nil
    }
}
