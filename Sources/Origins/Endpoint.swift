// One address of a server. A name is not a place: it may have several addresses, of which one refuses connections while
// another serves. So health, load and connections are kept per address, and a name only says which addresses there are.

import Bytes
import EventLoop
import Synchronization

/// Shared by all workers; everything that changes is atomic or locked. It exists as long as its server's name has the
/// address, or a connection to it is open.
package final class Endpoint: Sendable {
    package let address: SocketAddress
    /// Unique among those that exist: the index of its connections in the workers' pools.
    let slot: Int
    /// Requests that are processed there now.
    let outstanding = Atomic<Int>(0)

    private let record = Locked(ServerHealth())
    /// Whether `record` isn't clear. Checked for every request, so that no lock is taken for a healthy address. Written
    /// with the lock held.
    private let isImpaired = Atomic<Bool>(false)
    private let hasLeft = Atomic<Bool>(false)
    /// When it last sent bytes that nobody had asked for, in milliseconds of the monotonic clock.
    private let surplusTime = Atomic<Int64>(.min)
    /// For so long it counts as one that sends bodies which its responses must not have.
    private static let surplusMilliseconds: Int64 = 600_000

    private static let slots = Locked(Slots())

    package init(_ address: SocketAddress) {
        self.address = address
        slot = Self.slots.withLock { $0.take() }
    }

    /// No connection is left that could stand in a pool.
    deinit { Self.slots.withLock { $0.free.append(slot) } }

    /// Numbers from 0 on, used again, so that names whose addresses change for ever need no more of them.
    private struct Slots {
        var free: [Int] = []
        var count = 0

        mutating func take() -> Int {
            if let slot = free.popLast() { return slot }
            defer { count += 1 }
            return count
        }
    }

    // MARK: The name

    /// The server's name doesn't have this address any more: connections to it are not reused.
    package var isRetired: Bool { hasLeft.load(ordering: .relaxed) }

    func retire() { hasLeft.store(true, ordering: .relaxed) }

    // MARK: Surplus

    /// It has sent bytes that belong to no response.
    func noteSurplus(now: MonotonicTime) { surplusTime.store(now.milliseconds, ordering: .relaxed) }

    /// Whether it has done so lately.
    func sendsSurplus(now: MonotonicTime) -> Bool {
        let time = surplusTime.load(ordering: .relaxed)
        return time != .min && now.milliseconds - time < Self.surplusMilliseconds
    }

    // MARK: Health

    /// Whether requests are sent to it.
    package func health(now: MonotonicTime) -> Health {
        guard isImpaired.load(ordering: .relaxed) else { return .up }
        return record.withLock { $0.health(now: now) }
    }

    /// A response has arrived.
    func noteSuccess() {
        guard isImpaired.load(ordering: .relaxed) else { return }
        update { $0.noteSuccess() }
    }

    /// It could not be reached, or the response was interrupted, in an attempt from that time on.
    func noteFailure(ofAttemptFrom began: MonotonicTime, now: MonotonicTime) {
        update { $0.noteFailure(ofAttemptFrom: began, now: now, random: UInt64.random(in: .min ... .max)) }
    }

    /// See ``ServerHealth/beginTrial(now:)``.
    func beginTrial(now: MonotonicTime) -> Bool { update { $0.beginTrial(now: now) } }

    func endTrial() { update { $0.endTrial() } }

    /// One active check has ended.
    /// - Returns: whether the address went down or came back up.
    func noteCheck(succeeded: Bool, fall: Int, rise: Int) -> Bool {
        update { $0.noteCheck(succeeded: succeeded, fall: fall, rise: rise) }
    }

    @discardableResult
    private func update<Result>(_ change: (inout ServerHealth) -> Result) -> Result {
        record.withLock { record in
            let result = change(&record)
            isImpaired.store(!record.isClear, ordering: .relaxed)
            return result
        }
    }
}
