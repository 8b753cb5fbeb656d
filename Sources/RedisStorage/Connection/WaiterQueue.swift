// Who waits for which reply. Redis answers in order, so this is a line: asked at the end, answered at the front. A ring
// that grows by doubling up to the bound its owner keeps; in steady use it allocates nothing.

import CacheStorage

/// One command in flight.
struct Waiter {
    enum Command: UInt8, BitwiseCopyable {
        /// The first piece of a record; the key text's bytes stand in the store's queue of key texts.
        case lookup
        /// A further piece of a large record.
        case readPiece
        /// SET of a small record.
        case store
        /// UNLINK that somebody may wait for.
        case removal
        /// A step of writing a large record.
        case writeStep
        /// SET of a key that nobody reads, to learn whether writes are taken.
        case writeProbe
        /// AUTH or SELECT.
        case greeting
        case ping
        /// Nobody minds the reply.
        case ignored
    }

    var command: Command
    /// On the monotonic clock, in milliseconds.
    var deadline: Int64
    var key = CacheKey(high: 0, low: 0)
    var keyTextCount = 0
    var token: UInt64 = 0
    /// The moment that a lookup gave as the present one.
    var now = WallTime(milliseconds: 0)
    var receiver: (any StoreReceiver)?
    /// The removal's receiver, the large read or write that the command belongs to, or what a write holds until it is done.
    var subject: AnyObject?
    /// Of a removal: how many keys it names, and how many of them stood in uploads that it broke off.
    var keyCount = 0
    var uploadsAbandoned = 0
    /// Its time-out has been dealt with; the reply is only waited for so that the order stays right.
    var isAbandoned = false
}

struct WaiterQueue {
    private var ring: [Waiter?] = Array(repeating: nil, count: 64)
    /// Numbers of the first waiter and of the next to come; they never repeat.
    private(set) var front: UInt64 = 0
    private(set) var end: UInt64 = 0

    init() {}

    /// An empty line whose numbers go on where those of `other` end.
    init(after other: WaiterQueue) {
        front = other.end
        end = other.end
    }

    var count: Int { Int(end - front) }
    var isEmpty: Bool { front == end }

    /// Returns the waiter's number.
    mutating func append(_ waiter: consuming Waiter) -> UInt64 {
        if count == ring.count { grow() }
        ring[place(end)] = waiter
        end += 1
        return end - 1
    }

    /// Takes the first waiter out.
    mutating func popFirst() -> Waiter? {
        guard !isEmpty else { return nil }
        let waiter = ring[place(front)].take()
        front += 1
        return waiter
    }

    /// The waiter of that number, if it still waits.
    subscript(number: UInt64) -> Waiter? {
        get { number >= front && number < end ? ring[place(number)] : nil }
        set { if number >= front && number < end { ring[place(number)] = newValue } }
    }

    var firstCommand: Waiter.Command? { isEmpty ? nil : ring[place(front)]?.command }

    /// Changes the waiter of that number where it stands.
    mutating func update(_ number: UInt64, _ change: (inout Waiter) -> Void) {
        guard number >= front && number < end else { return }
        let index = place(number)
        if ring[index] != nil { change(&ring[index]!) }
    }

    private func place(_ number: UInt64) -> Int {
        Int(truncatingIfNeeded: number) & (ring.count - 1)
    }

    private mutating func grow() {
        var larger: [Waiter?] = Array(repeating: nil, count: 2 * ring.count)
        for number in front..<end {
            larger[Int(truncatingIfNeeded: number) & (larger.count - 1)] = ring[place(number)].take()
        }
        ring = larger
    }
}
