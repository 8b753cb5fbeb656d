import Foundation
import TestSupport
import Testing

// What goes wrong where an answer, its client and those who wait for it come apart: a connection that breaks over the last
// piece, a leader without a client, an answer that outgrows the store under a client that lags, parts instead of a whole.

@Suite("RFC 9111 §4, collapsed requests: where an answer and its clients come apart")
struct SharingFaultTests {
    private static let scene = Result {
        try Scene { origin in
            LarderConfiguration(
                upstreams: "origin: \(origin)",
                routes: """
                    - path: /{rest...}
                      upstream: origin
                      cache:
                        client_control: honour
                        methods: [GET, HEAD]
                    - path: /short/{rest...}
                      upstream: origin
                      cache:
                        collapse: 500ms
                    """,
                store: "backend: memory\nmemory: 128MiB\nobject: 3MiB", server: "workers: 1\ndrain: 5s")
        }
    }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.scene.get() }

    @Test(
        "A connection that breaks over the end of its answer leaves the next request nothing", .tags(.must))
    func brokenEnd() throws {
        let hasLeft = Switch()
        let isOver = Switch()
        let broken = origin.script { exchange in
            try exchange.send(Framing.chunked.head(["Cache-Control: no-store"], count: 0))
            try exchange.send(Framing.chunked.piece([1]))
            hasLeft.awaitOn()
            // The first of these is answered with a reset, the second meets it.
            try exchange.send(Framing.chunked.piece([2]))
            exchange.pause(0.1)
            try exchange.send(Framing.chunked.end)
            isOver.turnOn()
        }
        let body = patterned(8 << 20)
        let large = origin.script { try $0.respond(200, ["Cache-Control: no-store"], bytes: body) }
        let leaver = try larder.client()
        try leaver.send(RawClient.request("GET", broken))
        while try !leaver.socket.receive().text.hasSuffix("\u{1}\r\n") {}
        leaver.close()
        hasLeft.turnOn()
        #expect(isOver.awaitOn())
        let client = try larder.client(timeout: 10, receiveBuffer: 4096)
        try client.send(RawClient.request("GET", large))
        let response = try client.readResponse()
        #expect(response.isComplete && response.body == body, "\(response.body.count) bytes")
    }

    @Test("What was pipelined behind an answer that the client is slow to take is answered", .tags(.must))
    func pipelinedBehind() throws {
        let body = patterned(200_000)
        let path = origin.script { try $0.respond(200, ["Cache-Control: max-age=60"], bytes: body) }
        try larder.awaitHit(path)
        let client = try larder.client(timeout: 10, receiveBuffer: 4096)
        let request = RawClient.request("GET", path, ["Range: bytes=0-99999,110000-199999"])
        // More than the sockets hold.
        for _ in 0..<60 { try client.send(request) }
        for _ in 0..<60 {
            let response = try client.readResponse()
            #expect(response.status == 206 && response.isComplete)
        }
    }

    @Test(
        "The origin fails while what is stale waits for a leader that is gone: the others get it, and nothing else",
        .tags(.choice))
    func failureWithoutLeader() throws {
        let gate = Switch()
        let path = origin.script { [origin] exchange in
            if origin.count(for: exchange.request.path) == 1 {
                return try exchange.respond(
                    200, ["Cache-Control: max-age=1, stale-if-error=60", "ETag: \"a\""], body: "stale")
            }
            gate.awaitOn()
            try exchange.respond(500)
        }
        _ = try larder.get(path)
        #expect(try eventually { try larder.get(path, ["Cache-Control: only-if-cached"]).status == 504 })
        let leftBehind = try larder.figure("sharing", "fetches_left_behind")
        let leader = try larder.client()
        try leader.send(RawClient.request("GET", path))
        #expect(eventually { origin.count(for: path) == 2 })
        let waiters = try larder.ask(path, times: 3)
        try larder.awaitReading(waiters)
        leader.socket.reset()
        #expect(try eventually { try larder.figure("sharing", "fetches_left_behind") > leftBehind })
        gate.turnOn()
        for waiter in waiters {
            let response = try waiter.response()
            #expect(response.text == "stale" && response.isCollapsed, "\(response.summary)")
        }
        #expect(origin.count(for: path) == 2)
    }

    @Test("A part that nobody asked for holds nobody up, and reaches a slow client whole", .tags(.choice))
    func unaskedPart() throws {
        let gate = Switch()
        let fields = ["Content-Range: bytes 0-3/8", "Cache-Control: max-age=60", "ETag: \"a\""]
        let path = origin.script { exchange in
            gate.awaitOn()
            try exchange.respond(206, fields, body: "part")
        }
        let all = try larder.ask(path, times: 4)
        try larder.awaitReading(all)
        gate.turnOn()
        for asking in all {
            #expect(try asking.response().text == "part")
            #expect(asking.seconds < 4)
        }
        let body = patterned(8 << 20)
        let large = origin.script {
            try $0.respond(206, ["Content-Range: bytes 0-\(body.count - 1)/*"] + fields.dropFirst(), bytes: body)
        }
        let client = try larder.client(timeout: 10, receiveBuffer: 4096)
        try client.send(RawClient.request("GET", large))
        #expect(try client.readResponse().body == body)
    }

    /// An origin that answers a Range with that part, in chunks, and holds back what begins after the start.
    private func parts(_ body: [UInt8], _ gate: Switch? = nil) -> String {
        origin.script { exchange in
            let fields = ["Cache-Control: max-age=60", "ETag: \"a\""]
            guard let range = exchange.request["Range"] else { return try exchange.respond(200, fields, bytes: body) }
            let ends = range.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
            let end = ends.count > 1 ? ends[1] + 1 : body.count
            let place = "Content-Range: bytes \(ends[0])-\(end - 1)/\(body.count)"
            let head = Framing.chunked.head(fields + [place], count: 0)
            try exchange.send(head.replacingOccurrences(of: "200 OK", with: "206 Partial Content"))
            let middle = ends[0] + (end - ends[0]) / 2
            try exchange.send(Framing.chunked.piece(body[ends[0]..<middle]))
            if ends[0] > 0 { gate?.awaitOn() }
            try exchange.send(Framing.chunked.piece(body[middle..<end]) + Array(Framing.chunked.end.utf8))
        }
    }

    @Test("Those who wait while what is missing of a response is fetched get the whole", .tags(.must))
    func completed() throws {
        let body = patterned(200_000)
        let gate = Switch()
        let path = parts(body, gate)
        #expect(try larder.get(path, ["Range: bytes=0-99"]).status == 206)
        let all = try larder.ask(path, times: 4)
        try larder.awaitReading(all)
        #expect(eventually { origin.count(for: path) == 2 })
        let later = try larder.ask(path, times: 4)
        try larder.awaitReading(later)
        gate.turnOn()
        for asking in all + later {
            let response = try asking.response()
            #expect(response.status == 200 && response.isComplete && response.body == body, "\(response.body.count)")
        }
        #expect(origin.count(for: path) == 2)
    }

    @Test("A missing part that outgrows what may be stored, or whose whole does, is still answered", .tags(.must))
    func outgrown() throws {
        let body = patterned(8 << 20)
        for (known, wanted) in [(100, 7 << 20), (2 << 20, 4 << 20)] {
            let path = parts(body)
            #expect(try larder.get(path, ["Range: bytes=0-\(known - 1)"]).body.count == known)
            let asking = try Asking(larder, path, ["Range: bytes=0-\(wanted - 1)"])
            #expect(try asking.response().body == Array(body.prefix(wanted)))
        }
    }

    @Test(
        "An answer that nobody else may have, and that outgrows the store at its very end, ends for a client that lags",
        .tags(.must), arguments: ["no-cache", "max-age=60"])
    func outgrownAtTheEnd(_ directive: String) throws {
        let body = patterned((3 << 20) + 10_000)
        let path = origin.script { exchange in
            try exchange.send(Framing.chunked.head(["Cache-Control: \(directive)", "ETag: \"a\""], count: 0))
            var bytes: [UInt8] = []
            for start in stride(from: 0, to: body.count, by: 7000) {
                bytes += Framing.chunked.piece(body[start..<min(start + 7000, body.count)])
            }
            bytes += Array(Framing.chunked.end.utf8)
            // The end comes in one piece, when the client's side is full.
            try exchange.send(Array(bytes.dropLast(60_000)))
            exchange.pause(0.2)
            try exchange.send(Array(bytes.suffix(60_000)))
        }
        let client = try larder.client(timeout: 5, receiveBuffer: 4096)
        try client.send(RawClient.request("GET", path))
        Thread.sleep(forTimeInterval: 0.5)
        let response = try client.readResponse()
        #expect(response.isComplete && response.body == body, "\(response.body.count) bytes")
    }

    @Test("Who comes once it is known that the resource varies shares the fetch of its variant", .tags(.choice))
    func variant() throws {
        let gate = Switch()
        let path = origin.script { exchange in
            let fields = ["Cache-Control: max-age=60", "Vary: Accept-Language"]
            try exchange.send(Framing.length.head(fields, count: 8))
            try exchange.send("half")
            gate.awaitOn()
            try exchange.send("half")
        }
        let first = try larder.client()
        try first.send(RawClient.request("GET", path, ["Accept-Language: en"]))
        #expect(try first.readHead() != nil)
        let same = try larder.ask(path, times: 5, ["Accept-Language: en"])
        let other = try larder.ask(path, times: 5, ["Accept-Language: de"])
        try larder.awaitReading(same + other)
        gate.turnOn()
        for asking in same + other { #expect(try asking.response().text == "halfhalf") }
        #expect(origin.count(for: path) == 2)
    }

    @Test("An answer that has ceased to vary is for all who waited for a variant", .tags(.choice))
    func ceasesToVary() throws {
        let gate = Switch()
        let path = origin.script { [origin] exchange in
            if origin.count(for: exchange.request.path) == 1 {
                return try exchange.respond(
                    200, ["Cache-Control: max-age=0", "ETag: \"a\"", "Vary: Accept"], body: "a")
            }
            gate.awaitOn()
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "b")
        }
        _ = try larder.get(path)
        let all = try larder.ask(path, times: 6)
        try larder.awaitReading(all)
        gate.turnOn()
        for asking in all { #expect(try asking.response().text == "b") }
        #expect(origin.count(for: path) == 2)
    }

    @Test(
        "RFC 9875 §3: who asks after an invalidation isn't given what was asked for before", .tags(.must))
    func invalidatedGroup() throws {
        let gate = Switch()
        let path = origin.script { [origin] exchange in
            let number = origin.count(for: exchange.request.path)
            if number == 1 { gate.awaitOn() }
            try exchange.respond(200, ["Cache-Control: max-age=60", "Cache-Groups: \"sharing\""], body: "\(number)")
        }
        let changing = origin.script { try $0.respond(200, ["Cache-Group-Invalidation: \"sharing\""]) }
        let before = try Asking(larder, path)
        #expect(eventually { origin.count(for: path) == 1 })
        _ = try larder.request("POST", changing)
        let after = try Asking(larder, path)
        try larder.awaitReading([after])
        gate.turnOn()
        #expect(try before.response().text == "1")
        #expect(try after.response().text == "2")
    }

    @Test("Who gives up waiting for what hasn't arrived of a whole takes it from nobody else", .tags(.choice))
    func impatient() throws {
        let gate = Switch()
        let path = origin.script("/short/t") { exchange in
            try exchange.send(Framing.length.head(["Cache-Control: max-age=60"], count: 8))
            try exchange.send("half")
            gate.awaitOn()
            try exchange.send("half")
        }
        let first = try Asking(larder, path)
        #expect(eventually { origin.count(for: path) == 1 })
        let ranged = try Asking(larder, path, ["Range: bytes=6-7"])
        #expect(eventually { origin.count(for: path) == 2 })
        let others = try larder.ask(path, times: 3)
        try larder.awaitReading(others)
        gate.turnOn()
        for asking in [first, ranged] + others { _ = try asking.response() }
        #expect(origin.count(for: path) == 2)
    }

    @Test("RFC 9110 §8.6: a 204 that is shared has no Content-Length either", .tags(.must))
    func noContent() throws {
        // Whether somebody looks between its head and its end is for chance to say.
        let scene = try ProtectionScene.shared.get()
        for _ in 0..<20 {
            let gate = Switch()
            let path = scene.origin.script { exchange in
                gate.awaitOn()
                try exchange.send("HTTP/1.1 204 No Content\r\nCache-Control: max-age=60\r\n\r\n")
            }
            let all = try scene[.memory].ask(path, times: 8)
            try scene[.memory].awaitReading(all)
            gate.turnOn()
            for asking in all { #expect(try asking.response()["Content-Length"] == nil) }
        }
    }

    @Test(
        "A worker that drains sees the fetch through that another worker's clients follow",
        .tags(.choice))
    func drain() throws {
        // Which worker takes which client is the kernel's choice.
        for _ in 0..<4 {
            try Stage.run { stage in
                let gate = Switch()
                let origin = try stage.origin { exchange in
                    try exchange.send(Framing.length.head(["Cache-Control: max-age=60"], count: 8))
                    try exchange.send("half")
                    gate.awaitOn()
                    try exchange.send("half")
                }
                let larder = try stage.larder(.caching(origin.url))
                let leader = try larder.client()
                try leader.send(RawClient.request("GET", "/t"))
                #expect(try leader.readHead() != nil)
                let follower = try Asking(larder, "/t")
                try larder.awaitReading([follower])
                leader.socket.reset()
                #expect(try eventually { try larder.figure("sharing", "fetches_left_behind") == 1 })
                larder.signal(SIGTERM)
                #expect(eventually { (try? larder.client()) == nil })
                gate.turnOn()
                #expect(try follower.response().text == "halfhalf")
            }
        }
    }

    @Test("A range with a condition that doesn't hold is answered with its own bytes", .tags(.must))
    func conditionedRange() throws {
        let body = patterned(1_000)
        let path = origin.script { exchange in
            let fields = ["Cache-Control: max-age=60", "ETag: \"a\"", "Content-Range: bytes 100-199/1000"]
            try exchange.respond(206, fields, bytes: Array(body[100..<200]))
        }
        let response = try larder.get(path, ["Range: bytes=100-199", "If-None-Match: \"none\""])
        #expect(response.status == 206 && response["Content-Range"] == "bytes 100-199/1000")
        #expect(response.body == Array(body[100..<200]))
    }

    @Test("RFC 9111 §4.3.4: a 304 to a HEAD renews what a GET is answered with", .tags(.must))
    func headThatValidates() throws {
        let path = origin.script { [origin] exchange in
            let fields = ["ETag: \"a\"", "X-Count: \(origin.count(for: exchange.request.path))"]
            if exchange.request["If-None-Match"] == "\"a\"" {
                return try exchange.respond(304, fields + ["Cache-Control: max-age=60"])
            }
            try exchange.respond(200, fields + ["Cache-Control: max-age=1", "Age: 1"], body: "content")
        }
        #expect(try larder.get(path).xCache == "MISS")
        #expect(try larder.request("HEAD", path).xCache == "REVALIDATED")
        let response = try larder.get(path)
        #expect(response.xCache == "HIT" && response["X-Count"] == "2" && response.text == "content")
    }
}
