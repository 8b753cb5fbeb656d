// A growable buffer for output: heads, chunk sizes, log lines. It is emptied and filled again, so that after the first
// few messages nothing is allocated.
//
// Safety: `base` points to `capacity` bytes that this value alone owns (it can't be copied) and frees at its end. The
// first `count` of them are initialised. Every write calls `reserve` first, which guarantees the space. While
// `capacity` is 0 there is no memory: `base` is then a dummy address that is never read from or written to.

/// A growable, uniquely owned byte buffer. Pass it `inout`; `span` and `withUnsafeBytes` read it in place.
@safe
@usableFromInline
package struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline package internal(set) var count: Int

    /// With a capacity of 0, nothing is allocated until the first byte is appended.
    package init(minimumCapacity: Int = 0) {
        capacity = max(minimumCapacity, 0)
        unsafe base = ByteBuffer.allocate(capacity)
        count = 0
    }

    deinit {
        if capacity > 0 { unsafe base.deallocate() }
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
        if capacity > 0 { return UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16) }
        // A dummy: aligned like a real allocation and never dereferenced. Any nonzero bit pattern makes a non-nil
        // pointer.
        return unsafe UnsafeMutableRawPointer(bitPattern: 16)!
    }

    @inlinable package var isEmpty: Bool { count == 0 }

    /// What was appended since the buffer was last emptied.
    @inlinable
    package var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            // The bytes belong to `self`, which can't change while the span borrows it.
            let start = unsafe base.assumingMemoryBound(to: UInt8.self)
            return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
        }
    }

    /// The bytes for a system call. The pointer is valid inside `body` alone.
    @inlinable
    package borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Empties the buffer and keeps its memory, unless that has grown beyond `limit` bytes: then the memory is freed.
    package mutating func removeAll(keepingUpTo limit: Int = .max) {
        count = 0
        guard capacity > limit else { return }
        unsafe base.deallocate()
        capacity = 0
        unsafe base = ByteBuffer.allocate(0)
    }

    /// Frees the room in front of `start`, as soon as that is more than what is behind it: each byte is moved once, on average.
    /// - Parameter start: where what is still wanted begins; 0 after a move.
    package mutating func dropFront(before start: inout Int) {
        let left = count - start
        precondition(start >= 0 && left >= 0, "what is wanted lies in the buffer")
        guard start > left else { return }
        unsafe base.copyMemory(from: base + start, byteCount: left)
        count = left
        start = 0
    }

    /// Removes the last `length` bytes.
    package mutating func removeLast(_ length: Int) {
        precondition(length >= 0 && length <= count, "cannot remove more bytes than the buffer holds")
        count -= length
    }

    /// Makes room for `additional` more bytes.
    @inlinable
    package mutating func reserve(_ additional: Int) {
        if capacity &- count < additional { grow(additional) }
    }

    @usableFromInline
    mutating func grow(_ additional: Int) {
        precondition(additional >= 0, "a buffer cannot grow by a negative size")
        let larger = max(capacity * 2, count + additional, 64)
        let moved = unsafe ByteBuffer.allocate(larger)
        unsafe moved.copyMemory(from: base, byteCount: count)
        if capacity > 0 { unsafe base.deallocate() }
        unsafe base = moved
        capacity = larger
    }

    @inlinable
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    /// Inlined, so that a literal's bytes are stored by one or two instructions instead of a call and a copy: a request that
    /// is passed on appends 36 of them.
    @inlinable @inline(__always)
    package mutating func append(_ text: StaticString) {
        // A string literal is kept as UTF-8 for the life of the process.
        let length = text.utf8CodeUnitCount
        reserve(length)
        unsafe (base + count).copyMemory(from: text.utf8Start, byteCount: length)
        count &+= length
    }

    @inlinable
    package mutating func append(_ bytes: Span<UInt8>) {
        let length = bytes.count
        if length == 0 { return }
        reserve(length)
        let target = unsafe base + count
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe target.copyMemory(from: start, byteCount: length) }
        }
        count &+= length
    }

    @inlinable
    package mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

    /// Appends the bytes of `bytes` from `start` on.
    @inlinable
    package mutating func append(_ bytes: Span<UInt8>, from start: Int) { append(bytes.extracting(start...)) }

    /// Appends `value` in decimal digits.
    @usableFromInline
    package mutating func append(decimal value: UInt64) {
        var rest = value
        var length = 1
        while rest >= 10 {
            rest /= 10
            length &+= 1
        }
        reserve(length)
        rest = value
        for offset in stride(from: length &- 1, through: 0, by: -1) {
            unsafe base.storeBytes(
                of: UInt8(truncatingIfNeeded: rest % 10) &+ 0x30, toByteOffset: count &+ offset, as: UInt8.self)
            rest /= 10
        }
        count &+= length
    }

    @inlinable
    package mutating func append(decimal value: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: UInt64(value.magnitude))
    }

    /// Appends `value` in lower-case hexadecimal digits, without leading zeros.
    package mutating func append(hex value: UInt64) {
        let digits = max(1, (64 &- value.leadingZeroBitCount &+ 3) / 4)
        reserve(digits)
        for place in stride(from: digits &- 1, through: 0, by: -1) {
            append((UInt8(truncatingIfNeeded: value &>> UInt64(place &* 4)) & 0x0f).hexDigit)
        }
    }
}
