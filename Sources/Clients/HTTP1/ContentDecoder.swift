// A request's content as HTTP/1 frames it (RFC 9112 §6): how much is still to come, and which bytes it is. It keeps nothing.

import Bytes
import HTTPSemantics
import HTTPWire

/// Decodes the content of one request after another.
struct ContentDecoder {
    private var framing = BodyFraming.none
    private var remaining: UInt64 = 0
    private var chunks = ChunkedDecoder(from: .client)
    private(set) var isComplete = true

    /// Pieces from this size on are passed on where they lie.
    private static let largePiece = 4096

    mutating func begin(_ framing: BodyFraming) {
        self.framing = framing
        switch framing {
        case .none, .untilClose, .length(0): isComplete = true
        case .length(let length):
            remaining = length
            isComplete = false
        case .chunked:
            chunks.reset()
            isComplete = false
        }
    }

    /// The next piece of content in `bytes` from `position` on, which is moved past it; `.none` where more bytes are needed or
    /// the content is complete.
    /// - Parameter gathered: receives content that lies in several pieces.
    mutating func next(
        _ bytes: Span<UInt8>, from position: inout Int, gathering gathered: inout ByteBuffer
    ) throws(WireError) -> ChunkedContent {
        guard !isComplete, position < bytes.count else { return .none }
        if case .length = framing {
            let count = Int(min(remaining, UInt64(bytes.count - position)))
            remaining -= UInt64(count)
            isComplete = remaining == 0
            defer { position += count }
            return .piece(position..<(position + count))
        }
        let content = try chunks.gather(bytes, from: &position, into: &gathered, large: Self.largePiece)
        isComplete = chunks.isFinished
        return content
    }

    /// Trailer fields of chunked content that is complete, as lines.
    var trailers: [UInt8] { framing == .chunked ? chunks.trailers : [] }
}
