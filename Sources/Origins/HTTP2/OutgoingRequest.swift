// A request on its way to a stream: the bytes of HTTP/1 that an exchange sends, as a head and content without framing.

import Bytes
import HTTPSemantics
import HTTPWire

/// What one stream sends. It has neither a connection nor a clock.
struct OutgoingRequest: ~Copyable {
    private enum Framing {
        case unknown
        case none
        case length(UInt64)
        case chunked
    }

    private var framing = Framing.unknown
    private var decoder = ChunkedDecoder(from: .client)
    /// Content that has not gone out.
    private(set) var content = ByteBuffer()
    private var start = 0

    /// So much content is taken before any of it has gone out.
    static let room = 64 << 10

    /// The head was taken.
    var hasBegun: Bool { if case .unknown = framing { false } else { true } }

    var unsentCount: Int { content.count - start }

    /// Nothing follows what is in `content`.
    var isComplete: Bool {
        switch framing {
        case .unknown: false
        case .none: true
        case .length(let left): left == 0
        case .chunked: decoder.isFinished
        }
    }

    /// The fields behind the content, as lines.
    var trailers: [UInt8] { if case .chunked = framing { decoder.trailers } else { [] } }

    /// Finds the head at the beginning of `bytes`, and what it says of the content.
    /// - Returns: its length; nil where it isn't whole.
    mutating func begin(_ bytes: Span<UInt8>) -> Int? {
        var place = 0
        framing = .none
        while place < bytes.count {
            let end = Scan.first(.lineFeed, in: bytes, from: place, to: bytes.count)
            guard end < bytes.count else { break }
            if end == place || end == place + 1 && bytes[place] == .carriageReturn { return end + 1 }
            let colon = Scan.first(UInt8(ascii: ":"), in: bytes, from: place, to: end)
            switch FieldName.recognise(bytes.extracting(place..<colon)) {
            case .contentLength:
                let value = bytes.trimming((colon + 1)..<(end > colon + 1 ? end - 1 : end))
                framing = .length(Decimal.value(bytes.extracting(value)) ?? 0)
            case .transferEncoding: framing = .chunked
            default: break
            }
            place = end + 1
        }
        framing = .unknown
        return nil
    }

    /// Takes content, as much as there is room for.
    /// - Returns: how many bytes were taken.
    mutating func take(_ bytes: Span<UInt8>) -> Int {
        content.dropFront(before: &start)
        switch framing {
        case .unknown, .none: return bytes.count
        case .length(let left):
            let count = min(bytes.count, max(0, Self.room - unsentCount))
            let part = Int(min(UInt64(count), left))
            content.append(bytes.extracting(..<part))
            framing = .length(left - UInt64(part))
            return count
        case .chunked: return takeChunks(bytes)
        }
    }

    private mutating func takeChunks(_ bytes: Span<UInt8>) -> Int {
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + max(0, Self.room - unsentCount))
            guard position < end else { break }
            // These are Larder's own chunks, which are well-formed.
            guard let event = try? decoder.next(bytes.extracting(..<end), from: &position) else { return bytes.count }
            if case .data(let range) = event { content.append(bytes.extracting(range)) }
            if case .finished = event { return bytes.count }
        }
        return position
    }

    /// How much can go out next, of at most `limit`, and whether it is the last.
    func next(atMost limit: Int) -> (count: Int, isLast: Bool) {
        let count = min(unsentCount, limit)
        return (count, isComplete && count == unsentCount)
    }

    /// So much has gone out.
    mutating func drop(_ count: Int) {
        start += count
        guard start == content.count else { return }
        content.removeAll(keepingUpTo: 16 << 10)
        start = 0
    }

    /// Appends what goes out next.
    mutating func move(_ count: Int, to output: inout ByteBuffer) {
        output.append(content.span.extracting(start..<(start + count)))
        drop(count)
    }
}
