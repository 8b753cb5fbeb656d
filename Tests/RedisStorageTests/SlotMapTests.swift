// Slots of keys, and what nodes of a cluster say of them.

import CacheStorage
import Testing

@testable import RedisStorage

@Suite("Redis Cluster: slots")
struct SlotMapTests {
    @Test("The checksum is CRC16 of XMODEM")
    func checksum() {
        #expect(KeySlots.checksum(Array("123456789".utf8)[...], after: 0) == 0x31C3)
        #expect(KeySlots.checksum([], after: 0) == 0)
    }

    /// As `CLUSTER KEYSLOT` of Redis 7.0.15 says.
    @Test(
        "The slot of a key, or of what its first pair of braces has",
        arguments: [
            ("foo", 12182), ("bar", 5061), ("hello", 866), ("123456789", 12739), ("", 0),
            ("{user1000}.following", 3443),
            ("user1000", 3443), ("{}foo", 9500), ("foo{bar}{zap}", 5061), ("foo{{bar}}zap", 4015), ("foo{bar", 15278),
            ("larder:00000000000000000000000000000000", 9390),
        ])
    func slot(key: String, slot: Int) { #expect(KeySlots.slot(of: Array(key.utf8)) == slot) }

    @Test(
        "An entry's slot is that of its key, whatever the prefix",
        arguments: ["larder:", "", "{a}:", "a{b", "{}", "a}b{c}d"])
    func entry(prefix: String) {
        let slots = KeySlots(prefix: Array(prefix.utf8))
        for number in UInt64(0)..<50 {
            let key = CacheKey(high: number &* 0x9E37_79B9_7F4A_7C15, low: ~number)
            #expect(slots.slot(of: key) == KeySlots.slot(of: Array("\(prefix)\(key.hex)".utf8)))
        }
    }

    private let asked = MasterAddress(host: "10.0.0.9", port: 7000)

    private static func node(_ host: ReplyElement, _ port: Int) -> ReplyElement {
        .array([host, .integer(port), .bulk(Array("id".utf8)), .array([])])
    }

    private static func name(_ text: String) -> ReplyElement { .bulk(Array(text.utf8)) }

    private static func range(_ first: Int, _ last: Int, _ nodes: ReplyElement...) -> ReplyElement {
        .array([.integer(first), .integer(last)] + nodes)
    }

    @Test("Each slot has the first node of its range")
    func map() throws {
        let reply: [ReplyElement] = [
            Self.range(0, 99, Self.node(Self.name("10.0.0.1"), 7001), Self.node(Self.name("10.0.0.2"), 7002)),
            Self.range(100, 100, Self.node(Self.name(""), 7003)), Self.range(200, 16_383, Self.node(.absent, 7004)),
        ]
        let map = try #require(SlotMap(reply, from: asked))
        #expect(map.master(of: 0) == MasterAddress(host: "10.0.0.1", port: 7001))
        #expect(map.master(of: 99) == map.master(of: 0))
        #expect(map.master(of: 100) == MasterAddress(host: "10.0.0.9", port: 7003), "without a host: the node asked")
        #expect(map.master(of: 101) == nil)
        #expect(map.master(of: 16_383) == MasterAddress(host: "10.0.0.9", port: 7004))
        #expect(map.masters.count == 3 && map.replicas == [MasterAddress(host: "10.0.0.2", port: 7002)])
        #expect(map.coveredCount == 101 + 16_184)
    }

    @Test("Maps are the same if each slot has the same master, in whatever order and ranges")
    func sameMasters() throws {
        let (one, two) = (Self.node(Self.name("h"), 1), Self.node(Self.name("h"), 2))
        let map = try #require(SlotMap([Self.range(0, 9, one), Self.range(10, 19, two)], from: asked))
        let same = try #require(
            SlotMap([Self.range(10, 19, two), Self.range(0, 4, one), Self.range(5, 9, one, two)], from: asked))
        let other = try #require(SlotMap([Self.range(0, 10, one), Self.range(11, 19, two)], from: asked))
        #expect(map.hasSameMasters(as: same) && same.hasSameMasters(as: map) && !map.hasSameMasters(as: other))
        #expect(other.movedCount(since: map) == 1 && map.movedCount(since: other) == 1)
        let fewer = try #require(SlotMap([Self.range(0, 9, one)], from: asked))
        #expect(fewer.movedCount(since: map) == 10 && map.movedCount(since: fewer) == 10)
    }

    @Test("A node that has no name, where names are preferred, is known by its address")
    func unnamed() throws {
        let facts = ReplyElement.array([Self.name("ip"), Self.name("10.0.0.3")])
        let node = ReplyElement.array([Self.name("?"), .integer(7), Self.name("id"), facts])
        let map = try #require(SlotMap([Self.range(0, 9, node)], from: asked))
        #expect(map.masters == [MasterAddress(host: "10.0.0.3", port: 7)])
    }

    @Test(
        "What isn't a map is none",
        arguments: [
            [], [.integer(1)], [name("x")], [range(0, 1)], [range(1, 0, node(name("h"), 1))],
            [range(-1, 1, node(name("h"), 1))], [range(0, 16_384, node(name("h"), 1))],
            [range(0, 1, node(name("h"), 0))], [range(0, 1, node(name("h"), 65_536))],
            [range(0, 1, node(name("h h"), 1))], [range(0, 1, node(name("?"), 1))],
            [range(0, 1, node(name(String(repeating: "h", count: 254)), 1))], [range(0, 1, node(.integer(1), 1))],
            [range(0, 1, .array([name("h")]))], [range(0, 1, name("h"))],
            [range(0, 1, .array([name("h"), name("1")]))],
            [range(0, 5, node(name("h"), 1)), range(5, 6, node(name("i"), 1))],
            [.array([name("0"), .integer(1), node(name("h"), 1)])],
            (0...512).map { range($0, $0, node(name("h\($0)"), 1)) },
            Array(repeating: range(0, 0, node(name("h"), 1)), count: 16_385),
        ] as [[ReplyElement]])
    func hostile(reply: [ReplyElement]) { #expect(SlotMap(reply, from: asked) == nil) }

    @Test(
        "Where a key is found instead",
        arguments: [
            ("MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1", 6381), ("ASK 0 ::1:7", 0, "::1", 7),
            ("MOVED 16383 :6381", 16_383, "10.0.0.9", 6381), ("MOVED 1 a.example:1", 1, "a.example", 1),
        ] as [(String, Int, String, UInt16)])
    func redirection(text: String, slot: Int, host: String, port: UInt16) {
        guard let redirection = Redirection(Array(text.utf8).span) else {
            Issue.record("it is none")
            return
        }
        #expect(redirection.slot == slot)
        #expect(redirection.address(from: asked) == MasterAddress(host: host, port: port))
    }

    @Test(
        "What isn't a redirection is none",
        arguments: [
            "MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED x h:1", "MOVED 1 h", "MOVED 1 h:0",
            "MOVED 1 h:65536", "MOVED 1 h:1 x", "MOVED 1  h:1", "ERR 1 h:1", "MOVED 1 h\u{7}:1", "MOVED 1 ?:1",
            "MOVED 1 " + String(repeating: "h", count: 600) + ":1",
        ])
    func noRedirection(text: String) {
        let redirection = Redirection(Array(text.utf8).span)
        #expect(redirection == nil)
    }
}
