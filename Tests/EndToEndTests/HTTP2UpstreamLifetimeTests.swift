import Foundation
import TestSupport
import Testing

// When an HTTP/2 connection to an upstream takes no more requests, while those on it go on; and its server's checks over TLS.

@Suite("HTTP/2 to upstreams: how long a connection is used")
struct HTTP2UpstreamLifetimeTests {
    /// The first request of a connection that is asked for `/held` gets its response once the switch is on.
    private static func origin(
        _ stage: Stage, _ gate: Switch, on endpoint: Endpoint = .port(0), body: String
    ) throws -> HTTP2Origin {
        let origin = try HTTP2Origin(on: endpoint) { origin, frame in
            guard frame.isKind(.headers) else { return }
            guard frame[":path"] == "/held" else {
                return try origin.respond(frame.stream, body: "\(body) \(origin.number)")
            }
            let stream = frame.stream
            nonisolated(unsafe) let origin = origin
            Thread.detachNewThread {
                while !gate.isOn { Thread.sleep(forTimeInterval: 0.005) }
                try? origin.respond(stream, body: "held")
            }
        }
        return stage.keep(origin) { $0.stop() }
    }

    @Test("Beyond max_connection_age another one is opened; the old one ends behind its last response")
    func age() throws {
        try Stage.run { stage in
            let gate = Switch()
            let origin = try Self.origin(stage, gate, body: "on")
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams:
                        "origin: {servers: \"\(origin.url)\", max_connection_age: 2s, keepalive_timeout: 10m}",
                    routes: "- {path: \"/{rest...}\", upstream: origin}", server: "workers: 1"))
            let held = try Asking(larder, "/held")
            #expect(eventually(within: 10) { !origin.frames(.headers).isEmpty })
            // No more than waiting makes it older.
            Thread.sleep(forTimeInterval: 2.2)
            #expect(try larder.get("/x").text == "on 2")
            #expect(!held.isOver && origin.frames(.goAway).isEmpty)
            gate.turnOn()
            #expect(try held.response(within: 20).text == "held")
            #expect(eventually(within: 20) { !origin.frames(.goAway).isEmpty })
            // The second one, idle, ends without any request.
            #expect(eventually(within: 20) { origin.openConnections == 0 })
            #expect(origin.frames(.reset).isEmpty && origin.connections == 2)
        }
    }

    @Test(
        "A name that comes to mean another address: new requests go there, and those under way end where they are",
        .enabled(if: HostNames.areAvailable))
    func addressLeaves() throws {
        try Stage.run { stage in
            let gate = Switch()
            let old = try Self.origin(stage, gate, body: "old")
            let new = try Self.origin(stage, gate, on: .loopback(host: 2, port: old.port), body: "new")
            let names = try HostNames(["api.test": ["127.0.0.1"]])
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams:
                        "origin: {servers: \"h2c://api.test:\(old.port)\", resolve: 200ms, keepalive_timeout: 10m}",
                    routes: "- {path: \"/{rest...}\", upstream: origin}", server: "workers: 1"),
                launcher: names.launcher)
            #expect(try larder.get("/x").text == "old 1")
            let held = try Asking(larder, "/held")
            #expect(eventually(within: 10) { old.frames(.headers).count == 2 })
            try names.set(["api.test": ["127.0.0.2"]])
            #expect(try eventually(within: 20) { try larder.get("/x").text.hasPrefix("new") })
            #expect(!held.isOver && old.openConnections == 1)
            gate.turnOn()
            #expect(try held.response(within: 20).text == "held")
            #expect(eventually(within: 20) { old.openConnections == 0 })
            #expect(old.frames(.reset).isEmpty && new.connections == 1)
        }
    }

    @Test("Health checks go over TLS and HTTP/2, and see that a server is gone")
    func checks() throws {
        let scene = try TLSScene.shared.get()
        let server = try Nghttpd(scene.certificate)
        defer { server.process.stop(within: 1) }
        try server.put("healthz", [1])
        try Stage.run { stage in
            let url = "https://127.0.0.1:\(server.port)"
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: """
                        origin:
                          servers: \(url)
                          http2: on
                          tls: {ca: \(scene.authority.certificate)}
                          check: {path: /healthz, interval: 100ms, rise: 1, fall: 2}
                        """,
                    routes: "- {path: \"/{rest...}\", upstream: origin}", server: "workers: 1"))
            func isUp() throws -> Bool {
                try larder.admin("GET", "/metrics").text.contains(
                    "larder_upstream_up{upstream=\"origin\",server=\"\(url)\"} 1")
            }
            #expect(try larder.get("/healthz").status == 200)
            #expect(try isUp())
            try FileManager.default.removeItem(atPath: "\(server.documents)/healthz")
            #expect(try eventually(within: 20) { try !isUp() })
            try server.put("healthz", [1])
            #expect(try eventually(within: 20) { try isUp() })
            server.process.stop(within: 1)
            #expect(try eventually(within: 20) { try !isUp() })
        }
    }
}
