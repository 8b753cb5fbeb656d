// Where frames begin in what a peer sends (RFC 9113 §4.1), and nothing else of them: nghttp2 says nothing of those that it
// ignores, which cost all the same, and doesn't look at PRIORITY where it isn't used, nor at frames on streams that are closed.

import Bytes

/// Reads the headers of frames as bytes come, the client's preface before them.
package struct FrameScanner {
    /// A header, and what of the payload of some kinds is looked at.
    private var header = (UInt64(0), UInt64(0))
    private var headerCount = 0
    /// Bytes until the next header, or before the first.
    private var skipped: Int
    /// A header section has begun, and its last byte hasn't come.
    package private(set) var isWithinHeaders = false
    private var isLastOfHeaders = false

    private static let headerLength = 9

    /// - Parameter isServer: whether the peer is a client, whose preface comes first.
    package init(isServer: Bool) { skipped = isServer ? HTTP2Preface.length : 0 }

    /// Calls `body` with each frame that begins in `bytes`, or is complete with them as far as it is read; ends when that says so.
    /// - Returns: whether all of them were good.
    package mutating func scan(_ bytes: Span<UInt8>, _ body: (ReceivedFrame) -> Bool) -> Bool {
        var place = 0
        while place < bytes.count {
            if skipped > 0 {
                let count = min(skipped, bytes.count - place)
                skipped -= count
                place += count
                if skipped == 0, isLastOfHeaders { isWithinHeaders = false }
                continue
            }
            take(bytes[place])
            place += 1
            guard headerCount >= Self.headerLength else { continue }
            var frame = self.frame
            if frame.hasNumber {
                guard headerCount == Self.headerLength + 4 else { continue }
                frame.number = UInt32(truncatingIfNeeded: header.1) & 0x7fff_ffff
            }
            skipped = frame.length - (headerCount - Self.headerLength)
            header = (0, 0)
            headerCount = 0
            if frame.isHeaders || frame.isContinuation {
                isLastOfHeaders = frame.endsHeaders
                isWithinHeaders = !isLastOfHeaders || skipped > 0
            }
            guard body(frame) else { return false }
        }
        return true
    }

    private mutating func take(_ byte: UInt8) {
        if headerCount < 8 { header.0 = header.0 << 8 | UInt64(byte) } else { header.1 = header.1 << 8 | UInt64(byte) }
        headerCount += 1
    }

    /// Length, kind, flags and three bytes of the stream are the first eight.
    private var frame: ReceivedFrame {
        let last = UInt32(truncatingIfNeeded: header.1 >> UInt64(8 * (headerCount - Self.headerLength))) & 0xff
        return ReceivedFrame(
            kind: UInt8(truncatingIfNeeded: header.0 >> 32), flags: UInt8(truncatingIfNeeded: header.0 >> 24),
            length: Int(header.0 >> 40),
            stream: Int32(bitPattern: (UInt32(truncatingIfNeeded: header.0) << 8 | last) & 0x7fff_ffff))
    }
}
