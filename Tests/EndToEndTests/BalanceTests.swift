import Foundation
import TestSupport
import Testing

// Weights, backups and keys of servers, and what routes say in place of their upstreams, over real sockets.

@Suite("Servers by weight, as backups, and by a key")
struct BalanceTests {
    private func origins(_ stage: Stage, _ count: Int) throws -> [ScriptedOrigin] {
        try (0..<count).map { number in try stage.origin { try $0.respond(200, body: "\(number)") } }
    }

    @Test("Requests are spread by weight")
    func weights() throws {
        try Stage.run { stage in
            let origins = try origins(stage, 2)
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "api:\n  servers: [{url: \"\(origins[0].url)\", weight: 3}, \"\(origins[1].url)\"]",
                    routes: "- path: /{rest...}\n  upstream: api"))
            for number in 0..<40 { #expect(try larder.get("/\(number)").status == 200) }
            #expect(origins.map { $0.count() } == [30, 10])
            let servers = try larder.stats()["upstreams"][0]["servers"].list ?? []
            #expect(servers.compactMap { $0["weight"].int } == [3, 1])
        }
    }

    @Test("A backup serves while the others can't be reached, and not a request longer")
    func backup() throws {
        try Stage.run { stage in
            let port = FreePort.take()
            let backup = try stage.origin { try $0.respond(200, body: "backup") }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "api:\n  servers: [\"http://127.0.0.1:\(port)\", {url: \"\(backup.url)\", backup: on}]",
                    routes: "- path: /{rest...}\n  upstream: api"))
            for number in 0..<10 { #expect(try larder.get("/\(number)").text == "backup") }
            let main = try ScriptedOrigin(on: .port(port)) { try $0.respond(200, body: "main") }
            defer { main.stop() }
            #expect(try eventually(within: 30) { try larder.get("/").text == "main" })
            for number in 0..<20 { #expect(try larder.get("/\(number)").text == "main") }
        }
    }

    @Test("The same caller has the same server, in each process, and one that is lost moves its own callers alone")
    func key() throws {
        try Stage.run { stage in
            let origins = try origins(stage, 3)
            let urls = origins.map { "\"\($0.url)\"" }.joined(separator: ", ")
            let configuration = LarderConfiguration(
                upstreams: "api:\n  servers: [\(urls)]\n  balance: hash\n  hash_key: \"{header.x-user}\"",
                routes:
                    "- {path: /plain, upstream: api}\n- {path: \"/{rest...}\", upstream: api, cache: {timeout: 60s}}")
            let (larder, twin) = (try stage.larder(configuration), try stage.larder(configuration))
            let users = (0..<30).map { "X-User: user-\($0)" }
            func servers(_ larder: LarderProcess, _ path: String) throws -> [String] {
                try users.enumerated().map { number, user in try larder.get("\(path)?\(number)", [user]).text }
            }
            let before = try servers(larder, "/plain")
            #expect(Set(before).count == 3)
            #expect(try servers(larder, "/cached") == before)
            #expect(try servers(twin, "/plain") == before)
            let explained = try larder.admin("GET", "/explain?method=GET&url=http://a/plain&h=X-User:%20user-0").json()
            #expect(explained["server"].string == origins[Int(before[0])!].url)
            origins[1].stop()
            for (old, new) in zip(before, try servers(larder, "/plain")) {
                #expect(old == "1" ? new != "1" : new == old)
            }
        }
    }
}

@Suite("What a route says in place of its upstream")
struct RouteLimitTests {
    @Test("A route's own time for the first byte ends a request that its upstream would wait for")
    func firstByte() throws {
        try Stage.run { stage in
            let origin = try stage.origin { $0.hang() }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "api:\n  servers: \(origin.url)\n  first_byte_timeout: 300s",
                    routes: """
                        - {path: /pass, upstream: api, timeouts: {first_byte: 1s}}
                        - {path: /cached, upstream: api, timeouts: {first_byte: 1s}, cache: {timeout: 60s}}
                        """))
            for path in ["/pass", "/cached"] { #expect(try larder.get(path).status == 504) }
        }
    }

    @Test("A route's own time between two bytes ends a response that its upstream would wait for")
    func betweenBytes() throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                try exchange.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".utf8))
                exchange.hang()
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "api:\n  servers: \(origin.url)\n  between_bytes_timeout: 300s",
                    routes: "- {path: /pass, upstream: api, timeouts: {between_bytes: 1s}}"))
            let client = try larder.client()
            try client.send(RawClient.request("GET", "/pass"))
            #expect(try !client.readResponse().isComplete)
        }
    }

    @Test("A route's own retries count, for what may be repeated")
    func retries() throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                try exchange.readBody()
                exchange.close()
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "api: \(origin.url)",
                    routes: """
                        - {path: /none, upstream: api, retries: 0}
                        - {path: /three, upstream: api, retries: 3}
                        - {path: /cached, upstream: api, retries: 2, cache: {timeout: 60s}}
                        - {path: /default, upstream: api}
                        """))
            for (path, attempts) in [("/none", 1), ("/three", 4), ("/cached", 3), ("/default", 2)] {
                #expect(try larder.get(path).status == 502)
                #expect(origin.count(for: path) == attempts, "\(path)")
            }
            #expect(try larder.request("POST", "/three", body: Array("x".utf8)).status == 502)
            #expect(origin.count(for: "/three") == 5)
        }
    }
}
