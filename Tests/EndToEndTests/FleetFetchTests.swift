import Foundation
import TestSupport
import Testing

// Several Larders on one Redis fetch one thing once between them, and what another program does to a key meanwhile stands.

@Suite("Several Larders on one Redis: one fetch for all")
struct FleetFetchTests {
    @Test(
        "Three hundred clients of three Larders ask for one cold key: the origin is asked once", .tags(.choice),
        arguments: [Backend.redis, .tiered], ["plain", "varies", "large"])
    func coldKey(_ backend: Backend, _ kind: String) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, backend)
            let gate = Switch()
            let path = fleet.numbered(
                gate, ["Cache-Control: max-age=600"] + (kind == "varies" ? ["Vary: X-Kind"] : []),
                size: kind == "large" ? 1 << 20 : 0)
            let clients = try fleet.larders.flatMap { try $0.ask(path, times: 100, ["X-Kind: a"]) }
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            #expect(try eventually { try fleet.figure("lookups_claimed") > 4 })
            gate.turnOn()
            for client in clients {
                let response = try client.response()
                let says = response["Cache-Status"] ?? ""
                #expect(response.xCache != "HIT" || says.contains("hit") && !says.contains("fwd="), "\(says)")
                #expect(response.status == 200 && response.text.hasPrefix("answer 1 "), "\(response.summary)")
            }
            #expect(fleet.origin.count(for: path) == 1)
            for larder in fleet.larders { try larder.awaitHit(path, ["X-Kind: a"]) }
            #expect(fleet.origin.count(for: path) == 1)
        }
    }

    @Test("The Larder that fetches is killed: another one fetches, once, as soon as the placeholder's time is over")
    func killed() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage)
            let gate = Switch()
            let path = fleet.numbered(gate)
            _ = try fleet.larders[0].ask(path, times: 1)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            let clients = try fleet.larders[1...].flatMap { try $0.ask(path, times: 20) }
            #expect(try eventually { try fleet.larders[2].figure("store", "remote", "lookups_claimed") > 1 })
            fleet.larders[0].signal(SIGKILL)
            let began = Clock.now
            #expect(eventually(within: 20) { fleet.origin.count(for: path) == 2 })
            if !isSanitized { #expect(Clock.now - began < 10, "after \(Clock.now - began) s") }
            gate.turnOn()
            for client in clients { #expect(try client.response().text.hasPrefix("answer 2")) }
            try fleet.larders[1].awaitHit(path)
            #expect(fleet.origin.count(for: path) == 2)
        }
    }

    @Test(
        "A MISS waits for one more round trip to Redis than a HIT does, since a placeholder is put at its key",
        arguments: [Backend.redis, .tiered])
    func roundTrips(_ backend: Backend) throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            let relay = try stage.relay(to: redis.port)
            let origin = try stage.origin { try $0.respond(200, ["Cache-Control: max-age=600"], body: "answer") }
            func larder() throws -> LarderProcess {
                var configuration = LarderConfiguration.caching(origin.url)
                configuration.store = """
                    backend: \(backend.rawValue)
                    redis: redis://127.0.0.1:\(relay.port)/0
                    timeout: 5s
                    grace: 20s
                    """
                let larder = try stage.larder(configuration)
                #expect(try eventually(within: 20) { try larder.exchangesPurges() })
                return larder
            }
            let (one, other) = (try larder(), try larder())
            let trip = 0.4
            func seconds(_ larder: LarderProcess, _ result: String) throws -> Double {
                let began = Clock.now
                #expect(try larder.get("/a").xCache == result)
                return Clock.now - began
            }
            relay.delay = trip
            let miss = try seconds(one, "MISS")
            let key = try one.redisKey("GET", "http://api.example/a")
            #expect(try eventually(within: 20) { try redis.command("STRLEN", key).int ?? 0 > 100 })
            let hit = try seconds(other, "HIT")
            #expect(miss >= 2 * trip && hit >= trip)
            #expect(miss < 3 * trip && hit < 2 * trip, "\(miss) s, \(hit) s")
        }
    }

    @Test("A fetch that takes longer than a placeholder stands is waited for all the same")
    func longFetch() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 2)
            let gate = Switch()
            let path = fleet.numbered(gate)
            let clients = try fleet.larders.flatMap { try $0.ask(path, times: 2) }
            Thread.sleep(forTimeInterval: 4.5)
            #expect(fleet.origin.count(for: path) == 1)
            gate.turnOn()
            for client in clients { #expect(try client.response().text.hasPrefix("answer 1")) }
            for larder in fleet.larders { try larder.awaitHit(path) }
            #expect(fleet.origin.count(for: path) == 1)
        }
    }

    @Test("The origin breaks the connection: another Larder fetches at once")
    func failed() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 2, cache: "methods: [GET]")
            let gate = Switch()
            let path = fleet.origin.script { [origin = fleet.origin] exchange in
                gate.awaitOn()
                if origin.count(for: exchange.request.path) == 1 {
                    try exchange.respond(500, ["Cache-Control: no-store"], body: "no")
                } else {
                    try exchange.respond(200, ["Cache-Control: max-age=600"], body: "yes")
                }
            }
            let first = try Asking(fleet.larders[0], path)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            let second = try Asking(fleet.larders[1], path)
            #expect(try eventually { try fleet.figure("lookups_claimed") > 0 })
            gate.turnOn()
            #expect(try first.response().status == 500)
            #expect(try second.response().text == "yes")
        }
    }

    @Test(
        "A key that another program deletes or sets during a fetch: what was fetched before isn't stored, nor given to who asks later",
        .tags(.must), arguments: [Backend.redis, .tiered],
        ["plain", "varies", "variant", "large", "validated", "refreshed", "head"])
    func changedMeanwhile(_ backend: Backend, _ kind: String) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(
                stage, backend, count: 2,
                cache: "methods: [GET, HEAD]" + (kind == "refreshed" ? "\nstale_while_revalidate: 60s" : ""))
            let value = Locked(1)
            let (gate, isHeld) = (Switch(), Switch())
            let path = fleet.origin.script { exchange in
                let now = value.withLock { $0 }
                if isHeld.isOn && exchange.request["X-Held"] != nil { gate.awaitOn() }
                let isStale = now == 1 && ["validated", "refreshed", "head"].contains(kind)
                let fields =
                    [
                        isStale ? "Cache-Control: max-age=10" : "Cache-Control: max-age=600",
                        "ETag: \"\(now)\"", isStale ? "Age: 10" : "Age: 0",
                    ] + (kind.hasPrefix("var") ? ["Vary: X-Kind"] : [])
                if exchange.request["If-None-Match"] == "\"\(now)\"" { return try exchange.respond(304, fields) }
                let body = "v\(now) " + String(repeating: "x", count: kind == "large" ? 1 << 20 : 0)
                try exchange.respond(200, fields, body: body)
            }
            if kind == "variant" { try fleet.larders[0].awaitHit(path, ["X-Kind: b"]) }
            if ["validated", "refreshed", "head"].contains(kind) {
                _ = try fleet.larders[0].get(path)
                #expect(try eventually { try fleet.redis.command("EXISTS", fleet.key(path)) == .integer(1) })
            }
            let before = fleet.origin.count(for: path)
            isHeld.turnOn()
            let held = try Asking(
                fleet.larders[0], path, ["X-Held: 1", "X-Kind: a"], method: kind == "head" ? "HEAD" : "GET")
            #expect(eventually { fleet.origin.count(for: path) == before + 1 })
            value.withLock { $0 = 2 }
            #expect(try fleet.redis.command("DEL", fleet.key(path)) == .integer(1))
            // Who asks now isn't given what was fetched before.
            if kind != "head" {
                for larder in fleet.larders {
                    // A copy in memory has its time.
                    let isNew = try eventually(within: backend == .tiered ? 10 : 0) {
                        try larder.get(path, ["X-Kind: a"]).text.hasPrefix("v2")
                    }
                    #expect(isNew, "during")
                }
            }
            gate.turnOn()
            _ = try held.response()
            Thread.sleep(forTimeInterval: 0.3)
            for larder in fleet.larders {
                let next = try larder.get(path, ["X-Kind: a"])
                #expect(next.text.hasPrefix("v2"), "\(next.summary) \(next.text.prefix(9))")
            }
        }
    }

    @Test("What another program sets during a fetch stays")
    func setMeanwhile() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 1)
            let gate = Switch()
            let path = fleet.numbered(gate)
            let client = try Asking(fleet.larders[0], path)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            _ = try fleet.redis.command("SET", fleet.key(path), "another program's")
            gate.turnOn()
            #expect(try client.response().text == "answer 1 ")
            #expect(try eventually { try fleet.figure("overtaken_stores") == 1 })
            #expect(try fleet.redis.command("GET", fleet.key(path)) == .bulk(Array("another program's".utf8)))
            // It is of no use, and gives way to the next response.
            #expect(try fleet.larders[0].get(path).text == "answer 2 ")
            try fleet.larders[0].awaitHit(path)
        }
    }

    @Test("What can't be shared is waited for once, and then by nobody, in no Larder")
    func hitForMiss() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage)
            let gate = Switch()
            let path = fleet.numbered(gate, ["Cache-Control: private"])
            let clients = try fleet.larders.flatMap { try $0.ask(path, times: 10) }
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            #expect(try eventually { try fleet.figure("lookups_claimed") > 4 })
            gate.turnOn()
            for client in clients { #expect(try client.response().text.hasPrefix("answer")) }
            #expect(fleet.origin.count(for: path) == 30)
            let claims = try fleet.figure("claims")
            for larder in fleet.larders {
                let next = try larder.get(path)
                #expect(next["Cache-Status"]?.contains("collapsed=?0") == true, "\(next.summary)")
            }
            #expect(try fleet.figure("claims") == claims)
        }
    }

    @Test("Who has waited as long as cache.collapse lets it fetches by itself, and nothing is stored of that")
    func waitedTooLong() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 2, cache: "collapse: 500ms")
            let gate = Switch()
            let path = fleet.origin.script { [origin = fleet.origin] exchange in
                let count = origin.count(for: exchange.request.path)
                if count == 1 { gate.awaitOn() }
                try exchange.respond(200, ["Cache-Control: max-age=600"], body: "answer \(count)")
            }
            let first = try Asking(fleet.larders[0], path)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            let second = try fleet.larders[1].get(path)
            #expect(
                second.text == "answer 2" && second["Cache-Status"]?.contains("stored") != true, "\(second.summary)")
            gate.turnOn()
            #expect(try first.response().text == "answer 1")
            try fleet.larders[1].awaitHit(path)
            #expect(try fleet.larders[1].get(path).text == "answer 1")
        }
    }

    @Test("A record that no Larder can read, in the way of a response, gives way to it")
    func unreadable() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 2)
            let gate = Switch()
            gate.turnOn()
            let path = fleet.numbered(gate)
            _ = try fleet.redis.command(
                "SET", fleet.key(path), String(repeating: "LRDR of another version ", count: 20))
            #expect(try fleet.larders[0].get(path).text == "answer 1 ")
            for larder in fleet.larders { try larder.awaitHit(path) }
            #expect(fleet.origin.count(for: path) == 1)
        }
    }
}
