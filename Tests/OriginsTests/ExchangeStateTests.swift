import HTTPSemantics
import HTTPWire
import Testing

@testable import Origins

// The decisions of an exchange as tables of events and expected actions: reaching a server, retries, time-outs.

@Suite("RFC 9110 §9.2.2: which server a request goes to, and when it is retried")
struct ExchangeStateTests {
    private static func request(_ method: Method) -> ExchangeState.Request { .init(method: method) }

    private func check(_ script: ExchangeScript) throws {
        let player = ExchangePlayer(script.request)
        for (index, line) in script.lines.enumerated() {
            #expect(try player.play(line.event) == line.actions, "line \(index): \(line.event)")
        }
    }

    // Nothing was sent, so POST can be used like GET.
    private static let reachingScripts: [ExchangeScript] = [
        ExchangeScript("no name has an address", [.init(.noServerLeft, .failed(.unresolved, blames: false))]),
        ExchangeScript("an idle connection", [.init(.connected(isReused: true), .sendRequest)]),
        ExchangeScript(
            "address, connection, request",
            [.init(.connecting), .init(.connected(isReused: false), .sendRequest)]),
        ExchangeScript(
            "content that is still to come", of: .init(isComplete: false),
            [.init(.connected(isReused: false), .sendRequestAndContent)]),
        ExchangeScript(
            "a name is looked up", of: request(.post),
            [
                .init(.locationAsked), .init(.located, .chooseServer(blamesServer: false)), .init(.connecting),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "a look-up fails and is repeated", of: request(.post),
            [
                .init(.locationAsked), .init(.located, .chooseServer(blamesServer: false)),
                .init(.locationAsked), .init(.located, .chooseServer(blamesServer: false)), .init(.connecting),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "refused by the only address", of: request(.post),
            [
                .init(.connecting), .init(.refused, .chooseServer(blamesServer: true)),
                .init(.noServerLeft, .failed(.refused, blames: false)),
            ]),
        ExchangeScript(
            "refused by one of two", of: request(.post),
            [
                .init(.connecting), .init(.refused, .chooseServer(blamesServer: true)), .init(.connecting),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "swallowed by one of two", of: request(.post),
            [
                .init(.connecting), .init(.deadline, .chooseServer(blamesServer: true)), .init(.connecting),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "no connection in time", of: request(.post),
            [
                .init(.connecting), .init(.deadline, .chooseServer(blamesServer: true)),
                .init(.connecting), .init(.deadline, .chooseServer(blamesServer: true)),
                .init(.noServerLeft, .failed(.connectTimeout, blames: false)),
            ]),
        ExchangeScript(
            "as many connections as may be", of: request(.post),
            [
                .init(.limitReached, .chooseServer(blamesServer: false)),
                .init(.limitReached, .chooseServer(blamesServer: false)),
                .init(.noServerLeft, .failed(.tooManyConnections, blames: false)),
            ]),
        ExchangeScript(
            "no descriptor is left: nobody is blamed", of: request(.post),
            [
                .init(.lacksResources, .chooseServer(blamesServer: false)),
                .init(.noServerLeft, .failed(.ownShortage, blames: false)),
            ]),
        ExchangeScript(
            "a name that takes longer than the time-out", of: request(.post),
            [
                .init(.locationAsked),
                .init(.nameTimedOut(hasFailed: false), .failed(.connectTimeout, blames: false)),
                .init(.located, .wait),
            ]),
        ExchangeScript(
            "a name whose look-ups fail until the time-out", of: request(.post),
            [
                .init(.locationAsked), .init(.nameTimedOut(hasFailed: true), .failed(.unresolved, blames: false)),
            ]),
        ExchangeScript(
            "refused by one server, the name of the other is unknown", of: request(.post),
            [
                .init(.connecting), .init(.refused, .chooseServer(blamesServer: true)), .init(.locationAsked),
                .init(.nameTimedOut(hasFailed: true), .failed(.refused, blames: false)),
            ]),
        ExchangeScript(
            "a look-up ends after the exchange", of: request(.post),
            [.init(.locationAsked), .init(.cancelled), .init(.located, .wait)]),
    ]

    @Test(
        "Whatever fails before a byte was sent goes to the next address, for any method", arguments: reachingScripts
    )
    func reaching(script: ExchangeScript) throws { try check(script) }

    private static let sendingAgainScripts: [ExchangeScript] = [
        ExchangeScript(
            "a fresh connection breaks: once more, and the server is blamed", of: request(.get),
            [
                .init(.connected(isReused: false), .sendRequest),
                .init(.ended, .sendAgain(blamesServer: true)),
                .init(.connected(isReused: false), .sendRequest),
                .init(.ended, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "a stale one: once more without blame, and again as retries allow", of: request(.get),
            [
                .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: false)),
                .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "a stale one costs no retry that isn't there",
            of: .init(method: .get, retries: 0),
            [
                .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: false)),
                .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "no retries, a fresh connection", of: .init(method: .get, retries: 0),
            [
                .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "two addresses: the second has the second try", of: request(.put),
            [
                .init(.connected(isReused: false), .sendRequest),
                .init(.broke, .sendAgain(blamesServer: true)), .init(.connecting),
                .init(.refused, .chooseServer(blamesServer: true)),
                .init(.noServerLeft, .failed(.refused, blames: false)),
            ]),
        ExchangeScript(
            "POST, even over a stale connection", of: request(.post),
            [
                .init(.connected(isReused: true), .sendRequest),
                .init(.broke, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "content of up to 64 KiB is kept", of: .init(method: .put, isComplete: false),
            [
                .init(.connected(isReused: true), .sendRequestAndContent),
                .init(.supplied(60_000)), .init(.supplied(5_536)),
                .init(.broke, .sendAgain(blamesServer: false)),
                .init(.connected(isReused: false), .sendRequestAndContent), .init(.contentEnded),
                .init(.broke, .failed(.closedEarly, blames: true)),
            ]),
        ExchangeScript(
            "content that is complete goes with the head", of: .init(method: .delete, isComplete: false),
            [
                .init(.connected(isReused: true), .sendRequestAndContent), .init(.supplied(7)),
                .init(.contentEnded), .init(.ended, .sendAgain(blamesServer: false)),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "more content than is kept is gone", of: .init(method: .put, isComplete: false),
            [
                .init(.connected(isReused: true), .sendRequestAndContent), .init(.supplied(65_537)),
                .init(.broke, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "POST with content, even over a stale connection", of: .init(method: .post, isComplete: false),
            [
                .init(.connected(isReused: true), .sendRequestAndContent), .init(.supplied(1)),
                .init(.broke, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "sending content fails and nothing is there to read", of: .init(method: .put, isComplete: false),
            [
                .init(.connected(isReused: true), .sendRequestAndContent), .init(.supplied(5)),
                .init(.sendingFailed, .readWhatIsThere), .init(.contentEnded),
                .init(.ended, .sendAgain(blamesServer: false)),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "content that hasn't begun yet", of: .init(method: .put, isComplete: false),
            [
                .init(.connected(isReused: true), .sendRequestAndContent),
                .init(.broke, .sendAgain(blamesServer: false)),
                .init(.connected(isReused: false), .sendRequestAndContent),
            ]),
        ExchangeScript(
            "part of a head has come", of: request(.get),
            [
                .init(.connected(isReused: true), .sendRequest), .init(.partOfHead, .readOn),
                .init(.ended, .failed(.closedEarly, blames: false)),
            ]),
        ExchangeScript(
            "nothing but an interim response has come", of: request(.get),
            [
                .init(.connected(isReused: false), .sendRequest), .init(.partOfHead, .readOn),
                .init(.interimHead), .init(.ended, .sendAgain(blamesServer: true)),
            ]),
        ExchangeScript(
            "sending fails and nothing is there to read: the rest of the head may go again", of: request(.get),
            [
                .init(.connected(isReused: false), .sendRequest), .init(.queued),
                .init(.sendingFailed, .readWhatIsThere), .init(.ended, .sendAgain(blamesServer: true)),
                .init(.connected(isReused: false), .sendRequest),
            ]),
        ExchangeScript(
            "the first byte doesn't come in time: that is no reason to ask again", of: request(.get),
            [
                .init(.connected(isReused: true), .sendRequest),
                .init(.deadline, .failed(.firstByteTimeout, blames: true)),
            ]),
    ]

    @Test("An idempotent request whose content is still there is retried, once", arguments: sendingAgainScripts)
    func sendingAgain(script: ExchangeScript) throws { try check(script) }

    @Test("Which methods are retried", arguments: Method.allCases)
    func methods(method: Method) throws {
        let player = ExchangePlayer(.init(method: method))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        let expected: ExchangeAction =
            method.isIdempotent ? .sendAgain(blamesServer: true) : .failed(.closedEarly, blames: true)
        #expect(try player.play(.broke) == [expected])
    }

    @Test("Content is kept as long as the request may be repeated, and until it can be sent")
    func keptContent() throws {
        let player = ExchangePlayer(.init(method: .put, isComplete: false))
        for event in ExchangePlayer.events(to: .awaitingHead, isReused: true) { _ = try player.play(event) }
        #expect(player.keeps(10))
        _ = try player.play(.broke)
        // What comes in between two connections goes out with the request, however much it is.
        #expect(player.keeps(1 << 20))
        for event in ExchangePlayer.events(to: .connecting) { _ = try player.play(event) }
        #expect(player.keeps(1))
        _ = try player.play(.connected(isReused: false))
        // There is no third try.
        #expect(!player.keeps(1))
    }

    @Test("Nothing is kept of a request that may not be repeated, or once the response has begun")
    func lostContent() throws {
        for method in [Method.post, .patch, .other] {
            let player = ExchangePlayer(.init(method: method, isComplete: false))
            for event in ExchangePlayer.events(to: .awaitingHead, isReused: true) { _ = try player.play(event) }
            #expect(!player.keeps(1))
        }
        let player = ExchangePlayer(.init(method: .put, isComplete: false))
        for event in ExchangePlayer.events(to: .receivingContent) { _ = try player.play(event) }
        #expect(!player.keeps(1))
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
}

@Suite("An exchange in each of its phases")
struct ExchangePhaseTests {
    typealias Phase = ExchangeState.Phase
    static let phases: [Phase] = [
        .idle, .locating, .connecting, .awaitingHead, .receivingContent, .tunnel, .ended,
    ]

    private func player(in phase: Phase, isReused: Bool = false) throws -> ExchangePlayer {
        let player = ExchangePlayer(.init(method: .post, upgrades: [Array("x".utf8)]))
        for event in ExchangePlayer.events(to: phase, isReused: isReused) { _ = try player.play(event) }
        #expect(player.phase == phase)
        return player
    }

    @Test(
        "A time-out means something else in each",
        arguments: [
            (.idle, .wait), (.locating, .wait), (.ended, .wait),
            (.connecting, .chooseServer(blamesServer: true)),
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
        for event in [ExchangeEvent.ended, .broke] where phase != .tunnel || event.isBreak {
            let player = try player(in: phase, isReused: isReused)
            #expect(try player.play(event) == [.failed(.closedEarly, blames: !isReused)])
            #expect(player.phase == .ended)
        }
    }

    @Test("RFC 9110 §7.8: the origin's end in a tunnel isn't read on, and the other direction goes on")
    func tunnelInputEnds() throws {
        let player = try player(in: .tunnel)
        #expect(try player.play(.ended) == [.endTunnelInput])
        #expect(player.phase == .tunnel && player.takesContent)
        #expect(player.interest == .init(reads: false, writes: false, timeout: .none))
        _ = try player.play(.queued)
        #expect(player.interest == .init(reads: false, writes: true, timeout: .none))
        #expect(try player.play(.broke) == [.failed(.closedEarly, blames: true)])
    }

    @Test("RFC 9110 §7.8: the sending side of a tunnel closes once what is queued has gone out")
    func tunnelOutputEnds() throws {
        let player = try player(in: .tunnel)
        _ = try player.play(.queued)
        _ = try player.play(.tunnelOutputEnds)
        #expect(!player.closesSending)
        _ = try player.play(.sent(all: true))
        #expect(player.closesSending && player.interest.reads)
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
        // As long as bytes are queued, what counts is that the origin takes some.
        let queued = timeout == .firstByte ? .betweenBytes : timeout
        #expect(player.interest == .init(reads: true, writes: true, timeout: queued))
        #expect(player.pause())
        #expect(!player.pause())
        #expect(player.interest == .init(reads: false, writes: true, timeout: queued))
        _ = try player.play(.sent(all: true))
        // Larder itself has paused reading, so the origin's silence means nothing.
        #expect(player.interest == .init(reads: false, writes: false, timeout: .none))
        #expect(player.resume())
        #expect(!player.resume())
        #expect(player.interest == .init(reads: true, writes: false, timeout: timeout))
    }

    @Test("first_byte_timeout counts from the request sent: the origin's silence before that is the client's doing")
    func firstByte() throws {
        let player = ExchangePlayer(.init(method: .post, isComplete: false))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try player.play(event) }
        #expect(player.interest.timeout == .none)
        _ = try player.play(.supplied(5))
        _ = try player.play(.queued)
        #expect(player.interest.timeout == .betweenBytes)
        _ = try player.play(.sent(all: true))
        #expect(player.interest.timeout == .none)
        _ = try player.play(.contentEnded)
        #expect(player.interest.timeout == .firstByte)
    }

    @Test("An origin that responds before it has the content may wait for it, and one that takes no more may not")
    func earlyResponse() throws {
        let player = ExchangePlayer(.init(method: .post, isComplete: false))
        for event in ExchangePlayer.events(to: .receivingContent) { _ = try player.play(event) }
        #expect(player.interest.timeout == .none)
        _ = try player.play(.contentEnded)
        #expect(player.interest.timeout == .betweenBytes)
        let other = ExchangePlayer(.init(method: .post, isComplete: false))
        for event in ExchangePlayer.events(to: .awaitingHead) { _ = try other.play(event) }
        _ = try other.play(.sendingFailed)
        #expect(other.interest.timeout == .firstByte && !other.takesContent)
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

    @Test(
        "Of a request without a response: whether a server may have carried it out",
        arguments: [
            (.post, [.connecting, .refused, .noServerLeft], false),
            (.post, [.connecting, .deadline, .noServerLeft], false),
            (.post, [.locationAsked, .nameTimedOut(hasFailed: true)], false),
            (.post, [.connected(isReused: false), .deadline], true),
            (.post, [.connected(isReused: true), .broke], true),
            (.post, [.connected(isReused: false), .partOfHead, .ended], true),
            // The first server may have.
            (.put, [.connected(isReused: false), .broke, .connecting, .refused, .noServerLeft], true),
        ] as [(Method, [ExchangeEvent], Bool)])
    func carriedOut(method: Method, events: [ExchangeEvent], isPossible: Bool) throws {
        let player = ExchangePlayer(.init(method: method))
        for event in events { _ = try player.play(event) }
        #expect(player.phase == .ended && player.mayBeCarriedOut == isPossible)
        player.begin()
        #expect(!player.mayBeCarriedOut)
    }

    @Test("One that nobody waits for is sent once, and what the server gives back has changed nothing")
    func lastAttempt() throws {
        var state = ExchangeState()
        for (method, loss) in [(Method.put, ExchangeState.Loss.unknown), (.post, .unprocessed), (.post, .refused)] {
            state.begin(.init(method: method, retries: 3))
            _ = state.connected(isReused: true, mayBeGivenBack: true)
            state.makeLastAttempt()
            #expect(state.broke(loss) == .fail(.init(.closedEarly), blamesServer: false))
            #expect(state.phase == .ended && state.mayBeCarriedOut == (loss == .unknown))
        }
    }

    @Test("A request whose content never came whole is not carried out", arguments: [Method.post, .put])
    func cutOff(method: Method) throws {
        // It is whole here, and waits for the server's window.
        var state = ExchangeState()
        state.begin(.init(method: method, retries: 0))
        _ = state.connected(isReused: false)
        state.isHeldBack = true
        _ = state.deadlinePassed()
        #expect(state.phase == .ended && !state.mayBeCarriedOut)

        let player = ExchangePlayer(.init(method: method, isComplete: false, hasContent: true, retries: 0))
        for event: ExchangeEvent in [.connected(isReused: false), .supplied(3), .ended] { _ = try player.play(event) }
        #expect(player.phase == .ended && !player.mayBeCarriedOut)
    }

    @Test("A response is awaited once the whole request has gone out, and until its head is there")
    func awaitsResponse() throws {
        let player = ExchangePlayer(.init(method: .put, isComplete: false))
        let steps: [(ExchangeEvent, Bool)] = [
            (.connecting, false), (.connected(isReused: false), false), (.supplied(3), false), (.queued, false),
            (.contentEnded, false), (.sent(all: false), false), (.sent(all: true), true), (.interimHead, true),
            (.head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), false),
        ]
        for (index, (event, awaits)) in steps.enumerated() {
            _ = try player.play(event)
            #expect(player.awaitsResponse == awaits, "step \(index)")
        }
    }

    @Test("Once cancelled it has no more actions, and can be reused", arguments: phases)
    func cancelled(phase: Phase) throws {
        let player = try player(in: phase)
        _ = try player.play(.cancelled)
        #expect(player.phase == .ended)
        for event: ExchangeEvent in [.bytes("abc"), .deadline, .located] {
            #expect(try player.play(event) == [.wait])
        }
        player.begin()
        #expect(player.phase == .idle)
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
