import TestSupport
import Testing

// A Redis that takes its time over writes: what it is being sent is served meanwhile, and an invalidation holds all the same.

@Suite("A response that is complete is a HIT, though the store is still being sent it")
struct WriteUnderWayTests {
    /// Several workers before one Redis that a test may slow down.
    private struct Play {
        let origin: ScriptedOrigin
        let redis: RedisServer
        let larder: LarderProcess

        init(_ stage: Stage, tiered: Bool = false) throws {
            let origin = try stage.origin()
            let redis = try stage.redis()
            self.origin = origin
            self.redis = redis
            larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: "- path: /{rest...}\n  upstream: origin\n  cache:\n    methods: [GET, HEAD]",
                    store:
                        "backend: \(tiered ? "tiered" : "redis")\nmemory: 64MiB\nredis: \(redis.url)\ntimeout: 20s\ngrace: 60s",
                    server: "workers: 3"))
        }

        /// A path whose responses say how many there were, the first once the gate is open.
        func numbered(_ size: Int = 10, _ fields: [String] = [], gate: Switch? = nil) -> String {
            origin.script { [origin] exchange in
                let count = origin.count(for: exchange.request.path)
                gate?.awaitOn()
                let body = "answer \(count) " + String(repeating: "x", count: size)
                try exchange.respond(200, ["Cache-Control: max-age=60"] + fields, body: body)
            }
        }

        /// Redis keeps reading, and takes up no write until `body` is done.
        func whileWritesWait(_ body: () throws -> Void) throws {
            #expect(try redis.command("CLIENT", "PAUSE", "60000", "WRITE") == .simple("OK"))
            defer { _ = try? redis.command("CLIENT", "UNPAUSE") }
            try body()
        }
    }

    @Test(
        "Small and large, with and without variants: the second of two quick requests hits, on every worker",
        .tags(.choice))
    func secondHits() throws {
        try Stage.run { stage in
            let play = try Play(stage)
            for size in [10, 5_000, 300_000] {
                for vary in [[], ["Vary: X-Kind"]] {
                    let gate = Switch()
                    let path = play.numbered(size, vary, gate: gate)
                    let first = try Asking(play.larder, path, ["X-Kind: a"])
                    #expect(eventually { play.origin.count(for: path) == 1 })
                    try play.whileWritesWait {
                        gate.turnOn()
                        #expect(try first.response().xCache == "MISS")
                        for _ in 0..<12 {
                            let next = try play.larder.get(path, ["X-Kind: a"])
                            #expect(
                                next.xCache == "HIT" && next.text.hasPrefix("answer 1 "), "\(size): \(next.summary)")
                        }
                    }
                    #expect(play.origin.count(for: path) == 1)
                    // Nothing of it is in the way of what comes after it.
                    try play.larder.awaitHit(path, ["X-Kind: a"])
                    #expect(try eventually { try play.redis.command("KEYS", "[a-z]*").count > 0 })
                }
            }
        }
    }

    @Test("An invalidation while the write is under way is not undone by it", .tags(.must), arguments: [false, true])
    func invalidated(isTiered: Bool) throws {
        try Stage.run { stage in
            let play = try Play(stage, tiered: isTiered)
            let gate = Switch()
            let path = play.numbered(gate: gate)
            let first = try Asking(play.larder, path)
            #expect(eventually { play.origin.count(for: path) == 1 })
            var asking: [Asking] = []
            try play.whileWritesWait {
                gate.turnOn()
                #expect(try first.response().text.hasPrefix("answer 1 "))
                #expect(try play.larder.get(path).xCache == "HIT")
                #expect(try play.larder.request("POST", path, body: [120]).status == 200)
                // Some may have to wait for Redis.
                asking = try play.larder.ask(path, times: 6)
                try play.larder.awaitReading(asking)
            }
            for asking in asking {
                let response = try asking.response(within: 25)
                #expect(response.isComplete && !response.text.hasPrefix("answer 1 "), "\(response.summary)")
            }
            let hit = try play.larder.awaitHit(path)
            #expect(!hit.text.hasPrefix("answer 1 "))
        }
    }

    @Test(
        "A write that Redis refuses leaves nothing behind: the origin is asked again, and later it is stored",
        .tags(.choice))
    func refused() throws {
        try Stage.run { stage in
            let play = try Play(stage)
            let path = play.numbered()
            #expect(try play.redis.command("CONFIG", "SET", "maxmemory", "1") == .simple("OK"))
            #expect(try play.larder.get(path).text.hasPrefix("answer 1 "))
            #expect(try eventually { try play.larder.get(path).text.hasPrefix("answer 2 ") })
            #expect(try play.redis.command("CONFIG", "SET", "maxmemory", "0") == .simple("OK"))
            try play.larder.awaitHit(path, within: 20)
        }
    }
}
