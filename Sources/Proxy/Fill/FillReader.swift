// Who began a fill, as the fill sees it: it is told of the response, or of why there is none.

import CacheStorage
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

/// The request that began a fill, as long as it reads from it: on the same worker, told of everything at once, before the
/// other readers' workers are.
///
/// The order is: interim heads; then ``fillBegan(_:_:lines:)`` with pieces and an end, or one of the other ends.
protocol FillReader: AnyObject {
    func fillInterim(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>)
    /// The response is being stored, and arrives.
    /// - Parameter lines: status line and fields as they are stored; nil where this reader gets more than others do.
    func fillBegan(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>, lines: RecordHead?)
    /// A piece of the body.
    /// - Parameter position: how much of the body came before it.
    func fillReceived(_ piece: Span<UInt8>, at position: Int)
    /// No more of the body came in this turn.
    func fillTurnEnded()
    /// The body is complete.
    /// - Parameter whole: what was collected of it; nil where that couldn't be kept.
    func fillEnded(_ whole: StoredResponse?, trailers: [UInt8])
    /// Instead of the response that arrived, this stored one is the response.
    /// - Parameter how: whether the origin confirmed it, or it was completed by what arrived.
    func fillDelivers(_ record: StoredResponse, _ how: FillDelivery, by fill: Fill)
    /// The origin failed, and something stale may be used instead (RFC 5861 §4).
    func fillServesStale(_ status: Status)
    /// The response isn't stored: it is the reader's alone, with the exchange that it comes from.
    func fillHandsOver(
        _ source: any FillSource, _ response: borrowing ResponseHead, _ bytes: Span<UInt8>, because reason: Reason?)
    /// The body can't be kept any longer, and nobody else reads it: the rest is the reader's alone.
    func fillHandsOverRest(_ source: any FillSource)
    /// There is no response, or no more of it.
    /// - Parameter stored: what may still be served if nothing has been sent.
    func fillFailed(_ failure: ExchangeFailure, stored: StoredResponse?)
    /// It lagged too far behind others, for whom the origin is read on.
    func fillDropped()
    /// Another process has stored something that the reader may have: it looks again.
    func fillLooksAgain()
    /// How much of the body the reader has taken.
    var readCount: Int { get }
}

enum FillDelivery {
    /// A 304 has freshened it.
    case revalidated
    /// The response that was asked for has been stored whole.
    case whole
    /// What was missing has arrived, and is one with what was there.
    case joined
}
