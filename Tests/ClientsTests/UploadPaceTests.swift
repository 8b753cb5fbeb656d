import EventLoop
import Testing

@testable import Clients

// How fast a client has to send its content, by a clock that the test sets.

@Suite("RFC 9110 §15.5.9: content has to come at a minimum rate")
struct UploadPaceTests {
    private func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(milliseconds: milliseconds) }

    @Test("Whoever sends a byte a second has ten seconds, and what a few bytes are worth")
    func trickle() {
        var pace = UploadPace()
        pace.beginWaiting(now: at(1_000))
        #expect(pace.deadline(received: 0, rate: 256) == at(11_000))
        for second in 1...10 {
            // Each byte is waited for anew.
            pace.beginWaiting(now: at(1_000 + Int64(second) * 1_000))
        }
        #expect(pace.deadline(received: 10, rate: 256) == at(11_039))
    }

    @Test("Whoever sends faster than the minimum earns more time than passes")
    func quick() {
        var pace = UploadPace()
        pace.beginWaiting(now: at(0))
        #expect(pace.deadline(received: 256 * 60, rate: 256) == at(70_000))
        #expect(pace.deadline(received: .max, rate: 1)! > at(1 << 50))
    }

    @Test("Time in which the origin holds the upload up doesn't count")
    func held() {
        var pace = UploadPace()
        pace.beginWaiting(now: at(0))
        pace.endWaiting(now: at(4_000))
        #expect(pace.deadline(received: 0, rate: 256) == nil)
        pace.endWaiting(now: at(60_000))
        pace.beginWaiting(now: at(100_000))
        #expect(pace.deadline(received: 256, rate: 256) == at(107_000))
    }

    @Test("A rate of zero asks for nothing")
    func off() {
        var pace = UploadPace()
        pace.beginWaiting(now: at(0))
        #expect(pace.deadline(received: 0, rate: 0) == nil)
    }

    @Test("A client that sends too little is told so before its read time-out, and only then")
    func deadline() {
        for (rate, milliseconds) in [(256, 10_000), (0, 25_000)] as [(UInt64, Int64)] {
            let scene = ClientScene {
                $0.readTimeout = 25_000
                $0.uploadRate = rate
            }
            let client = scene.connect()
            scene.answer = { $0.read() }
            client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
            #expect(client.waits(milliseconds))
        }
    }

    @Test("Chunks of one byte come as one piece of content a read")
    func tinyChunks() {
        let scene = ClientScene()
        let client = scene.connect()
        var pieces = 0
        scene.contentCame = { _ in pieces += 1 }
        scene.answer = { $0.read() }
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(String(repeating: "1\r\nx\r\n", count: 2_000))
        client.send("0\r\n\r\n")
        #expect(scene.log.contains("content: " + String(repeating: "x", count: 2_000)))
        // As many as there were reads, which the system decides.
        #expect(pieces > 0 && pieces < 20)
    }
}
