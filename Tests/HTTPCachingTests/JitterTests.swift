import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("Jitter: lifetimes that end apart")
struct JitterTests {
    private let explicit: Fields = [(.cacheControl, "max-age=1000, stale-while-revalidate=30")]

    private func lifetime(
        _ percentage: UInt8, _ number: UInt64, _ fields: Fields = [], _ change: (inout RoutePolicy) -> Void = { _ in }
    ) -> Int64? {
        let policy = policy {
            $0.timeout = 1_000
            $0.shortening = Shortening(upTo: percentage, by: number)
            change(&$0)
        }
        return store(response(200, fields), policy).facts?.lifetime.count
    }

    @Test("A lifetime gets shorter by up to the share, whoever gives it, and never longer", .tags(.choice))
    func range() {
        for fields in [explicit, []] {
            let all = (0..<2_000).compactMap { lifetime(10, UInt64($0) &* 0x9e37_79b9_7f4a_7c15, fields) }
            #expect(all.count == 2_000)
            #expect(all.allSatisfy { (900...1_000).contains($0) })
            #expect(Set(all).count > 90)
            #expect(all.count { $0 < 950 } > 900 && all.count { $0 >= 950 } > 900)
        }
        #expect(lifetime(10, 0) == 1_000 && lifetime(10, .max) == 901)
        #expect(lifetime(0, .max) == 1_000)
        #expect(lifetime(100, .max) == 1)
    }

    @Test("The same key gives the same lifetime each time", .tags(.choice))
    func same() {
        #expect(lifetime(20, 0x1234_5678_9abc_def0) == lifetime(20, 0x1234_5678_9abc_def0))
    }

    @Test(
        "A forced lifetime is counted from now, so that an age that the response arrived with costs nothing of it",
        .tags(.choice))
    func forced() {
        let facts = store(
            response(200, [(.age, "500")]),
            policy {
                $0.timeout = 1_000
                $0.mode = .force
                $0.shortening = Shortening(upTo: 50, by: .max)
            }
        ).facts
        #expect(facts?.lifetime.count == 1_001)
    }

    @Test("Short lifetimes stay, and nothing else changes", .tags(.choice))
    func others() {
        let shortened = policy {
            $0.timeout = 1_000
            $0.shortening = Shortening(upTo: 50, by: .max)
        }
        let (with, without) = (store(response(200, explicit), shortened), store(response(200, explicit), policy()))
        var expected = without.facts
        expected?.lifetime = 501
        #expect(with.facts == expected)
        #expect(store(response(200, [(.cacheControl, "max-age=1")]), shortened).facts?.lifetime == 1)
        let validated = response(200, [(.cacheControl, "max-age=0"), (.etag, "\"x\"")])
        #expect(store(validated, shortened).facts?.lifetime == 0)
        #expect(store(response(200, [(.cacheControl, "no-store")]), shortened).reason == .responseNoStore)
    }

    @Test("The largest lifetime doesn't overflow", .tags(.choice))
    func largest() {
        let greatest = StoredFacts.greatestLifetime
        #expect(Shortening(upTo: 100, by: .max).applied(to: greatest) > .zero)
        #expect(Shortening(upTo: 1, by: .max).applied(to: greatest) < greatest)
    }
}
