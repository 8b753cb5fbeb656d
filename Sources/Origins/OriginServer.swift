// One server of an upstream, as all workers see it: an address, or a name and the addresses that it has now. `NameCache`
// decides when a name is looked up; this shares it between threads.

import Bytes
import Configuration
import EventLoop
import Synchronization

/// A worker that waits for the addresses of a server's name. It is told the server's slot each time a look-up has ended.
struct NameWaiter: Equatable, Sendable {
    let mailbox: Mailbox<Int>

    static func == (left: NameWaiter, right: NameWaiter) -> Bool { left.mailbox === right.mailbox }
}

/// Shared by all workers; everything that changes is atomic or locked.
package final class OriginServer: Sendable {
    package let address: OriginAddress
    /// Its share of the requests, in relation to the other servers'.
    package let weight: Int
    /// Whether it gets requests only while no other server is usable.
    package let isBackup: Bool
    /// What tells it from other servers where a key decides.
    let number: UInt64
    /// The `Host` value for `host: upstream`.
    package let authority: [UInt8]
    /// Unique in the process.
    let slot: Int
    /// Requests that this server is processing now, at all its addresses.
    package let outstanding = Atomic<Int>(0)
    package let requests = Atomic<Int>(0)
    package let totalFailures = Atomic<Int>(0)

    /// The only address of a server without a name.
    let fixed: Endpoint?
    private let names = Locked(NameCache<NameWaiter>())
    private let nameChanged = Locked<(@Sendable (UpstreamChange.Kind, MonotonicTime) -> Void)?>(nil)
    private let turn = Atomic<Int>(0)

    private static let nextSlot = Atomic<Int>(0)

    package init(address: OriginAddress, weight: Int = 1, isBackup: Bool = false) {
        self.address = address
        self.weight = weight
        self.isBackup = isBackup
        number = HashRank.number(of: address.description)
        authority = Array(address.authority.utf8)
        slot = Self.nextSlot.wrappingAdd(1, ordering: .relaxed).oldValue
        let numeric =
            switch address {
            case .unix(let path): SocketAddress(unixPath: path)
            case .tcp(let host, let port), .tls(let host, let port), .h2c(let host, let port):
                SocketAddress(numericHost: host, port: port)
            }
        fixed = numeric.map(Endpoint.init)
    }

    /// The addresses that are known now.
    package var endpoints: [Endpoint] { fixed.map { [$0] } ?? names.withLock { $0.endpoints } }

    /// Whether its addresses come from a name, and may change.
    package var hasName: Bool { fixed == nil }

    /// Whether it has a name, and the last look-up of that failed.
    var hasFailedName: Bool { hasName && names.withLock { $0.hasFailed } }

    /// The best that one of its addresses is.
    package func health(now: MonotonicTime) -> Health {
        let all = endpoints.map { $0.health(now: now) }
        guard !all.isEmpty else { return hasFailedName ? .failing : .up }
        if all.contains(.up) { return .up }
        if all.contains(.failing) { return .failing }
        let ends = all.compactMap { health -> MonotonicTime? in
            if case .ejected(let until) = health { until } else { nil }
        }
        return ends.min().map { .ejected(until: $0) } ?? .checkedDown
    }

    /// What is wrong with one of its addresses; of several, the one that failed first.
    package var trouble: EndpointTrouble? {
        endpoints.compactMap(\.trouble).min { $0.since < $1.since }
    }

    /// Whether one of its addresses is spoken to in HTTP/2, as far as is known.
    func multiplexes(_ endpoint: Endpoint, in group: UpstreamGroup, now: MonotonicTime) -> Bool {
        address.isH2C || group.settings.http2 && address.isTLS && !endpoint.speaksHTTP1(now: now)
    }

    // MARK: Addresses

    /// - Parameter changed: called when the name can't be looked up any more, and when it can again.
    func watchName(_ changed: @escaping @Sendable (UpstreamChange.Kind, MonotonicTime) -> Void) {
        nameChanged.withLock { $0 = changed }
    }

    /// The first address that suits: of all in turn, of the least busy ones, or in the order that a key gives them.
    func first(for key: UInt64?, leastBusy: Bool = false, where suits: (Endpoint) -> Bool) -> Endpoint? {
        if let fixed { return suits(fixed) ? fixed : nil }
        let all = endpoints.filter(suits)
        guard all.count > 1 else { return all.first }
        if let key {
            return all.max { HashRank.of($0.number, for: key) < HashRank.of($1.number, for: key) }
        }
        let start = (turn.wrappingAdd(1, ordering: .relaxed).oldValue & Int.max) % all.count
        guard leastBusy else { return all[start] }
        let ordered = all[start...] + all[..<start]
        return ordered.min { $0.outstanding.load(ordering: .relaxed) < $1.outstanding.load(ordering: .relaxed) }
    }

    /// The state of the name. If it is due to be looked up, `resolver` is called.
    func locate(
        now: MonotonicTime, resolver: Resolver, lifetimeMilliseconds lifetime: Int64, waiter: NameWaiter?
    ) -> NameState {
        if let fixed { return .known([fixed]) }
        let (state, asks) = names.withLock { $0.locate(now: now, waiter: waiter) }
        guard asks else { return state }
        switch address {
        case .tcp(let host, let port), .tls(let host, let port), .h2c(let host, let port):
            resolver.resolve(host: host, port: port) { [self] in settle($0, lifetimeMilliseconds: lifetime) }
        case .unix: break
        }
        return state
    }

    /// Called on one of the resolver's threads.
    private func settle(_ resolution: Resolution, lifetimeMilliseconds lifetime: Int64) {
        let now = MonotonicTime.now()
        let (waiters, hadFailed, hasFailed) = names.withLock { names in
            let hadFailed = names.hasFailed
            return (names.settle(resolution, now: now, lifetimeMilliseconds: lifetime), hadFailed, names.hasFailed)
        }
        for waiter in waiters { waiter.mailbox.post(slot) }
        guard hadFailed != hasFailed, let tell = nameChanged.withLock({ $0 }) else { return }
        guard hasFailed else { return tell(.resolved, now) }
        if case .failed(let reason) = resolution {
            tell(.unresolved(reason), now)
        } else {
            tell(.unresolved("it has no address"), now)
        }
    }
}
