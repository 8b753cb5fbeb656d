// A change of state of an upstream: what an operator is told of, once per process and change.

import EventLoop

/// One change, of one address or of one server's name, and what it means for the upstream.
package struct UpstreamChange: Sendable {
    package enum Kind: Sendable {
        /// It gets no requests for a while, after a failure.
        case ejected(EndpointTrouble)
        /// It fails its active check.
        case failsCheck(EndpointTrouble)
        /// It is up again.
        case recovered(EndpointTrouble)
        /// The name has no address, or none that could be looked up again.
        case unresolved(String)
        case resolved
    }

    package enum Consequence: Sendable {
        case none
        /// From now on no server of the upstream is up.
        case isDown
        /// One is up again.
        case isUp
    }

    /// The name of the upstream.
    package let upstream: String
    /// The server, and if that has a name, the address.
    package let place: String
    package let kind: Kind
    package let consequence: Consequence
    /// Servers that are up now, and all of them.
    package let serversUp: Int
    package let servers: Int
    package let time: MonotonicTime
}
