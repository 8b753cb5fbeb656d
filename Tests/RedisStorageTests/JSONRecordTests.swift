import CacheStorage
import Foundation
import HTTPCaching
import RedisStorage
import Testing

@Suite("Redis store: bare JSON, as other programs read and write it", .enabled(if: RedisServer.isInstalled))
struct JSONRecordTests {
    private let key = CacheKey(standInFor: "tasks")
    private let form = RecordForm.json(longest: 300_000)

    private func find(
        _ world: RedisWorld, as form: RecordForm? = nil, text: String = "tasks"
    ) -> StoredResponse? {
        let collector = AnswerCollector()
        _ = world.redis.lookup(
            key, keyText: text.utf8.span, as: form ?? self.form, now: world.now, receiver: collector, token: 1)
        world.work { !collector.results.isEmpty }
        guard case .hit(let record) = collector.results.first?.result else { return nil }
        return record
    }

    private func keep(_ world: RedisWorld, _ text: String, for milliseconds: Int64) throws {
        let now = Instant(milliseconds: world.now.milliseconds)
        let facts = StoredFacts(bareJSONFoundAt: now, date: now, left: milliseconds, longest: 300_000)
        let record = JSONEntry.response(
            id: 1, facts, keyText: "tasks".utf8.span, content: text.utf8.span,
            discardAt: world.now.advanced(byMilliseconds: milliseconds), budget: nil)
        world.redis.store(key, try #require(record), now: world.now)
        world.settle()
    }

    @Test("What is stored is the content alone, with its life as SETEX gives it; DEL of it makes a miss")
    func stored() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        try keep(world, "[1,2]", for: 90_000)
        #expect(server.ask("GET", key.redisKey) == "[1,2]")
        let left = Int(server.ask("PTTL", key.redisKey)) ?? 0
        #expect((60_000...90_000).contains(left))
        let found = try #require(find(world))
        #expect(found.bodyArray == Array("[1,2]".utf8) && found.keyTextString == "tasks")
        #expect(found.facts.flags.contains(.bareJSON) && found.discardAt - world.now <= 90_000)
        #expect(server.ask("DEL", key.redisKey) == "1")
        #expect(find(world) == nil)
    }

    @Test("What another program has written is found, with what is left of its life")
    func foreign() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        server.ask("SETEX", key.redisKey, "100", "{\"a\": 1}")
        let found = try #require(find(world))
        #expect(found.bodyArray == Array("{\"a\": 1}".utf8))
        let now = Instant(milliseconds: world.now.milliseconds)
        #expect((60...100).contains(found.facts.timeToLive(at: now).count))
        #expect((200...240).contains(found.facts.currentAge(at: now).count))
        server.ask("SET", key.redisKey, "7")
        #expect(find(world)?.bodyArray == Array("7".utf8))
        // It is written again while it is in use.
        server.ask("SETEX", key.redisKey, "100", "{\"a\": 2}")
        #expect(find(world)?.bodyArray == Array("{\"a\": 2}".utf8))
        #expect(found.bodyArray == Array("{\"a\": 1}".utf8))
    }

    @Test("Other values are misses, whatever they are, and the store stays up")
    func others() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let values = ["<html>", "\u{80}\u{4}.", "[1", "LRDR\u{3}"]
        for value in values {
            server.ask("SETEX", key.redisKey, "100", value)
            #expect(find(world) == nil, "\(value)")
        }
        server.ask("SETEX", key.redisKey, "100", "[" + String(repeating: "1", count: JSONEntry.limit) + "]")
        #expect(find(world) == nil)
        for _ in 0..<20 {
            server.ask("DEL", key.redisKey)
            server.ask("HSET", key.redisKey, "a", "b")
            #expect(find(world) == nil)
        }
        #expect(world.redis.figures.unreadableRecords == values.count + 21)
        #expect(world.isUp && world.redis.figures.failures == 0)
        try keep(world, "[3]", for: 90_000)
        #expect(find(world)?.bodyArray == Array("[3]".utf8))
    }

    @Test("The largest content that is stored is read back")
    func largest() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        let text = "[" + String(repeating: "1", count: JSONEntry.limit - 2) + "]"
        try keep(world, text, for: 90_000)
        #expect(find(world)?.bodyCount == JSONEntry.limit)
    }

    @Test("A record of one form is a miss for a lookup of the other, and lookups of both at once get their own")
    func bothForms() throws {
        let server = try RedisServer()
        let world = RedisWorld(server)
        try keep(world, "[1]", for: 90_000)
        #expect(find(world, as: .whole) == nil)
        let collector = AnswerCollector()
        for (token, form) in [(UInt64(1), form), (2, .whole), (3, form), (4, .whole)] {
            _ = world.redis.lookup(
                key, keyText: "tasks".utf8.span, as: form, now: world.now, receiver: collector, token: token)
        }
        world.work { collector.results.count == 4 }
        for (token, result) in collector.results {
            if case .hit = result { #expect(token == 1 || token == 3) } else { #expect(token == 2 || token == 4) }
        }
        var whole = TestRecord(keyText: "tasks")
        whole.discardAt = world.now.advanced(byMilliseconds: 90_000)
        world.keep(whole)
        #expect(find(world) == nil)
        #expect(find(world, as: .whole) != nil)
    }
}
