import Foundation
import TestSupport
import Testing

// Each limit has its answer and its counter in /stats.

@Suite("Limits", .serialized)
struct LimitTests {
    static let shared = Result {
        try Scene { origin in
            LarderConfiguration(
                upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin",
                limits: """
                    head: 4KiB
                    fields: 20
                    request_line: 1KiB
                    body: 64KiB
                    clients: 12
                    requests: 3
                    head_timeout: 300ms
                    read_timeout: 500ms
                    write_timeout: 1s
                    idle_timeout: 400ms
                    """)
        }
    }
    let scene: Scene
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    /// Does something that meets a limit and expects its counter to have risen.
    private func expectCounted(_ name: String, _ body: () throws -> Void) throws {
        let before = try larder.figure("limits", name)
        try body()
        let isCounted = try eventually { try larder.figure("limits", name) > before }
        let stats = try larder.stats()["limits"]
        #expect(isCounted, "\(name): \(stats)")
    }

    /// The one answer to these bytes, after which the connection ends.
    private func expect(_ status: Int, of bytes: String) throws {
        let reply = try larder.exchange(Array(bytes.utf8)).text
        let head = Head(reply.components(separatedBy: "\r\n\r\n")[0].utf8)
        #expect(head["Content-Type"] == "application/problem+json", "\(reply)")
        #expect(Response.status(of: head) == status, "\(reply)")
    }

    @Test("RFC 6585 §5: a head too large is answered with 431")
    func head() throws {
        let fields = (0..<10).map { "X-\($0): " + String(repeating: "a", count: 800) }.joined(separator: "\r\n")
        try expectCounted("head") {
            try expect(431, of: "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
        }
    }

    @Test("RFC 6585 §5: a head that never ends is answered with 431 at the limit")
    func endlessHead() throws {
        try expectCounted("head") {
            try expect(431, of: "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 8_000))
        }
    }

    @Test("RFC 6585 §5: too many fields are answered with 431")
    func fields() throws {
        let fields = (0..<25).map { "X-\($0): a" }.joined(separator: "\r\n")
        try expectCounted("fields") { try expect(431, of: "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n") }
    }

    @Test("RFC 9110 §15.5.15: a request line too long is answered with 414")
    func requestLine() throws {
        try expectCounted("request_line") {
            try expect(414, of: "GET /" + String(repeating: "a", count: 2_000) + " HTTP/1.1\r\nHost: a\r\n\r\n")
        }
    }

    @Test("RFC 9110 §15.5.14: content too large by its length is answered with 413, and the origin hears nothing")
    func body() throws {
        let path = scene.origin.script(200)
        try expectCounted("body") {
            try expect(413, of: "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n")
        }
        #expect(scene.origin.count(for: path) == 0)
    }

    @Test("RFC 9110 §15.5.14: chunked content too large is answered with 413, and the origin never has it whole")
    func chunkedBody() throws {
        let path = scene.origin.script(200)
        try expectCounted("body") {
            let client = try larder.client()
            try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "4000\r\n" + String(repeating: "x", count: 0x4000) + "\r\n"
            for _ in 0..<8 { _ = try? client.send(chunk) }
            #expect(try client.readResponse().status == 413)
        }
        #expect(!scene.origin.requests(for: path).contains { $0.isComplete })
    }

    @Test("RFC 9112 §9.6: a client that sends 32 MiB before it reads gets its 413")
    func largeRefusedBody() throws {
        let path = scene.origin.script(200)
        let client = try larder.client()
        try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(32 << 20)\r\n\r\n")
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        for _ in 0..<32 { try client.send(piece) }
        #expect(try client.readResponse().status == 413)
        #expect(scene.origin.count(for: path) == 0)
    }

    @Test("RFC 9110 §15.5.9: a head that takes too long is answered with 408")
    func headTimeout() throws {
        try expectCounted("head_timeout") { try expect(408, of: "GET / HTTP/1.1\r\nHos") }
    }

    @Test("RFC 9110 §15.5.9: a head that trickles in doesn't get more time")
    func tricklingHead() throws {
        let client = try larder.client()
        let start = Clock.now
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 200))".utf8)
        for byte in bytes {
            guard (try? client.send([byte])) != nil, !client.socket.isReadable(within: 0.02) else { break }
        }
        #expect(try client.readResponse().status == 408)
        #expect(Clock.now - start < 2.5)
    }

    @Test("RFC 9110 §15.5.9: content that stops coming is answered with 408")
    func readTimeout() throws {
        let path = scene.origin.script(200)
        try expectCounted("read_timeout") {
            let bytes = "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"
            try expect(408, of: bytes)
        }
    }

    @Test("RFC 9110 §15.5.9: content that trickles in doesn't hold a connection to the origin for ever")
    func uploadRate() throws {
        let path = scene.origin.script(200)
        try expectCounted("upload_rate") {
            let client = try larder.client()
            try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            let start = Clock.now
            while Clock.now - start < 30, !client.socket.isReadable(within: 0.1) {
                guard (try? client.send([0x61])) != nil else { break }
            }
            #expect(try client.readResponse().status == 408)
        }
    }

    @Test("A client that takes nothing of a large answer is cut off")
    func writeTimeout() throws {
        let ended = Counter()
        let path = scene.origin.script { exchange in
            defer { ended.add(1) }
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            let block = [UInt8](repeating: 0, count: 65_536)
            while true { try exchange.send(block) }
        }
        try expectCounted("write_timeout") {
            let client = try larder.client(receiveBuffer: 16_384)
            try client.send(RawClient.request("GET", path))
            #expect(eventually { ended.value == 1 })
        }
    }

    @Test("An idle connection is closed without a word")
    func idle() throws {
        let path = scene.origin.script(200, body: "ok")
        try expectCounted("idle_timeout") {
            let client = try larder.client()
            #expect(try client.request("GET", path).status == 200)
            #expect(client.isClosedByPeer(within: 4))
        }
    }

    @Test("A connection that never sends a byte is closed")
    func silent() throws {
        let client = try larder.client()
        #expect(client.isClosedByPeer(within: 4))
    }

    @Test("The last request of a connection is answered with Connection: close")
    func requests() throws {
        let path = scene.origin.script(200, body: "ok")
        try expectCounted("requests") {
            let client = try larder.client()
            #expect(
                try (0..<3).map { _ in try client.request("GET", path)["Connection"]?.lowercased() == "close" } == [
                    false, false, true,
                ])
            #expect(client.isClosedByPeer())
        }
    }

    @Test("A client too many is answered with 503 or closed, and there is room again when others leave")
    func clients() throws {
        let path = scene.origin.script { exchange in
            exchange.pause(1)
            try exchange.respond(body: "ok")
        }
        // Clients of the tests before may not have been noticed to have left.
        #expect(try eventually { try larder.figure("totals", "clients") == 0 })
        let before = try larder.figure("limits", "clients")
        try expectCounted("clients") {
            // Which of them is the one too many is for the workers to say: they accept side by side.
            let clients = try (0..<13).map { _ in try larder.client() }
            for client in clients { try? client.send(RawClient.request("GET", path)) }
            let statuses = clients.map { (try? $0.readResponse().status) ?? 503 }
            #expect(statuses.filter { $0 == 200 }.count == 12, "\(statuses)")
            #expect(statuses.filter { $0 == 503 }.count == 1, "\(statuses)")
        }
        #expect(try larder.figure("limits", "clients") == before + 1)
        #expect(eventually { (try? larder.get(path).status) == 200 })
    }
}
