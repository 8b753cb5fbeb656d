// Finds the slot of a key within one shard: open addressing with linear probing over eight-byte cells, deletion by
// backward shift, so there are no tombstones. A cell holds 32 bits of the key's hash, whose upper bits determine its
// home cell, so most probes and all moves access only the cells.

/// A table from hash tag to slot number. Tags may repeat; the caller compares the full key.
struct KeyIndex: Sendable {
    /// `tag << 32 | slot + 1`; zero is an empty cell.
    private var cells: [UInt64] = []
    private var shift: UInt32 = 32
    private(set) var count = 0

    /// Bytes of the table.
    var footprint: Int { cells.count * MemoryLayout<UInt64>.stride }

    /// Cells of the table: zero, or a power of two at least twice `count`.
    var capacity: Int { cells.count }

    /// The slot for `tag` that `isMatch` accepts.
    func find(_ tag: UInt32, where isMatch: (Int) -> Bool) -> Int? {
        guard let cell = cellIndex(tag, where: isMatch) else { return nil }
        return Self.slot(of: cells[cell])
    }

    mutating func insert(_ tag: UInt32, slot: Int) {
        if 2 * (count + 1) > cells.count { rebuild(capacity: max(16, cells.count * 2)) }
        place(UInt64(tag) << 32 | UInt64(slot + 1))
        count += 1
    }

    mutating func remove(_ tag: UInt32, slot: Int) {
        guard var hole = cellIndex(tag, where: { $0 == slot }) else {
            preconditionFailure("every slot in use must be in the index")
        }
        let mask = cells.count - 1
        var next = (hole + 1) & mask
        while cells[next] != 0 {
            // A cell may move into the hole unless its home is cyclically after the hole.
            let home = home(of: UInt32(cells[next] >> 32))
            if (next &- home) & mask >= (next &- hole) & mask {
                cells[hole] = cells[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        cells[hole] = 0
        count -= 1
    }

    /// Shrinks the table to the smallest size for its contents.
    mutating func shrink() {
        var fitting = 16
        while fitting < 2 * (count + 1) { fitting *= 2 }
        if count == 0 {
            cells = []
            shift = 32
        } else if fitting < cells.count {
            rebuild(capacity: fitting)
        }
    }

    private func cellIndex(_ tag: UInt32, where isMatch: (Int) -> Bool) -> Int? {
        guard !cells.isEmpty else { return nil }
        let mask = cells.count - 1
        var index = home(of: tag)
        while true {
            let cell = cells[index]
            if cell == 0 { return nil }
            if UInt32(cell >> 32) == tag && isMatch(Self.slot(of: cell)) { return index }
            index = (index + 1) & mask
        }
    }

    private mutating func rebuild(capacity: Int) {
        let old = cells
        cells = Array(repeating: 0, count: capacity)
        shift = 32 - UInt32(capacity.trailingZeroBitCount)
        for cell in old where cell != 0 { place(cell) }
    }

    private mutating func place(_ cell: UInt64) {
        let mask = cells.count - 1
        var index = home(of: UInt32(cell >> 32))
        while cells[index] != 0 { index = (index + 1) & mask }
        cells[index] = cell
    }

    private func home(of tag: UInt32) -> Int {
        Int(tag >> shift)
    }

    private static func slot(of cell: UInt64) -> Int {
        Int(UInt32(truncatingIfNeeded: cell)) - 1
    }
}
