// The slots of one shard's records, and the queues of slots: linked lists through the slots themselves, so that joining
// and leaving a queue changes a few words and allocates nothing.

/// Which queue a slot is in. `free` slots are chained through `older`.
enum SlotQueue: UInt8 {
    case free, small, main
}

struct Slot {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var response: StoredResponse?
    /// The record isn't looked up from then on.
    var usableUntil = WallTime.never
    /// It is removed then.
    var discardAt = WallTime.never
    var newer = Slot.none
    var older = Slot.none
    /// Hits since it joined its queue, at most `Slot.mostUses`.
    var uses: UInt8 = 0
    var queue = SlotQueue.free
    /// Of a copy of a remote record: see ``Hearing``. 0 for what is nobody's copy.
    var session: UInt32 = 0

    /// Whether a look-up that may use this session's copies may use this one.
    @inline(__always)
    func isOf(_ session: UInt32) -> Bool {
        self.session == session || self.session == Hearing.shortLife && session != Hearing.noCopy
    }

    static let none = UInt32.max
    static let mostUses: UInt8 = 3
}

/// A FIFO queue of slots, linked through them.
struct Line {
    var newest = Slot.none
    var oldest = Slot.none
    var count = 0

    /// Appends the slot as the newest.
    mutating func append(_ slot: Int, in slots: inout [Slot]) {
        slots[slot].older = newest
        slots[slot].newer = Slot.none
        if newest == Slot.none {
            oldest = UInt32(slot)
        } else {
            slots[Int(newest)].newer = UInt32(slot)
        }
        newest = UInt32(slot)
        count += 1
    }

    /// Removes the slot from anywhere in this queue.
    mutating func unlink(_ slot: Int, in slots: inout [Slot]) {
        let (newer, older) = (slots[slot].newer, slots[slot].older)
        if older == Slot.none { oldest = newer } else { slots[Int(older)].newer = newer }
        if newer == Slot.none { newest = older } else { slots[Int(newer)].older = older }
        count -= 1
    }
}
