// Why an exchange has no complete response.

import HTTPWire

/// The failure that ended an exchange.
package struct ExchangeFailure: Equatable, Sendable {
    package enum Cause: UInt8, Sendable, CaseIterable {
        /// No server's name has an address.
        case unresolved
        case refused
        /// The server's certificate isn't one to be trusted; TLS didn't come about for another reason.
        case untrusted, handshakeFailed
        case connectTimeout, firstByteTimeout, betweenBytesTimeout
        /// The connection ended before the response did.
        case closedEarly
        case malformedResponse
        /// The upstream's limit of connections is reached.
        case tooManyConnections
        /// Larder itself had no descriptor, port or memory left for a connection.
        case ownShortage
        /// The request is to switch protocols, and the server speaks HTTP/2.
        case upgradeImpossible
        /// Larder asked nobody: its store is down, and the route bounds what goes to the upstream meanwhile.
        case storeDown
    }
    package let cause: Cause
    /// What was wrong with the response's bytes, if that is the cause.
    package let wire: WireError?

    package init(_ cause: Cause, wire: WireError? = nil) {
        self.cause = cause
        self.wire = wire
    }

    /// For an operator.
    package var sentence: StaticString {
        switch cause {
        case .unresolved: "no name of its servers could be resolved"
        case .refused: "the connection was refused"
        case .untrusted: "its certificate could not be verified"
        case .handshakeFailed: "the TLS handshake failed"
        case .connectTimeout: "the connection was not accepted in time"
        case .firstByteTimeout: "it did not respond in time"
        case .betweenBytesTimeout: "its response stopped arriving"
        case .closedEarly: "it closed the connection before its response was complete"
        case .malformedResponse: wire?.sentence ?? "its response is malformed"
        case .tooManyConnections: "upstream connection limit reached"
        case .ownShortage: "no file descriptor, port or memory is left for a connection"
        case .upgradeImpossible: "it speaks HTTP/2, which can't switch to another protocol"
        case .storeDown: "it was not asked, as the store is down"
        }
    }
}
