// Which master of a Redis Cluster has which slots, as one of the nodes says (`CLUSTER SLOTS`). A value; nothing is asked here.

import CacheStorage

package struct SlotMap: Sendable, Equatable {
    /// Those that have slots, in the order in which the reply names them.
    let masters: [MasterAddress]
    /// The replicas of them, which can be asked for the map as well.
    let replicas: [MasterAddress]
    /// For each slot the index of its master; `none` where it has none.
    private let owners: [UInt16]
    /// Each map whose slots have other masters than before has the next number.
    private(set) var number: UInt64 = 0

    private static let none = UInt16.max
    /// Each worker is connected to each of them. Redis advises against more than a thousand nodes.
    static let mastersLimit = 512
    private static let replicasLimit = 1024

    /// Nil for what isn't a reply to `CLUSTER SLOTS`, or has no slot at all.
    /// - Parameter asked: whose reply it is: a node that doesn't know its own host leaves that out.
    init?(_ reply: [ReplyElement], from asked: MasterAddress) {
        guard reply.count <= KeySlots.count else { return nil }
        var masters: [MasterAddress] = []
        var numbers: [MasterAddress: UInt16] = [:]
        var replicas: [MasterAddress] = []
        var known: Set<MasterAddress> = []
        var owners = Array(repeating: Self.none, count: KeySlots.count)
        for element in reply {
            guard let parts = element.elements, parts.count >= 3, let first = parts[0].integer,
                let last = parts[1].integer, 0 <= first, first <= last, last < KeySlots.count,
                let master = Self.address(parts[2], asked)
            else { return nil }
            if numbers[master] == nil {
                guard masters.count < Self.mastersLimit else { return nil }
                numbers[master] = UInt16(masters.count)
                masters.append(master)
            }
            for slot in first...last {
                // Two masters of one slot: it can't be told which of them is right.
                guard owners[slot] == Self.none else { return nil }
                owners[slot] = numbers[master] ?? Self.none
            }
            for part in parts[3...] {
                guard replicas.count < Self.replicasLimit else { break }
                guard let replica = Self.address(part, asked), known.insert(replica).inserted else { continue }
                replicas.append(replica)
            }
        }
        guard !masters.isEmpty else { return nil }
        self.masters = masters
        self.replicas = replicas
        self.owners = owners
    }

    /// A node is a host, a port, and what doesn't matter here.
    private static func address(_ node: ReplyElement, _ asked: MasterAddress) -> MasterAddress? {
        guard let parts = node.elements, parts.count >= 2, let port = parts[1].integer, 1...65_535 ~= port else {
            return nil
        }
        let host: String
        switch parts[0] {
        case .absent: host = asked.host
        case .bulk(let bytes) where bytes.isEmpty: host = asked.host
        case .bulk(let bytes):
            guard let text = self.host(bytes) ?? self.ip(parts) else { return nil }
            host = text
        case .integer, .array, .status, .error: return nil
        }
        return MasterAddress(host: host, port: UInt16(port))
    }

    /// What a node that has no name, though names are preferred, says beside it.
    private static func ip(_ node: [ReplyElement]) -> String? {
        guard node[0].bytes == [UInt8(ascii: "?")], node.count >= 4, let facts = node[3].elements,
            let place = facts.firstIndex(where: { $0.bytes == Array("ip".utf8) }), place + 1 < facts.count
        else { return nil }
        return facts[place + 1].bytes.flatMap { self.host($0) }
    }

    /// Nil for what can't be a host; a node that has no name says `?`.
    static func host(_ bytes: some Collection<UInt8>) -> String? {
        guard 1...253 ~= bytes.count, !bytes.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == 0x3F }) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The place of the slot's master among ``masters``; nil where it has none.
    func index(of slot: Int) -> Int? {
        let owner = owners[slot]
        return owner == Self.none ? nil : Int(owner)
    }

    /// Nil where the slot has no master.
    func master(of slot: Int) -> MasterAddress? { index(of: slot).map { masters[$0] } }

    func numbered(_ number: UInt64) -> SlotMap {
        var map = self
        map.number = number
        return map
    }

    /// The slots that have a master.
    var coveredCount: Int { owners.count { $0 != Self.none } }

    /// Whether every slot has the same master as in the other map.
    func hasSameMasters(as other: SlotMap) -> Bool { movedCount(since: other) == 0 }

    /// How many slots have another master than in the map before, or have none now.
    func movedCount(since before: SlotMap) -> Int {
        // Addresses are compared once each; this is done every second.
        let numbers = Dictionary(uniqueKeysWithValues: zip(masters, 0...))
        let same = before.masters.map { numbers[$0] }
        return (0..<KeySlots.count).count { slot in
            guard let earlier = before.index(of: slot) else { return index(of: slot) != nil }
            return same[earlier] == nil || same[earlier] != index(of: slot)
        }
    }
}
