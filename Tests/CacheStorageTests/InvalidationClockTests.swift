import HTTPCaching
import TestRandomness
import Testing

@testable import CacheStorage

// What an invalidation has overtaken and covers: exact while it is remembered by itself; once it is folded, never less, and
// more only for names that share all of its places.

private func key(_ number: Int) -> CacheKey { CacheKey(high: UInt64(bitPattern: Int64(number)), low: 0) }

private func at(_ time: Int) -> WallTime { WallTime(milliseconds: Int64(time)) }

extension InvalidationClock {
    fileprivate func covers(_ key: CacheKey, _ time: Int) -> Bool {
        covers(key, requestedAt: Instant(milliseconds: Int64(time)))
    }
}

@Suite("RFC 9111 §4.4: the clock of invalidations: keys")
struct KeyInvalidationTests {
    private let clock = InvalidationClock()

    @Test("A fetch that began before its key was invalidated is overtaken, one that began after is not")
    func order() {
        let before = clock.now
        clock.note([key(1)], at: at(1_000))
        #expect(clock.overtook(key(1), since: before))
        #expect(!clock.overtook(key(1), since: clock.now))
        #expect(!clock.overtook(key(2), since: before))
    }

    @Test("A second invalidation of the same key counts again")
    func again() {
        clock.note([key(1)], at: at(1_000))
        let between = clock.now
        #expect(!clock.overtook(key(1), since: between))
        clock.note([key(1)], at: at(1_000))
        #expect(clock.overtook(key(1), since: between))
    }

    @Test("What is overtaken stays so however many other keys are invalidated, and those that weren't don't become it")
    func manyOthers() {
        let before = clock.now
        for number in 0..<200_000 { clock.note([key(number)], at: at(1_000)) }
        let wrong = (1_000_000..<1_001_000).count { clock.overtook(key($0), since: before) }
        #expect(wrong <= 300, "\(wrong) of 1,000 others")
        #expect((0..<200_000).allSatisfy { clock.overtook(key($0), since: before) })
        #expect(!(0..<200_000).contains { clock.overtook(key($0), since: clock.now) })
        #expect(clock.remembers(key(199_999)) && !clock.remembers(key(0)))
        #expect(clock.figures.remembered == 98_304 && clock.figures.folded == 200_000 - 98_304)
    }

    @Test("A record requested before the invalidation is covered by it, one requested at its time or later is not")
    func times() {
        #expect(!clock.covers(key(1), 0))
        clock.note([key(1)], at: at(1_000))
        #expect(clock.covers(key(1), 999) && !clock.covers(key(1), 1_000) && !clock.covers(key(2), 999))
    }

    @Test("Keys whose deletion the store has confirmed cover nothing but themselves, a million of them neither")
    func delivered() {
        let others = (0..<1_000).map { key(10_000_000 + $0) }
        let before = clock.now
        clock.note([key(-1)], at: at(5_000))
        for number in 0..<1_000_000 {
            let moment = clock.note([key(number)], at: at(2_000 + number))
            clock.noteDelivered([CacheKey(high: UInt64(number), low: 0)], at: moment)
        }
        #expect(!others.contains { clock.covers($0, 0) })
        // The one that was not confirmed is remembered.
        #expect(clock.covers(key(-1), 4_999) && clock.overtook(key(-1), since: before))
        // And so is the order of all, for fetches that began before.
        #expect(clock.overtook(key(0), since: before) && clock.overtook(key(999_999), since: before))
    }

    @Test("A confirmation counts for its own invalidation only, not for a later one of the same key")
    func deliveredBefore() {
        let clock = InvalidationClock(InvalidationLimits(names: 2, places: 1 << 10))
        let first = clock.note([key(1)], at: at(1_000))
        clock.note([key(1)], at: at(2_000))
        clock.noteDelivered([CacheKey(high: 1, low: 0)], at: first)
        for number in 2..<5 { clock.note([key(number)], at: at(3_000)) }
        #expect(!clock.remembers(key(1)) && clock.covers(key(1), 1_999))
    }
}

/// What the clock must return, written as plainly as possible: a list of all invalidations in order.
private struct PlainClock {
    struct Invalidation {
        let name: CacheKey
        let moment: InvalidationMoment
        let time: Int
        var isDelivered = false
    }

    var all: [Invalidation] = []

    func overtook(_ name: CacheKey, _ moment: InvalidationMoment) -> Bool {
        all.contains { $0.name == name && moment < $0.moment }
    }

    func covers(_ name: CacheKey, _ time: Int) -> Bool {
        all.contains { $0.name == name && time < $0.time }
    }

    /// As far as somebody could still find a record: not once the store has deleted it.
    func mustCover(_ name: CacheKey, _ time: Int) -> Bool {
        all.contains { $0.name == name && !$0.isDelivered && time < $0.time }
    }
}

@Suite("The clock of invalidations beside a plain model")
struct InvalidationClockTests {
    /// One history of notes, confirmations and questions.
    private struct History {
        var random: SeededGenerator
        let clock: InvalidationClock
        var keys = PlainClock()
        var moments: [InvalidationMoment]
        var time = 1_000
        var falseAlarms = 0
        var questions = 0

        init(seed: UInt64, _ limits: InvalidationLimits) {
            random = SeededGenerator(seed: seed)
            clock = InvalidationClock(limits)
            moments = [clock.now]
        }

        private mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

        /// Notes something; the time of another worker's turn may be a little behind.
        mutating func note(among range: Int) {
            time += pick(3)
            let number = pick(range)
            let name = key(number)
            let noted = time - (pick(8) == 0 ? pick(5) : 0)
            let moment = clock.note([name], at: at(noted))
            let plain = PlainClock.Invalidation(name: name, moment: clock.now, time: noted)
            keys.all.append(plain)
            // Most removals are confirmed, some later, some never.
            if pick(4) != 0 {
                clock.noteDelivered([name], at: moment)
                for index in keys.all.indices where keys.all[index].name == name {
                    keys.all[index].isDelivered = true
                }
            }
            if pick(16) == 0 { moments.append(clock.now) }
        }

        mutating func ask(among range: Int, isExact: Bool) {
            let name = key(pick(range))
            let plain = keys
            let since = moments[pick(moments.count)]
            let then = time - pick(2_000)
            questions += 2
            let (overtook, mustOvertake) = (clock.overtook(name, since: since), plain.overtook(name, since))
            let covers = clock.covers(name, then)
            #expect(overtook || !mustOvertake, "an invalidation is lost")
            #expect(covers || !plain.mustCover(name, then), "an invalidation is lost")
            if overtook && !mustOvertake { falseAlarms += 1 }
            if covers && !plain.covers(name, then) { falseAlarms += 1 }
            if isExact { #expect(falseAlarms == 0) }
        }
    }

    @Test("While every name is remembered by itself the clock agrees with the model", arguments: 1...20)
    func exact(seed: Int) {
        var history = History(seed: UInt64(seed), InvalidationLimits(names: 128, places: 16))
        for _ in 0..<600 {
            history.note(among: 40)
            history.ask(among: 60, isExact: true)
        }
    }

    @Test(
        "Once names are folded nothing that was invalidated is lost, and few others are taken for it", arguments: 1...20
    )
    func folded(seed: Int) {
        var history = History(seed: UInt64(seed), InvalidationLimits(names: 32, places: 1 << 11))
        for _ in 0..<600 {
            history.note(among: 200)
            history.ask(among: 400, isExact: false)
        }
        #expect(history.clock.figures.folded > 0)
        #expect(history.falseAlarms * 100 <= history.questions, "\(history.falseAlarms) of \(history.questions)")
    }

    @Test("Tables that are far too small cause misses, and lose nothing", arguments: 1...10)
    func crowded(seed: Int) {
        var history = History(seed: UInt64(seed), InvalidationLimits(names: 4, places: 4))
        for _ in 0..<400 {
            history.note(among: 200)
            history.ask(among: 400, isExact: false)
        }
    }
}
