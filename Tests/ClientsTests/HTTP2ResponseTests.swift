import Bytes
import CacheStorage
import HTTPSemantics
import HTTPWire
import TestSupport
import Testing

@testable import Clients

// Responses over HTTP/2: their sections, bodies of all kinds within the client's windows, clients that take nothing, and how a
// connection ends.

@Suite("RFC 9113 §8, a client's connection: responses")
struct HTTP2ResponseTests {
    private let scene = ClientScene()

    // MARK: Sections

    @Test("A head has lower-case names and nothing of a connection's")
    func head() {
        scene.answer = { handler in
            handler.beginHead()
            for line: StaticString in [
                "X-Big-NAME: Value\r\n", "Connection: close\r\n", "Keep-Alive: 5\r\n", "Set-Cookie: a\r\n",
            ] {
                scene.writer.append(line: line)
            }
            handler.stream!.sendHead(.none)
            handler.stream!.end(trailers: [])
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        #expect(client.all(.headers, 1).map(\.fields) == [[":status: 200", "x-big-name: Value", "set-cookie: a"]])
        #expect(client.all(.headers, 1).last?.endsStream == true && client.all(.data).isEmpty)
        #expect(scene.log == ["GET /a", "sent"] && client.isAlive)
    }

    @Test("The response to HEAD is its head, whatever is sent")
    func headMethod() {
        let record = storedResponse(body: patternedBody(1000))
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(1000))
            handler.stream!.sendStored(record, range: 0..<0)
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("HEAD")))
        #expect(client.all(.headers, 1).last?.endsStream == true && client.all(.data).isEmpty)
        #expect(scene.log == ["HEAD /a", "sent"])
    }

    @Test("Interim responses, content, and trailers")
    func interimAndTrailers() {
        scene.answer = { handler in
            handler.beginHead(103)
            scene.writer.append(line: "Link: </x>\r\n")
            handler.stream!.sendInterim()
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.send("hel".utf8.span)
            handler.stream!.flush()
            handler.stream!.send("lo".utf8.span)
            handler.stream!.end(trailers: Array("X-Sum: 1\r\n".utf8))
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        #expect(
            client.all(.headers, 1).map(\.fields) == [[":status: 103", "link: </x>"], [":status: 200"], ["x-sum: 1"]])
        #expect(client.all(.headers, 1).map(\.endsStream) == [false, false, true])
        #expect(client.content(1) == Array("hello".utf8) && client.all(.data).allSatisfy { !$0.endsStream })
        #expect(scene.log == ["GET /a", "sent"] && client.isAlive)
    }

    // MARK: Bodies

    @Test(
        "Stored bodies, and parts of them, arrive whole",
        arguments: [0, 1, 1000, 16_384, 16_385, 65_535, 65_536, 1_000_000])
    func stored(size: Int) {
        let body = patternedBody(size)
        let record = storedResponse(body: body)
        var parts = StoredParts()
        parts.append(0..<(size / 3)) { $0 += Array("one:".utf8) }
        parts.append((size / 2)..<size) { $0 += Array("two:".utf8) }
        parts.end { $0 += Array("end".utf8) }
        scene.answer = { handler in
            let message = handler.stream!.message
            let target = message.bytes.extracting(message.head.target).text()
            handler.beginHead()
            if target == "/parts" {
                handler.stream!.sendHead(.unknown)
                handler.stream!.sendStored(record, parts: parts)
            } else {
                handler.stream!.sendHead(.known(UInt64(size)))
                handler.stream!.sendStored(record, range: 0..<size)
            }
        }
        let client = FrameClient(scene, settings: [(4, 10_000_000)])
        client.send(HTTP2.window(0, 100_000_000))
        client.send(HTTP2.headers(1), HTTP2.headers(3, HTTP2.request("GET", "/parts")), HTTP2.headers(5))
        client.receive()
        #expect(client.content(1) == body && client.content(5) == body)
        var expected = Array("one:".utf8) + body[..<(size / 3)]
        expected += Array("two:".utf8) + body[(size / 2)...]
        expected += Array("end".utf8)
        #expect(client.content(3) == expected)
        #expect(client.frames.filter { $0.endsStream && !$0.isKind(.settings) && !$0.isKind(.ping) }.count == 3)
        #expect(scene.log.filter { $0 == "sent" }.count == 3 && scene.memory.inUse == 0 && client.isAlive)
    }

    @Test("What an origin sends goes on within the client's window, and the handler hears when it has to wait")
    func windows() {
        let body = patternedBody(100_000)
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.send(body.span)
            handler.stream!.flush()
            #expect(handler.stream!.isBlocked)
        }
        scene.writable = { $0.stream!.end(trailers: []) }
        let client = FrameClient(scene, settings: [(4, 1000)])
        client.send(HTTP2.headers(1))
        #expect(client.content(1) == Array(body[..<1000]) && scene.log == ["GET /a", "blocked"])
        #expect(scene.memory.inUse == 100_000)
        // §6.9.2: a setting changes windows of streams that are open, to less than nothing too.
        client.send(HTTP2.settings([(4, 500)]))
        client.send(HTTP2.window(1, 500))
        #expect(client.content(1).count == 1000)
        client.send(HTTP2.window(1, 1))
        #expect(client.content(1).count == 1001)
        client.send(HTTP2.settings([(4, 1_000_000)]))
        client.send(HTTP2.window(0, 1_000_000))
        #expect(client.content(1) == body && client.all(.data, 1).last?.endsStream == true)
        #expect(scene.log == ["GET /a", "blocked", "writable", "sent"] && scene.memory.inUse == 0)
    }

    @Test("A handler that lets others have their turn gets its own, wherever it says so")
    func yielding() {
        var rounds = 0
        func goOn(_ handler: NotingHandler) {
            handler.stream!.send("x".utf8.span)
            handler.stream!.flush()
            rounds += 1
            if rounds < 5 { handler.stream!.yield() } else { handler.stream!.end(trailers: []) }
        }
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            goOn(handler)
        }
        scene.writable = goOn
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        #expect(client.content(1) == Array("xxxxx".utf8) && scene.log.last == "sent", "\(scene.log)")
    }

    @Test("A stream that is behind holds back none of the others")
    func others() {
        let record = storedResponse(body: patternedBody(50_000))
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(50_000))
            handler.stream!.sendStored(record, range: 0..<50_000)
        }
        let client = FrameClient(scene, settings: [(4, 10)])
        client.send(HTTP2.headers(1), HTTP2.headers(3))
        client.send(HTTP2.window(3, 100_000))
        #expect(client.content(1).count == 10 && client.content(3).count == 50_000)
        #expect(scene.log == ["GET /a", "GET /a", "blocked", "blocked", "sent"])
        client.send(HTTP2.window(1, 100_000), HTTP2.window(0, 100_000))
        #expect(client.content(1) == patternedBody(50_000))
    }

    @Test("RFC 9218: what is more urgent goes first")
    func priorities() {
        let record = storedResponse(body: patternedBody(40_000))
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(40_000))
            handler.stream!.sendStored(record, range: 0..<40_000)
        }
        let client = FrameClient(scene, settings: [(4, 1_000_000)])
        // The connection's window holds all of them back until they are known.
        client.send(HTTP2.headers(1))
        client.send(
            HTTP2.headers(3), HTTP2.headers(5, HTTP2.request("GET", "/", [("priority", "u=7")])),
            HTTP2.headers(7, HTTP2.request("GET", "/", [("priority", "u=0")])))
        client.send(HTTP2.window(0, 1_000_000))
        let order = client.all(.data).filter(\.endsStream).map(\.stream)
        #expect(order == [1, 7, 3, 5], "\(order)")
    }

    @Test("A client that never opens its window is let go after its time, and others stay")
    func stalled() {
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.send(patternedBody(1000).span)
            handler.stream!.flush()
        }
        let client = FrameClient(scene, settings: [(4, 0)])
        client.send(HTTP2.headers(1))
        let connection = scene.connections.http2.first!
        #expect(scene.log == ["GET /a", "blocked"] && connection.streams.first?.due != nil)
        connection.streams.first!.setDue(scene.loop.now)
        connection.deadlinePassed()
        client.receive()
        #expect(scene.log == ["GET /a", "blocked", "deadline: room"])
        #expect(client.streamError(1) == 2 && client.isAlive && scene.memory.inUse == 0)
    }

    @Test("A client that reads nothing holds no more than one write, and is cut off when memory is short")
    func slowReader() {
        let record = storedResponse(body: patternedBody(3_000_000))
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(3_000_000))
            handler.stream!.sendStored(record, range: 0..<3_000_000)
        }
        let client = FrameClient(scene, room: 4096, settings: [(4, 10_000_000)])
        client.client.send(HTTP2.window(0, 100_000_000).bytes + HTTP2.headers(1).bytes)
        #expect(scene.log == ["GET /a", "blocked"])
        #expect(scene.memory.inUse > 0 && scene.memory.inUse < 100_000, "\(scene.memory.inUse)")
        scene.connections.relieve(downTo: 0)
        scene.settle()
        #expect(scene.log == ["GET /a", "blocked", "memory short"] && scene.connections.count == 0)
        #expect(scene.memory.inUse == 0)
    }

    @Test("A response that can't be completed is reset")
    func aborted() {
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.send("half".utf8.span)
            handler.stream!.flush()
            handler.stream!.abort()
        }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        #expect(client.streamError(1) == 2 && client.isAlive)
    }

    // MARK: Ends

    @Test("A worker that stops resets what is in progress, and says which streams were the last")
    func stop() {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1), HTTP2.headers(3))
        scene.connections.stop()
        scene.settle()
        client.receive()
        #expect(scene.log == ["GET /a", "GET /a", "stopping", "stopping"] && scene.connections.count == 0)
        #expect(client.streamError(1) == 2 && client.streamError(3) == 2)
        #expect(client.connectionError == 0 && client.all(.goAway).last?.payload[..<4].last == 3)
    }

    @Test("In a drain the client is warned, then told which streams were the last, and what is under way ends")
    func drain() {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        scene.connections.drain()
        client.receive()
        #expect(client.all(.goAway).map { $0.payload[..<4].last! } == [0xff])
        // On its way when the warning was.
        client.send(HTTP2.headers(3))
        #expect(scene.log == ["GET /a", "GET /a"])
        let connection = scene.connections.http2.first!
        connection.letShutdownPass()
        client.receive()
        #expect(client.all(.goAway).last?.payload[..<4].last == 3 && client.connectionError == 0)
        client.send(HTTP2.headers(5))
        #expect(scene.log.count == 2 && client.end == nil)
        for stream in connection.streams { (stream.handler as! NotingHandler).respond("late") }
        client.receive()
        #expect(client.content(1) == Array("late".utf8) && client.content(3) == Array("late".utf8))
        #expect(client.end == "closed")
    }

    @Test("RFC 9113 §6.8: what comes behind the last stream is ignored, and nothing waits for the rest of it")
    func behindTheLast() {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        scene.connections.drain()
        let connection = scene.connections.http2.first!
        connection.letShutdownPass()
        client.send(HTTP2.headers(3, HTTP2.request("POST"), ends: false))
        client.send(HTTP2.data(3, [1, 2, 3]))
        #expect(connection.headDue == nil && client.connectionError == 0 && client.end == nil)
        (connection.streams.first!.handler as! NotingHandler).respond("late")
        client.receive()
        #expect(client.content(1) == Array("late".utf8) && client.end == "closed")
    }

    @Test("In a drain a connection whose last response ends is told to go as soon as any other")
    func lastInDrain() {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        scene.connections.drain()
        let connection = scene.connections.http2.first!
        (connection.streams.first!.handler as! NotingHandler).respond("late")
        let end = scene.loop.now.advanced(byMilliseconds: ClientConnections.drainIdleMilliseconds)
        #expect(connection.hasDeadline && connection.deadline <= end)
    }

    @Test("A header section that never ends ends the connection, also of a client that reads nothing")
    func endlessHeaders() {
        let record = storedResponse(body: patternedBody(3_000_000))
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(3_000_000))
            handler.stream!.sendStored(record, range: 0..<3_000_000)
        }
        let client = FrameClient(scene, room: 4096, settings: [(4, 10_000_000)])
        client.client.send(HTTP2.window(0, 100_000_000).bytes + HTTP2.headers(1).bytes)
        client.client.send(HTTP2.headers(3, isWhole: false).bytes)
        let connection = scene.connections.http2.first!
        #expect(connection.headDue != nil)
        connection.headDue = scene.loop.now
        connection.deadlinePassed()
        #expect(connection.headDue == nil && scene.connections.counters.http2.headsLate == 1)
        // What is left is the time for a client that takes nothing.
        connection.stuckSince = scene.loop.now.advanced(byMilliseconds: -3_600_000)
        connection.deadlinePassed()
        scene.settle()
        #expect(scene.connections.count == 0 && scene.memory.inUse == 0)
    }

    @Test("A client that takes the content and never opens its window for the end is let go as well")
    func stalledEnd() {
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.flush()
            handler.stream!.end(trailers: [])
        }
        let client = FrameClient(scene, settings: [(4, 0)])
        client.send(HTTP2.headers(1))
        let connection = scene.connections.http2.first!
        if let stream = connection.streams.first {
            #expect(stream.due != nil)
            stream.setDue(scene.loop.now)
            connection.deadlinePassed()
            client.receive()
            #expect(client.streamError(1) != nil && client.isAlive)
        } else {
            #expect(client.all(.data, 1).last?.endsStream == true)
        }
    }

    @Test("An idle connection is told to go when its time is over")
    func idle() {
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        let connection = scene.connections.http2.first!
        connection.letIdleTimePass()
        client.receive()
        #expect(client.connectionError == 0 && client.end == "closed" && scene.connections.counters.idleClosed == 1)
    }

    @Test("After the last request that a connection may carry the client is asked for another one")
    func requestsPerConnection() {
        let scene = ClientScene { $0.requestsPerConnection = 2 }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1))
        #expect(client.all(.goAway).isEmpty)
        client.send(HTTP2.headers(3))
        #expect(client.status(3) == "200" && client.connectionError == 0 && client.end == nil)
        scene.connections.http2.first!.letShutdownPass()
        client.receive()
        #expect(client.end == "closed" && scene.connections.counters.requestsPerConnectionReached == 1)
    }

    // MARK: Floods

    static let floods: [(name: String, frames: [HTTP2Frame], count: Int)] = [
        ("PING", [HTTP2Frame(.ping, [1, 2, 3, 4, 5, 6, 7, 8])], 2500),
        ("SETTINGS", [HTTP2.settings([(4, 1000)])], 2500),
        ("WINDOW_UPDATE", [HTTP2.window(0, 1)], 2500),
        ("PRIORITY", [HTTP2Frame(.priority, stream: 1, [0, 0, 0, 3, 1])], 2500),
        ("DATA without bytes", [HTTP2.data(1)], 2500),
        ("DATA of padding", [HTTP2Frame(.data, flags: HTTP2Frame.padded, stream: 1, [2, 0, 0])], 2500),
        ("unknown frames", [HTTP2Frame(.unknown)], 2500),
    ]

    @Test("§10.5: a flood of frames of no use ends the connection", arguments: floods.indices)
    func flood(index: Int) {
        let (name, frames, count) = Self.floods[index]
        scene.answer = { $0.read() }
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, HTTP2.request("POST"), ends: false))
        client.send((0..<1000).flatMap { _ in frames })
        #expect(client.connectionError == nil, "\(name)")
        client.send((1000..<count).flatMap { _ in frames })
        #expect(client.connectionError == 11 && client.end == "closed", "\(name)")
        #expect(scene.connections.counters.http2.frameFloods == 1 && scene.log.last == "gone")
    }

    @Test(
        "RFC 7541 §6.1: trailers that refer to a large field over and over cost their stream alone, and aren't decoded")
    func trailerBomb() {
        scene.answer = { $0.read() }
        let client = FrameClient(scene)
        // Literal with incremental indexing (§6.2.1): 62 from now on.
        var large = HTTP2.section([("x", String(repeating: "a", count: 4000))])
        large[0] = 0x40
        let head = HTTP2.section(HTTP2.request("POST")) + large
        client.send(HTTP2Frame(.headers, flags: HTTP2Frame.endHeaders, stream: 1, head))
        let trailers = HTTP2.section([("late", "1")]) + [UInt8](repeating: 0x80 | 62, count: 15_000)
        client.send(HTTP2Frame(.headers, flags: HTTP2Frame.endHeaders | HTTP2Frame.endStream, stream: 1, trailers))
        #expect(client.streamError(1) != nil && client.isAlive)
    }

    @Test("§10.5: streams that are reset again and again end the connection", arguments: [false, true])
    func rapidReset(isTogether: Bool) {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        for index in 0..<230 {
            let stream = UInt32(index * 2 + 1)
            let frames = [HTTP2.headers(stream), HTTP2.reset(stream)]
            if isTogether { client.send(frames) } else { for frame in frames { client.send(frame) } }
        }
        #expect(client.connectionError == 11 && client.end == "closed")
        #expect(scene.connections.counters.http2.resetFloods == 1)
    }

    @Test("§10.5: so do streams that the client has reset for it")
    func madeReset() {
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        for index in 0..<230 {
            let stream = UInt32(index * 2 + 1)
            client.send(HTTP2.headers(stream), HTTP2.window(stream, 0))
        }
        #expect(
            client.connectionError == 11 || client.connectionError == 1, "\(String(describing: client.connectionError))"
        )
        #expect(client.end == "closed")
    }

    @Test("Cancelling some of many requests is no flood")
    func cancelling() {
        let client = FrameClient(scene)
        for index in 0..<1000 {
            let stream = UInt32(index * 4 + 1)
            client.send(HTTP2.headers(stream), HTTP2.headers(stream + 2), HTTP2.reset(stream + 2))
            guard client.connectionError == nil else { break }
        }
        #expect(client.isAlive)
    }

    @Test("§6.10: CONTINUATION frames without end end the connection")
    func continuations() {
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, ends: true, isWhole: false))
        client.send((0..<100).map { _ in HTTP2Frame(.continuation, stream: 1, HTTP2.section([("x", "y")])) })
        #expect(client.end == "closed" && scene.log.isEmpty)
    }

    @Test(
        "§5.1.2: streams beyond the limit are refused, and counted, whether the client knows of it or not",
        arguments: [true, false])
    func tooManyStreams(acknowledges: Bool) {
        let scene = ClientScene { $0.streams = 3 }
        scene.answer = { $0.wait() }
        let client = FrameClient(scene, acknowledges: acknowledges)
        #expect(client.all(.settings).first?.payload.starts(with: [0, 3, 0, 0, 0, 3]) == true)
        client.send(HTTP2.headers(1), HTTP2.headers(3), HTTP2.headers(5), HTTP2.headers(7))
        #expect(client.streamError(7) == 7 && scene.log.count == 3 && client.isAlive)
        #expect(scene.connections.counters.http2.streamsRefused == 1)
        // What else comes on it is passed over, and a stream that ends makes room at once.
        client.send(HTTP2.data(7, ends: true), HTTP2.reset(1), HTTP2.headers(9))
        #expect(client.streamError(9) == nil && client.isAlive)
        #expect(scene.connections.counters.http2.streamsRefused == 1)
        client.send(HTTP2.headers(11))
        #expect(client.streamError(11) == 7 && client.isAlive)
    }

    @Test("§10.5: a client that goes on opening streams beyond the limit is told to go")
    func streamFlood() {
        let scene = ClientScene { $0.streams = 3 }
        scene.answer = { $0.wait() }
        let client = FrameClient(scene)
        var stream: UInt32 = 1
        while client.end == nil, stream < 20_000 {
            client.send(HTTP2.headers(stream))
            stream += 2
        }
        #expect(client.connectionError == 11 && client.end == "closed")
        #expect(scene.connections.counters.http2.frameFloods == 1)
    }

    @Test("RFC 8441 §5: a client may break off a tunnel that has ended for it alone")
    func tunnelReset() {
        let scene = ClientScene { $0.tunnelTimeout = 900_000 }
        var handler: NotingHandler?
        scene.answer = { taken in
            handler = taken
            let text = Array("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n".utf8)
            taken.wait()
            var head = ResponseHead()
            guard (try? head.parse(text.span, answering: .get, limits: HeadLimits())) == true else { return }
            scene.writer.begin(101, "Switching Protocols")
            taken.stream!.switchProtocols(head, text.span)
            taken.stream!.flush()
            _ = taken.stream!.takeAhead()
        }
        scene.keepsTunnel = true
        let client = FrameClient(scene)
        client.send(HTTP2.headers(1, [(":protocol", "websocket")] + HTTP2.request("CONNECT"), ends: false))
        #expect(client.status(1) == "200")
        handler!.stream!.endTunnelOutput()
        client.receive()
        #expect(client.all(.data, 1).last?.endsStream == true && scene.connections.activeCount == 1)
        client.send(HTTP2.reset(1))
        #expect(scene.connections.activeCount == 0 && client.isAlive, "\(scene.log)")
    }
}
