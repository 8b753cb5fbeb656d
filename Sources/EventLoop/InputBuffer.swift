// The one buffer that a loop reads into. A connection copies only what it must keep beyond the turn (an incomplete
// head, bytes that a slow peer couldn't take), so an idle connection has no buffer at all.

/// Fixed memory that every socket of one loop reads into, one after another. Its contents are valid until the next
/// `Socket.receive`; copy what is needed for longer. Used only on the loop's thread.
@safe
package final class InputBuffer {
    package let capacity: Int
    private let base: UnsafeMutablePointer<UInt8>

    init(capacity: Int) {
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity)
    }

    deinit { unsafe base.deallocate() }

    /// The first `count` bytes.
    @_lifetime(borrow self)
    package func span(count: Int) -> Span<UInt8> {
        precondition(count >= 0 && count <= capacity, "no read exceeds the input buffer")
        let bytes = unsafe Span(_unsafeStart: UnsafePointer(base), count: count)
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// Puts bytes kept from an earlier turn at the front, so that the next read appends to them.
    package func restore(_ kept: Span<UInt8>) { place(kept, after: 0) }

    /// Puts bytes that came another way behind the first `offset` ones.
    package func place(_ bytes: Span<UInt8>, after offset: Int) {
        precondition(offset >= 0 && bytes.count <= capacity - offset, "kept bytes must fit into the input buffer")
        unsafe bytes.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe (base + offset).update(from: start, count: source.count) }
        }
    }

    /// The free space for the next read. Valid for the lifetime of this buffer.
    func free(from offset: Int) -> UnsafeMutableRawBufferPointer {
        precondition(
            offset >= 0 && offset < capacity, "the caller must handle a full input buffer before the next read")
        return unsafe UnsafeMutableRawBufferPointer(start: base + offset, count: capacity - offset)
    }
}
