// The addresses of one server's name: which is next, when they expire, and who waits for the first resolution. A value:
// it reads no clock and calls no resolver, but says when to call one.

import EventLoop

/// The location of a server.
package enum ServerLocation: Equatable, Sendable {
    case address(SocketAddress)
    /// The name is being resolved; the given waiter is called when that has ended.
    case pending
}

/// Addresses are used in turn. A name is resolved again once its lifetime is over; the old addresses are used until the
/// new ones are known.
package struct NameCache<Waiter: Sendable>: Sendable {
    private var addresses: [SocketAddress]
    private var next = 0
    private var expires = MonotonicTime(milliseconds: 0)
    /// The server is configured by its address: there is nothing to resolve.
    private let isFixed: Bool
    private var isAsking = false
    private var waiters: [Waiter] = []

    /// After a failure the name is resolved again after this time, or after the lifetime if that is shorter.
    private static var pauseAfterFailureMilliseconds: Int64 { 2_000 }

    /// - Parameter fixed: the addresses of a server without a name; empty for one with a name.
    package init(fixed: [SocketAddress]) {
        addresses = fixed
        isFixed = !fixed.isEmpty
    }

    /// The next address.
    /// - Parameter waiter: returned by ``settle(_:now:lifetimeMilliseconds:)`` if the location is `.pending`.
    /// - Returns: the location, and whether the caller must have the name resolved now.
    package mutating func locate(now: MonotonicTime, waiter: Waiter?) -> (location: ServerLocation, asks: Bool) {
        let asks = !isFixed && expires <= now && !isAsking
        if asks { isAsking = true }
        guard !addresses.isEmpty else {
            if let waiter { waiters.append(waiter) }
            return (.pending, asks)
        }
        next = (next + 1) % addresses.count
        return (.address(addresses[next]), asks)
    }

    /// The resolution has ended.
    /// - Returns: the waiters, and the reason if the name has no address. Known addresses survive a failure.
    package mutating func settle(_ resolution: Resolution, now: MonotonicTime, lifetimeMilliseconds lifetime: Int64)
        -> (waiters: [Waiter], failure: String?)
    {
        isAsking = false
        let told = waiters
        waiters = []
        switch resolution {
        case .addresses(let found):
            addresses = found
            expires = now.advanced(byMilliseconds: lifetime)
            return (told, nil)
        case .failed(let reason):
            expires = now.advanced(byMilliseconds: min(lifetime, Self.pauseAfterFailureMilliseconds))
            return (told, reason)
        }
    }
}
