// The literal segments and hosts of all routes in one flat hash table: (node, bytes) -> node.
//
// One probe costs the same whether 10 or 1,000 routes share a node, which a search among sorted children would not
// give. Open addressing, at most half full; built once, read by every worker. Clients choose the texts to look up, but
// not the table: a lookup ends at the first free slot, so a malicious text costs no more than the longest run of
// occupied slots that the configuration created.

import Bytes
import HTTPWire

struct LiteralIndex: Sendable {
    private struct Slot: Sendable {
        var node: UInt32
        var hash: UInt32
        /// -1: the slot is free.
        var child: Int32
        var textStart: UInt32
        var textEnd: UInt32

        static let free = Slot(node: 0, hash: 0, child: -1, textStart: 0, textEnd: 0)
    }

    private var slots: [Slot]
    private var text: [UInt8] = []
    private let mask: Int

    /// - Parameter capacity: how many literals will be inserted at most.
    init(capacity: Int) {
        var count = 8
        while count < capacity * 2 { count *= 2 }
        slots = Array(repeating: .free, count: count)
        mask = count - 1
    }

    /// The child of `node` for `literal`, created by `make` if there is none yet.
    mutating func child(of node: Int, by literal: [UInt8], orInsert make: () -> Int) -> Int {
        var hash = LiteralHash()
        for byte in literal { hash.add(byte) }
        var place = start(node, hash.value)
        while slots[place].child >= 0 {
            let slot = slots[place]
            if slot.node == UInt32(node), slot.hash == hash.value,
                text[Int(slot.textStart)..<Int(slot.textEnd)].elementsEqual(literal)
            {
                return Int(slot.child)
            }
            place = (place + 1) & mask
        }
        let child = make()
        slots[place] = Slot(
            node: UInt32(node), hash: hash.value, child: Int32(child), textStart: UInt32(text.count),
            textEnd: UInt32(text.count + literal.count))
        text += literal
        return child
    }

    /// The child of `node` for the bytes at `range`, compared as `reading` says; -1 if there is none.
    @inline(__always)
    func child(
        of node: Int, by bytes: Span<UInt8>, _ range: ByteRange, hash: UInt32, reading: LiteralReading
    ) -> Int {
        var place = start(node, hash)
        while slots[place].child >= 0 {
            let slot = slots[place]
            if slot.node == UInt32(truncatingIfNeeded: node), slot.hash == hash,
                isEqual(slot, bytes, range, reading)
            {
                return Int(slot.child)
            }
            place = (place &+ 1) & mask
        }
        return -1
    }

    @inline(__always)
    private func start(_ node: Int, _ hash: UInt32) -> Int {
        let mixed = (hash ^ UInt32(truncatingIfNeeded: node) &* 0x9e37_79b9) &* 0x85eb_ca6b
        return Int(mixed >> 8) & mask
    }

    @inline(__always)
    private func isEqual(_ slot: Slot, _ bytes: Span<UInt8>, _ range: ByteRange, _ reading: LiteralReading) -> Bool {
        var index = range.lower
        var place = Int(slot.textStart)
        let end = Int(slot.textEnd)
        while index < range.upper {
            guard place < end, reading.next(bytes, &index, range.upper) == text[place] else { return false }
            place += 1
        }
        return place == end
    }
}

/// How the bytes of a request are decoded for comparison with a literal.
enum LiteralReading {
    case plain
    case percentDecoded
    case lowercased

    @inline(__always)
    func next(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> UInt8 {
        switch self {
        case .plain:
            index += 1
            return bytes[index - 1]
        case .percentDecoded:
            return PercentEncoding.decodedByte(bytes, at: &index, end: end)
        case .lowercased:
            index += 1
            return bytes[index - 1].lowercased
        }
    }
}

/// FNV-1a: a few cycles a byte and a single word of state, good enough for texts that an operator chose.
struct LiteralHash {
    private(set) var value: UInt32 = 0x811c_9dc5

    @inline(__always)
    mutating func add(_ byte: UInt8) { value = (value ^ UInt32(byte)) &* 0x0100_0193 }
}
