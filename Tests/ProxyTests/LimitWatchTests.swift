import Configuration
import EventLoop
import Testing

@testable import Proxy

@Suite("What is told of limits that are reached")
struct LimitWatchTests {
    private func time(_ seconds: Int64) -> MonotonicTime { MonotonicTime(milliseconds: 1_000_000 + seconds * 1_000) }

    @Test("The first time is told at once, what follows in intervals, and nothing is left out of the count")
    func intervals() {
        var tally = LimitTally()
        var told: [(second: Int64, count: Int)] = []
        for second in 0..<35 {
            if second < 25 { tally.add(3, .clients) }
            for (limit, count) in tally.takeDue(now: time(Int64(second))) {
                #expect(limit == .clients)
                told.append((Int64(second), count))
            }
        }
        #expect(told.map(\.second) == [0, 10, 20, 30])
        #expect(told.map(\.count) == [3, 30, 30, 12])
    }

    @Test("Of counters that grow, what is new is told")
    func news() {
        var limits = ToldLimits()
        #expect(limits.new([(.clients, 0), (.memory, 5)]).map(\.count) == [5])
        #expect(limits.new([(.clients, 2), (.memory, 5)]).map(\.count) == [2])
        #expect(limits.new([(.clients, 2), (.memory, 5)]).isEmpty)
    }

    @Test("Each says what was reached and what came of it", arguments: NotableLimit.allCases)
    func sentences(_ limit: NotableLimit) {
        let settings = Limits()
        #expect(limit.sentence(1, settings).contains(limit == .refreshes ? "one was" : "1 "))
        #expect(limit.sentence(7, settings).contains("7 "))
    }
}
