// Answering from a response that is still arriving: the head as it will be stored, and the body as far as it has come,
// at the pace at which this client takes it. The leader of a flight comes here too once its client is slower than the
// origin.

import Bytes
import CacheStorage
import HTTPCaching
import HTTPWire

extension Transaction {
    /// Bytes of the body that are taken at once. While a client doesn't take them they are what it costs.
    private static let window = 64 << 10
    /// Windows sent in one turn to one client.
    private static let windowsPerTurn = 2

    /// Begins the answer of a follower.
    func beginReading(_ head: FlightHead) {
        if flight?.reach.isBroken == true {
            // Nothing has gone out yet, so this one still gets a whole answer.
            leaveFlight()
            return endWithout(.closedEarly)
        }
        part = .reading
        position = 0
        client?.awaitNothing()
        status = Int(head.response.status)
        outcome = verdict.outcome
        decideConnection()
        if let length = head.length {
            output.framing = .length(UInt64(length))
        } else if self.head.minorVersion >= 1 {
            output.framing = .chunked
        } else {
            output.framing = .untilClose
            output.closes = true
        }
        appendStoredHead(head.response)
        appendOwnFields(head.response)
        if case .length(let length) = output.framing {
            // RFC 9110 §8.6: none in a 204.
            if !head.response.description.headHasContentLength && status != 204 {
                Forwarding.appendField("Content-Length", decimal: length, to: &worker.scratch)
            }
        } else if output.framing == .chunked {
            worker.scratch.append("Transfer-Encoding: chunked\r\n")
        }
        Forwarding.endHead(&worker.scratch)
        output.hasBegun = true
        pump()
    }

    /// Sends what there is, until the client takes no more or nothing more is there.
    func pump() {
        guard let flight, client != nil, output.hasBegun, part == .reading || part == .leading else { return }
        let worker = self.worker
        var windows = 0
        while !output.isBlocked {
            let reach = flight.reach
            if reach.isBroken {
                emit()
                return cutShort(.answerCutShort)
            }
            if let landed = reach.landed, output.framing != .chunked {
                leaveLanded()
                return emitRest(of: landed)
            }
            if position < reach.end {
                if windows == Self.windowsPerTurn {
                    // Others have their turn; the socket, which has room, brings us back.
                    client?.awaitRoom()
                    break
                }
                windows += 1
                worker.window.removeAll()
                let count = flight.read(from: position, atMost: Self.window) { worker.window.append($0) }
                // It has broken off since.
                guard count > 0 else {
                    emit()
                    return cutShort(.answerCutShort)
                }
                position += count
                emitWindow()
                if client == nil { return }
                continue
            }
            if reach.isWhole {
                leaveLanded()
                if output.framing == .chunked { worker.scratch.append("0\r\n\r\n") }
                emit()
                return complete()
            }
            emit()
            if reach.isNarrow { noteCaughtUp(flight, reach.end) }
            if client != nil && !output.isBlocked { client?.awaitNothing() }
            return
        }
    }

    /// In a narrow flight the origin goes on once everybody has come as far as this.
    private func noteCaughtUp(_ flight: Flight, _ end: Int) {
        if part == .leading {
            // It is waited for only where it lagged.
            if isHeldUp { flight.noteLeaderCaughtUp() }
            isHeldUp = false
        } else if caughtUpAt != end {
            caughtUpAt = end
            flight.noteCaughtUp(at: end)
        }
    }

    /// What stands in the worker's window, framed for this client.
    private func emitWindow() {
        let worker = self.worker
        let count = worker.window.count
        bodyBytes += count
        guard output.framing == .chunked else { return emit(worker.window.span) }
        worker.scratch.append(hex: UInt64(count))
        worker.scratch.append("\r\n")
        let lineEnd = worker.lineEnd
        emit(worker.window.span, lineEnd.span)
    }

    /// The rest of a complete response goes out from where it lies.
    func emitRest(of landed: StoredResponse) {
        guard let client else { return }
        let worker = self.worker
        let wasBlocked = output.isBlocked
        bodyBytes += landed.bodyCount - position
        output.isComplete = true
        output.backlog.append(worker.scratch.span)
        worker.scratch.removeAll()
        if position < landed.bodyCount {
            output.pinned = landed
            output.pinnedStart = position
            output.pinnedEnd = landed.bodyCount
        }
        client.awaitRoom()
        if !wasBlocked { clientWritable() }
    }

    /// The flight has nothing more for this one.
    private func leaveLanded() {
        guard let flight else { return }
        self.flight = nil
        let part = self.part
        self.part = .none
        if part == .reading {
            worker.unfollow(flight, self)
            flight.leave(caughtUpAt: caughtUpAt)
        }
    }
}
