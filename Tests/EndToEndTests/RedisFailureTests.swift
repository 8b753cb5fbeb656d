import Foundation
import TestSupport
import Testing

// Redis fails while clients ask. None of them sees an error or a hang; /stats says what is the matter; HITs come back.

@Suite("When Redis fails", .serialized)
struct RedisFailureTests {
    /// What every case plays on: its own Redis, a quick origin, load on ten paths.
    private func play(
        password: String? = nil, options: [String] = [], store: String = "",
        _ body: (RedisServer, LarderProcess, Load) throws -> Void
    ) throws {
        try Stage.run { stage in
            let redis = try stage.redis(password: password, options: options)
            let origin = try stage.origin {
                try $0.respond(200, ["Cache-Control: max-age=60"], body: "body of \($0.request.target)")
            }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)\ntimeout: 150ms\n\(store)"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/0")
            #expect(try eventually { try larder.redisState == "up" }, "\(larder.storeStats)")
            let load = Load(larder, (0..<10).map { "/\($0)" })
            load.awaitMore(200)
            var outcome: Load.Outcome?
            defer { if outcome == nil { _ = load.stop() } }
            try body(redis, larder, load)
            let end = load.stop()
            outcome = end
            #expect(end.failures.isEmpty, "\(end.failures.prefix(5)) of \(end.answered)")
            if !isSanitized { #expect(end.slowest < 1.5, "one answer took \(end.slowest) s") }
        }
    }

    /// The state is another than up, with a sentence that says why.
    private func expectTrouble(_ larder: LarderProcess) throws {
        #expect(try eventually { try larder.redisState != "up" })
        #expect(try larder.redisReason?.isEmpty == false, "\(larder.storeStats)")
    }

    private func expectRecovery(_ larder: LarderProcess) throws {
        #expect(try eventually(within: 15) { try larder.redisState == "up" }, "\(larder.storeStats)")
        try larder.awaitHit("/3", within: 10)
    }

    @Test("A write while Redis takes none is carried out there when it does, so that other instances see it")
    func writesMeanwhile() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let value = Locked("old")
            let origin = try stage.origin { exchange in
                if exchange.request.method == "PUT" { value.withLock { $0 = "new" } }
                try exchange.respond(200, ["Cache-Control: max-age=600"], body: value.withLock { $0 })
            }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)"
            let (one, other) = (try stage.larder(configuration), try stage.larder(configuration))
            try one.awaitHit("/t")
            try other.awaitHit("/t")
            _ = try redis.command("REPLICAOF", "127.0.0.1", "1")
            #expect(try one.request("PUT", "/t", body: Array("new".utf8)).status == 200)
            #expect(try other.get("/t").text == "old")
            // The response may be ahead of the removal.
            #expect(try eventually(within: 20) { try one.figure("store", "remote", "removals_kept") == 1 })
            _ = try redis.command("REPLICAOF", "NO", "ONE")
            #expect(try eventually(within: 20) { try other.get("/t").text == "new" }, "\(one.storeStats)")
            try other.awaitHit("/t")
            for text in [
                "warning invalidations wait until Redis takes them", "notice no invalidation waits for Redis any more",
            ] {
                #expect(
                    eventually(within: 10) { one.process.standardError.contains(text) }, "\(one.process.standardError)")
            }
        }
    }

    @Test("An invalidation that Redis refuses for good is logged with the reason, and counted")
    func refusedInvalidation() throws {
        try Stage.run { stage in
            let redis = try stage.redis(options: ["--user", "larder", "on", ">secret", "~*", "&*", "+@all", "-unlink"])
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: redis://larder:secret@127.0.0.1:\(redis.port)/0"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/t")
            #expect(try larder.request("PUT", "/t", body: [1]).status == 200)
            #expect(try eventually { try larder.figure("store", "remote", "removals_refused") > 0 })
            #expect(try larder.figure("store", "remote", "removals_lost") > 0)
            let line = "for good: the store's user lacks permission"
            #expect(
                eventually(within: 10) { larder.process.standardError.contains(line) },
                "\(larder.process.standardError)")
        }
    }

    @Test("An error of Redis that Larder doesn't know is logged once, without what stands in quotes")
    func unknownError() throws {
        try Stage.run { stage in
            let redis = try stage.scriptedRedis()
            redis.script("GETRANGE", "-ODD thing near 'secret'\r\n")
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)"
            let larder = try stage.larder(configuration)
            for number in 0..<20 { #expect(try larder.get("/\(number)").status == 200) }
            let line = "Redis at 127.0.0.1:\(redis.port) replied with an unknown error: ODD thing near ''"
            #expect(
                eventually(within: 10) { larder.process.standardError.contains(line) },
                "\(larder.process.standardError)")
            #expect(larder.process.standardError.split(separator: "\n").count { $0.contains("ODD thing") } == 1)
        }
    }

    @Test("Killed and started again: no error, HITs come back")
    func killed() throws {
        try play { redis, larder, load in
            redis.kill()
            load.awaitMore(300)
            try expectTrouble(larder)
            try redis.start()
            try expectRecovery(larder)
        }
    }

    @Test("Frozen and thawed: nobody waits longer than the command's time-out, HITs come back")
    func frozen() throws {
        try play { redis, larder, load in
            redis.freeze()
            load.awaitMore(300)
            try expectTrouble(larder)
            // Known to be down, it costs nothing: far below the time-out.
            let seconds = try Clock.measure { for number in 0..<20 { _ = try larder.get("/\(number % 10)") } }
            if !isSanitized { #expect(seconds < 1, "20 requests took \(seconds) s while Redis is known to hang") }
            redis.thaw()
            try expectRecovery(larder)
        }
    }

    @Test("Slow: look-ups are not begun, so that nobody waits for them, until it is quick again")
    func slow() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let relay = try stage.relay(to: redis.port)
            let origin = try stage.origin {
                // What isn't stored is never found on its way to Redis.
                let isStored = !$0.request.target.hasPrefix("/new")
                try $0.respond(200, [isStored ? "Cache-Control: max-age=60" : "Cache-Control: no-store"], body: "ok")
            }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: redis://127.0.0.1:\(relay.port)/0\ntimeout: 2s"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/0")
            let load = Load(larder, (0..<10).map { "/new\($0)" }, threads: 8)
            defer { _ = load.stop() }
            load.awaitMore(200)
            // Within the time-out, and far more than the origin takes.
            relay.delay = 0.8
            #expect(try eventually(within: 30) { try larder.shedLookups > 100 }, "\(larder.storeStats)")
            let (answered, shed, found) = (load.answered, try larder.shedLookups, try larder.lookups)
            load.awaitMore(1000)
            #expect(load.answered - answered >= 1000)
            #expect(try larder.shedLookups - shed >= 900, "\(larder.storeStats)")
            // Nothing but PINGs asks whether it is quick again.
            #expect(try larder.lookups - found < 100, "\(larder.storeStats)")
            #expect(try larder.redisState == "up")
            // Each worker finds out for itself.
            var number = 0
            #expect(
                try eventually(within: 20) {
                    number += 1
                    return try larder.get("/other\(number)")["Cache-Status"]?.contains("store-slow") == true
                })
            relay.delay = 0
            try expectRecovery(larder)
            let end = load.stop()
            #expect(end.failures.isEmpty, "\(end.failures.prefix(5)) of \(end.answered)")
        }
    }

    @Test("Restarted three times in a row: no error")
    func restarted() throws {
        try play { redis, larder, load in
            for _ in 0..<3 {
                redis.kill()
                load.awaitMore(50)
                try redis.start()
                load.awaitMore(50)
            }
            try expectRecovery(larder)
        }
    }

    @Test("Full, and not willing to evict: answers are served unstored, HITs of what is there go on")
    func full() throws {
        try play(options: ["--maxmemory-policy", "noeviction"]) { redis, larder, load in
            // Less than an empty Redis takes, so that it is full however little was stored.
            #expect(try redis.command("CONFIG", "SET", "maxmemory", "100kb") == .simple("OK"))
            let before = load.answered
            for number in 0..<30 { #expect(try larder.get("/new\(number)").status == 200) }
            load.awaitMore(100)
            #expect(load.answered > before)
            let store = larder.storeStats
            #expect(store.contains("OOM") || store.contains("memory"), "\(store)")
            #expect(try redis.command("CONFIG", "SET", "maxmemory", "0") == .simple("OK"))
            // That it takes entries again is noticed without a new one.
            #expect(try eventually(within: 15) { try larder.redisState == "up" })
            try larder.awaitHit("/new1", within: 10)
        }
    }

    @Test("Its password changed: no error, the reason names it; with the old one back HITs come back")
    func password() throws {
        try play(password: "first") { redis, larder, load in
            let client = try RedisClient(.port(redis.port), password: "first")
            #expect(try client.command(["CONFIG", "SET", "requirepass", "second"]) == .simple("OK"))
            // Connections that had logged in stay; new ones need the new password.
            #expect(try client.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).int != nil)
            load.awaitMore(300)
            try expectTrouble(larder)
            // The reason is the lost connection until the next one was refused.
            var reason = ""
            let isNamed = try eventually(within: 20) {
                reason = try larder.redisReason ?? ""
                return ["password", "auth", "pass"].contains { reason.lowercased().contains($0) }
            }
            #expect(isNamed && !reason.contains("first"), "\(reason)")
            #expect(try client.command(["CONFIG", "SET", "requirepass", "first"]) == .simple("OK"))
            try expectRecovery(larder)
        }
    }

    @Test(
        "A look-up that gets a reply of the wrong type is a miss at once, and hits come back",
        arguments: ["$-1\r\n", ":1\r\n", "*0\r\n", "+OK\r\n"], [1, 2])
    func wrongReply(_ reply: String, piece: Int) throws {
        try Stage.run { stage in
            let redis = try stage.scriptedRedis()
            let origin = try stage.origin {
                try $0.respond(200, ["Cache-Control: max-age=60"], body: String(repeating: "x", count: 300_000))
            }
            var configuration = LarderConfiguration.caching(origin.url)
            // Longer than a client here waits: nothing but the reply may end the look-up.
            configuration.store = "backend: redis\nredis: \(redis.url)\ntimeout: 60s"
            // A worker has what it writes at hand until Redis has confirmed it, and of two each may have written.
            configuration.server = "workers: 1"
            let larder = try stage.larder(configuration)
            #expect(
                try eventually {
                    let asked = redis.count(of: "GETRANGE")
                    return try larder.get("/a").xCache == "HIT" && redis.count(of: "GETRANGE") == asked + 3
                })
            redis.script("GETRANGE", from: piece, reply)
            let response = try larder.get("/a")
            #expect(response.status == 200 && response.body.count == 300_000)
            #expect(response.xCache == "MISS")
            redis.clearScripts()
            #expect(try eventually(within: 15) { try larder.redisState == "up" }, "\(larder.storeStats)")
            try larder.awaitHit("/a")
        }
    }

    @Test("Away from the start: the daemon comes up, serves, and uses it once it is there")
    func absentAtStart() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            redis.kill()
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: max-age=60"], body: "ok") }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)\ntimeout: 150ms"
            let larder = try stage.larder(configuration)
            for _ in 0..<5 { #expect(try larder.get("/a").status == 200) }
            try expectTrouble(larder)
            try redis.start()
            try expectRecovery(larder)
        }
    }

    @Test("Over a unix socket it works the same")
    func unixSocket() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: max-age=60"], body: "ok") }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.unixURL)"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/a")
            #expect(try redis.command("KEYS", "larder:*").count > 0)
        }
    }

    @Test("A user, a password and a database of its own are used")
    func userAndDatabase() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            #expect(
                try redis.command("ACL", "SETUSER", "larder", "on", ">s3cret", "~larder:*", "~{larder:*", "+@all")
                    == .simple("OK"))
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: max-age=60"], body: "ok") }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: redis://larder:s3cret@127.0.0.1:\(redis.port)/3"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/a")
            let client = try RedisClient(.port(redis.port))
            #expect(try client.command(["DBSIZE"]) == .integer(0))
            #expect(try client.command(["SELECT", "3"]) == .simple("OK"))
            #expect(try client.command(["KEYS", "larder:*"]).count > 0)
        }
    }
}

extension LarderProcess {
    /// What /stats says about the store, for messages.
    var storeStats: String { (try? stats()["store"].description) ?? "no /stats" }
    /// The state of the store in /stats: `up`, or what it is instead.
    var redisState: String? { get throws { try stats()["store"]["state"].string } }
    /// Look-ups that were not begun, as Redis was slow; and those that it replied to.
    var shedLookups: Int { get throws { try stats()["store"]["remote"]["shed_lookups"].int ?? 0 } }
    var lookups: Int {
        get throws {
            let remote = try stats()["store"]["remote"]
            return (remote["lookup_hits"].int ?? 0) + (remote["lookup_misses"].int ?? 0)
        }
    }
    /// Why it isn't up.
    var redisReason: String? { get throws { try stats()["store"]["reason"].string } }
}
