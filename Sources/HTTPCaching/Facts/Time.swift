// Points in time to the millisecond, and durations in whole seconds, the resolution of HTTP's fields (RFC 9110 §5.6.7,
// RFC 9111 §1.2.2). So a response with a lifetime of one second is fresh for a whole second from its arrival, not until
// the clock's next full second. All arithmetic saturates: no clock and no field value can trap the process.

import Bytes

/// A duration in whole seconds; a difference may be negative.
package struct Seconds: Equatable, Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral {
    package var count: Int64

    @inlinable
    package init(_ count: Int64) { self.count = count }
    @inlinable
    package init(integerLiteral value: Int64) { count = value }

    @usableFromInline package static let zero = Seconds(0)
    /// The largest delta-seconds that is read: a greater one counts as this (RFC 9111 §1.2.2).
    package static let greatestDelta = Seconds(2_147_483_648)

    @inlinable
    package static func < (left: Seconds, right: Seconds) -> Bool { left.count < right.count }
    @inlinable
    package static func + (left: Seconds, right: Seconds) -> Seconds {
        let (sum, overflow) = left.count.addingReportingOverflow(right.count)
        return Seconds(overflow ? (right.count < 0 ? .min : .max) : sum)
    }
    @inlinable
    package static func - (left: Seconds, right: Seconds) -> Seconds {
        let (difference, overflow) = left.count.subtractingReportingOverflow(right.count)
        return Seconds(overflow ? (right.count < 0 ? .max : .min) : difference)
    }
}

extension Seconds {
    /// In milliseconds, clamped to the range of the type.
    @inlinable
    package var milliseconds: Int64 {
        let (product, overflow) = count.multipliedReportingOverflow(by: 1000)
        return overflow ? (count < 0 ? .min : .max) : product
    }
}

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z. The worker reads the clock and passes the time to
/// decisions.
package struct Instant: Equatable, Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    @inlinable
    package init(milliseconds: Int64) { self.milliseconds = milliseconds }
    @inlinable
    package init(secondsSinceEpoch: Int64) { milliseconds = Seconds(secondsSinceEpoch).milliseconds }

    /// Earlier than every date: the value of an invalid `Expires`.
    package static let distantPast = Instant(milliseconds: .min)

    /// The second that contains it, as in HTTP dates.
    @inlinable
    package var secondsSinceEpoch: Int64 { Seconds(flooring: milliseconds).count }

    /// Negative if `earlier` is in fact later.
    @inlinable
    package func milliseconds(since earlier: Instant) -> Int64 {
        let (difference, overflow) = milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return overflow ? (earlier.milliseconds < 0 ? .max : .min) : difference
    }

    @inlinable
    package static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }
    /// The whole seconds between them, rounded down.
    @inlinable
    package static func - (left: Instant, right: Instant) -> Seconds {
        Seconds(flooring: left.milliseconds(since: right))
    }
    @inlinable
    package static func + (left: Instant, right: Seconds) -> Instant {
        let (sum, overflow) = left.milliseconds.addingReportingOverflow(right.milliseconds)
        return Instant(milliseconds: overflow ? (right.count < 0 ? .min : .max) : sum)
    }
}

extension Seconds {
    /// Rounded towards the past, before 1970 too.
    @inlinable
    package init(flooring milliseconds: Int64) {
        self.init(milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0))
    }
}

extension Seconds {
    /// Reads delta-seconds (RFC 9111 §1.2.2): digits only, capped at 2^31; nil for anything else.
    package init?(delta bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return nil }
        var value: Int64 = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte.isDigit else { return nil }
            value = min(value * 10 + Int64(byte - 0x30), Seconds.greatestDelta.count)
        }
        self.init(value)
    }
}
