// The exchange of purges with other instances, without sockets: what is sent, and what counts as known and as done everywhere.

import CacheStorage
import Testing

@testable import RedisStorage

private func at(_ milliseconds: UInt64) -> PurgePosition { PurgePosition(milliseconds: milliseconds, sequence: 0)! }

private func entry(_ milliseconds: UInt64, _ tag: String) -> StreamEntry {
    StreamEntry(position: at(milliseconds), purge: Purge([.tag(Array(tag.utf8))]))
}

/// By Redis's clock it began at that time.
private func epoch(_ began: Int64 = 0, _ name: String = "e") -> FleetEpoch {
    FleetEpoch(Array("\(name):\(began)".utf8))!
}

private func beat(
    _ entries: [StreamEntry] = [], last: PurgePosition? = nil, first: PurgePosition = .start, trimmed: Bool = false,
    epoch since: FleetEpoch = epoch()
) -> FleetReply {
    let end = last ?? entries.last?.position ?? .start
    return .beat(FleetBeat(epoch: since, first: first, last: end, isTrimmed: trimmed, entries: entries))
}

/// A state with a clock of its own, connected.
private struct Machine {
    var state = FleetState(grace: 1000, timeout: 1000, seed: 42)
    var now: Int64 = 10_000

    /// Signs of life go out; the first one has been replied to with these entries.
    init(_ entries: [StreamEntry] = []) {
        #expect(state.timePassed(now: now) == [.connect])
        #expect(state.connected(replies: 0, now: now) == [.greet, .beat(applied: .start, most: 256)])
        _ = on(beat(entries))
        // Whoever has applied something says so.
        if let last = entries.last { _ = on(beat(last: last.position)) }
    }

    mutating func on(_ reply: FleetReply) -> [FleetState.Step] { state.received(reply, now: now) }

    mutating func pass(_ milliseconds: Int64) -> [FleetState.Step] {
        now += milliseconds
        return state.timePassed(now: now)
    }

    /// Sends a purge that is to be confirmed, and has it taken and applied here.
    mutating func purge(_ number: UInt64, _ entry: StreamEntry) {
        state.confirm(number, now: now)
        #expect(state.sent([number], now: now) == [.beat(applied: state.applied, most: 256)])
        #expect(on(.position(entry.position)) == [])
        #expect(on(beat([entry])).contains(.askMembers))
        _ = on(beat(last: entry.position))
    }

    func members(_ applied: [PurgePosition], now: Int64 = 50_000, epoch since: FleetEpoch = epoch()) -> FleetReply {
        let members = applied.map { FleetMembers.Member(applied: $0, ends: 60_000) }
        return .members(FleetMembers(now: now, epoch: since, members: members))
    }
}

@Suite("Fleet: purges that all instances share")
struct FleetStateTests {
    @Test("What was purged before the start is applied, then everything up to the time of asking is known")
    func begin() {
        var state = FleetState(grace: 1000, timeout: 1000, seed: 1)
        #expect(state.timePassed(now: 5) == [.connect])
        #expect(state.connected(replies: 2, now: 6) == [.greet])
        #expect(state.received(.status, now: 7) == [])
        #expect(state.received(.status, now: 8) == [.beat(applied: .start, most: 256)])
        let old = entry(3, "a")
        #expect(
            state.received(beat([old]), now: 20) == [
                .apply([old], upTo: at(3)), .noteLife(asked: 8), .connected, .beat(applied: at(3), most: 256),
                .takePurges,
            ])
        #expect(state.received(beat(last: at(3)), now: 30) == [.noteLife(asked: 20), .takePurges])
    }

    @Test("While a reply is full, nothing is known yet, and the next one is asked for at once")
    func full() {
        var machine = Machine()
        _ = machine.pass(250)
        let many = (1...256).map { entry(UInt64($0), "t") }
        #expect(
            machine.on(beat(many, last: at(300))) == [
                .apply(many, upTo: at(256)), .beat(applied: at(256), most: 256),
            ])
        let rest = (257...300).map { entry(UInt64($0), "t") }
        #expect(machine.on(beat(rest)).contains(.noteLife(asked: machine.now)))
    }

    @Test("A sign of life goes out four times within the grace, and soon when the stream has changed")
    func pace() {
        var machine = Machine()
        #expect(machine.state.nextTime(now: machine.now) == machine.now + 250)
        #expect(machine.pass(249) == [])
        #expect(machine.pass(1) == [.beat(applied: .start, most: 256)])
        // The reply may be from before the change.
        #expect(machine.state.streamChanged(now: machine.now) == [])
        #expect(machine.on(beat()).contains(.noteLife(asked: machine.now)))
        #expect(machine.pass(2) == [.beat(applied: .start, most: 256)])
    }

    @Test("A purge is done once everybody who relies on what he has applied has applied it")
    func confirmed() {
        var machine = Machine()
        machine.purge(1, entry(100, "t"))
        #expect(machine.on(machine.members([at(100), at(99)])) == [])
        #expect(machine.pass(1) == [.askMembers])
        #expect(machine.on(machine.members([at(100), at(101)])) == [.applied(1, instances: 2)])
    }

    @Test("However long others take to apply a purge, they are asked some thirty times a second")
    func patience() {
        var state = FleetState(grace: 8000, timeout: 1000, seed: 1)
        _ = state.timePassed(now: 0)
        var steps = state.connected(replies: 0, now: 0)
        state.confirm(1, now: 0)
        var asks = 0
        for now in 0..<Int64(7000) {
            steps += state.timePassed(now: now)
            if now == 10 { steps += state.sent([1], now: now) + state.received(.position(at(100)), now: now) }
            while !steps.isEmpty {
                switch steps.removeFirst() {
                case .beat: steps += state.received(now < 10 ? beat() : beat([entry(100, "t")]), now: now)
                case .askMembers:
                    asks += 1
                    let behind = FleetMembers.Member(applied: at(99), ends: 60_000)
                    let reply = FleetMembers(now: 50_000, epoch: epoch(), members: [behind])
                    steps += state.received(.members(reply), now: now)
                default: break
                }
            }
        }
        #expect(asks > 100 && asks < 300, "\(asks)")
    }

    @Test("Who doesn't rely on it any more isn't waited for")
    func gone() {
        var machine = Machine()
        machine.purge(1, entry(100, "t"))
        let gone = FleetMembers.Member(applied: at(1), ends: 49_999)
        let here = FleetMembers.Member(applied: at(100), ends: 50_001)
        #expect(
            machine.on(.members(FleetMembers(now: 50_000, epoch: epoch(), members: [gone, here]))) == [
                .applied(1, instances: 1)
            ])
    }

    @Test("A purge isn't done before Redis has had what it has for as long as the grace, nor in another epoch")
    func epochs() {
        var machine = Machine()
        machine.purge(1, entry(100, "t"))
        #expect(machine.on(machine.members([at(100)], epoch: epoch(0, "new"))) == [])
        _ = machine.pass(1)
        #expect(machine.on(machine.members([at(100)], now: 999)) == [])
        _ = machine.pass(2)
        #expect(machine.on(machine.members([at(100)], now: 1000)) == [.applied(1, instances: 1)])
    }

    @Test("A purge that isn't confirmed in time is told to be so, whether it was sent or not")
    func unconfirmed() {
        var machine = Machine()
        machine.purge(1, entry(100, "t"))
        #expect(machine.pass(2000).contains(.unconfirmed(1)))
        var waiting = FleetState(grace: 1000, timeout: 1000, seed: 1)
        waiting.confirm(7, now: 0)
        #expect(waiting.timePassed(now: 0) == [.connect])
        #expect(waiting.timePassed(now: 1000) == [.lose])
        #expect(waiting.nextTime(now: 1001) <= 2000)
        #expect(waiting.timePassed(now: 2000).first == .unconfirmed(7))
    }

    @Test("What Redis has lost is written again, before anything counts as known")
    func restored() {
        let entries = [entry(100, "a"), entry(200, "b"), entry(300, "c")]
        var machine = Machine(entries)
        _ = machine.pass(250)
        let steps = machine.on(beat(last: at(100), epoch: epoch(40_000, "new")))
        #expect(
            steps == [
                .forgetCopies, .forgetCopies, .lostPurges(2), .restore([entries[1], entries[2]]),
                .beat(applied: at(300), most: 256),
            ])
        #expect(machine.on(.position(at(200))) == [])
        #expect(machine.on(.position(at(300))) == [])
        let known = machine.on(beat(last: at(300), epoch: epoch(40_000, "new")))
        #expect(known == [.noteLife(asked: machine.now), .takePurges])
    }

    @Test("What is missing is written again although another purge came first; once, wherever it stands then")
    func hidden() {
        let entries = [entry(100, "a"), entry(200, "b")]
        var machine = Machine(entries)
        _ = machine.pass(250)
        func reply(_ entries: [StreamEntry], last: UInt64) -> FleetReply {
            .beat(
                FleetBeat(
                    epoch: epoch(), first: at(100), last: at(last), isTrimmed: false, entries: entries,
                    hasApplied: false))
        }
        let later = entry(300, "c")
        #expect(machine.on(reply([later], last: 300)).contains(.restore(entries)))
        _ = machine.on(.position(at(100)))
        _ = machine.on(.position(at(301)))
        let steps = machine.on(reply([later, entry(301, "b")], last: 301))
        #expect(steps.first == .apply([later, entry(301, "b")], upTo: at(301)))
    }

    @Test(
        "Where another has purged at a position that counts as applied, as a new master whose clock is behind gives it, everything is purged"
    )
    func behind() {
        let entries = [entry(100, "a"), entry(200, "b")]
        var machine = Machine(entries)
        _ = machine.pass(250)
        func reply(lastApplied: UInt64) -> FleetReply {
            .beat(
                FleetBeat(
                    epoch: epoch(), first: at(100), last: at(lastApplied), isTrimmed: false, entries: [],
                    hasApplied: false, lastApplied: at(lastApplied)))
        }
        let everything = StreamEntry(position: .start, purge: .everything)
        #expect(machine.on(reply(lastApplied: 150)).contains(.restore([entries[1], everything])))
        var other = Machine(entries)
        _ = other.pass(250)
        #expect(other.on(reply(lastApplied: 100)).contains(.restore([entries[1]])))
    }

    @Test("A reply that can't be read is asked for in smaller pieces, and an entry that can't be read is passed")
    func unreadable() {
        var machine = Machine()
        var asked = 256
        for _ in 0..<3 {
            _ = machine.pass(6000)
            if machine.state.phase != .beating { _ = machine.state.connected(replies: 0, now: machine.now) }
            #expect(machine.on(.malformed) == [.lose])
            asked /= 8
            _ = machine.pass(6000)
            let steps = machine.state.connected(replies: 0, now: machine.now)
            #expect(steps == [.greet, .beat(applied: .start, most: asked)])
        }
        #expect(asked == 0)
        let passed = StreamEntry(position: at(70), purge: .everything)
        let steps = machine.on(beat([passed], last: at(90)))
        #expect(steps == [.apply([passed], upTo: at(70)), .beat(applied: at(70), most: 256)])
    }

    @Test("A purge that was written, and lost with the connection before it was applied, is sent again")
    func notApplied() {
        var machine = Machine()
        machine.state.confirm(1, now: machine.now)
        _ = machine.state.sent([1], now: machine.now)
        #expect(machine.on(.position(at(100))) == [])
        #expect(machine.state.lose(machine.now) == [.lose])
        #expect(machine.pass(60) == [.connect])
        _ = machine.state.connected(replies: 0, now: machine.now)
        #expect(machine.on(beat([entry(200, "q")])).contains(.takePurges))
        // Nothing is asked before it is known where it stands now.
        #expect(!machine.pass(1).contains(.askMembers))
    }

    @Test("If it isn't known any more what was lost, everything is purged")
    func unknownLoss() {
        var recent = RestorablePurges()
        for number in 1...1100 { recent.append(entry(UInt64(number), "t")) }
        let lost = recent.after(at(10))
        #expect(lost.count == 1024 && lost[0] == StreamEntry(position: at(77), purge: .everything))
        #expect(recent.after(at(1099)) == [entry(1100, "t")])
        #expect(recent.after(at(1100)) == [])
    }

    @Test("Where the stream lacks older purges than are known here, what was fetched before is asked for again")
    func trimmed() {
        var machine = Machine()
        _ = machine.pass(250)
        let soft = StreamEntry(position: at(100), purge: Purge([.everything], isSoft: true))
        let first = entry(100, "t")
        let steps = machine.on(beat([first], first: at(100), trimmed: true))
        #expect(steps.first == .apply([soft, first], upTo: at(100)))
        let next = machine.on(beat(last: at(100), first: at(100), trimmed: true))
        #expect(next == [.noteLife(asked: machine.now), .takePurges])
    }

    @Test("Silence for longer than the grace and a second ends the connection; a refusal is tried again much later")
    func ends() {
        var machine = Machine()
        _ = machine.pass(250)
        #expect(machine.pass(1999) == [])
        #expect(machine.pass(1) == [.lose])
        var refused = Machine()
        _ = refused.pass(250)
        #expect(refused.on(.error(.notPermitted)) == [.refused(.notPermitted)])
        #expect(refused.state.nextTime(now: refused.now) == refused.now + FleetState.refusalPause)
        var busy = Machine()
        _ = busy.pass(250)
        #expect(busy.on(.error(.outOfMemory)) == [.lose])
    }

    @Test("An entry that can't be read is a purge of everything; replies that aren't any end the connection")
    func replies() {
        let strange = ReplyElement.array([.bulk(Array("5-1".utf8)), .array([.bulk([122]), .bulk([1])])])
        #expect(StreamEntry(strange)?.purge == .everything)
        #expect(StreamEntry(.array([.bulk(Array("x".utf8)), .array([])])) == nil)
        #expect(FleetBeat([]) == nil && FleetMembers([.bulk([49]), .bulk([]), .array([.bulk([1])])]) == nil)
        var machine = Machine()
        _ = machine.pass(250)
        #expect(machine.on(.malformed) == [.lose])
    }
}
