import HTTPSemantics
import HTTPWire
import Testing

@testable import Origins

// The decisions of an exchange as tables of events and expected actions: reaching a server, retries, time-outs.

@Suite("RFC 9110 §9.2.2: which server a request goes to, and when it is retried")
struct ExchangeStateTests {
    private static func servers(_ count: Int, _ method: Method = .post) -> ExchangeState.Request {
        .init(method: method, serverCount: count)
    }

    private func check(_ script: ExchangeScript) throws {
        let player = ExchangePlayer(script.request)
        for (index, line) in script.lines.enumerated() {
            #expect(try player.play(line.event) == line.actions, "line \(index): \(line.event)")
        }
    }

    // Nothing was sent, so POST can be used like GET.
    private static let reachingScripts: [ExchangeScript] = [
        ExchangeScript("nobody is up", [.init(.noServerLeft, .failed(.noServer, blames: false))]),
        ExchangeScript("an idle connection", [.init(.chose(0)), .init(.connected(isReused: true), .sendRequest)]),
        ExchangeScript(
            "address, connection, request",
            [
                .init(.chose(0)), .init(.locationAsked), .init(.connecting),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "content that is still to come", of: .init(isComplete: false),
            [.init(.chose(0)), .init(.connected(isReused: false), .sendRequestAndContent)]),
        ExchangeScript(
            "a name is looked up", of: servers(1),
            [
                .init(.chose(0)), .init(.locationAsked), .init(.located(failed: false), .connect), .init(.connecting),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "refused by the only server", of: servers(1),
            [.init(.chose(0)), .init(.connecting), .init(.refused, .failed(.refused, blames: true))]),
        ExchangeScript(
            "refused by one of two", of: servers(2),
            [
                .init(.chose(1)), .init(.connecting), .init(.refused, .chooseServer(blamesServer: true)),
                .init(.chose(0)), .init(.connecting), .init(.refused, .failed(.refused, blames: true)),
            ]),
        ExchangeScript(
            "refused by one, the other fails its check", of: servers(2),
            [
                .init(.chose(0)), .init(.connecting), .init(.refused, .chooseServer(blamesServer: true)),
                .init(.noServerLeft, .failed(.refused, blames: false)),
            ]),
        ExchangeScript(
            "no connection in time", of: servers(2),
            [
                .init(.chose(0)), .init(.connecting), .init(.deadline, .chooseServer(blamesServer: true)),
                .init(.chose(1)), .init(.connecting), .init(.deadline, .failed(.connectTimeout, blames: true)),
            ]),
        ExchangeScript(
            "as many connections as may be", of: servers(2),
            [
                .init(.chose(0)), .init(.limitReached, .chooseServer(blamesServer: false)),
                .init(.chose(1)), .init(.limitReached, .failed(.tooManyConnections, blames: false)),
            ]),
        ExchangeScript(
            "names without addresses", of: servers(2),
            [
                .init(.chose(0)), .init(.locationAsked),
                .init(.located(failed: true), .chooseServer(blamesServer: true)),
                .init(.chose(1)), .init(.locationAsked),
                .init(.located(failed: true), .failed(.unresolved, blames: true)),
            ]),
        ExchangeScript(
            "an address that is gone again", of: servers(1),
            [
                .init(.chose(0)), .init(.locationAsked), .init(.located(failed: false), .connect),
                .init(.locationUnknown, .failed(.unresolved, blames: false)),
            ]),
        ExchangeScript(
            "the result of an earlier resolution", of: servers(2),
            [
                .init(.chose(0)), .init(.locationAsked), .init(.locatedForEarlierTry, .wait),
                .init(.located(failed: false), .connect),
            ]),
        ExchangeScript(
            "a look-up ends after the exchange", of: servers(2),
            [.init(.chose(0)), .init(.locationAsked), .init(.cancelled), .init(.located(failed: true), .wait)]),
        ExchangeScript(
            "a hundred servers share 64 bits", of: servers(100),
            (0..<62).flatMap { index in
                [.init(.chose(index)), .init(.refused, .chooseServer(blamesServer: true))] as [ExchangeLine]
            } + [
                .init(.chose(99)), .init(.refused, .chooseServer(blamesServer: true)), .init(.chose(62)),
                .init(.refused, .failed(.refused, blames: true)),
            ]),
    ]

    @Test(
        "Whatever fails before a byte was sent goes to the next server, whatever the method", arguments: reachingScripts
    )
    func reaching(script: ExchangeScript) throws { try check(script) }

    private static let sendingAgainScripts: [ExchangeScript] = [
        ExchangeScript(
            "a fresh connection breaks: once more, and the server is blamed", of: servers(1, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest),
                .init(.ended, .sendAgain(blamesServer: true)),
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest),
                .init(.ended, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "a stale one: once more without blame, and again as retries allow", of: servers(1, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: false)),
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "a stale one costs no retry that isn't there",
            of: .init(method: .get, retries: 0),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: false)),
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "no retries, a fresh connection", of: .init(method: .get, retries: 0),
            [
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "two servers: the second has the second try", of: servers(2, .put),
            [
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: true)), .init(.chose(1)), .init(.connecting),
                .init(.refused, .failed(.refused, blames: true)),
            ]),
        ExchangeScript(
            "a stale connection gives both servers another try", of: servers(2, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: false)), .init(.chose(0)), .init(.connecting),
                .init(.refused, .chooseServer(blamesServer: true)), .init(.chose(1)), .init(.connecting),
                .init(.refused, .failed(.refused, blames: true)),
            ]),
        ExchangeScript(
            "POST, even over a stale connection", of: servers(2, .post),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "content that was streamed is gone", of: .init(method: .put, isComplete: false),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequestAndContent), .init(.contentBegan),
                .init(.broke, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "content that hasn't begun yet", of: .init(method: .put, isComplete: false),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequestAndContent),
                .init(.broke, .sendAgain(blamesServer: false)), .init(.chose(0)),
                .init(.connected(isReused: false), .sendRequestAndContent),
            ]),
        ExchangeScript(
            "part of a head has come", of: servers(1, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequest), .init(.partOfHead, .readOn),
                .init(.ended, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "nothing but an interim response has come", of: servers(1, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest), .init(.partOfHead, .readOn),
                .init(.interimHead), .init(.ended, .sendAgain(blamesServer: true)),
            ]),
        ExchangeScript(
            "sending fails and nothing is there to read: the rest of the head may go again", of: servers(1, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequest), .init(.queued),
                .init(.sendingFailed, .readWhatIsThere), .init(.ended, .sendAgain(blamesServer: true)),
                .init(.chose(0)), .init(.connected(isReused: false), .sendRequestAndContent),
            ]),
        ExchangeScript(
            "the first byte doesn't come in time: that is no reason to ask again", of: servers(2, .get),
            [
                .init(.chose(0)), .init(.connected(isReused: true), .sendRequest),
                .init(.deadline, .failed(.firstByteTimeout, blames: true)),
            ]),
    ]

    @Test("An idempotent request whose content wasn't streamed is retried, once", arguments: sendingAgainScripts)
    func sendingAgain(script: ExchangeScript) throws { try check(script) }

    @Test("Which methods are retried", arguments: Method.allCases)
    func methods(method: Method) throws {
        let player = ExchangePlayer(.init(method: method))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        let expected: ExchangeAction =
            method.isIdempotent ? .sendAgain(blamesServer: true) : .failed(.closedEarly, blames: true)
        #expect(try player.play(.broke) == [expected])
        #expect(player.checksIdleConnection == !method.isIdempotent)
    }

    @Test("After a stale connection, no idle connections are used")
    func idleConnections() throws {
        let player = ExchangePlayer()
        #expect(player.mayUseIdleConnection)
        for event in ExchangePlayer.events(to: .awaitingHead, isReused: true) { _ = try player.play(event) }
        _ = try player.play(.broke)
        #expect(!player.mayUseIdleConnection)
        _ = try player.play(.cancelled)
        player.begin()
        #expect(player.mayUseIdleConnection)
    }

    @Test("When a server can't be reached, the bits of the servers tried stay set")
    func tried() throws {
        let player = ExchangePlayer(.init(serverCount: 3))
        for event: ExchangeEvent in [.chose(2), .connecting, .refused, .chose(0)] { _ = try player.play(event) }
        #expect(player.tried == 0b101)
    }
}

@Suite("An exchange in each of its phases")
struct ExchangePhaseTests {
    typealias Phase = ExchangeState.Phase
    static let phases: [Phase] = [
        .idle, .locating, .connecting, .awaitingHead, .receivingContent, .tunnel, .ended,
    ]

    private func player(in phase: Phase, isReused: Bool = false) throws -> ExchangePlayer {
        let player = ExchangePlayer(.init(method: .post, acceptsUpgrade: true))
        for event in ExchangePlayer.events(to: phase, isReused: isReused) { _ = try player.play(event) }
        #expect(player.phase == phase)
        return player
    }

    @Test(
        "A time-out means something else in each",
        arguments: [
            (.idle, .wait), (.locating, .wait), (.ended, .wait),
            (.connecting, .failed(.connectTimeout, blames: true)),
            (.awaitingHead, .failed(.firstByteTimeout, blames: true)),
            (.receivingContent, .failed(.betweenBytesTimeout, blames: false)),
            (.tunnel, .failed(.betweenBytesTimeout, blames: false)),
        ] as [(Phase, ExchangeAction)])
    func deadline(phase: Phase, expected: ExchangeAction) throws {
        let player = try player(in: phase)
        #expect(try player.play(.deadline) == [expected])
    }

    @Test(
        "The connection's end before the response's: the server is blamed where the connection was fresh",
        arguments: [.awaitingHead, .receivingContent, .tunnel] as [Phase], [false, true])
    func broke(phase: Phase, isReused: Bool) throws {
        for event in [ExchangeEvent.ended, .broke] {
            let player = try player(in: phase, isReused: isReused)
            #expect(try player.play(event) == [.failed(.closedEarly, blames: !isReused)])
            #expect(player.phase == .ended)
        }
    }

    @Test(
        "Sending fails: what the origin said before is read, but for a tunnel",
        arguments: [
            (.awaitingHead, .readWhatIsThere), (.receivingContent, .readWhatIsThere),
            (.tunnel, .failed(.closedEarly, blames: true)),
        ] as [(Phase, ExchangeAction)])
    func sendingFailed(phase: Phase, expected: ExchangeAction) throws {
        let player = try player(in: phase)
        #expect(try player.play(.sendingFailed) == [expected])
    }

    @Test(
        "What the connection waits for, and which time-out runs",
        arguments: [
            (.idle, .unchanged), (.locating, .unchanged), (.connecting, .unchanged), (.awaitingHead, .firstByte),
            (.receivingContent, .betweenBytes), (.tunnel, .none), (.ended, .unchanged),
        ] as [(Phase, ExchangeInterest.Timeout)])
    func interest(phase: Phase, timeout: ExchangeInterest.Timeout) throws {
        let player = try player(in: phase)
        #expect(player.interest == .init(reads: true, writes: false, timeout: timeout))
        _ = try player.play(.queued)
        #expect(player.interest == .init(reads: true, writes: true, timeout: timeout))
        #expect(player.pause())
        #expect(!player.pause())
        #expect(player.interest == .init(reads: false, writes: true, timeout: timeout))
        _ = try player.play(.sent(all: true))
        // Larder itself has paused reading, so the origin's silence means nothing.
        #expect(player.interest == .init(reads: false, writes: false, timeout: .none))
        #expect(player.resume())
        #expect(!player.resume())
        #expect(player.interest == .init(reads: true, writes: false, timeout: timeout))
    }

    @Test("Content is accepted while there is a connection and nothing waits to be sent", arguments: phases)
    func takesContent(phase: Phase) throws {
        let player = try player(in: phase)
        let isConnected = [.awaitingHead, .receivingContent, .tunnel].contains(phase)
        #expect(player.isConnected == isConnected)
        #expect(player.takesContent == isConnected)
        _ = try player.play(.queued)
        #expect(!player.takesContent)
        _ = try player.play(.sent(all: false))
        #expect(!player.takesContent)
        _ = try player.play(.sent(all: true))
        #expect(player.takesContent == isConnected)
    }

    @Test("Once cancelled it has no more actions, and can be reused", arguments: phases)
    func cancelled(phase: Phase) throws {
        let player = try player(in: phase)
        _ = try player.play(.cancelled)
        #expect(player.phase == .ended)
        for event: ExchangeEvent in [.bytes("abc"), .deadline, .located(failed: true)] {
            #expect(try player.play(event) == [.wait])
        }
        player.begin()
        #expect(player.phase == .idle && player.tried == 0)
        #expect(player.interest == .init(reads: true, writes: false, timeout: .unchanged))
    }

    @Test("Only a body of known length has a remaining length", arguments: phases)
    func remaining(phase: Phase) throws {
        let player = try player(in: phase)
        #expect(player.remainingLength == (phase == .receivingContent ? 5 : nil))
        _ = try player.play(.bytes("ab"))
        #expect(player.remainingLength == (phase == .receivingContent ? 3 : nil))
    }
}
