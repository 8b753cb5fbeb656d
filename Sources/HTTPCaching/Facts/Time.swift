// Points in time and durations in whole seconds, the resolution of HTTP (RFC 9110 §5.6.7, RFC 9111 §1.2.2). All
// arithmetic saturates: no clock and no field value can trap the process.

/// A duration in whole seconds; negative where a difference may be.
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

/// A point in time, in whole seconds since 1970-01-01T00:00:00Z. The worker reads the clock; decisions are given it.
package struct Instant: Equatable, Hashable, Comparable, Sendable {
    package var secondsSinceEpoch: Int64

    @inlinable
    package init(secondsSinceEpoch: Int64) { self.secondsSinceEpoch = secondsSinceEpoch }

    /// Earlier than every date: what an invalid `Expires` stands for.
    package static let distantPast = Instant(secondsSinceEpoch: .min)

    @inlinable
    package static func < (left: Instant, right: Instant) -> Bool { left.secondsSinceEpoch < right.secondsSinceEpoch }
    @inlinable
    package static func - (left: Instant, right: Instant) -> Seconds {
        Seconds(left.secondsSinceEpoch) - Seconds(right.secondsSinceEpoch)
    }
    @inlinable
    package static func + (left: Instant, right: Seconds) -> Instant {
        Instant(secondsSinceEpoch: (Seconds(left.secondsSinceEpoch) + right).count)
    }
}

extension Seconds {
    /// Reads delta-seconds (RFC 9111 §1.2.2): digits only, capped at 2^31; nil for anything else.
    package init?(delta bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return nil }
        var value: Int64 = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard isDigit(byte) else { return nil }
            value = min(value * 10 + Int64(byte - 0x30), Seconds.greatestDelta.count)
        }
        self.init(value)
    }
}
