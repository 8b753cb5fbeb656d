// A route's `statuses`: lifetimes by status, like nginx's `proxy_cache_valid`. Evaluated once per response from the
// origin; the route's policy itself stays a plain value that a hit copies.

import HTTPSemantics

package struct StatusTimeouts: Sendable, Equatable {
    /// The statuses that a lifetime applies to.
    package enum Key: Hashable, Sendable {
        /// `404`
        case status(Int)
        /// `5xx`: all statuses with this first digit.
        case statusClass(Int)
        /// All other final statuses.
        case any
    }

    private struct Row: Sendable, Equatable {
        var key: Key
        var timeout: Seconds
    }

    private let rows: [Row]

    /// - Parameter timeouts: of several for one key, the first applies.
    package init(_ timeouts: [(Key, Seconds)]) { rows = timeouts.map { Row(key: $0.0, timeout: $0.1) } }

    package var isEmpty: Bool { rows.isEmpty }

    /// The lifetime of the most specific key that matches the status; nil if none does.
    package func timeout(for status: Status) -> Seconds? {
        guard !rows.isEmpty else { return nil }
        return timeout(of: .status(Int(status.code))) ?? timeout(of: .statusClass(Int(status.code / 100)))
            ?? timeout(of: .any)
    }

    private func timeout(of key: Key) -> Seconds? { rows.first { $0.key == key }?.timeout }
}

extension RoutePolicy {
    /// The policy for a response with this status. A lifetime for the status replaces `timeout`: in `standard` mode
    /// still only if the cache may assign one (RFC 9111 §4.2.2), in `force` mode for every such status.
    package func applying(_ timeouts: StatusTimeouts, to status: Status) -> RoutePolicy {
        guard let timeout = timeouts.timeout(for: status) else { return self }
        var policy = self
        policy.timeout = timeout
        policy.timeoutNamesStatus = true
        return policy
    }
}
