import Foundation
import TestSupport
import Testing

// Concurrent requests for one key share one fetch (RFC 9111 §4 calls it collapsing requests), across the workers of a
// process; what may not be shared goes to nobody but the one who asked.

@Suite("RFC 9111 §4, collapsed requests: one fetch serves all who wait for it")
struct CollapseTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try ProtectionScene.shared.get() }

    @Test("Who waits gets the answer of the one fetch and says so", .tags(.choice), arguments: ProtectionScene.backends)
    func shared(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script { exchange in
            gate.awaitOn()
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "for all")
        }
        let leader = try Asking(larder, path)
        #expect(eventually { origin.count(for: path) == 1 })
        let waiters = try larder.ask(path, times: 20)
        try larder.awaitReading(waiters)
        gate.turnOn()
        let first = try leader.response()
        #expect(first.xCache == "MISS" && first.text == "for all" && !first.isCollapsed, "\(first.summary)")
        for waiter in waiters {
            let response = try waiter.response()
            #expect(response.status == 200 && response.text == "for all")
            #expect(response.xCache == "MISS" && response.isCollapsed, "\(response.summary)")
            #expect(response["Cache-Status"]?.contains("larder; fwd=uri-miss") == true, "\(response.summary)")
        }
        try larder.awaitHit(path)
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "Who comes while the body is on its way gets what was there and what follows", .tags(.choice),
        arguments: ProtectionScene.backends, Framing.allCases)
    func middle(_ backend: Backend, _ framing: Framing) throws {
        let larder = scene[backend]
        let body = patterned(300_000)
        let gates = [Switch(), Switch()]
        let path = origin.script { exchange in
            try exchange.send(framing.head(["Cache-Control: max-age=60"], count: body.count))
            try exchange.send(framing.piece(body[..<100_000]))
            gates[0].awaitOn()
            try exchange.send(framing.piece(body[100_000..<200_000]))
            gates[1].awaitOn()
            try exchange.send(framing.piece(body[200_000...]) + Array(framing.end.utf8))
        }
        var all = try larder.ask(path, times: 3)
        #expect(eventually { origin.count(for: path) == 1 })
        for gate in gates {
            let more = try larder.ask(path, times: 3)
            try larder.awaitReading(more)
            all += more
            gate.turnOn()
        }
        for asking in all {
            let response = try asking.response()
            #expect(response.isComplete && response.body == body, "\(response.head.startLine), \(response.body.count)")
        }
        #expect(try larder.awaitHit(path).body == body)
        #expect(origin.count(for: path) == 1)
    }

    @Test("Who waits keeps the connection, and what was asked for after it is answered after it", .tags(.must))
    func pipelined() throws {
        for backend in ProtectionScene.backends {
            let larder = scene[backend]
            let gate = Switch()
            let handler: ScriptedOrigin.Handler = { exchange in
                gate.awaitOn()
                try exchange.respond(200, ["Cache-Control: max-age=60"], body: exchange.request.path)
            }
            let paths = (0..<3).map { _ in origin.script("/t", handler) }
            let leaders = try paths.map { try Asking(larder, $0) }
            #expect(eventually { paths.allSatisfy { origin.count(for: $0) == 1 } })
            let clients = try (0..<4).map { _ in try larder.client() }
            for client in clients { try client.send(paths.flatMap { RawClient.request("GET", $0) }) }
            try larder.awaitReading(clients.map { $0.socket.localPort })
            gate.turnOn()
            for (leader, path) in zip(leaders, paths) { #expect(try leader.response().text == path) }
            for client in clients {
                for path in paths { #expect(try client.readResponse().text == path) }
                client.close()
            }
            for path in paths { #expect(origin.count(for: path) == 1) }
        }
    }

    @Test("With collapse: off each request is its own", .tags(.choice), arguments: ProtectionScene.backends)
    func off(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script("/alone/t") { exchange in
            gate.awaitOn()
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "own")
        }
        let all = try larder.ask(path, times: 5)
        #expect(eventually { origin.count(for: path) == 5 })
        gate.turnOn()
        for asking in all {
            let response = try asking.response()
            #expect(response.text == "own" && !response.isCollapsed)
        }
    }

    @Test(
        "An answer that is not for all goes to the one who asked, and the key is not serialised from then on",
        .tags(.must),
        arguments: ProtectionScene.backends,
        [
            (200, ["Cache-Control: private"]), (200, ["Cache-Control: no-store"]),
            (200, ["Cache-Control: max-age=60", "Set-Cookie: a=1"]), (500, []),
            (200, ["Cache-Control: max-age=60", "Vary: *"]), (200, ["Cache-Control: max-age=0"]),
        ])
    func unshareable(_ backend: Backend, _ answer: (status: Int, fields: [String])) throws {
        let larder = scene[backend]
        let crowd = 20
        let gate = Switch()
        let isShared = Switch()
        let hasGivenUp = Switch()
        let path = origin.script { [origin] exchange in
            let path = exchange.request.path
            let arrived = origin.count(for: path)
            // The first is held until the others wait for it; of the second crowd each is held until all have come.
            if arrived <= crowd {
                gate.awaitOn()
            } else if !eventually(within: 20, { origin.count(for: path) >= 2 * crowd }) {
                hasGivenUp.turnOn()
            }
            let fields = isShared.isOn ? ["Cache-Control: max-age=60"] : answer.fields
            try exchange.respond(
                isShared.isOn ? 200 : answer.status, fields, body: "for \(exchange.request["X-Who"] ?? "all")")
        }
        func expectOwn(_ crowd: [Asking], _ offset: Int) throws {
            for (number, asking) in crowd.enumerated() {
                let response = try asking.response()
                #expect(response.status == answer.status && response.text == "for \(number + offset)")
                #expect(response.xCache == "MISS" && !response.isCollapsed, "\(response.summary)")
            }
        }
        let leader = try larder.ask(path, each: [["X-Who: 0"]])
        #expect(eventually { origin.count(for: path) == 1 })
        let waiters = try larder.ask(path, each: (1..<crowd).map { ["X-Who: \($0)"] })
        try larder.awaitReading(waiters)
        gate.turnOn()
        try expectOwn(leader + waiters, 0)
        #expect(origin.count(for: path) == crowd)
        // Held back until all of them are there, which a queue behind one of them would never be.
        let next = try larder.ask(path, each: (crowd..<2 * crowd).map { ["X-Who: \($0)"] })
        try expectOwn(next, crowd)
        #expect(!hasGivenUp.isOn)
        #expect(origin.count(for: path) == 2 * crowd)
        // What was not for all may be later, and is stored then.
        isShared.turnOn()
        #expect(try larder.awaitHit(path).status == 200)
    }

    @Test(
        "RFC 9111 §4.1: who waits with other selecting fields does not get the leader's variant", .tags(.must),
        arguments: ProtectionScene.backends)
    func vary(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script { exchange in
            gate.awaitOn()
            let kind = exchange.request["X-Kind"] ?? "none"
            try exchange.respond(200, ["Cache-Control: max-age=60", "Vary: X-Kind"], body: "kind \(kind)")
        }
        func asked(_ kind: String) -> Int { origin.requests(for: path).count { $0["X-Kind"] == kind } }
        let leader = try Asking(larder, path, ["X-Kind: a"])
        #expect(eventually { asked("a") == 1 })
        let kinds = ["a", "b", "c", "a", "b", "c", "a"]
        let waiters = try larder.ask(path, each: kinds.map { ["X-Kind: \($0)"] })
        try larder.awaitReading(waiters)
        gate.turnOn()
        #expect(try leader.response().text == "kind a")
        for (kind, waiter) in zip(kinds, waiters) {
            let response = try waiter.response()
            #expect(response.status == 200 && response.text == "kind \(kind)", "\(response.summary)")
        }
        #expect(asked("a") == 1)
        for kind in ["b", "c"] { #expect(try larder.awaitHit(path, ["X-Kind: \(kind)"]).text == "kind \(kind)") }
    }

    @Test("Who waits with a method, a range, conditions or directives of its own gets what fits these", .tags(.must))
    func kinds() throws {
        let body = "0123456789"
        for backend in ProtectionScene.backends {
            let larder = scene[backend]
            let gate = Switch()
            let path = origin.script { exchange in
                gate.awaitOn()
                let fields = ["Cache-Control: max-age=60", "ETag: \"v1\""]
                if exchange.request["If-None-Match"] == "\"v1\"" { return try exchange.respond(304, fields) }
                let user = exchange.request["Authorization"].map { " for \($0)" } ?? ""
                try exchange.respond(200, fields, body: body + user)
            }
            let leader = try Asking(larder, path)
            #expect(eventually { origin.count(for: path) == 1 })
            let plain = try Asking(larder, path)
            let range = try Asking(larder, path, ["Range: bytes=2-5"])
            let head = try Asking(larder, path, method: "HEAD")
            let same = try Asking(larder, path, ["If-None-Match: \"v1\""])
            let other = try Asking(larder, path, ["If-None-Match: \"v0\""])
            let user = try Asking(larder, path, ["Authorization: Bearer x"])
            let fresh = try Asking(larder, path, ["Cache-Control: no-cache"])
            let unstored = try Asking(larder, path, ["Cache-Control: no-store"])
            let cached = try Asking(larder, path, ["Cache-Control: only-if-cached"])
            // Nothing is stored yet, and this one asked for no more than that.
            #expect(try cached.response().status == 504)
            try larder.awaitReading([plain, range, head, same, other, user, fresh, unstored])
            #expect(!plain.isOver)
            gate.turnOn()
            for asking in [leader, plain, other, fresh, unstored] {
                let response = try asking.response()
                #expect(response.status == 200 && response.isComplete && response.text == body, "\(response.summary)")
            }
            #expect(try plain.response().isCollapsed)
            let part = try range.response()
            #expect(
                part.status == 206
                    ? part.text == "2345" && part["Content-Range"] == "bytes 2-5/10" : part.text == body,
                "\(part.summary)")
            let headResponse = try head.response()
            #expect(headResponse.status == 200 && headResponse["Content-Length"] == "10", "\(headResponse.summary)")
            #expect(try same.response().status == 304)
            // What its origin gives to all with a lifetime is for a user with credentials too (RFC 9111 §3.5).
            #expect([body, "\(body) for Bearer x"].contains(try user.response().text))
            let shared = origin.requests(for: path).filter { request in
                ["Authorization", "Cache-Control", "If-None-Match", "Range"].allSatisfy { request[$0] == nil }
                    && request.method == "GET"
            }
            #expect(shared.count == 1)
        }
    }

    @Test("A leader that asks for less than the whole gives nobody less than the whole", .tags(.must))
    func partialLeaders() throws {
        let body = "0123456789"
        for backend in ProtectionScene.backends {
            let larder = scene[backend]
            for (method, fields) in [
                ("HEAD", []), ("GET", ["Range: bytes=2-5"]), ("GET", ["If-None-Match: \"v1\""]),
                ("GET", ["Cache-Control: no-store"]), ("GET", ["Authorization: Bearer x"]),
            ] {
                let gate = Switch()
                let path = origin.script { exchange in
                    gate.awaitOn()
                    let fields = ["Cache-Control: max-age=60", "ETag: \"v1\""]
                    let request = exchange.request
                    if request["If-None-Match"] == "\"v1\"" { return try exchange.respond(304, fields) }
                    if request["Range"] == "bytes=2-5" {
                        return try exchange.respond(206, fields + ["Content-Range: bytes 2-5/10"], body: "2345")
                    }
                    try exchange.respond(200, fields, body: request["Authorization"] ?? body)
                }
                let leader = try Asking(larder, path, fields, method: method)
                #expect(eventually { origin.count(for: path) == 1 })
                let waiters = try larder.ask(path, times: 4)
                try larder.awaitReading(waiters)
                gate.turnOn()
                let first = try leader.response()
                #expect([200, 206, 304].contains(first.status), "\(first.summary)")
                for waiter in waiters {
                    let response = try waiter.response()
                    #expect(response.status == 200 && response.text == body, "\(method) \(fields): \(response.summary)")
                }
            }
        }
    }

    @Test("What turns out larger than store.object reaches everybody whole and is not stored", .tags(.choice))
    func tooLarge() throws {
        let larder = scene[.memory]
        let piece = patterned(1 << 20)
        let count = 18
        let gate = Switch()
        let path = origin.script { exchange in
            try exchange.send(Framing.chunked.head(["Cache-Control: max-age=60"], count: 0))
            gate.awaitOn()
            for _ in 0..<count { try exchange.send(Framing.chunked.piece(piece)) }
            try exchange.send(Framing.chunked.end)
        }
        let all = try larder.ask(path, times: 4)
        #expect(eventually { origin.count(for: path) >= 1 })
        try larder.awaitReading(all)
        gate.turnOn()
        for asking in all {
            let response = try asking.response()
            #expect(response.isComplete && response.body.count == count * piece.count, "\(response.body.count)")
            #expect(response.body.suffix(piece.count).elementsEqual(piece))
        }
        let asked = origin.count(for: path)
        #expect(try larder.get(path).xCache == "MISS")
        #expect(origin.count(for: path) == asked + 1)
    }
}
