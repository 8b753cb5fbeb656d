// A store whose server sentinels name, on its own loop, with servers that reply as a test says.

import CacheStorage
import EventLoop
import Testing

import class TestSupport.ScriptedRedis

@testable import RedisStorage

@Suite("Redis store: behind sentinels")
struct SentinelTopologyTests {
    private let master: ScriptedRedis
    private let other: ScriptedRedis
    private let sentinel: ScriptedRedis
    private let location = MasterLocation(name: "main")

    init() throws {
        (master, other, sentinel) = (try ScriptedRedis(), try ScriptedRedis(), try ScriptedRedis())
        master.script("ROLE", Self.isMaster)
        other.script("ROLE", Self.isMaster)
    }

    static let isMaster = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
    static let isReplica = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"

    private let undelivered = UndeliveredRemovals {}

    private func world(awaitsUp: Bool = true) -> RedisWorld {
        let settings = RedisSettings(place: .unknownMaster, prefix: "test:", timeoutMilliseconds: 60_000)
        return RedisWorld(settings, site: .master(location), awaitsUp: awaitsUp, undelivered: undelivered)
    }

    private func name(_ server: ScriptedRedis) {
        let number = undelivered.nextMaster(now: 0)
        let address = MasterAddress(host: "127.0.0.1", port: server.port)
        location.set(NumberedMaster(address: address, number: number), namedBy: address)
    }

    @Test("It waits for a master to be named, and follows it to another server")
    func follows() {
        let world = world(awaitsUp: false)
        #expect(world.trouble == .connecting)
        name(master)
        world.work { world.isUp }
        world.keep(TestRecord())
        #expect(world.find(TestRecord()) != nil)
        name(other)
        world.work { other.count(of: "PING") > 0 && world.isUp }
        #expect(world.find(TestRecord()) == nil)
        #expect(!location.isMissed)
    }

    @Test("What waits for a reply of the master before fails at once, and its removals are kept for the next one")
    func abandons() {
        name(master)
        let world = world()
        other.script("ROLE", Self.isReplica)
        master.script("UNLINK", "")
        let collector = AnswerCollector()
        world.redis.remove([TestRecord().key], receiver: collector, token: 1)
        world.work { master.count(of: "UNLINK") == 1 }
        name(other)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble == .masterMoved)
        #expect(world.undelivered.figures.waiting == 1)
        other.script("ROLE", Self.isMaster)
        world.work { world.undelivered.figures.waiting == 0 }
        #expect(other.count(of: "UNLINK") == 1)
    }

    @Test(
        "Who isn't a master is not used, whatever the sentinels say",
        arguments: [isReplica, "*1\r\n$8\r\nsentinel\r\n", "*0\r\n", "*-1\r\n", "-ERR unknown command 'ROLE'\r\n"])
    func role(reply: String) {
        master.script("ROLE", reply)
        name(master)
        let world = world(awaitsUp: false)
        world.work { world.trouble == .notMaster }
        #expect(location.isMissed)
        master.script("ROLE", Self.isMaster)
        world.work { world.isUp }
        #expect(!location.isMissed)
    }

    @Test("Whether it is a master may not be asked: a state with its reason")
    func roleNotPermitted() {
        master.script("ROLE", "-NOPERM this user has no permissions to run the 'role' command\r\n")
        name(master)
        let world = world(awaitsUp: false)
        world.work { world.trouble == .notPermitted }
    }

    @Test("A reply to ROLE of another type is malformed", arguments: [":1\r\n", "+master\r\n", "$6\r\nmaster\r\n"])
    func malformedRole(reply: String) {
        master.script("ROLE", reply)
        name(master)
        let world = world(awaitsUp: false)
        world.work { world.trouble == .unintelligibleReply }
    }

    @Test("The search names the master, and another one when a sentinel does")
    func search() {
        let world = world(awaitsUp: false)
        func names(_ server: ScriptedRedis) -> String {
            "*2\r\n$9\r\n127.0.0.1\r\n$\("\(server.port)".count)\r\n\(server.port)\r\n"
        }
        sentinel.script("SENTINEL", names(master))
        // It subscribes in vain.
        let events = EventList()
        let search = MasterSearch(
            loop: world.loop,
            settings: SentinelSettings(
                sentinels: [1, sentinel.port].map { MasterAddress(host: "127.0.0.1", port: $0) }, master: "main"),
            resolver: nil, location: location, newNumber: { world.undelivered.nextMaster(now: 0) },
            report: { events.append($0) })
        defer { search.close() }
        world.work { world.isUp }
        #expect(master.count(of: "ROLE") == 1)
        world.work { sentinel.count(of: "SUBSCRIBE") > 0 }

        for reply in ["-ERR no\r\n", "*1\r\n$1\r\nh\r\n", "+OK\r\n"] {
            sentinel.script("SENTINEL", reply)
            world.work { location.figures.trouble == .noSentinelReplies }
            sentinel.script("SENTINEL", names(master))
            world.work { location.figures.trouble == nil }
        }
        sentinel.script("SENTINEL", "*-1\r\n")
        world.work { location.figures.trouble == .unknownName }
        #expect(world.isUp, "the master of before stays")

        sentinel.script("SENTINEL", names(other))
        world.work { other.count(of: "PING") > 0 && world.isUp }
        #expect(location.figures.changes == 1 && location.figures.trouble == nil)
        #expect(events.named == 1 && events.changed == 1, "one event a change")
    }
}

private final class EventList {
    private(set) var named = 0
    private(set) var changed = 0

    func append(_ event: MasterEvent) {
        switch event {
        case .named: named += 1
        case .changed: changed += 1
        case .lost, .confirmed, .unknownError: break
        }
    }
}
