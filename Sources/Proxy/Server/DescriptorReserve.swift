// How many clients the process has descriptors for. Every client is one; so is every connection to an origin or to Redis, every
// listener and every connection to the admin listener, and none of those may be left without because clients have them all.

import Configuration

/// What is set aside of the descriptors that the process may open.
package struct DescriptorReserve: Sendable, Equatable {
    /// The process's limit (`RLIMIT_NOFILE`).
    package let limit: Int
    let workers: Int

    package init(limit: Int, workers: Int) {
        self.limit = limit
        self.workers = workers
    }

    /// For the loops, the logs, the admin listener and Redis; and a quarter of all for connections to origins.
    private func reserve(listeners: Int, nodes: Int) -> Int {
        12 + workers * (9 + listeners) + (workers + 1) * nodes + limit / 4 + rejected
    }

    /// A worker is connected to each master of a cluster, of which the configuration may name some only.
    private static let clusterNodes = 12

    /// Clients beyond the limit that are told so before they are closed. Further ones are closed at once.
    var rejected: Int { max(4, min(limit / 32, 64)) }

    /// How many clients may be connected at once: `limits.clients`, or fewer.
    package func clients(in configuration: Configuration) -> Int {
        let nodes = configuration.store.clusterNodes.map { max($0.count, Self.clusterNodes) } ?? 0
        let room = limit - reserve(listeners: configuration.server.listen.count, nodes: nodes)
        return max(1, min(configuration.limits.clients, room))
    }

    /// What to tell an operator whose file asks for more clients than there can be, once: nil if `previous` asked for as many
    /// and got as many.
    func warning(for configuration: Configuration, after previous: Configuration? = nil) -> String? {
        let wanted = configuration.limits.clients
        let allowed = clients(in: configuration)
        guard configuration.limits.clientsAreStated.isStated, allowed < wanted else { return nil }
        if let previous, previous.limits.clientsAreStated.isStated, previous.limits.clients == wanted,
            clients(in: previous) == allowed
        {
            return nil
        }
        return "limits.clients is \(wanted), but this process may open \(limit) descriptors (ulimit -n, LimitNOFILE=): "
            + "at most \(allowed) clients are accepted"
    }
}
