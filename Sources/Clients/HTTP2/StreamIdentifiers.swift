// What is known of a client's streams that aren't open (RFC 9113 §5.1, §5.1.1): those that were passed over can't be opened any
// more, and nothing may come on those that the client itself has ended. Where Larder has reset one, frames may be on their way.

/// The identifiers of one connection's streams.
struct StreamIdentifiers {
    private var last: Int32 = 0
    private var skipped: [ClosedRange<Int32>] = []
    private var reset: [Int32] = []
    private var nextReset = 0

    /// As many gaps are remembered; no client that is well has more than one.
    private static let mostGaps = 16
    /// As many streams that were reset here; one of more than those before it is forgotten.
    private static let mostResets = 256

    enum Place {
        case new
        /// The stream was opened before.
        case known
        /// It would open a stream that was passed over.
        case passedOver
        /// No stream of a client's.
        case foreign
    }

    /// A HEADERS frame has come.
    mutating func place(of identifier: Int32) -> Place {
        guard identifier > 0, identifier % 2 == 1 else { return .foreign }
        if identifier > last {
            if identifier > last + 2 || last == 0 && identifier > 1 {
                if skipped.count == Self.mostGaps { skipped.removeFirst() }
                skipped.append((last + 1)...(identifier - 1))
            }
            last = identifier
            return .new
        }
        for gap in skipped where gap.contains(identifier) { return .passedOver }
        return .known
    }

    /// Larder has reset the stream, or refused it.
    mutating func noteReset(_ identifier: Int32) {
        guard !reset.contains(identifier) else { return }
        if reset.count < Self.mostResets { return reset.append(identifier) }
        reset[nextReset] = identifier
        nextReset = (nextReset + 1) % Self.mostResets
    }

    /// The client has reset the stream: nothing more of it is on its way.
    mutating func noteEnd(_ identifier: Int32) {
        if let index = reset.firstIndex(of: identifier) { reset[index] = 0 }
    }

    /// Whether the stream is, or was, one of the client's.
    func wasOpened(_ identifier: Int32) -> Bool { identifier > 0 && identifier % 2 == 1 && identifier <= last }

    /// Whether a frame on a stream that isn't open breaks the protocol: the client has ended that stream.
    func isEnded(_ identifier: Int32) -> Bool {
        wasOpened(identifier) && !reset.contains(identifier)
    }
}
