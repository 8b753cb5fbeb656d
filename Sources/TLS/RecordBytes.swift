// The buffers that a loop's encrypted connections share, one after another: records as they came from a socket, and those that
// are to go to one. A connection keeps nothing of them but what was left over, so an idle one costs its session alone.

import COpenSSL
import EventLoop
import Glibc

/// One per loop, used on its thread only.
@safe
package final class RecordBytes {
    /// One read of a socket: a reader's piece of 64 KiB, and what its records add to it.
    static let inputCapacity = 66 << 10
    private static let outputCapacity = 80 << 10
    /// OpenSSL takes at most so much into one record (RFC 8446 §5.1).
    static let record = 16 << 10

    let bytes: UnsafeMutablePointer<larder_tls_bytes>
    let input: UnsafeMutableRawPointer
    /// Where the pieces of a record are put together.
    let staging: UnsafeMutableRawPointer

    /// Those of the loop, made on demand.
    package static func of(_ loop: EventLoop) -> RecordBytes {
        if let known = loop.channelBuffers as? RecordBytes { return known }
        let made = RecordBytes()
        loop.channelBuffers = made
        return made
    }

    package init() {
        unsafe bytes = .allocate(capacity: 1)
        unsafe bytes.initialize(to: larder_tls_bytes())
        unsafe input = .allocate(byteCount: Self.inputCapacity, alignment: 16)
        unsafe staging = .allocate(byteCount: Self.record, alignment: 16)
        // C's own, since the shim makes it larger.
        unsafe bytes.pointee.output = malloc(Self.outputCapacity)?.assumingMemoryBound(to: UInt8.self)
        unsafe bytes.pointee.output_capacity = bytes.pointee.output == nil ? 0 : Self.outputCapacity
    }

    deinit {
        unsafe free(bytes.pointee.output)
        unsafe bytes.deallocate()
        unsafe input.deallocate()
        unsafe staging.deallocate()
    }
}
