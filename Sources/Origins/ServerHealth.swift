// Whether requests are sent to an address of a server: it is ejected after failures, for growing pauses, and down while
// its active check fails. A value: time and randomness are arguments; `UpstreamGroup` acts on the result.
//
// Failures that happen together are one step of the back-off. A step is the failure of an attempt that began after the
// last pause was over: whatever was under way before that says nothing new.

import EventLoop

/// Whether requests are sent to an address.
package enum Health: Sendable, Equatable {
    case up
    /// Ejected after failures, until that time.
    case ejected(until: MonotonicTime)
    /// Its pause is over, and nothing has succeeded since: one request at a time is sent to it.
    case failing
    /// The active check fails.
    case checkedDown
}

/// The failures and checks of one address, and the resulting health.
package struct ServerHealth: Sendable {
    /// Failures in a row, those that happened together counted once.
    private var failures = 0
    private var pauseEnds = MonotonicTime(milliseconds: 0)
    /// The end of the pause, or later while a request tries the address.
    private var ejectedUntil = MonotonicTime(milliseconds: 0)
    private var failedChecks = 0
    private var successfulChecks = 0
    private var isCheckedDown = false

    /// The first pause after a failure; each further one doubles it.
    private static let firstPauseMilliseconds: Int64 = 500
    private static let longestPauseMilliseconds: Int64 = 15_000

    package init() {}

    /// Whether there are neither failures nor failed checks, so that it is up at any time.
    package var isClear: Bool { failures == 0 && !isCheckedDown }

    package func health(now: MonotonicTime) -> Health {
        if isCheckedDown { return .checkedDown }
        if failures == 0 { return .up }
        return ejectedUntil > now ? .ejected(until: ejectedUntil) : .failing
    }

    /// A response has arrived: the pauses start over.
    package mutating func noteSuccess() {
        failures = 0
        pauseEnds = MonotonicTime(milliseconds: 0)
        ejectedUntil = pauseEnds
    }

    /// It could not be reached, or the response was interrupted: it is ejected, longer each time.
    /// - Parameters:
    ///   - began: when the attempt began that has failed.
    ///   - random: any number, for a jitter of up to a quarter of the pause, so that several workers and instances don't
    ///     retry in step.
    package mutating func noteFailure(ofAttemptFrom began: MonotonicTime, now: MonotonicTime, random: UInt64) {
        guard failures == 0 || began >= pauseEnds else { return }
        failures += 1
        let doublings = min(failures - 1, 10)
        let pause = min(Self.firstPauseMilliseconds << Int64(doublings), Self.longestPauseMilliseconds)
        let jitter = Int64(random.multipliedFullWidth(by: UInt64(pause / 4 + 1)).high)
        pauseEnds = now.advanced(byMilliseconds: pause + jitter)
        ejectedUntil = pauseEnds
    }

    /// Allows one request to try an address that is `.failing`: it counts as ejected for the others until that has
    /// succeeded, failed, or ended otherwise.
    /// - Returns: whether the caller's request is the one.
    package mutating func beginTrial(now: MonotonicTime) -> Bool {
        guard health(now: now) == .failing else { return false }
        ejectedUntil = now.advanced(byMilliseconds: Self.longestPauseMilliseconds)
        return true
    }

    /// The request that tried the address has ended, with or without a result.
    package mutating func endTrial() { ejectedUntil = pauseEnds }

    /// One active check has ended.
    /// - Parameters:
    ///   - fall: failed checks in a row that take the address down.
    ///   - rise: successful checks in a row that bring it back.
    /// - Returns: whether it went down or came back up.
    package mutating func noteCheck(succeeded: Bool, fall: Int, rise: Int) -> Bool {
        let wasDown = isCheckedDown
        if succeeded {
            failedChecks = 0
            successfulChecks = min(successfulChecks + 1, rise)
            guard !isCheckedDown || successfulChecks >= rise else { return false }
            isCheckedDown = false
            noteSuccess()
        } else {
            successfulChecks = 0
            failedChecks = min(failedChecks + 1, fall)
            if failedChecks >= fall { isCheckedDown = true }
        }
        return isCheckedDown != wasDown
    }
}
