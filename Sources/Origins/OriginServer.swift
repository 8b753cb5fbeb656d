// One server of an upstream, as all workers see it: its location, its health, and its current load. `ServerHealth` and
// `NameCache` decide; this shares them between threads.

import Bytes
import Configuration
import EventLoop
import Synchronization

/// The result of a name resolution that a worker waited for.
struct NameLookUp: Sendable {
    let ticket: UInt64
    /// Why the name has no address; nil if it has one.
    let failure: String?
}

/// A worker that waits for the resolution of a server's name, with its ticket.
struct NameWaiter: Sendable {
    let mailbox: Mailbox<NameLookUp>
    let ticket: UInt64
}

/// Shared by all workers; everything that changes is atomic or locked.
package final class OriginServer: Sendable {
    package let address: OriginAddress
    /// The `Host` value for `host: upstream`.
    package let authority: [UInt8]
    /// Unique in the process; the index of its idle connections in the workers' pools.
    package let slot: Int
    /// Requests that this server is processing now.
    package let outstanding = Atomic<Int>(0)
    package let requests = Atomic<Int>(0)
    package let totalFailures = Atomic<Int>(0)

    private let record = Locked(ServerHealth())
    /// Whether `record` isn't clear. Checked for every request, so that no lock is taken for a healthy server. Written
    /// with the lock held.
    private let isImpaired = Atomic<Bool>(false)
    private let names: Locked<NameCache<NameWaiter>>

    private static let nextSlot = Atomic<Int>(0)

    package init(address: OriginAddress) {
        self.address = address
        authority = Array(address.authority.utf8)
        slot = Self.nextSlot.wrappingAdd(1, ordering: .relaxed).oldValue
        let fixed =
            switch address {
            case .unix(let path): SocketAddress(unixPath: path)
            case .tcp(let host, let port): SocketAddress(numericHost: host, port: port)
            }
        names = Locked(NameCache(fixed: fixed.map { [$0] } ?? []))
    }

    // MARK: Health

    /// Whether requests are sent to it.
    package func health(now: MonotonicTime) -> Health {
        guard isImpaired.load(ordering: .relaxed) else { return .up }
        return record.withLock { $0.health(now: now) }
    }

    /// A response has arrived.
    package func noteSuccess() {
        guard isImpaired.load(ordering: .relaxed) else { return }
        record.withLock { record in
            record.noteSuccess()
            isImpaired.store(!record.isClear, ordering: .relaxed)
        }
    }

    /// It could not be reached, or the response was interrupted.
    package func noteFailure(now: MonotonicTime) {
        totalFailures.wrappingAdd(1, ordering: .relaxed)
        record.withLock { record in
            record.noteFailure(now: now, random: UInt64.random(in: .min ... .max))
            isImpaired.store(true, ordering: .relaxed)
        }
    }

    /// One active check has ended.
    /// - Returns: whether the server went down or came back up.
    func noteCheck(succeeded: Bool) -> Bool {
        record.withLock { record in
            let isChanged = record.noteCheck(succeeded: succeeded)
            isImpaired.store(!record.isClear, ordering: .relaxed)
            return isChanged
        }
    }

    // MARK: Address

    /// Where to connect to now. If the name must be resolved, `resolver` is called.
    /// - Parameter waiter: notified through its mailbox when the name is resolved, if the location is `.pending`.
    func locate(
        now: MonotonicTime, resolver: Resolver, lifetimeMilliseconds lifetime: Int64, waiter: NameWaiter?
    ) -> ServerLocation {
        let (location, asks) = names.withLock { $0.locate(now: now, waiter: waiter) }
        if asks, case .tcp(let host, let port) = address {
            resolver.resolve(host: host, port: port) { [self] in settle($0, lifetimeMilliseconds: lifetime) }
        }
        return location
    }

    /// Called on the resolver's thread.
    private func settle(_ resolution: Resolution, lifetimeMilliseconds lifetime: Int64) {
        let now = MonotonicTime.now()
        let (waiters, failure) = names.withLock {
            $0.settle(resolution, now: now, lifetimeMilliseconds: lifetime)
        }
        for waiter in waiters { waiter.mailbox.post(NameLookUp(ticket: waiter.ticket, failure: failure)) }
    }
}
