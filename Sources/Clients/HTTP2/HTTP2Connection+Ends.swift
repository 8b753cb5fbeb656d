// How long an HTTP/2 connection waits for anything, and how it ends (RFC 9113 §5.4, §6.8).

import EventLoop
import HTTP2Wire

extension HTTP2Connection {
    // MARK: Deadlines

    /// Something is due by then at the latest.
    func noteDeadline(_ time: MonotonicTime) {
        if !hasDeadline || time < deadline { setDeadline(time) }
    }

    /// No request is in progress.
    func becomeIdle() {
        idleDue = loop.now.advanced(byMilliseconds: connections.limits.idleTimeout)
        noteDeadline(idleDue!)
        guard channel != nil else { return }
        restDue = loop.now.advanced(byMilliseconds: ClientConnections.restMilliseconds)
        noteDeadline(restDue!)
    }

    func timeIsUp() {
        if phase == .lingering { return leave() }
        let now = loop.now
        if let headDue, headDue <= now {
            self.headDue = nil
            connections.counters.http2.headsLate += 1
            session.terminate(.none)
        } else if let settingsDue, settingsDue <= now {
            self.settingsDue = nil
            connections.counters.http2.headsLate += 1
            session.terminate(.settingsTimeout)
        } else if stuckSince != nil, writeDue <= now {
            return breakOff()
        } else if let shutdownDue, shutdownDue <= now {
            self.shutdownDue = nil
            session.shutDown()
        } else if let idleDue, idleDue <= now {
            connections.counters.idleClosed += 1
            session.terminate(.none)
        }
        if let restDue, restDue <= now {
            self.restDue = nil
            channel?.rest()
        }
        while let stream = unfinished.takeDue(now) { reset(stream, .none) }
        for stream in streams where stream.isDue(now) { stream.becomeDue() }
        run()
        guard isOpen, phase != .lingering else { return }
        var next = headDue
        let others = [settingsDue, idleDue, restDue, shutdownDue, unfinished.due, stuckSince == nil ? nil : writeDue]
        for due in others + streams.map(\.due) {
            if let due { next = next.map { min($0, due) } ?? due }
        }
        if let next { setDeadline(max(next, loop.now.advanced(byMilliseconds: 1))) }
    }

    // MARK: Ends

    /// One stream too many (RFC 9113 §5.1.2).
    func refuse(_ stream: Int32) {
        connections.counters.http2.streamsRefused += 1
        reset(stream, .refusedStream)
        // Each makes nghttp2 keep a RST_STREAM until the client reads.
        _ = spend(.control)
    }

    /// A malformed header section (RFC 9113 §8.1.1): nobody hears of the request.
    func refuse(_ stream: HTTP2Stream) {
        connections.counters.http2.faults += 1
        let identifier = stream.identifier
        release(stream)
        reset(identifier, .protocolError)
        _ = spend(.reset)
    }

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
        connections.memory.hold(-unsent.heldCount)
        unsent.removeAll()
        leave()
    }

    // MARK: Requests that nobody reads any more

    /// The response is complete: the rest of the request is not wanted, and the client may end it or be told so
    /// (RFC 9113 §8.1).
    func awaitEnd(of stream: Int32) {
        guard phase == .open, !isShuttingDown, !session.isTerminated else { return reset(stream, .none) }
        if unfinished.count >= connections.limits.streams, let first = unfinished.takeFirst() { reset(first, .none) }
        unfinished.add(stream, now: loop.now)
        if let due = unfinished.due { noteDeadline(due) }
    }

    /// Content that nobody reads.
    func passOver(_ count: Int, of stream: Int32) {
        if !unfinished.takes(count, of: stream) { reset(stream, .none) }
    }

    // MARK: Bounds

    /// SETTINGS are about to be taken. nghttp2 resets streams whose windows they take past the limit, where RFC 9113 §6.9.2 has
    /// the connection end.
    func noteWindows() {
        let widest = streams.reduce(0) { max($0, session.sendWindow(of: $1.identifier)) }
        mostInitialWindow = HTTP2Session.largestWindow - widest + session.initialSendWindow
    }

    /// They were taken; false if nothing more is read.
    func takesSettings() -> Bool {
        session.initialSendWindow <= mostInitialWindow ? true : fail(.flowControlError)
    }

    /// One more field of the section that is being read; false if nothing more is.
    func takesField(_ count: Int) -> Bool {
        if decodedSize.takes(count, limit: connections.limits.head.head) { return true }
        connections.counters.http2.frameFloods += 1
        return fail(.enhanceYourCalm)
    }
}
