// Time as the loop sees it: whole milliseconds. Monotonic time orders deadlines. The process's own clock says how old
// something is, and what came before what; it never goes back. Wall time is for dates alone: those that Larder writes, and
// those of origins that are compared with it. Only a loop reads a clock; all other code takes time as an argument.

import Glibc
import Synchronization

/// A point on the monotonic clock, in milliseconds. Comparable only until the machine restarts.
package struct MonotonicTime: Comparable, Sendable {
    package var milliseconds: Int64

    @inlinable package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func now() -> MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    @inlinable package func advanced(byMilliseconds interval: Int64) -> MonotonicTime {
        MonotonicTime(milliseconds: milliseconds &+ interval)
    }

    @inlinable package func milliseconds(since earlier: MonotonicTime) -> Int64 { milliseconds &- earlier.milliseconds }

    @inlinable package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

/// The process's own clock: the wall time at its start and the time since, for which the machine was suspended included.
/// Setting the wall clock changes nothing here, so nothing becomes younger by it, and no purge lies in the future. The clocks of
/// two processes on one machine may differ by as much as the wall clock was set in between.
package enum ProcessClock {
    /// What the clock is ahead of the monotonic one, which stands still while the machine is suspended. It only grows.
    private static let lead = Atomic<Int64>(wallClockMilliseconds() - MonotonicTime.now().milliseconds)
    private static let suspendedAtStart = suspended()

    /// Milliseconds since the epoch at a moment of this process. May be called on any thread.
    package static func milliseconds(at now: MonotonicTime) -> Int64 {
        lead.load(ordering: .relaxed) &+ now.milliseconds
    }

    /// Takes account of a suspension that has ended; called once a second by every loop. One thread's notice counts for all, so
    /// that no worker's time is behind another's for longer than a turn.
    static func noteSuspension() {
        let suspended = Self.suspended() - suspendedAtStart
        let noted = notedSuspension.load(ordering: .relaxed)
        // The two clocks are read one after the other: less than this is that.
        guard suspended - noted > 100,
            notedSuspension.compareExchange(expected: noted, desired: suspended, ordering: .relaxed).exchanged
        else { return }
        lead.wrappingAdd(suspended - noted, ordering: .relaxed)
    }

    private static let notedSuspension = Atomic<Int64>(0)

    /// For how long the machine was suspended since it was started.
    private static func suspended() -> Int64 { read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// Wall-clock milliseconds since the epoch. It may be set back and forth: for dates only.
package func wallClockMilliseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
