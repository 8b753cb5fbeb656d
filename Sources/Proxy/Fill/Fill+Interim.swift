// Interim responses (RFC 9110 §15.2) of a fill: they are the first reader's alone, and nothing keeps them. While its client
// takes none the origin is read no further; but others that wait for the response itself aren't held up by that for long.

import EventLoop
import HTTPWire

/// What a fill does while its first reader's client is behind an interim response.
struct InterimHold {
    /// The client is behind, and the head of the final response isn't there.
    var isBehind = false
    /// Others waited for too long: what comes while the client is behind is not for it any more.
    var skips = false
    var timer: LoopTimer?
}

extension Fill {
    func receivedInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        if interimHold.isBehind && interimHold.skips { return }
        reader?.fillInterim(response, bytes)
        if interimHold.isBehind && !isOver { source?.pause() }
    }

    /// The first reader's client takes nothing for now.
    func readerBlocked() {
        guard !isOver, body == .none, !interimHold.isBehind else { return }
        interimHold.isBehind = true
        if interimHold.skips { return }
        source?.pause()
        if interimHold.timer == nil {
            interimHold.timer = LoopTimer(loop: service.loop) { [weak self] in self?.interimHoldEnded() }
        }
        scheduleHoldEnd()
    }

    private func scheduleHoldEnd() {
        if let limit = service.interimHoldMilliseconds { interimHold.timer?.schedule(afterMilliseconds: limit) }
    }

    /// It has taken everything.
    func readerReady() {
        guard interimHold.isBehind else { return }
        interimHold.isBehind = false
        interimHold.timer?.cancel()
        if body == .none { source?.resume() }
    }

    /// The first reader has left.
    func dropInterimHold() {
        interimHold.timer?.cancel()
        interimHold = InterimHold()
    }

    func interimHoldEnded() {
        guard !isOver, interimHold.isBehind, body == .none else { return }
        guard feed.readers > 1 else {
            return scheduleHoldEnd()
        }
        interimHold.skips = true
        source?.resume()
    }
}
