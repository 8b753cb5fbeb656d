import Foundation
import TestSupport
import Testing

// Unsafe requests of which nobody learns whether the origin has carried them out: what they may have changed is not served.

@Suite("RFC 9111 §4.4: an unsafe request without a response")
struct UnansweredWriteTests {
    enum Version: CaseIterable { case http1, http2 }

    private struct Play {
        let larder: LarderProcess
        let origin: ScriptedOrigin
        let redis: RedisServer
        let gate: Switch

        var waiting: Int { origin.requests().count { $0.path == "/a" && $0.method != "GET" } }
    }

    private static let closes: @Sendable (Exchange) throws -> Void = { $0.close() }

    private static func responds(_ status: Int, _ fields: [String] = []) -> @Sendable (Exchange) throws -> Void {
        { try $0.respond(status, fields) }
    }

    /// Below /posts POSTs are cached themselves.
    private static func routesWithPosts(others cache: String) -> String {
        """
        - path: /posts/{rest...}
          upstream: origin
          cache: {methods: [GET, HEAD, POST], timeout: 60s}
        - path: /{rest...}
          upstream: origin
          cache: \(cache)
        """
    }

    /// What the origin does with an unsafe request to `/a`, once the gate is open.
    private func play(
        _ backend: Backend, routes: String? = nil, firstByte: String = "3s", server: String = "",
        _ write: @escaping @Sendable (Exchange) throws -> Void, _ body: (Play) throws -> Void
    ) throws {
        try Stage.run { stage in
            let gate = Switch()
            defer { gate.turnOn() }
            let origin = try stage.origin { exchange in
                if exchange.request.method == "GET" {
                    return try exchange.respond(200, ["Cache-Control: max-age=3600"], body: "a")
                }
                if exchange.request.path.hasSuffix("/a") { _ = eventually(within: 60) { gate.isOn } }
                try write(exchange)
            }
            let redis = try stage.redis()
            var configuration = LarderConfiguration(
                upstreams: "origin: {servers: \"\(origin.url)\", first_byte_timeout: \(firstByte)}",
                routes: routes ?? "- path: /{rest...}\n  upstream: origin\n  cache: {}",
                store: backend.section(redis))
            configuration.takesHTTP2 = true
            configuration.server = server
            let larder = try stage.larder(configuration)
            for path in ["/a", "/b"] { try larder.fill(path) }
            try body(Play(larder: larder, origin: origin, redis: redis, gate: gate))
        }
    }

    @Test(
        "The origin doesn't respond, or closes: what it may have changed is asked for anew",
        arguments: Backend.allCases, ["PUT", "POST"])
    func noResponse(_ backend: Backend, _ method: String) throws {
        try play(backend, Self.closes) { (it: Play) throws in
            // It waits for the gate for longer than the upstream's time-out.
            #expect(try it.larder.request(method, "/a", body: [120]).status == 504)
            #expect(try !it.larder.isStored("/a") && it.larder.isStored("/b"))
            it.gate.turnOn()
            try it.larder.fill("/a")
            #expect(try it.larder.request(method, "/a", body: [120]).status == 502)
            #expect(try !it.larder.isStored("/a") && it.larder.isStored("/b"))
        }
    }

    @Test("A response that is malformed says nothing either; an error is an answer, and changes nothing")
    func malformed() throws {
        let write: @Sendable (Exchange) throws -> Void = { exchange in
            if exchange.request["X-Error"] != nil { return try exchange.respond(500, body: "no") }
            try exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            exchange.close()
        }
        try play(.memory, write) { (it: Play) throws in
            it.gate.turnOn()
            #expect(try it.larder.request("PUT", "/a", ["X-Error: 1"], body: [120]).status == 500)
            #expect(try it.larder.isStored("/a"))
            #expect(try it.larder.request("PUT", "/a", body: [120]).status == 502)
            #expect(try !it.larder.isStored("/a"))
        }
    }

    @Test("An error that another attempt gets says nothing about the first one", arguments: ["/a", "/posts/a"])
    func repeated(_ path: String) throws {
        let routes = Self.routesWithPosts(others: "{}")
        let attempts = Counter()
        let write: @Sendable (Exchange) throws -> Void = { exchange in
            attempts.add(1)
            if attempts.value == 1 { return exchange.close() }
            try exchange.respond(404, body: "gone already")
        }
        try play(.memory, routes: routes, write) { (it: Play) throws in
            it.gate.turnOn()
            try it.larder.fill(path)
            #expect(try it.larder.request("DELETE", path).status == 404)
            #expect(attempts.value == 2)
            #expect(try !it.larder.isStored(path) && it.larder.isStored("/b"))
            try it.larder.fill(path)
            #expect(try it.larder.request("DELETE", path).status == 404)
            #expect(try it.larder.isStored(path))
        }
    }

    @Test("What reached no server has changed nothing")
    func unsent() throws {
        try play(.memory, Self.closes) { (it: Play) throws in
            it.origin.stop()
            #expect(try it.larder.request("PUT", "/a", body: [120]).status == 503)
            #expect(try it.larder.isStored("/a"))
        }
    }

    @Test("What a route names is invalidated too, and a POST that reads invalidates nothing")
    func declared() throws {
        let routes = """
            - path: /a
              upstream: origin
              cache: {invalidates: [/b]}
            - path: /{rest...}
              upstream: origin
              cache: {methods: [GET, POST], post: reads, timeout: 60s}
            """
        try play(.memory, routes: routes, Self.closes) { (it: Play) throws in
            #expect(try it.larder.request("POST", "/b", body: [120]).status == 502)
            #expect(try it.larder.isStored("/b"))
            it.gate.turnOn()
            #expect(try it.larder.request("POST", "/a", body: [120]).status == 502)
            #expect(try !it.larder.isStored("/a") && !it.larder.isStored("/b"))
        }
    }

    // MARK: Clients that leave

    /// Sends a request to `/a`, and leaves once the origin has it.
    private func leave(_ it: Play, _ version: Version, _ method: String = "PUT") throws {
        let before = it.waiting
        let client = try it.larder.client()
        switch version {
        case .http1: try client.send(RawClient.request(method, "/a", body: [120]))
        case .http2:
            let fields = [
                (":method", method), (":scheme", "http"), (":path", "/a"), (":authority", "api.example"),
                ("content-length", "1"),
            ]
            try client.send(HTTP2.preface + HTTP2.settings().bytes)
            try client.send(HTTP2.headers(1, fields, ends: false).bytes + HTTP2.data(1, [120], ends: true).bytes)
        }
        #expect(eventually { it.waiting == before + 1 })
        switch version {
        case .http1: client.socket.reset()
        // The connection stays: only the request is taken back.
        case .http2: try client.send(HTTP2.reset(1).bytes)
        }
        #expect(try eventually { try leftBehind(it.larder) == 1 })
        if version == .http2 { client.close() }
    }

    private func leftBehind(_ larder: LarderProcess) throws -> Int {
        try larder.figure("sharing", "fetches_left_behind")
    }

    @Test(
        "The client leaves: the response is awaited, and what it says holds",
        arguments: Backend.allCases, Version.allCases)
    func clientLeaves(_ backend: Backend, _ version: Version) throws {
        try play(backend, firstByte: "60s", Self.responds(204)) { (it: Play) throws in
            try leave(it, version)
            #expect(try it.larder.isStored("/a"))
            it.gate.turnOn()
            #expect(try eventually { try !it.larder.isStored("/a") })
            #expect(try it.larder.isStored("/b"))
        }
    }

    @Test("It leaves, and the origin refuses: nothing is invalidated", arguments: Version.allCases)
    func clientLeavesRefused(_ version: Version) throws {
        try play(.memory, firstByte: "60s", Self.responds(403)) { (it: Play) throws in
            try leave(it, version)
            it.gate.turnOn()
            #expect(eventually { it.origin.openConnections == 0 })
            #expect(try it.larder.isStored("/a"))
        }
    }

    @Test("It leaves, and the origin never responds: what it may have changed is asked for anew")
    func neitherSays() throws {
        try play(.memory, Self.closes) { (it: Play) throws in
            try leave(it, .http1)
            #expect(try eventually { try !it.larder.isStored("/a") })
        }
    }

    @Test(
        "It leaves, and the origin closes: the write is not sent again, as its client may have sent another one by then"
    )
    func once() throws {
        try play(.memory, firstByte: "60s", Self.closes) { (it: Play) throws in
            try leave(it, .http1)
            it.gate.turnOn()
            #expect(try eventually { try !it.larder.isStored("/a") })
            #expect(it.waiting == 1)
        }
    }

    @Test("It leaves a POST whose response is cached itself: the same holds")
    func cachedPost() throws {
        let routes = """
            - path: /{rest...}
              upstream: origin
              cache: {methods: [GET, POST], timeout: 60s}
            """
        try play(.memory, routes: routes, firstByte: "60s", Self.responds(200, ["Cache-Control: no-store"])) {
            it in
            try leave(it, .http1, "POST")
            #expect(try it.larder.isStored("/a"))
            it.gate.turnOn()
            #expect(try eventually { try !it.larder.isStored("/a") })
        }
    }

    enum Stop: CaseIterable { case drainOver, secondSignal }

    @Test(
        "A daemon that can't wait for the response before it stops invalidates what the request may have changed",
        arguments: Stop.allCases, [true, false])
    func stoppedBefore(_ stop: Stop, _ leaves: Bool) throws {
        let routes = Self.routesWithPosts(others: "{invalidates: [/b]}")
        let server = "drain: \(stop == .drainOver ? "500ms" : "120s")"
        try play(.redis, routes: routes, firstByte: "60s", server: server, Self.responds(204)) { (it: Play) throws in
            for path in ["/c", "/posts/a"] { try it.larder.fill(path) }
            let keys = try ["/a", "/b", "/posts/a"].map { try it.larder.redisKey("GET", "http://api.example\($0)") }
            let untouched = try it.larder.redisKey("GET", "http://api.example/c")
            #expect(try (keys + [untouched]).allSatisfy { try it.redis.command("EXISTS", $0).int == 1 })
            let staying = try it.larder.client()
            defer { staying.close() }
            if leaves {
                try leave(it, .http1)
            } else {
                try staying.send(RawClient.request("PUT", "/a", body: [120]))
                #expect(eventually { it.waiting == 1 })
            }
            let posting = try it.larder.client()
            defer { posting.close() }
            try posting.send(RawClient.request("POST", "/posts/a", body: [120]))
            #expect(eventually { it.origin.requests().contains { $0.method == "POST" } })
            it.larder.signal(SIGTERM)
            let isOver = eventually(within: 30, every: 0.2) {
                if stop == .secondSignal { it.larder.signal(SIGTERM) }
                return !it.larder.process.isRunning
            }
            #expect(isOver && it.larder.process.end == .exited(stop == .drainOver ? 0 : 1))
            #expect(try keys.allSatisfy { try it.redis.command("EXISTS", $0).int == 0 })
            #expect(try it.redis.command("EXISTS", untouched).int == 1)
        }
    }

    @Test("Redis has all of it before the daemon ends, however much it is")
    func stoppedWithMuch() throws {
        let (writes, targets) = (16, 32)
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                if exchange.request.method != "GET" { return exchange.hang() }
                try exchange.respond(200, ["Cache-Control: max-age=3600"], body: "a")
            }
            let redis = try stage.redis()
            let listed = (0..<targets).map { "\"/{n}/\($0)\"" }.joined(separator: ", ")
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: """
                        - path: /{n}
                          upstream: origin
                          cache: {invalidates: [\(listed)]}
                        - path: /{n}/{rest...}
                          upstream: origin
                          cache: {}
                        """,
                    store: "backend: redis\nredis: \(redis.unixURL)\ntimeout: 20s", server: "workers: 1\ndrain: 100ms"))
            let client = try larder.client()
            defer { client.close() }
            for write in 0..<writes {
                for target in 0..<targets {
                    #expect(try client.request("GET", "/\(write)/\(target)").status == 200)
                }
            }
            let key = try larder.redisKey("GET", "http://api.example/0/0")
            let keys = String(key.dropLast(32)) + String(repeating: "[0-9a-f]", count: 32)
            #expect(try eventually { try redis.command("KEYS", keys).count == writes * targets })
            let clients = try (0..<writes).map { write in
                let client = try larder.client()
                try client.send(RawClient.request("PUT", "/\(write)", body: [120]))
                return client
            }
            defer { for client in clients { client.close() } }
            #expect(eventually { origin.requests().count { $0.method == "PUT" } == writes })
            larder.signal(SIGTERM)
            #expect(larder.process.wait(within: 30) == .exited(0))
            #expect(try redis.command("KEYS", keys).count == 0)
        }
    }

    @Test("A daemon that is told to stop waits for the response")
    func stopping() throws {
        try play(.redis, firstByte: "60s", Self.responds(204)) { (it: Play) throws in
            let key = try it.larder.redisKey("GET", "http://api.example/a")
            #expect(try it.redis.command("EXISTS", key).int == 1)
            try leave(it, .http1)
            it.larder.signal(SIGTERM)
            #expect(eventually { it.larder.process.standardError.contains("stopping") })
            it.gate.turnOn()
            #expect(it.larder.process.wait(within: 20) != nil)
            #expect(try it.redis.command("EXISTS", key).int == 0)
        }
    }

    @Test("On a route that stores nothing the client takes its request back")
    func nothingStored() throws {
        let routes = """
            - path: /a
              upstream: origin
            - path: /{rest...}
              upstream: origin
              cache: {}
            """
        try play(.memory, routes: routes, firstByte: "60s", Self.responds(204)) { (it: Play) throws in
            let client = try it.larder.client()
            try client.send(RawClient.request("PUT", "/a", body: [120]))
            #expect(eventually { it.waiting == 1 })
            client.socket.reset()
            #expect(try eventually { try it.larder.figure("totals", "active_requests") == 0 })
            #expect(try leftBehind(it.larder) == 0)
        }
    }
}
