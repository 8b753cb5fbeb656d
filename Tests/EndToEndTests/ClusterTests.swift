import Foundation
import TestSupport
import Testing

// Redis Cluster: each key is asked of the node that has it, wherever that is now. Real servers.

@Suite("Redis Cluster", .serialized)
struct ClusterTests {
    /// Each path has its own value, which a PUT changes from `old` to `new`.
    private func origin(_ stage: Stage, _ written: Locked<Set<String>>) throws -> ScriptedOrigin {
        try stage.origin { exchange in
            let target = exchange.request.target
            if exchange.request.method == "PUT" { written.withLock { _ = $0.insert(target) } }
            let value = written.withLock { $0.contains(target) } ? "new" : "old"
            try exchange.respond(200, ["Cache-Control: max-age=600"], body: value)
        }
    }

    private func larder(_ stage: Stage, _ url: String, _ origin: String, timeout: String = "5s") throws -> LarderProcess
    {
        var configuration = LarderConfiguration.caching(origin)
        configuration.store = "backend: redis\nredis: \(url)\ntimeout: \(timeout)"
        let larder = try stage.larder(configuration)
        #expect(
            try eventually(within: 10) { try larder.redisState == "up" && larder.exchangesPurges() },
            "\(larder.storeStats)")
        return larder
    }

    @Test(
        "HITs from all nodes, found by one of them, with a password; another program's DEL is seen, large records too")
    func hits() throws {
        try Stage.run { stage in
            let set = try stage.cluster(password: "pass-word")
            let large = String(repeating: "x", count: 600_000)
            let origin = try stage.origin { exchange in
                let isLarge = exchange.request.target.hasPrefix("/large")
                try exchange.respond(200, ["Cache-Control: max-age=600"], body: isLarge ? large : "small")
            }
            // Two workers, each with connections of its own, and an instance that knows another node.
            let (one, other) = (
                try larder(stage, set.url(of: [set.nodes[1]]), origin.url),
                try larder(stage, set.url(of: [set.nodes[2]]), origin.url)
            )
            let paths = (0..<30).map { "/\($0 % 3 == 0 ? "large" : "small")-\($0)" }
            for path in paths {
                try one.awaitHit(path)
                let hit = try other.get(path)
                #expect(hit["X-Cache"] == "HIT" && hit.text == (path.hasPrefix("/large") ? large : "small"))
            }
            for node in set.nodes { #expect(try node.command("DBSIZE").int ?? 0 > 0) }
            #expect(try one.stats()["store"]["cluster"]["masters"].int == 3)
            #expect(try one.stats()["store"]["cluster"]["slots"].int == 16_384)
            for path in paths[..<6] {
                let key = try one.redisKey("GET", "http://api.example\(path)")
                #expect(try set.master(of: key).command("DEL", key) == .integer(1))
                #expect(try other.get(path)["X-Cache"] == "MISS")
            }
            // Nothing of the uploads is left, and no key needed another node.
            for node in set.nodes {
                guard case .array(let keys) = try node.command("KEYS", "*upload*") else { continue }
                #expect(keys.isEmpty)
            }
            #expect(try one.figure("store", "cluster", "redirections") == 0)
            #expect(try one.figure("store", "remote", "error_replies") == 0)
            #expect(!one.process.standardError.contains("pass-word"))
            #expect(try !one.stats().description.contains("pass-word"))
        }
    }

    @Test("A slot moves to a node that had none: its keys are found there, and what is removed meanwhile is removed")
    func slotMoves() throws {
        try Stage.run { stage in
            let set = try stage.cluster(spare: 1)
            let written = Locked<Set<String>>([])
            let origin = try origin(stage, written)
            let larder = try larder(stage, set.url, origin.url)
            let path = "/moved"
            try larder.awaitHit(path)
            let key = try larder.redisKey("GET", "http://api.example\(path)")
            let (slot, target) = (try set.slot(of: key), set.nodes[3])

            // The key is at the target already, the slot isn't: the source sends there.
            try set.beginMove(of: slot, to: target)
            try set.moveKeys(of: slot, to: target)
            #expect(try larder.request("PUT", path).status == 200)
            #expect(
                try eventually(within: 10) {
                    // The connection to the target is made for that.
                    let client = try RedisClient(.port(target.port))
                    _ = try client.command(["ASKING"])
                    return try client.command(["EXISTS", key]) == .integer(0)
                }, "\(larder.storeStats)")
            #expect(try larder.get(path).text == "new")

            try set.endMove(of: slot, to: target)
            #expect(try eventually(within: 10) { try larder.get(path)["X-Cache"] == "HIT" }, "\(larder.storeStats)")
            #expect(try larder.get(path).text == "new")
            #expect(try target.command("EXISTS", key) == .integer(1))
            #expect(try larder.stats()["store"]["cluster"]["masters"].int == 4)
            #expect(try larder.figure("store", "cluster", "changes") >= 1)
            #expect(try larder.redisState == "up")

            // And back, with the record in it.
            try set.move(slot, to: set.nodes[0])
            #expect(try larder.request("PUT", path).status == 200)
            #expect(
                try eventually(within: 10) { try set.nodes[0].command("EXISTS", key) == .integer(0) },
                "\(larder.storeStats)")
            #expect(try eventually(within: 10) { try larder.figure("store", "remote", "removals_undelivered") == 0 })
            #expect(try larder.figure("store", "remote", "removals_lost") == 0)
        }
    }

    @Test(
        "A master is killed under load: no client sees an error, its replica is used, and nothing invalidated comes back"
    )
    func masterKilled() throws {
        try Stage.run { stage in
            let set = try stage.cluster(replicas: 1)
            let written = Locked<Set<String>>([])
            let origin = try origin(stage, written)
            let (one, other) = (
                try larder(stage, set.url, origin.url, timeout: "250ms"),
                try larder(stage, set.url, origin.url, timeout: "250ms")
            )
            let paths = (0..<300).map { "/w\($0)" }
            for path in paths { #expect(try one.get(path).text == "old") }
            try one.awaitHit(paths[299])
            let load = Load(other, (0..<20).map { "/l\($0)" }, threads: 2)
            load.awaitMore(50)

            let victim = try set.master(of: one.redisKey("GET", "http://api.example/l0"))
            let writes = Writes(one, paths)
            victim.kill()
            for larder in [one, other] {
                #expect(
                    try eventually(within: 20) {
                        try larder.redisState == "up" && larder.figure("store", "cluster", "changes") >= 1
                    }, "\(larder.storeStats)")
            }
            writes.finish()
            #expect(try eventually(within: 10) { try one.figure("store", "remote", "removals_undelivered") == 0 })

            let stale = try paths.filter { try other.get($0).text != "new" }
            #expect(stale.isEmpty, "\(stale.count) old responses: \(stale.prefix(5)) \(one.storeStats)")
            for number in 0..<20 { try other.awaitHit("/l\(number)", within: 10) }
            let end = load.stop()
            #expect(end.failures.isEmpty, "\(end.failures.prefix(5)) of \(end.answered)")
            #expect(try one.figure("store", "remote", "removals_lost") == 0)
        }
    }

    @Test("A master without a replica is killed: its keys are held back as the route says, the others are served on")
    func masterLost() throws {
        try Stage.run { stage in
            let set = try stage.cluster()
            for node in set.nodes { try node.command("CONFIG", "SET", "cluster-require-full-coverage", "no") }
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(set.url)\ntimeout: 250ms"
            configuration.routes += "\n  on_store_down: 503"
            let larder = try stage.larder(configuration)
            let paths = (0..<12).map { "/p\($0)" }
            var masters: [String: UInt16] = [:]
            for path in paths {
                try larder.awaitHit(path)
                masters[path] = try set.master(of: larder.redisKey("GET", "http://api.example\(path)")).port
            }
            set.nodes[0].kill()
            #expect(try eventually(within: 10) { try larder.redisState == "partial" }, "\(larder.storeStats)")
            for path in paths {
                let isLost = masters[path] == set.nodes[0].port
                #expect(
                    try eventually(within: 10) {
                        let response = try larder.get(path)
                        return isLost ? response.status == 503 : response.xCache == "HIT"
                    }, "\(path): \(isLost) \(larder.storeStats)")
            }
            try set.nodes[0].start()
            #expect(try eventually(within: 20) { try larder.redisState == "up" }, "\(larder.storeStats)")
            for path in paths { try larder.awaitHit(path, within: 10) }
        }
    }

    @Test("A Redis that is none of a cluster's nodes: requests go on, and /stats says why")
    func noCluster() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: redis+cluster://127.0.0.1:\(redis.port)"
            let larder = try stage.larder(configuration)
            #expect(try larder.get("/a").status == 200)
            let reason = "no node that replies belongs to a cluster with slots"
            #expect(
                try eventually(within: 10) { try larder.stats()["store"]["cluster"]["reason"].string == reason },
                "\(larder.storeStats)")
            #expect(try eventually(within: 10) { try larder.redisState == "down" })
            #expect(try larder.get("/a").status == 200)
        }
    }

    @Test(
        "Slots move back and forth under load and writes: no client sees an error, and nothing old is left anywhere",
        arguments: ["redis", "tiered"])
    func slotsMove(backend: String) throws {
        try Stage.run { stage in
            let set = try stage.cluster(spare: 1)
            let versions = Locked<[String: Int]>([:])
            let origin = try stage.origin { exchange in
                let target = exchange.request.target
                let isWrite = exchange.request.method == "PUT"
                let version = versions.withLock { versions in
                    if isWrite { versions[target, default: 0] += 1 }
                    return versions[target] ?? 0
                }
                try exchange.respond(200, ["Cache-Control: max-age=600"], body: "version \(version)")
            }
            let larders = try (0..<2).map { _ in
                var configuration = LarderConfiguration.caching(origin.url)
                configuration.store = "backend: \(backend)\nredis: \(set.url)\ntimeout: 5s"
                let larder = try stage.larder(configuration)
                #expect(try eventually(within: 10) { try larder.redisState == "up" }, "\(larder.storeStats)")
                return larder
            }
            let paths = (0..<12).map { "/v\($0)" }
            for path in paths { try larders[0].awaitHit(path) }
            let slots = try paths.map { try set.slot(of: larders[0].redisKey("GET", "http://api.example\($0)")) }
            // A master that loses its last slot would become a replica.
            let other = try #require((0..<16_384).first { !slots.contains($0) })
            try set.move(other, to: set.nodes[3])
            let loads = larders.map { Load($0, paths, threads: 2) }
            let isOver = Switch()
            let (writes, failures) = (Counter(), Failures())
            let writer = Thread {
                while !isOver.isOn {
                    let path = paths[writes.value % paths.count]
                    do {
                        let response = try larders[writes.value % 2].request("PUT", path, body: Array("x".utf8))
                        if response.status != 200 { failures.add("\(path): \(response.head.startLine)") }
                    } catch { failures.add("\(path): \(error)") }
                    writes.add(1)
                    Thread.sleep(forTimeInterval: 0.005)
                }
            }
            writer.start()
            for round in 0..<3 {
                for slot in slots {
                    let target = round % 2 == 0 ? set.nodes[3] : set.nodes[slot % 3]
                    if try set.master(of: slot).port != target.port { try set.move(slot, to: target) }
                }
            }
            loads[0].awaitMore(50)
            isOver.turnOn()
            for load in loads {
                let end = load.stop()
                #expect(end.failures.isEmpty, "\(end.failures.prefix(5)) of \(end.answered)")
            }
            #expect(failures.all.isEmpty, "\(failures.all.prefix(5)) of \(writes.value)")
            for larder in larders {
                #expect(
                    try eventually(within: 20) {
                        try larder.redisState == "up" && larder.figure("store", "remote", "removals_undelivered") == 0
                    }, "\(larder.storeStats)")
                #expect(try larder.figure("store", "remote", "removals_lost") == 0)
                #expect(try larder.figure("store", "cluster", "changes") > 0)
            }
            for path in paths {
                let version = versions.withLock { $0[path] ?? 0 }
                // Copies may be used for as long as store.grace without word from Redis.
                for larder in larders {
                    #expect(try eventually(within: 10) { try larder.get(path).text == "version \(version)" }, "\(path)")
                }
                try larders[1].awaitHit(path, within: 10)
            }
        }
    }
}
