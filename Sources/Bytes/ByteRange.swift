// The position of something within a message's bytes. Offsets rather than slices, so that a parsed head owns no bytes,
// needs no reference counting and remains valid when the buffer moves in memory.

/// A half-open range of byte offsets, counted from the first byte of the message.
@usableFromInline
package struct ByteRange: Equatable, Sendable {
    @usableFromInline package var start: UInt32
    @usableFromInline package var end: UInt32

    @inlinable
    package init(start: UInt32, end: UInt32) {
        self.start = start
        self.end = end
    }

    /// Offsets of a head are bounded by `HeadLimits`, far below 4 GiB.
    @inlinable
    package init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    @inlinable package static var empty: ByteRange { ByteRange(start: 0, end: 0) }

    @inlinable package var count: Int { Int(end) - Int(start) }
    @inlinable package var isEmpty: Bool { start >= end }
    @inlinable package var lower: Int { Int(start) }
    @inlinable package var upper: Int { Int(end) }
}

extension Span where Element == UInt8 {
    /// The bytes that `range` names. `range` must come from a parse of these same bytes.
    @inlinable
    @_lifetime(copy self)
    package func extracting(_ range: ByteRange) -> Span<UInt8> {
        extracting(range.lower..<range.upper)
    }
}
