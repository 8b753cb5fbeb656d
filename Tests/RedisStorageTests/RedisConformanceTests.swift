import CacheStorage
import EventLoop
import RedisStorage
import Testing

@Suite("Store conformance: Redis", .enabled(if: RedisServer.isInstalled))
struct RedisConformanceTests {
    @Test("The Redis store behaves as every store does", arguments: StoreConformance.behaviours)
    func conforms(_ behaviour: StoreBehaviour) throws {
        let server = try RedisServer()
        behaviour.check(RedisWorld(server))
    }
}
