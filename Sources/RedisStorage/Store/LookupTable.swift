// The lookups that wait for Redis, by ticket. Slots are reused, so that in steady use nothing is allocated; a ticket
// contains its slot and that slot's use count, so an old ticket finds nothing.
//
// A lookup that is begun before the command of another one for the same key was sent follows that one: they share the
// command and the record. The leader is the one whose ticket the command has.

import Bytes
import CacheStorage

/// What is kept of a lookup until its reply arrives.
struct PendingLookup {
    var key: CacheKey
    var form = RecordForm.whole
    /// The current time, as given by the user of the store.
    var now: WallTime
    var token: UInt64
    /// Nil once the lookup was cancelled.
    var receiver: (any StoreReceiver)?
    /// The tickets of a leader's followers, and a follower's key text. The leader's goes with its command.
    var followers: [UInt64] = []
    var keyText: [UInt8] = []
    /// The read of the stream of purges that precedes it.
    var purgeRead: UInt64 = 0
    /// A follower's key text isn't its leader's, although they have the same key.
    var hasOtherText = false
}

/// The limit on waiting commands also limits its size, apart from followers, which are requests of clients.
struct LookupTable {
    private struct Slot {
        var lookup: PendingLookup?
        var uses: UInt64 = 0
        /// The next free slot, or -1.
        var nextFree = -1
    }

    private var slots: [Slot] = []
    private var firstFree = -1

    private static let slotBits: UInt64 = 24
    /// Leaves the highest bit of a ticket 0: tickets with that bit belong to lookups that don't ask Redis.
    private static let useBits: UInt64 = 39

    /// Returns the ticket.
    mutating func insert(_ lookup: consuming PendingLookup) -> UInt64 {
        if firstFree < 0 {
            slots.append(Slot())
            firstFree = slots.count - 1
        }
        let index = firstFree
        firstFree = slots[index].nextFree
        slots[index].lookup = lookup
        slots[index].uses = (slots[index].uses &+ 1) & (1 << Self.useBits - 1)
        return slots[index].uses << Self.slotBits | UInt64(index)
    }

    /// Inserts `lookup` as a follower of `leader`; nil if that isn't there any more.
    mutating func insert(_ lookup: consuming PendingLookup, following leader: UInt64) -> UInt64? {
        guard self[leader] != nil else { return nil }
        let ticket = insert(lookup)
        if let index = index(of: leader) { slots[index].lookup?.followers.append(ticket) }
        return ticket
    }

    /// Removes the lookup; nil if it isn't there any more.
    mutating func remove(_ ticket: UInt64) -> PendingLookup? {
        guard let index = index(of: ticket), let lookup = slots[index].lookup.take() else { return nil }
        slots[index].nextFree = firstFree
        firstFree = index
        return lookup
    }

    subscript(ticket: UInt64) -> PendingLookup? { index(of: ticket).flatMap { slots[$0].lookup } }

    /// Whether anybody waits for the reply to the command of `leader`, a follower included.
    func isAwaited(_ leader: UInt64) -> Bool {
        guard let lookup = self[leader] else { return false }
        return lookup.receiver != nil || lookup.followers.contains { self[$0]?.receiver != nil }
    }

    /// Marks the followers of `leader` that have another key text.
    mutating func compareFollowers(of leader: UInt64, with keyText: Span<UInt8>) {
        for follower in self[leader]?.followers ?? [] {
            guard let index = index(of: follower), let own = slots[index].lookup?.keyText else { continue }
            slots[index].lookup?.hasOtherText = !own.span.isSame(as: keyText)
        }
    }

    /// Releases the receiver; the lookup stays until its reply arrives.
    mutating func cancel(_ ticket: UInt64) {
        if let index = index(of: ticket) { slots[index].lookup?.receiver = nil }
    }

    private func index(of ticket: UInt64) -> Int? {
        let index = Int(ticket & (1 << Self.slotBits - 1))
        guard index < slots.count, slots[index].uses == ticket >> Self.slotBits else { return nil }
        return index
    }
}
