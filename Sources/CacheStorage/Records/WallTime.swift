// Calendar time, for the expiry of records. Stores read no clock: every call that depends on time takes the current time
// as an argument. It comes from the process's own clock, which never goes back (`ProcessClock`).

/// Milliseconds since 1970-01-01 UTC.
package struct WallTime: Comparable, Hashable, Sendable, BitwiseCopyable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Later than any real time; for records that never expire.
    package static let never = WallTime(milliseconds: .max)

    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// `later - earlier` in milliseconds; negative if `later` is in fact earlier.
    package static func - (later: WallTime, earlier: WallTime) -> Int64 {
        later.milliseconds.subtractingReportingOverflow(earlier.milliseconds).partialValue
    }

    package func advanced(byMilliseconds count: Int64) -> WallTime {
        let (sum, overflow) = milliseconds.addingReportingOverflow(count)
        return overflow ? .never : WallTime(milliseconds: sum)
    }
}
