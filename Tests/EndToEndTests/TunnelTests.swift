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
                    """)
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

    @Test("RFC 9110 §7.8: an upgrade is not passed on where the route doesn't allow it")
    func upgradeNotAllowed() throws {
        let path = origin.script(200, body: "plain")
        let response = try larder.get(path, WebSocket.requestFields)
        #expect(response.status == 200)
        #expect(try received(path)["Upgrade"] == nil)
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
