// The user of an exchange: it receives the response as it arrives, and supplies the request's content.

import HTTPWire

/// Called on the worker's thread. Within any of these calls the exchange may be paused, given another delegate, or
/// retired; once it is retired, nothing is called any more.
///
/// The order is: any number of interim heads, then the head, pieces of the body, the end; a failure may replace any of
/// them and is the last call. Heads and pieces are valid only during the call.
package protocol ExchangeDelegate: AnyObject {
    /// More of the request's content can be taken now. Where the request was complete from the start it may be called too,
    /// once all of it has gone out.
    func exchangeTakesContent(_ exchange: Exchange)
    /// RFC 9110 §15.2. `bytes` begin with the head.
    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>)
    /// The head of the final response. `bytes` begin with it.
    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>)
    /// A piece of the response's body, or bytes from a tunnel.
    func exchange(_ exchange: Exchange, received piece: Span<UInt8>)
    /// No more of the response arrived in this turn.
    func exchangeTurnEnded(_ exchange: Exchange)
    /// The response is complete. In a tunnel: the origin sends no more, and may still be sent to.
    func exchangeEnded(_ exchange: Exchange)
    /// The exchange failed: there is no response, or it is incomplete.
    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure)
}
