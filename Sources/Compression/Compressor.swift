// Compresses one body piece by piece: gzip (RFC 1952), br (RFC 7932) and zstd (RFC 8878) behind one face. It knows nothing of
// HTTP messages. What it holds between two pieces is bounded by its window, and what it puts out for one piece by that piece.

import Bytes
import HTTPSemantics

/// How hard it tries: each library has levels of its own.
package enum CompressionEffort: UInt8, Sendable, CaseIterable {
    case fast, standard, best
}

/// For one body, on one thread.
package class Compressor {
    enum Operation { case process, flush, finish }

    /// Makes one; nil where there is no memory for it.
    /// - Parameter length: of the body, where it is known: a short one needs less memory.
    package static func make(_ coding: ContentCoding, _ effort: CompressionEffort, length: Int?) -> Compressor? {
        let made: Compressor? =
            switch coding {
            case .gzip: GzipCompressor(effort)
            case .br: BrotliCompressor(effort, length: length)
            case .zstd: ZstdCompressor(effort, length: length)
            }
        made?.kind = (coding, effort)
        return made
    }

    fileprivate var kind = (coding: ContentCoding.gzip, effort: CompressionEffort.standard)

    /// Begins another body of that length.
    /// - Returns: false if it can't be used again.
    func begin(length: Int?) -> Bool { false }

    /// What one holds at most, for the memory's accounts; measured by `CompressorTests`.
    package static func footprint(_ coding: ContentCoding, _ effort: CompressionEffort, length: Int?) -> Int {
        switch coding {
        case .gzip: GzipCompressor.footprint
        case .br: BrotliCompressor.footprint(effort, length: length)
        case .zstd: ZstdCompressor.footprint(effort, length: length)
        }
    }

    /// Takes the next piece, and appends what that makes ready.
    /// - Returns: false if there is no memory for it; the body can't be completed then.
    package final func compress(_ piece: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
        piece.isEmpty || run(piece, .process, into: &output)
    }

    /// Appends what was kept so far, so that the other side can read everything that has gone in.
    package final func flush(into output: inout ByteBuffer) -> Bool { run(Span(), .flush, into: &output) }

    /// Appends the end. Nothing may follow.
    package final func finish(into output: inout ByteBuffer) -> Bool { run(Span(), .finish, into: &output) }

    func run(_ piece: Span<UInt8>, _ operation: Operation, into output: inout ByteBuffer) -> Bool {
        preconditionFailure("each coding has its own")
    }
}

/// Keeps one compressor of each coding for the next body: making one costs more than compressing a short body. For one thread.
package struct CompressorPool: ~Copyable {
    private var idle: [Compressor] = []

    package init() {}

    /// Makes one, or takes one that is left; nil where there is no memory for it.
    /// - Parameter length: of the body, where it is known.
    package mutating func take(_ coding: ContentCoding, _ effort: CompressionEffort, length: Int?) -> Compressor? {
        if let place = idle.firstIndex(where: { $0.kind == (coding, effort) }) {
            let left = idle.remove(at: place)
            if left.begin(length: length) { return left }
        }
        return Compressor.make(coding, effort, length: length)
    }

    /// Takes back one whose body is complete.
    package mutating func put(_ compressor: Compressor) {
        idle.removeAll { $0.kind.coding == compressor.kind.coding }
        // It can't be used again.
        if compressor.kind.coding != .br { idle.append(compressor) }
    }
}
