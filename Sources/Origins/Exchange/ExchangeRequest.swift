// What an exchange's decisions depend on: the request, and how far it has come.

import HTTPSemantics

extension ExchangeState {
    enum Phase: Equatable, Sendable {
        /// Not started, or between two addresses. Exits: locating, connecting, awaitingHead (idle connection), ended.
        case idle
        /// A name is being looked up. Exits: idle, ended.
        case locating
        /// Exits: awaitingHead, idle, ended.
        case connecting
        /// The request is being sent or has been sent. Exits: receivingContent, tunnel, idle (retried), ended.
        case awaitingHead
        /// Exit: ended.
        case receivingContent
        /// After a 101: bytes both ways, until each side has ended. Exit: ended.
        case tunnel
        case ended
    }

    /// What became of a request to which no response comes over its connection.
    enum Loss: Equatable, Sendable {
        /// It may have been processed.
        case unknown
        /// The server has processed nothing of it (RFC 9113 §8.7), or it never went out.
        case unprocessed
        /// The same, over a connection on which the server has never processed anything.
        case unserved
        /// Unprocessed, and the server is well: it has refused this one alone.
        case refused
    }

    /// The caller's description of a request.
    struct Request: Equatable, Sendable {
        var method = Method.get
        /// The request is sent as a whole; otherwise its content is streamed as it arrives, and kept for a retry only as far
        /// as ``ExchangeState/keptContentLimit``.
        var isComplete = true
        var hasContent = false
        /// Whether a 304 may be the response (RFC 9110 §15.4.5).
        var isConditional = false
        /// The protocols that it offers to switch to, in lower case: a 101 is a response to nothing else (RFC 9110 §7.8).
        var upgrades: [[UInt8]] = []
        /// How often it may be retried.
        var retries = 1
    }
}
