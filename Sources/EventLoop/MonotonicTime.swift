// Time as the loop sees it: whole milliseconds. Monotonic time orders deadlines; wall time is only for HTTP dates. Only
// a loop reads a clock; all other code takes time as an argument.

import Glibc

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

/// Wall-clock milliseconds since the epoch.
package func wallClockMilliseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
