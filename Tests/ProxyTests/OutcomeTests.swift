import HTTPWire
import Testing

@testable import Proxy

@Suite("Outcomes: the one table of how requests end")
struct OutcomeTests {
    @Test("Every slug is its own, and can stand in a URN and in a label")
    func slugs() {
        let slugs = Outcome.allCases.map { "\($0.slug)" }
        #expect(Set(slugs).count == slugs.count)
        for slug in slugs { #expect(slug.wholeMatch(of: /[a-z]+(-[a-z0-9]+)*/) != nil, "\(slug)") }
    }

    @Test("A refusal has an error's status, with a phrase, and every end has its sentence", arguments: Outcome.allCases)
    func statuses(outcome: Outcome) {
        #expect(outcome.status == 0 || (400..<600).contains(outcome.status))
        if outcome.status != 0 { #expect("\(statusText(outcome.status))" != "Error") }
        #expect("\(outcome.sentence)".count > 10)
    }

    @Test("Each verdict of the cache ends in the outcome of its name")
    func verdicts() {
        for verdict in CacheVerdict.allCases where verdict != .none {
            #expect("\(verdict.outcome.slug)" == "\(verdict.text)".lowercased())
        }
        #expect(CacheVerdict.none.outcome == .own)
    }

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
