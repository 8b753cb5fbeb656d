// The state machine of a connection to Redis, without sockets: the actions after each event.

import CacheStorage
import Testing

@testable import RedisStorage

/// A state with a clock of its own.
private struct Machine {
    var state = ConnectionState(
        timing: .init(connect: 1000, hang: 2000, shortestPause: 50, longestPause: 5000),
        wall: WallTime(milliseconds: 0), seed: 42)
    var now: Int64 = 0

    @discardableResult
    mutating func on(_ event: ConnectionState.Event) -> ConnectionState.Actions {
        state.handle(event, now: now, wall: WallTime(milliseconds: 1_000_000 + now))
    }

    @discardableResult
    mutating func timerFires(isIdle: Bool = true, hasRoom: Bool = true) -> ConnectionState.Actions {
        on(.timerFired(isIdle: isIdle, hasRoom: hasRoom))
    }

    /// An attempt reaches the server, which is greeted.
    mutating func connects() {
        on(.connecting)
        on(.connected)
    }

    /// A machine whose server is up.
    static func serving() -> Machine {
        var machine = Machine()
        machine.on(.opened)
        machine.connects()
        machine.on(.pong)
        return machine
    }

    /// A machine that waits for its next attempt, after this many failed ones.
    static func paused(attempts: Int) -> Machine {
        var machine = Machine()
        machine.on(.opened)
        for _ in 0..<attempts {
            machine.on(.connecting)
            machine.on(.unreachable(.connectFailed))
        }
        return machine
    }

    var trouble: StoreTrouble? {
        switch state.availability {
        case .up: nil
        case .limited(let trouble, _), .partial(let trouble, _), .down(let trouble, _): trouble
        }
    }

    var isLimited: Bool { if case .limited = state.availability { true } else { false } }
}

extension ConnectionState.Actions {
    fileprivate var pause: Int64? { if case .schedule(let milliseconds) = timer { milliseconds } else { nil } }
}

@Suite("Redis connection: the state machine, connecting")
struct ConnectionStateConnectingTests {
    @Test("From opened to serving: connect, greet, and up with the PING's reply")
    func comesUp() {
        var machine = Machine()
        #expect(machine.on(.opened) == .init(step: .connect))
        #expect(machine.on(.resolving) == .init(timer: .schedule(1000)))
        #expect(machine.on(.connecting) == .init(timer: .schedule(1000)))
        #expect(machine.on(.connected) == .init(step: .greet))
        #expect(machine.state.phase == .greeting)
        #expect(machine.on(.pong) == .init(changesAvailability: true, timer: .cancel))
        #expect(machine.state.availability == .up(since: WallTime(milliseconds: 1_000_000)))
        #expect(machine.state.connects == 1)
        #expect(machine.state.connectFailures == 0)
    }

    @Test("A server that takes the place of this one is connected to at once, and what waited is abandoned")
    func moves() {
        var machine = Machine.serving()
        machine.now = 5000
        let actions = machine.on(.moved)
        #expect(actions.disconnects && actions.changesAvailability && actions.abandonment == .masterMoved)
        #expect(actions.step == .connect && actions.timer == .unchanged)
        #expect(machine.trouble == .masterMoved && machine.state.disconnects == 1)
        // Pauses that the server before has earned are over.
        var paused = Machine.paused(attempts: 10)
        #expect(paused.on(.moved).step == .connect)
        paused.on(.connecting)
        #expect((paused.on(.unreachable(.connectFailed)).pause ?? .max) < 100)
    }

    @Test("A failed attempt closes the socket, abandons all waiting commands, and is followed by another one")
    func retries() {
        var machine = Machine()
        machine.on(.opened)
        machine.on(.connecting)
        let actions = machine.on(.unreachable(.connectFailed))
        #expect(actions.disconnects && actions.changesAvailability)
        #expect(actions.abandonment == .connectFailed)
        #expect(machine.state.phase == .paused)
        #expect(machine.state.connectFailures == 1)
        #expect(machine.timerFires() == .init(step: .connect))
    }

    @Test("An invalid address is down with its reason, and doesn't count as an attempt to connect")
    func noAddress() {
        var machine = Machine()
        machine.on(.opened)
        #expect(machine.on(.unreachable(.nameNotResolved)).pause != nil)
        #expect(machine.trouble == .nameNotResolved)
        #expect(machine.state.connectFailures == 0)
    }

    @Test("A step that takes too long before the first reply is abandoned, with its own reason")
    func timesOut() {
        var machine = Machine()
        machine.on(.opened)
        machine.on(.resolving)
        #expect(machine.timerFires().abandonment == .nameNotResolved)
        machine.timerFires()
        machine.on(.connecting)
        #expect(machine.timerFires().abandonment == .connectTimedOut)
        machine.timerFires()
        machine.connects()
        #expect(machine.timerFires().abandonment == .connectTimedOut)
        #expect(machine.state.connectFailures == 3)
    }

    @Test("The time to connect goes on while TLS is made, and a server that says nothing then may speak none")
    func securing() {
        var machine = Machine()
        machine.on(.opened)
        machine.on(.connecting)
        #expect(machine.on(.securing).timer == .unchanged && machine.state.phase == .securing)
        #expect(machine.timerFires().abandonment == .handshakeTimedOut)
        machine.timerFires()
        machine.on(.connecting)
        machine.on(.securing)
        #expect(machine.on(.unreachable(.certificateExpired)).abandonment == .certificateExpired)
        #expect(machine.state.connectFailures == 2)
        machine.timerFires()
        machine.on(.connecting)
        machine.on(.securing)
        #expect(machine.on(.connected).step == .greet)
        machine.on(.pong)
        #expect(machine.state.phase == .serving)
    }

    @Test("Pauses double from the shortest to the longest, plus or minus a quarter")
    func pausesGrow() {
        for attempts in 0..<20 {
            var machine = Machine.paused(attempts: attempts)
            machine.on(.connecting)
            let pause = machine.on(.unreachable(.connectFailed)).pause ?? 0
            let middle = min(50 << Int64(min(attempts, 16)), 5000)
            #expect(pause >= middle * 75 / 100 && pause <= middle * 125 / 100, "attempt \(attempts)")
        }
    }

    @Test("Connections with different seeds don't reconnect at the same time")
    func pausesSpread() {
        var pauses: Set<Int64> = []
        for seed in 1...50 {
            var state = ConnectionState(
                timing: .init(connect: 1000, hang: 2000, shortestPause: 1000, longestPause: 5000),
                wall: WallTime(milliseconds: 0), seed: UInt64(seed) &* 0x9e37_79b9_7f4a_7c15)
            pauses.insert(state.handle(.lost(.connectionLost), now: 0, wall: WallTime(milliseconds: 0)).pause ?? 0)
        }
        #expect(pauses.count > 20)
    }

    @Test("Being down for another reason keeps the time at which it began")
    func downSince() {
        var machine = Machine.paused(attempts: 1)
        machine.now = 500
        machine.timerFires()
        machine.on(.connecting)
        machine.timerFires()
        #expect(machine.state.availability == .down(.connectTimedOut, since: WallTime(milliseconds: 0)))
    }

    @Test(
        "A refused greeting closes the connection",
        arguments: [
            (RedisErrorKind.wrongPassword, StoreTrouble.wrongPassword), (.noAuthentication, .passwordRequired),
            (.database, .noSuchDatabase),
        ])
    func refusals(kind: RedisErrorKind, trouble: StoreTrouble) {
        var machine = Machine()
        machine.on(.opened)
        machine.connects()
        let actions = machine.on(.errorReply(kind, .greeting))
        #expect(actions.disconnects)
        #expect(actions.abandonment == trouble)
        #expect(machine.state.connectFailures == 1)
    }

    @Test("Closed is final: no event does anything after it")
    func closed() {
        var machine = Machine.serving()
        let actions = machine.on(.closed)
        #expect(actions.disconnects && actions.changesAvailability)
        #expect(actions.abandonment == .closed)
        #expect(actions.timer == .cancel)
        for event: ConnectionState.Event in [
            .opened, .pong, .lost(.connectionLost), .commandTimedOut, .timerFired(isIdle: true, hasRoom: true), .closed,
        ] {
            #expect(machine.on(event) == .init())
        }
        #expect(machine.trouble == .closed)
        #expect(machine.state.disconnects == 0)
    }
}

@Suite("Redis connection: the state machine, serving and failing")
struct ConnectionStateServingTests {
    @Test(
        "A command past its deadline: all commands are abandoned, the connection is kept, and the reply to a PING ends the outage"
    )
    func hangs() {
        var machine = Machine.serving()
        let actions = machine.on(.commandTimedOut)
        #expect(
            actions
                == .init(
                    changesAvailability: true, abandonment: .commandTimedOut, step: .ping, timer: .schedule(2000)))
        #expect(machine.state.phase == .probing)
        #expect(machine.on(.pong).timer == .cancel)
        #expect(machine.state.phase == .serving)
        // The same connection.
        #expect(machine.state.connects == 1)
        #expect(machine.state.disconnects == 0)
    }

    @Test("The connection to a server that hangs for too long is closed")
    func hangsLong() {
        var machine = Machine.serving()
        machine.on(.commandTimedOut)
        let actions = machine.timerFires(isIdle: false)
        #expect(actions.disconnects)
        #expect(actions.abandonment == .commandTimedOut)
        #expect(machine.state.disconnects == 1)
        #expect(machine.state.phase == .paused)
    }

    @Test(
        "A server that is busy with a script is probed again after pauses, over the same connection",
        arguments: [true, false])
    func isBusy(fromStart: Bool) {
        var machine = Machine.serving()
        if fromStart {
            machine = Machine()
            machine.on(.opened)
            machine.connects()
        }
        let actions = machine.on(.errorReply(.busy, fromStart ? .ping : .essential))
        #expect(actions.abandonment == .busy)
        #expect(actions.step == .nothing && actions.pause != nil && !actions.disconnects)
        #expect(machine.timerFires(isIdle: true) == .init(step: .ping, timer: .schedule(2000)))
        #expect(machine.on(.errorReply(.busy, .ping)).pause != nil)
        machine.timerFires(isIdle: true)
        machine.on(.pong)
        #expect(machine.trouble == nil)
    }

    @Test(
        "A server that is loading, or a replica without its primary, is left, and the address looked up again after growing pauses",
        arguments: [RedisErrorKind.loading, .masterDown])
    func isLeft(kind: RedisErrorKind) {
        var machine = Machine.serving()
        #expect(machine.on(.errorReply(kind, .essential)).disconnects)
        var pauses: [Int64] = []
        for _ in 0..<10 {
            machine.timerFires()
            machine.connects()
            let actions = machine.on(.errorReply(kind, .ping))
            #expect(actions.disconnects && machine.trouble == kind.trouble)
            pauses.append(actions.pause ?? 0)
        }
        #expect(pauses[0] < 200 && pauses[9] > 3000)
        machine.timerFires()
        machine.connects()
        machine.on(.pong)
        #expect(machine.trouble == nil)
    }

    @Test(
        "A node of a cluster has only some of the keys: it is down, and asked again after the longest pause",
        arguments: [
            (RedisErrorKind.moved, StoreTrouble.cluster), (.ask, .cluster), (.cluster, .cluster),
            (.clusterDown, .clusterDown), (.tryAgain, .clusterDown),
        ])
    func isCluster(kind: RedisErrorKind, trouble: StoreTrouble) {
        var machine = Machine.serving()
        machine.now = 60_000
        let actions = machine.on(.errorReply(kind, .essential))
        #expect(actions.disconnects && machine.trouble == trouble && !machine.isLimited)
        #expect(actions.pause ?? 0 > 3000)
    }

    @Test(
        "Of a cluster's nodes nothing else is expected: the connection serves on",
        arguments: [RedisErrorKind.moved, .ask, .tryAgain])
    func isClusterNode(kind: RedisErrorKind) {
        var state = clusterNode()
        let actions = state.handle(.errorReply(kind, .essential), now: 1, wall: WallTime(milliseconds: 0))
        #expect(actions == ConnectionState.Actions() && state.phase == .serving)
    }

    @Test("A node whose cluster is down is asked again, with growing pauses")
    func clusterDown() {
        var state = clusterNode()
        var pauses: [Int64] = []
        for _ in 0..<4 {
            let actions = state.handle(.errorReply(.clusterDown, .ordinary), now: 1, wall: WallTime(milliseconds: 0))
            #expect(!actions.disconnects && state.phase == .probing && state.trouble == .clusterDown)
            if case .schedule(let pause) = actions.timer { pauses.append(pause) }
            let wall = WallTime(milliseconds: 0)
            #expect(state.handle(.timerFired(isIdle: true, hasRoom: true), now: 2, wall: wall).step == .ping)
            _ = state.handle(.pong, now: 3, wall: wall)
            #expect(state.phase == .serving)
        }
        #expect(pauses.count == 4 && pauses[3] > 2 * pauses[0])
    }

    private func clusterNode() -> ConnectionState {
        let timing = ConnectionState.Timing(connect: 1000, hang: 2000, shortestPause: 50, longestPause: 5000)
        let wall = WallTime(milliseconds: 0)
        var state = ConnectionState(timing: timing, isClusterNode: true, wall: wall, seed: 1)
        for event in [ConnectionState.Event.opened, .connecting, .connected, .pong] {
            _ = state.handle(event, now: 0, wall: wall)
        }
        return state
    }

    @Test("A replica is read from until the address leads to a server that accepts a write")
    func failsOver() {
        var machine = Machine.serving()
        machine.on(.errorReply(.readOnly, .ordinary))
        #expect(machine.isLimited && machine.state.phase == .serving)
        var pause: Int64 = 251
        for _ in 0..<4 {
            machine.now += pause
            let actions = machine.timerFires()
            #expect(actions.disconnects && actions.step == .connect && actions.abandonment == .readOnly)
            machine.connects()
            #expect(machine.on(.pong).step == .testWrites)
            #expect(machine.state.phase == .serving && machine.isLimited)
            pause = machine.on(.errorReply(.readOnly, .ordinary)).pause ?? 0
        }
        #expect(pause == 4001)
        machine.now += pause
        machine.timerFires()
        machine.connects()
        machine.on(.pong)
        machine.on(.writeTaken)
        #expect(machine.trouble == nil)
    }

    @Test("A late reply that says `loading` changes nothing while probing")
    func lateLoading() {
        var machine = Machine.serving()
        machine.on(.commandTimedOut)
        #expect(machine.on(.errorReply(.loading, .essential)) == .init())
    }

    @Test("A connection that served for more than a second is reopened at once, others after a growing pause")
    func comesBackAtOnce() {
        var machine = Machine.serving()
        machine.now = 1001
        #expect(machine.on(.lost(.connectionLost)).pause == 1)
        #expect(machine.state.attempts == 0)
        machine = .serving()
        machine.now = 1000
        #expect(machine.on(.lost(.connectionLost)).pause ?? 0 >= 37)
        #expect(machine.state.attempts == 1)
    }

    @Test(
        "A refused write doesn't affect reads, and pauses writes until one is accepted",
        arguments: [RedisErrorKind.outOfMemory, .notPersisting, .noReplicas, .notPermitted])
    func refusesWrites(kind: RedisErrorKind) {
        var machine = Machine.serving()
        let actions = machine.on(.errorReply(kind, .ordinary))
        #expect(actions == .init(changesAvailability: true, timer: .schedule(251)))
        #expect(machine.state.phase == .serving && machine.isLimited && machine.trouble == kind.trouble)
        #expect(!machine.state.takesWrites(at: 249))
        #expect(machine.state.takesWrites(at: 250))
        machine.now = 251
        #expect(machine.timerFires() == .init(step: .testWrites))
        #expect(machine.on(.writeTaken) == .init(changesAvailability: true))
        #expect(machine.trouble == nil)
    }

    @Test("The pause of writes doubles up to the longest; refusals of writes that were already sent don't count")
    func writePauses() {
        var machine = Machine.serving()
        var pauses: [Int64] = []
        for _ in 0..<7 {
            pauses.append((machine.on(.errorReply(.outOfMemory, .ordinary)).pause ?? 0) - 1)
            #expect(machine.on(.errorReply(.outOfMemory, .ordinary)).timer == .unchanged)
            machine.now += pauses.last!
        }
        #expect(pauses == [250, 500, 1000, 2000, 4000, 5000, 5000])
    }

    @Test("If a write can't be tested yet, that is retried soon")
    func testsLater() {
        var machine = Machine.serving()
        machine.on(.errorReply(.outOfMemory, .ordinary))
        machine.now = 300
        #expect(machine.timerFires(hasRoom: false) == .init(timer: .schedule(50)))
        machine.now = 100
        #expect(machine.timerFires() == .init(timer: .schedule(50)))
    }

    @Test("A server whose PING is refused for the same reason as writes comes up limited")
    func limitedFromStart() {
        var machine = Machine()
        machine.on(.opened)
        machine.connects()
        #expect(machine.on(.errorReply(.notPersisting, .ping)).timer == .schedule(251))
        #expect(machine.state.phase == .serving && machine.isLimited)
        #expect(machine.state.connects == 1)
    }

    @Test("Without permission to read the connection is closed; without permission to write it is limited")
    func notPermitted() {
        for role: PendingCommand.Role in [.essential, .ping] {
            var machine = Machine.serving()
            #expect(machine.on(.errorReply(.notPermitted, role)).abandonment == .notPermitted)
            #expect(machine.state.phase == .paused)
        }
        var machine = Machine.serving()
        machine.on(.errorReply(.notPermitted, .ordinary))
        #expect(machine.isLimited)
    }

    @Test("Any other error concerns its command alone, unless it is a PING's")
    func otherErrors() {
        var machine = Machine.serving()
        for role: PendingCommand.Role in [.ordinary, .essential, .greeting] {
            #expect(machine.on(.errorReply(.other, role)) == .init())
        }
        #expect(machine.on(.errorReply(.other, .ping)).abandonment == .otherError)
    }

    @Test("Several errors of no known kind in a row, without an accepted write among them, pause the writes")
    func manyOtherErrors() {
        var machine = Machine.serving()
        for _ in 1..<ConnectionState.unknownErrorLimit { machine.on(.errorReply(.other, .ordinary)) }
        machine.on(.writeTaken)
        for _ in 1..<ConnectionState.unknownErrorLimit { machine.on(.errorReply(.other, .ordinary)) }
        #expect(machine.trouble == nil)
        machine.on(.errorReply(.other, .ordinary))
        #expect(machine.isLimited && machine.trouble == .otherError)
        machine.on(.writeTaken)
        #expect(machine.trouble == nil)
    }

    @Test("A value of another type says nothing about the store")
    func wrongType() {
        var machine = Machine.serving()
        for _ in 0..<100 { #expect(machine.on(.errorReply(.wrongType, .essential)) == .init()) }
    }

    @Test("Being up goes on through repeated PINGs without a change")
    func staysUp() {
        var machine = Machine.serving()
        machine.now = 5000
        #expect(machine.on(.pong) == .init(timer: .cancel))
        #expect(machine.on(.writeTaken) == .init())
        #expect(machine.timerFires() == .init())
    }
}
