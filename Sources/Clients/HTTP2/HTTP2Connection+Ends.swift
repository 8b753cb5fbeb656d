// How long an HTTP/2 connection waits for anything, and how it ends (RFC 9113 §5.4, §6.8).

import EventLoop
import HTTP2Wire

extension HTTP2Connection {
    // MARK: Deadlines

    /// Something is due by then at the latest.
    func noteDeadline(_ time: MonotonicTime) {
        if !hasDeadline || time < deadline { setDeadline(time) }
    }

    func timeIsUp() {
        if phase == .lingering { return leave() }
        let now = loop.now
        if let headDue, headDue <= now {
            self.headDue = nil
            connections.counters.http2.headsLate += 1
            session.terminate(.none)
        } else if stuckSince != nil, writeDue <= now {
            return breakOff()
        } else if let shutdownDue, shutdownDue <= now {
            self.shutdownDue = nil
            session.shutDown()
        } else if let idleDue, idleDue <= now {
            connections.counters.idleClosed += 1
            session.terminate(.none)
        }
        for stream in streams where stream.isDue(now) { stream.becomeDue() }
        run()
        guard isOpen, phase != .lingering else { return }
        var next = headDue
        for due in [idleDue, shutdownDue, stuckSince == nil ? nil : writeDue] + streams.map(\.due) {
            if let due { next = next.map { min($0, due) } ?? due }
        }
        if let next { setDeadline(max(next, loop.now.advanced(byMilliseconds: 1))) }
    }

    // MARK: Ends

    func endStreams() {
        while let stream = streams.last { stream.fail() }
    }

    /// Everything was said.
    func finish() {
        endStreams()
        guard isOpen else { return }
        phase = .lingering
        shutDownSending()
        beginLingering()
    }

    /// The connection is of no use any more.
    func breakOff() {
        isBroken = true
        if isRunning { return }
        isRunning = true
        endStreams()
        isRunning = false
        connections.memory.hold(-unsent.count)
        unsent.removeAll()
        unsentStart = 0
        leave()
    }
}
