// One server of an upstream, as all workers see it: where it is, how it has been doing, and until when it is left alone.

import Bytes
import Configuration
import EventLoop
import Synchronization

/// Shared by all workers; everything that changes is atomic or locked.
package final class OriginServer: Sendable {
    package let address: OriginAddress
    /// The `Host` value for `host: upstream`.
    package let authority: [UInt8]
    /// Unique in the process; workers keep their idle connections by it.
    package let slot: Int
    /// Requests that are at this server now.
    package let outstanding = Atomic<Int>(0)
    package let requests = Atomic<Int>(0)
    package let totalFailures = Atomic<Int>(0)

    private let failuresInARow = Atomic<Int>(0)
    private let asideUntil = Atomic<Int64>(0)
    private let isCheckedDown = Atomic<Bool>(false)
    private let names: Locked<ResolvedNames>

    /// The first pause after a failure; each further failure doubles it.
    private static let firstPauseMilliseconds: Int64 = 500
    private static let longestPauseMilliseconds: Int64 = 15_000
    private static let nextSlot = Atomic<Int>(0)

    private struct ResolvedNames {
        var addresses: [SocketAddress] = []
        var next = 0
        var expires = MonotonicTime(milliseconds: 0)
        var isFixed = false
        var isAsking = false
        var waiting: [@Sendable (String?) -> Void] = []
    }

    package init(address: OriginAddress) {
        self.address = address
        authority = Array(address.authority.utf8)
        slot = Self.nextSlot.wrappingAdd(1, ordering: .relaxed).oldValue
        var names = ResolvedNames()
        switch address {
        case .unix(let path): names.addresses = SocketAddress(unixPath: path).map { [$0] } ?? []
        case .tcp(let host, let port): names.addresses = SocketAddress(numericHost: host, port: port).map { [$0] } ?? []
        }
        names.isFixed = !names.addresses.isEmpty
        self.names = Locked(names)
    }

    // MARK: Health

    /// Why requests do or don't go to a server.
    package enum Standing: Sendable, Equatable {
        case up
        /// After failures; tried again at that time.
        case aside(until: MonotonicTime)
        /// The active check fails.
        case checkedDown
    }

    package func standing(now: MonotonicTime) -> Standing {
        if isCheckedDown.load(ordering: .relaxed) { return .checkedDown }
        let until = asideUntil.load(ordering: .relaxed)
        return until > now.milliseconds ? .aside(until: MonotonicTime(milliseconds: until)) : .up
    }

    /// An answer came: the pauses start over.
    package func noteSuccess() {
        if failuresInARow.load(ordering: .relaxed) != 0 {
            failuresInARow.store(0, ordering: .relaxed)
            asideUntil.store(0, ordering: .relaxed)
        }
    }

    /// It could not be reached, or broke off: it is set aside, longer each time.
    package func noteFailure(now: MonotonicTime) {
        totalFailures.wrappingAdd(1, ordering: .relaxed)
        let failures = failuresInARow.wrappingAdd(1, ordering: .relaxed).newValue
        let doublings = min(failures - 1, 10)
        let pause = min(Self.firstPauseMilliseconds << Int64(doublings), Self.longestPauseMilliseconds)
        // Jitter, so that several workers and Larders don't come back in step.
        let jitter = Int64.random(in: 0...(pause / 4))
        asideUntil.store(now.milliseconds + pause + jitter, ordering: .relaxed)
    }

    /// What the active check found. Returns whether this changed anything.
    package func noteCheck(isUp: Bool) -> Bool {
        let before = isCheckedDown.exchange(!isUp, ordering: .relaxed)
        if isUp { noteSuccess() }
        return before == isUp
    }

    // MARK: Address

    /// Where to connect to now.
    package enum Location {
        case address(SocketAddress)
        /// The name is being looked up; the answer given to ``locate(now:resolver:life:answer:)`` is called once it is
        /// known, with the reason where it has no address.
        case pending
    }

    /// The next address of the server. A name is asked for again in the background after `life`, the old addresses
    /// serve until the new ones are there.
    package func locate(
        now: MonotonicTime, resolver: Resolver, lifeMilliseconds life: Int64,
        answer: @escaping @Sendable (String?) -> Void
    ) -> Location {
        let (location, asks) = names.withLock { names -> (Location, Bool) in
            var asks = false
            if !names.isFixed && names.expires <= now && !names.isAsking {
                names.isAsking = true
                asks = true
            }
            if names.addresses.isEmpty {
                names.waiting.append(answer)
                return (.pending, asks)
            }
            names.next = (names.next + 1) % names.addresses.count
            return (.address(names.addresses[names.next]), asks)
        }
        if asks, case .tcp(let host, let port) = address {
            resolver.resolve(host: host, port: port) { [self] resolution in settle(resolution, lifeMilliseconds: life) }
        }
        return location
    }

    private func settle(_ resolution: Resolution, lifeMilliseconds life: Int64) {
        let (waiting, failure) = names.withLock { names -> ([@Sendable (String?) -> Void], String?) in
            names.isAsking = false
            let waiting = names.waiting
            names.waiting = []
            switch resolution {
            case .addresses(let addresses):
                names.addresses = addresses
                names.expires = MonotonicTime.now().advanced(byMilliseconds: life)
                return (waiting, nil)
            case .failed(let reason):
                // Asked again soon; addresses that are known serve on.
                names.expires = MonotonicTime.now().advanced(byMilliseconds: min(life, 2_000))
                return (waiting, reason)
            }
        }
        for answer in waiting { answer(failure) }
    }
}
