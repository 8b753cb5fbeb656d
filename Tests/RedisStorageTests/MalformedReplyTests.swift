import CacheStorage
import EventLoop
import RedisStorage
import Testing

@Suite("Redis store: malformed replies")
struct MalformedReplyTests {
    private func world(_ server: ScriptedServer) -> RedisWorld {
        var settings = RedisSettings(place: .unix(path: server.path), prefix: "test:")
        settings.timeoutMilliseconds = 5000
        return RedisWorld(settings)
    }

    @Test(
        "A lookup is told, as all behind it are, and the connection is given up",
        arguments: [":1\r\n", "*0\r\n", "$-1\r\n", "+OK\r\n", "!\r\n"])
    func lookup(reply: String) {
        let server = ScriptedServer(["PING": "+PONG\r\n", "GETRANGE": reply])
        let world = world(server)
        let collector = AnswerCollector()
        for token in 0..<2 as Range<UInt64> {
            _ = world.redis.lookup(
                CacheKey(high: 0, low: token), keyText: "text".utf8.span, now: world.now, receiver: collector,
                token: token)
        }
        world.work { collector.results.count == 2 }
        for (_, result) in collector.results {
            guard case .failed(.unintelligibleReply) = result else {
                Issue.record("\(result)")
                continue
            }
        }
        #expect(world.redis.figures.failures == 2)
        #expect(world.redis.figures.disconnects == 1)
    }

    @Test("A removal is told about it, and the connection is closed")
    func removal() {
        let server = ScriptedServer(["PING": "+PONG\r\n", "UNLINK": "+OK\r\n"])
        let world = world(server)
        let collector = AnswerCollector()
        world.redis.remove([CacheKey(high: 0, low: 0)], receiver: collector, token: 1)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble == .unintelligibleReply)
        #expect(world.redis.figures.disconnects == 1)
    }
}
