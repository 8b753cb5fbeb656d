import Foundation
import TestSupport
import Testing

// What counts as a server's failure, what follows from it, and what doesn't.

@Suite("Health of servers")
struct ServerHealthTests {
    @Test("When every server fails its check, requests are still tried")
    func allFail() throws {
        try Stage.run { stage in
            let origins = try (0..<2).map { _ in
                try stage.origin { exchange in
                    let isCheck = exchange.request.path == "/helthz"
                    try exchange.respond(isCheck ? 404 : 200, ["Cache-Control: no-store"], body: "ok")
                }
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: """
                        pair:
                          servers: [\(origins[0].url), \(origins[1].url)]
                          check: {path: /helthz, interval: 50ms}
                        """,
                    routes: "- path: /{rest...}\n  upstream: pair"))
            #expect(
                try eventually(within: 20) {
                    let servers = try larder.stats()["upstreams"][0]["servers"]
                    return servers[0]["standing"].string == "down" && servers[1]["standing"].string == "down"
                })
            for number in 0..<8 {
                #expect(try larder.request("POST", "/\(number)", body: [120]).status == 200)
            }
            // Neither is known to be up, so both are used.
            for origin in origins { #expect(origin.requests().contains { $0.method == "POST" }) }
        }
    }

    @Test("A check can name its Host, and which statuses mean success")
    func checkKeys() throws {
        try Stage.run { stage in
            let strict = try stage.origin { exchange in
                let isCheck = exchange.request.path == "/healthz"
                let isNamed = exchange.request["Host"] == "health.example:81"
                try exchange.respond(isCheck ? (isNamed ? 418 : 200) : 200, body: "ok")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: """
                        one:
                          servers: \(strict.url)
                          check: {path: /healthz, host: "health.example:81", status: 418, interval: 50ms}
                        """,
                    routes: "- path: /{rest...}\n  upstream: one"))
            #expect(eventually(within: 20) { strict.count(for: "/healthz") > 4 })
            #expect(strict.requests(for: "/healthz").allSatisfy { $0["Host"] == "health.example:81" })
            #expect(try larder.stats()["upstreams"][0]["servers"][0]["standing"].string == "up")
        }
    }

    @Test("A server that has failed isn't up only because its pause is over; a response makes it so")
    func failingIsNotUp() throws {
        try Stage.run { stage in
            let port = FreePort.take()
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "one: http://127.0.0.1:\(port)", routes: "- path: /{rest...}\n  upstream: one"))
            func standing() throws -> String? { try larder.stats()["upstreams"][0]["servers"][0]["standing"].string }
            func isUp() throws -> Bool {
                try larder.admin("GET", "/metrics").text.contains(/larder_upstream_up\{.*\} 1/)
            }
            #expect(try standing() == "up")
            #expect(try larder.get("/a").status == 503)
            #expect(try eventually(within: 20) { try standing() == "failing" })
            #expect(try !isUp())
            let origin = try stage.origin(on: .port(port)) { try $0.respond(200, body: "ok") }
            #expect(try larder.get("/b").status == 200)
            #expect(origin.count() == 1)
            #expect(try standing() == "up")
            #expect(try isUp())
        }
    }

    @Test("Thirty requests that one server breaks at the same moment eject it once")
    func failuresAtOnce() throws {
        try Stage.run { stage in
            let isMended = Switch()
            let broken = try stage.origin { exchange in
                while !isMended.isOn { exchange.pause(0.005) }
                if exchange.request.target.hasPrefix("/first") { return exchange.close() }
                try exchange.respond(200, ["Cache-Control: no-store"], body: "mended")
            }
            let sound = try stage.origin { try $0.respond(200, ["Cache-Control: no-store"], body: "sound") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "pair:\n  servers: [\(broken.url), \(sound.url)]",
                    routes: "- path: /{rest...}\n  upstream: pair", server: "workers: 1"))
            let clients = try (0..<60).map { _ in try larder.client(timeout: 30) }
            defer { for client in clients { client.close() } }
            for (number, client) in clients.enumerated() {
                try client.send(RawClient.request("GET", "/first\(number)"))
            }
            #expect(eventually(within: 20) { broken.count() == 30 })
            isMended.turnOn()
            for client in clients { #expect(try client.readResponse(to: "GET").text == "sound") }
            // One step of the back-off is over in 625 ms, six are in 18 s: the bound is between the two.
            #expect(try eventually(within: 10) { try larder.get("/later").text == "mended" })
        }
    }

    @Test("Larder's own lack of descriptors is no failure of the server")
    func ownShortage() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200, ["Connection: close"], body: "ok") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "one: {servers: \"\(origin.url)\", keepalive: 0}",
                    routes: "- path: /{rest...}\n  upstream: one", server: "workers: 1"),
                launcher: ["/bin/sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"])
            let first = try larder.client(timeout: 20)
            defer { first.close() }
            #expect(try first.request("GET", "/a", []).status == 200)
            // More connections than there are descriptors; those beyond them wait in the backlog.
            let crowd = (0..<80).compactMap { _ in try? larder.client(timeout: 20) }
            // Until it shows; it doesn't if descriptors are kept back for origins.
            _ = try eventually(within: 1) { try first.request("GET", "/b", []).status == 503 }
            for client in crowd { client.close() }
            #expect(try eventually(within: 20) { try larder.get("/c").status == 200 })
            let server = try larder.stats()["upstreams"][0]["servers"][0]
            #expect(server["failures"].int == 0)
            #expect(server["standing"].string == "up")
        }
    }

    @Test("A connection is not reused beyond its maximum age")
    func connectionAge() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: no-store"], body: "ok") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "one: {servers: \"\(origin.url)\", max_connection_age: 100ms, keepalive_timeout: 10m}",
                    routes: "- path: /{rest...}\n  upstream: one", server: "workers: 1"))
            #expect(try larder.get("/a").status == 200)
            #expect(eventually(within: 20) { origin.openConnections == 0 })
            #expect(try larder.get("/b").status == 200)
            #expect(origin.connections == 2)
        }
    }
}
