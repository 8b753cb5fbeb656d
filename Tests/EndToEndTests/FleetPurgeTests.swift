import Foundation
import TestSupport
import Testing

// Purges of a fleet: what one Larder, or another program, purges isn't served by any from then on.

extension FleetScene {
    /// Its responses say how many there were.
    fileprivate func tagged(_ tag: String) -> String {
        origin.script { [origin] exchange in
            let path = exchange.request.path
            if exchange.request.method != "GET" { return try exchange.respond(200, ["Cache-Purge-Tags: \(tag)"]) }
            try exchange.respond(
                200, ["Cache-Control: max-age=600", "Cache-Tag: \(tag)"], body: "answer \(origin.count(for: path))")
        }
    }

    /// Until everybody has it.
    fileprivate func warm(_ path: String) throws {
        for larder in larders { try larder.awaitHit(path) }
    }

    fileprivate func expectConnected() throws {
        for larder in larders { #expect(try eventually(within: 20) { try larder.exchangesPurges() }) }
    }

    fileprivate func purge(_ tag: String, by larder: Int = 0) throws -> Response {
        try larders[larder].admin("POST", "/purge", body: Array(#"{"tags":["\#(tag)"]}"#.utf8))
    }

    /// Everybody's response to it.
    fileprivate func answers(_ path: String) throws -> Set<String> { Set(try larders.map { try $0.get(path).text }) }
}

@Suite("Purges reach every Larder on the Redis")
struct FleetPurgeTests {
    @Test("Once the command is done, no instance serves what was purged", arguments: [Backend.redis, .tiered])
    func commands(_ backend: Backend) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, backend)
            try fleet.expectConnected()
            let path = fleet.tagged("t-1")
            let other = fleet.tagged("other")
            try fleet.warm(other)
            let url = "http://api.example\(path)"
            let kinds = [
                ["--tag", "t-1"], ["--prefix", path], ["--prefix", url], [url], ["--host", "api.example"], ["--all"],
            ]
            for (number, kind) in kinds.enumerated() {
                try fleet.warm(path)
                let before = try fleet.answers(path)
                let finished = try fleet.larders[number % 3].command(["purge"] + kind)
                #expect(
                    finished.status == 0 && finished.output.contains("applied by 3 instances"),
                    "\(kind) \(finished.output)\(finished.errors)")
                #expect(try fleet.answers(path).isDisjoint(with: before), "\(kind)")
                if number < 4 { #expect(try fleet.answers(other) == ["answer 1"], "\(kind)") }
            }
        }
    }

    @Test(
        "What another program adds to the stream, and what a response to a write names, is purged everywhere",
        arguments: [Backend.redis, .tiered])
    func others(_ backend: Backend) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, backend)
            try fleet.expectConnected()
            let path = fleet.tagged("t-2")
            for change in ["XADD", "unknown kind", "PUT"] {
                try fleet.warm(path)
                let before = try fleet.answers(path)
                switch change {
                case "XADD": _ = try fleet.redis.command("XADD", "{larder:}purges", "*", "t", "t-2")
                case "unknown kind": _ = try fleet.redis.command("XADD", "{larder:}purges", "*", "zz", "?")
                default: #expect(try fleet.larders[0].request("PUT", fleet.tagged("t-2")).status == 200)
                }
                #expect(try eventually(within: 20) { try fleet.answers(path).isDisjoint(with: before) }, "\(change)")
            }
        }
    }

    @Test("An instance that starts later doesn't serve what was purged before", arguments: [Backend.redis, .tiered])
    func late(_ backend: Backend) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, backend, count: 1)
            try fleet.expectConnected()
            let path = fleet.tagged("t-3")
            try fleet.warm(path)
            // More than are read at once.
            for number in 0..<600 { _ = try fleet.redis.command("XADD", "{larder:}purges", "*", "t", "n\(number)") }
            _ = try fleet.redis.command("XADD", "{larder:}purges", "*", "t", "t-3")
            var configuration = LarderConfiguration.caching(fleet.origin.url)
            configuration.store = "backend: \(backend.rawValue)\nredis: \(fleet.redis.url)\ntimeout: 5s"
            let late = try stage.larder(configuration)
            #expect(try late.get(path).text == "answer 2")
        }
    }

    @Test("A purge isn't done while an instance that stands still may serve what it has")
    func standsStill() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, .tiered, count: 2, store: "grace: 5s")
            try fleet.expectConnected()
            let path = fleet.tagged("t-4")
            // Until Redis has had what it has for as long as the grace, every purge waits for that, longer than a client does.
            #expect(eventually(within: 60) { (try? fleet.purge("before"))?.status == 200 })
            let before = try fleet.redis.command("XLEN", "{larder:}purges").int ?? 0
            try fleet.warm(path)
            let still = fleet.larders[1]
            still.signal(SIGSTOP)
            let answers = Locked<[Response]>([])
            Thread.detachNewThread {
                let answer = try? fleet.purge("t-4", by: 0)
                answers.withLock { $0 += answer.map { [$0] } ?? [] }
            }
            // It isn't done while the other may serve what it has.
            #expect(try eventually(within: 20) { try fleet.redis.command("XLEN", "{larder:}purges").int == before + 1 })
            still.signal(SIGCONT)
            #expect(eventually(within: 20) { answers.withLock { !$0.isEmpty } })
            let answer = answers.withLock { $0.first }
            #expect(answer?.status == 200 && answer?.text.contains("\"instances\":2") == true, "\(answer?.text ?? "")")
            #expect(try still.get(path).text == "answer 2")
        }
    }

    @Test("While Redis is down a purge is kept, says so, and is sent once Redis is back")
    func kept() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, .tiered, count: 2)
            try fleet.expectConnected()
            let path = fleet.tagged("t-5")
            try fleet.warm(path)
            let before = try fleet.answers(path)
            let other = fleet.tagged("t-7")
            try fleet.warm(other)
            let othersBefore = try fleet.answers(other)
            fleet.redis.freeze()
            let answer = try fleet.purge("t-5", by: 0)
            #expect(answer.status == 503, "\(answer.text)")
            #expect(try fleet.purge("t-7", by: 1).status == 503)
            fleet.redis.thaw()
            // Each has one of its own to send, and the other's to apply.
            #expect(try eventually(within: 30) { try fleet.redis.command("XLEN", "{larder:}purges").int ?? 0 >= 2 })
            #expect(try eventually(within: 30) { try fleet.answers(path).isDisjoint(with: before) })
            #expect(try eventually(within: 30) { try fleet.answers(other).isDisjoint(with: othersBefore) })
            try fleet.expectConnected()
            #expect(try fleet.purge("t-5").status == 200 && fleet.purge("t-7", by: 1).status == 200)
            #expect(try fleet.redis.command("XLEN", "{larder:}purges").int ?? 0 <= 6)
        }
    }

    @Test("Purges that Redis has lost are written again by who has applied them")
    func restored() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, .tiered, count: 2)
            try fleet.expectConnected()
            for tag in ["a", "b"] {
                #expect(try fleet.purge(tag, by: 0).status == 200)
            }
            let stream = try fleet.redis.command("XRANGE", "{larder:}purges", "-", "+")
            _ = try fleet.redis.command("FLUSHALL")
            #expect(
                try eventually(within: 20) { try fleet.redis.command("XRANGE", "{larder:}purges", "-", "+") == stream })
            #expect(try fleet.purge("c", by: 1).status == 200)
        }
    }

    @Test(
        "A stream that another program has given an identifier out of all bounds begins again with a purge of everything",
        arguments: ["18000000000000-1", "1700000000000-2000000"])
    func outOfBounds(_ identifier: String) throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, .tiered, count: 2)
            try fleet.expectConnected()
            let path = fleet.tagged("t-7")
            try fleet.warm(path)
            if identifier.hasPrefix("17") { _ = try fleet.redis.command("DEL", "{larder:}purges") }
            _ = try fleet.redis.command("XADD", "{larder:}purges", identifier, "t", "t-7")
            #expect(try eventually(within: 20) { try !fleet.answers(path).contains("answer 1") })
            #expect(try eventually(within: 20) { try fleet.purge("t-7").status == 200 })
            try fleet.warm(path)
        }
    }

    @Test("Without rights to the stream nothing is served from Redis, and the log and a purge say so")
    func withoutRights() throws {
        try Stage.run { stage in
            let fleet = try FleetScene(stage, .redis, count: 0)
            _ = try fleet.redis.command("ACL", "SETUSER", "larder", "on", ">secret", "~larder:*", "&*", "+@all")
            var configuration = LarderConfiguration.caching(fleet.origin.url)
            let url = fleet.redis.url.replacing("redis://", with: "redis://larder:secret@")
            configuration.store = "backend: redis\nredis: \(url)"
            let larder = try stage.larder(configuration)
            let path = fleet.tagged("t-6")
            for _ in 0..<3 { #expect(try larder.get(path).xCache != "HIT") }
            #expect(try larder.admin("POST", "/purge", body: Array(#"{"tags":["t-6"]}"#.utf8)).status == 503)
            #expect(
                eventually { larder.process.standardError.contains("refuses what the exchange of purges needs") })
        }
    }
}
