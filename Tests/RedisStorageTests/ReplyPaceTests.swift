// When lookups are not begun because the server replies slowly: the decision without sockets, and with a real server behind a
// relay that delays its replies.

import CacheStorage
import TestSupport
import Testing

@testable import RedisStorage

/// In a box, so that what is expected of it may change it.
private final class Pace {
    private var value: ReplyPace
    init(timeout: Int64) { value = ReplyPace(timeout: timeout) }
    var isSlow: Bool { value.isSlow }
    var pause: Int64 { value.pause }
    func note(age: Int64, now: Int64) -> Bool { value.note(age: age, now: now) }
    func note(replyAfter latency: Int64, now: Int64) -> Bool { value.note(replyAfter: latency, now: now) }
    func note(probeAfter latency: Int64, now: Int64) { value.note(probeAfter: latency, now: now) }
}

@Suite("Redis connection: the pace of replies")
struct ReplyPaceTests {
    @Test("A server that replies quickly is never slow, and one late reply doesn't make it so")
    func quick() {
        let pace = Pace(timeout: 250)
        for now in 0..<1000 {
            #expect(!pace.note(replyAfter: 2, now: Int64(now)))
            #expect(!pace.note(age: 100, now: Int64(now)))
        }
        #expect(!pace.note(replyAfter: 240, now: 1000))
        for now in 1001..<1010 { #expect(!pace.note(replyAfter: 2, now: Int64(now))) }
        #expect(!pace.isSlow)
    }

    @Test("It is slow once the oldest command has waited for half of the timeout")
    func age() {
        let pace = Pace(timeout: 250)
        #expect(!pace.note(age: 125, now: 0))
        #expect(pace.note(age: 126, now: 0))
        #expect(pace.isSlow)
        // Told once.
        #expect(!pace.note(age: 200, now: 1))
    }

    @Test("It is slow once replies take more than a quarter of the timeout on average")
    func mean() {
        let pace = Pace(timeout: 250)
        var count = 0
        while !pace.note(replyAfter: 100, now: Int64(count * 100)), count < 100 { count += 1 }
        #expect(3...20 ~= count)
        let other = Pace(timeout: 250)
        for now in 0..<100 { #expect(!other.note(replyAfter: 60, now: Int64(now * 60))) }
    }

    @Test("It is quick again once a PING is replied to quickly")
    func recovers() {
        let pace = Pace(timeout: 250)
        #expect(pace.note(age: 200, now: 0))
        pace.note(probeAfter: 100, now: 100)
        #expect(pace.isSlow)
        pace.note(probeAfter: 3, now: 200)
        #expect(!pace.isSlow)
        #expect(!pace.note(replyAfter: 3, now: 201))
    }

    @Test("The pauses between PINGs grow while it is slow over and over, and start over when it was quick for a while")
    func pauses() {
        let pace = Pace(timeout: 250)
        var pauses: [Int64] = []
        for round in 0..<8 {
            let now = Int64(round * 100)
            #expect(pace.note(age: 200, now: now))
            pauses.append(pace.pause)
            pace.note(probeAfter: 1, now: now + 50)
        }
        #expect(pauses == [31, 62, 124, 248, 496, 992, 1000, 1000])
        #expect(pace.note(age: 200, now: 100_000))
        #expect(pace.pause == 31)
    }

    @Test("With the shortest timeout a reply within its millisecond is quick")
    func shortest() {
        let pace = Pace(timeout: 1)
        for now in 0..<100 { #expect(!pace.note(replyAfter: 1, now: Int64(now))) }
    }
}

@Suite("Redis store: a slow server", .enabled(if: RedisServer.isInstalled))
struct SlowServerTests {
    private func begin(_ world: RedisWorld, _ collector: AnswerCollector, _ text: String) -> LookupStart {
        world.redis.lookup(
            CacheKey(standInFor: text), keyText: text.utf8.span, now: world.now, receiver: collector, token: 1)
    }

    private func isShed(_ start: LookupStart) -> Bool { if case .failed(.tooSlow) = start { true } else { false } }

    private func play(timeout: Int64, _ body: (RedisWorld, DelayingRelay) -> Void) throws {
        let server = try RedisServer()
        let relay = try DelayingRelay(to: .unix(server.socketPath))
        defer { relay.stop() }
        var settings = RedisSettings(
            place: .tcp(host: "127.0.0.1", port: relay.port), prefix: "test:", timeoutMilliseconds: timeout)
        settings.hangMilliseconds = 20_000
        let world = RedisWorld(settings)
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        body(world, relay)
    }

    @Test("Lookups are not begun while replies take long, writes are sent, and hits come back by themselves")
    func slow() throws {
        try play(timeout: 4000) { world, relay in
            relay.delay = 1.5
            let collector = AnswerCollector()
            for number in 0..<20 { #expect(!isShed(begin(world, collector, "\(number)"))) }
            // Their replies come; they tell how slow it is.
            world.work { collector.results.count == 20 }
            #expect(isShed(begin(world, collector, TestRecord().keyText)))
            #expect(world.redis.figures.shedLookups == 1 && world.redis.figures.timeouts == 0)
            #expect(world.isUp)
            world.keep(TestRecord(keyText: "meanwhile"))
            relay.delay = 0
            world.work { !isShed(begin(world, collector, TestRecord().keyText)) }
            world.work { collector.results.count > 20 }
            #expect(world.find(TestRecord()) != nil && world.find(TestRecord(keyText: "meanwhile")) != nil)
            #expect(world.redis.figures.connects == 1)
        }
    }

    @Test("Lookups are not begun once the oldest command has waited too long, which happens before its timeout")
    func stalled() throws {
        try play(timeout: 8000) { world, relay in
            relay.delay = 7
            let collector = AnswerCollector()
            var isAnyShed = false
            for number in 0..<70 where !isAnyShed {
                isAnyShed = isShed(begin(world, collector, "\(number)"))
                _ = world.work(atMost: 100)
            }
            #expect(isAnyShed)
            #expect(collector.results.isEmpty && world.isUp)
        }
    }
}
