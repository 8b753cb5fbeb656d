import EventLoop
import TestSupport
import Testing

@testable import HTTP2Wire

@Suite("RFC 9113 §10.5: how many frames of no use a client may send")
struct FramePaceTests {
    private func count(_ pace: inout FramePace, _ kind: FramePace.Kind, at time: Int64) -> Int {
        var count = 0
        while count < 100_000, pace.takes(kind, now: MonotonicTime(milliseconds: time)) { count += 1 }
        return count
    }

    @Test("An allowance is used up, grows with time, and never beyond what it was")
    func time() {
        var pace = FramePace()
        let first = (
            count(&pace, .reset, at: 1_000), count(&pace, .control, at: 1_000), count(&pace, .reset, at: 1_000)
        )
        #expect(first == (200, 2000, 0))
        let second = (
            count(&pace, .reset, at: 2_000), count(&pace, .control, at: 2_000), count(&pace, .reset, at: 2_049)
        )
        #expect(second == (20, 200, 0))
        // A clock that stands still gives nothing.
        let later: Int64 = 900_000_000
        let third = (
            count(&pace, .reset, at: later), count(&pace, .control, at: later), count(&pace, .control, at: later)
        )
        #expect(third == (200, 2000, 0))
    }

    @Test("Responses earn resets, and content that is taken earns other frames")
    func earning() {
        var pace = FramePace()
        _ = count(&pace, .reset, at: 1)
        _ = count(&pace, .control, at: 1)
        for _ in 0..<10 { pace.responded() }
        pace.sent(16 << 10)
        // Windows opened byte by byte earn next to nothing.
        for _ in 0..<512 { pace.sent(1) }
        let earned = (count(&pace, .reset, at: 1), count(&pace, .control, at: 1))
        #expect(earned == (10, 131))
    }

    @Test("Frames are found however their bytes come", arguments: [1, 2, 9, 13, 1000])
    func scanning(size: Int) {
        let frames = [
            HTTP2.settings([(4, 1)]), HTTP2.headers(1), HTTP2.data(0x7fff_ffff, [UInt8](repeating: 1, count: 70_000)),
            HTTP2Frame(.priority, stream: 3, [0x80, 0, 0, 3, 1]), HTTP2Frame(.priority, stream: 3, [0, 0, 1]),
            HTTP2Frame(.unknown, flags: 255, stream: 0x8000_0001), HTTP2.window(0, 5),
            HTTP2Frame(.priority, stream: 0, [0, 0, 0, 1, 1]),
        ]
        let bytes = HTTP2.preface + frames.flatMap(\.bytes)
        var scanner = FrameScanner(isServer: true)
        var found: [ReceivedFrame] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            let isWhole = scanner.scan(piece.span) {
                found.append($0)
                return true
            }
            #expect(isWhole)
        }
        #expect(found.map { UInt32($0.stream) } == frames.map { $0.stream & 0x7fff_ffff })
        #expect(found.map(\.kind) == frames.map(\.kind) && found.map(\.flags) == frames.map(\.flags))
        #expect(found.map(\.length) == frames.map(\.payload.count))
        #expect(found.map(\.isInvalidPriority) == [false, false, false, true, false, false, false, true])
        #expect(found.map { $0.cost != nil } == [true, false, false, true, true, true, true, true])
    }
}
