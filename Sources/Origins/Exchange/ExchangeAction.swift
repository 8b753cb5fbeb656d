// What an exchange does next, as its state machine says.

import HTTPWire

/// What is to be done after an event.
enum ExchangeAction: Equatable, Sendable {
    /// Nothing, but to wait for what ``ExchangeState/interest`` says.
    case wait
    /// Leave the server and its connection, if there are any, and choose one that has had no try.
    /// - blamesServer: the server that is left counts a failure.
    case chooseServer(blamesServer: Bool)
    /// The same, as a request that was sent already is sent once more.
    case sendAgain(blamesServer: Bool)
    /// Connect to the server's address, which is known now.
    case connect
    /// Send the request, which is complete.
    case sendRequest
    /// Send the head together with what there is of the content.
    case sendRequestAndContent
    /// Send nothing more; what the origin said before it closed may still be there to read.
    case readWhatIsThere
    /// Wait for more, no longer than bytes of a response may keep one waiting.
    case readOn
    /// Hand the head to the delegate, then what follows it.
    case begin
    /// Hand these bytes to the delegate, and ask again.
    case deliver(Range<Int>)
    /// The response is complete.
    /// - reusesConnection: it serves again; else it is closed.
    case finish(reusesConnection: Bool)
    /// Leave server and connection, and tell the delegate.
    case fail(ExchangeFailure, blamesServer: Bool)
}

/// What an exchange's connection waits for.
struct ExchangeInterest: Equatable, Sendable {
    enum Timeout: Equatable, Sendable {
        /// None runs.
        case none
        case firstByte, betweenBytes
        /// The one that runs already.
        case unchanged
    }
    var reads: Bool
    var writes: Bool
    var timeout: Timeout
}
