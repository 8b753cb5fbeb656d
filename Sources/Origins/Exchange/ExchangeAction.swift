// The actions of the exchange's state machine.

import HTTPWire

/// What is to be done after an event.
enum ExchangeAction: Equatable, Sendable {
    /// Nothing, but to wait for what ``ExchangeState/interest`` says.
    case wait
    /// Release the address and its connection, if any, and choose an address that wasn't tried yet.
    /// - blamesServer: whether this counts as a failure of the released address.
    case chooseServer(blamesServer: Bool)
    /// The same, to retry a request that was sent already, at the same address if no other is left.
    case sendAgain(blamesServer: Bool)
    /// Send the request, which is complete.
    case sendRequest
    /// Send the head together with the content that has arrived.
    case sendRequestAndContent
    /// Send nothing more; the origin may have sent a response before it closed, which can still be read.
    case readWhatIsThere
    /// Wait for more of the response, with the read time-out.
    case readOn
    /// Pass the head to the delegate, then what follows it.
    case begin
    /// Pass these bytes to the delegate, then call again.
    case deliver(Range<Int>)
    /// Pass what was gathered to the delegate, then call again.
    case deliverGathered
    /// The origin sends no more through the tunnel; the other direction goes on.
    case endTunnelInput
    /// The response is complete.
    /// - reusesConnection: whether the connection is kept for reuse; otherwise it is closed.
    case finish(reusesConnection: Bool)
    /// Release server and connection, and report the failure to the delegate.
    case fail(ExchangeFailure, blamesServer: Bool)
}
