// What the connection of an exchange waits for, and for how long, as its state says.

/// What an exchange's connection waits for.
struct ExchangeInterest: Equatable, Sendable {
    enum Timeout: Equatable, Sendable {
        /// No time-out.
        case none
        case firstByte, betweenBytes
        /// The current time-out continues.
        case unchanged
    }
    var reads: Bool
    var writes: Bool
    var timeout: Timeout
}

extension ExchangeState {
    /// The events that the connection waits for, and the time-out.
    var interest: ExchangeInterest {
        let timeout: ExchangeInterest.Timeout =
            if isPaused && !hasUnsentBytes {
                // Larder itself has paused reading, so the origin's silence means nothing.
                .none
            } else {
                switch phase {
                // What has been queued must be taken, bit by bit.
                case .awaitingHead where hasUnsentBytes, .receivingContent where hasUnsentBytes: .betweenBytes
                case .awaitingHead where awaitsContent, .receivingContent where awaitsContent: .none
                case .awaitingHead: .firstByte
                case .receivingContent: .betweenBytes
                case .tunnel: .none
                case .idle, .locating, .connecting, .ended: .unchanged
                }
            }
        return ExchangeInterest(reads: !isPaused && !isTunnelInputOver, writes: hasUnsentBytes, timeout: timeout)
    }
}
