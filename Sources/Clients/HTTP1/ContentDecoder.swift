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

    /// The next piece of content in `bytes` from `position` on, which is moved past it; nil where more bytes are needed or
    /// the content is complete.
    mutating func next(_ bytes: Span<UInt8>, from position: inout Int) throws(WireError) -> Range<Int>? {
        guard !isComplete, position < bytes.count else { return nil }
        if case .length = framing {
            let count = Int(min(remaining, UInt64(bytes.count - position)))
            remaining -= UInt64(count)
            isComplete = remaining == 0
            defer { position += count }
            return position..<(position + count)
        }
        switch try chunks.next(bytes, from: &position) {
        case .data(let range): return range
        case .needsMore: return nil
        case .finished:
            isComplete = true
            return nil
        }
    }

    /// Trailer fields of chunked content that is complete, as lines.
    var trailers: [UInt8] { framing == .chunked ? chunks.trailers : [] }
}
