// Whom a cluster's search asks, and when.

import CacheStorage
import Testing

@testable import RedisStorage

@Suite("Redis Cluster: whom to ask")
struct SlotSearchStateTests {
    private static func node(_ number: UInt16) -> MasterAddress { MasterAddress(host: "h", port: number) }
    private let seeds = [node(1), node(2)]
    private var state: SlotSearchState

    init() { state = SlotSearchState(seeds: seeds, interval: 10_000, seed: 7) }

    /// Whether a step is to wait for so long, with its jitter.
    private func waits(_ step: SlotSearchState.Step, about milliseconds: Int64) -> Bool {
        if case .wait(let time) = step { (milliseconds * 3 / 4...milliseconds * 5 / 4) ~= time } else { false }
    }

    @Test("The first seed that can be connected to is asked, again and again, every ten seconds")
    mutating func inTurn() {
        #expect(state.current == seeds[0])
        #expect(state.failed() == .wait(100))
        #expect(state.timePassed(isServing: false, now: 0) == .connect(seeds[1]))
        #expect(state.connected() == .wait(0))
        #expect(state.timePassed(isServing: true, now: 10) == .ask)
        #expect(state.timePassed(isServing: true, now: 11) == .nothing, "one question at a time")
        #expect(waits(state.answered(nodes: [Self.node(3)], isMissed: false), about: 10_000))
        #expect(state.timePassed(isServing: true, now: 9_000) == .ask && state.current == seeds[1])
    }

    @Test("Nodes without an answer are left; once all are, nobody is left to ask, and it goes on")
    mutating func lost() {
        #expect(state.timePassed(isServing: true, now: 0) == .ask)
        #expect(state.answered(nodes: nil, isMissed: false) == .wait(100) && !state.isLost)
        #expect(state.timePassed(isServing: true, now: 100) == .connect(seeds[1]))
        #expect(state.timePassed(isServing: false, now: 200) == .connect(seeds[0]))
        #expect(state.isLost)
        #expect(state.timePassed(isServing: true, now: 300) == .ask)
        _ = state.answered(nodes: [Self.node(3)], isMissed: false)
        #expect(!state.isLost)
    }

    @Test("The node that knows something new is asked at once, even if nobody had heard of it")
    mutating func asksWhoKnows() {
        _ = state.timePassed(isServing: true, now: 0)
        _ = state.answered(nodes: [Self.node(3)], isMissed: false)
        #expect(state.hurry(asking: Self.node(9), now: 1000) == .wait(0))
        #expect(state.timePassed(isServing: true, now: 1000) == .connect(Self.node(9)))
        #expect(state.timePassed(isServing: true, now: 1001) == .ask)
        #expect(state.hurry(asking: Self.node(9), now: 1002) == .nothing, "it is being asked")
        #expect(state.answered(nodes: [Self.node(3)], isMissed: false) == .wait(100), "but that may be of before")
        #expect(state.timePassed(isServing: true, now: 1100) == .ask)
    }

    @Test("Reasons to ask come at most ten times a second")
    mutating func pace() {
        _ = state.timePassed(isServing: true, now: 1000)
        _ = state.answered(nodes: [Self.node(3)], isMissed: false)
        #expect(state.hurry(asking: seeds[0], now: 1010) == .wait(90))
    }

    @Test("While a master isn't reached, each node is asked in turn, twice a second")
    mutating func missed() {
        var asked: [MasterAddress] = []
        var now: Int64 = 0
        for _ in 0..<4 {
            if case .connect = state.timePassed(isServing: true, now: now) {
                #expect(state.timePassed(isServing: true, now: now) == .ask)
            }
            asked.append(state.current)
            #expect(state.answered(nodes: [Self.node(3), seeds[0]], isMissed: true) == .wait(500))
            now += 500
        }
        #expect(Set(asked).count == 3)
    }
}
