import CacheStorage
import Proxy
import Testing

// Which fetches a drop overtook, exactly while it is remembered and carefully when it is not.

@Suite("Recent invalidations")
struct RecentInvalidationsTests {
    private func key(_ number: Int) -> CacheKey { CacheKey(high: UInt64(number), low: 0) }

    @Test("A fetch that began before the drop of its key is overtaken, one that began after is not")
    func order() {
        let invalidations = RecentInvalidations()
        let before = invalidations.now
        invalidations.note([key(1)])
        #expect(invalidations.overtook(key(1), since: before))
        #expect(!invalidations.overtook(key(1), since: invalidations.now))
        #expect(!invalidations.overtook(key(2), since: before))
    }

    @Test("A second drop of the same key counts anew")
    func again() {
        let invalidations = RecentInvalidations()
        invalidations.note([key(1)])
        let between = invalidations.now
        #expect(!invalidations.overtook(key(1), since: between))
        invalidations.note([key(1)])
        #expect(invalidations.overtook(key(1), since: between))
    }

    @Test("When a drop is forgotten, every fetch that began before it counts as overtaken, and later ones don't")
    func horizon() {
        let invalidations = RecentInvalidations()
        let before = invalidations.now
        for number in 0..<5000 { invalidations.note([key(number)]) }
        #expect(invalidations.overtook(key(9_999), since: before))
        #expect(!invalidations.overtook(key(9_999), since: invalidations.now))
        #expect(!invalidations.overtook(key(0), since: invalidations.now))
    }
}
