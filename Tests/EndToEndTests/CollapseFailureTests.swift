import Foundation
import TestSupport
import Testing

// A shared fetch when something breaks: its leader leaves or stops reading, the origin falls silent, breaks off or is
// gone. The others are neither held nor given anything that is not whole.

@Suite("RFC 9111 §4, collapsed requests: what breaks for one does not break for the others")
struct CollapseFailureTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try ProtectionScene.shared.get() }

    /// An answer in two halves, each held back until its gate is opened. Turns `broken` on if the daemon ends the
    /// connection before that.
    private func halves(
        _ framing: Framing, _ body: [UInt8], _ gates: [Switch], broken: Switch = Switch(), first: Int? = nil,
        prefix: String = "/t"
    ) -> String {
        let first = first ?? body.count / 2
        return origin.script(prefix) { exchange in
            func hold(_ gate: Switch) {
                let isOpen = eventually(within: 10, every: 0.002) { gate.isOn || exchange.socket.isReadable(within: 0) }
                if isOpen && !gate.isOn { broken.turnOn() }
            }
            hold(gates[0])
            try exchange.send(framing.head(["Cache-Control: max-age=60"], count: body.count))
            try exchange.send(framing.piece(body[..<first]))
            hold(gates[1])
            try exchange.send(framing.piece(body[first...]) + Array(framing.end.utf8))
        }
    }

    /// A client that has sent its request and reads when the test says so.
    private func leader(_ larder: LarderProcess, _ path: String, receiveBuffer: Int32? = nil) throws -> RawClient {
        let before = origin.count(for: path)
        let client = try larder.client(timeout: 15, receiveBuffer: receiveBuffer)
        try client.send(RawClient.request("GET", path))
        guard eventually({ origin.count(for: path) > before }) else { throw HarnessError("the origin was not asked") }
        return client
    }

    @Test(
        "The leader's client leaves before the head or in mid-body: the others get everything of the same fetch",
        .tags(.choice),
        arguments: ProtectionScene.backends, Framing.allCases)
    func leaderLeaves(_ backend: Backend, _ framing: Framing) throws {
        let larder = scene[backend]
        for isInBody in [false, true] {
            let body = patterned(200_000)
            let gates = [Switch(), Switch()]
            let broken = Switch()
            let path = halves(framing, body, gates, broken: broken)
            let leader = try leader(larder, path)
            let waiters = try larder.ask(path, times: 6)
            try larder.awaitReading(waiters)
            if isInBody {
                gates[0].turnOn()
                #expect(try !leader.socket.receive().isEmpty)
            }
            leader.socket.reset()
            let later = try larder.ask(path, times: 2)
            try larder.awaitReading(later)
            for gate in gates { gate.turnOn() }
            for waiter in waiters + later {
                let response = try waiter.response()
                #expect(
                    response.status == 200 && response.isComplete && response.body == body,
                    "\(response.head.startLine), \(response.body.count) bytes, in body: \(isInBody)")
            }
            #expect(!broken.isOn)
            #expect(try larder.awaitHit(path).body == body)
            #expect(origin.count(for: path) == 1)
        }
    }

    @Test(
        "Some who wait leave, before the head and in mid-body: the rest does not notice", .tags(.choice),
        arguments: ProtectionScene.backends)
    func waitersLeave(_ backend: Backend) throws {
        let larder = scene[backend]
        let body = patterned(200_000)
        let gates = [Switch(), Switch()]
        let path = halves(.chunked, body, gates)
        let staying = try larder.ask(path, times: 3)
        #expect(eventually { origin.count(for: path) == 1 })
        let leaving = try (0..<6).map { _ in
            let client = try larder.client()
            try client.send(RawClient.request("GET", path))
            return client
        }
        try larder.awaitReading(staying.map(\.port) + leaving.map { $0.socket.localPort })
        for client in leaving.prefix(3) { client.socket.reset() }
        gates[0].turnOn()
        for client in leaving.suffix(3) {
            #expect(try !client.socket.receive().isEmpty)
            client.socket.reset()
        }
        gates[1].turnOn()
        for asking in staying { #expect(try asking.response().body == body) }
        #expect(try larder.awaitHit(path).body == body)
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "Everybody leaves where nothing is filled in the background: the fetch stops, and the next request begins another",
        .tags(.choice), arguments: ProtectionScene.backends)
    func allLeave(_ backend: Backend) throws {
        let larder = scene[backend]
        for isInBody in [false, true] {
            let body = patterned(2_000_000)
            let gates = [Switch(), Switch()]
            let broken = Switch()
            let path = halves(.length, body, gates, broken: broken, first: 10_000, prefix: "/attended/t")
            if isInBody { gates[0].turnOn() }
            let leader = try leader(larder, path)
            let waiter = try larder.client()
            try waiter.send(RawClient.request("GET", path))
            try larder.awaitReading([waiter.socket.localPort])
            if isInBody { #expect(try !leader.socket.receive().isEmpty) }
            leader.socket.reset()
            waiter.socket.reset()
            #expect(broken.awaitOn(within: 5), "the fetch goes on for nobody, in body: \(isInBody)")
            for gate in gates { gate.turnOn() }
            #expect(try larder.get(path).body == body)
            #expect(origin.count(for: path) == 2)
        }
    }

    @Test(
        "Everybody leaves, by a reset or an orderly end, before the head or in mid-body: the fetch is finished and stored",
        .tags(.choice), arguments: ProtectionScene.backends, Framing.allCases)
    func completed(_ backend: Backend, _ framing: Framing) throws {
        let larder = scene[backend]
        for isInBody in [false, true] {
            for isReset in [false, true] {
                let body = patterned(300_000)
                let gates = [Switch(), Switch()]
                let broken = Switch()
                let path = halves(framing, body, gates, broken: broken, first: 10_000)
                let leftBehind = try larder.figure("sharing", "fetches_left_behind")
                let leader = try leader(larder, path)
                if isInBody {
                    gates[0].turnOn()
                    #expect(try !leader.socket.receive().isEmpty)
                }
                if isReset {
                    leader.socket.reset()
                    #expect(try eventually { try larder.figure("sharing", "fetches_left_behind") > leftBehind })
                } else {
                    leader.close()
                }
                for gate in gates { gate.turnOn() }
                #expect(try larder.awaitHit(path).body == body)
                #expect(origin.count(for: path) == 1 && !broken.isOn)
            }
        }
    }

    @Test(
        "The leader's client stops reading: the others go on at full pace", .tags(.choice),
        arguments: ProtectionScene.backends)
    func leaderStalls(_ backend: Backend) throws {
        let larder = scene[backend]
        // More than the kernel keeps for a connection.
        let body = patterned(14 << 20)
        let gate = Switch()
        let path = origin.script { exchange in
            gate.awaitOn()
            try exchange.respond(200, ["Cache-Control: max-age=60"], bytes: body)
        }
        let leader = try leader(larder, path, receiveBuffer: 16_384)
        let waiters = try larder.ask(path, times: 4)
        try larder.awaitReading(waiters)
        gate.turnOn()
        for waiter in waiters { #expect(try waiter.response().body == body) }
        #expect(waiters.allSatisfy { $0.seconds < 5 }, "\(waiters.map(\.seconds))")
        #expect(try larder.awaitHit(path).body.count == body.count)
        // It goes on where it stood.
        #expect(try leader.readResponse().body == body)
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "The origin is silent before the head: nobody waits for it longer than collapse says", .tags(.choice),
        arguments: ProtectionScene.backends)
    func silence(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script("/short/t") { [origin] exchange in
            let isFirst = origin.count(for: exchange.request.path) == 1
            if isFirst { gate.awaitOn() }
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: isFirst ? "first" : "later")
        }
        let leader = try Asking(larder, path)
        #expect(eventually { origin.count(for: path) == 1 })
        let waiters = try larder.ask(path, times: 4)
        for waiter in waiters { #expect(try waiter.response().text == "later") }
        #expect(waiters.allSatisfy { (0.35...3).contains($0.seconds) }, "\(waiters.map(\.seconds))")
        #expect((2...5).contains(origin.count(for: path)))
        #expect(!leader.isOver)
        // One that comes now finds what they brought. In a store that others use, only what its placeholder stood for is stored.
        if backend == .memory { #expect(try larder.awaitHit(path).text == "later") }
        gate.turnOn()
        #expect(try leader.response().text == "first")
        if backend != .memory { #expect(try larder.awaitHit(path).text == "first") }
    }

    /// How an origin ends an answer that is not whole.
    enum Break: String, CaseIterable, CustomTestStringConvertible, Sendable {
        case silent, closed, reset
        var testDescription: String { rawValue }
    }

    @Test(
        "The origin falls silent or breaks off in mid-body: all see a broken message, nothing is stored", .tags(.must),
        arguments: ProtectionScene.backends, Break.allCases)
    func cutOff(_ backend: Backend, _ ending: Break) throws {
        let larder = scene[backend]
        for framing in Framing.allCases {
            let gate = Switch()
            let isWhole = Switch()
            let body = patterned(100_000)
            let path = origin.script("/hasty/t") { exchange in
                // Only for as long as this upstream is given for its first byte.
                eventually(within: 0.5, every: 0.002) { gate.isOn }
                try exchange.send(framing.head(["Cache-Control: max-age=60"], count: body.count))
                try exchange.send(framing.piece(body[..<50_000]))
                if isWhole.isOn {
                    return try exchange.send(framing.piece(body[50_000...]) + Array(framing.end.utf8))
                }
                switch ending {
                case .silent: exchange.hang()
                case .closed: exchange.close()
                case .reset: exchange.reset()
                }
            }
            let leader = try Asking(larder, path)
            #expect(eventually { origin.count(for: path) == 1 })
            let waiters = try larder.ask(path, times: 5)
            try larder.awaitReading(waiters)
            gate.turnOn()
            for asking in [leader] + waiters {
                // A reset that overtakes the head leaves nothing to read.
                guard let response = try? asking.response() else { continue }
                #expect(
                    !response.isComplete || (502...504).contains(response.status),
                    "\(framing): \(response.head.startLine), \(response.body.count) bytes as the whole")
            }
            #expect(
                ([leader] + waiters).allSatisfy { $0.seconds < 4 || $0.seconds.isInfinite },
                "\(framing): \(([leader] + waiters).map(\.seconds))"
            )
            isWhole.turnOn()
            let next = try larder.get(path)
            #expect(next.xCache == "MISS" && next.isComplete && next.body == body, "\(framing): \(next.head.startLine)")
            #expect(try larder.awaitHit(path).body == body)
        }
    }

    @Test(
        "The origin ends the connection without an answer: each gets an error, and soon", .tags(.must),
        arguments: ProtectionScene.backends)
    func noAnswer(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { exchange in
            exchange.pause(0.3)
            exchange.close()
        }
        try expectErrors(larder, path, within: 2)
    }

    @Test(
        "The origin doesn't answer in time: each gets 504, and soon", .tags(.should),
        arguments: ProtectionScene.backends)
    func firstByteTimeout(_ backend: Backend) throws {
        let path = origin.script("/hasty/t") { $0.hang() }
        let statuses = try expectErrors(scene[backend], path, within: 2.5)
        #expect(statuses.allSatisfy { $0 == 504 }, "\(statuses)")
    }

    @Test(
        "The origin goes away while they wait: each gets an error, and soon", .tags(.must),
        arguments: ProtectionScene.backends)
    func gone(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin()
            let redis = backend == .memory ? "" : try stage.redis().url
            let larder = try stage.larder(ProtectionScene.configuration(backend, origin: origin.url, redis: redis))
            let path = origin.script { $0.hang() }
            let all = try larder.ask(path, times: 11)
            #expect(eventually { origin.count(for: path) >= 1 })
            try larder.awaitReading(all)
            #expect(origin.count(for: path) == 1)
            let stopped = Clock.now
            origin.stop()
            for asking in all {
                let response = try asking.response()
                #expect((502...504).contains(response.status), "\(response.summary)")
                #expect(response["Content-Type"] == "application/problem+json")
            }
            #expect(Clock.now - stopped < 3)
        }
    }

    /// Eleven at once, all answered with an error of the gateway's, none of them long after the others.
    @discardableResult
    private func expectErrors(_ larder: LarderProcess, _ path: String, within seconds: Double) throws -> [Int] {
        let all = try larder.ask(path, times: 11)
        let statuses = try all.map { asking in
            let response = try asking.response()
            #expect(response["Content-Type"] == "application/problem+json", "\(response.summary)")
            return response.status
        }
        #expect(statuses.allSatisfy { (502...504).contains($0) }, "\(statuses)")
        #expect(all.allSatisfy { $0.seconds < seconds }, "\(all.map(\.seconds))")
        return statuses
    }
}
