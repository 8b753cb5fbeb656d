// Removals that the remote store couldn't take, without a store.

import CacheStorage
import Testing

@Suite("Undelivered removals")
struct UndeliveredRemovalsTests {
    private func keys(_ numbers: Range<UInt8>) -> [CacheKey] {
        numbers.map { CacheKey(high: UInt64($0), low: 7) }
    }

    @Test("Each key is taken once, however often it was kept")
    func takesOnce() {
        let removals = UndeliveredRemovals()
        #expect(removals.isEmpty && removals.take(atMost: 10).isEmpty)
        removals.keep(keys(0..<5))
        removals.keep(keys(3..<8))
        #expect(removals.figures == UndeliveredFigures(waiting: 8, kept: 8, lost: 0))
        let first = removals.take(atMost: 3)
        let rest = removals.take(atMost: 100)
        #expect(first.count == 3 && Set(first + rest) == Set(keys(0..<8)))
        #expect(removals.isEmpty)
    }

    @Test("What doesn't fit is counted, and what was there stays")
    func isBounded() {
        let removals = UndeliveredRemovals(limit: 4)
        removals.keep(keys(0..<3))
        removals.keep(keys(2..<9))
        removals.noteLost(2)
        #expect(removals.figures == UndeliveredFigures(waiting: 4, kept: 4, lost: 7))
        #expect(Set(keys(0..<3)).isSubset(of: Set(removals.take(atMost: 9))))
    }
}
