import Foundation
import TestSupport
import Testing

// `cache.record: json`: a program and Larder read and write the same entries.

@Suite("Entries that an application shares: cache.record: json")
struct JSONRecordTests {
    private struct Shared {
        let larder: LarderProcess
        let origin: ScriptedOrigin
        let redis: RedisServer

        /// What the program prints after the name of its client.
        func program(_ arguments: String...) throws -> String {
            let path = DocumentationPage.checkout.appendingPathComponent("Tests/Programs/json_cache.py").path
            let end = try run(["python3", path, "\(redis.port)"] + arguments)
            #expect(end.status == 0, "\(end.output)\(end.errors)")
            let lines = end.output.split(separator: "\n").map(String.init)
            #expect(lines.count == 2, "\(lines)")
            return lines.last ?? ""
        }

        /// The Redis key of `name` is computed by Larder.
        func key(_ path: String) throws -> String { try larder.redisKey("GET", "http://api.example\(path)") }

        func awaitEntry(_ path: String) throws {
            let key = try key(path)
            #expect(try eventually(within: 20) { try redis.command("EXISTS", key) == .integer(1) })
        }
    }

    private static let type = "Content-Type: application/json"

    private func play(
        _ backend: Backend = .redis, cache: String = "", more: String = "",
        respond: @escaping @Sendable (Exchange) throws -> Void = {
            try $0.respond(200, [type], body: "{\"from\":\"origin\"}")
        }, _ body: (Shared) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try stage.origin(respond)
            let redis = try stage.redis()
            let configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: """
                    - path: /{name}
                      upstream: origin
                      cache: {timeout: 5m, key: "{name}", record: json\(cache)}
                    \(more)
                    """,
                store: backend.section(
                    redis, prefix: "lightapi", further: backend == .tiered ? "tiered_life: 50ms" : ""))
            let larder = try stage.larder(configuration)
            try body(Shared(larder: larder, origin: origin, redis: redis))
        }
    }

    @Test(
        "What a Python program sets is a HIT, what Larder stores the program gets, and what it deletes is a MISS",
        arguments: [Backend.redis, .tiered])
    func bothWays(_ backend: Backend) throws {
        try play(backend) { it in
            #expect(try it.program("set", "tasks", "[{\"id\": 1, \"title\": \"caf\\u00e9\"}]", "60") == "true")
            let hit = try it.larder.get("/tasks")
            #expect(hit.xCache == "HIT" && hit["Content-Type"] == "application/json", "\(hit.summary)")
            #expect(hit.text == "[{\"id\": 1, \"title\": \"caf\\u00e9\"}]" && hit["Set-Cookie"] == nil)
            #expect(it.origin.count(for: "/tasks") == 0)

            let miss = try it.larder.get("/users")
            #expect(miss.xCache == "MISS" && miss.text == "{\"from\":\"origin\"}", "\(miss.summary)")
            try it.awaitEntry("/users")
            #expect(try it.program("get", "users") == "{\"from\": \"origin\"}")
            try it.larder.awaitHit("/users")

            #expect(try it.program("set", "users", "{\"from\": \"program\"}", "60") == "true")
            #expect(try eventually(within: 20) { try it.larder.get("/users").text == "{\"from\": \"program\"}" })
            #expect(try it.program("delete", "users") == "1")
            #expect(try eventually(within: 20) { try it.larder.get("/users").text == "{\"from\":\"origin\"}" })
            #expect(it.origin.count(for: "/users") == 2)
        }
    }

    @Test("An entry's life is the route's timeout from when it was asked for, and its age what that lacks")
    func life() throws {
        try play { it in
            #expect(try it.larder.get("/a").xCache == "MISS")
            try it.awaitEntry("/a")
            let left = try #require(try it.redis.command("PTTL", try it.key("/a")).int)
            #expect((200_000...300_000).contains(left))
            _ = try it.redis.command("PEXPIRE", try it.key("/a"), "100000")
            let hit = try it.larder.get("/a")
            let age = try #require(hit["Age"].flatMap { Int($0) })
            #expect(hit.xCache == "HIT" && (200...260).contains(age) && hit["Date"] != nil, "\(hit.summary)")
            #expect(hit["Cache-Control"] == "no-cache" && hit["ETag"] == nil)
        }
    }

    @Test("A shorter lifetime that the response declares counts, a longer one ends with the timeout")
    func declared() throws {
        let respond: @Sendable (Exchange) throws -> Void = { exchange in
            let life = exchange.request.target.dropFirst(2)
            try exchange.respond(200, [Self.type, "Cache-Control: max-age=\(life)"], body: "[]")
        }
        try play(respond: respond) { it in
            for (path, lives) in [("/s100", 50...100), ("/s9000", 200...300)] {
                #expect(try it.larder.get(path).xCache == "MISS")
                try it.awaitEntry(path)
                let left = try #require(try it.redis.command("TTL", try it.key(path)).int)
                #expect(lives.contains(left), "\(path): \(left)")
            }
        }
    }

    @Test(
        "What can't be bare JSON isn't stored, and Cache-Status and explain say why",
        arguments: [
            ("text/html", [], "<p>", "json-type"), ("application/problem+json", [], "{}", "json-type"),
            ("application/json", ["Vary: Accept-Language"], "{}", "json-vary"),
            ("application/json", ["Link: </x>; rel=next"], "{}", "json-fields"),
            ("application/json", ["Cache-Tag: a"], "{}", "json-fields"),
            ("application/json", ["Content-Encoding: gzip"], "{}", "json-fields"),
            ("application/json", ["Set-Cookie: a=b"], "{}", "set-cookie"),
        ])
    func refused(_ type: String, _ fields: [String], _ body: String, _ slug: String) throws {
        let respond: @Sendable (Exchange) throws -> Void = {
            try $0.respond(200, ["Content-Type: \(type)"] + fields, body: body)
        }
        try play(respond: respond) { it in
            for _ in 0..<2 {
                let response = try it.larder.get("/a")
                #expect(response.xCache == "MISS", "\(response.summary)")
                #expect(response["Cache-Status"]?.contains("detail=\(slug)") == true, "\(response.summary)")
            }
            #expect(try it.redis.command("EXISTS", try it.key("/a")) == .integer(0))
            let explained = try it.larder.command(["explain", "GET", "http://api.example/a"])
            #expect(explained.output.contains(slug) || explained.output.contains("not stored"), "\(explained.output)")
        }
    }

    @Test("Content that isn't JSON, and too much of it, reaches the client and not Redis")
    func content() throws {
        let respond: @Sendable (Exchange) throws -> Void = { exchange in
            let isLarge = exchange.request.target == "/large"
            try exchange.respond(
                200, [Self.type], body: isLarge ? "[" + String(repeating: "1", count: 600_000) + "]" : "oops")
        }
        try play(respond: respond) { it in
            let (short, large) = (try it.larder.get("/oops"), try it.larder.get("/large"))
            #expect(short.text == "oops" && large.body.count == 600_002)
            for path in ["/oops", "/large"] {
                #expect(try it.larder.get(path).xCache == "MISS")
                #expect(try it.redis.command("EXISTS", try it.key(path)) == .integer(0))
            }
        }
    }

    @Test("The upstream is asked without a coding, and Vary: Accept-Encoding is no obstacle")
    func codings() throws {
        let respond: @Sendable (Exchange) throws -> Void = { exchange in
            let accepted = exchange.request["Accept-Encoding"] ?? ""
            try exchange.respond(200, [Self.type, "Vary: Accept-Encoding"], body: "{\"accepted\":\"\(accepted)\"}")
        }
        try play(respond: respond) { it in
            #expect(try it.larder.get("/a", ["Accept-Encoding: gzip"]).text == "{\"accepted\":\"identity\"}")
            try it.awaitEntry("/a")
            for fields in [[], ["Accept-Encoding: br"]] { #expect(try it.larder.get("/a", fields).xCache == "HIT") }
        }
    }

    @Test("Fields that the route sets itself may be lost from what is stored, and are in each response")
    func routeFields() throws {
        let fields = ["Access-Control-Allow-Origin: https://one.example", Self.type]
        let respond: @Sendable (Exchange) throws -> Void = { try $0.respond(200, fields, body: "[]") }
        try play(
            more: "  response: {set: {Access-Control-Allow-Origin: \"*\"}}",
            respond: respond
        ) { it in
            for verdict in ["MISS", "HIT"] {
                let response = try it.larder.get("/a")
                #expect(response.xCache == verdict && response["Access-Control-Allow-Origin"] == "*")
                try it.awaitEntry("/a")
            }
        }
    }

    @Test("Another program's value that isn't JSON is a MISS, and is replaced")
    func otherValues() throws {
        try play { it in
            _ = try it.redis.command("SETEX", try it.key("/a"), "100", "<html>")
            #expect(try it.larder.get("/a").xCache == "MISS")
            #expect(
                try eventually(within: 20) {
                    try it.redis.command("GET", try it.key("/a")).bytes?.text == "{\"from\":\"origin\"}"
                })
        }
    }

    @Test("A purge of the URL deletes the entry, and so does a write to it")
    func purged() throws {
        try play { it in
            for invalidate in [
                { _ = try it.larder.command(["purge", "http://api.example/a"]) },
                { _ = try it.larder.request("DELETE", "/a") },
            ] {
                try it.larder.awaitHit("/a")
                try invalidate()
                #expect(try eventually(within: 20) { try it.redis.command("EXISTS", try it.key("/a")) == .integer(0) })
                #expect(try it.larder.get("/a").xCache == "MISS")
            }
        }
    }

    @Test("Ranges and HEAD are served from an entry; a part is never stored")
    func ranges() throws {
        let respond: @Sendable (Exchange) throws -> Void = { exchange in
            if exchange.request["Range"] != nil, exchange.request.target == "/part" {
                return try exchange.respond(206, [Self.type, "Content-Range: bytes 0-1/4"], body: "[1")
            }
            try exchange.respond(200, [Self.type], body: "[12]")
        }
        try play(respond: respond) { it in
            #expect(try it.larder.get("/part", ["Range: bytes=0-1"]).status == 206)
            #expect(try it.redis.command("EXISTS", try it.key("/part")) == .integer(0))
            try it.larder.awaitHit("/a")
            let part = try it.larder.get("/a", ["Range: bytes=1-2"])
            #expect(part.status == 206 && part.text == "12" && part.xCache == "HIT", "\(part.summary)")
            let head = try it.larder.request("HEAD", "/a")
            #expect(head.xCache == "HIT" && head["Content-Length"] == "4" && head.text == "")
        }
    }

    @Test("Requests with credentials get no shared entry, as only the route gives its lifetime")
    func credentials() throws {
        try play { it in
            #expect(try it.program("set", "a", "[1]", "60") == "true")
            let response = try it.larder.get("/a", ["Authorization: Bearer x"])
            #expect(response.xCache == "BYPASS" && response.text == "{\"from\":\"origin\"}", "\(response.summary)")
        }
    }
}
