// Those who wait for the address of a name: until when, and when they must ask again. A value: `OriginAccess` has the
// timer.

import EventLoop

/// Everybody who waits is in it once. Used only on one worker's thread.
struct NameWaits<Waiter: AnyObject> {
    private var entries: [(waiter: Waiter, deadline: MonotonicTime, lookAgain: MonotonicTime?)] = []

    var count: Int { entries.count }

    /// When something is to be done next; nil if nobody waits.
    var next: MonotonicTime? { entries.map { min($0.deadline, $0.lookAgain ?? $0.deadline) }.min() }

    /// - Parameter lookAgain: when the waiter asks again though it was told nothing.
    mutating func add(_ waiter: Waiter, until deadline: MonotonicTime, lookAgain: MonotonicTime?) {
        entries.append((waiter, deadline, lookAgain))
    }

    mutating func remove(_ waiter: Waiter) { entries.removeAll { $0.waiter === waiter } }

    /// Removes those for whom `isTold` holds, and returns them in order.
    mutating func take(where isTold: (Waiter) -> Bool) -> [Waiter] {
        let taken = entries.filter { isTold($0.waiter) }
        if !taken.isEmpty { entries.removeAll { isTold($0.waiter) } }
        return taken.map(\.waiter)
    }

    /// Removes those whose time is over, and those who must ask again.
    mutating func takeDue(now: MonotonicTime) -> (late: [Waiter], again: [Waiter]) {
        var late: [Waiter] = []
        var again: [Waiter] = []
        entries.removeAll { entry in
            if entry.deadline <= now {
                late.append(entry.waiter)
            } else if let time = entry.lookAgain, time <= now {
                again.append(entry.waiter)
            } else {
                return false
            }
            return true
        }
        return (late, again)
    }
}
