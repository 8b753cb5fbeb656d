import Foundation

// Waiting for a condition. No test sleeps for a guess: it waits until what it needs holds, with a bound.

/// Polls `condition` until it holds or the time is up; answers whether it held.
///
/// - Parameters:
///   - seconds: the bound; generous, since only a failing test waits for it.
///   - interval: seconds between two looks.
@discardableResult
package func eventually(
    within seconds: Double = 20, every interval: Double = 0.01, _ condition: () throws -> Bool
) rethrows -> Bool {
    let end = Clock.now + seconds
    while true {
        if try condition() { return true }
        if Clock.now >= end { return false }
        Thread.sleep(forTimeInterval: interval)
    }
}

/// Waits until `value` has not changed for `quiet` seconds and answers it; nil if it never settled within the bound.
package func settled<Value: Equatable>(
    for quiet: Double = 0.4, within seconds: Double = 10, _ value: () throws -> Value
) rethrows -> Value? {
    let end = Clock.now + seconds
    var last = try value()
    var since = Clock.now
    while Clock.now < end {
        Thread.sleep(forTimeInterval: 0.02)
        let current = try value()
        if current != last {
            last = current
            since = Clock.now
        } else if Clock.now - since >= quiet {
            return current
        }
    }
    return nil
}

/// Monotonic seconds, for bounds and for measuring how long something took.
package enum Clock {
    package static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The seconds that `body` took.
    package static func measure(_ body: () throws -> Void) rethrows -> Double {
        let start = now
        try body()
        return now - start
    }
}
