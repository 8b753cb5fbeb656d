import Foundation
import TestSupport
import Testing

// Origins that break HTTP/2, or use it up: each costs its own request at most, and the daemon goes on.

@Suite("RFC 9113: origins that misbehave over HTTP/2")
struct HTTP2UpstreamHostileTests {
    /// The origin does something to `/bad`, and `/good` has a response after it.
    private func play(
        settings: [(UInt16, UInt32)] = [], answers: HTTP2Origin.Answers = .all,
        _ misbehave: @escaping @Sendable (HTTP2Origin.Connection, HTTP2Frame) throws -> Void,
        _ check: (LarderProcess, HTTP2Origin, Response?) throws -> Void
    ) throws {
        try HTTP2UpstreamScene.play(
            settings: settings, answers: answers, upstream: "retries: 0\n  first_byte_timeout: 3s"
        ) {
            origin, frame in
            guard frame.isKind(.headers) else { return }
            if frame[":path"] == "/bad" { return try misbehave(origin, frame) }
            try origin.respond(frame.stream, body: "good")
        } _: { (larder, origin) throws in
            let response = try? larder.get("/bad")
            try check(larder, origin, response)
            #expect(try larder.get("/good").text == "good")
        }
    }

    static let broken: [(name: String, fields: [(String, String)])] = [
        ("no status", [("a", "b")]), ("a status twice", [(":status", "200"), (":status", "200")]),
        ("a status behind a field", [("a", "b"), (":status", "200")]), ("a status that is none", [(":status", "2x0")]),
        ("a short status", [(":status", "20")]), ("101", [(":status", "101")]),
        ("another pseudo-field", [(":status", "200"), (":path", "/")]),
        ("upper case", [(":status", "200"), ("A", "b")]),
        ("connection", [(":status", "200"), ("connection", "close")]),
        ("transfer-encoding", [(":status", "200"), ("transfer-encoding", "chunked")]),
        ("keep-alive", [(":status", "200"), ("keep-alive", "1")]),
        ("upgrade", [(":status", "200"), ("upgrade", "h2")]),
        ("a line break", [(":status", "200"), ("a", "b\r\nc: d")]),
        ("a zero byte", [(":status", "200"), ("a", "b\0")]),
        ("a name that is no token", [(":status", "200"), ("a b", "c")]),
        ("two lengths", [(":status", "200"), ("content-length", "1"), ("content-length", "2")]),
        ("a length that is none", [(":status", "200"), ("content-length", "+1")]),
        ("a length without content", [(":status", "200"), ("content-length", "5")]),
    ]

    @Test("§8.1.1: a malformed response is a stream error and a 502", .tags(.must))
    func malformed() throws {
        for (name, fields) in Self.broken {
            try play { origin, frame in
                try origin.send(HTTP2.headers(frame.stream, fields, ends: true))
            } _: { (larder, origin, response) throws in
                #expect(response?.status == 502, "\(name)")
                #expect(origin.connections == 1, "\(name)")
            }
        }
    }

    @Test("§8.1.1: content that is more or less than was announced is never complete", .tags(.must))
    func contentLength() throws {
        for body in ["abc", "abcdefgh"] {
            try play { origin, frame in
                try origin.respond(frame.stream, "200", [("content-length", "5")], body: body)
            } _: { (_, _, response) throws in
                #expect(response?.isComplete != true || response?.status == 502)
            }
        }
    }

    @Test("§6.6: PUSH_PROMISE ends the connection", .tags(.must))
    func push() throws {
        try play { origin, frame in
            try origin.send(
                HTTP2Frame(
                    .pushPromise, flags: HTTP2Frame.endHeaders, stream: frame.stream,
                    HTTP2.number(2) + HTTP2.section(HTTP2.request())))
        } _: { (larder, origin, response) throws in
            #expect(response?.status == 502)
            #expect(eventually { origin.frames(.goAway).first?.error == 1 })
        }
    }

    @Test("§10.5: floods of PING, SETTINGS, empty DATA and what isn't known end the connection")
    func floods() throws {
        let frames: [@Sendable (UInt32) -> HTTP2Frame] = [
            { _ in HTTP2Frame(.ping, [UInt8](repeating: 0, count: 8)) }, { _ in HTTP2.settings() },
            { HTTP2.data($0) }, { _ in HTTP2Frame(.unknown, [1]) }, { _ in HTTP2.window(0, 1) },
        ]
        for frame in frames {
            try play { origin, request in
                try origin.send(HTTP2.headers(request.stream, [(":status", "200")], ends: false))
                let many = (0..<3_000).flatMap { _ in frame(request.stream).bytes }
                try? origin.socket.send(many)
            } _: { (larder, _, response) throws in
                // Where the flood was read together with the head, there is none.
                #expect(response?.isComplete != true || response?.status == 502)
                #expect(try larder.figure("totals", "origin_connections", "http2", "floods") == 1)
            }
        }
    }

    @Test("§6.10: a header section without end is bounded, in bytes and in CONTINUATION frames")
    func endlessHeaders() throws {
        let field = HTTP2.section([("x-large", String(repeating: "a", count: 4_000))])
        for (frames, perFrame) in [(20, 3), (200, 0)] {
            try play { origin, request in
                var bytes = HTTP2.headers(request.stream, [(":status", "200")], ends: false, isWhole: false).bytes
                for place in 0..<frames {
                    let payload = (0..<perFrame).flatMap { _ in field }
                    let flags = place == frames - 1 ? HTTP2Frame.endHeaders : 0
                    bytes += HTTP2Frame(.continuation, flags: flags, stream: request.stream, payload).bytes
                }
                try? origin.socket.send(bytes)
            } _: { (_, _, response) throws in
                #expect(response?.status == 502)
            }
        }
    }

    @Test("RFC 7541 §7.3: a table entry that is repeated without end is bounded")
    func compressionBomb() throws {
        try play { origin, request in
            // Put into the table once, and referred to by one byte each.
            let large = [0x40] + HTTP2.section([("x", String(repeating: "b", count: 3_000))]).dropFirst()
            let payload = HTTP2.section([(":status", "200")]) + large + [UInt8](repeating: 0xbe, count: 12_000)
            try? origin.send(HTTP2Frame(.headers, flags: HTTP2Frame.endHeaders, stream: request.stream, payload))
        } _: { (_, _, response) throws in
            #expect(response?.status == 502)
        }
    }

    @Test("§6.9: window games end the stream or the connection")
    func windows() throws {
        let frames: [@Sendable (UInt32) -> [HTTP2Frame]] = [
            { [HTTP2.window($0, 0)] }, { _ in [HTTP2.window(0, 0)] },
            { [HTTP2.window($0, 0x7fff_ffff), HTTP2.window($0, 0x7fff_ffff)] },
            { _ in [HTTP2.window(0, 0x7fff_ffff), HTTP2.window(0, 0x7fff_ffff)] },
            { _ in [HTTP2.settings([(4, 0xffff_ffff)])] }, { _ in [HTTP2.settings([(5, 1)])] },
            { _ in [HTTP2.data(0, [1])] }, { _ in [HTTP2.data(2, [1])] }, { _ in [HTTP2.headers(2)] },
            { _ in [HTTP2Frame(.ping, [1])] }, { [HTTP2Frame(.reset, stream: $0, [1])] },
        ]
        for (place, frames) in frames.enumerated() {
            try play { origin, request in
                for frame in frames(request.stream) { try? origin.send(frame) }
            } _: { (_, _, response) throws in
                #expect(response?.status == 502, "\(place)")
            }
        }
    }

    @Test("A server that stops in the middle of a frame costs a request its time")
    func halfFrame() throws {
        try HTTP2UpstreamScene.play(upstream: "first_byte_timeout: 1s") { origin, frame in
            guard frame.isKind(.headers) else { return }
            try origin.socket.send(Array(HTTP2.headers(frame.stream, [(":status", "200")]).bytes.prefix(12)))
        } _: { (larder, _) throws in
            #expect(try larder.get("/x").status == 504)
        }
    }

    @Test("§6.7, §6.5.3: a server that is silent is asked for a sign of life; without one the connection ends")
    func silence() throws {
        for answers in [HTTP2Origin.Answers.settings, .nothing] { try silence(answers) }
    }

    private func silence(_ answers: HTTP2Origin.Answers) throws {
        try HTTP2UpstreamScene.play(answers: answers, upstream: "first_byte_timeout: 2m\n  retries: 0") { _, _ in
        } _: { (larder, origin) throws in
            let response = try larder.request("GET", "/x", timeout: 40)
            #expect(response.status == 502)
            #expect(eventually { origin.openConnections == 0 })
            let figure = answers == .settings ? "silent" : "faults"
            #expect(try larder.figure("totals", "origin_connections", "http2", figure) == 1)
        }
    }

    @Test(
        "A server that closes while its response waits for a slow client: the response arrives, and nothing is left of it"
    )
    func closesBehindSlowClient() throws {
        let sender = FullSender()
        try HTTP2UpstreamScene.play(upstream: "between_bytes_timeout: 1s") { origin, frame in
            if frame.isKind(.headers) {
                if frame[":path"] == "/good" { return try origin.respond(frame.stream, body: "good") }
                try origin.send(HTTP2.headers(frame.stream, [(":status", "200")], ends: false))
                sender.start(on: origin.socket, stream: frame.stream)
            }
            if frame.isKind(.windowUpdate) { sender.open(frame.stream, by: frame.increment) }
        } _: { (larder, origin) throws in
            let client = try larder.client(timeout: 30, receiveBuffer: 4096)
            defer { client.close() }
            try client.send("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(eventually(within: 30) { origin.connections == 1 })
            #expect(eventually(within: 30) { origin.openConnections == 0 })
            let response = try client.readResponse()
            #expect(response.status == 200 && response.isComplete)
            #expect(response.body.count > 64 << 10)
            // Whatever was due for the connection would be by now.
            let until = Date(timeIntervalSinceNow: 3)
            while Date() < until { #expect(try larder.get("/good").text == "good") }
        }
    }

    @Test("A connection whose server reads nothing any more is closed, though it can't be told")
    func stuckWhileIdle() throws {
        try Stage.run { stage in
            let listener = stage.keep(try Socket(listeningOn: .port(0))) { $0.close() }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin:\n  servers: h2c://127.0.0.1:\(listener.localPort)\n  keepalive_timeout: 1s\n"
                        + "  first_byte_timeout: 2s\n  between_bytes_timeout: 1s\n  retries: 0",
                    routes: "- path: /{rest...}\n  upstream: origin", server: "workers: 1"))
            let client = try larder.client(timeout: 30)
            defer { client.close() }
            let size = 64 << 20
            try client.send("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: \(size)\r\n\r\n")
            let origin = try #require(try listener.accept())
            defer { origin.close() }
            // Room for all of it, and then nothing is read.
            _ = try origin.receive()
            try origin.send(
                HTTP2.settings([(4, 0x7fff_ffff)]).bytes + HTTP2.window(0, 0x7fff_0000).bytes
                    + HTTP2Frame(.settings, flags: HTTP2Frame.acknowledges, stream: 0).bytes)
            let socket = client.socket
            let sending = Thread {
                let piece = [UInt8](repeating: 7, count: 256 << 10)
                for _ in 0..<(size / piece.count) { guard (try? socket.send(piece)) != nil else { return } }
            }
            sending.start()
            func count() throws -> Int { try larder.figure("totals", "origin_connections", "open") }
            #expect(try eventually(within: 20) { try count() == 1 })
            #expect(try eventually(within: 40) { try count() == 0 })
        }
    }

    @Test("What is no HTTP/2 at all is a 502")
    func notHTTP2() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200) }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: h2c://127.0.0.1:\(origin.port)",
                    routes: "- path: /{rest...}\n  upstream: origin"))
            #expect(try larder.get("/x").status == 502)
        }
    }
}

/// Sends content as fast as windows allow; once they have been closed for a second, it ends the stream and the connection.
private final class FullSender: Sendable {
    /// As much as Larder says that a stream may be sent, and at least as much as all of them may.
    private let room = Locked((stream: 128 << 10, connection: 65_535))

    func open(_ stream: UInt32, by increment: Int) {
        room.withLock { if stream == 0 { $0.connection += increment } else { $0.stream += increment } }
    }

    func start(on socket: Socket, stream: UInt32) {
        let thread = Thread { [self] in
            var closedSince = Date()
            while Date().timeIntervalSince(closedSince) < 1 {
                let count = room.withLock { room in
                    let count = min(room.stream, room.connection, 16 << 10)
                    room = (room.stream - count, room.connection - count)
                    return count
                }
                guard count > 0 else {
                    Thread.sleep(forTimeInterval: 0.01)
                    continue
                }
                closedSince = Date()
                let piece = HTTP2.data(stream, [UInt8](repeating: 7, count: count))
                guard (try? socket.send(piece.bytes)) != nil else { return }
            }
            try? socket.send(HTTP2.data(stream, [], ends: true).bytes)
            socket.interrupt()
        }
        thread.start()
    }
}
