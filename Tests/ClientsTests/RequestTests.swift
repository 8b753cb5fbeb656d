import Bytes
import HTTPWire
import TestRandomness
import TestSupport
import Testing

@testable import Clients
@testable import EventLoop

// Requests as they come from a client: one after another, their content, and what is wrong with them.

@Suite("RFC 9112 §9, a client's connection: requests")
struct RequestTests {
    private func response(_ body: String, _ fields: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
    }

    private let three = ["/a", "/b?c", "/d"].map { "GET \($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined()

    @Test("Pipelined requests are answered in order, however their bytes arrive")
    func pipelined() {
        let expected = response("/a") + response("/b?c") + response("/d")
        for split in 0...three.utf8.count {
            let scene = ClientScene()
            let client = scene.connect()
            let bytes = Array(three.utf8)
            client.send(Array(bytes[..<split]))
            client.send(Array(bytes[split...]))
            #expect(client.text() == expected, "split at \(split)")
            #expect(client.connection.activeRequests == 0 && client.end == nil)
        }
        let scene = ClientScene()
        let client = scene.connect()
        for byte in three.utf8 { client.send([byte]) }
        #expect(client.text() == expected)
        #expect(scene.connections.counters.requests == 3)
    }

    @Test("A request behind one that waits is handled when that one is answered")
    func inOrder() throws {
        let scene = ClientScene()
        let client = scene.connect()
        var waiting: NotingHandler?
        scene.answer = { handler in
            if waiting != nil { return handler.respond("second") }
            waiting = handler
            handler.wait()
        }
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTT")
        #expect(client.text() == "" && scene.log == ["GET /a"])
        let head = try #require(waiting).stream!.message
        #expect(head.bytes.extracting(head.head.target).text() == "/a")
        waiting?.respond("first")
        scene.settle()
        #expect(client.text() == response("first") + response("second"))
        #expect(scene.log == ["GET /a", "sent", "GET /b", "sent"])
        client.send("P/1.1\r\nHost: h\r\n\r\n")
        #expect(scene.log.last == "sent" && scene.log.count == 6)
    }

    @Test("More than a bound of pipelined bytes isn't read ahead")
    func readAhead() {
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { $0.wait() }
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        var offered = 0
        for _ in 0..<40 { offered += client.offer([UInt8](repeating: UInt8(ascii: "x"), count: 16 << 10)) }
        #expect(client.connection.roomAhead <= 0 && client.connection.interest == .none)
        #expect(offered < 640 << 10)
    }

    @Test("After the number of requests that the limit allows the connection ends, and says so before")
    func limit() {
        let scene = ClientScene { $0.requestsPerConnection = 2 }
        let client = scene.connect()
        client.send(three)
        #expect(client.text() == response("/a") + response("/b?c", "Connection: close\r\n"))
        #expect(client.end == "closed" && scene.connections.counters.requestsPerConnectionReached == 1)
    }

    @Test("One client too many is told so, and not counted as a request")
    func rejected() {
        let scene = ClientScene()
        let client = scene.connect()
        client.connection.reject()
        scene.settle()
        #expect(client.text().hasPrefix("HTTP/1.1 503 ") && client.end == "closed")
        #expect(scene.log == ["rejected", "sent"] && scene.connections.counters.requests == 0)
    }

    // MARK: What is wrong

    @Test("What is no request is refused, and ends the connection once the client has ended its side")
    func malformed() {
        let scene = ClientScene()
        let client = scene.connect()
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET / b HTTP/1.1\r\n\r\n")
        let text = client.text()
        #expect(text.hasPrefix(response("/a") + "HTTP/1.1 400 OK\r\n") && text.contains("Connection: close\r\n"))
        #expect(scene.log.count == 4 && scene.log[2].hasPrefix("malformed: "))
        #expect(client.end == "closed" && client.connection.isOpen)
        client.send("whatever comes now is read and dropped")
        #expect(client.connection.isOpen)
        client.finishSending()
        #expect(!client.connection.isOpen)
    }

    @Test("A head that doesn't arrive in time is answered; a client that sent nothing of one is closed without a word")
    func headTime() {
        let scene = ClientScene {
            $0.headTimeout = 10_000
            $0.idleTimeout = 50_000
        }
        let client = scene.connect()
        #expect(client.waits(10_000))
        client.send("GET /a HT")
        #expect(client.waits(10_000))
        client.letTimePass()
        #expect(scene.log == ["head timed out", "sent"])
        #expect(client.text().hasPrefix("HTTP/1.1 408 ") && client.end == "closed")

        let silent = scene.connect()
        silent.letTimePass()
        #expect(silent.text() == "" && silent.end == "closed" && scene.connections.counters.idleClosed == 1)

        let idle = scene.connect()
        idle.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(idle.waits(50_000))
        idle.letTimePass()
        #expect(idle.text() == response("/a") && idle.end == "closed")
    }

    @Test("The time for a head counts from its first byte, also behind another request")
    func headTimeAgain() {
        let scene = ClientScene {
            $0.headTimeout = 10_000
            $0.idleTimeout = 50_000
        }
        let client = scene.connect()
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b")
        #expect(client.waits(10_000) && client.text() == response("/a"))
        client.letTimePass()
        #expect(client.text().hasPrefix("HTTP/1.1 408 "))
    }

    @Test("RFC 9112 §2.2: empty lines before a request are skipped, however they arrive")
    func emptyLines() {
        let (first, second) = ("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        let bytes = Array("\r\n\r\n\r\n\(first)\r\n\r\n\(second)\r\n".utf8)
        for split in 0...bytes.count {
            let scene = ClientScene { $0.idleTimeout = 50_000 }
            let client = scene.connect()
            client.send(Array(bytes[..<split]))
            client.send(Array(bytes[split...]))
            #expect(client.text() == response("/a") + response("/b"), "split at \(split)")
            #expect(client.connection.activeRequests == 0 && client.waits(50_000), "split at \(split)")
        }
    }

    @Test("RFC 9112 §2.2: empty lines begin no request: neither a head's time runs, nor the idle time anew")
    func emptyLinesWhileIdle() {
        let scene = ClientScene {
            $0.headTimeout = 10_000
            $0.idleTimeout = 50_000
        }
        let client = scene.connect()
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        let deadline = client.connection.deadline
        for text in ["\r\n", "\r\n\r\n\r", "\n", "\r", "\n\r\n"] {
            client.send(text)
            #expect(client.connection.deadline == deadline && client.connection.hasDeadline, "\(text.debugDescription)")
        }
        client.letTimePass()
        #expect(client.text() == response("/a") && client.end == "closed")
        #expect(scene.connections.counters.idleClosed == 1 && scene.log == ["GET /a", "sent"])
    }

    // MARK: Lingering

    private func refuseContent(_ scene: ClientScene) {
        scene.answer = { handler in
            handler.stream!.detach()
            handler.stream!.closesAfterResponse = true
            handler.respond("no", status: 413)
        }
    }

    @Test("RFC 9112 §9.6: after an early response a connection lingers as long as bytes come, however many")
    func lingers() {
        let scene = ClientScene()
        refuseContent(scene)
        let client = scene.connect()
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n")
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        for _ in 0..<12 {
            client.send(piece)
            #expect(client.connection.isOpen && client.waits(5_000))
        }
        #expect(client.text().hasPrefix("HTTP/1.1 413 ") && client.end == "closed")
        client.letTimePass()
        #expect(!client.connection.isOpen)
    }

    @Test("RFC 9112 §9.6: a connection doesn't linger for ever, whatever comes")
    func lingersInBounds() {
        let scene = ClientScene()
        refuseContent(scene)
        let client = scene.connect()
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n")
        let now = Int32(truncatingIfNeeded: scene.loop.now.milliseconds / 1000)
        #expect(client.connection.lingerEnd == now + 30)
        client.connection.lingerEnd = now + 1
        client.send("x")
        #expect(client.deadline! <= 1_000)
    }

    @Test("RFC 9112 §9.6: a client that sends all of its content before it reads gets a response of any size")
    func largeEarlyResponse() {
        let scene = ClientScene()
        let record = storedResponse(body: patternedBody(400_000))
        scene.answer = { handler in
            handler.stream!.detach()
            handler.beginHead(413)
            handler.stream!.sendHead(.known(400_000))
            handler.stream!.sendStored(record, range: 0..<400_000)
        }
        let client = scene.connect(room: 4096)
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n")
        var sent = 0
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 10)
        for _ in 0..<2000 where sent < 8_000_000 { sent += client.offer(Array(piece.prefix(8_000_000 - sent))) }
        #expect(sent == 8_000_000)
        let bytes = client.readAll()
        let isSame = bytes.suffix(400_000).elementsEqual(patternedBody(400_000))
        #expect(isSame && client.end == "closed")
    }

    // MARK: Content

    static let contents: [(name: String, request: String, noted: String)] = [
        ("by length", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world", "content: hello world"),
        (
            "in chunks",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\n\r\n",
            "content: hello world"
        ),
        (
            "in chunks, with trailers",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
            "content: abc + X-Sum: 1\r\n"
        ),
        ("none in chunks", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "content: "),
    ]

    @Test(
        "Content is received as it is framed, however its bytes arrive, and the next request behind it",
        arguments: contents.indices)
    func content(index: Int) {
        let (name, request, noted) = Self.contents[index]
        let next = "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
        let bytes = Array((request + next).utf8)
        let log = ["POST /a", noted, "sent", "GET /next", "sent"]
        for split in 0...bytes.count {
            let scene = ClientScene()
            scene.answer = { handler in
                if handler.stream!.isContentComplete { handler.respond("/next") } else { handler.read() }
            }
            let client = scene.connect()
            client.send(Array(bytes[..<split]))
            client.send(Array(bytes[split...]))
            #expect(scene.log == log, "\(name), split at \(split)")
            #expect(client.text() == response("done") + response("/next"), "\(name), split at \(split)")
        }
    }

    @Test("Content that is paused waits, in bounds, and goes on where it was")
    func paused() {
        let scene = ClientScene()
        let client = scene.connect()
        var handler: NotingHandler?
        scene.answer = {
            handler = $0
            $0.read()
        }
        let body = patternedBody(350_000)
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
        var sent = client.offer(Array(body[..<1000]))
        #expect(handler?.content.count == 1000 && client.deadline != nil)
        scene.isPaused = true
        handler?.stream?.pauseContent()
        #expect(client.deadline == nil)
        for _ in 0..<20 where sent < body.count { sent += client.offer(Array(body[sent...])) }
        #expect(handler!.content.count == 1000 && sent < body.count)
        scene.isPaused = false
        handler?.stream?.readContent()
        handler?.stream?.awaitContent()
        client.send(Array(body[sent...]))
        #expect(scene.log.last == "sent" && client.text() == response("done"))
    }

    @Test("Content goes on byte for byte through any number of pauses")
    func pausedOften() {
        let body = patternedBody(5000)
        var head = Array("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        for start in stride(from: 0, to: body.count, by: 97) {
            let chunk = body[start..<min(start + 97, body.count)]
            head += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)
        }
        head += Array("0\r\n\r\n".utf8)
        for seed in 0..<20 as Range<UInt64> {
            var random = SeededGenerator(history: seed)
            let scene = ClientScene()
            let client = scene.connect()
            var handler: NotingHandler?
            var received: [UInt8] = []
            scene.answer = {
                handler = $0
                $0.read()
            }
            scene.contentEnded = {
                received = $0.content
                $0.respond("done")
            }
            var sent = 0
            while sent < head.count {
                let count = Int.random(in: 1...400, using: &random)
                client.send(Array(head[sent..<min(sent + count, head.count)]))
                sent += count
                guard let stream = handler?.stream, stream.isActive, !stream.isContentComplete else { continue }
                if Bool.random(using: &random) {
                    scene.isPaused = true
                    stream.pauseContent()
                } else {
                    scene.isPaused = false
                    stream.readContent()
                    if stream.isActive, !stream.isContentComplete { stream.awaitContent() }
                }
            }
            if scene.isPaused {
                scene.isPaused = false
                handler?.read()
            }
            scene.settle()
            let isSame = received == body
            #expect(isSame, "seed \(seed)")
            #expect(client.text() == response("done"), "seed \(seed)")
        }
    }

    @Test("A client that expects to be told so is told to continue")
    func expectsContinue() {
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { handler in
            if handler.stream!.message.head.expectsContinue { handler.stream!.sendContinue() }
            handler.read()
        }
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        #expect(client.text() == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send("ok")
        #expect(client.text() == response("done") && scene.log == ["POST /a", "content: ok", "sent"])
    }

    @Test("A response before the content is read ends the connection, and what still comes is dropped")
    func early() {
        let scene = ClientScene()
        let client = scene.connect()
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc")
        #expect(client.text() == response("/a", "Connection: close\r\n"))
        #expect(client.end == "closed" && client.connection.isOpen)
        client.send([UInt8](repeating: 0, count: 90_000))
        #expect(client.connection.isOpen && scene.log == ["POST /a", "sent"])
        client.letTimePass()
        #expect(!client.connection.isOpen)
    }

    @Test(
        "Content past the limit, and chunks that are none, are refused",
        arguments: [
            "Content-Length: 9\r\n\r\n123456789", "Transfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n",
            "Transfer-Encoding: chunked\r\n\r\nhello\r\n",
        ])
    func refused(content: String) {
        let scene = ClientScene { $0.body = 8 }
        let client = scene.connect()
        scene.answer = { $0.read() }
        client.send("POST /a HTTP/1.1\r\nHost: h\r\n" + content)
        #expect(scene.log.count == 3 && scene.log[1].hasPrefix("content refused: "), "\(scene.log)")
        #expect(client.text().hasPrefix("HTTP/1.1 413 ") && client.end == "closed")
    }

    @Test("A client that leaves within its content is gone; one that only ends its side still gets its response")
    func leaves() {
        let scene = ClientScene()
        scene.answer = { $0.read() }
        let client = scene.connect()
        client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        client.finishSending()
        #expect(scene.log == ["POST /a", "gone"] && !client.connection.isOpen)

        let patient = scene.connect()
        var handler: NotingHandler?
        scene.answer = {
            handler = $0
            $0.wait()
        }
        patient.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        patient.finishSending()
        #expect(patient.connection.isOpen)
        handler?.respond("late")
        scene.settle()
        #expect(patient.text() == response("late", "Connection: close\r\n") && patient.end == "closed")
    }

    // MARK: Messages

    @Test("A message that somebody still holds is theirs; one that nobody holds is used again")
    func messages() throws {
        let scene = ClientScene()
        var held: [RequestMessage] = []
        scene.answer = { handler in
            handler.stream!.detach()
            if held.isEmpty { held.append(handler.stream!.message) }
            handler.respond("x")
        }
        let client = scene.connect()
        client.send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
        client.send("GET /other HTTP/1.1\r\nHost: other\r\n\r\n")
        let message = try #require(held.first)
        #expect(message.isDetached)
        #expect(message.bytes.extracting(message.head.target).text() == "/held")
        #expect(scene.connections.takeStream().message !== message)

        let alone = ClientScene()
        var identities: Set<ObjectIdentifier> = []
        alone.answer = { handler in
            identities.insert(ObjectIdentifier(handler.stream!.message))
            handler.respond("x")
        }
        let other = alone.connect()
        for _ in 0..<3 { other.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n") }
        #expect(identities.count == 1)
    }

    @Test("A request that is answered within its turn is read from where it was received")
    func inPlace() {
        let scene = ClientScene()
        var wasDetached = true
        scene.answer = { handler in
            wasDetached = handler.stream!.message.isDetached
            handler.respond("x")
        }
        let client = scene.connect()
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(!wasDetached)
    }

    // MARK: Draining

    @Test("In a drain each response is its connection's last")
    func draining() {
        let scene = ClientScene()
        let client = scene.connect()
        var handler: NotingHandler?
        scene.answer = {
            handler = $0
            $0.wait()
        }
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        scene.connections.drain()
        handler?.respond("last")
        scene.settle()
        #expect(client.text() == response("last", "Connection: close\r\n") && client.end == "closed")
    }
}
