// A request's content as it arrives: how much is still to come, and what of it is kept for the key.

import HTTPWire

/// State of one request's content. Decodes chunks; decides nothing.
struct RequestContent {
    private(set) var framing = BodyFraming.none
    private var remaining: UInt64 = 0
    private var decoder = ChunkedDecoder(from: .client)
    private(set) var received: UInt64 = 0
    private(set) var isComplete = true
    /// Content that the key is made of, or that was read in the hope of it.
    var collected: [UInt8] = []
    var isCollecting = false
    /// What was collected is the beginning of content that goes on, and is forwarded first.
    var collectedIsPrefix = false

    mutating func begin(_ framing: BodyFraming) {
        self.framing = framing
        switch framing {
        case .none, .untilClose, .length(0): isComplete = true
        case .length(let length):
            remaining = length
            isComplete = false
        case .chunked:
            decoder.reset()
            isComplete = false
        }
    }

    /// Whether the request has content at all, read or not.
    var isExpected: Bool {
        switch framing {
        case .none, .untilClose, .length(0): false
        case .length, .chunked: true
        }
    }

    /// The next piece of content in `bytes` from `position` on, which is moved past it; nil where more bytes are needed
    /// or the content is complete.
    mutating func next(_ bytes: Span<UInt8>, from position: inout Int) throws(WireError) -> Range<Int>? {
        guard !isComplete, position < bytes.count else { return nil }
        if case .length = framing {
            let count = Int(min(remaining, UInt64(bytes.count - position)))
            remaining -= UInt64(count)
            received += UInt64(count)
            isComplete = remaining == 0
            defer { position += count }
            return position..<(position + count)
        }
        switch try decoder.next(bytes, from: &position) {
        case .data(let range):
            received += UInt64(range.count)
            return range
        case .needsMore: return nil
        case .finished:
            isComplete = true
            return nil
        }
    }

    /// Trailer fields of chunked content that is complete, as lines.
    var trailers: [UInt8] { framing == .chunked ? decoder.trailers : [] }
}
