// What a server may send over HTTP/2 beside what it is asked for (RFC 9113 §10.5): frames of no use within an allowance, content on
// streams that were cancelled as far as it may be on its way, and no pushed responses. A value: time is an argument.

import EventLoop
import HTTP2Wire

/// Of one connection.
struct IncomingFrames {
    enum Verdict {
        case good
        /// RFC 9113 §6.6: this client takes none.
        case pushes
        case flood
    }

    private var scanner = FrameScanner(isServer: false)
    private var pace = FramePace()
    /// Content that may come on streams which aren't open any more.
    private var strayAllowance: Int
    private let window: Int

    /// - Parameter window: of a stream.
    init(window: Int) {
        self.window = window
        strayAllowance = window
    }

    /// Looks at the frames in what has come.
    /// - Parameter isOpen: whether that stream is.
    mutating func look(at bytes: Span<UInt8>, now: MonotonicTime, isOpen: (Int32) -> Bool) -> Verdict {
        var verdict = Verdict.good
        var (pace, stray) = (self.pace, strayAllowance)
        _ = scanner.scan(bytes) { frame in
            if frame.kind == ReceivedFrame.Kind.pushPromise { verdict = .pushes }
            if frame.isData, !isOpen(frame.stream) {
                stray -= frame.length
                if stray < 0 { verdict = .flood }
            }
            if let cost = frame.cost, !pace.takes(cost, now: now) { verdict = .flood }
            return verdict == .good
        }
        (self.pace, strayAllowance) = (pace, stray)
        return verdict
    }

    /// A stream was cancelled: so much of it may be on its way.
    mutating func cancelled() { strayAllowance += window }

    mutating func responded() {
        pace.responded()
        pace.sentPiece(0)
    }

    /// So much content went to the server in one frame.
    mutating func sent(_ count: Int) { pace.sentPiece(count) }
}
