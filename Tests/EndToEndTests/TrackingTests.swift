import Foundation
import TestSupport
import Testing

// Memory before Redis: no instance serves from memory what isn't in Redis any more, whoever has changed it there.

extension FleetScene {
    /// Two Larders with memory before Redis.
    fileprivate static func pair(_ stage: Stage, grace: String = "1s", rights: String? = nil) throws -> FleetScene {
        try FleetScene(
            stage, .tiered, count: 2, store: "grace: \(grace)\ntiered_life: 300ms", rights: rights)
    }

    fileprivate func awaitTracking(_ state: String = "up") throws {
        for larder in larders {
            #expect(try eventually(within: 20) { try larder.stats()["store"]["tracking"]["state"].string == state })
        }
    }

    /// Its responses say how many there were.
    fileprivate func numbered() -> String {
        origin.script { [origin] exchange in
            try exchange.respond(
                200, ["Cache-Control: max-age=600"], body: "answer \(origin.count(for: exchange.request.path))")
        }
    }

    /// Until both have it in memory.
    fileprivate func warm(_ path: String) throws {
        for larder in larders {
            #expect(
                try eventually(within: 20) {
                    let before = try memoryHits(larder)
                    return try larder.get(path).xCache == "HIT" && memoryHits(larder) > before
                })
        }
    }

    fileprivate func memoryHits(_ larder: LarderProcess) throws -> Int {
        try larder.figure("store", "memory", "lookup_hits")
    }
}

@Suite("Memory before Redis is coherent")
struct TrackingTests {
    @Test(
        "What another program or a client changes in Redis is in no instance's memory before long",
        arguments: ["DEL", "UNLINK", "SET", "EXPIRE", "FLUSHALL", "RENAME", "PUT"])
    func changed(_ change: String) throws {
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage, grace: "60s")
            try pair.awaitTracking()
            let path = pair.numbered()
            try pair.warm(path)
            let key = try pair.key(path)
            let before = pair.origin.count(for: path)
            switch change {
            case "DEL", "UNLINK": _ = try pair.redis.command(change, key)
            case "SET": _ = try pair.redis.command("SET", key, "something else")
            case "EXPIRE": _ = try pair.redis.command("PEXPIRE", key, "1")
            case "RENAME": _ = try pair.redis.command("RENAME", key, "elsewhere")
            case "PUT": #expect(try pair.larders[0].client().request("PUT", path, body: Array("x".utf8)).status == 200)
            default: _ = try pair.redis.command(change)
            }
            // The copies would be used for a minute.
            for larder in pair.larders {
                #expect(
                    try eventually(within: 20) {
                        let text = try larder.get(path).text
                        return text != "answer \(before)" && text.hasPrefix("answer")
                    })
            }
        }
    }

    @Test("Copies live beyond store.tiered_life, and a HIT asks Redis for nothing")
    func lasting() throws {
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage)
            try pair.awaitTracking()
            let path = pair.numbered()
            try pair.warm(path)
            Thread.sleep(forTimeInterval: 1)
            let lookups = try pair.larders[0].figure("store", "remote", "lookup_hits")
            let before = try pair.memoryHits(pair.larders[0])
            for _ in 0..<20 { #expect(try pair.larders[0].get(path).xCache == "HIT") }
            // A sign of life may have come late once in a while on a busy machine.
            #expect(try pair.memoryHits(pair.larders[0]) - before >= 10)
            #expect(try pair.larders[0].figure("store", "remote", "lookup_hits") - lookups <= 10)
        }
    }

    @Test("A Redis that is silent is believed for store.grace only; memory begins afresh when it is back")
    func silent() throws {
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage, grace: "300ms")
            try pair.awaitTracking()
            let path = pair.numbered()
            try pair.warm(path)
            let sessions = try pair.larders[0].figure("store", "tracking", "sessions")
            pair.redis.kill()
            try pair.redis.start()
            // Redis has nothing any more, and nobody has said so.
            for larder in pair.larders {
                #expect(try eventually(within: 20) { try larder.get(path).text != "answer 1" })
            }
            try pair.awaitTracking()
            #expect(try pair.larders[0].figure("store", "tracking", "sessions") > sessions)
            try pair.warm(path)
        }
    }

    @Test("A tracking connection that is killed comes back, and what changed meanwhile isn't served")
    func killed() throws {
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage, grace: "300ms")
            try pair.awaitTracking()
            let path = pair.numbered()
            try pair.warm(path)
            let client = try RedisClient(.port(pair.redis.port))
            for command in [["MULTI"], ["CLIENT", "KILL", "TYPE", "pubsub"], ["DEL", try pair.key(path)], ["EXEC"]] {
                _ = try client.command(command)
            }
            for larder in pair.larders {
                #expect(try eventually(within: 20) { try larder.get(path).text != "answer 1" })
            }
            try pair.awaitTracking()
        }
    }

    @Test("A user who may not track has copies for store.tiered_life, and that is said")
    func refused() throws {
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage, rights: "~* &* +@all -client +client|id")
            try pair.awaitTracking("refused")
            #expect(pair.larders[0].process.standardError.contains("redis refuses to tell of changes"))
            let path = pair.numbered()
            try pair.warm(path)
            _ = try pair.redis.command("DEL", pair.key(path))
            for larder in pair.larders {
                #expect(try eventually(within: 20) { try larder.get(path).text != "answer 1" })
            }
        }
    }

    @Test("A user with the rights that docs/security.md names has all that Larder does")
    func rights() throws {
        let page = try DocumentationPage("docs/security.md").text
        let line = try #require(page.split(separator: "\n").first { $0.hasPrefix("ACL SETUSER larder") })
        let rights = line.split(separator: " ").dropFirst(5).joined(separator: " ")
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage, rights: rights)
            try pair.awaitTracking()
            let path = pair.numbered()
            try pair.warm(path)
            let large = pair.origin.script(
                200, ["Cache-Control: max-age=600"], body: String(repeating: "x", count: 600_000))
            #expect(try pair.larders[0].get(large).text.utf8.count == 600_000)
            #expect(try eventually(within: 20) { try pair.larders[1].get(large).xCache == "HIT" })
            #expect(try pair.larders[0].client().request("PUT", path, body: [1]).status == 200)
            #expect(try eventually(within: 20) { try pair.larders[1].get(path).text != "answer 1" })
            #expect(try pair.larders[0].admin("POST", "/purge", body: Array(#"{"tags":["t"]}"#.utf8)).status == 200)
            #expect(try pair.redis.command("ACL", "LOG") == .array([]))
            #expect(try pair.larders[0].figure("store", "remote", "error_replies") == 0)
        }
    }

    @Test("store.grace: 0s keeps no copies")
    func none() throws {
        try Stage.run { stage in
            let pair = try FleetScene.pair(stage, grace: "0s")
            let path = pair.numbered()
            try pair.larders[0].awaitHit(path)
            for _ in 0..<5 { #expect(try pair.larders[0].get(path).xCache == "HIT") }
            #expect(try pair.memoryHits(pair.larders[0]) == 0)
        }
    }
}
