import Foundation
import TestSupport
import Testing

// Upstreams of several servers: turns, health, the ways in which a server is reached.

@Suite("Upstreams")
struct UpstreamTests {
    @Test("With one of two servers down every request is answered by the other")
    func oneDown() throws {
        try Stage.run { stage in
            let up = try stage.origin { try $0.respond(200, body: "up") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "pair:\n  servers: [http://127.0.0.1:\(FreePort.take()), \(up.url)]",
                    routes: "- path: /{rest...}\n  upstream: pair"))
            for number in 0..<20 { #expect(try larder.get("/\(number)").text == "up") }
        }
    }

    @Test("Two servers take turns", arguments: ["round-robin", "least-outstanding"])
    func balance(_ balance: String) throws {
        try Stage.run { stage in
            let origins = try (0..<2).map { _ in try stage.origin { try $0.respond(200, body: "ok") } }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "pair:\n  balance: \(balance)\n  servers: [\(origins[0].url), \(origins[1].url)]",
                    routes: "- path: /{rest...}\n  upstream: pair"))
            for number in 0..<40 { #expect(try larder.get("/\(number)").status == 200) }
            for origin in origins { #expect(origin.count() >= 10, "\(origins.map { $0.count() })") }
        }
    }

    @Test("least-outstanding keeps away from a server that is busy")
    func leastOutstanding() throws {
        try Stage.run { stage in
            let release = DispatchSemaphore(value: 0)
            defer { for _ in 0..<2 { release.signal() } }
            let busy = try stage.origin { exchange in
                if exchange.request.path == "/wait" { _ = release.wait(timeout: .now() + 20) }
                try exchange.respond(200, body: "busy")
            }
            let idle = try stage.origin { try $0.respond(200, body: "idle") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "pair:\n  balance: least-outstanding\n  servers: [\(busy.url), \(idle.url)]",
                    routes: "- path: /{rest...}\n  upstream: pair", server: "workers: 1"))
            let waiting = try (0..<2).map { _ in try larder.client() }
            for client in waiting { try client.send(RawClient.request("GET", "/wait")) }
            #expect(eventually { busy.count() >= 1 })
            for _ in 0..<10 { #expect(try larder.get("/quick").text == "idle") }
        }
    }

    @Test("A health check takes a server out and brings it back")
    func healthCheck() throws {
        try Stage.run { stage in
            let isHealthy = Switch()
            let sick = try stage.origin { exchange in
                try exchange.respond(exchange.request.path == "/healthz" && !isHealthy.isOn ? 500 : 200, body: "first")
            }
            let well = try stage.origin { try $0.respond(200, body: "second") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: """
                        pair:
                          servers: [\(sick.url), \(well.url)]
                          check: /healthz
                          check_interval: 100ms
                        """,
                    routes: "- path: /{rest...}\n  upstream: pair"))
            func answers() throws -> Set<String> { Set(try (0..<10).map { try larder.get("/\($0)").text }) }
            #expect(try eventually { try answers() == ["second"] })
            isHealthy.turnOn()
            #expect(try eventually { try answers() == ["first", "second"] })
        }
    }

    @Test("A server on a unix socket is reached")
    func unixServer() throws {
        try Stage.run { stage in
            let origin = try stage.origin(on: .unix(try TemporaryFolder.make("origin") + "/socket")) {
                try $0.respond(200, body: "unix")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "local:\n  servers: [\(origin.url)]", routes: "- path: /{rest...}\n  upstream: local"))
            #expect(try larder.get("/a").text == "unix")
        }
    }

    @Test("host: upstream shows each server its own name, also when a request goes on to the next one")
    func severalNames() throws {
        try Stage.run { stage in
            let origins = try (0..<2).map { _ in
                try stage.origin { try $0.respond(200, body: $0.request["Host"] ?? "") }
            }
            let refusing = try stage.origin { $0.close() }
            let hosts = origins.map { "127.0.0.1:\($0.port)" }
            let servers = [refusing.url] + origins.map(\.url)
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams:
                        "named:\n  servers: [\(servers.joined(separator: ", "))]\n  host: upstream\n  retries: 2",
                    routes:
                        "- path: /{rest...}\n  upstream: named\n- path: /cached/{rest...}\n  upstream: named\n  cache: 1m"
                ))
            var seen: Set<String> = []
            for number in 0..<12 {
                for prefix in ["", "/cached"] {
                    let response = try larder.get("\(prefix)/\(number)")
                    #expect(response.status == 200 && hosts.contains(response.text), "\(response.summary)")
                    seen.insert(response.text)
                }
            }
            #expect(seen.count == 2)
            for (origin, host) in zip(origins, hosts) {
                #expect(origin.requests().allSatisfy { $0["Host"] == host })
            }
        }
    }

    @Test("A server is reached by name, and host: upstream shows the origin its own name")
    func byName() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200, body: $0.request["Host"] ?? "") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "named:\n  servers: [http://localhost:\(origin.port)]\n  host: upstream",
                    routes: "- path: /{rest...}\n  upstream: named"))
            #expect(try larder.get("/a").text == "localhost:\(origin.port)")
        }
    }
}
