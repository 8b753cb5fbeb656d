// Which connections are in the middle of a handshake, the oldest first: there are no more than a bound of them, and one that has
// taken its time makes room for one that comes.

import EventLoop

/// The connections of one worker. Beginning and ending take a constant time.
struct HandshakeQueue<Connection: AnyObject> {
    private var waiting: [(connection: Connection, began: MonotonicTime)?] = []
    /// The number of the first in `waiting`, and how many of those before the rest have ended.
    private var first = 0
    private var head = 0
    private(set) var count = 0

    /// - Returns: the number by which it ends.
    mutating func begin(_ connection: Connection, now: MonotonicTime) -> Int {
        waiting.append((connection, now))
        count += 1
        return first + waiting.count - 1
    }

    mutating func end(_ number: Int) {
        let place = number - first
        guard waiting.indices.contains(place), waiting[place] != nil else { return }
        waiting[place] = nil
        count -= 1
        while head < waiting.count, waiting[head] == nil { head += 1 }
        guard head > 1_024, head > waiting.count / 2 else { return }
        waiting.removeFirst(head)
        first += head
        head = 0
    }

    /// The oldest one, if it began before that time.
    func oldest(before time: MonotonicTime) -> Connection? {
        guard head < waiting.count, let oldest = waiting[head], oldest.began < time else { return nil }
        return oldest.connection
    }
}
