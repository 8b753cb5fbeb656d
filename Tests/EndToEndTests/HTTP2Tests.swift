import Foundation
import TestSupport
import Testing

// HTTP/2 with the clients that people have: curl, nghttp and h2load, against the daemon with a cache and an origin behind it.
// What the protocol demands frame by frame is tested without a daemon, in ClientsTests.

@Suite("RFC 9113: HTTP/2 without TLS, with real clients")
struct HTTP2Tests {
    /// A daemon that takes HTTP/2 on its listener.
    private func play(
        _ change: (inout LarderConfiguration) -> Void = { _ in }, _ handler: @escaping ScriptedOrigin.Handler,
        _ body: (LarderProcess, ScriptedOrigin, Stage) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try stage.origin(handler)
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.takesHTTP2 = true
            change(&configuration)
            try body(try stage.larder(configuration), origin, stage)
        }
    }

    private func curl(_ larder: LarderProcess, _ arguments: String...) throws -> String {
        let common = ["curl", "-sS", "--max-time", "20", "--http2-prior-knowledge"]
        let finished = try run(common + arguments, within: 30)
        #expect(finished.status == 0, "\(finished.errors)")
        return finished.output
    }

    @Test("RFC 9113 §3.3: one listener takes HTTP/2 and HTTP/1.1, which share what is stored", .tags(.must))
    func bothVersions() throws {
        try play(
            { _ in }, { try $0.respond(200, ["Cache-Control: max-age=600"], body: "hello") },
            { larder, origin, _ in
                let url = "http://127.0.0.1:\(larder.port)/a"
                let first = try curl(larder, "-i", url)
                #expect(
                    first.hasPrefix("HTTP/2 200") && first.contains("x-cache: MISS") && first.hasSuffix("hello"),
                    "\(first)"
                )
                #expect(try curl(larder, "-i", url).contains("x-cache: HIT"))
                #expect(try larder.get("/a", ["Host: 127.0.0.1:\(larder.port)"])["X-Cache"] == "HIT")
                let head = try curl(larder, "-I", url)
                #expect(head.contains("content-length: 5") && head.contains("x-cache: HIT"), "\(head)")
                #expect(origin.count(for: "/a") == 1)
                #expect(try origin.requests(for: "/a").first?["Via"]?.hasPrefix("2.0 ") == true)
                #expect(try larder.figure("totals", "http2", "requests") == 3)
                #expect(try larder.figure("totals", "requests") == 4)
            })
    }

    @Test("Content goes both ways, of any size, with trailers behind it", .tags(.must))
    func content() throws {
        let body = String(repeating: "0123456789", count: 100_000)
        try play(
            { _ in },
            { exchange in
                if exchange.request.method == "POST" {
                    try exchange.respond(200, body: "\(try exchange.readBody().count)")
                } else {
                    try exchange.respond(200, ["Cache-Control: no-store"], body: body)
                }
            },
            { larder, _, _ in
                let url = "http://127.0.0.1:\(larder.port)"
                #expect(try curl(larder, url + "/large") == body)
                let folder = try TemporaryFolder.make("upload")
                try body.write(toFile: folder + "/body", atomically: true, encoding: .utf8)
                #expect(try curl(larder, "--data-binary", "@\(folder)/body", url + "/post") == "1000000")
                // Of a length that isn't announced.
                #expect(
                    try curl(larder, "-X", "POST", "-H", "Content-Length:", "-T", "\(folder)/body", url + "/post")
                        == "1000000")
            })
    }

    @Test("The access log says HTTP/2.0, and malformed requests are counted", .tags(.choice))
    func accessLog() throws {
        let log = try TemporaryFolder.make("log") + "/access.log"
        try play(
            { $0.log = "access: common\nto: \(log)" }, { try $0.respond(200, body: "x") },
            { larder, _, _ in
                _ = try curl(larder, "http://127.0.0.1:\(larder.port)/a?b")
                #expect(
                    eventually(within: 20) {
                        (try? String(contentsOfFile: log, encoding: .utf8))?.contains("\"GET /a?b HTTP/2.0\" 200 1")
                            == true
                    })
                let client = try larder.client()
                try client.send(
                    HTTP2.preface + HTTP2.settings().bytes
                        + HTTP2.headers(1, HTTP2.request("GET", "/", [("connection", "close")])).bytes)
                #expect(eventually(within: 20) { (try? larder.figure("totals", "http2", "faults")) == 1 })
                client.close()
            })
    }

    @Test("h2load: 2,000 requests over eight connections of 16 streams each", .tags(.choice))
    func load() throws {
        try play(
            { _ in },
            { try $0.respond(200, ["Cache-Control: max-age=600"], body: String(repeating: "x", count: 3000)) },
            { larder, origin, _ in
                let finished = try run(
                    ["h2load", "-n", "2000", "-c", "8", "-m", "16", "http://127.0.0.1:\(larder.port)/a"], within: 60)
                #expect(finished.output.contains("2000 succeeded, 0 failed, 0 errored"), "\(finished.output)")
                #expect(origin.count(for: "/a") == 1)
            })
    }

    @Test("nghttp: several requests at once over one connection", .tags(.choice))
    func nghttp() throws {
        try play(
            { _ in }, { try $0.respond(200, body: "\($0.request.target)") },
            { larder, _, _ in
                let urls = (0..<20).map { "http://127.0.0.1:\(larder.port)/\($0)-" }
                let finished = try run(["nghttp", "--no-dep"] + urls, within: 30)
                #expect(
                    finished.status == 0 && (0..<20).allSatisfy { finished.output.contains("/\($0)-") },
                    "\(finished.output)")
            })
    }

    @Test("RFC 9113 §6.8: a drain lets requests end, and tells clients to go", .tags(.should))
    func drain() throws {
        let gate = Locked(false)
        try play(
            { _ in },
            { exchange in
                _ = eventually(within: 20) { gate.withLock { $0 } }
                try exchange.respond(200, body: "late")
            },
            { larder, origin, _ in
                let client = try larder.client()
                let reader = HTTP2FrameReader()
                try client.send(HTTP2.preface + HTTP2.settings().bytes + HTTP2.headers(1).bytes)
                #expect(eventually(within: 20) { origin.count(for: "/a") == 1 })
                larder.process.signal(SIGTERM)
                var frames: [HTTP2Frame] = []
                while !frames.contains(where: { $0.isKind(.goAway) }) {
                    frames += reader.read(try client.socket.receive(4096))
                }
                gate.withLock { $0 = true }
                frames += reader.read(try client.readToEnd())
                #expect(frames.filter { $0.isKind(.data) }.flatMap(\.payload) == Array("late".utf8))
                #expect(frames.filter { $0.isKind(.goAway) }.allSatisfy { $0.error == 0 })
                client.close()
            })
    }

    @Test("RFC 8441: WebSocket over a stream, where the route allows the upgrade", .tags(.should))
    func webSocket() throws {
        try play(
            { $0.routes = "- path: /{rest...}\n  upstream: origin\n  upgrade: [websocket]" },
            { exchange in
                guard exchange.request["Upgrade"] == "websocket", exchange.request.target == "/chat" else {
                    return try exchange.respond(200, body: "plain")
                }
                #expect(exchange.request["Sec-WebSocket-Key"]?.count == 24 && exchange.request.method == "GET")
                try exchange.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhi "
                )
                while true {
                    let bytes = try exchange.socket.receive(1024)
                    if bytes.isEmpty { break }
                    try exchange.send(bytes)
                }
            },
            { larder, _, _ in
                let client = try larder.client()
                let reader = HTTP2FrameReader()
                func connect(_ stream: UInt32, _ path: String) -> HTTP2Frame {
                    HTTP2.headers(stream, [(":protocol", "websocket")] + HTTP2.request("CONNECT", path), ends: false)
                }
                try client.send(HTTP2.preface + HTTP2.settings().bytes + connect(1, "/chat").bytes)
                var frames: [HTTP2Frame] = []
                func content(_ stream: UInt32) -> [UInt8] {
                    frames.filter { $0.isKind(.data) && $0.stream == stream }.flatMap(\.payload)
                }
                func read(until isDone: () -> Bool) throws {
                    while !isDone() {
                        let bytes = try client.socket.receive(4096)
                        if bytes.isEmpty { break }
                        frames += reader.read(bytes)
                    }
                }
                try read { content(1) == Array("hi ".utf8) }
                let head = try #require(frames.first { $0.isKind(.headers) })
                #expect(head[":status"] == "200" && head["sec-websocket-accept"] == nil && head["upgrade"] == nil)
                try client.send(HTTP2.data(1, Array("echo".utf8)).bytes)
                try read { content(1) == Array("hi echo".utf8) }
                try client.send(HTTP2.data(1, ends: true).bytes)
                try read { frames.contains { $0.isKind(.data) && $0.endsStream } }
                #expect(content(1) == Array("hi echo".utf8))
                client.close()
            })
    }
}
