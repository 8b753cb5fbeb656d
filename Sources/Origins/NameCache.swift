// The addresses of one server's name: which there are, when they are looked up again, and who waits for them. A value: it
// reads no clock and calls no resolver, but says when to call one.

import EventLoop

/// What is known about a name.
package enum NameState: Sendable {
    case known([Endpoint])
    /// It is being looked up, or will be at that time, if somebody asks then. The waiter is told when a look-up has ended.
    case pending(lookAgain: MonotonicTime?)
    /// Every look-up has failed for a while: nobody waits for the next one.
    case failing
}

/// A name is looked up again once its lifetime is over; the old addresses are used until the new ones are known, and
/// beyond if the look-up fails. An address that stays keeps its ``Endpoint``, and with it its health and connections.
package struct NameCache<Waiter: Equatable & Sendable>: Sendable {
    package private(set) var endpoints: [Endpoint] = []
    /// When it is looked up again.
    private var due = MonotonicTime(milliseconds: 0)
    private var isAsking = false
    private var waiters: [Waiter] = []
    /// Failures in a row.
    private var failures = 0
    private var failingSince = MonotonicTime(milliseconds: 0)

    /// The first pause after a failure, while no address is known; each further failure doubles it.
    private static var firstPauseMilliseconds: Int64 { 250 }
    private static var longestPauseMilliseconds: Int64 { 2_000 }
    /// How long requests wait for a name that has no address.
    private static var patienceMilliseconds: Int64 { 10_000 }

    package init() {}

    /// Whether the last look-up failed.
    package var hasFailed: Bool { failures > 0 }

    /// What is known now.
    /// - Parameter waiter: returned by ``settle(_:now:lifetimeMilliseconds:)`` if the state is `.pending`.
    /// - Returns: the state, and whether the caller must have the name looked up now.
    package mutating func locate(now: MonotonicTime, waiter: Waiter?) -> (state: NameState, asks: Bool) {
        let asks = due <= now && !isAsking
        if asks { isAsking = true }
        guard endpoints.isEmpty else { return (.known(endpoints), asks) }
        if !isAsking, now.milliseconds(since: failingSince) >= Self.patienceMilliseconds { return (.failing, false) }
        if let waiter, !waiters.contains(waiter) { waiters.append(waiter) }
        return (.pending(lookAgain: isAsking ? nil : due), asks)
    }

    /// A look-up has ended.
    /// - Returns: those who wait, who must call ``locate(now:waiter:)`` again.
    package mutating func settle(_ resolution: Resolution, now: MonotonicTime, lifetimeMilliseconds lifetime: Int64)
        -> [Waiter]
    {
        isAsking = false
        let told = waiters
        waiters = []
        switch resolution {
        case .addresses(let found) where !found.isEmpty:
            failures = 0
            due = now.advanced(byMilliseconds: lifetime)
            let before = endpoints
            endpoints = found.map { address in before.first { $0.address == address } ?? Endpoint(address) }
            for endpoint in before where !found.contains(endpoint.address) { endpoint.retire() }
        case .addresses, .failed:
            if failures == 0 { failingSince = now }
            failures += 1
            let pause =
                endpoints.isEmpty
                ? min(Self.firstPauseMilliseconds << Int64(min(failures - 1, 10)), Self.longestPauseMilliseconds)
                : Self.longestPauseMilliseconds
            due = now.advanced(byMilliseconds: min(lifetime, pause))
        }
        return told
    }
}
