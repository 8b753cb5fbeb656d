import Foundation
import TestSupport
import Testing

// What a route does while Redis is down (`on_store_down`), and that it does nothing of the kind otherwise.

@Suite("on_store_down: what a route does while Redis is down")
struct StoreOutageTests {
    /// One upstream and one route for each way, with Redis down or up as a test needs it.
    private struct Outage {
        let redis: RedisServer
        let origin: ScriptedOrigin
        let larder: LarderProcess

        func waitUntilDown() throws {
            // Each worker has a connection of its own, and notices at its next look-up.
            #expect(
                try eventually(within: 15) {
                    for number in 0..<8 { _ = try larder.get("/pass/x\(number)") }
                    return try larder.redisState == "down"
                }, "\(larder.storeStats)")
        }
    }

    /// - Parameter respond: of the requests that come to the origin.
    private func play(
        _ store: String = "backend: redis", workers: Int = 1,
        respond: @escaping @Sendable (Exchange) throws -> Void = { exchange in
            try exchange.respond(200, ["Cache-Control: max-age=600"], body: "body of \(exchange.request.target)")
        }, _ body: (Outage) throws -> Void
    ) throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let origin = try stage.origin(respond)
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: """
                    - {path: "/pass/{rest...}", upstream: origin, cache: 60s}
                    - {path: "/limit/{rest...}", upstream: origin, cache: 60s, on_store_down: limit 2}
                    - {path: "/stale/{rest...}", upstream: origin, cache: 60s, on_store_down: stale}
                    - {path: "/none/{rest...}", upstream: origin, cache: 60s, on_store_down: 503}
                    - {path: "/plain/{rest...}", upstream: origin, on_store_down: 503}
                    """,
                store: "\(store)\nredis: \(redis.url)\ntimeout: 2s")
            configuration.server = "workers: \(workers)\ndrain: 5s"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/pass/x0")
            try body(Outage(redis: redis, origin: origin, larder: larder))
        }
    }

    /// Responds to everything at once, but for some paths.
    private func slow(until gate: Switch) -> @Sendable (Exchange) throws -> Void {
        { exchange in
            if exchange.request.target.hasPrefix("/limit/slow") { eventually(within: 30) { gate.isOn } }
            try exchange.respond(200, ["Cache-Control: max-age=600"], body: "ok")
        }
    }

    private func expectRefusal(_ response: Response) {
        #expect(response.status == 503, "\(response.summary)")
        #expect(response["Content-Type"] == "application/problem+json")
        #expect(response["Retry-After"] != nil)
        #expect(response.text.contains("urn:larder:problem:store-down"), "\(response.text)")
    }

    @Test("503: nothing goes to the upstream, neither reads nor writes, until Redis is back")
    func none() throws {
        try play { outage in
            let (larder, origin) = (outage.larder, outage.origin)
            #expect(try larder.get("/none/up").status == 200)
            outage.redis.kill()
            try outage.waitUntilDown()
            for _ in 0..<3 { expectRefusal(try larder.get("/none/a")) }
            expectRefusal(try larder.request("POST", "/none/a", body: Array("x".utf8)))
            #expect(try larder.request("HEAD", "/none/a").status == 503)
            #expect(origin.count(for: "/none/a") == 0)
            // Other routes go on, and so does one that caches nothing.
            #expect(try larder.get("/pass/a").status == 200)
            #expect(try larder.get("/plain/a").status == 200)
            let stats = try larder.stats()
            #expect(stats["outcomes"]["store-down"].int == 5)
            #expect(stats["routes"][3]["held_back"].int == 5)
            #expect(stats["routes"][3]["on_store_down"].string == "503")
            let explained = try larder.admin("GET", "/explain?method=GET&url=http%3A%2F%2Fapi.example%2Fnone%2Fa").text
            #expect(explained.contains("store-down") && explained.contains("503"), "\(explained)")
            try outage.redis.start()
            #expect(try eventually(within: 20) { try larder.get("/none/a").status == 200 }, "\(larder.storeStats)")
            try larder.awaitHit("/none/a")
        }
    }

    @Test("limit N: so many requests are with the upstream at once, over all workers, and the others get 503")
    func limit() throws {
        let gate = Switch()
        try play(workers: 2, respond: slow(until: gate)) { outage in
            let (larder, origin) = (outage.larder, outage.origin)
            outage.redis.kill()
            try outage.waitUntilDown()
            let answers = Locked<[Int]>([])
            for number in 0..<8 {
                Thread.detachNewThread {
                    let status = (try? larder.get("/limit/slow\(number)").status) ?? 0
                    answers.withLock { $0.append(status) }
                }
            }
            defer { gate.turnOn() }
            #expect(eventually(within: 20) { answers.withLock { $0.count } == 6 })
            #expect(answers.withLock { $0.allSatisfy { $0 == 503 } })
            expectRefusal(try larder.get("/limit/b"))
            #expect((0..<8).count { origin.count(for: "/limit/slow\($0)") > 0 } == 2)
            #expect(origin.count(for: "/limit/b") == 0)
            gate.turnOn()
            #expect(eventually(within: 20) { answers.withLock { $0.count { $0 == 200 } } == 2 })
            // Places are given back, whatever the request was: many more than the limit go one after another.
            for number in 0..<10 {
                #expect(try eventually { try larder.get("/limit/after\(number)").status == 200 })
                #expect(try eventually { try larder.request("POST", "/limit/p", body: [1]).status == 200 })
            }
            #expect(try larder.stats()["routes"][1]["held_back"].int ?? 0 >= 7)
        }
    }

    @Test("limit N has no effect while Redis is up")
    func limitWhileUp() throws {
        let gate = Switch()
        try play(respond: slow(until: gate)) { outage in
            let answers = Locked<[Int]>([])
            for number in 0..<6 {
                Thread.detachNewThread {
                    let status = (try? outage.larder.get("/limit/slow\(number)").status) ?? 0
                    answers.withLock { $0.append(status) }
                }
            }
            defer { gate.turnOn() }
            #expect(
                eventually(within: 20) {
                    (0..<6).allSatisfy { outage.origin.count(for: "/limit/slow\($0)") == 1 }
                })
            gate.turnOn()
            #expect(eventually(within: 20) { answers.withLock { $0 } == Array(repeating: 200, count: 6) })
        }
    }

    @Test("stale: what memory still has is served although its time there is over, and marked; what it lacks is passed")
    func stale() throws {
        try play("backend: tiered\ntiered_life: 50ms") { outage in
            let (larder, origin) = (outage.larder, outage.origin)
            try larder.awaitHit("/stale/a")
            try larder.awaitHit("/stale/purged")
            outage.redis.kill()
            try outage.waitUntilDown()
            #expect(try eventually { try larder.get("/stale/a").xCache == "STALE" })
            let response = try larder.get("/stale/a")
            #expect(response.status == 200 && response.text == "body of /stale/a")
            #expect(response["Cache-Status"]?.contains("detail=kept") == true, "\(response.summary)")
            #expect(origin.count(for: "/stale/a") == 1)
            #expect(try larder.get("/stale/b").xCache == "MISS")
            // A route that doesn't say so passes.
            #expect(try eventually { try larder.get("/pass/x0").xCache == "MISS" })
            // What is invalidated here isn't kept.
            #expect(try larder.request("DELETE", "/stale/purged").status == 200)
            #expect(try larder.get("/stale/purged").xCache == "MISS")
            try outage.redis.start()
            #expect(try eventually(within: 20) { try larder.get("/stale/a").xCache != "STALE" })
        }
    }

    @Test("stale: a response whose lifetime is over is served too, unless it must be revalidated")
    func staleByLifetime() throws {
        let respond: @Sendable (Exchange) throws -> Void = { exchange in
            let isStrict = exchange.request.target.hasSuffix("strict")
            try exchange.respond(
                200, ["Cache-Control: max-age=1\(isStrict ? ", must-revalidate" : "")"], body: "body")
        }
        try play("backend: tiered\ntiered_life: 60s", respond: respond) { outage in
            let (larder, origin) = (outage.larder, outage.origin)
            for path in ["/stale/a", "/stale/strict"] {
                // What memory has is what was found in Redis since it was stored there.
                #expect(
                    try eventually(within: 20) {
                        let found = try larder.figure("store", "memory", "lookup_hits")
                        _ = try larder.get(path)
                        return try larder.figure("store", "memory", "lookup_hits") > found
                    })
            }
            outage.redis.kill()
            try outage.waitUntilDown()
            let asked = origin.count(for: "/stale/a")
            #expect(try eventually { try larder.get("/stale/a")["Cache-Status"]?.contains("detail=kept") == true })
            #expect(origin.count(for: "/stale/a") == asked)
            // Each time that its lifetime is over.
            let before = origin.count(for: "/stale/strict")
            #expect(
                try eventually {
                    _ = try larder.get("/stale/strict")
                    return origin.count(for: "/stale/strict") > before + 2
                })
        }
    }
}
