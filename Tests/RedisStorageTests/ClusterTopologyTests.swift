// A store of several servers, on its own loop, with servers that reply as a test says.

import CacheStorage
import EventLoop
import Testing

import class TestSupport.ScriptedRedis

@testable import RedisStorage

@Suite("Redis store: a cluster")
struct ClusterTopologyTests {
    private let servers: [ScriptedRedis]
    private let location = SlotLocation()
    private let undelivered = UndeliveredRemovals {}

    init() throws { servers = try (0..<3).map { _ in try ScriptedRedis() } }

    private func world(awaitsUp: Bool = true) -> RedisWorld {
        let settings = RedisSettings(place: .nowhere(.noSlots), prefix: "test:", timeoutMilliseconds: 60_000)
        return RedisWorld(settings, site: .cluster(location), awaitsUp: awaitsUp, undelivered: undelivered)
    }

    private static func address(_ server: ScriptedRedis) -> MasterAddress {
        MasterAddress(host: "127.0.0.1", port: server.port)
    }

    private static func range(_ slots: ClosedRange<Int>, _ server: ScriptedRedis) -> ReplyElement {
        .array([
            .integer(slots.lowerBound), .integer(slots.upperBound),
            .array([.bulk(Array("127.0.0.1".utf8)), .integer(Int(server.port))]),
        ])
    }

    /// All slots but `other` are the first server's.
    private func name(_ other: ClosedRange<Int>?, _ server: ScriptedRedis) {
        var ranges: [ReplyElement] = []
        if let other {
            if other.lowerBound > 0 { ranges.append(Self.range(0...other.lowerBound - 1, servers[0])) }
            ranges.append(Self.range(other, server))
            if other.upperBound < 16_383 { ranges.append(Self.range(other.upperBound + 1...16_383, servers[0])) }
        } else {
            ranges = [Self.range(0...16_383, servers[0])]
        }
        let number = undelivered.nextMaster(now: 0)
        if let map = SlotMap(ranges, from: Self.address(server)) {
            location.set(map.numbered(number), from: Self.address(server))
        }
    }

    private func slot(of record: TestRecord) -> Int { KeySlots(prefix: Array("test:".utf8)).slot(of: record.key) }

    @Test("Each key is asked of its master; without a map the store is down")
    func masters() {
        let world = world(awaitsUp: false)
        #expect(world.trouble == .connecting)
        let record = TestRecord()
        name(slot(of: record)...slot(of: record), servers[1])
        world.work { world.isUp }
        world.keep(record)
        #expect(world.find(record) != nil)
        #expect(servers[0].count(of: "SET") == 0 && servers[1].count(of: "SET") == 1)
        // It moves: the next one is asked, on a connection that is made for it.
        name(slot(of: record)...slot(of: record), servers[2])
        world.work { servers[2].count(of: "PING") > 0 && world.isUp }
        #expect(world.find(record) == nil)
        #expect(!location.isMissed)
    }

    @Test("Keys of one call are removed by one command each, and the counts added")
    func removal() {
        name(0...8191, servers[1])
        let world = world()
        let records = (0..<20).map { TestRecord(keyText: "k\($0)") }
        for record in records { world.keep(record) }
        let before = servers[0].count(of: "UNLINK") + servers[1].count(of: "UNLINK")
        let collector = AnswerCollector()
        world.redis.remove(records.map(\.key) + [TestRecord(keyText: "none").key], receiver: collector, token: 1)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.removed == 20 && collector.removals.first?.trouble == nil)
        #expect(servers[0].count(of: "UNLINK") + servers[1].count(of: "UNLINK") == before + 21)
        #expect(servers[0].count(of: "UNLINK") > 0 && servers[1].count(of: "UNLINK") > 0)
    }

    @Test(
        "Who doesn't have the key any more says so: a look-up is a miss, a removal is kept until it is known who has it"
    )
    func moved() {
        name(nil, servers[0])
        let world = world()
        let record = TestRecord()
        let reply = "-MOVED \(slot(of: record)) 127.0.0.1:\(servers[1].port)\r\n"
        servers[0].script("GETRANGE", reply)
        servers[0].script("UNLINK", reply)
        #expect(world.find(record) == nil)
        #expect(world.redis.figures.misses == 1 && world.isUp)
        let collector = AnswerCollector()
        world.redis.remove([record.key], receiver: collector, token: 1)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble == .slotMoved)
        #expect(undelivered.figures.waiting == 1 && location.figures.redirections >= 2)
        name(slot(of: record)...slot(of: record), servers[1])
        world.work { undelivered.figures.waiting == 0 }
        #expect(servers[1].count(of: "UNLINK") == 1)
    }

    @Test("A key that is being moved is removed where it is moved to")
    func ask() {
        name(nil, servers[0])
        let world = world()
        let record = TestRecord()
        servers[0].script("UNLINK", "-ASK \(slot(of: record)) 127.0.0.1:\(servers[1].port)\r\n")
        servers[1].script("ASKING", "+OK\r\n")
        world.redis.remove([record.key], receiver: nil, token: 1)
        world.work { servers[1].count(of: "UNLINK") == 1 && undelivered.figures.waiting == 0 }
        #expect(servers[1].count(of: "ASKING") == 1)
        #expect(undelivered.figures.lost == 0)
    }

    @Test("One of the masters is gone: its keys are not served, the others are, and the search is told")
    func oneIsGone() {
        name(0...8191, servers[1])
        let world = world()
        let records = (0..<20).map { TestRecord(keyText: "k\($0)") }
        servers[1].stop()
        world.work { if case .partial = world.redis.state { true } else { false } }
        #expect(location.isMissed)
        for record in records { #expect(world.redis.isDown(at: record.key) == (slot(of: record) <= 8191)) }
        for record in records where slot(of: record) > 8191 {
            world.keep(record)
            #expect(world.find(record) != nil)
        }
        let collector = AnswerCollector()
        world.redis.remove(records.map(\.key), receiver: collector, token: 1)
        world.work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.trouble != nil)
        let kept = records.count { slot(of: $0) <= 8191 }
        #expect(undelivered.figures.waiting >= kept && kept > 0)
        // Another one takes its place.
        name(0...8191, servers[2])
        world.work { undelivered.figures.waiting == 0 && world.isUp }
        #expect(servers[2].count(of: "UNLINK") >= kept)
    }

    @Test("A cluster that doesn't serve keys is down, and a removal is tried again until it serves them")
    func clusterDown() {
        name(nil, servers[0])
        let world = world()
        servers[0].script("UNLINK", "-CLUSTERDOWN The cluster is down\r\n")
        world.redis.remove([TestRecord().key], receiver: nil, token: 1)
        world.work { servers[0].count(of: "UNLINK") >= 2 }
        #expect(undelivered.figures.waiting == 1)
        world.work { world.trouble == .clusterDown && world.redis.isDown(at: TestRecord().key) }
        servers[0].clearScripts()
        world.work { undelivered.figures.waiting == 0 }
    }

    @Test("The search finds the map with one of the nodes, and asks the one that knows something new")
    func search() {
        let world = world(awaitsUp: false)
        func map(_ server: ScriptedRedis) -> String {
            "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:\(server.port)\r\n"
        }
        servers[0].script("CLUSTER", map(servers[0]))
        servers[1].script("CLUSTER", map(servers[1]))
        let settings = RedisSettings(place: .nowhere(.noSlots), prefix: "test:")
        let search = SlotSearch(
            loop: world.loop, seeds: [MasterAddress(host: "127.0.0.1", port: 1), Self.address(servers[0])],
            settings: settings, resolver: nil, location: location,
            newNumber: { [undelivered] in undelivered.nextMaster(now: 0, where: $0) }, report: { _ in })
        defer { search.close() }
        world.work { world.isUp }
        #expect(location.figures.node == Self.address(servers[0]) && location.figures.masters == 1)
        let record = TestRecord()
        servers[0].script("GETRANGE", "-MOVED \(slot(of: record)) 127.0.0.1:\(servers[1].port)\r\n")
        #expect(world.find(record) == nil)
        world.work { location.figures.changes == 1 && world.isUp }
        world.keep(record)
        #expect(world.find(record) != nil)
        #expect(servers[1].count(of: "SET") == 1)
        // What isn't a map changes nothing.
        servers[1].script("CLUSTER", "-ERR This instance has cluster support disabled\r\n")
        servers[0].script("CLUSTER", "*0\r\n")
        location.post(.askAnother)
        world.work { location.figures.trouble == .noCluster }
        #expect(world.isUp)
    }
}
