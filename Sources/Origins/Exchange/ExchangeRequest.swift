// What an exchange's decisions depend on of the request.

import HTTPSemantics

extension ExchangeState {
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
