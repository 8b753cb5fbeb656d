import Foundation
import TestSupport
import Testing

// Redis behind sentinels: the store follows the master. Real servers, real sentinels.

@Suite("Redis Sentinel", .serialized)
struct SentinelTests {
    enum Failover: String, CaseIterable, CustomTestStringConvertible {
        case masterKilled, masterReplaced
        var testDescription: String { rawValue }
    }

    /// Each path has its own value, which a PUT changes from `old` to `new`.
    private func origin(_ stage: Stage, _ written: Locked<Set<String>>) throws -> ScriptedOrigin {
        try stage.origin { exchange in
            let target = exchange.request.target
            if exchange.request.method == "PUT" { written.withLock { _ = $0.insert(target) } }
            let value = written.withLock { $0.contains(target) } ? "new" : "old"
            try exchange.respond(200, ["Cache-Control: max-age=600"], body: value)
        }
    }

    @Test(
        "A failover under load: no client sees an error, HITs come back, and nothing that was invalidated comes back",
        arguments: Failover.allCases, [Backend.redis, .tiered])
    func failover(_ failover: Failover, _ backend: Backend) throws {
        try Stage.run { stage in
            let set = try stage.sentinels()
            let written = Locked<Set<String>>([])
            let origin = try origin(stage, written)
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: \(backend.rawValue)\nredis: \(set.url)"
            let (one, other) = (try stage.larder(configuration), try stage.larder(configuration))
            let paths = (0..<400).map { "/w\($0)" }
            for path in paths { #expect(try one.get(path).text == "old") }
            try one.awaitHit(paths[399])
            // With `tiered`, it has copies of these.
            for path in paths[..<100] { for _ in 0..<2 { #expect(try other.get(path).xCache == "HIT") } }
            try set.awaitReplication()
            let load = Load(other, (0..<10).map { "/l\($0)" }, threads: 2)
            load.awaitMore(50)

            // Writes go on from before the failover until after it. Nobody reads these paths meanwhile.
            let writes = Writes(one, paths)
            switch failover {
            case .masterKilled: set.first.kill()
            case .masterReplaced: try set.failOver()
            }
            for larder in [one, other] {
                #expect(
                    try eventually(within: 20) {
                        try larder.sentinel["master"].string == "127.0.0.1:\(set.second.port)"
                            && larder.redisState == "up"
                    }, "\(larder.storeStats)")
            }
            writes.finish()
            #expect(try eventually(within: 10) { try one.figure("store", "remote", "removals_undelivered") == 0 })

            // Copies in memory may be used for store.grace.
            var stale: [String] = []
            eventually(within: backend == .tiered ? 10 : 0) {
                stale = (try? paths.filter { try other.get($0).text != "new" }) ?? paths
                return stale.isEmpty
            }
            #expect(stale.isEmpty, "\(stale.count) old responses: \(stale.prefix(5)) \(one.storeStats)")
            try other.awaitHit(paths[0])
            for number in 0..<10 { try other.awaitHit("/l\(number)", within: 10) }
            let end = load.stop()
            #expect(end.failures.isEmpty, "\(end.failures.prefix(5)) of \(end.answered)")
            #expect(try one.figure("store", "remote", "removals_lost") == 0)
            let line = "is 127.0.0.1:\(set.second.port) now, instead of 127.0.0.1:\(set.first.port)"
            #expect(one.process.standardError.split(separator: "\n").count { $0.contains(line) } == 1)
        }
    }

    @Test("The first sentinel is gone, the others ask for a password of their own: the master is found")
    func sentinelsWithPassword() throws {
        try Stage.run { stage in
            let set = try stage.sentinels(password: "watch-word")
            set.stopSentinel(0)
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(set.url)"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/a", within: 10)
            #expect(try larder.sentinel["master"].string == "127.0.0.1:\(set.first.port)")
            #expect(try larder.sentinel["master_name"].string == set.name)
            #expect(try larder.sentinel["reason"].string == nil)
            #expect(!larder.process.standardError.contains("watch-word"))
            #expect(try !larder.stats().description.contains("watch-word"))

            // All of them gone: the master of before stays.
            set.stopSentinel(1)
            set.stopSentinel(2)
            #expect(try eventually(within: 10) { try larder.sentinel["reason"].string == "no sentinel replies" })
            #expect(try larder.sentinel["master"].string == "127.0.0.1:\(set.first.port)")
            try larder.awaitHit("/b")
        }
    }

    @Test("A name that no sentinel has: requests go on, and /stats says why")
    func unknownName() throws {
        try Stage.run { stage in
            let set = try stage.sentinels()
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: redis+sentinel://\(set.addresses)/other-name"
            let larder = try stage.larder(configuration)
            #expect(try larder.get("/a").status == 200)
            let reason = "the sentinels have no master with that name"
            #expect(try eventually(within: 10) { try larder.sentinel["reason"].string == reason })
            // A reload gives the right name.
            configuration.store = "backend: redis\nredis: \(set.url)"
            try larder.write(configuration)
            larder.signal(SIGHUP)
            try larder.awaitHit("/a", within: 10)
            #expect(try larder.sentinel["master_name"].string == set.name)
        }
    }
}

extension LarderProcess {
    /// What `/stats` says of the sentinels.
    fileprivate var sentinel: JSON { get throws { try stats()["store"]["sentinel"] } }
}
