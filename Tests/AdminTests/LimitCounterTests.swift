import HTTPWire
import Proxy
import Testing

@testable import Admin

@Suite("Limits: how often each was reached")
struct LimitCounterTests {
    @Test("No limit is counted twice under one name")
    func limits() {
        let names = LimitCounter.all.map { "\($0.name)" }
        #expect(Set(names).count == names.count)
    }

    @Test("A limit counts what its fault and its outcome count, and nothing else")
    func limitCounts() throws {
        var counters = Counters()
        counters.wireFaults[Int(WireError.Reason.contentTooLarge.rawValue)] = 2
        counters.outcomes[Int(Outcome.bodyTooLarge.rawValue)] = 3
        counters.wireFaults[Int(WireError.Reason.headTooLarge.rawValue)] = 5
        let counts = LimitCounter.all.map { ("\($0.name)", $0.count(counters)) }.filter { $0.1 > 0 }
        #expect(Dictionary(uniqueKeysWithValues: counts) == ["body": 5, "head": 5])
    }
}
