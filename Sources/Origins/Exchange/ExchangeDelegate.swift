// Who an exchange works for: takes the response as it arrives, and gives the request's content.

import HTTPWire

/// Called on the worker's thread. Within any of these calls the exchange may be paused, given another delegate, or
/// retired; nothing is called any more once it is retired.
///
/// The order is: any number of interim heads, then the head, pieces of the body, the end; a failure may come in place of
/// any of them and is the last call. Heads and pieces are valid for the call alone.
package protocol ExchangeDelegate: AnyObject {
    /// More of the request's content can be taken now; never called where the request was complete from the start.
    func exchangeTakesContent(_ exchange: Exchange)
    /// RFC 9110 §15.2. `bytes` begin with the head.
    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>)
    /// The head of the final response. `bytes` begin with it.
    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>)
    /// A piece of the response's body, or what comes through a tunnel.
    func exchange(_ exchange: Exchange, received piece: Span<UInt8>)
    /// No more of the response came in this turn.
    func exchangeTurnEnded(_ exchange: Exchange)
    /// The response is complete.
    func exchangeEnded(_ exchange: Exchange)
    /// There is no response, or no more of it.
    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure)
}
