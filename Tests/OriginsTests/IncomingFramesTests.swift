import EventLoop
import HTTP2Wire
import TestSupport
import Testing

@testable import Origins

@Suite("RFC 9113 §10.5: what a server may send beside what it is asked for")
struct IncomingFramesTests {
    private let now = MonotonicTime(milliseconds: 1_000)

    private func look(_ incoming: inout IncomingFrames, _ frames: [HTTP2Frame], open: Int32 = 1)
        -> IncomingFrames.Verdict
    {
        let bytes = frames.flatMap(\.bytes)
        return incoming.look(at: bytes.span, now: now) { $0 == open }
    }

    @Test("A pushed response is none of this client's")
    func push() {
        var incoming = IncomingFrames(window: 1_000)
        #expect(look(&incoming, [HTTP2Frame(.pushPromise, stream: 1, [0, 0, 0, 2])]) == .pushes)
    }

    @Test("Content on a stream that isn't open is bounded by what may be on its way")
    func stray() {
        var incoming = IncomingFrames(window: 1_000)
        let piece = [UInt8](repeating: 0, count: 500)
        #expect(look(&incoming, [HTTP2.data(1, piece), HTTP2.data(1, piece), HTTP2.data(1, piece)]) == .good)
        #expect(look(&incoming, [HTTP2.data(3, piece), HTTP2.data(3, piece)]) == .good)
        incoming.cancelled()
        #expect(look(&incoming, [HTTP2.data(3, piece), HTTP2.data(3, piece)]) == .good)
        #expect(look(&incoming, [HTTP2.data(3, [0])]) == .flood)
    }

    @Test(
        "A server that opens both windows for each half KiB that it reads is no flood; one that does it byte by byte is"
    )
    func windows() {
        for (step, expected) in [(512, IncomingFrames.Verdict.good), (1, .flood)] {
            var incoming = IncomingFrames(window: 1_000)
            var verdicts: [IncomingFrames.Verdict] = []
            for _ in 0..<1_000 {
                incoming.sent(16 << 10)
                let pair = [HTTP2.window(0, UInt32(step)), HTTP2.window(1, UInt32(step))]
                verdicts.append(
                    look(&incoming, [[HTTP2Frame]](repeating: pair, count: (16 << 10) / step).flatMap(\.self)))
                if verdicts.last == .flood { break }
            }
            #expect(verdicts.last == expected)
        }
    }

    @Test("Frames of no use are bounded, and requests earn some")
    func floods() {
        let many = [HTTP2Frame](repeating: HTTP2.settings(), count: Int(FramePace.control.most))
        var incoming = IncomingFrames(window: 1_000)
        #expect(look(&incoming, many) == .good)
        #expect(look(&incoming, [HTTP2.settings()]) == .flood)
        incoming = IncomingFrames(window: 1_000)
        #expect(look(&incoming, many) == .good)
        incoming.responded()
        #expect(look(&incoming, [HTTP2.settings(), HTTP2.window(0, 1)]) == .good)
    }
}
