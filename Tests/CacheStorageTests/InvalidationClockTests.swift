import HTTPCaching
import Testing

@testable import CacheStorage

// What an invalidation has overtaken and covers: exact while it is remembered, conservative once it isn't.

private func key(_ number: Int) -> InvalidationName { .key(CacheKey(high: UInt64(number), low: 0)) }

private func tag(_ name: String) -> InvalidationName { .tag(name.utf8.span) }

private func group(
    _ name: String, _ scheme: String = "http", _ authority: String = "api.example"
) -> InvalidationName {
    .group(name.utf8.span, of: GroupOrigin(scheme: scheme.utf8.span, authority: authority.utf8.span))
}

private func at(_ time: Int) -> WallTime { WallTime(milliseconds: Int64(time)) }

extension InvalidationClock {
    fileprivate func covers(_ name: InvalidationName, _ time: Int) -> Bool {
        covers(name, requestedAt: Instant(milliseconds: Int64(time)))
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

    @Test("When one is forgotten, every fetch that began before it counts as overtaken, and later ones don't")
    func horizon() {
        let before = clock.now
        for number in 0..<5_000 { clock.note([key(number)], at: at(number)) }
        #expect(clock.overtook(key(9_999), since: before))
        #expect(!clock.overtook(key(9_999), since: clock.now))
        #expect(!clock.overtook(key(0), since: clock.now))
        #expect(!clock.remembers(key(0)) && clock.remembers(key(4_999)))
    }

    @Test("A record requested before the invalidation is covered by it, one requested at its time or later is not")
    func times() {
        #expect(!clock.covers(key(1), 0))
        clock.note([key(1)], at: at(1_000))
        #expect(clock.covers(key(1), 999) && !clock.covers(key(1), 1_000) && !clock.covers(key(2), 999))
        for number in 0..<5_000 { clock.note([key(number)], at: at(2_000 + number)) }
        // Those before the horizon can't be distinguished any more.
        #expect(clock.covers(key(9_999), 2_000) && !clock.covers(key(9_999), 9_000))
    }
}

@Suite("RFC 9875 §3: the clock of invalidations: groups and tags")
struct GroupInvalidationTests {
    private let clock = InvalidationClock()

    @Test("At first nothing is invalidated")
    func empty() {
        #expect(clock.isEmpty(.groups) && clock.isEmpty(.keys))
        #expect(!clock.covers(tag("a"), .min + 1) && !clock.covers(tag("a"), 0))
    }

    @Test(
        "A record requested up to the time of the invalidation is covered, a later one isn't, nor is another name"
    )
    func moment() {
        let before = clock.now
        clock.note([tag("a")], at: at(1_000))
        #expect(!clock.isEmpty(.groups) && clock.isEmpty(.keys))
        #expect(clock.covers(tag("a"), 999) && clock.covers(tag("a"), 1_000) && !clock.covers(tag("a"), 1_001))
        #expect(!clock.covers(tag("b"), 999) && !clock.covers(tag(""), 999) && !clock.covers(tag("aa"), 999))
        #expect(clock.overtook(tag("a"), since: before) && !clock.overtook(tag("a"), since: clock.now))
    }

    @Test(
        "Of two invalidations the later counts, in whichever order they are noted",
        arguments: [[1_000, 2_000], [2_000, 1_000]])
    func later(times: [Int]) {
        for time in times { clock.note([tag("a")], at: at(time)) }
        #expect(clock.covers(tag("a"), 2_000) && !clock.covers(tag("a"), 2_001))
    }

    @Test("When one is forgotten, every record requested before it counts as invalidated, whatever its name")
    func horizon() {
        for number in 0..<16_384 { clock.note([tag("\(number)")], at: at(number)) }
        #expect(!clock.covers(tag("other"), 0) && clock.covers(tag("0"), 0) && !clock.covers(tag("0"), 1))
        for number in 0..<100 { clock.note([tag("more \(number)")], at: at(50_000)) }
        #expect(clock.covers(tag("other"), 99) && !clock.covers(tag("other"), 100))
        #expect(clock.covers(tag("100"), 100) && !clock.covers(tag("100"), 101))
        #expect(clock.covers(tag("more 0"), 50_000))
    }

    @Test("Forgotten keys cover nothing of a group, and forgotten groups nothing of a key")
    func families() {
        let before = clock.now
        clock.note([tag("a")], at: at(0))
        for number in 0..<5_000 { clock.note([key(number)], at: at(10_000)) }
        #expect(!clock.covers(tag("b"), 5) && !clock.overtook(tag("b"), since: before))
        let other = InvalidationClock()
        other.note([key(1)], at: at(0))
        for number in 0..<20_000 { other.note([tag("\(number)")], at: at(10_000)) }
        #expect(!other.covers(key(2), 5) && !other.overtook(key(2), since: before))
        #expect(other.covers(tag("b"), 5) && other.overtook(tag("b"), since: before))
    }
}

@Suite("The names of what is invalidated")
struct InvalidationNameTests {
    @Test("A group belongs to one origin: its scheme and its case-insensitive authority are part of the name")
    func groups() {
        let own = group("news")
        #expect(own == group("news", "http", "API.Example"))
        #expect(own != group("News"))
        #expect(own != group("news", "https"))
        #expect(own != group("news", "http", "api.example:8080"))
    }

    @Test("No tag has the name of a group, nor another tag's")
    func tags() {
        #expect(tag("news") != group("news"))
        #expect(tag("ghttp api.example news") != group("news"))
        #expect(tag("a") != tag("A"))
    }

    @Test("Names that differ by a zero byte at their end, in their length or in one bit are not the same")
    func close() {
        var names: Set<InvalidationName> = []
        var count = 0
        for length in 0..<40 {
            let zeros = [UInt8](repeating: 0, count: length)
            names.insert(.tag(zeros.span))
            count += 1
            for place in zeros.indices {
                for bit in 0..<8 {
                    var bytes = zeros
                    bytes[place] = 1 << bit
                    names.insert(.tag(bytes.span))
                    count += 1
                }
            }
        }
        #expect(names.count == count)
    }
}

/// What the clock must return, written as plainly as possible: a list of all invalidations in order.
private struct PlainClock {
    struct Invalidation {
        let name: InvalidationName
        let moment: InvalidationMoment
        let time: Int
    }

    let limit: Int
    let isGroups: Bool
    /// Names in the order in which they were first noted since they were last forgotten.
    var remembered: [InvalidationName] = []
    var all: [InvalidationName: [Invalidation]] = [:]
    var forgotten: [Invalidation] = []

    mutating func note(_ name: InvalidationName, _ moment: InvalidationMoment, _ time: Int) {
        if all[name] == nil {
            remembered.append(name)
            if remembered.count > limit {
                let gone = remembered.removeFirst()
                let last = all.removeValue(forKey: gone)!
                forgotten.append(
                    Invalidation(name: gone, moment: last.last!.moment, time: effectiveTime(last)))
            }
        }
        all[name, default: []].append(Invalidation(name: name, moment: moment, time: time))
    }

    private func effectiveTime(_ list: [Invalidation]) -> Int {
        isGroups ? list.map(\.time).max()! : list.last!.time
    }

    func overtook(_ name: InvalidationName, _ moment: InvalidationMoment) -> Bool {
        forgotten.contains { moment < $0.moment } || all[name]?.contains { $0.moment > moment } == true
    }

    func covers(_ name: InvalidationName, _ time: Int) -> Bool {
        let times = forgotten.map(\.time) + (all[name].map { [effectiveTime($0)] } ?? [])
        return times.contains { isGroups ? time <= $0 : time < $0 }
    }
}

@Suite("The clock of invalidations beside a plain model")
struct InvalidationClockTests {
    @Test(
        "After any sequence of invalidations the clock agrees with the model", arguments: [1, 2, 3])
    func model(seed: UInt64) {
        var random = SplitMix(state: seed)
        let clock = InvalidationClock()
        var keys = PlainClock(limit: 4_096, isGroups: false)
        var groups = PlainClock(limit: 16_384, isGroups: true)
        // Few names at first, so that they come again; then many, so that they are forgotten.
        let ranges = [40, 40, 6_000, 40]
        var moments = [clock.now]
        for (phase, range) in ranges.enumerated() {
            for step in 0..<(range == 40 ? 300 : range) {
                let isGroup = random.next() % 4 == 0
                // Every number once in the long phase, so that the bound of keys is passed.
                let number = range == 40 ? Int(random.next() % 40) : step
                let name = isGroup ? (number % 2 == 0 ? tag("\(number)") : group("\(number)")) : key(number)
                // The wall clock is set back now and then.
                let time = phase * 7_000 + step + (random.next() % 16 == 0 ? -500 : 0)
                clock.note([name], at: at(time))
                if isGroup { groups.note(name, clock.now, time) } else { keys.note(name, clock.now, time) }
                if random.next() % 64 == 0 { moments.append(clock.now) }
                if range == 40 || step % 64 == 0 {
                    let asked = Int(random.next() % 60)
                    let since = moments[Int(random.next() % UInt64(moments.count))]
                    let then = time - Int(random.next() % 600) + 100
                    #expect(clock.overtook(key(asked), since: since) == keys.overtook(key(asked), since))
                    #expect(clock.covers(key(asked), then) == keys.covers(key(asked), then))
                    #expect(clock.covers(key(asked), time) == keys.covers(key(asked), time))
                    for name in [tag("\(asked)"), group("\(asked)")] {
                        #expect(clock.overtook(name, since: since) == groups.overtook(name, since))
                        #expect(clock.covers(name, then) == groups.covers(name, then))
                        #expect(clock.covers(name, time) == groups.covers(name, time))
                    }
                }
            }
        }
        #expect(!keys.forgotten.isEmpty)
    }
}
