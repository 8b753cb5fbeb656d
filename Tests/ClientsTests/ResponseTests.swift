import Bytes
import CacheStorage
import HTTPWire
import TestSupport
import Testing

@testable import Clients

// Responses as they go to a client: framing by version, what it doesn't take at once, deadlines, and ends.

@Suite("RFC 9112 §6 and §7, a client's connection: responses")
struct ResponseTests {
    private func get(_ version: String = "HTTP/1.1", _ fields: String = "") -> String {
        "GET /a \(version)\r\nHost: h\r\n\(fields)\r\n"
    }

    // MARK: Framing

    static let framings:
        [(version: String, fields: String, size: ContentSize, head: String, body: String, ends: Bool)] = [
            ("HTTP/1.1", "", .known(5), "", "hello", false),
            ("HTTP/1.1", "", .unknown, "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", false),
            ("HTTP/1.1", "Connection: close\r\n", .known(5), "Connection: close\r\n", "hello", true),
            (
                "HTTP/1.1", "Connection: close\r\n", .unknown,
                "Transfer-Encoding: chunked\r\nConnection: close\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", true
            ),
            ("HTTP/1.0", "", .known(5), "Connection: close\r\n", "hello", true),
            ("HTTP/1.0", "Connection: keep-alive\r\n", .known(5), "Connection: keep-alive\r\n", "hello", false),
            ("HTTP/1.0", "Connection: keep-alive\r\n", .unknown, "Connection: close\r\n", "hello", true),
            ("HTTP/1.0", "", .unknown, "Connection: close\r\n", "hello", true),
        ]

    @Test(
        "A response is framed by what is known of its length and what its client understands",
        arguments: framings.indices)
    func framing(index: Int) {
        let (version, fields, size, head, body, ends) = Self.framings[index]
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(size)
            handler.stream!.send("hello".utf8.span)
            handler.stream!.end(trailers: Array("X-Sum: 1\r\n".utf8))
        }
        client.send(get(version, fields))
        #expect(client.text() == "HTTP/1.1 200 OK\r\n\(head)\r\n\(body)")
        #expect((client.end == "closed") == ends)
        #expect(scene.log == ["GET /a", "sent"])
    }

    @Test("A response without content is its head")
    func noContent() {
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { handler in
            handler.beginHead(204)
            handler.stream!.sendHead(.none)
            handler.stream!.end(trailers: [])
        }
        client.send(get())
        #expect(client.text() == "HTTP/1.1 204 OK\r\n\r\n" && client.end == nil)
    }

    @Test("Interim responses go before the final one, to clients that know of them")
    func interim() {
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { handler in
            #expect(handler.stream!.takesInterimResponses)
            handler.beginHead(103)
            handler.stream!.sendInterim()
            handler.respond("x")
        }
        client.send(get())
        #expect(client.text() == "HTTP/1.1 103 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        let old = scene.connect()
        scene.answer = { handler in
            #expect(!handler.stream!.takesInterimResponses)
            handler.respond("x")
        }
        old.send(get("HTTP/1.0"))
    }

    @Test("Pieces of any size are one body, gathered or not", arguments: [1, 100, 4096, 4097, 50_000])
    func pieces(size: Int) {
        let body = patternedBody(min(size * 1500, 120_000))
        for isKnown in [true, false] {
            let scene = ClientScene()
            let client = scene.connect()
            scene.answer = { handler in
                handler.beginHead()
                handler.stream!.sendHead(isKnown ? .known(UInt64(body.count)) : .unknown)
                for start in stride(from: 0, to: body.count, by: size) {
                    let piece = Array(body[start..<min(start + size, body.count)])
                    handler.stream!.send(piece.span)
                }
                handler.stream!.end(trailers: [])
            }
            client.send(get())
            let bytes = client.readAll()
            let isSame = content(bytes, isChunked: !isKnown) == body
            #expect(isSame, "\(isKnown)")
            #expect(scene.log.last == "sent")
            #expect(scene.connections.counters.bytesSent == bytes.count)
        }
    }

    /// What a client makes of a response's bytes; nil where it isn't whole.
    private func content(_ bytes: [UInt8], isChunked: Bool) -> [UInt8]? {
        guard
            let end = bytes.indices.dropLast(3).first(where: { Array(bytes[$0..<($0 + 4)]) == Array("\r\n\r\n".utf8) })
        else { return nil }
        var rest = bytes[(end + 4)...]
        guard isChunked else { return Array(rest) }
        var body: [UInt8] = []
        while let line = rest.firstIndex(of: 13) {
            guard let size = Int(Array(rest[..<line]).text, radix: 16) else { return nil }
            rest = rest[(line + 2)...]
            if size == 0 { return body }
            guard rest.count >= size + 2 else { return nil }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return nil
    }

    // MARK: From the store

    @Test("A stored body goes out from where it lies, all of it or a part", arguments: [0, 10, 8192, 8193, 700_000])
    func stored(size: Int) {
        let record = storedResponse(body: patternedBody(size))
        for range in [0..<size, size / 3..<size / 2] {
            let scene = ClientScene()
            let client = scene.connect()
            scene.answer = { handler in
                handler.beginHead()
                handler.stream!.sendHead(.known(UInt64(range.count)))
                handler.stream!.sendStored(record, range: range)
            }
            client.send(get())
            let bytes = client.readAll()
            let isSame = content(bytes, isChunked: false) == Array(patternedBody(size)[range])
            #expect(isSame)
            #expect(scene.log.last == "sent" && client.connection.activeRequests == 0)
        }
    }

    @Test("RFC 9110 §14.6: parts go out from where they lie, each behind its lines", arguments: [9, 900, 90_000])
    func parts(size: Int) {
        let body = patternedBody(size * 4)
        let record = storedResponse(body: body)
        for room in [nil, 4096] {
            let scene = ClientScene()
            let client = scene.connect(room: room)
            var expected: [UInt8] = []
            var parts = StoredParts()
            for (number, start) in [0, size, size * 3, size / 2].enumerated() {
                let lines = Array("--part \(number)\r\n".utf8)
                parts.append(start..<(start + size)) { $0 += lines }
                expected += lines + body[start..<(start + size)]
            }
            parts.end { $0 += Array("--end--".utf8) }
            expected += Array("--end--".utf8)
            let content = parts
            scene.answer = { handler in
                handler.beginHead(206)
                handler.stream!.sendHead(.known(UInt64(expected.count)))
                handler.stream!.sendStored(record, parts: content)
            }
            client.send(get())
            let isSame = self.content(client.readAll(), isChunked: false) == expected
            #expect(isSame)
            #expect(scene.log.last == "sent" && client.connection.activeRequests == 0)
        }
    }

    /// Asks for a stored body that is more than the client takes at once; nobody else holds its record.
    private func sendStored(to client: ScriptedClient, of scene: ClientScene) -> StoredResponse {
        let record = storedResponse(body: patternedBody(300_000))
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.known(300_000))
            handler.stream!.sendStored(record, range: 0..<300_000)
        }
        client.send(get())
        scene.answer = { _ in }
        return record
    }

    @Test("A record is pinned as long as its client takes from it, and no longer")
    func pinned() {
        let scene = ClientScene()
        let client = scene.connect(room: 4096)
        weak var watched = sendStored(to: client, of: scene)
        #expect(watched != nil && scene.log == ["GET /a", "blocked"])
        let isSame = content(client.readAll(), isChunked: false) == patternedBody(300_000)
        #expect(isSame)
        #expect(watched == nil && scene.log == ["GET /a", "blocked", "sent"])
    }

    // MARK: A client that is slow

    @Test("What a client doesn't take is queued, the handler hears of it once, and again when all of it was taken")
    func blocked() {
        for isKnown in [true, false] {
            let scene = ClientScene()
            let client = scene.connect(room: 4096)
            var handler: NotingHandler!
            let body = patternedBody(400_000)
            var sent = 0
            func sendPiece() {
                let piece = Array(body[sent..<(sent + 100_000)])
                handler.stream!.send(piece.span)
                sent += piece.count
            }
            scene.answer = {
                handler = $0
                $0.wait()
                $0.beginHead()
                $0.stream!.sendHead(isKnown ? .known(UInt64(body.count)) : .unknown)
                sendPiece()
                sendPiece()
            }
            scene.writable = { handler in
                sendPiece()
                if sent == body.count { handler.stream!.end(trailers: []) }
            }
            client.send(get())
            #expect(handler.stream!.isBlocked && scene.log == ["GET /a", "blocked"])
            #expect(client.waits(30_000))
            let isSame = content(client.readAll(), isChunked: !isKnown) == body
            #expect(isSame, "\(isKnown)")
            #expect(scene.log.last == "sent" && client.connection.activeRequests == 0)
            #expect(scene.log.filter { $0 == "writable" }.count == 2)
        }
    }

    @Test("The rest of a response goes out from a stored body, behind what is queued, in the framing that was begun")
    func rest() {
        for (isChunked, isBlocked) in [(false, false), (false, true), (true, false), (true, true)] {
            for start in [0, 150_000, 200_000] {
                let scene = ClientScene()
                let client = scene.connect(room: isBlocked ? 4096 : nil)
                let body = patternedBody(200_000)
                let record = storedResponse(body: body)
                scene.answer = { handler in
                    handler.wait()
                    handler.beginHead()
                    handler.stream!.sendHead(isChunked ? .unknown : .known(UInt64(body.count)))
                    let first = Array(body[..<start])
                    handler.stream!.send(first.span)
                    handler.stream!.sendRest(
                        of: record, range: start..<record.bodyCount,
                        trailers: isChunked ? Array("X-Sum: 1\r\n".utf8) : [])
                }
                client.send(get())
                let bytes = client.readAll()
                let isSame = content(bytes, isChunked: isChunked) == body
                #expect(isSame, "\(isChunked), \(isBlocked), \(start)")
                if isChunked { #expect(bytes.suffix(15).elementsEqual("0\r\nX-Sum: 1\r\n\r\n".utf8)) }
                #expect(scene.log.last == "sent" && client.connection.activeRequests == 0)
            }
        }
    }

    @Test("Yielding brings the handler back when the socket has room")
    func yields() {
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { handler in
            handler.wait()
            handler.beginHead()
            handler.stream!.sendHead(.known(2))
            handler.stream!.send("a".utf8.span)
            handler.stream!.flush()
            handler.stream!.yield()
        }
        scene.writable = { handler in
            handler.stream!.send("b".utf8.span)
            handler.stream!.end(trailers: [])
        }
        client.send(get())
        #expect(client.text() == "HTTP/1.1 200 OK\r\n\r\nab" && scene.log == ["GET /a", "writable", "sent"])
    }

    @Test("A client that goes away while it is blocked is gone, and nothing of its response is kept")
    func goneWhileBlocked() {
        let scene = ClientScene()
        let client = scene.connect(room: 4096)
        weak var watched = sendStored(to: client, of: scene)
        client.close()
        scene.settle()
        #expect(scene.log == ["GET /a", "blocked", "gone"] && !client.connection.isOpen && watched == nil)
    }

    @Test("A client that goes away while its request waits is noticed")
    func goneWhileWaiting() {
        let scene = ClientScene()
        let client = scene.connect(isTCP: true)
        scene.answer = { $0.wait() }
        client.send(get())
        client.abort()
        #expect(scene.log == ["GET /a", "gone"] && !client.connection.isOpen)
    }

    // MARK: Deadlines

    @Test("Each wait has its own time, and a handler hears which one has passed")
    func deadlines() {
        let cases: [(name: String, milliseconds: Int64, room: Int?, answer: (NotingHandler) -> Void)] = [
            ("content", 10_000, nil, { $0.read() }),
            (
                "room", 20_000, 4096,
                { handler in
                    handler.wait()
                    handler.beginHead()
                    handler.stream!.sendHead(.known(300_000))
                    let body = patternedBody(300_000)
                    handler.stream!.send(body.span)
                }
            ),
            (
                "wait", 30_000, nil,
                { handler in
                    handler.stream!.detach()
                    handler.stream!.wait(atMostMilliseconds: 30_000)
                }
            ),
        ]
        for (name, milliseconds, room, answer) in cases {
            let scene = ClientScene {
                $0.readTimeout = 10_000
                $0.writeTimeout = 20_000
            }
            let client = scene.connect(room: room)
            scene.answer = answer
            client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: \(name == "content" ? 5 : 0)\r\n\r\n")
            #expect(client.waits(milliseconds), "\(name)")
            client.letTimePass()
            #expect(scene.log.last == "deadline: \(name)", "\(scene.log)")
            #expect(!client.connection.isOpen)
        }
    }

    @Test("Nothing is waited for while the next move is not the client's")
    func noDeadline() {
        let scene = ClientScene()
        let client = scene.connect()
        var handler: NotingHandler!
        scene.answer = {
            handler = $0
            $0.stream!.detach()
            $0.stream!.wait(atMostMilliseconds: 60_000)
        }
        client.send(get())
        #expect(client.waits(60_000))
        handler.stream!.awaitNothing()
        #expect(client.deadline == nil)
    }

    // MARK: Ends

    @Test("A body that ends with its connection is broken off by a reset, so that it isn't taken for whole")
    func abortUntilClose() {
        let scene = ClientScene()
        let client = scene.connect(isTCP: true)
        scene.answer = { handler in
            handler.wait()
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.send("half".utf8.span)
            handler.stream!.flush()
            handler.stream!.abort()
        }
        client.send(get("HTTP/1.0"))
        for _ in 0..<200 where client.end == nil {
            _ = client.read()
            scene.settle()
        }
        #expect(client.end == "reset" && !client.connection.isOpen)
    }

    @Test("A worker that stops breaks off what is in progress and closes what is idle")
    func stop() {
        let scene = ClientScene()
        let (busy, idle, sending) = (scene.connect(isTCP: true), scene.connect(), scene.connect())
        scene.answer = { handler in
            handler.beginHead()
            handler.stream!.sendHead(.unknown)
            handler.stream!.send("half".utf8.span)
            handler.stream!.flush()
        }
        busy.send(get("HTTP/1.0"))
        sending.send("GET /half HT")
        for _ in 0..<200 where scene.log.isEmpty { scene.settle() }
        scene.connections.stop()
        for _ in 0..<200 where busy.end == nil {
            _ = busy.read()
            scene.settle()
        }
        #expect(scene.log == ["GET /a", "stopping"] && scene.connections.count == 0, "\(scene.log)")
        // It would be taken for whole if its connection ended as usual.
        #expect(busy.end == "reset")
        for client in [idle, sending] {
            _ = client.read()
            #expect(client.end != nil)
        }
    }

    @Test("A body with a length or chunks is broken off by a plain end", arguments: [ContentSize.known(9), .unknown])
    func abort(size: ContentSize) {
        let scene = ClientScene()
        let client = scene.connect()
        scene.answer = { handler in
            handler.wait()
            handler.beginHead()
            handler.stream!.sendHead(size)
            handler.stream!.send("half".utf8.span)
            handler.stream!.flush()
            handler.stream!.abort()
        }
        client.send(get())
        let bytes = client.read()
        #expect(bytes.text.contains("half") && content(bytes, isChunked: size == .unknown)?.count != 9)
        #expect(client.end == "closed" && !client.connection.isOpen)
    }
}
