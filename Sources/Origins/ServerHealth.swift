// Whether requests are sent to a server: it is ejected after failures, for growing pauses, and down while its active
// check fails. A value: time and randomness are arguments; `UpstreamGroup` acts on the result.

import EventLoop

/// Whether requests are sent to a server.
package enum Health: Sendable, Equatable {
    case up
    /// Ejected after failures, until that time.
    case ejected(until: MonotonicTime)
    /// The active check fails.
    case checkedDown
}

/// The failures and checks of one server, and the resulting health.
package struct ServerHealth: Sendable {
    private var consecutiveFailures = 0
    private var ejectedUntil = MonotonicTime(milliseconds: 0)
    private var failedChecks = 0
    private var isCheckedDown = false

    /// The first pause after a failure; each further failure doubles it.
    private static let firstPauseMilliseconds: Int64 = 500
    private static let longestPauseMilliseconds: Int64 = 15_000
    /// A server is down after this many failed checks in a row.
    private static let failedChecksUntilDown = 2

    package init() {}

    /// Whether there are neither failures nor failed checks, so that it is up at any time.
    package var isClear: Bool { consecutiveFailures == 0 && !isCheckedDown }

    package func health(now: MonotonicTime) -> Health {
        if isCheckedDown { return .checkedDown }
        return ejectedUntil > now ? .ejected(until: ejectedUntil) : .up
    }

    /// A response has arrived: the pauses start over.
    package mutating func noteSuccess() {
        guard consecutiveFailures != 0 else { return }
        consecutiveFailures = 0
        ejectedUntil = MonotonicTime(milliseconds: 0)
    }

    /// It could not be reached, or the response was interrupted: it is ejected, longer each time.
    /// - Parameter random: any number, for a jitter of up to a quarter of the pause, so that several workers and
    ///   instances don't retry in step.
    package mutating func noteFailure(now: MonotonicTime, random: UInt64) {
        consecutiveFailures += 1
        let doublings = min(consecutiveFailures - 1, 10)
        let pause = min(Self.firstPauseMilliseconds << Int64(doublings), Self.longestPauseMilliseconds)
        let jitter = Int64(random.multipliedFullWidth(by: UInt64(pause / 4 + 1)).high)
        ejectedUntil = now.advanced(byMilliseconds: pause + jitter)
    }

    /// One active check has ended.
    /// - Returns: whether the server went down or came back up.
    package mutating func noteCheck(succeeded: Bool) -> Bool {
        let wasDown = isCheckedDown
        if succeeded {
            failedChecks = 0
            isCheckedDown = false
            noteSuccess()
            return wasDown
        }
        failedChecks += 1
        guard failedChecks >= Self.failedChecksUntilDown else { return false }
        isCheckedDown = true
        return !wasDown
    }
}
