import Foundation
import TestSupport
import Testing

// Origins fail in every way. The client learns the truth, nothing wrong is stored, and the workers go on.

@Suite("When an origin fails")
struct OriginFailureTests {
    static let shared = Result {
        try Scene { origin in
            LarderConfiguration(
                upstreams: """
                    origin:
                      servers: [\(origin)]
                      first_byte_timeout: 400ms
                      between_bytes_timeout: 400ms
                      connect_timeout: 500ms
                    """,
                routes: "- path: /{rest...}\n  upstream: origin\n  cache:\n    timeout: 60s")
        }
    }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    /// A gateway error of Larder's own, which gives nothing away.
    private func expectProblem(_ response: Response, _ status: Int) throws {
        #expect(response.status == status, "\(response.raw.text)")
        #expect(response["Content-Type"] == "application/problem+json")
        #expect(try response.json()["status"].int == status)
        #expect(!response.text.contains("127.0.0.1") && !response.text.contains("\(origin.port)"))
    }

    /// Other requests are answered while and after something is wrong.
    private func expectAlive() throws {
        let path = origin.script(200, body: "alive")
        for _ in 0..<4 { #expect(try larder.get(path).text == "alive") }
    }

    @Test("Nobody listens: 502 or 503, at once, and stored nowhere")
    func refused() throws {
        try Stage.run { stage in
            let larder = try stage.larder(.caching("http://127.0.0.1:\(FreePort.take())"))
            for _ in 0..<3 {
                let seconds = try Clock.measure {
                    let response = try larder.get("/a")
                    #expect([502, 503].contains(response.status))
                    #expect(response["Content-Type"] == "application/problem+json")
                    #expect(response.xCache != "HIT")
                }
                #expect(seconds < 2)
            }
        }
    }

    @Test("An origin that comes back is used again by itself")
    func comesBack() throws {
        try Stage.run { stage in
            let endpoint = Endpoint.port(FreePort.take())
            let larder = try stage.larder(.caching(endpoint.description, cache: ""))
            #expect(try larder.get("/a").status >= 500)
            _ = try stage.origin(on: endpoint) { try $0.respond(200, body: "back") }
            #expect(try eventually(within: 15) { try larder.get("/a").text == "back" })
        }
    }

    @Test("It hangs before the first byte: 504 within first_byte_timeout, others are answered meanwhile")
    func hung() throws {
        let path = origin.script { $0.hang() }
        let client = try larder.client()
        let start = Clock.now
        try client.send(RawClient.request("GET", path))
        try expectAlive()
        let response = try client.readResponse()
        try expectProblem(response, 504)
        #expect(Clock.now - start > 0.3)
        #expect(Clock.now - start < 2.5)
        try expectAlive()
    }

    @Test("It hangs inside the body: the answer ends broken within between_bytes_timeout and is not stored")
    func hungInBody() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\npart")
            exchange.hang()
        }
        let start = Clock.now
        let response = try larder.get(path)
        #expect(response.text == "part")
        #expect(!response.isComplete)
        #expect(Clock.now - start < 3)
        #expect(try larder.get(path).xCache != "HIT")
        #expect(origin.count(for: path) == 2)
    }

    @Test("It is slow, but within every time-out: the answer is whole")
    func slow() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
            for byte in "slowslow" {
                exchange.pause(0.1)
                try exchange.send(String(byte))
            }
        }
        let response = try larder.get(path)
        #expect(response.isComplete)
        #expect(response.text == "slowslow")
    }

    @Test(
        "Its answer is no HTTP: 502, nothing stored, its connection not used again",
        arguments: [
            Quoted("garbage\r\n\r\n"), "\0\0\0\0\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 99 Low\r\n\r\n",
            "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 2\r\n\r\nok",
        ])
    func garbage(_ answer: Quoted) throws {
        let path = origin.script { exchange in
            try exchange.send(
                answer.text.replacingOccurrences(of: "OK\r\n", with: "OK\r\nCache-Control: max-age=60\r\n"))
            exchange.close()
        }
        for _ in 0..<2 {
            let response = try larder.get(path)
            try expectProblem(response, 502)
            #expect(response.xCache != "HIT")
        }
        try expectAlive()
    }

    @Test(
        "RFC 9112 §6.3: an answer with both framings is an error, never stored, and nothing behind it is anybody's answer",
        arguments: [
            "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5",
        ])
    func bothFramings(_ framing: String) throws {
        let path = origin.script { exchange in
            try exchange.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\(framing)\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        }
        for _ in 0..<2 {
            let response = try larder.get(path)
            #expect(response.status == 502 || !response.isComplete, "\(response.raw.text)")
            #expect(response.xCache != "HIT")
        }
        let next = origin.script(200, body: "genuine")
        for _ in 0..<8 { #expect(try larder.get(next).text == "genuine") }
    }

    @Test("Bytes behind a complete answer are nobody's answer")
    func surplus() throws {
        let path = origin.script { exchange in
            try exchange.send(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        }
        #expect(try larder.get(path).text == "ok")
        let next = origin.script(200, body: "genuine")
        for _ in 0..<8 { #expect(try larder.get(next).text == "genuine") }
    }

    @Test("A chunked answer whose chunks are broken ends broken for the client")
    func brokenChunks() throws {
        for rest in ["zz\r\n", "5\r\nhelloXX", "-1\r\n", "ffffffffffffffff1\r\n"] {
            let path = origin.script { exchange in
                try exchange.send(
                    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n\(rest)"
                )
                exchange.close()
            }
            // Broken at once, the head may not have come either.
            let response = try? larder.get(path)
            #expect(response.map { !$0.isComplete || $0.status == 502 } ?? true, "\(response?.raw.text ?? "")")
            #expect((try? larder.get(path).xCache) != "HIT")
        }
    }

    @Test("A connection reset in the middle of the body ends the answer broken")
    func resetInBody() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\npart")
            exchange.pause(0.05)
            exchange.reset()
        }
        let response = try? larder.get(path)
        #expect(response?.isComplete != true)
        #expect((try? larder.get(path).xCache) != "HIT")
        try expectAlive()
    }

    @Test("A connection reset before the answer: 502 after one more try for GET")
    func resetAtOnce() throws {
        let path = origin.script { $0.reset() }
        try expectProblem(try larder.get(path), 502)
        #expect((1...2).contains(origin.count(for: path)))
        try expectAlive()
    }

    @Test("An oversized head is a 502")
    func oversizedHead() throws {
        let path = origin.script(200, (0..<60).map { "X-\($0): " + String(repeating: "a", count: 1_000) }, body: "ok")
        try expectProblem(try larder.get(path), 502)
    }

    @Test("A head that never ends is a 502 or 504, and takes no memory")
    func endlessHead() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nX: ")
            let block = String(repeating: "a", count: 65_536)
            for _ in 0..<2_000 { try exchange.send(block) }
        }
        #expect([502, 504].contains(try larder.get(path).status))
        if !isSanitized { #expect(larder.process.memory() < 64 << 20) }
    }

    @Test("RFC 9110 §9.2.2: a GET on a kept connection that the origin closed is sent once more, unseen by the client")
    func retryOnStale() throws {
        try Stage.run { stage in
            let scene = try Scene(stage: stage) { origin in
                LarderConfiguration(
                    upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin",
                    server: "workers: 1")
            }
            // Every second request on a connection is answered by closing it.
            let answered = OnceAConnection()
            let path = scene.origin.script { exchange in
                if answered.isFirst(exchange.request.connection) {
                    try exchange.respond(200, body: "ok")
                } else {
                    exchange.close()
                }
            }
            for _ in 0..<6 { #expect(try scene.larder.get(path).text == "ok") }
            #expect(scene.origin.count(for: path) > 6)
        }
    }

    @Test("RFC 9110 §9.2.2: a POST is never sent twice")
    func noRetry() throws {
        let posts = origin.script { exchange in
            try exchange.readBody()
            exchange.close()
        }
        let response = try larder.request("POST", posts, body: Array("x".utf8))
        #expect(response.status == 502)
        #expect(origin.count(for: posts) == 1)
    }

    @Test("No second try once the answer has begun")
    func noRetryInAnswer() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
            exchange.close()
        }
        let response = try larder.get(path)
        #expect(!response.isComplete)
        #expect(origin.count(for: path) == 1)
    }
}

/// Whether a connection is seen for the first time.
private final class OnceAConnection: @unchecked Sendable {
    private let lock = NSLock()
    private var seen: Set<Int> = []
    func isFirst(_ connection: Int) -> Bool { lock.withLock { seen.insert(connection).inserted } }
}
