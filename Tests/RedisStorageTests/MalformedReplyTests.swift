import CacheStorage
import EventLoop
import RedisStorage
import Testing

import class TestSupport.ScriptedRedis

@Suite("Redis store: a reply of a type that its command can't have")
struct MalformedReplyTests {
    static let notBulk = [":1\r\n", "*0\r\n", "*-1\r\n", "*1\r\n$1\r\na\r\n", "$-1\r\n", "+OK\r\n", "!\r\n"]
    static let notStatus = [":1\r\n", "*0\r\n", "$-1\r\n", "$2\r\nOK\r\n", "!\r\n"]
    static let notInteger = ["+OK\r\n", "*0\r\n", "$-1\r\n", "$1\r\n1\r\n", ":x\r\n"]

    private let server: ScriptedRedis
    private let world: RedisWorld
    private let collector = AnswerCollector()
    /// Three pieces and more.
    private let large = TestRecord(keyText: "large", body: patternedBody(400_000))

    init() throws {
        server = try ScriptedRedis()
        var settings = RedisSettings(place: .tcp(host: "127.0.0.1", port: server.port), prefix: "test:")
        // Only a reply may end a wait here, never a deadline.
        settings.timeoutMilliseconds = 60_000
        world = RedisWorld(settings)
    }

    private func lookUp(_ record: TestRecord, token: UInt64) {
        _ = world.redis.lookup(
            record.key, keyText: record.keyText.utf8.span, now: world.now, receiver: collector, token: token)
    }

    /// All lookups so far fail for this reason, and the store serves again by itself.
    private func expectFailures(_ count: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        world.work { collector.results.count == count }
        for (_, result) in collector.results {
            guard case .failed(.unintelligibleReply) = result else {
                Issue.record("\(result)", sourceLocation: sourceLocation)
                continue
            }
        }
        #expect(world.redis.figures.disconnects == 1, sourceLocation: sourceLocation)
        server.clearScripts()
        world.work { world.isUp }
        world.keep(TestRecord(keyText: "after"))
        #expect(world.find(TestRecord(keyText: "after")) != nil, sourceLocation: sourceLocation)
    }

    @Test("A lookup fails, as all behind it do", arguments: notBulk)
    func lookup(reply: String) {
        server.script("GETRANGE", reply)
        for token in 0..<3 as Range<UInt64> { lookUp(TestRecord(keyText: "text \(token)"), token: token) }
        expectFailures(3)
        #expect(world.redis.figures.failures == 3)
    }

    @Test("A cancelled lookup is as telling", arguments: notBulk)
    func cancelledLookup(reply: String) {
        server.script("GETRANGE", reply)
        let start = world.redis.lookup(
            CacheKey(high: 0, low: 0), keyText: "text".utf8.span, now: world.now, receiver: collector, token: 0)
        guard case .pending(let ticket) = start else {
            Issue.record("\(start)")
            return
        }
        world.redis.cancel(ticket)
        lookUp(TestRecord(), token: 1)
        expectFailures(1)
    }

    @Test("The lookup of a large record fails at its first piece and at any other", arguments: notBulk, [2, 3, 4])
    func piece(reply: String, number: Int) {
        world.keep(large)
        server.script("GETRANGE", from: number, reply)
        lookUp(large, token: 0)
        expectFailures(1)
    }

    @Test("A removal fails", arguments: notInteger + [":-1\r\n", ":2\r\n", ":9223372036854775807\r\n"])
    func removal(reply: String) {
        server.script("UNLINK", reply)
        world.redis.remove([CacheKey(high: 0, low: 0)], receiver: collector, token: 1)
        lookUp(TestRecord(), token: 0)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble == .unintelligibleReply)
        expectFailures(1)
    }

    @Test("A write is not taken for done, and the lookups behind it fail", arguments: notStatus)
    func write(reply: String) {
        server.script("SET", reply)
        world.redis.store(TestRecord().key, TestRecord().make(), now: world.now)
        lookUp(TestRecord(), token: 0)
        world.work { collector.results.count == 1 }
        #expect(world.redis.figures.stores == 0)
        #expect(world.redis.figures.droppedStores == 1)
        expectFailures(1)
    }

    @Test(
        "The write of a large record is not taken for done at any of its steps",
        arguments: [
            ("SET", ":1\r\n"), ("SET", "*0\r\n"), ("APPEND", "+OK\r\n"), ("APPEND", "$-1\r\n"), ("PERSIST", "+OK\r\n"),
            ("RENAME", ":1\r\n"), ("RENAME", "$-1\r\n"),
        ])
    func largeWrite(command: String, reply: String) {
        server.script(command, reply)
        world.redis.store(large.key, large.make(), now: world.now)
        world.work { world.redis.figures.disconnects == 1 }
        #expect(world.redis.uploads == 0)
        #expect(world.redis.figures.stores == 0)
        #expect(world.redis.figures.droppedStores == 1)
        expectFailures(0)
    }

    @Test("A reply without an end is given up once it is longer than any could be")
    func endless() {
        server.script("GETRANGE", "$500000000\r\n" + String(repeating: "x", count: 2 << 20))
        lookUp(TestRecord(), token: 0)
        expectFailures(1)
    }

    @Test("A server that greets with anything else is not used, and the state says why", arguments: Self.notStatus)
    func greeting(reply: String) throws {
        let server = try ScriptedRedis()
        server.script("PING", reply)
        var settings = RedisSettings(place: .tcp(host: "127.0.0.1", port: server.port), prefix: "test:")
        settings.timeoutMilliseconds = 60_000
        let world = RedisWorld(settings, awaitsUp: false)
        world.work { world.trouble == .unintelligibleReply }
        server.clearScripts()
        world.work { world.isUp }
        server.stop()
    }
}
