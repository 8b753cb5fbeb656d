// Why an exchange has no complete response.

import HTTPWire

/// The failure that ended an exchange.
package struct ExchangeFailure: Equatable, Sendable {
    package enum Cause: UInt8, Sendable, CaseIterable {
        /// No server's name has an address.
        case unresolved
        case refused
        case connectTimeout, firstByteTimeout, betweenBytesTimeout
        /// The connection ended before the response did.
        case closedEarly
        case malformedResponse
        /// The upstream's limit of connections is reached.
        case tooManyConnections
        /// Larder itself had no descriptor, port or memory left for a connection.
        case ownShortage
    }
    package let cause: Cause
    /// What was wrong with the response's bytes, if that is the cause.
    package let wire: WireError?

    package init(_ cause: Cause, wire: WireError? = nil) {
        self.cause = cause
        self.wire = wire
    }
}
