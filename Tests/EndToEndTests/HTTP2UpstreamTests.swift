import Foundation
import TestSupport
import Testing

// HTTP/2 to upstreams without TLS, against an origin that says frame by frame what a test is about.

/// A daemon before an origin of that kind.
enum HTTP2UpstreamScene {
    static func play(
        settings: [(UInt16, UInt32)] = [], answers: HTTP2Origin.Answers = .all, upstream more: String = "",
        cache: String = "", route: String = "",
        _ handler: @escaping HTTP2Origin.Handler, _ body: (LarderProcess, HTTP2Origin) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = stage.keep(try HTTP2Origin(settings: settings, answers: answers, handler)) {
                $0.stop()
            }
            let keys = more.isEmpty ? "" : "\n  " + more
            let configuration = LarderConfiguration(
                upstreams: "origin:\n  servers: \(origin.url)" + keys,
                routes: "- path: /{rest...}\n  upstream: origin" + (route.isEmpty ? "" : "\n  \(route)")
                    + (cache.isEmpty ? "" : "\n  cache: {\(cache)}"),
                server: "workers: 1")
            try body(try stage.larder(configuration), origin)
        }
    }

    /// Sends many requests at once, and returns their responses in that order.
    static func together(_ larder: LarderProcess, _ requests: [(method: String, target: String)]) throws -> [Response] {
        let clients = try requests.map { _ in try larder.client() }
        defer { for client in clients { client.close() } }
        for (client, request) in zip(clients, requests) {
            try client.send("\(request.method) \(request.target) HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        }
        return try zip(clients, requests).map { try $0.readResponse(to: $1.method) }
    }
}

@Suite("RFC 9113: HTTP/2 to upstreams")
struct HTTP2UpstreamTests {
    private func play(
        settings: [(UInt16, UInt32)] = [], answers: HTTP2Origin.Answers = .all, upstream more: String = "",
        cache: String = "",
        route: String = "",
        _ handler: @escaping HTTP2Origin.Handler, _ body: (LarderProcess, HTTP2Origin) throws -> Void
    ) throws {
        try HTTP2UpstreamScene.play(
            settings: settings, answers: answers, upstream: more, cache: cache, route: route, handler, body)
    }

    @Test(
        "§8.3.1, §8.2.2: Host is :authority, names are in lower case, and what belongs to a connection doesn't go out",
        .tags(.must))
    func request() throws {
        try play { origin, frame in
            if frame.isKind(.headers) { try origin.respond(frame.stream, body: "hello") }
        } _: { (larder, origin) throws in
            let response = try larder.get(
                "/a?b=1", ["Host: api.test", "Connection: x-hop", "X-Hop: 1", "TE: trailers, gzip", "X-End: 2"])
            #expect(response.status == 200 && response.text == "hello" && response["Via"] == "2.0 larder")
            let request = try #require(origin.frames(.headers).first)
            #expect(request.endsStream && request.stream == 1)
            #expect(
                request.fields.prefix(4).map { $0.split(separator: ":")[0] } == [
                    "method", "scheme", "authority", "path",
                ])
            #expect(request[":method"] == "GET" && request[":path"] == "/a?b=1" && request[":scheme"] == "http")
            #expect(request[":authority"] == "api.test" && request["te"] == "trailers" && request["x-end"] == "2")
            for name in ["host", "connection", "x-hop", "transfer-encoding", "content-length", "upgrade"] {
                #expect(request[name] == nil)
            }
            #expect(try larder.figure("totals", "origin_connections", "http2", "requests") == 1)
        }
    }

    @Test("§5: requests share a connection, also those that come while it is being opened", .tags(.must))
    func sharing() throws {
        try play { origin, frame in
            guard frame.isKind(.headers) else { return }
            origin.waiting.append(frame.stream)
            guard origin.waiting.count == 20 else { return }
            // In another order than they came.
            for stream in origin.waiting.reversed() { try origin.respond(stream, body: "\(stream)") }
            origin.waiting = []
        } _: { (larder, origin) throws in
            for _ in 0..<2 {
                let responses = try HTTP2UpstreamScene.together(larder, (0..<20).map { ("GET", "/\($0)") })
                #expect(responses.allSatisfy { $0.status == 200 })
                #expect(Set(responses.map(\.text)).count == 20)
            }
            #expect(origin.connections == 1)
            #expect(try larder.figure("totals", "origin_connections", "connects") == 1)
        }
    }

    @Test("§5.1.2: a connection has no more streams than the server takes, or max_streams; then another is opened")
    func limits() throws {
        for (settings, keys) in [([(UInt16(3), UInt32(4))], ""), ([], "max_streams: 4")] {
            try play(settings: settings, upstream: keys) { origin, frame in
                guard frame.isKind(.headers) else { return }
                if frame[":path"] == "/first" { return try origin.respond(frame.stream) }
                origin.waiting.append(frame.stream)
                guard origin.waiting.count == 4 else { return }
                for stream in origin.waiting { try origin.respond(stream) }
                origin.waiting = []
            } _: { (larder, origin) throws in
                #expect(try larder.get("/first").status == 200)
                let responses = try HTTP2UpstreamScene.together(larder, (0..<8).map { ("GET", "/\($0)") })
                #expect(responses.allSatisfy { $0.status == 200 })
                #expect(origin.connections == 2)
            }
        }
        try play(upstream: "max_streams: 1\n  max_connections: 1") { origin, frame in
            guard frame.isKind(.headers) else { return }
            if frame[":path"] == "/free" { try origin.respond(frame.stream) }
        } _: { (larder, origin) throws in
            let client = try larder.client()
            try client.send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(eventually(within: 10) { origin.frames(.headers).count == 1 })
            let busy = try larder.get("/free")
            #expect(busy.status == 503 && busy.text.contains("origin-busy"))
            client.close()
        }
    }

    @Test("§8.1: interim responses, trailers both ways, and content with neither end known", .tags(.must))
    func trailers() throws {
        try play { origin, frame in
            if frame.isKind(.headers), !frame.endsStream {
                try origin.send(
                    HTTP2.headers(frame.stream, [(":status", "103"), ("link", "</s>")], ends: false),
                    HTTP2.headers(
                        frame.stream, [(":status", "200"), ("content-type", "application/grpc")], ends: false))
            } else if frame.isKind(.data) {
                if !frame.payload.isEmpty { try origin.send(HTTP2.data(frame.stream, frame.payload)) }
            } else if frame.isKind(.headers) {
                try origin.send(
                    HTTP2.headers(
                        frame.stream,
                        [("grpc-status", "0"), ("x-back", frame["x-sum"] ?? "none")]))
            }
        } _: { (larder, origin) throws in
            let client = try larder.client()
            defer { client.close() }
            try client.send("POST /s HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n")
            try client.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            #expect(eventually(within: 10) { !origin.frames(.data).isEmpty })
            try client.send("4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n")
            let response = try client.readResponse(to: "POST")
            #expect(response.interim.map(\.startLine).count == 1 && response.interim.first?["Link"] == "</s>")
            #expect(response.text == "abcdefg")
            #expect(response.trailers.map(\.description).sorted() == ["grpc-status: 0", "x-back: 7"])
        }
    }

    @Test("HEAD, 204 and 304 have no content, whether END_STREAM comes with the head or behind it", .tags(.must))
    func withoutContent() throws {
        try play { origin, frame in
            guard frame.isKind(.headers) else { return }
            let status = frame[":path"]?.dropFirst().prefix(3) ?? ""
            let ends = frame[":path"]?.hasSuffix("late") != true
            let fields = status == "200" ? [("content-length", "5")] : []
            try origin.send(HTTP2.headers(frame.stream, [(":status", String(status))] + fields, ends: ends))
            if !ends { try origin.send(HTTP2.data(frame.stream, ends: true)) }
        } _: { (larder, origin) throws in
            for end in ["", "/late"] {
                let head = try larder.request("HEAD", "/200" + end)
                #expect(head.status == 200 && head["Content-Length"] == "5")
                #expect(try larder.get("/204" + end).status == 204)
                #expect(try larder.get("/304" + end, ["If-None-Match: \"a\""]).status == 304)
            }
            // What is complete is not cancelled.
            #expect(origin.frames(.reset).isEmpty && origin.connections == 1)
        }
    }

    @Test("§5.2: a slow client holds back its own stream only, and large bodies go both ways", .tags(.must))
    func flowControl() throws {
        let size = 3_000_000
        try play { origin, frame in
            let window = UInt32(0x3fff_ffff)
            if frame.isKind(.headers), frame.endsStream {
                // As far as the window goes; the rest when it opens.
                try origin.send(
                    HTTP2.headers(frame.stream, [(":status", "200"), ("content-length", "\(size)")], ends: false))
                origin.notes[frame.stream] = [1]
                try sendContent(origin, frame.stream, 131_072)
            } else if frame.isKind(.windowUpdate), origin.notes[frame.stream] != nil {
                try sendContent(origin, frame.stream, Int(frame.payload.reduce(0) { $0 << 8 | UInt32($1) }))
            } else if frame.isKind(.headers) {
                try origin.send(HTTP2.window(0, window), HTTP2.window(frame.stream, window))
            } else if frame.isKind(.data), frame.endsStream {
                try origin.respond(frame.stream, body: "taken")
            }
        } _: { (larder, origin) throws in
            let slow = try larder.client(receiveBuffer: 4096)
            defer { slow.close() }
            try slow.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(eventually(within: 10) { !origin.frames(.headers).isEmpty })
            let quick = try larder.get("/quick")
            #expect(quick.body.count == size && quick.isComplete)
            let upload = try larder.request("POST", "/up", body: [UInt8](repeating: 7, count: size))
            #expect(upload.text == "taken")
            let sent = origin.frames(.data).reduce(0) { $0 + $1.payload.count }
            #expect(sent == size && origin.connections == 1)
            #expect(try slow.readResponse().body.count == size)
        }

        @Sendable func sendContent(_ origin: HTTP2Origin.Connection, _ stream: UInt32, _ count: Int) throws {
            let sent = origin.notes[stream + 1].map { $0.reduce(0) { $0 << 8 | Int($1) } } ?? 0
            var left = min(count, size - sent)
            origin.notes[stream + 1] = HTTP2.number(UInt32(sent + left))
            let isLast = sent + left == size
            guard left > 0 else { return }
            while left > 0 {
                let part = min(left, 16_384)
                left -= part
                try origin.send(HTTP2.data(stream, [UInt8](repeating: 1, count: part), ends: isLast && left == 0))
            }
        }
    }

    @Test("§6.8, §8.7: what the server has not processed is sent again, whatever the method", .tags(.must))
    func unprocessed() throws {
        // GOAWAY below the stream, and REFUSED_STREAM, each once.
        for refuses in [false, true] {
            try play(upstream: "retries: 0") { origin, frame in
                guard frame.isKind(.headers) else { return }
                if frame[":path"] == "/ok" || origin.number > 1 || origin.notes[0] != nil {
                    return try origin.respond(frame.stream, body: "\(origin.number)")
                }
                origin.notes[0] = [1]
                if refuses { try origin.send(HTTP2.reset(frame.stream, 7)) } else { try origin.goAway(last: 1) }
            } _: { (larder, origin) throws in
                #expect(try larder.get("/ok").text == "1")
                let response = try larder.request("POST", "/x", body: Array("content".utf8))
                #expect(response.status == 200 && response.text == (refuses ? "1" : "2"))
                #expect(origin.connections == (refuses ? 1 : 2))
                #expect(try larder.figure("totals", "origin_connections", "http2", "given_back") == 1)
            }
        }
    }

    @Test("§8.7: a server that refuses every stream is not asked for ever")
    func refusesAll() throws {
        try play { origin, frame in
            if frame.isKind(.headers) { try origin.send(HTTP2.reset(frame.stream, 7)) }
        } _: { (larder, origin) throws in
            let response = try larder.request("POST", "/x", body: [1])
            #expect(response.status == 502 && response.text.contains("origin-closed"))
            #expect((2...4).contains(origin.frames(.headers).count))
        }
    }

    @Test("§6.8: streams up to GOAWAY's last one finish, and the connection takes no new ones", .tags(.must))
    func goAway() throws {
        try play { origin, frame in
            guard frame.isKind(.headers) else { return }
            if origin.number > 1 { return try origin.respond(frame.stream, body: "2") }
            // A request may be on its way already when the connection ends for it.
            guard origin.waiting.isEmpty else { return }
            origin.waiting.append(frame.stream)
            try origin.send(HTTP2.headers(frame.stream, [(":status", "200")], ends: false))
            try origin.send(HTTP2.data(frame.stream, Array("begun ".utf8)))
            try origin.goAway(last: frame.stream)
        } _: { (larder, origin) throws in
            let client = try larder.client()
            defer { client.close() }
            try client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.readHead() != nil)
            #expect(try larder.get("/2").text == "2")
            #expect(origin.connections == 2 && origin.openConnections == 2)
        }
    }

    @Test("A response that RST_STREAM or the connection's end cuts off is never complete, and not stored", .tags(.must))
    func cutOff() throws {
        for cause in ["reset", "no-error", "close"] {
            try play(cache: "timeout: 60s") { origin, frame in
                guard frame.isKind(.headers) else { return }
                if frame[":path"] == "/whole" { return try origin.respond(frame.stream) }
                try origin.send(HTTP2.headers(frame.stream, [(":status", "200")], ends: false))
                try origin.send(HTTP2.data(frame.stream, Array("part".utf8)))
                switch cause {
                case "reset": try origin.send(HTTP2.reset(frame.stream, 8))
                case "no-error": try origin.send(HTTP2.reset(frame.stream, 0))
                default: origin.socket.interrupt()
                }
            } _: { (larder, origin) throws in
                for _ in 0..<2 {
                    let response = try? larder.get("/x")
                    #expect(response?.isComplete != true, "\(cause)")
                }
                #expect(origin.frames(.headers).count == 2)
                #expect(try larder.get("/whole").status == 200)
            }
        }
    }

    @Test("§8.1: a response that is complete before the content stops the upload, and is whole", .tags(.must))
    func earlyResponse() throws {
        try play { origin, frame in
            guard frame.isKind(.headers) else { return }
            try origin.respond(frame.stream, "413", [("content-length", "3")], body: "big")
            try origin.send(HTTP2.reset(frame.stream, 0))
        } _: { (larder, origin) throws in
            let client = try larder.client()
            defer { client.close() }
            try client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc")
            let response = try client.readResponse(to: "POST")
            #expect(response.status == 413 && response.text == "big" && response.isComplete)
            #expect(try larder.get("/y").status == 413)
            #expect(origin.connections == 1)
        }
    }

    @Test("A lost connection fails its streams as HTTP/1 does: GET is sent again, POST is not")
    func lost() throws {
        try play { origin, frame in
            guard frame.isKind(.headers) else { return }
            if frame[":path"] == "/first" { return try origin.respond(frame.stream) }
            if origin.number > 1 { return try origin.respond(frame.stream, body: "again") }
            origin.waiting.append(frame.stream)
            if origin.waiting.count == 2 { origin.socket.interrupt() }
        } _: { (larder, origin) throws in
            #expect(try larder.get("/first").status == 200)
            let responses = try HTTP2UpstreamScene.together(larder, [("GET", "/a"), ("POST", "/b")])
            #expect(responses[0].text == "again" && responses[1].status == 502)
        }
    }

    @Test("An idle connection is closed with GOAWAY after its time, and none is kept with `keepalive: 0`")
    func idle() throws {
        for keys in ["keepalive_timeout: 200ms", "keepalive: 0"] {
            try play(upstream: keys) { origin, frame in
                if frame.isKind(.headers) { try origin.respond(frame.stream) }
            } _: { (larder, origin) throws in
                #expect(try larder.get("/x").status == 200)
                #expect(eventually(within: 10) { origin.openConnections == 0 })
                #expect(origin.frames(.goAway).first?.error == 0)
                let again = try larder.get("/x")
                #expect(again.status == 200)
                #expect(origin.connections == 2)
            }
        }
    }

    @Test("A request to switch protocols is a 502 that says so, as HTTP/2 has none")
    func upgrade() throws {
        try play(route: "upgrade: websocket") { origin, frame in
            if frame.isKind(.headers) { try origin.respond(frame.stream) }
        } _: { (larder, origin) throws in
            let response = try larder.get(
                "/ws",
                [
                    "Host: h", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                ])
            #expect(response.status == 502 && response.text.contains("upgrade-impossible"))
            #expect(origin.frames(.headers).isEmpty)
        }
    }

    @Test("Health checks speak HTTP/2")
    func healthCheck() throws {
        try play(upstream: "check: {path: /healthz, interval: 100ms}") { origin, frame in
            guard frame.isKind(.headers) else { return }
            try origin.respond(frame.stream, frame[":path"] == "/healthz" ? "503" : "200")
        } _: { (larder, origin) throws in
            #expect(eventually(within: 10) { origin.frames(.headers).contains { $0[":path"] == "/healthz" } })
            #expect(
                eventually(within: 10) {
                    (try? larder.admin("GET", "/metrics").text)?.contains(
                        "larder_upstream_up{upstream=\"origin\",server=\"\(origin.url)\"} 0") == true
                })
        }
    }
}
