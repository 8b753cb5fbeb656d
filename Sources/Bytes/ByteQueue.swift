// A FIFO of bytes: commands waiting to be sent, key texts of lookups in progress. Appended at the end, consumed at the
// front; the memory is reused.
//
// Safety: `base` points to `capacity` bytes that this value alone owns and frees at its end; those in `front..<end` are
// initialised. Every write goes through `makeRoom`.

import Glibc

/// A growing buffer whose front moves as bytes are consumed. It has no bound of its own: the caller limits what it
/// appends.
@safe
@usableFromInline
package struct ByteQueue: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var front = 0
    @usableFromInline var end = 0

    private static let idleCapacity = 16 << 10
    /// A buffer that grew beyond this shrinks to `idleCapacity` once it is empty.
    private static let keptCapacity = 512 << 10

    /// Allocates at once; the memory is freed in `deinit`.
    package init() {
        unsafe base = .allocate(capacity: Self.idleCapacity)
        capacity = Self.idleCapacity
    }

    deinit {
        unsafe base.deallocate()
    }

    @inlinable package var count: Int { end - front }

    /// The bytes not yet consumed, in order.
    @inlinable
    package var bytes: Span<UInt8> {
        @_lifetime(borrow self) borrowing get {
            unsafe _overrideLifetime(Span(_unsafeStart: UnsafePointer(base + front), count: count), borrowing: self)
        }
    }

    /// The first `count` bytes not yet consumed.
    @inlinable
    @_lifetime(borrow self)
    package borrowing func first(_ count: Int) -> Span<UInt8> {
        bytes.extracting(0..<count)
    }

    @inlinable
    package mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        unsafe base[end] = byte
        end += 1
    }

    @inlinable
    package mutating func append(_ more: Span<UInt8>) {
        makeRoom(for: more.count)
        unsafe more.withUnsafeBufferPointer { source in
            if let start = source.baseAddress {
                unsafe (base + end).update(from: start, count: source.count)
            }
        }
        end += more.count
    }

    @inlinable
    package mutating func append(_ more: [UInt8]) {
        append(more.span)
    }

    @inlinable
    package mutating func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        makeRoom(for: count)
        unsafe (base + end).update(from: text.utf8Start, count: count)
        end += count
    }

    /// Appends a number in decimal digits; it must not be negative.
    @inlinable
    package mutating func append(decimal number: Int) {
        makeRoom(for: 20)
        var digits = 1
        var bound = 10
        while digits < 19 && number >= bound {
            digits += 1
            bound &*= 10
        }
        var rest = number
        for offset in stride(from: digits - 1, through: 0, by: -1) {
            unsafe base[end + offset] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        end += digits
    }

    /// Removes the first `count` bytes, which have been used.
    package mutating func consume(_ count: Int) {
        front += count
        guard front == end else { return }
        front = 0
        end = 0
        if capacity > Self.keptCapacity { reallocate(Self.idleCapacity) }
    }

    /// Removes all bytes.
    package mutating func removeAll() {
        consume(count)
    }

    @usableFromInline
    mutating func makeRoom(for more: Int) {
        if end + more <= capacity { return }
        if front > 0 && count + more <= capacity / 2 {
            unsafe memmove(base, base + front, count)
            end -= front
            front = 0
        } else {
            reallocate(max(2 * capacity, count + more))
        }
    }

    private mutating func reallocate(_ wanted: Int) {
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        unsafe moved.update(from: base + front, count: count)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = wanted
        end -= front
        front = 0
    }
}
