import Foundation
import TestSupport
import Testing

// Upgraded connections: a WebSocket through the proxy, and where it may not pass (RFC 9110 §7.8, RFC 6455).

@Suite("RFC 9110 §7.8: upgrades")
struct TunnelTests {
    static let shared = Result {
        try Scene { origin in
            LarderConfiguration(
                upstreams: "origin: \(origin)",
                routes: """
                    - path: /{rest...}
                      upstream: origin
                    - path: /ws/{rest...}
                      upstream: origin
                      upgrade: on
                    - path: /cached/{rest...}
                      upstream: origin
                      cache: on
                    """, limits: "tunnel_timeout: 2s\nwrite_timeout: 60s\nread_timeout: 60s")
        }
    }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    /// What the origin received for a path, once.
    private func received(_ path: String) throws -> ReceivedRequest {
        let requests = origin.requests(for: path)
        #expect(requests.count == 1)
        return try #require(requests.first)
    }

    @Test(
        "RFC 9110 §15.5.22: a 426 keeps the Upgrade that says what to switch to, passed or stored",
        arguments: ["/t", "/cached/t"])
    func upgradeRequired(_ prefix: String) throws {
        let path = origin.script(prefix) {
            try $0.respond(
                426, ["Upgrade: TLS/1.3, HTTP/2.0", "Connection: Upgrade", "Cache-Control: max-age=60"], body: "upgrade"
            )
        }
        for _ in 0..<2 {
            let response = try larder.get(path)
            #expect(response.status == 426)
            #expect(response["Upgrade"] == "TLS/1.3, HTTP/2.0", "\(response.summary)")
            #expect(response["Connection"]?.lowercased().contains("upgrade") == true, "\(response.summary)")
        }
        // Of any other response it is this connection's own.
        let other = origin.script(prefix) {
            try $0.respond(200, ["Upgrade: h2c", "Connection: Upgrade"], body: "ok")
        }
        let response = try larder.get(other)
        #expect(response["Upgrade"] == nil && response["Connection"] == nil, "\(response.summary)")
    }

    @Test("RFC 9110 §7.8: a WebSocket passes through both ways where the route allows it")
    func webSocket() throws {
        let path = origin.script("/ws/t") { try WebSocket.echo($0) }
        let client = try larder.client()
        try client.send(RawClient.request("GET", path, WebSocket.requestFields))
        let response = try client.readResponse()
        #expect(response.status == 101)
        #expect(response["Sec-WebSocket-Accept"] == WebSocket.accept)
        #expect(response["Upgrade"]?.lowercased() == "websocket")
        for count in [1, 125, 60_000] {
            let message = (0..<count).map { UInt8($0 % 251) }
            let frame = WebSocket.frame(message, masked: true)
            try client.send(frame)
            var buffer: [UInt8] = []
            while buffer.count < frame.count - 4 { buffer += try client.socket.receive() }
            #expect(WebSocket.takeMessage(&buffer) == message)
        }
    }

    @Test("A tunnel ends for the origin when the client leaves")
    func tunnelEnds() throws {
        let path = origin.script("/ws/t") { try WebSocket.echo($0) }
        let before = origin.openConnections
        let client = try larder.client()
        try client.send(RawClient.request("GET", path, WebSocket.requestFields))
        #expect(try client.readResponse().status == 101)
        client.close()
        #expect(eventually { origin.openConnections <= before + 1 })
        #expect(eventually { origin.requests(for: path).count == 1 })
    }

    private static let switching =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    private func openTunnel(_ path: String) throws -> RawClient {
        let client = try larder.client()
        try client.send(RawClient.request("GET", path, WebSocket.requestFields))
        #expect(try client.readResponse().status == 101)
        return client
    }

    @Test("RFC 9110 §7.8: after the client's end what the origin still says reaches it")
    func clientEndsFirst() throws {
        let path = origin.script("/ws/t") { exchange in
            try exchange.send(Self.switching)
            while try !exchange.socket.receive().isEmpty {}
            exchange.pause(0.3)
            try exchange.send("last words")
            exchange.close()
        }
        let client = try openTunnel(path)
        try client.send("bye")
        client.socket.finishSending()
        #expect(try client.readToEnd().text == "last words")
    }

    @Test("RFC 9110 §7.8: after the origin's end what the client still says reaches it")
    func originEndsFirst() throws {
        let said = Locked("")
        let path = origin.script("/ws/t") { exchange in
            try exchange.send(Self.switching + "that is all")
            exchange.socket.finishSending()
            while case let bytes = try exchange.socket.receive(), !bytes.isEmpty { said.withLock { $0 += bytes.text } }
            exchange.close()
        }
        let client = try openTunnel(path)
        #expect(try client.readToEnd().text == "that is all")
        try client.send("and so on")
        client.socket.finishSending()
        #expect(eventually(within: 10) { said.withLock { $0 } == "and so on" })
    }

    @Test("upgrade: on offers WebSocket alone: a request for another protocol is like any other")
    func otherProtocols() throws {
        let path = origin.script("/ws/t") { try $0.respond(200, body: $0.request["Upgrade"] ?? "none") }
        for (offer, seen) in [
            ("h2c", "none"), ("h2c, websocket", "websocket"), ("WebSocket/13", "WebSocket/13"), ("websockets", "none"),
        ] {
            let response = try larder.get(
                path, ["Connection: Upgrade, HTTP2-Settings", "Upgrade: \(offer)", "HTTP2-Settings: x"])
            #expect(response.status == 200)
            #expect(response.body.text == seen, "\(offer)")
        }
    }

    @Test("RFC 9110 §9.3.8: TRACE is refused")
    func trace() throws {
        let response = try larder.request(
            "TRACE", origin.script("/ws/t") { try $0.respond(200, body: "a") }, ["Cookie: secret=1"])
        #expect(response.status == 405)
        #expect(!response.raw.text.contains("secret"))
    }

    /// Sends until neither side takes more; the tunnel may end meanwhile.
    private func fill(_ client: RawClient) {
        client.socket.set(timeout: 0.5)
        var sent = 0
        while sent < 64 << 20, (try? client.send([UInt8](repeating: 1, count: 65_536))) != nil { sent += 65_536 }
        client.socket.set(timeout: 20)
    }

    @Test("tunnel_timeout holds when the origin stops reading, and frees both sockets")
    func originStopsReading() throws {
        let done = Locked(false)
        defer { done.withLock { $0 = true } }
        let path = origin.script("/ws/t") { exchange in
            try exchange.send(Self.switching)
            _ = eventually(within: 40) { done.withLock { $0 } }
            exchange.close()
        }
        let before = try larder.figure("limits", "tunnel_timeout")
        let client = try openTunnel(path)
        fill(client)
        let hasEnded = try eventually(within: 20) { try larder.figure("limits", "tunnel_timeout") > before }
        #expect(hasEnded)
        // What it sent and wasn't taken makes the end a reset.
        #expect(client.isClosedByPeer(within: 20))
    }

    @Test("A client that breaks off while the origin doesn't read frees both sockets, however long a tunnel may be")
    func clientBreaksOff() throws {
        let scene = try Scene { origin in
            LarderConfiguration(
                upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin\n  upgrade: on")
        }
        let done = Locked(false)
        defer { done.withLock { $0 = true } }
        let path = scene.origin.script("/ws/t") { exchange in
            try exchange.send(Self.switching)
            _ = eventually(within: 40) { done.withLock { $0 } }
            exchange.close()
        }
        let client = try scene.larder.client()
        try client.send(RawClient.request("GET", path, WebSocket.requestFields))
        #expect(try client.readResponse().status == 101)
        fill(client)
        #expect(try scene.larder.figure("totals", "clients") == 1)
        client.socket.reset()
        #expect(try eventually(within: 20) { try scene.larder.figure("totals", "clients") == 0 })
        #expect(try eventually(within: 20) { try scene.larder.figure("totals", "origin_connections", "open") == 0 })
    }

    @Test("RFC 9110 §7.8: an upgrade is not passed on where the route doesn't allow it")
    func upgradeNotAllowed() throws {
        let path = origin.script(200, body: "plain")
        let response = try larder.get(path, WebSocket.requestFields)
        #expect(response.status == 200)
        #expect(try received(path)["Upgrade"] == nil)
    }

    @Test(
        "RFC 9110 §7.8: a 101 to a protocol that wasn't offered opens no tunnel",
        arguments: ["Upgrade: h2c", "Upgrade: websocket, h2c", "X: websocket"])
    func upgradeNotOffered(field: String) throws {
        let path = origin.script("/ws/t") { exchange in
            try exchange.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\(field)\r\n\r\nsecret")
            exchange.close()
        }
        let client = try larder.client()
        let response = try client.request("GET", path, WebSocket.requestFields)
        #expect(response.status == 502)
        #expect(!response.raw.text.contains("secret"))
    }

    @Test("An upgrade that the origin refuses is an answer like any other")
    func upgradeRefused() throws {
        let path = origin.script("/ws/t", { try $0.respond(400, body: "no") })
        let client = try larder.client()
        let response = try client.request("GET", path, WebSocket.requestFields)
        #expect(response.status == 400)
        #expect(response.text == "no")
    }
}
