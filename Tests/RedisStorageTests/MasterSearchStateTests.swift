// The search for a master, without sockets: whom it asks, when, and what it finds.

import CacheStorage
import Testing

@testable import RedisStorage

@Suite("Sentinels: whom the search asks, and when")
struct MasterSearchStateTests {
    typealias State = MasterSearchState
    private let old = MasterAddress(host: "10.0.0.1", port: 6379)
    private let new = MasterAddress(host: "10.0.0.2", port: 6379)

    private func wait(in step: State.Step) -> Int64? {
        if case .wait(let milliseconds) = step { milliseconds } else { nil }
    }

    /// A round in which the first sentinel that is asked names `address`; returns who that is.
    private func round(_ state: inout State, _ now: Int64, isMissed: Bool = false, names address: MasterAddress) -> Int?
    {
        guard case (.ask(let index), nil) = state.begin(isMissed: isMissed, now: now, canAsk: { _ in true }) else {
            return nil
        }
        let (step, finding) = state.answered(.master(address), now: now, canAsk: { _ in true })
        #expect(finding == .master(address, by: index))
        #expect(wait(in: step) != nil)
        return index
    }

    @Test("They are asked in turn until one names a master, which is asked first from then on")
    func inTurn() {
        var state = State(sentinels: 4, seed: 1)
        // The first isn't connected.
        let isConnected: (Int) -> Bool = { $0 != 0 }
        #expect(state.begin(isMissed: true, now: 0, canAsk: isConnected) == (.ask(1), nil))
        #expect(state.answered(.none, now: 1, canAsk: isConnected) == (.ask(2), nil))
        #expect(state.answered(.unknownName, now: 2, canAsk: isConnected) == (.ask(3), nil))
        let (step, finding) = state.answered(.master(old), now: 3, canAsk: isConnected)
        #expect(finding == .master(old, by: 3))
        // About a second, so that many processes don't ask in step.
        #expect(wait(in: step).map { 750...1260 ~= $0 } == true)
        #expect(round(&state, 1000, names: new) == 3)
    }

    @Test(
        "Why no master is named: nobody replies, or nobody has the name", arguments: [State.Answer.none, .unknownName])
    func nobody(_ last: State.Answer) {
        var state = State(sentinels: 2, seed: 1)
        _ = state.begin(isMissed: false, now: 0, canAsk: { _ in true })
        _ = state.answered(.none, now: 1, canAsk: { _ in true })
        let (step, finding) = state.answered(last, now: 2, canAsk: { _ in true })
        #expect(finding == .trouble(last == .none ? .noSentinelReplies : .unknownName))
        #expect(wait(in: step) != nil)
        #expect(state.begin(isMissed: false, now: 3, canAsk: { _ in false }).1 == .trouble(.noSentinelReplies))
    }

    @Test(
        "A reason to look again: at once, but not more often than ten times a second, and never two questions at once")
    func hurried() {
        var state = State(sentinels: 3, seed: 1)
        #expect(round(&state, 0, names: old) == 0)
        #expect(state.hurry(another: false, now: 40) == .wait(60))
        #expect(state.hurry(another: false, now: 500) == .wait(0))
        #expect(state.begin(isMissed: false, now: 500, canAsk: { _ in true }) == (.ask(0), nil))
        #expect(state.hurry(another: false, now: 501) == .nothing)
        #expect(state.begin(isMissed: false, now: 502, canAsk: { _ in true }) == (.nothing, nil))
        let (step, _) = state.answered(.master(old), now: 503, canAsk: { _ in true })
        #expect(step == .wait(State.shortestInterval))
    }

    @Test("Who isn't a master was named by a sentinel that knows no better: another one is asked")
    func another() {
        var state = State(sentinels: 3, seed: 1)
        #expect(round(&state, 0, names: old) == 0)
        _ = state.hurry(another: true, now: 200)
        #expect(round(&state, 200, names: new) == 1)
        // Also where the question is open.
        #expect(state.begin(isMissed: false, now: 1000, canAsk: { _ in true }) == (.ask(1), nil))
        _ = state.hurry(another: true, now: 1001)
        _ = state.answered(.master(old), now: 1002, canAsk: { _ in true })
        #expect(round(&state, 1200, names: new) == 2)
    }

    @Test("A master that isn't reached: the sentinel is believed for some seconds, then each is asked in turn")
    func missed() {
        var state = State(sentinels: 3, seed: 1)
        let asked = (0..<7).map { round(&state, $0 * 1000, isMissed: true, names: old) }
        #expect(asked == [0, 0, 0, 1, 2, 0, 1])
        #expect(round(&state, 8000, names: new) == 1)
        #expect(round(&state, 9000, isMissed: true, names: new) == 1)
    }

    @Test("A reply that comes when none is expected changes nothing")
    func late() {
        var state = State(sentinels: 1, seed: 1)
        #expect(state.answered(.master(old), now: 0, canAsk: { _ in true }) == (.nothing, nil))
    }
}

@Suite("Sentinels: what they reply")
struct SentinelReplyTests {
    private func bulk(_ text: String) -> ReplyElement { .bulk(Array(text.utf8)) }

    @Test("An address is a host and a port")
    func address() {
        #expect(
            MasterSearch.address(in: [bulk("10.0.0.2"), bulk("6379")]) == MasterAddress(host: "10.0.0.2", port: 6379))
        #expect(MasterSearch.address(in: [bulk("fd00::1"), bulk("1")]).map { "\($0)" } == "[fd00::1]:1")
        #expect(MasterSearch.address(in: [bulk("redis-1.internal"), bulk("65535")])?.port == 65_535)
    }

    @Test(
        "Anything else is none",
        arguments: [
            [], ["h"], ["h", "0"], ["h", "65536"], ["h", "-1"], ["h", ""], ["", "1"], ["a b", "1"], ["h\u{0}", "1"],
            [String(repeating: "h", count: 254), "1"], ["h", "1", "2"],
        ])
    func noAddress(_ parts: [String]) { #expect(MasterSearch.address(in: parts.map(bulk)) == nil) }

    @Test("A message about another master's failover isn't meant")
    func switches() {
        let master = Array("main".utf8)
        func message(_ text: String) -> [ReplyElement] { [bulk("message"), bulk("+switch-master"), bulk(text)] }
        #expect(SwitchSubscription.isSwitch(of: master, message("main 10.0.0.1 6379 10.0.0.2 6379")))
        #expect(!SwitchSubscription.isSwitch(of: master, message("main-2 10.0.0.1 6379 10.0.0.2 6379")))
        #expect(!SwitchSubscription.isSwitch(of: master, [bulk("subscribe"), bulk("+switch-master"), .integer(1)]))
        #expect(!SwitchSubscription.isSwitch(of: master, []))
    }
}
