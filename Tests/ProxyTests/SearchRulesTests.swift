import CacheStorage
import HTTPCaching
import Routing
import Testing

@testable import Proxy

// What is remembered of No-Vary-Search, and since when.

@Suite("Rules of No-Vary-Search, by path")
struct SearchRulesTests {
    private func path(_ number: Int) -> CacheKey { CacheKey(high: UInt64(number), low: 0) }

    private func rule(_ field: String) -> NoVarySearch {
        let bytes = Array(field.utf8)
        return NoVarySearch(field: bytes.span)
    }

    private func at(_ seconds: Int64) -> Instant { Instant(secondsSinceEpoch: seconds) }

    private let utm = "params=(\"utm\")"

    @Test("Nothing is known at first, then what was noted, of that path alone")
    func noted() {
        let rules = SearchRules()
        #expect(rules.isEmpty && rules.rule(of: path(1)) == nil)
        let made = rules.note(rule(utm), of: path(1), requestTime: at(10), now: at(11))
        #expect(!rules.isEmpty && rules.rule(of: path(1)) === made && rules.rule(of: path(2)) == nil)
        #expect(made.rule == rule(utm) && made.knownSince == at(10))
        #expect(String(decoding: made.text, as: UTF8.self) == utm)
    }

    @Test("The same rule noted again stays the one that it was")
    func again() {
        let rules = SearchRules()
        let made = rules.note(rule(utm), of: path(1), requestTime: at(10), now: at(11))
        #expect(rules.note(rule("params=( \"utm\" )"), of: path(1), requestTime: at(20), now: at(21)) === made)
    }

    @Test("Another rule takes its place; what was stored by the first is out of use, though it comes back")
    func replaced() {
        let rules = SearchRules()
        _ = rules.note(rule(utm), of: path(1), requestTime: at(10), now: at(11))
        let other = rules.note(rule("except=()"), of: path(1), requestTime: at(20), now: at(21))
        #expect(rules.rule(of: path(1)) === other && other.knownSince == at(20))
        let back = rules.note(rule(utm), of: path(1), requestTime: at(15), now: at(30))
        #expect(back.knownSince == at(21))
    }

    @Test("A removed rule that comes back counts from its removal on at the earliest")
    func removed() {
        let rules = SearchRules()
        let first = rules.note(rule(utm), of: path(1), requestTime: at(10), now: at(11))
        rules.remove(first, of: path(1), now: at(20))
        #expect(rules.isEmpty && rules.rule(of: path(1)) == nil)
        let second = rules.note(rule(utm), of: path(1), requestTime: at(12), now: at(30))
        #expect(second.knownSince == at(20))
        // Somebody who still goes by the first has no say in the second.
        rules.remove(first, of: path(1), now: at(31))
        #expect(rules.rule(of: path(1)) === second)
    }

    @Test("A clock that was set back doesn't leave a rule unused")
    func clock() {
        let rules = SearchRules()
        _ = rules.note(rule(utm), of: path(1), requestTime: at(1000), now: at(1000))
        #expect(rules.note(rule(utm), of: path(1), requestTime: at(10), now: at(11)).knownSince == at(10))
    }

    @Test("There are never more than the limit; those noted least recently go first")
    func bounded() {
        let rules = SearchRules(limit: 8)
        for number in 0..<8 { _ = rules.note(rule(utm), of: path(number), requestTime: at(1), now: at(1)) }
        _ = rules.note(rule(utm), of: path(0), requestTime: at(2), now: at(2))
        _ = rules.note(rule(utm), of: path(8), requestTime: at(3), now: at(3))
        let known = (0...8).filter { rules.rule(of: path($0)) != nil }
        #expect(known.count <= 8 && known.contains(0) && known.contains(7) && known.contains(8) && !known.contains(1))
        // What was forgotten counts from then on when it is back.
        #expect(rules.note(rule(utm), of: path(1), requestTime: at(2), now: at(4)).knownSince == at(3))
    }
}
