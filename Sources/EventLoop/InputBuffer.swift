// The one buffer that a loop reads into. A connection copies out of it only what it must keep past its turn
// (an incomplete head, bytes that a blocked peer couldn't take), so an idle connection owns no buffer at all.

/// Fixed memory that every socket of one loop reads into, one after another. Its contents hold until the next
/// `Socket.receive`; whoever needs them longer copies them. Used on the loop's thread alone.
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
        precondition(count >= 0 && count <= capacity, "a read never passes the input buffer's end")
        let bytes = unsafe Span(_unsafeStart: UnsafePointer(base), count: count)
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// Puts bytes kept from an earlier turn at the front, so that what is read next continues them.
    package func restore(_ kept: Span<UInt8>) {
        precondition(kept.count <= capacity, "what is kept always fits the input buffer")
        unsafe kept.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe base.update(from: start, count: source.count) }
        }
    }

    /// Where the next read goes. Valid while this buffer lives.
    func free(from offset: Int) -> UnsafeMutableRawBufferPointer {
        precondition(offset >= 0 && offset < capacity, "a full input buffer is handled before the next read")
        return unsafe UnsafeMutableRawBufferPointer(start: base + offset, count: capacity - offset)
    }
}
