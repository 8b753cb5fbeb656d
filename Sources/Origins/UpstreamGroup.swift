// The servers of one entry of `upstreams`, and the choice of the address for an attempt.

import Bytes
import Configuration
import EventLoop
import Synchronization
import TLS

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
    /// How those of its servers that are https are spoken to; nil where none is.
    package let tls: ClientContext?
    /// As Host has it, of the first server.
    package let authority: [UInt8]
    /// The server of an upstream that has one.
    private let onlyServer: OriginServer?
    /// Indexes of the servers, and then of the backups, if there are any.
    private let tiers: [[Int]]
    private let turns: Locked<SmoothTurns>
    private let reports: UpstreamReports

    /// - Parameter changed: called once for each change, on the thread that has noticed it, with a lock held.
    package init(
        settings: Upstream, tls: ClientContext? = nil, changed: @escaping @Sendable (UpstreamChange) -> Void = { _ in }
    ) {
        self.settings = settings
        self.tls = tls
        servers = settings.servers.map { address in
            OriginServer(
                address: address, weight: settings.weight(of: address), isBackup: settings.backups.contains(address))
        }
        authority = servers[0].authority
        onlyServer = servers.count == 1 ? servers[0] : nil
        let isBackup = servers.map(\.isBackup)
        tiers = [servers.indices.filter { !isBackup[$0] }, servers.indices.filter { isBackup[$0] }]
            .filter { !$0.isEmpty }
        turns = Locked(SmoothTurns(count: servers.count))
        reports = UpstreamReports(of: servers, upstream: settings.name, changed)
        // Not of the group: a weak reference makes every retain and release of its object dearer, and each request has some.
        for server in servers {
            server.watchName { [weak reports, unowned server] kind, now in reports?.report(kind, server, nil, now: now)
            }
        }
    }

    // MARK: Health

    /// A response has arrived.
    func noteSuccess(at endpoint: Endpoint, of server: OriginServer, now: MonotonicTime) {
        if let ended = endpoint.noteSuccess() { reports.report(.recovered(ended), server, endpoint, now: now) }
    }

    /// See ``Endpoint/noteFailure(ofAttemptFrom:now:_:)``.
    func noteFailure(
        at endpoint: Endpoint, of server: OriginServer, attemptFrom began: MonotonicTime, now: MonotonicTime,
        _ reason: String
    ) {
        server.totalFailures.wrappingAdd(1, ordering: .relaxed)
        if let trouble = endpoint.noteFailure(ofAttemptFrom: began, now: now, reason) {
            reports.report(.ejected(trouble), server, endpoint, now: now)
        }
    }

    /// One active check has ended.
    /// - Parameter problem: what was wrong; nil if it succeeded.
    func noteCheck(
        _ problem: String?, at endpoint: Endpoint, of server: OriginServer, _ check: HealthCheck, now: MonotonicTime
    ) {
        switch endpoint.noteCheck(problem, fall: check.fall, rise: check.rise, now: now) {
        case .nothingNew: return
        case .down(let trouble): reports.report(.failsCheck(trouble), server, endpoint, now: now)
        case .up(let ended): reports.report(.recovered(ended), server, endpoint, now: now)
        }
    }

    /// Whether none of its servers is up.
    package func isDown(now: MonotonicTime) -> Bool { !servers.contains { $0.health(now: now) == .up } }

    /// The address for the next attempt: of the server whose turn it is, of the least busy one, or of the one that the key
    /// belongs to; and of a server's addresses likewise. Backups get their turn when none of the other servers is usable.
    ///
    /// One that has failed is tried by one request at a time once its pause is over. If no other is left, an ejected one
    /// is used, the one whose pause ends first, and at last one that fails its check: if nothing is known to be up, an
    /// attempt is better than an error.
    /// - Parameters:
    ///   - key: what `balance: hash` goes by; nil where the request has nothing of the kind.
    ///   - tried: slots of addresses that are out of the question.
    func choose(
        for key: UInt64? = nil, excluding tried: [Int], now: MonotonicTime, resolver: Resolver, waiter: NameWaiter?
    ) -> OriginChoice {
        // What most upstreams are: one server without a name, and up.
        if let onlyServer, tried.isEmpty, let endpoint = onlyServer.fixed, endpoint.health(now: now) == .up {
            return .endpoint(endpoint, of: onlyServer, isTrial: false)
        }
        let key = settings.balance == .hash ? key : nil
        var rest = LastResort()
        var waits = false
        var lookAgain: MonotonicTime?
        for (rank, tier) in tiers.enumerated() {
            var usable = Candidates(sharesByLoad: settings.balance == .leastOutstanding)
            var hasUnknown = false
            for index in tier {
                let server = servers[index]
                switch server.locate(
                    now: now, resolver: resolver, lifetimeMilliseconds: settings.resolve.rawValue, waiter: waiter)
                {
                case .known(let endpoints):
                    for endpoint in endpoints where !tried.contains(endpoint.slot) {
                        switch endpoint.health(now: now) {
                        case .up: usable.add(index, load: endpoint.outstanding.load(ordering: .relaxed))
                        case .failing: usable.add(index, load: 0)
                        case .ejected(let until): rest.note(endpoint, server, until)
                        case .checkedDown: rest.noteFailsCheck(index)
                        }
                    }
                case .pending(let time):
                    waits = true
                    hasUnknown = hasUnknown || !server.hasFailedName
                    if let time { lookAgain = min(time, lookAgain ?? time) }
                case .failing: break
                }
            }
            while let index = next(of: &usable, for: key) {
                if let (endpoint, isTrial) = take(of: servers[index], for: key, excluding: tried, now: now) {
                    return .endpoint(endpoint, of: servers[index], isTrial: isTrial)
                }
            }
            // The names of these servers have yet to show whether the others are needed.
            if hasUnknown && rank + 1 < tiers.count && !rest.isKnown { break }
        }
        if let (endpoint, server) = rest.ejected { return .endpoint(endpoint, of: server, isTrial: false) }
        var failing = Candidates(sharesByLoad: false)
        for index in rest.failsCheck { failing.add(index, load: 0) }
        while let index = next(of: &failing, for: key) {
            let endpoint = servers[index].first(for: key) {
                !tried.contains($0.slot) && $0.health(now: now) == .checkedDown
            }
            if let endpoint { return .endpoint(endpoint, of: servers[index], isTrial: false) }
        }
        return waits ? .names(lookAgain: lookAgain) : .none
    }

    /// The server that a key belongs to while all are up; nil without `balance: hash`.
    package func preferredServer(for key: UInt64) -> OriginServer? {
        guard settings.balance == .hash, servers.count > 1 else { return nil }
        var usable = Candidates(sharesByLoad: false)
        for index in tiers[0] { usable.add(index, load: 0) }
        return next(of: &usable, for: key).map { servers[$0] }
    }

    /// Takes the next server out of the candidates.
    private func next(of candidates: inout Candidates, for key: UInt64?) -> Int? {
        guard !candidates.isEmpty else { return nil }
        let place: Int
        if let key {
            place = candidates.place { HashRank.of(servers[$0].number, for: key, weight: servers[$0].weight) }
        } else if servers.count == 1 {
            place = 0
        } else {
            let least = candidates.leastBusy { servers[$0].weight }
            let turn = turns.withLock { $0.next(least.map { (candidates[$0], servers[candidates[$0]].weight) }) }
            place = least[turn]
        }
        return candidates.remove(at: place)
    }

    /// One of a server's addresses that may be used.
    private func take(
        of server: OriginServer, for key: UInt64?, excluding tried: [Int], now: MonotonicTime
    ) -> (Endpoint, isTrial: Bool)? {
        var refused: [Int] = []
        while let endpoint = server.first(
            for: key, leastBusy: settings.balance == .leastOutstanding,
            where: { endpoint in
                guard !tried.contains(endpoint.slot), !refused.contains(endpoint.slot) else { return false }
                switch endpoint.health(now: now) {
                case .up, .failing: return true
                case .ejected, .checkedDown: return false
                }
            })
        {
            if endpoint.health(now: now) == .up { return (endpoint, false) }
            if endpoint.beginTrial(now: now) { return (endpoint, true) }
            // Another request tries it.
            refused.append(endpoint.slot)
        }
        return nil
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
