// br by libbrotlienc.

import Bytes
import CBrotli

@safe
final class BrotliCompressor: Compressor {
    private let state: OpaquePointer

    /// 256 KiB: beyond it text gains little, and memory grows with it.
    private static let largestWindow: UInt32 = 18

    init?(_ effort: CompressionEffort, length: Int?) {
        guard let state = unsafe BrotliEncoderCreateInstance(nil, nil, nil) else { return nil }
        unsafe self.state = state
        let quality: UInt32 =
            switch effort {
            // 1 makes a block of each piece, however short.
            case .fast: 2
            case .standard: 5
            // From 8 on its tables take 32 MiB.
            case .best: 7
            }
        unsafe BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, quality)
        unsafe BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, Self.window(for: length))
        if let length {
            unsafe BrotliEncoderSetParameter(state, BROTLI_PARAM_SIZE_HINT, UInt32(clamping: length))
        }
        super.init()
    }

    deinit { unsafe BrotliEncoderDestroyInstance(state) }

    /// As a power of two; from 1 KiB on (RFC 7932 §9.1).
    private static func window(for length: Int?) -> UInt32 {
        guard let length else { return largestWindow }
        var window: UInt32 = 10
        while window < largestWindow, (1 << window) - 16 < length { window += 1 }
        return window
    }

    static func footprint(_ effort: CompressionEffort, length: Int?) -> Int {
        let window = 1 << Int(window(for: length))
        return switch effort {
        case .fast: (1 << 20) + 2 * window
        case .standard: (3 << 20) + 4 * window
        case .best: (10 << 20) + 4 * window
        }
    }

    override func run(_ piece: Span<UInt8>, _ operation: Operation, into output: inout ByteBuffer) -> Bool {
        let mode =
            switch operation {
            case .process: BROTLI_OPERATION_PROCESS
            case .flush: BROTLI_OPERATION_FLUSH
            case .finish: BROTLI_OPERATION_FINISH
            }
        return unsafe piece.withUnsafeBytes { bytes in
            var available = bytes.count
            var next = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var room = 0
            while true {
                let isWell = unsafe BrotliEncoderCompressStream(state, mode, &available, &next, &room, nil, nil)
                guard isWell != BROTLI_FALSE else { return false }
                while unsafe BrotliEncoderHasMoreOutput(state) != BROTLI_FALSE {
                    var count = 0
                    guard let ready = unsafe BrotliEncoderTakeOutput(state, &count) else { return false }
                    unsafe output.append(Span(_unsafeElements: UnsafeBufferPointer(start: ready, count: count)))
                }
                let isOver = unsafe operation != .finish || BrotliEncoderIsFinished(state) != BROTLI_FALSE
                if available == 0 && isOver { return true }
            }
        }
    }
}
