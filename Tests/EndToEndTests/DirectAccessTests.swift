import Foundation
import TestSupport
import Testing

// `/cache` and `larder get`, `set`, `delete`: one entry by its key text, in every kind of store, and always the one that
// requests get.

@Suite("Direct access to entries by key text")
struct DirectAccessTests {
    private func play(
        _ backend: Backend, instances: Int = 1, _ body: ([LarderProcess], ScriptedOrigin) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                let type = ["Cache-Control: max-age=600", "Content-Type: application/json"]
                try $0.respond(200, type, body: "{\"from\":\"origin\"}")
            }
            let redis = try stage.redis()
            let configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: """
                    - path: /keyed/{id}
                      upstream: origin
                      cache: {timeout: 60s, key: "task:{id}"}
                    - path: /{rest...}
                      upstream: origin
                      cache: {timeout: 60s}
                    """,
                store: backend.section(redis, further: backend == .tiered ? "tiered_life: 50ms" : ""))
            try body(try (0..<instances).map { _ in try stage.larder(configuration) }, origin)
        }
    }

    /// The key text of a GET, as `larder key` prints it.
    private func keyText(_ larder: LarderProcess, _ path: String) throws -> String {
        let explained = try larder.admin("GET", "/explain?method=GET&url=\(encoded("http://api.example" + path))")
            .json()
        return try #require(explained["key"]["text"].string, "\(explained)")
    }

    private func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }

    @Test(
        "What is set is served as a HIT with its type and lifetime, and is gone once it is deleted",
        arguments: Backend.allCases)
    func set(_ backend: Backend) throws {
        try play(backend) { larders, origin in
            let larder = larders[0]
            for (path, key) in [("/keyed/7", "task:7"), ("/a?b=1&a=2", try keyText(larder, "/a?b=1&a=2"))] {
                let set = try larder.command(
                    ["set", key, "--timeout", "2m", "--type", "text/plain"], standardInput: Array("set by hand".utf8))
                #expect(set.status == 0 && set.output.contains("11 bytes"), "\(set.output)\(set.errors)")
                let response = try larder.get(path)
                #expect(response.xCache == "HIT" && response.text == "set by hand", "\(response.summary)")
                #expect(response["Content-Type"] == "text/plain" && response["Cache-Control"] == "max-age=120")
                #expect(origin.count(for: String(path.prefix { $0 != "?" })) == 0)
                #expect(try larder.command(["get", key]).output == "set by hand")
                let entry = try larder.admin("GET", "/cache?key=\(encoded(key))")
                #expect(entry["Content-Type"] == "text/plain" && entry["Larder-Status"] == "200")
                #expect(Int(entry["Larder-TTL"] ?? "").map { 1...120 ~= $0 } == true)
                let deleted = try larder.command(["delete", key])
                #expect(deleted.status == 0 && deleted.output == "deleted 1 entry\n", "\(deleted.output)")
                #expect(try larder.command(["get", key]).status == 1)
                #expect(try larder.command(["delete", key]).output == "deleted 0 entries\n")
                #expect(try larder.get(path).xCache == "MISS")
            }
        }
    }

    @Test("What requests have stored is read, replaced and deleted", arguments: Backend.allCases)
    func stored(_ backend: Backend) throws {
        try play(backend) { larders, origin in
            let larder = larders[0]
            try larder.awaitHit("/keyed/1")
            let entry = try larder.admin("GET", "/cache?key=task%3A1")
            #expect(entry.status == 200 && entry.text == "{\"from\":\"origin\"}")
            #expect(entry["Content-Type"] == "application/json" && entry["Age"] != nil)
            #expect(try larder.admin("PUT", "/cache?key=task%3A1", body: Array("new".utf8)).status == 200)
            #expect(try larder.get("/keyed/1").text == "new")
            #expect(try larder.admin("DELETE", "/cache?key=task%3A1").json()["deleted"].int == 1)
            #expect(try larder.admin("GET", "/cache?key=task%3A1").status == 404)
            #expect(try larder.get("/keyed/1").text == "{\"from\":\"origin\"}")
            #expect(origin.count(for: "/keyed/1") == 2)
        }
    }

    @Test("A large entry is stored and served whole", arguments: Backend.allCases)
    func large(_ backend: Backend) throws {
        try play(backend) { larders, _ in
            let content = patternedBody(1_500_000)
            let set = try larders[0].command(
                ["set", "task:big", "--type", "application/octet-stream"], standardInput: content)
            #expect(set.status == 0, "\(set.errors)")
            #expect(try eventually { try larders[0].admin("GET", "/cache?key=task%3Abig").body == content })
            let response = try larders[0].get("/keyed/big")
            #expect(response.xCache == "HIT" && response.body == content)
            #expect(try larders[0].command(["delete", "task:big"]).status == 0)
            #expect(try larders[0].get("/keyed/big").xCache == "MISS")
        }
    }

    @Test("What one instance sets and deletes, the others on the same Redis see", arguments: [Backend.redis, .tiered])
    func instances(_ backend: Backend) throws {
        try play(backend, instances: 2) { larders, origin in
            #expect(try larders[0].command(["set", "task:1"], standardInput: Array("[1]".utf8)).status == 0)
            let response = try larders[1].get("/keyed/1")
            #expect(response.xCache == "HIT" && response.text == "[1]" && origin.count(for: "/keyed/1") == 0)
            #expect(try larders[0].command(["set", "task:1"], standardInput: Array("[2]".utf8)).status == 0)
            #expect(try eventually { try larders[1].get("/keyed/1").text == "[2]" })
            #expect(try larders[1].command(["delete", "task:1"]).output == "deleted 1 entry\n")
            #expect(try eventually { try larders[0].admin("GET", "/cache?key=task%3A1").status == 404 })
            #expect(try larders[0].get("/keyed/1").xCache == "MISS")
        }
    }

    @Test("An entry that a purge by tag covers isn't there any more")
    func purged() throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                try $0.respond(200, ["Cache-Control: max-age=600", "Cache-Tag: tasks"], body: "[]")
            }
            let larder = try stage.larder(.caching(origin.url, cache: "timeout: 60s\nkey: \"k:{path}\""))
            try larder.awaitHit("/a")
            #expect(try larder.admin("GET", "/cache?key=\(encoded("k:/a"))").status == 200)
            #expect(try larder.command(["purge", "--tag", "tasks"]).status == 0)
            #expect(try larder.admin("GET", "/cache?key=\(encoded("k:/a"))").status == 404)
            #expect(try larder.get("/a").xCache == "MISS")
        }
    }

    @Test("Without a store each command says so and fails")
    func none() throws {
        try Stage.run { stage in
            var configuration = LarderConfiguration.caching("http://127.0.0.1:1")
            configuration.store = "backend: none"
            let larder = try stage.larder(configuration)
            for arguments in [["get", "k"], ["set", "k"], ["delete", "k"]] {
                let finished = try larder.command(arguments, standardInput: Array("x".utf8))
                #expect(finished.status == 1 && finished.output.isEmpty)
                #expect(finished.errors.contains("store.backend is none"), "\(finished.errors)")
            }
        }
    }

    @Test("While Redis is down each command says why and fails, and a deletion is carried out once it is back")
    func down() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)"
            let larder = try stage.larder(configuration)
            #expect(try larder.command(["set", "k"], standardInput: Array("1".utf8)).status == 0)
            redis.freeze()
            defer { redis.thaw() }
            #expect(
                try eventually(within: 15) {
                    _ = try larder.get("/x")
                    return try larder.redisState == "down"
                })
            for arguments in [["get", "k"], ["set", "k"], ["delete", "k"]] {
                let finished = try larder.command(arguments, standardInput: Array("x".utf8))
                #expect(finished.status == 1 && finished.errors.contains("store"), "\(finished.errors)")
            }
            redis.thaw()
            #expect(
                try eventually(within: 20) { try larder.command(["get", "k"]).errors.contains("nothing is stored") },
                "\(larder.storeStats)")
        }
    }

    @Test(
        "Wrong usage ends with 2 and stores nothing",
        arguments: [
            ["get"], ["set"], ["delete"], ["set", "k", "--timeout", "0"], ["set", "k", "--timeout", "soon"],
            ["set", "k", "--type", "a\nb"], ["get", "a", "b"],
        ])
    func usage(_ arguments: [String]) throws {
        let finished = try run([LarderProcess.binary] + arguments, standardInput: Array("x".utf8))
        #expect(finished.status == 2 && finished.output.isEmpty, "\(finished.status) \(finished.errors)")
    }
}
