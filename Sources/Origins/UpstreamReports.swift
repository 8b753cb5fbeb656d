// What is told of a group's changes: of an address, and whether the whole group went down or came up with it.

import Bytes
import EventLoop

/// Shared by all workers.
final class UpstreamReports: Sendable {
    private let upstream: String
    private let servers: [OriginServer]
    /// Whether no server was up at the last change.
    private let wasDown = Locked(false)
    private let changed: @Sendable (UpstreamChange) -> Void

    /// - Parameter changed: called once for each change, on the thread that has noticed it, with a lock held.
    init(of servers: [OriginServer], upstream: String, _ changed: @escaping @Sendable (UpstreamChange) -> Void) {
        self.servers = servers
        self.upstream = upstream
        self.changed = changed
    }

    /// With the lock held, so that what is told last is what holds.
    func report(_ kind: UpstreamChange.Kind, _ server: OriginServer, _ endpoint: Endpoint?, now: MonotonicTime) {
        wasDown.withLock { wasDown in
            let up = servers.count { $0.health(now: now) == .up }
            let isDown = up == 0
            let consequence: UpstreamChange.Consequence = isDown == wasDown ? .none : isDown ? .isDown : .isUp
            wasDown = isDown
            let authority = server.address.description
            let place = server.hasName ? endpoint.map { "\(authority) at \($0.address)" } ?? authority : authority
            changed(
                UpstreamChange(
                    upstream: upstream, place: place, kind: kind, consequence: consequence, serversUp: up,
                    servers: servers.count, time: now))
        }
    }
}
