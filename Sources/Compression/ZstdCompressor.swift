// zstd by libzstd.

import Bytes
import CZstd

@safe
final class ZstdCompressor: Compressor {
    private let context: OpaquePointer
    private let room: UnsafeMutableRawPointer
    private static let roomCount = 16 << 10

    /// 512 KiB; RFC 9659 allows up to 8 MiB.
    private static let largestWindow: Int32 = 19
    private let effort: CompressionEffort

    init?(_ effort: CompressionEffort, length: Int?) {
        guard let context = unsafe ZSTD_createCCtx() else { return nil }
        unsafe self.context = context
        unsafe room = .allocate(byteCount: Self.roomCount, alignment: 16)
        let level: Int32 =
            switch effort {
            case .fast: 1
            case .standard: 3
            case .best: 9
            }
        self.effort = effort
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        super.init()
        setSizes(for: length)
    }

    override func begin(length: Int?) -> Bool {
        guard unsafe ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_only)) == 0 else { return false }
        setSizes(for: length)
        return true
    }

    /// The level's own tables are made for megabytes, and all of them is cleared for each body.
    private func setSizes(for length: Int?) {
        let window = Self.window(for: length)
        let (hash, chain): (Int32, Int32) =
            switch effort {
            case .fast: (14, 13)
            case .standard: (17, 16)
            case .best: (20, 20)
            }
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, min(hash, window + 1))
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, min(chain, window))
    }

    deinit {
        unsafe ZSTD_freeCCtx(context)
        unsafe room.deallocate()
    }

    /// As a power of two.
    private static func window(for length: Int?) -> Int32 {
        guard let length else { return largestWindow }
        var window: Int32 = 10
        while window < largestWindow, 1 << window < length { window += 1 }
        return window
    }

    static func footprint(_ effort: CompressionEffort, length: Int?) -> Int {
        let window = 1 << Int(window(for: length))
        return switch effort {
        case .fast: (1 << 20) + 2 * window
        case .standard: (2 << 20) + 2 * window
        case .best: (6 << 20) + 4 * window
        }
    }

    override func run(_ piece: Span<UInt8>, _ operation: Operation, into output: inout ByteBuffer) -> Bool {
        let mode =
            switch operation {
            case .process: ZSTD_e_continue
            case .flush: ZSTD_e_flush
            case .finish: ZSTD_e_end
            }
        return unsafe piece.withUnsafeBytes { bytes in
            var input = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            while true {
                var ready = unsafe ZSTD_outBuffer(dst: room, size: Self.roomCount, pos: 0)
                let left = unsafe ZSTD_compressStream2(context, &ready, &input, mode)
                guard ZSTD_isError(left) == 0 else { return false }
                let bytes = unsafe UnsafeRawBufferPointer(start: room, count: ready.pos)
                unsafe output.append(Span<UInt8>(_unsafeBytes: bytes))
                let isOver = operation == .process ? unsafe input.pos == input.size : left == 0
                if isOver { return true }
            }
        }
    }
}
