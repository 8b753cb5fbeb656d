// An unsafe request whose client has left before there was a response. The origin may carry it out all the same, and what it says of
// that may invalidate (RFC 9111 §4.4): so it is waited for, and goes to nobody.

import Bytes
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

/// Belongs to one worker's thread; its exchange and the ``FillService`` hold it.
final class UnansweredWrite: ExchangeDelegate {
    private let request: AdmittedRequest
    private let exchange: Exchange
    private let fills: FillService

    private init(_ request: AdmittedRequest, _ exchange: Exchange, in fills: FillService) {
        self.request = request
        self.exchange = exchange
        self.fills = fills
    }

    /// Takes over the exchange, which awaits a response. Where too many go on without a client already, this one ends, and what it
    /// may have changed counts as changed.
    /// - Parameter request: detached.
    static func begin(_ request: AdmittedRequest, _ exchange: Exchange, in fills: FillService) {
        let write = UnansweredWrite(request, exchange, in: fills)
        guard fills.awaits(write) else {
            exchange.retire()
            return request.invalidateUnanswered(in: fills)
        }
        // It has been sent, and only once: its client may have sent another one by the time of a second attempt.
        exchange.makeLastAttempt()
        request.content = []
        exchange.delegate = write
        exchange.resume()
    }

    /// The response isn't waited for any longer.
    func giveUp() {
        request.invalidateUnanswered(in: fills)
        end()
    }

    func exchange(_ exchange: Exchange, began head: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        request.invalidate(by: head, bytes, mayBeCarriedOut: exchange.mayBeCarriedOut, in: fills)
        end()
    }

    func exchange(_ exchange: Exchange, failed failure: ExchangeFailure) {
        if exchange.mayBeCarriedOut { request.invalidateUnanswered(in: fills) }
        end()
    }

    private func end() {
        exchange.retire()
        fills.ended(self)
    }

    // The head is the last that is wanted.
    func exchangeTakesContent(_ exchange: Exchange) {}
    func exchange(_ exchange: Exchange, receivedInterim head: borrowing ResponseHead, _ bytes: Span<UInt8>) {}
    func exchange(_ exchange: Exchange, received piece: Span<UInt8>) {}
    func exchangeTurnEnded(_ exchange: Exchange) {}
    func exchangeEnded(_ exchange: Exchange) {}
}
