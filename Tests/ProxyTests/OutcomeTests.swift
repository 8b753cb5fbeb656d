import HTTPSemantics
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
        if outcome.status != 0 { #expect(ReasonPhrase.registered(outcome.status) != nil) }
        #expect("\(outcome.sentence)".count > 10)
    }

    @Test("Each verdict of the cache ends in the outcome of its name")
    func verdicts() {
        for verdict in CacheVerdict.allCases where verdict != .none {
            #expect("\(verdict.outcome.slug)" == "\(verdict.text)".lowercased())
        }
        #expect(CacheVerdict.none.outcome == .own)
    }
}
