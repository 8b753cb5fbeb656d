import Testing

@testable import HTTPCaching

@Suite("Route policy: early refresh")
struct EarlyRefreshTests {
    /// A response whose fetch took `cost` milliseconds, with `life` seconds to live from its arrival.
    private func stored(life: Int64, cost: Int64, age: Int64 = 0, directives: String = "") -> StoredFacts {
        let fields: Fields = [
            (.cacheControl, "max-age=\(life + age)" + directives), (.age, "\(age)"), (.etag, "\"a\""),
        ]
        let asked = Instant(milliseconds: arrival.milliseconds - cost)
        return store(response(200, fields), requestTime: asked).facts!
    }

    private func refreshes(
        _ facts: StoredFacts, left: Int64, percentage: UInt8 = 10, random: UInt32 = 0
    ) -> Bool {
        let end = arrival.milliseconds + facts.freshMilliseconds
        let now = Instant(milliseconds: end - left)
        return refreshesEarly(stored: facts, percentage: percentage, now: now, random: random)
    }

    /// The smallest share of 2^32 for which no refresh starts, to a thousandth.
    private func chance(_ facts: StoredFacts, left: Int64, percentage: UInt8 = 10) -> Double {
        let thousandths = (0..<1000).prefix { thousandth in
            refreshes(facts, left: left, percentage: percentage, random: UInt32(UInt64(thousandth) << 32 / 1000))
        }
        return Double(thousandths.count) / 1000
    }

    @Test("A refresh starts only in the last part of the lifetime", .tags(.choice))
    func window() {
        let facts = stored(life: 100, cost: 20)
        #expect(!refreshes(facts, left: 100_000) && !refreshes(facts, left: 10_001))
        #expect(refreshes(facts, left: 9_999))
        #expect(!refreshes(facts, left: 50_000, percentage: 0) && !refreshes(facts, left: 1, percentage: 0))
    }

    @Test("The probability grows linearly, and reaches one while a fetch would still be in time", .tags(.choice))
    func growth() {
        let facts = stored(life: 100, cost: 20)
        #expect(chance(facts, left: 10_000) <= 0.001)
        #expect(abs(chance(facts, left: 7_500) - 0.25) < 0.01)
        #expect(abs(chance(facts, left: 5_000) - 0.5) < 0.01)
        #expect(refreshes(facts, left: 40, random: .max) && refreshes(facts, left: 1, random: .max))
        #expect(!refreshes(facts, left: 60, random: .max))
    }

    @Test(
        "A refresh may start at four times the duration of the fetch before the end, and must start at twice",
        .tags(.choice))
    func cost() {
        let facts = stored(life: 10, cost: 800)
        #expect(!refreshes(facts, left: 3_201, percentage: 1) && refreshes(facts, left: 3_199, percentage: 1))
        #expect(refreshes(facts, left: 1_600, percentage: 1, random: .max))
        #expect(!refreshes(facts, left: 1_601, percentage: 1, random: .max))
    }

    @Test("A response with a lifetime shorter than two fetches is refreshed at once", .tags(.choice))
    func shortLife() {
        let facts = stored(life: 1, cost: 600)
        #expect(refreshes(facts, left: 1_000, random: .max))
    }

    @Test("The percentage is of the lifetime left on arrival", .tags(.choice))
    func age() {
        let facts = stored(life: 100, cost: 0, age: 10_000)
        #expect(!refreshes(facts, left: 10_001) && refreshes(facts, left: 9_999))
    }

    @Test("A response that is stale, or validated before each use, is not refreshed early", .tags(.choice))
    func excluded() {
        let facts = stored(life: 10, cost: 800)
        #expect(!refreshes(facts, left: 0) && !refreshes(facts, left: -1))
        #expect(!refreshes(stored(life: 10, cost: 800, directives: ", no-cache"), left: 1))
    }

    @Test("No clock, lifetime or cost traps", .tags(.choice))
    func extremes() {
        var facts = stored(life: 2_147_483_648, cost: 0)
        for now in [Int64.min, -1, 0, arrival.milliseconds, .max] {
            for asked in [Int64.min, 0, .max] {
                facts.requestTime = Instant(milliseconds: asked)
                for percentage in [UInt8.min, 1, 100, .max] {
                    _ = refreshesEarly(
                        stored: facts, percentage: percentage, now: Instant(milliseconds: now), random: .max)
                }
            }
        }
    }
}
