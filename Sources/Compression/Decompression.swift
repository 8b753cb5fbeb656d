// Takes a whole coded body apart, up to a bound: for what was coded here and is wanted in another coding.

import Bytes
import CBrotli
import CZlib
import CZstd
import HTTPSemantics

package enum Decompression {
    /// Appends the content of a body that is coded.
    /// - Parameter limit: bytes of content; one that has more is not taken apart.
    /// - Returns: false if it isn't a complete body of that coding, or too long.
    package static func decode(
        _ coded: Span<UInt8>, _ coding: ContentCoding, atMost limit: Int, into output: inout ByteBuffer
    ) -> Bool {
        switch coding {
        case .gzip: gunzip(coded, limit, &output)
        case .br: unbrotli(coded, limit, &output)
        case .zstd: unzstd(coded, limit, &output)
        }
    }

    private static let roomCount = 32 << 10

    private static func gunzip(_ coded: Span<UInt8>, _ limit: Int, _ output: inout ByteBuffer) -> Bool {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        defer { unsafe stream.deallocate() }
        guard unsafe larder_gunzip_begin(stream) == Z_OK else { return false }
        defer { unsafe inflateEnd(stream) }
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: roomCount)
        defer { unsafe room.deallocate() }
        return unsafe coded.withUnsafeBytes { bytes in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(bytes.count)
            var left = limit
            while true {
                unsafe stream.pointee.next_out = room
                unsafe stream.pointee.avail_out = UInt32(roomCount)
                let result = unsafe inflate(stream, Z_NO_FLUSH)
                guard result == Z_OK || result == Z_STREAM_END else { return false }
                let count = roomCount - Int(unsafe stream.pointee.avail_out)
                left -= count
                guard left >= 0 else { return false }
                unsafe output.append(Span(_unsafeElements: UnsafeBufferPointer(start: room, count: count)))
                if result == Z_STREAM_END { return unsafe stream.pointee.avail_in == 0 }
            }
        }
    }

    private static func unbrotli(_ coded: Span<UInt8>, _ limit: Int, _ output: inout ByteBuffer) -> Bool {
        guard let state = unsafe BrotliDecoderCreateInstance(nil, nil, nil) else { return false }
        defer { unsafe BrotliDecoderDestroyInstance(state) }
        return unsafe coded.withUnsafeBytes { bytes in
            var available = bytes.count
            var next = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var room = 0
            var left = limit
            while true {
                let result = unsafe BrotliDecoderDecompressStream(state, &available, &next, &room, nil, nil)
                guard result != BROTLI_DECODER_RESULT_ERROR else { return false }
                while unsafe BrotliDecoderHasMoreOutput(state) != BROTLI_FALSE {
                    var count = 0
                    guard let ready = unsafe BrotliDecoderTakeOutput(state, &count) else { return false }
                    left -= count
                    guard left >= 0 else { return false }
                    unsafe output.append(Span(_unsafeElements: UnsafeBufferPointer(start: ready, count: count)))
                }
                if unsafe BrotliDecoderIsFinished(state) != BROTLI_FALSE { return available == 0 }
                guard result != BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT else { return false }
            }
        }
    }

    private static func unzstd(_ coded: Span<UInt8>, _ limit: Int, _ output: inout ByteBuffer) -> Bool {
        guard let context = unsafe ZSTD_createDCtx() else { return false }
        defer { unsafe ZSTD_freeDCtx(context) }
        let room = UnsafeMutableRawPointer.allocate(byteCount: roomCount, alignment: 16)
        defer { unsafe room.deallocate() }
        return unsafe coded.withUnsafeBytes { bytes in
            var input = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            var left = limit
            while true {
                var ready = unsafe ZSTD_outBuffer(dst: room, size: roomCount, pos: 0)
                let result = unsafe ZSTD_decompressStream(context, &ready, &input)
                guard ZSTD_isError(result) == 0 else { return false }
                let count = unsafe ready.pos
                left -= count
                guard left >= 0 else { return false }
                let content = unsafe UnsafeRawBufferPointer(start: room, count: count)
                unsafe output.append(Span<UInt8>(_unsafeBytes: content))
                if result == 0 { return unsafe input.pos == input.size }
                // It wants more, and there is no more.
                if unsafe input.pos == input.size, count < roomCount { return false }
            }
        }
    }
}
