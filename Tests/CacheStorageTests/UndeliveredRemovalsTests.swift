// Removals that the remote store couldn't take, without a store.

import CacheStorage
import Synchronization
import Testing

@Suite("Undelivered removals")
struct UndeliveredRemovalsTests {
    private func key(_ number: Int) -> CacheKey { CacheKey(high: UInt64(number), low: 9) }

    private func keys(_ numbers: Range<UInt8>) -> [CacheKey] {
        numbers.map { CacheKey(high: UInt64($0), low: 7) }
    }

    @Test("Each key is taken once, however often it was kept")
    func takesOnce() {
        let removals = UndeliveredRemovals {}
        #expect(removals.isEmpty && removals.take(atMost: 10).isEmpty)
        removals.keep(keys(0..<5))
        removals.keep(keys(3..<8))
        #expect(removals.figures == UndeliveredFigures(waiting: 8, kept: 8, lost: 0))
        let first = removals.take(atMost: 3)
        let rest = removals.take(atMost: 100)
        #expect(first.count == 3 && Set(first + rest) == Set(keys(0..<8)))
        #expect(removals.isEmpty)
    }

    @Test("Where there are too many, everything is purged instead, and later ones are kept again")
    func isBounded() {
        let purges = Atomic<Int>(0)
        let removals = UndeliveredRemovals(limit: 4) { purges.wrappingAdd(1, ordering: .relaxed) }
        removals.keep(keys(0..<3))
        removals.keep(keys(2..<4))
        #expect(purges.load(ordering: .relaxed) == 0)
        removals.keep(keys(2..<9))
        removals.noteLost(2, because: .notPermitted)
        #expect(purges.load(ordering: .relaxed) == 1 && removals.isEmpty)
        removals.keep(keys(9..<10))
        #expect(
            removals.figures
                == UndeliveredFigures(
                    waiting: 1, kept: 6, lost: 2, refused: 2, refusal: .notPermitted, folded: 1))
        #expect(removals.take(atMost: 9) == keys(9..<10))
    }

    @Test(
        "Where another server takes its place, what the store removed lately is removed once more, and older removals aren't"
    )
    func repeatsRecent() {
        let removals = UndeliveredRemovals {}
        let first = removals.nextMaster(now: 0)
        removals.noteDone([key(1)], taken: false, by: first, now: 0)
        removals.noteDone([key(2), key(3)], taken: false, by: first, now: 100_000)
        #expect(removals.isEmpty)
        let second = removals.nextMaster(now: 110_000)
        #expect(Set(removals.take(atMost: 10)) == [key(2), key(3)])
        #expect(removals.figures.waiting == 2, "until it is known what became of them")
        #expect(removals.figures.repeated == 2)
        removals.noteDone([key(2), key(3)], taken: true, by: second, now: 110_010)
        #expect(removals.figures.waiting == 0)
    }

    @Test("What the server before has removed counts as not removed")
    func byTheServerBefore() {
        let removals = UndeliveredRemovals {}
        let first = removals.nextMaster(now: 0)
        let second = removals.nextMaster(now: 10)
        removals.noteDone([key(1)], taken: false, by: first, now: 20)
        #expect(removals.take(atMost: 10) == [key(1)])
        // It isn't told again, and wouldn't be believed either.
        removals.keep([key(1)], taken: true)
        #expect(removals.take(atMost: 10, for: first).isEmpty)
        #expect(removals.take(atMost: 10, for: second) == [key(1)])
        removals.noteDone([key(1)], taken: true, by: first, now: 30)
        #expect(removals.take(atMost: 10) == [key(1)])
        removals.noteDone([key(1)], taken: true, by: second, now: 40)
        #expect(removals.isEmpty)
        #expect(removals.figures == UndeliveredFigures(waiting: 0, kept: 0, lost: 0, repeated: 2))
    }

    @Test("Recent removals are bounded: the oldest are forgotten first")
    func recentLimit() {
        let removals = UndeliveredRemovals(limit: 4) {}
        let first = removals.nextMaster(now: 0)
        for number in 0..<100 { removals.noteDone([key(number)], taken: false, by: first, now: 0) }
        _ = removals.nextMaster(now: 1)
        #expect(Set(removals.take(atMost: 100)) == Set((96..<100).map(key)))
    }

    @Test("A store that is always the same remembers nothing")
    func single() {
        let removals = UndeliveredRemovals {}
        removals.noteDone([key(1)], taken: false, by: 0, now: 0)
        _ = removals.nextMaster(now: 1)
        #expect(removals.isEmpty)
    }
}
