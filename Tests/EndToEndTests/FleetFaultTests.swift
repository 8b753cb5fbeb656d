import Foundation
import TestSupport
import Testing

// What goes wrong while one of several Larders on one Redis fetches: the Larder itself, Redis, or other kinds of requests.

@Suite("Several Larders on one Redis: what goes wrong during a fetch")
struct FleetFaultTests {
    @Test(
        "A Larder that stands still for longer than its placeholder stands doesn't store what it had fetched before",
        .tags(.must), arguments: [Backend.redis, .tiered], [0, 1 << 20])
    func paused(_ backend: Backend, _ size: Int) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, backend, count: 2)
            let gate = Switch()
            let path = fleet.numbered(gate, size: size)
            let first = try Asking(fleet.larders[0], path)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            fleet.larders[0].signal(SIGSTOP)
            defer { fleet.larders[0].signal(SIGCONT) }
            let second = try Asking(fleet.larders[1], path)
            #expect(eventually(within: 20) { fleet.origin.count(for: path) == 2 })
            gate.turnOn()
            #expect(try second.response().text.hasPrefix("answer 2"))
            try fleet.larders[1].awaitHit(path)
            fleet.larders[0].signal(SIGCONT)
            #expect(try first.response().text.hasPrefix("answer 1"))
            #expect(try eventually { try fleet.larders[0].figure("store", "remote", "overtaken_stores") == 1 })
            for larder in fleet.larders { #expect(try larder.awaitHit(path).text.hasPrefix("answer 2")) }
            #expect(fleet.origin.count(for: path) == 2)
        }
    }

    @Test(
        "Redis is emptied, restarted, made a replica or stands still during a fetch: the client has its response, and later ones their HITs",
        arguments: ["flushed", "restarted", "read-only", "frozen"])
    func redisChanges(_ kind: String) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 2)
            let gate = Switch()
            let path = fleet.numbered(gate)
            let client = try Asking(fleet.larders[0], path)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            switch kind {
            case "flushed": try fleet.redis.command("FLUSHALL")
            case "restarted":
                fleet.redis.kill()
                try fleet.redis.start()
            case "read-only": try fleet.redis.command("REPLICAOF", "127.0.0.1", "1")
            default: fleet.redis.freeze()
            }
            gate.turnOn()
            #expect(try client.response().text == "answer 1 ")
            if kind == "flushed" {
                #expect(try eventually { try fleet.figure("overtaken_stores") == 1 })
                #expect(try fleet.redis.command("EXISTS", fleet.key(path)) == .integer(0))
            }
            if kind == "read-only" { try fleet.redis.command("REPLICAOF", "NO", "ONE") }
            fleet.redis.thaw()
            for larder in fleet.larders {
                #expect(try eventually(within: 20) { try larder.redisState == "up" })
                try larder.awaitHit(path)
            }
            let texts = try fleet.larders.map { try $0.get(path).text }
            #expect(texts[0] == texts[1])
        }
    }

    @Test("A placeholder of a Larder with another version of records is waited for")
    func otherVersion() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 1)
            let gate = Switch()
            gate.turnOn()
            let path = fleet.numbered(gate)
            // Magic, version of placeholders, kind, "others wait"; instance, number and end are any.
            let placeholder = "LRDR\0\0\u{4}\u{1}" + String(repeating: "x", count: 24)
            try fleet.redis.command("SET", fleet.key(path), placeholder, "PX", "60000")
            let client = try Asking(fleet.larders[0], path)
            #expect(try eventually { try fleet.figure("lookups_claimed") > 2 })
            #expect(fleet.origin.count(for: path) == 0)
            try fleet.redis.command("DEL", fleet.key(path))
            #expect(try client.response().text == "answer 1 ")
            try fleet.larders[0].awaitHit(path)
        }
    }

    @Test("Requests whose key has their content are fetched once for all Larders too", arguments: ["QUERY", "POST"])
    func content(_ method: String) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, cache: "methods: [GET, POST, QUERY]\npost: reads")
            let gate = Switch()
            let path = fleet.numbered(gate)
            let texts = Locked<[String]>([])
            for larder in fleet.larders {
                Thread.detachNewThread {
                    let response = try? larder.request(
                        method, path, ["Content-Type: application/json"], body: Array(#"{"a":1}"#.utf8))
                    texts.withLock { $0.append(response?.text ?? "nothing") }
                }
            }
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            #expect(try eventually { try fleet.figure("lookups_claimed") > 3 })
            gate.turnOn()
            #expect(eventually { texts.withLock { $0.count } == 3 })
            #expect(texts.withLock { $0 } == Array(repeating: "answer 1 ", count: 3))
            #expect(fleet.origin.count(for: path) == 1)
        }
    }

    @Test("Who asks for a range of what another Larder fetches doesn't wait for that, and stores nothing over it")
    func range() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, count: 2)
            let gate = Switch()
            let path = fleet.origin.script { exchange in
                let fields = ["Cache-Control: max-age=600", "ETag: \"1\""]
                if exchange.request["Range"] != nil {
                    return try exchange.respond(206, fields + ["Content-Range: bytes 2-4/10"], body: "234")
                }
                gate.awaitOn()
                try exchange.respond(200, fields, body: "0123456789")
            }
            let whole = try Asking(fleet.larders[0], path)
            #expect(eventually { fleet.origin.count(for: path) == 1 })
            let part = try fleet.larders[1].get(path, ["Range: bytes=2-4"])
            #expect(part.status == 206 && part.text == "234")
            gate.turnOn()
            #expect(try whole.response().text == "0123456789")
            for larder in fleet.larders { #expect(try larder.awaitHit(path).text == "0123456789") }
            #expect(fleet.origin.count(for: path) == 2)
        }
    }
}
