import Foundation
import TestSupport
import Testing

// Who is in charge of a connection when a request changes what it is: content that is still on its way as a response
// begins to be stored, a validation that is answered at once, a tunnel that breaks as it opens, a wait that ends with
// something stale.

@Suite("What a request turns into takes over its connections in good order")
struct HandoverTests {
    static let shared = Result {
        try Scene { origin in
            LarderConfiguration(
                upstreams: "origin: \(origin)",
                routes: """
                    - path: /{rest...}
                      upstream: origin
                      cache:
                        timeout: 60s
                    - path: /content/{rest...}
                      upstream: origin
                      cache:
                        methods: [GET, POST]
                        timeout: 60s
                        body_key: 32MiB
                    - path: /ws/{rest...}
                      upstream: origin
                      upgrade: x
                    """,
                store: "object: 32MiB\nmemory: 128MiB", limits: "write_timeout: 1s", server: "workers: 1")
        }
    }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    @Test("Content that is a part of the key, and that the origin is slow to read, arrives whole")
    func largeKeyedContent() throws {
        let path = origin.script("/content/t") { exchange in
            exchange.pause(0.3)
            let content = try exchange.readBody()
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "\(content.count)")
        }
        let response = try larder.client(timeout: 60).request("POST", path, body: patterned(24 << 20))
        #expect(response.status == 200 && response.text == "\(24 << 20)")
    }

    @Test("A POST's response that a GET may be given, begun before the content has ended, takes none of it")
    func responseBeforeContent() throws {
        let path = origin.script("/t") { exchange in
            let path = exchange.request.path
            try exchange.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Location: \(path)\r\nContent-Length: 2\r\n\r\n"
            )
            try exchange.send(try exchange.readBody().count == 10 ? "ok" : "no")
        }
        let client = try larder.client(timeout: 30)
        try client.send("POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        #expect(eventually(within: 30) { client.socket.isReadable(within: 0) })
        try client.send("56789")
        #expect(try client.readResponse().text == "ok")
    }

    @Test("RFC 9112 §9.3: a connection over which a 304 came serves again")
    func validationKeepsConnection() throws {
        let own = try Scene { origin in
            LarderConfiguration(
                upstreams: "origin:\n  servers: [\(origin)]\n  keepalive_timeout: 60s",
                routes: "- path: /{rest...}\n  upstream: origin\n  cache:\n    timeout: 60s", server: "workers: 1")
        }
        let path = own.origin.script { exchange in
            let isKnown = exchange.request["If-None-Match"] != nil
            try exchange.respond(
                isKnown ? 304 : 200, ["Cache-Control: no-cache", "ETag: \"a\""], body: isKnown ? "" : "a")
        }
        let client = try own.larder.client()
        for _ in 0..<4 {
            #expect(try client.request("GET", path).text == "a")
            // It rests for a moment, in case a body follows after all.
            Thread.sleep(forTimeInterval: 0.5)
        }
        #expect(own.origin.count(for: path) == 4)
        #expect(own.origin.connections == 1)
    }

    @Test("A tunnel that breaks as it opens leaves nothing behind for the next response")
    func brokenTunnel() throws {
        let path = origin.script("/ws/t") { exchange in
            try exchange.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\nOf-Tunnel: 1\r\n\r\n")
            exchange.reset()
        }
        let other = origin.script(200, body: "other")
        for _ in 0..<20 {
            let client = try larder.client()
            try client.send("GET \(path) HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nahead")
            _ = try? client.readHead()
            let response = try larder.get(other)
            #expect(response.status == 200 && response["Of-Tunnel"] == nil, "\(response.raw.text)")
        }
    }

    @Test("A tunnel whose client lagged is still read from")
    func laggingTunnel() throws {
        // Not the shared one: a test that isn't given the processor for a second is no client that has stalled.
        let own = try Scene { origin in
            LarderConfiguration(
                upstreams: "origin: \(origin)",
                routes: """
                    - path: /{rest...}
                      upstream: origin
                      upgrade: x
                    """)
        }
        let count = 16 << 20
        let path = own.origin.script { exchange in
            try exchange.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            try exchange.send([UInt8](repeating: 0x61, count: count))
            let received = try exchange.socket.receive()
            try exchange.send(received)
            exchange.close()
        }
        let client = try own.larder.client(timeout: 30, receiveBuffer: 8192)
        try client.send("GET \(path) HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        Thread.sleep(forTimeInterval: 0.5)
        #expect(try client.readHead().map { Response.status(of: $0) } == 101)
        #expect(try client.readExactly(count), "the tunnel ended early")
        try client.send("ping")
        #expect(try client.socket.receive() == Array("ping".utf8))
    }

    @Test("A client that waited for another's fetch and then takes nothing of the stale response is cut off")
    func stalledAfterWaiting() throws {
        let isFailing = Switch()
        let body = patterned(24 << 20)
        let path = origin.script { [origin] exchange in
            if isFailing.isOn {
                let path = exchange.request.path
                _ = eventually(within: 30) { origin.count(for: path) > 1 }
                exchange.pause(1)
                return try exchange.respond(503)
            }
            try exchange.respond(200, ["Cache-Control: max-age=1, stale-if-error=600"], bytes: body)
        }
        #expect(try larder.get(path).body.count == body.count)
        Thread.sleep(forTimeInterval: 2.1)
        isFailing.turnOn()
        let first = try larder.client(timeout: 60)
        try first.send(RawClient.request("GET", path))
        #expect(eventually(within: 30) { origin.count(for: path) == 2 })
        let stalled = try larder.client(receiveBuffer: 4096)
        try stalled.send(RawClient.request("GET", path))
        #expect(try first.readResponse().xCache == "STALE")
        // Longer than it may stall, and than a slow machine needs to begin.
        Thread.sleep(forTimeInterval: isSanitized ? 20 : 3)
        let response = try? stalled.readResponse()
        #expect(response?.isComplete != true)
    }
}
