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

    static let brokenRests = [Quoted("zz\r\n"), "5\r\nhelloXX", "-1\r\n", "ffffffffffffffff1\r\n"]

    @Test(
        "RFC 9110 §15.6.3: a chunked answer that breaks in the same read as its head is a 502",
        arguments: brokenRests, ["GET", "POST"])
    func brokenChunks(_ rest: Quoted, _ method: String) throws {
        for lifetime in ["max-age=60", "no-store"] {
            let path = origin.script { exchange in
                try exchange.readBody()
                try exchange.send(
                    "HTTP/1.1 200 OK\r\nCache-Control: \(lifetime)\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n\(rest.text)"
                )
                exchange.close()
            }
            for _ in 0..<2 {
                let response = try larder.request(method, path, body: method == "POST" ? Array("x".utf8) : nil)
                try expectProblem(response, 502)
                #expect(response.xCache != "HIT")
            }
        }
    }

    @Test("A chunked answer whose chunks break later ends broken for the client", arguments: brokenRests)
    func laterBrokenChunks(_ rest: Quoted) throws {
        let told = DispatchSemaphore(value: 0)
        let path = origin.script { exchange in
            try exchange.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
            _ = told.wait(timeout: .now() + 10)
            try exchange.send(rest.text)
            exchange.close()
        }
        let client = try larder.client()
        try client.send(RawClient.request("GET", path))
        var seen: [UInt8] = []
        while !seen.text.contains("ok") { seen += try client.socket.receive() }
        told.signal()
        seen += (try? client.readToEnd()) ?? []
        #expect(seen.text.hasPrefix("HTTP/1.1 200 ") && !seen.text.contains("\r\n0\r\n"))
        #expect((try? larder.get(path).xCache) != "HIT")
    }

    @Test("RFC 9110 §15.4.5: a 304 to a request without conditions is a 502, also where something stale is stored")
    func unaskedNotModified() throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nCache-Control: max-age=60\r\n\r\n")
        }
        for method in ["GET", "HEAD", "PUT"] {
            for _ in 0..<2 { #expect(try larder.request(method, path).status == 502, "\(method)") }
        }
        // Whoever has a condition may be told so, and so may one whose condition stands in for the client's.
        let asked = try larder.request("PUT", path, ["If-None-Match: \"v1\""])
        #expect(asked.status == 304)
        let first = Locked(true)
        let stale = origin.script { exchange in
            let isFirst = first.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            if isFirst { return try exchange.respond(200, ["Cache-Control: max-age=0"], body: "page") }
            try exchange.respond(304, ["ETag: \"v1\""])
        }
        #expect(try larder.get(stale).text == "page")
        for _ in 0..<2 { #expect(try larder.get(stale).status != 304) }
    }

    @Test("A client that pauses in its upload is not the origin's failure")
    func pausedUpload() throws {
        let path = origin.script { exchange in
            let body = try exchange.readBody()
            try exchange.respond(200, body: "\(body.count)")
        }
        for (fields, parts) in [
            ("Content-Length: 10", ["01234", "56789"]),
            ("Transfer-Encoding: chunked", ["5\r\n01234\r\n", "5\r\n56789\r\n0\r\n\r\n"]),
        ] {
            let client = try larder.client()
            try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(parts[0])")
            // Three times as long as an origin may take for its first byte.
            Thread.sleep(forTimeInterval: 1.2)
            try client.send(parts[1])
            let response = try client.readResponse()
            #expect(response.status == 200 && response.text == "10", "\(response.raw.text)")
        }
        try expectAlive()
    }

    @Test("The origin's time begins once it has the whole request")
    func hungAfterUpload() throws {
        let path = origin.script { exchange in
            try exchange.readBody()
            exchange.hang()
        }
        let client = try larder.client()
        try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
        Thread.sleep(forTimeInterval: 0.8)
        try client.send("56789")
        try expectProblem(try client.readResponse(), 504)
        try expectAlive()
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

    @Test(
        "RFC 9110 §9.2.2: PUT and DELETE with content are sent again where a kept connection was just closed",
        arguments: ["PUT", "DELETE"], [1, 1_000, 65_536])
    func retryWithContent(_ method: String, _ count: Int) throws {
        try Stage.run { stage in
            let scene = try Scene(stage: stage) { origin in
                LarderConfiguration(
                    upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin",
                    server: "workers: 1")
            }
            let answered = OnceAConnection()
            let warm = scene.origin.script(200, body: "warm")
            let path = scene.origin.script { exchange in
                let body = try exchange.readBody()
                if answered.isFirst(0) { return exchange.close() }
                let isWhole = body == (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                try exchange.respond(200, body: isWhole ? "whole" : "\(body.count) bytes")
            }
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            _ = try scene.larder.get(warm)
            #expect(try scene.larder.request(method, path, body: body).text == "whole")
            #expect(scene.origin.count(for: path) == 2)
        }
    }

    @Test("RFC 9110 §9.2.2: more content than is kept is not sent again, and neither is a POST's")
    func noRetryWithContent() throws {
        for (method, count) in [("PUT", 300_000), ("POST", 10)] {
            try Stage.run { stage in
                let scene = try Scene(stage: stage) { origin in
                    LarderConfiguration(
                        upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin",
                        server: "workers: 1")
                }
                let warm = scene.origin.script(200, body: "warm")
                let path = scene.origin.script { exchange in
                    try exchange.readBody()
                    exchange.close()
                }
                _ = try scene.larder.get(warm)
                let body = [UInt8](repeating: 0x61, count: count)
                #expect(try scene.larder.request(method, path, body: body).status == 502)
                #expect(scene.origin.count(for: path) == 1)
            }
        }
    }

    @Test(
        "RFC 9112 §6.3: a body that follows where none may be is never another client's answer",
        arguments: [
            ("HEAD", Quoted("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n"), ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
        ])
    func lateBody(_ method: String, _ head: Quoted) throws {
        try Stage.run { stage in
            let scene = try Scene(stage: stage) { origin in
                LarderConfiguration(
                    upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin",
                    server: "workers: 1")
            }
            let path = scene.origin.script { exchange in
                try exchange.send(head.text)
                // In a write of its own, as servers do that write heads and bodies apart.
                try exchange.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=60\r\n\r\nforged")
            }
            for _ in 0..<30 {
                _ = try scene.larder.request(method, path, ["If-None-Match: \"a\""])
                let next = scene.origin.script(200, body: "genuine")
                for _ in 0..<2 { #expect(try scene.larder.get(next).text == "genuine") }
            }
        }
    }

    @Test(
        "RFC 9110 §9.3.1: a second answer to a GET with content is nobody's",
        arguments: ["GET", "DELETE", "OPTIONS"])
    func contentTakenForARequest(_ method: String) throws {
        try Stage.run { stage in
            let scene = try Scene(stage: stage) { origin in
                LarderConfiguration(
                    upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin",
                    server: "workers: 1")
            }
            let path = scene.origin.script { exchange in
                try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                exchange.pause(0.05)
                try? exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
            }
            let next = scene.origin.script(200, body: "genuine")
            for _ in 0..<5 {
                let response = try scene.larder.request(
                    method, path, body: Array("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
                #expect(response.text == "ok")
                for _ in 0..<3 { #expect(try scene.larder.get(next).text == "genuine") }
            }
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
