// How long a multiplexed connection waits for anything: for its streams, for a sign of life (RFC 9113 §6.7), for SETTINGS to be
// acknowledged (§6.5.3), and for more to do.

import EventLoop

extension MultiplexedConnection {
    /// A server that has streams and is silent for so long is asked for a sign of life, and has so long to give it.
    static let silenceMilliseconds: Int64 = 10_000
    private static let pingMilliseconds: Int64 = 5_000
    static let settingsMilliseconds: Int64 = 10_000
    /// A server that reads nothing is not told goodbye for longer than this.
    static let goodbyeMilliseconds: Int64 = 5_000

    /// Something is due by then at the latest.
    func noteDeadline(_ time: MonotonicTime) {
        if !hasDeadline || time < deadline { setDeadline(time) }
    }

    /// - Parameter time: when it is closed, unless it has streams before.
    func idle(until time: MonotonicTime) {
        idleDue = time
        noteDeadline(time)
    }

    func settingsAcknowledged() { settingsDue = nil }

    private var silenceDue: MonotonicTime? {
        guard phase == .open || phase == .leaving, !streams.isEmpty, pingDue == nil else { return nil }
        return lastHeard.advanced(byMilliseconds: Self.silenceMilliseconds)
    }

    func timeIsUp() {
        let now = loop.now
        if let pingDue, pingDue <= now {
            counters.silences += 1
            return abandon()
        }
        if let goodbyeDue, goodbyeDue <= now { return abandon() }
        if let settingsDue, settingsDue <= now {
            self.settingsDue = nil
            counters.faults += 1
            session.terminate(.settingsTimeout)
        } else if let idleDue, idleDue <= now, streams.isEmpty {
            self.idleDue = nil
            end()
        } else if let silenceDue, silenceDue <= now {
            session.ping()
            pingDue = now.advanced(byMilliseconds: Self.pingMilliseconds)
        }
        for stream in streams where stream.isDue(now) { stream.becomeDue() }
        run()
        guard isOpen else { return }
        var next: MonotonicTime?
        for due in [pingDue, goodbyeDue, settingsDue, idleDue, silenceDue] + streams.map(\.due) {
            if let due { next = next.map { min($0, due) } ?? due }
        }
        if let next { setDeadline(max(next, loop.now.advanced(byMilliseconds: 1))) }
    }
}
