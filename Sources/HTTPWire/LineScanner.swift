// Splits a head into lines, however its bytes arrive. Every byte is examined once: the scanner remembers how far it got
// in an incomplete line. Only CRLF ends a line, and no control character but HTAB is allowed in one (RFC 9112 §2.2, RFC
// 9110 §5.5).

import Bytes

struct LineScanner {
    /// Where the line being read begins.
    private(set) var lineStart = 0
    /// No control character lies between `lineStart` and here.
    private var scanned = 0

    /// Skips bytes that belong to no line.
    mutating func skip(to offset: Int) {
        lineStart = offset
        scanned = offset
    }

    /// The next complete line without its CRLF, or nil if more bytes are needed.
    ///
    /// `limit` is where the line's CRLF must have ended at the latest. It is compared with what was read before the
    /// line is judged in any other way, so that the verdict doesn't depend on how the bytes were cut into reads.
    @inline(__always)
    mutating func next(
        in bytes: Span<UInt8>, limit: Int, otherwise tooLong: WireError.Reason, from sender: WireError.Sender
    ) throws(WireError) -> Range<Int>? {
        let end = Scan.firstControl(in: bytes, from: scanned)
        scanned = end
        guard end < bytes.count else {
            if end > limit { throw WireError(tooLong, from: sender) }
            return nil
        }
        if end &+ 1 > limit { throw WireError(tooLong, from: sender) }
        switch bytes[end] {
        case .carriageReturn: break
        case .lineFeed: throw WireError(.bareLineFeed, from: sender)
        default: throw WireError(.controlCharacter, from: sender)
        }
        guard end &+ 1 < bytes.count else { return nil }
        if end &+ 2 > limit { throw WireError(tooLong, from: sender) }
        guard bytes[end &+ 1] == .lineFeed else { throw WireError(.bareCarriageReturn, from: sender) }
        let line = lineStart..<end
        skip(to: end &+ 2)
        return line
    }
}
