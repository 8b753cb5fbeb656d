import CacheStorage
import EventLoop
import RedisStorage
import Testing

import class TestSupport.ScriptedRedis

@Suite("Redis store: concurrent lookups of one key share what is in use")
struct SharedLookupTests {
    private let server: ScriptedRedis
    private let world: RedisWorld
    private let budget = MemoryBudget(bytes: 4 << 20)
    private let liveRecords = LiveRecords()
    private let collector = AnswerCollector()
    private let small = TestRecord(keyText: "small", body: patternedBody(1000))
    /// Eight pieces.
    private let large = TestRecord(keyText: "large", body: patternedBody(1_000_000))

    init() throws {
        server = try ScriptedRedis()
        world = RedisWorld(Self.settings(server), budget: budget, liveRecords: liveRecords)
    }

    private static func settings(_ server: ScriptedRedis) -> RedisSettings {
        var settings = RedisSettings(place: .tcp(host: "127.0.0.1", port: server.port), prefix: "test:")
        settings.timeoutMilliseconds = 60_000
        return settings
    }

    @discardableResult
    private func begin(_ record: TestRecord, token: UInt64 = 0, keyText: String? = nil) -> StoreTicket? {
        let text = keyText ?? record.keyText
        let start = world.redis.lookup(
            record.key, keyText: text.utf8.span, now: world.now, receiver: collector, token: token)
        guard case .pending(let ticket) = start else {
            Issue.record("\(start)")
            return nil
        }
        return ticket
    }

    private var hits: [StoredResponse] {
        collector.results.compactMap { if case .hit(let record) = $0.result { record } else { nil } }
    }

    @Test("Those of one turn share one command and one record, and each gets its result", arguments: [true, false])
    func oneTurn(isLarge: Bool) {
        let record = isLarge ? large : small
        world.keep(record)
        let before = server.count(of: "GETRANGE")
        for token in 0..<500 as Range<UInt64> { begin(record, token: token) }
        world.work { collector.results.count == 500 }
        #expect(server.count(of: "GETRANGE") == before + (isLarge ? 8 : 1))
        #expect(hits.count == 500)
        #expect(hits.allSatisfy { $0 === hits[0] })
        #expect(hits.first?.bodyArray == record.body)
        #expect(Set(collector.results.map(\.token)).count == 500)
        #expect(world.redis.figures.hits == 500)
    }

    @Test("A miss is shared as well")
    func miss() {
        for token in 0..<10 as Range<UInt64> { begin(small, token: token) }
        world.work { collector.results.count == 10 }
        #expect(server.count(of: "GETRANGE") == 1)
        #expect(world.redis.figures.misses == 10)
    }

    @Test("A removal or a write between two lookups of one turn separates them")
    func separated() {
        world.keep(small)
        begin(small, token: 0)
        world.redis.remove([small.key], receiver: nil, token: 0)
        begin(small, token: 1)
        world.redis.store(small.key, TestRecord(keyText: "small", id: 9).make(), now: world.now)
        begin(small, token: 2)
        world.work { collector.results.count == 3 }
        guard case .hit(let first) = collector.results[0].result, case .miss = collector.results[1].result,
            case .hit(let last) = collector.results[2].result
        else {
            Issue.record("\(collector.results)")
            return
        }
        #expect(first.id == small.id)
        #expect(last.id == 9)
    }

    @Test("Whoever cancels gets nothing, and the others get theirs, whoever was first", arguments: 0..<3)
    func cancels(cancelled: Int) {
        world.keep(large)
        let tickets = (0..<3 as Range<UInt64>).map { begin(large, token: $0) }
        world.redis.cancel(tickets[cancelled]!)
        world.work { collector.results.count == 2 }
        #expect(Set(collector.results.map(\.token)) == Set([0, 1, 2]).subtracting([UInt64(cancelled)]))
        #expect(hits.count == 2)
    }

    @Test("Two key texts with the same key never get each other's record", arguments: [true, false])
    func otherText(isLarge: Bool) {
        let record = isLarge ? large : small
        world.keep(record)
        begin(record, token: 0)
        begin(record, token: 1, keyText: "other")
        begin(record, token: 2)
        world.work { collector.results.count == 3 }
        for (token, result) in collector.results {
            switch result {
            case .hit(let found): #expect(token != 1 && found.belongs(to: record.keyText))
            case .miss: Issue.record("token \(token) found nothing")
            case .occupied: #expect(token == 1)
            case .failed(let trouble): Issue.record("\(trouble)")
            }
        }
    }

    @Test("A lookup that finds a large record being read waits for that")
    func joins() {
        world.keep(large)
        let before = server.count(of: "GETRANGE")
        begin(large, token: 0)
        _ = world.work(atMost: 10_000) { server.count(of: "GETRANGE") > before }
        begin(large, token: 1)
        world.work { collector.results.count == 2 }
        #expect(hits.count == 2 && hits[0] === hits[1])
        #expect(server.count(of: "GETRANGE") == before + 9)
    }

    @Test("A record in use is found again by its first piece, by any worker; one that was replaced is not")
    func inUse() throws {
        world.keep(large)
        let other = RedisWorld(Self.settings(server), budget: budget, liveRecords: liveRecords)
        let held = try #require(world.find(large))
        let before = server.count(of: "GETRANGE")
        #expect(world.find(large) === held)
        #expect(other.find(large) === held)
        #expect(server.count(of: "GETRANGE") == before + 2)
        world.keep(TestRecord(keyText: "large", id: 8, body: large.body))
        let replaced = try #require(other.find(large))
        #expect(replaced !== held && replaced.id == 8 && replaced.bodyArray == large.body)
        #expect(world.remove([large.key]) == 1)
        #expect(other.find(large) == nil)
    }

    @Test("What a record takes of the budget is returned when the last who uses it is done")
    func reserves() throws {
        world.keep(large)
        #expect(budget.inUse == 0)
        var held = world.find(large)
        let size = try #require(held?.footprint)
        #expect(budget.inUse == size)
        #expect(world.find(large) === held)
        #expect(budget.inUse == size)
        held = nil
        #expect(budget.inUse == 0)
    }

    @Test("A record for which the budget has no room is not read, and that is counted")
    func exceeds() {
        let huge = TestRecord(keyText: "huge", body: patternedBody(5 << 20))
        world.keep(huge)
        begin(huge)
        world.work { collector.results.count == 1 }
        guard case .failed(.tooManyWaiting) = collector.results[0].result else {
            Issue.record("\(collector.results)")
            return
        }
        #expect(world.redis.figures.refusedLookups == 1)
        #expect(budget.refusals == 1)
        #expect(budget.inUse == 0)
    }
}
