// One address of a server. A name is not a place: it may have several addresses, of which one refuses connections while
// another serves. So health, load and connections are kept per address, and a name only says which addresses there are.

import Bytes
import EventLoop
import Synchronization

/// What is wrong with an address that isn't up.
package struct EndpointTrouble: Sendable, Equatable {
    /// Of the latest failure.
    package let reason: String
    /// Failures since it was up, of requests and checks.
    package let failures: Int
    package let since: MonotonicTime
}

/// Shared by all workers; everything that changes is atomic or locked. It exists as long as its server's name has the
/// address, or a connection to it is open.
package final class Endpoint: Sendable {
    package let address: SocketAddress
    /// Unique among those that exist: the index of its connections in the workers' pools.
    let slot: Int
    /// No other one ever has it: by this a TLS session is kept for the server that it was agreed on with.
    let serial: Int
    /// Requests that are processed there now.
    let outstanding = Atomic<Int>(0)
    /// What tells it from others of its server where a key decides.
    let number: UInt64

    private let record = Locked(Record())
    /// Whether the health in `record` isn't clear. Checked for every request, so that no lock is taken for a healthy address. Written
    /// with the lock held.
    private let isImpaired = Atomic<Bool>(false)
    private let hasLeft = Atomic<Bool>(false)
    /// When it last sent bytes that nobody had asked for, in milliseconds of the monotonic clock.
    private let surplusTime = Atomic<Int64>(.min)
    /// For so long it counts as one that sends bodies which its responses must not have.
    private static let surplusMilliseconds: Int64 = 600_000

    /// When it last chose HTTP/1.1 over HTTP/2, in milliseconds of the monotonic clock.
    private let http1Time = Atomic<Int64>(.min)
    /// For so long it isn't offered HTTP/2 again.
    private static let http1Milliseconds: Int64 = 600_000

    /// How many streams it takes at once on an HTTP/2 connection, as it has said last.
    private let streams = Atomic<Int>(.max)

    private static let slots = Locked(Slots())
    private static let serials = Atomic<Int>(0)

    package init(_ address: SocketAddress) {
        self.address = address
        number = HashRank.number(of: address.description)
        slot = Self.slots.withLock { $0.take() }
        serial = Self.serials.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// No connection is left that could stand in a pool.
    deinit { Self.slots.withLock { $0.free.append(slot) } }

    private struct Record {
        var health = ServerHealth()
        /// While the health isn't clear.
        var trouble: EndpointTrouble?

        mutating func note(_ reason: String, now: MonotonicTime) -> EndpointTrouble {
            let trouble = EndpointTrouble(
                reason: reason, failures: (trouble?.failures ?? 0) + 1, since: trouble?.since ?? now)
            self.trouble = trouble
            return trouble
        }

        /// What has ended, if it is up again.
        mutating func takeTrouble() -> EndpointTrouble? {
            guard health.isClear else { return nil }
            defer { trouble = nil }
            return trouble
        }
    }

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

    // MARK: Protocol

    /// It was offered HTTP/2, and chose HTTP/1.1.
    func noteHTTP1(now: MonotonicTime) { http1Time.store(now.milliseconds, ordering: .relaxed) }

    /// Whether it has done so lately.
    func speaksHTTP1(now: MonotonicTime) -> Bool {
        let time = http1Time.load(ordering: .relaxed)
        return time != .min && now.milliseconds - time < Self.http1Milliseconds
    }

    /// RFC 9113 §6.5.2: it has said how many streams it takes at once on a connection; 0 is none for now.
    func note(streams limit: Int) { streams.store(limit, ordering: .relaxed) }

    /// What it has said last; as good as unlimited until then.
    var streamLimit: Int { streams.load(ordering: .relaxed) }

    // MARK: Health

    /// Whether requests are sent to it.
    package func health(now: MonotonicTime) -> Health {
        guard isImpaired.load(ordering: .relaxed) else { return .up }
        return record.withLock { $0.health.health(now: now) }
    }

    /// What is wrong with it; nil while it is up.
    package var trouble: EndpointTrouble? {
        isImpaired.load(ordering: .relaxed) ? record.withLock { $0.trouble } : nil
    }

    /// A response has arrived.
    /// - Returns: what has ended with it, if it wasn't up before and is now.
    @discardableResult
    func noteSuccess() -> EndpointTrouble? {
        guard isImpaired.load(ordering: .relaxed) else { return nil }
        return update { record in
            record.health.noteSuccess()
            return record.takeTrouble()
        }
    }

    /// It could not be reached, or the response was interrupted, in an attempt from that time on.
    /// - Returns: what is wrong, if it was up before.
    @discardableResult
    func noteFailure(ofAttemptFrom began: MonotonicTime, now: MonotonicTime, _ reason: String = "a request failed")
        -> EndpointTrouble?
    {
        update { record in
            let wasUp = record.health.isClear
            record.health.noteFailure(ofAttemptFrom: began, now: now, random: UInt64.random(in: .min ... .max))
            let trouble = record.note(reason, now: now)
            return wasUp ? trouble : nil
        }
    }

    /// See ``ServerHealth/beginTrial(now:)``.
    func beginTrial(now: MonotonicTime) -> Bool { update { $0.health.beginTrial(now: now) } }

    func endTrial() { update { $0.health.endTrial() } }

    /// What one active check comes to.
    enum CheckResult {
        case nothingNew
        /// It is down from now on.
        case down(EndpointTrouble)
        /// It is up again.
        case up(EndpointTrouble)
    }

    /// One active check has ended.
    /// - Parameter problem: what was wrong; nil if it succeeded.
    func noteCheck(_ problem: String?, fall: Int, rise: Int, now: MonotonicTime) -> CheckResult {
        update { record in
            let hasChanged = record.health.noteCheck(succeeded: problem == nil, fall: fall, rise: rise)
            guard let problem else { return record.takeTrouble().map { .up($0) } ?? .nothingNew }
            if record.health.isClear { return .nothingNew }
            let trouble = record.note(problem, now: now)
            return hasChanged ? .down(trouble) : .nothingNew
        }
    }

    @discardableResult
    private func update<Result>(_ change: (inout Record) -> Result) -> Result {
        record.withLock { record in
            let result = change(&record)
            isImpaired.store(!record.health.isClear, ordering: .relaxed)
            return result
        }
    }
}
