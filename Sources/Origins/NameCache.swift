// The addresses of one server's name: which is next, until when they are good, and who waits for the first of them. A
// value: it reads no clock and asks no resolver, but says when one is to be asked.

import EventLoop

/// Where a server is reached.
package enum ServerLocation: Equatable, Sendable {
    case address(SocketAddress)
    /// The name is being looked up; the waiter that was given is told once that has ended.
    case pending
}

/// Addresses take turns. A name is asked for again once its lifetime is over, and the old addresses serve until the new
/// ones are there.
package struct NameCache<Waiter: Sendable>: Sendable {
    private var addresses: [SocketAddress]
    private var next = 0
    private var expires = MonotonicTime(milliseconds: 0)
    /// The server was given by its address: there is nothing to ask.
    private let isFixed: Bool
    private var isAsking = false
    private var waiters: [Waiter] = []

    /// After a failed look-up the name is asked for again that soon, or sooner where the lifetime is shorter.
    private static var pauseAfterFailureMilliseconds: Int64 { 2_000 }

    /// - Parameter fixed: the addresses of a server that has no name; empty for one that has.
    package init(fixed: [SocketAddress]) {
        addresses = fixed
        isFixed = !fixed.isEmpty
    }

    /// The next address.
    /// - Parameter waiter: handed back by ``settle(_:now:lifetimeMilliseconds:)`` where the answer is `.pending`.
    /// - Returns: the location, and whether the caller is to have the name looked up now.
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

    /// The look-up has ended.
    /// - Returns: who waited for it, and the reason where the name has no address. Known addresses outlive a failure.
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
