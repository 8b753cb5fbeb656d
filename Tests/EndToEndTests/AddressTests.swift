import Foundation
import TestSupport
import Testing

// A name is not a place: servers whose name has several addresses, or others than before. The daemon has an /etc/hosts of
// the test's own.

@Suite("Names and addresses of servers", .enabled(if: HostNames.areAvailable))
struct AddressTests {
    private func upstream(_ port: UInt16, _ keys: String = "") -> LarderConfiguration {
        let lines = keys.split(separator: "\n").map { "\n  \($0)" }.joined()
        return LarderConfiguration(
            upstreams: "named:\n  servers: [http://api.test:\(port)]\(lines)",
            routes: "- path: /{rest...}\n  upstream: named", server: "workers: 1")
    }

    @Test("RFC 1123 §2.3: of two addresses one refuses connections, and the other serves every request, POST too")
    func oneRefuses() throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                try $0.respond(200, ["Connection: close", "Cache-Control: no-store"], body: "ok")
            }
            let names = try HostNames(["api.test": ["127.0.0.2", "127.0.0.1"]])
            let larder = try stage.larder(upstream(origin.port), launcher: names.launcher)
            for number in 0..<20 {
                let method = number % 2 == 0 ? "GET" : "POST"
                let body: [UInt8]? = number % 2 == 0 ? nil : [120]
                #expect(try larder.request(method, "/\(number)", body: body).status == 200)
            }
            #expect(origin.count() == 20)
            let stats = try larder.command(["stats"]).output
            #expect(stats.contains(/\s\s127\.0\.0\.1:\d+ +up/))
            #expect(stats.contains(/\s\s127\.0\.0\.2:\d+ +(ejected|failing)/))
        }
    }

    @Test("One of two addresses swallows connections: the other serves every request, within connect_timeout")
    func oneSwallows() throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                try $0.respond(200, ["Connection: close", "Cache-Control: no-store"], body: "ok")
            }
            let hole = stage.keep(try Socket(listeningOn: .loopback(host: 2, port: origin.port), backlog: 0)) {
                $0.close()
            }
            // The kernel drops connections once the backlog is full.
            for _ in 0..<8 {
                guard
                    let filler = try? Socket(connectingTo: .loopback(host: 2, port: hole.localPort), timeout: 0.5)
                else { break }
                _ = stage.keep(filler) { $0.close() }
            }
            let names = try HostNames(["api.test": ["127.0.0.2", "127.0.0.1"]])
            let larder = try stage.larder(upstream(origin.port, "connect_timeout: 2s"), launcher: names.launcher)
            for number in 0..<20 {
                let method = number % 2 == 0 ? "GET" : "POST"
                let body: [UInt8]? = number % 2 == 0 ? nil : [120]
                #expect(try larder.request(method, "/\(number)", body: body).status == 200)
            }
            #expect(origin.count() == 20)
            let addresses = try larder.stats()["upstreams"][0]["servers"][0]["addresses"]
            #expect(addresses[0]["standing"].string != addresses[1]["standing"].string)
        }
    }

    @Test("A kept connection whose address has left the name is closed, and the new address serves")
    func addressLeaves() throws {
        try Stage.run { stage in
            let old = try stage.origin { try $0.respond(200, ["Cache-Control: no-store"], body: "old") }
            let new = try stage.origin(on: .loopback(host: 2, port: old.port)) {
                try $0.respond(200, ["Cache-Control: no-store"], body: "new")
            }
            let names = try HostNames(["api.test": ["127.0.0.1"]])
            let larder = try stage.larder(
                upstream(old.port, "resolve: 200ms\nkeepalive_timeout: 10m"), launcher: names.launcher)
            #expect(try larder.get("/a").text == "old")
            #expect(old.openConnections == 1)
            try names.set(["api.test": ["127.0.0.2"]])
            // Without any request: the name of an idle connection is kept current.
            #expect(eventually(within: 20) { old.openConnections == 0 })
            #expect(try larder.get("/b").text == "new")
            #expect(new.count() == 1)
            let metrics = try larder.admin("GET", "/metrics").text
            #expect(metrics.contains("larder_origin_connections_retired_total 1\n"))
        }
    }

    @Test("An address whose check fails gets no requests, and the other address of the name gets all")
    func checkOfOneAddress() throws {
        try Stage.run { stage in
            let well = try stage.origin { try $0.respond(200, ["Cache-Control: no-store"], body: "well") }
            let sick = try stage.origin(on: .loopback(host: 2, port: well.port)) { exchange in
                let isCheck = exchange.request.path == "/healthz"
                try exchange.respond(isCheck ? 500 : 200, ["Cache-Control: no-store"], body: "sick")
            }
            let names = try HostNames(["api.test": ["127.0.0.1", "127.0.0.2"]])
            let larder = try stage.larder(
                upstream(well.port, "check: {path: /healthz, interval: 100ms}"), launcher: names.launcher)
            func bodies() throws -> Set<String> { Set(try (0..<10).map { try larder.get("/\($0)").text }) }
            #expect(try eventually(within: 20) { try bodies() == ["well"] })
            // Checks go to every address, whatever the requests' turn is.
            let (wellChecks, sickChecks) = (well.count(for: "/healthz"), sick.count(for: "/healthz"))
            #expect(
                eventually(within: 20) {
                    well.count(for: "/healthz") > wellChecks + 2 && sick.count(for: "/healthz") > sickChecks + 2
                })
            #expect(try bodies() == ["well"])
        }
    }

    @Test("A name that can't be resolved: every request gets a 503, however soon after the one before, until it can")
    func failingName() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: no-store"], body: "ok") }
            let names = try HostNames()
            let larder = try stage.larder(upstream(origin.port, "connect_timeout: 500ms"), launcher: names.launcher)
            for number in 0..<4 {
                let response = try larder.get("/\(number)")
                #expect(response.status == 503)
                #expect(response.text.contains("origin-unresolved"))
            }
            try names.set(["api.test": ["127.0.0.1"]])
            #expect(try eventually(within: 20) { try larder.get("/late").status == 200 })
        }
    }

    @Test("A request that waits for a name is served once a repeated look-up succeeds")
    func repeatedLookUp() throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: no-store"], body: "ok") }
            let names = try HostNames()
            let larder = try stage.larder(upstream(origin.port, "connect_timeout: 20s"), launcher: names.launcher)
            let client = try larder.client(timeout: 30)
            defer { client.close() }
            try client.send(RawClient.request("GET", "/early"))
            #expect(try eventually(within: 20) { try larder.figure("names", "failures") >= 1 })
            try names.set(["api.test": ["127.0.0.1"]])
            #expect(try client.readResponse(to: "GET").text == "ok")
        }
    }
}
