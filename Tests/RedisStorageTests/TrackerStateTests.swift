// The connection on which Redis tells of changes, without sockets: what is sent, and what counts as heard.

import CacheStorage
import Testing

@testable import RedisStorage

private let name = Array("larder:0123456789abcdef0123456789abcdef".utf8)

/// A state with a clock of its own.
private struct Machine {
    var state = TrackerState(grace: 1000, timeout: 1000, seed: 42)
    var now: Int64 = 10_000

    mutating func on(_ message: TrackerMessage) -> TrackerState.Step { state.received(message, now: now) }

    /// One whose session lasts since `now`.
    static func hearing() -> Machine {
        var machine = Machine()
        #expect(machine.state.timePassed(now: machine.now) == .connect)
        #expect(machine.state.connected(replies: 0, now: machine.now) == .greet)
        #expect(machine.on(.number(7)) == .arm(connection: 7))
        #expect(machine.on(.status) == .none)
        #expect(machine.on(.subscribed) == .none)
        #expect(machine.on(.pong(machine.now)) == .beginSession(asked: machine.now))
        return machine
    }
}

@Suite("Tracking: what Redis tells of changed keys")
struct TrackerStateTests {
    @Test("A session begins with the reply to a PING that was sent after the subscription, not before")
    func begin() {
        var machine = Machine()
        #expect(machine.state.timePassed(now: machine.now) == .connect)
        #expect(machine.state.connected(replies: 2, now: machine.now) == .greet)
        // AUTH and SELECT.
        #expect(machine.on(.status) == .none)
        #expect(machine.on(.status) == .none)
        #expect(machine.on(.number(7)) == .arm(connection: 7))
        // A message may come before the subscription's own reply.
        #expect(machine.on(.status) == .none)
        #expect(machine.on(.changed([name])) == .none)
        #expect(machine.on(.subscribed) == .none)
        machine.now += 30
        #expect(machine.on(.pong(10_000)) == .beginSession(asked: 10_000))
        #expect(machine.on(.changed([name])) == .forget([name]))
        #expect(machine.on(.changed(nil)) == .forgetAll)
    }

    @Test("A sign of life is asked for four times in store.grace, and counts from when it was asked for")
    func life() {
        var machine = Machine.hearing()
        var asked: [Int64] = []
        for _ in 0..<1000 {
            machine.now += 1
            if machine.state.timePassed(now: machine.now) == .ping {
                asked.append(machine.now)
                #expect(machine.state.nextTime(now: machine.now) == machine.now + 250)
                #expect(machine.on(.pong(machine.now)) == .noteLife(asked: machine.now))
            }
        }
        #expect(asked.count == 4)
        // A late reply proves no more than that.
        machine.now += 500
        #expect(machine.on(.pong(asked[2])) == .noteLife(asked: asked[2]))
    }

    @Test("A connection that is silent for a second longer than store.grace is given up")
    func silence() {
        var machine = Machine.hearing()
        var steps: [TrackerState.Step] = []
        for _ in 0..<1999 {
            machine.now += 1
            steps.append(machine.state.timePassed(now: machine.now))
        }
        #expect(!steps.contains(.lose) && steps.contains(.ping))
        machine.now += 1
        #expect(machine.state.timePassed(now: machine.now) == .lose)
        guard case .waiting = machine.state.phase else {
            Issue.record("\(machine.state.phase)")
            return
        }
    }

    @Test("Pauses between attempts grow to five seconds and differ; a session makes them short again")
    func pauses() {
        var machine = Machine()
        var pauses: [Int64] = []
        for _ in 0..<12 {
            let next = machine.state.nextTime(now: machine.now)
            pauses.append(next - machine.now)
            machine.now = max(next, machine.now)
            #expect(machine.state.timePassed(now: machine.now) == .connect)
            #expect(machine.state.lose(machine.now) == .lose)
        }
        #expect(pauses.dropFirst().allSatisfy { (25...5000).contains($0) })
        #expect(pauses.suffix(3).allSatisfy { $0 >= 2500 })
        #expect(Set(pauses.suffix(3)).count == 3)
        var other = Machine.hearing()
        #expect(other.state.lose(other.now) == .lose)
        #expect(other.state.nextTime(now: other.now) - other.now <= 50)
    }

    @Test("An attempt that gets no reply in time ends", arguments: [0, 1, 2])
    func timeout(_ step: Int) {
        var machine = Machine()
        #expect(machine.state.timePassed(now: machine.now) == .connect)
        if step > 0 { #expect(machine.state.connected(replies: 1, now: machine.now) == .greet) }
        if step > 1 {
            #expect(machine.on(.status) == .none)
            #expect(machine.on(.number(1)) == .arm(connection: 1))
        }
        #expect(machine.state.timePassed(now: machine.now + 999) == .none)
        #expect(machine.state.timePassed(now: machine.now + 1000) == .lose)
    }

    @Test("Redis that refuses for good is asked again a minute later; one that is loading, soon")
    func refusal() {
        for kind in RedisErrorKind.allCases {
            var machine = Machine()
            #expect(machine.state.timePassed(now: machine.now) == .connect)
            #expect(machine.state.connected(replies: 0, now: machine.now) == .greet)
            #expect(machine.on(.number(1)) == .arm(connection: 1))
            let step = machine.on(.error(kind))
            let pause = machine.state.nextTime(now: machine.now) - machine.now
            if kind.mayPass {
                #expect(step == .lose && pause <= 50, "\(kind)")
            } else {
                #expect(step == .refused(kind) && pause == 60_000, "\(kind)")
            }
        }
    }

    @Test(
        "What isn't understood ends the session",
        arguments: [TrackerMessage.malformed, .number(3), .status, .error(.other), .pong(nil), .subscribed])
    func malformed(_ message: TrackerMessage) {
        var machine = Machine.hearing()
        #expect(machine.on(message) == .lose)
    }

    @Test("Messages are told apart by their kind")
    func kinds() {
        func bulk(_ text: String) -> ReplyElement { .bulk(Array(text.utf8)) }
        let channel = bulk("__redis__:invalidate")
        #expect(TrackerMessage([bulk("message"), channel, .array([.bulk(name)])]) == .changed([name]))
        #expect(TrackerMessage([bulk("message"), channel, .absent]) == .changed(nil))
        #expect(TrackerMessage([bulk("message"), channel, .array([.integer(1)])]) == .malformed)
        #expect(TrackerMessage([bulk("message"), channel, bulk("key")]) == .malformed)
        #expect(TrackerMessage([bulk("subscribe"), channel, .integer(1)]) == .subscribed)
        #expect(TrackerMessage([bulk("pong"), bulk("17")]) == .pong(17))
        #expect(TrackerMessage([bulk("pong"), bulk("x")]) == .pong(nil))
        #expect(TrackerMessage([]) == .malformed)
    }
}
