import Bytes
import HTTPSemantics
import HTTPWire
import TestSupport
import Testing

@testable import Clients

// Requests over HTTP/2 as a handler meets them: their heads, their content and its windows, and what ends them early.

@Suite("RFC 9113 §8, a client's connection: requests")
struct HTTP2RequestTests {
    private let scene = ClientScene()

    /// The head that a request is parsed from.
    private func head(_ fields: [(String, String)]) -> String {
        let client = FrameClient(scene)
        var head = ""
        scene.answer = { handler in
            let message = handler.stream!.message
            head = message.bytes.text()
            handler.respond("")
        }
        client.send(HTTP2.headers(1, fields))
        #expect(client.status(1) == "200", "\(client.frames)")
        return head
    }

    @Test("A header section is the head that HTTP/1 has")
    func assembly() {
        #expect(
            head(HTTP2.request("GET", "/a?b", [("accept", "*/*"), ("x", "1"), ("x", "2")]))
                == "GET /a?b HTTP/1.1\r\nhost: h\r\naccept: */*\r\nx: 1\r\nx: 2\r\n\r\n")
        #expect(
            head([(":path", "*"), (":authority", "h"), (":method", "OPTIONS"), (":scheme", "http")])
                == "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n")
        // §8.2.3: crumbs are one field.
        #expect(
            head(HTTP2.request("GET", "/", [("cookie", "a=1"), ("x", "1"), ("cookie", "b=2")]))
                == "GET / HTTP/1.1\r\nhost: h\r\nx: 1\r\ncookie: a=1; b=2\r\n\r\n")
        // §8.3.1: a Host that says the same isn't said twice.
        #expect(head(HTTP2.request("GET", "/", [("host", "h")])) == "GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    }

    @Test("It is known as HTTP/2, in logs and in Via")
    func version() {
        let client = FrameClient(scene)
        var name = ""
        scene.answer = { handler in
            name = "\(handler.stream!.message.protocolName) \(handler.stream!.message.head.majorVersion)"
            handler.respond("")
        }
        client.send(HTTP2.headers(1))
        #expect(name == "HTTP/2.0 2")
    }

    @Test("What HTTP/1 refuses of a head is refused here with the same status, and the connection goes on")
    func refusals() {
        let client = FrameClient(scene)
        client.send(
            HTTP2.headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "h:99999")]),
            HTTP2.headers(3, HTTP2.request("GET", "/", [("expect", "miracles")])),
            HTTP2.headers(5, [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "h%41")]),
            HTTP2.headers(7, [(":method", "CONNECT"), (":authority", "h")]))
        #expect(
            scene.log == [
                "malformed: invalid-host", "malformed: unknown-expectation", "malformed: invalid-host",
                "malformed: invalid-target", "sent", "sent", "sent", "sent",
            ])
        #expect([1, 3, 5, 7].allSatisfy { client.status($0) == "400" } && client.isAlive)
    }

    @Test("Limits of a head hold, and what is beyond them isn't kept")
    func limits() {
        let scene = ClientScene {
            $0.head = HeadLimits(startLine: 512, head: 2048, fields: 10)
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("GET", "/" + String(repeating: "a", count: 600))))
        client.send(HTTP2.headers(3, HTTP2.request("GET", "/", [("x", String(repeating: "a", count: 2000))])))
        client.send(HTTP2.headers(5, HTTP2.request("GET", "/", (0..<12).map { ("x\($0)", "1") })))
        client.send(HTTP2.headers(7, HTTP2.request("GET", "/ok")))
        #expect(
            scene.log == [
                "malformed: request-line-too-long", "sent", "malformed: head-too-large", "sent",
                "malformed: too-many-fields", "sent", "GET /ok", "sent",
            ])
        // A section of a few references to one large field, and of many (§10.5.1).
        let large = [0x40, 1, 120, 127, 0xb1, 0x0e] + [UInt8](repeating: 97, count: 1968)
        let flags = HTTP2Frame.endHeaders | HTTP2Frame.endStream
        for (stream, count) in [(UInt32(9), 2), (11, 10_000)] {
            let section = HTTP2.section(HTTP2.request()) + large + [UInt8](repeating: 0xbe, count: count)
            client.send(HTTP2Frame(.headers, flags: flags, stream: stream, section))
            #expect(client.isAlive == (stream == 9), "\(scene.log)")
            if stream == 9 { #expect(scene.log.suffix(2) == ["malformed: head-too-large", "sent"], "\(scene.log)") }
        }
        #expect(client.connectionError == 11 && scene.connections.counters.http2.frameFloods == 1)
        #expect(scene.memory.inUse == 0)
    }

    // MARK: Content

    @Test("Content is handed on as it comes, and its trailers with its end")
    func content() {
        scene.answer = { $0.read() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST"), ends: false))
        #expect(scene.log == ["GET /a"].map { $0.replacing("GET", with: "POST") })
        client.send(HTTP2.data(1, Array("hel".utf8)), HTTP2.data(1, Array("lo".utf8)))
        client.send(HTTP2.headers(1, [("x-sum", "1"), ("host", "evil")]))
        #expect(scene.log == ["POST /a", "content: hello + x-sum: 1\r\n", "sent"])
        #expect(client.content(1) == Array("done".utf8) && client.isAlive)
    }

    @Test("A stream's window opens as its content is taken; one that isn't read holds back none of the others")
    func windows() {
        scene.answer = { handler in
            let message = handler.stream!.message
            let isRead = message.bytes.extracting(message.head.target).text() == "/read"
            if isRead { handler.read() } else { handler.wait() }
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST", "/kept"), ends: false))
        let piece = [UInt8](repeating: 65, count: 16_384)
        for _ in 0..<4 { client.send(HTTP2.data(1, piece)) }
        #expect(client.all(.windowUpdate, 1).isEmpty && scene.memory.inUse == 65_536)
        // One byte more than the window.
        client.send(HTTP2.headers(3, HTTP2.request("POST", "/read"), ends: false))
        for _ in 0..<40 { client.send(HTTP2.data(3, piece)) }
        client.send(HTTP2.data(3, [66], ends: true))
        #expect(client.status(3) == "200" && scene.memory.inUse == 65_536)
        #expect(!client.all(.windowUpdate, 3).isEmpty && !client.all(.windowUpdate, 0).isEmpty)
        client.send(HTTP2.data(1, [66]))
        #expect(client.streamError(1) == 3 || client.connectionError == 3)
        client.client.close()
        scene.settle()
        #expect(scene.memory.inUse == 0)
    }

    @Test("A response that doesn't wait for the content ends the stream without a fault")
    func earlyResponse() {
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST"), ends: false))
        #expect(client.status(1) == "200" && client.all(.data, 1).last?.endsStream == true)
        // What is on its way is of no matter.
        client.send(HTTP2.data(1, [1, 2, 3]), HTTP2.data(1, [4], ends: true))
        #expect(client.streamError(1) == nil && client.isAlive && scene.log == ["POST /a", "sent"])
        #expect(scene.connections.http2.last!.unfinished.count == 0)
    }

    @Test("A client that goes on with a request after its response is told in a while, or before much content has come")
    func unfinishedRequest() {
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST"), ends: false))
        client.send(HTTP2.headers(3, HTTP2.request("POST"), ends: false))
        let piece = [UInt8](repeating: 65, count: 16_384)
        client.send(HTTP2.data(3, piece), HTTP2.data(3, piece))
        #expect(client.streamError(1) == nil && client.streamError(3) == nil)
        client.send(HTTP2.data(3, [66]))
        #expect(client.streamError(1) == nil && client.streamError(3) == 0)
        scene.connections.http2.last!.letUnfinishedRequestsPass()
        client.receive()
        #expect(client.streamError(1) == 0)
        // What is on its way is of no matter even now.
        client.send(HTTP2.data(1, [1, 2, 3], ends: true), HTTP2.data(3, piece))
        #expect(client.isAlive && scene.connections.counters.http2.faults == 0)
    }

    @Test("No more requests than streams are waited for after their responses")
    func unfinishedRequests() {
        let scene = ClientScene { $0.streams = 3 }
        let client = FrameClient(scene)
        for stream: UInt32 in [1, 3, 5, 7] { client.send(HTTP2.headers(stream, HTTP2.request("POST"), ends: false)) }
        #expect(client.streamError(1) == 0 && client.all(.reset).count == 1 && client.isAlive)
        #expect(scene.connections.http2.last!.unfinished.count == 3)
    }

    @Test("A fault within such a request is still one")
    func faultAfterResponse() {
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST"), ends: false))
        client.send(HTTP2.window(1, 0x7fff_ffff))
        #expect(client.streamError(1) == 3 && client.isAlive)
    }

    @Test("Content beyond the limit is refused with 413")
    func tooLarge() {
        let scene = ClientScene { $0.body = 10 }
        scene.answer = { $0.read() }
        let client = FrameClient(scene)
        client.send(
            HTTP2.headers(1, HTTP2.request("POST"), ends: false), HTTP2.data(1, [UInt8](repeating: 1, count: 11)))
        #expect(client.status(1) == "413" && client.isAlive)
        #expect(scene.log == ["POST /a", "content refused: content-too-large", "sent"])
    }

    @Test("100 (Continue) is sent where it is asked for")
    func continuation() {
        scene.answer = { handler in
            let isExpected = handler.stream!.message.head.expectsContinue
            #expect(isExpected)
            handler.stream!.sendContinue()
            handler.read()
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST", "/a", [("expect", "100-continue")]), ends: false))
        #expect(client.all(.headers, 1).map { $0[":status"] } == ["100"])
        client.send(HTTP2.data(1, [65], ends: true))
        #expect(client.all(.headers, 1).map { $0[":status"] } == ["100", "200"])
    }

    // MARK: Ends

    @Test("A client that resets its stream is gone; one that does so at once was never there")
    func cancelled() {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        client.send(HTTP2.reset(1))
        #expect(scene.log == ["GET /a", "gone"])
        client.send(HTTP2.headers(3), HTTP2.reset(3))
        #expect(scene.log == ["GET /a", "gone"] && client.isAlive)
        #expect(scene.connections.counters.http2.resets == 2)
    }

    @Test("With the connection all its requests are gone", arguments: [false, true])
    func broken(isAbort: Bool) {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1), HTTP2.headers(3))
        if isAbort { client.client.abort() } else { client.client.close() }
        scene.settle()
        #expect(scene.log == ["GET /a", "GET /a", "gone", "gone"] && scene.connections.count == 0)
    }

    @Test("What the client doesn't send in time ends its request alone")
    func late() {
        scene.answer = { $0.read() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST"), ends: false))
        let stream = scene.connections.http2.first!.streams.first!
        stream.setDue(scene.loop.now)
        scene.connections.http2.first!.deadlinePassed()
        client.receive()
        #expect(scene.log == ["POST /a", "deadline: content"] && client.streamError(1) == 2 && client.isAlive)
    }

    @Test("A section that isn't whole in time, and a preface that never comes, end the connection")
    func lateHead() {
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, ends: true, isWhole: false))
        let connection = scene.connections.http2.first!
        connection.headDue = scene.loop.now
        connection.deadlinePassed()
        client.receive()
        #expect(client.connectionError == 0 && client.end == "closed" && scene.log.isEmpty)
        #expect(scene.connections.counters.http2.headsLate == 1)
        let silent = FrameClient(scene, settings: nil)
        silent.send(bytes: Array(HTTP2.preface.prefix(10)))
        #expect(silent.client.waits(10_000))
        silent.client.letTimePass()
        silent.receive()
        #expect(silent.end == "closed" && scene.connections.count == 1)
    }

    @Test("RFC 9113 §6.5.3: settings that aren't acknowledged in time end the connection, whatever else comes")
    func settingsUnacknowledged() {
        let client = FrameClient(scene, acknowledges: false)
        client.send(HTTP2.headers(1))
        #expect(client.status(1) == "200")
        let connection = scene.connections.http2.first!
        #expect(connection.settingsDue != nil)
        connection.settingsDue = scene.loop.now
        connection.deadlinePassed()
        client.receive()
        #expect(client.connectionError == 4 && client.end == "closed")
        #expect(scene.connections.counters.http2.headsLate == 1)
        let prompt = FrameClient(scene)
        #expect(scene.connections.http2.last!.settingsDue == nil && prompt.isAlive)
    }

    @Test("Without the listener's leave the preface is a request of another version")
    func notAllowed() {
        let client = scene.connect()
        client.send(HTTP2.preface)
        #expect(client.text().hasPrefix("HTTP/1.1 400 ") && scene.log == ["malformed: unsupported-version", "sent"])
    }

    @Test("What isn't the preface is HTTP/1, however it comes", arguments: [1, 3, 7, 60])
    func http1(size: Int) {
        for (text, reply) in [
            ("PUT /a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200"),
            ("PRI * HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400"),
        ] {
            let client = scene.connect()
            client.connection.takesPreface = true
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                client.send(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(client.text().hasPrefix(reply))
        }
    }

    @Test("§3.4: what is neither HTTP/1 nor the preface ends the connection without a word", arguments: [1, 7, 60])
    func neither(size: Int) {
        let texts = [
            "INVALID CONNECTION PREFACE\r\n\r\n", "\u{16}\u{3}\u{1}\0\u{1}\r\n", "GET /HTTP /\r\n\r\nHTTP/1.1",
        ]
        for text in texts {
            let client = scene.connect()
            client.connection.takesPreface = true
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: size) {
                client.send(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(client.text().isEmpty && client.end == "closed" && scene.log.isEmpty)
        }
        #expect(scene.connections.counters.http2.faults == 3)
    }

    @Test("A request that isn't valid has its response, however it comes", arguments: [1, 60, 9_000, 20_000])
    func invalid(size: Int) {
        let long = String(repeating: "a", count: 9_000)
        for line in ["GET /\(long) HTTP/1.1", "GET /\u{1} HTTP/1.1"] {
            let client = scene.connect()
            client.connection.takesPreface = true
            let bytes = Array((line + "\r\nHost: h\r\n\r\n").utf8)
            for start in stride(from: 0, to: bytes.count, by: size) where client.end != "closed" {
                client.send(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(client.text().hasPrefix("HTTP/1.1 400"))
        }
    }

    @Test("The preface and a request may come in pieces of any size", arguments: [1, 2, 5, 23, 24, 25, 40])
    func pieces(size: Int) {
        let client = FrameClient(scene, settings: nil)
        let bytes = HTTP2.preface + HTTP2.settings().bytes + HTTP2.headers(1).bytes
        for start in stride(from: 0, to: bytes.count, by: size) {
            client.send(bytes: Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(client.status(1) == "200" && client.content(1) == Array("/a".utf8))
    }
}
