// gzip by zlib.

import Bytes
import CZlib

/// The stream's state points back to its struct, which therefore has a place of its own.
@safe
final class GzipCompressor: Compressor {
    private let stream: UnsafeMutablePointer<z_stream>
    private let room: UnsafeMutablePointer<UInt8>
    private static let roomCount = 16 << 10

    /// Window 64 KiB, hash chains 64 KiB, heads 64 KiB, pending output 64 KiB, and what is put out at once.
    static let footprint = (268 << 10) + roomCount + 4096

    init?(_ effort: CompressionEffort) {
        let level: Int32 =
            switch effort {
            case .fast: 1
            case .standard: 6
            case .best: 9
            }
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe room = .allocate(capacity: Self.roomCount)
        super.init()
        guard unsafe larder_gzip_begin(stream, level) == Z_OK else { return nil }
    }

    deinit {
        // Does nothing to a stream that didn't begin.
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
        unsafe room.deallocate()
    }

    override func begin(length: Int?) -> Bool { unsafe deflateReset(stream) == Z_OK }

    override func run(_ piece: Span<UInt8>, _ operation: Operation, into output: inout ByteBuffer) -> Bool {
        let mode =
            switch operation {
            case .process: Z_NO_FLUSH
            case .flush: Z_SYNC_FLUSH
            case .finish: Z_FINISH
            }
        return unsafe piece.withUnsafeBytes { bytes in
            // zlib only reads there.
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(bytes.count)
            while true {
                unsafe stream.pointee.next_out = room
                unsafe stream.pointee.avail_out = UInt32(Self.roomCount)
                let result = unsafe deflate(stream, mode)
                // Nothing to do is no error.
                guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return false }
                let count = Self.roomCount - Int(unsafe stream.pointee.avail_out)
                unsafe output.append(Span(_unsafeElements: UnsafeBufferPointer(start: room, count: count)))
                if unsafe result == Z_STREAM_END || stream.pointee.avail_out > 0 { break }
            }
            unsafe stream.pointee.next_in = nil
            return true
        }
    }
}
