// The leader's side of a response that is kept whole: the body as it arrives goes to the store's builder first, and from
// there to whoever reads along. The leader's own client gets each piece at once, as long as it keeps up.

import CacheStorage
import EventLoop
import HTTPCaching
import HTTPWire
import Origins

extension Transaction {
    /// A piece of the body.
    func collect(_ piece: Span<UInt8>) {
        guard let flight else { return }
        if isCollecting {
            do throws(StoredResponseBuilder.Refusal) { try flight.append(piece) } catch {
                stopCollecting(flight, error)
                guard self.flight != nil else {
                    if client != nil && !isRenewed { emitBody(piece) }
                    return
                }
            }
        }
        if isNarrow { flight.narrow(piece) }
        let keepsUp = position == arrived && !isHeldBack && client != nil && !output.isBlocked
        arrived += piece.count
        if keepsUp {
            position = arrived
            emitBody(piece)
        }
    }

    /// It can't be kept whole. With nobody else reading it streams through; else it goes on in a narrow flight.
    private func stopCollecting(_ flight: Flight, _ refusal: StoredResponseBuilder.Refusal) {
        worker.counters.storeRefused += 1
        isCollecting = false
        isToBeStored = false
        endFlight(flight)
        worker.shared.flights.noteUnshared(flight.key, now: worker.loop.now, isShort: false)
        if isHeldBack {
            // Nothing has gone out yet, and without the whole nothing can.
            flight.refuse(.unshared)
            self.flight = nil
            part = .none
            return isUnattended ? endUnattended() : fetchAsAsked()
        }
        if flight.followers == 0 && (client == nil || position == arrived) {
            flight.abandon()
            self.flight = nil
            part = .none
            if output.isBlocked { exchange?.pause() }
            // With nobody left, its consumer ends it once this turn's pieces are through.
            if isUnattended { endUnattended() }
            return
        }
        isNarrow = true
        worker.leaders[ObjectIdentifier(flight)] = self
    }

    /// At the end of a turn: the origin is read on when everybody has what there is.
    func holdOrigin() {
        guard let flight, isNarrow else { return }
        if flight.hold(leaderIsBehind: holdsUp()) {
            exchange?.pause()
        } else {
            flight.release()
        }
    }

    /// Whether this leader's own client has yet to take something; it is then waited for.
    func holdsUp() -> Bool {
        isHeldUp = client != nil && position < arrived
        return isHeldUp
    }

    /// The body is complete.
    func collected() {
        guard let flight else { return }
        var whole: StoredResponse?
        let isMissingPart = partial?.missing != nil
        do throws(StoredResponseBuilder.Refusal) { whole = try flight.land(withholding: isMissingPart) } catch {
            worker.counters.storeRefused += 1
        }
        // What the client is sent is what arrived; what is stored may be more, and laid out in its own way.
        let content = whole
        if let part = whole, partial?.range != nil { whole = joined(part) }
        // Others get what is whole now, and none of its parts.
        let isForOthers = !isMissingPart || whole?.kind == .response && key == flight.key
        if isMissingPart && isForOthers, let whole { flight.land(whole) }
        if let whole, isToBeStored { keep(whole, holding: land(flight)) }
        endFlight(flight)
        if !isForOthers { flight.refuse(.ownReason) }
        if let whole, let forGet, isToBeStored { keepForGet(whole, forGet) }
        if isUnattended { return endUnattended() }
        if isHeldBack {
            endFetch()
            self.flight = nil
            part = .none
            guard let whole else { return fetchAsAsked() }
            if partial?.missing != nil { return deliverJoined(whole) }
            stored = whole
            return resume(at: .deliver)
        }
        if position == arrived {
            self.flight = nil
            part = .none
            return endAnswer()
        }
        // The client lags: the rest goes out as it takes it.
        endFetch()
        emit()
        if let content, output.framing != .chunked {
            self.flight = nil
            part = .none
            emitRest(of: content)
        }
    }
}

extension StoredResponseBuilder.Refusal {
    /// Why it isn't stored.
    var reason: Reason {
        switch self {
        case .tooLarge: .tooLarge
        case .wrongLength: .incomplete
        case .budgetExhausted, .outOfMemory: .storeUnavailable
        }
    }
}
