// The servers of one entry of `upstreams`, and the choice of the address for an attempt.

import Bytes
import Configuration
import EventLoop
import Synchronization

/// The address for an attempt.
enum OriginChoice {
    /// - isTrial: whether this request alone tries the address, which has failed; ``Endpoint/endTrial()`` must follow.
    case endpoint(Endpoint, of: OriginServer, isTrial: Bool)
    /// No address is left, but names may still bring some. The waiter is told when one is looked up.
    /// - lookAgain: when to choose again though nothing was told.
    case names(lookAgain: MonotonicTime?)
    /// Each address was tried.
    case none
}

/// Shared by all workers. A reload that doesn't change an upstream keeps its group, and with it the servers' health.
package final class UpstreamGroup: Sendable {
    package let settings: Upstream
    package let servers: [OriginServer]
    private let turn = Atomic<Int>(0)
    /// Whether no server was up at the last change.
    private let wasDown = Locked(false)
    private let changed: @Sendable (UpstreamChange) -> Void

    /// - Parameter changed: called once for each change, on the thread that has noticed it, with a lock held.
    package init(settings: Upstream, changed: @escaping @Sendable (UpstreamChange) -> Void = { _ in }) {
        self.settings = settings
        self.changed = changed
        servers = settings.servers.map(OriginServer.init(address:))
        for server in servers {
            server.watchName { [weak self, unowned server] kind, now in self?.report(kind, server, nil, now: now) }
        }
    }

    // MARK: Health

    /// A response has arrived.
    func noteSuccess(at endpoint: Endpoint, of server: OriginServer, now: MonotonicTime) {
        if let ended = endpoint.noteSuccess() { report(.recovered(ended), server, endpoint, now: now) }
    }

    /// See ``Endpoint/noteFailure(ofAttemptFrom:now:_:)``.
    func noteFailure(
        at endpoint: Endpoint, of server: OriginServer, attemptFrom began: MonotonicTime, now: MonotonicTime,
        _ reason: String
    ) {
        server.totalFailures.wrappingAdd(1, ordering: .relaxed)
        if let trouble = endpoint.noteFailure(ofAttemptFrom: began, now: now, reason) {
            report(.ejected(trouble), server, endpoint, now: now)
        }
    }

    /// One active check has ended.
    /// - Parameter problem: what was wrong; nil if it succeeded.
    func noteCheck(
        _ problem: String?, at endpoint: Endpoint, of server: OriginServer, _ check: HealthCheck, now: MonotonicTime
    ) {
        switch endpoint.noteCheck(problem, fall: check.fall, rise: check.rise, now: now) {
        case .nothingNew: return
        case .down(let trouble): report(.failsCheck(trouble), server, endpoint, now: now)
        case .up(let ended): report(.recovered(ended), server, endpoint, now: now)
        }
    }

    /// Whether none of its servers is up.
    package func isDown(now: MonotonicTime) -> Bool { !servers.contains { $0.health(now: now) == .up } }

    /// With the lock held, so that what is told last is what holds.
    private func report(
        _ kind: UpstreamChange.Kind, _ server: OriginServer, _ endpoint: Endpoint?, now: MonotonicTime
    ) {
        wasDown.withLock { wasDown in
            let up = servers.count { $0.health(now: now) == .up }
            let isDown = up == 0
            let consequence: UpstreamChange.Consequence = isDown == wasDown ? .none : isDown ? .isDown : .isUp
            wasDown = isDown
            let authority = server.address.description
            let place = server.hasName ? endpoint.map { "\(authority) at \($0.address)" } ?? authority : authority
            changed(
                UpstreamChange(
                    upstream: settings.name, place: place, kind: kind, consequence: consequence, serversUp: up,
                    servers: servers.count, time: now))
        }
    }

    /// The address for the next attempt: of the servers in turn, or the least busy one, and of a server's addresses in
    /// turn.
    ///
    /// One that has failed is tried by one request at a time once its pause is over. If no other is left, an ejected one
    /// is used, the one whose pause ends first, and at last one that fails its check: if nothing is known to be up, an
    /// attempt is better than an error.
    /// - Parameter tried: slots of addresses that are out of the question.
    func choose(excluding tried: [Int], now: MonotonicTime, resolver: Resolver, waiter: NameWaiter?) -> OriginChoice {
        // What most upstreams are: one server without a name, and up.
        if servers.count == 1, tried.isEmpty, let endpoint = servers[0].fixed, endpoint.health(now: now) == .up {
            return .endpoint(endpoint, of: servers[0], isTrial: false)
        }
        let start = servers.count > 1 ? turn.wrappingAdd(1, ordering: .relaxed).oldValue & Int.max : 0
        var selection = Selection(balance: settings.balance)
        var waits = false
        var lookAgain: MonotonicTime?
        for offset in 0..<servers.count {
            let server = servers[(start % servers.count + offset) % servers.count]
            let state = server.forEachEndpoint(
                now: now, resolver: resolver, lifetimeMilliseconds: settings.resolve.rawValue, waiter: waiter
            ) { endpoint in
                if !tried.contains(endpoint.slot) { selection.consider(endpoint, of: server, now: now) }
                return selection.isSettled
            }
            if selection.isSettled { break }
            if case .pending(let time) = state {
                waits = true
                if let time { lookAgain = min(time, lookAgain ?? time) }
            }
        }
        if let (endpoint, server) = selection.chosen {
            return .endpoint(endpoint, of: server, isTrial: selection.isTrial)
        }
        return waits ? .names(lookAgain: lookAgain) : .none
    }

    /// How many addresses that are up were not tried yet.
    func untriedCount(excluding tried: [Int], now: MonotonicTime) -> Int {
        var count = 0
        for server in servers {
            for endpoint in server.endpoints where !tried.contains(endpoint.slot) && endpoint.health(now: now) == .up {
                count += 1
            }
        }
        return count
    }

    /// Whether the name of a server could not be looked up.
    var hasFailedName: Bool { servers.contains { $0.hasFailedName } }
}

/// The best address of those seen so far.
private struct Selection {
    let balance: Upstream.Balance
    private(set) var isTrial = false
    /// Whether no other address can be better.
    private(set) var isSettled = false
    private var best: (endpoint: Endpoint, server: OriginServer, load: Int)?
    private var ejected: (endpoint: Endpoint, server: OriginServer, until: MonotonicTime)?
    private var checkedDown: (endpoint: Endpoint, server: OriginServer)?

    init(balance: Upstream.Balance) { self.balance = balance }

    var chosen: (Endpoint, OriginServer)? {
        if let best { return (best.endpoint, best.server) }
        if let ejected { return (ejected.endpoint, ejected.server) }
        return checkedDown
    }

    mutating func consider(_ endpoint: Endpoint, of server: OriginServer, now: MonotonicTime) {
        switch endpoint.health(now: now) {
        case .up:
            let load = balance == .roundRobin ? 0 : endpoint.outstanding.load(ordering: .relaxed)
            if best == nil || load < best!.load { best = (endpoint, server, load) }
            isSettled = balance == .roundRobin
        case .failing:
            if endpoint.beginTrial(now: now) {
                best = (endpoint, server, 0)
                isTrial = true
                isSettled = true
            } else {
                note(endpoint, server, ejectedUntil: now)
            }
        case .ejected(let until): note(endpoint, server, ejectedUntil: until)
        case .checkedDown: if checkedDown == nil { checkedDown = (endpoint, server) }
        }
    }

    private mutating func note(_ endpoint: Endpoint, _ server: OriginServer, ejectedUntil until: MonotonicTime) {
        if ejected == nil || until < ejected!.until { ejected = (endpoint, server, until) }
    }
}
