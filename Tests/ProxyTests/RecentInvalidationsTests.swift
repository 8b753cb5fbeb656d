import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// Which fetches a drop overtook, exactly while it is remembered and carefully when it is not.

@Suite("Recent invalidations")
struct RecentInvalidationsTests {
    private func key(_ number: Int) -> CacheKey { CacheKey(high: UInt64(number), low: 0) }

    @Test("A fetch that began before the drop of its key is overtaken, one that began after is not")
    func order() {
        let invalidations = RecentInvalidations()
        let before = invalidations.now
        invalidations.note([key(1)], at: 1_000)
        #expect(invalidations.overtook(key(1), since: before))
        #expect(!invalidations.overtook(key(1), since: invalidations.now))
        #expect(!invalidations.overtook(key(2), since: before))
    }

    @Test("A second drop of the same key counts anew")
    func again() {
        let invalidations = RecentInvalidations()
        invalidations.note([key(1)], at: 1_000)
        let between = invalidations.now
        #expect(!invalidations.overtook(key(1), since: between))
        invalidations.note([key(1)], at: 1_000)
        #expect(invalidations.overtook(key(1), since: between))
    }

    @Test("When a drop is forgotten, every fetch that began before it counts as overtaken, and later ones don't")
    func horizon() {
        let invalidations = RecentInvalidations()
        let before = invalidations.now
        for number in 0..<5000 { invalidations.note([key(number)], at: Int64(number)) }
        #expect(invalidations.overtook(key(9_999), since: before))
        #expect(!invalidations.overtook(key(9_999), since: invalidations.now))
        #expect(!invalidations.overtook(key(0), since: invalidations.now))
    }

    @Test("What was requested before a drop is covered by it, what came later is not")
    func times() {
        let invalidations = RecentInvalidations()
        #expect(!invalidations.covers(key(1), requestedAt: Instant(milliseconds: 0)))
        invalidations.note([key(1)], at: 1_000)
        #expect(invalidations.covers(key(1), requestedAt: Instant(milliseconds: 999)))
        #expect(!invalidations.covers(key(1), requestedAt: Instant(milliseconds: 1_000)))
        #expect(!invalidations.covers(key(2), requestedAt: Instant(milliseconds: 999)))
        for number in 0..<5_000 { invalidations.note([key(number)], at: Int64(2_000 + number)) }
        // Those before the horizon can't be told any more.
        #expect(invalidations.covers(key(9_999), requestedAt: Instant(milliseconds: 2_000)))
        #expect(!invalidations.covers(key(9_999), requestedAt: Instant(milliseconds: 9_000)))
    }
}
