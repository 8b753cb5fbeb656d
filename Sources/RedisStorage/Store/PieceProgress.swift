// Which pieces of a large record have been requested, and which have arrived. It does no I/O.

struct PieceProgress {
    /// How many pieces of one record are requested ahead; and where they are to be passed on before more are requested.
    static let piecesAhead = 4
    static let piecesInStep = 2
    /// A record of so many pieces may be requested all at once.
    static let piecesAtOnce = 64

    /// The number of pieces. The first one came with the lookup.
    let pieces: Int
    /// Pieces from here on aren't needed.
    private(set) var end: Int
    private(set) var requested = 1
    private(set) var received = 1
    /// All that is needed is requested at once, so that Redis replies as of one moment.
    private(set) var isAtOnce = false
    /// Tells the replies that are awaited from those to requests that were given up.
    private(set) var attempt: UInt64 = 0

    init(pieces: Int) {
        self.pieces = pieces
        end = pieces
    }

    /// Whether everything that is needed has arrived.
    var isComplete: Bool { received == end }
    /// How many pieces are awaited.
    var outstanding: Int { requested - received }

    /// How many pieces are still to be requested.
    var missing: Int { end - requested }

    /// The piece that is to be requested next, if any is by now.
    mutating func next(isInStep: Bool) -> Int? {
        let limit = isInStep ? Self.piecesInStep : isAtOnce ? Self.piecesAtOnce : Self.piecesAhead
        guard requested < end, outstanding < limit else { return nil }
        defer { requested += 1 }
        return requested
    }

    /// Nothing but these pieces is needed; to be said before any is requested.
    mutating func narrow(to needed: ClosedRange<Int>) {
        precondition(requested == 1, "what was requested was needed")
        received = max(needed.lowerBound, 1)
        requested = received
        end = max(min(needed.upperBound + 1, pieces), received)
    }

    /// Whether nothing but the first piece was requested, and the others may be requested at once.
    var mayBeAtOnce: Bool { requested == 1 && pieces <= Self.piecesAtOnce }

    /// From the next request on.
    mutating func requestAtOnce() { isAtOnce = true }

    /// The next piece has arrived.
    mutating func arrive() { received += 1 }

    /// What was requested doesn't come any more: it is requested again.
    mutating func restart() {
        requested = received
        attempt += 1
    }
}
