// Who reads from a feed, how far each has come, and in lockstep what is kept for those that lag. The fastest reader sets the
// pace: the origin is read on when somebody has all that has arrived and there is room for the others to lag. It knows no
// clock: how long a reader may hold others back is the fill's to say.

import Bytes

/// Not thread-safe: the feed protects it with its lock.
struct FeedReaders: Sendable {
    private struct Reader {
        let id: FillFeed.ReaderID
        /// Bytes of the body that it has.
        var position = 0
    }

    /// In the order of their numbers. Most feeds have one.
    private var readers: [Reader] = []
    private var nextNumber = 0
    /// Bytes of the body that have arrived.
    private(set) var end = 0
    /// The body can't be kept whole.
    private(set) var isLockstep = false
    /// In lockstep: what has arrived since somebody needed it, and where in the body that begins.
    private var spill: [UInt8] = []
    private(set) var spillStart = 0
    /// In lockstep: readers that have come to `end`.
    private var atEnd = 0
    /// The origin is not read on until ``mayGoOn()``.
    private var isHeld = false
    /// How many bytes of the body the slowest may lag behind.
    private let limit: Int

    /// - Parameter spillLimit: may be exceeded by what arrives at once.
    init(spillLimit: Int) { limit = spillLimit }

    var count: Int { readers.count }
    var isEmpty: Bool { readers.isEmpty }

    func contains(_ reader: FillFeed.ReaderID) -> Bool { place(of: reader) != nil }

    // MARK: Readers

    mutating func add() -> FillFeed.ReaderID {
        let reader = FillFeed.ReaderID(number: nextNumber)
        nextNumber += 1
        readers.append(Reader(id: reader))
        return reader
    }

    /// Nothing happens for one that was dropped.
    mutating func remove(_ reader: FillFeed.ReaderID) {
        guard let place = place(of: reader) else { return }
        let position = readers.remove(at: place).position
        if isLockstep && position == end { atEnd -= 1 }
        if isHeld { trim() }
    }

    mutating func move(_ reader: FillFeed.ReaderID, to position: Int) {
        guard let place = place(of: reader) else { return }
        let old = readers[place].position
        readers[place].position = position
        guard isLockstep else { return }
        if old != end && position == end { atEnd += 1 }
        if isHeld { trim() }
    }

    /// The position of the slowest; nil without readers.
    private var least: Int? { readers.lazy.map(\.position).min() }

    private func place(of reader: FillFeed.ReaderID) -> Int? {
        var (low, high) = (0, readers.count)
        while low < high {
            let middle = (low + high) / 2
            if readers[middle].id.number < reader.number { low = middle + 1 } else { high = middle }
        }
        return low < readers.count && readers[low].id == reader ? low : nil
    }

    // MARK: What arrives

    /// It is kept whole, elsewhere.
    mutating func keep(_ count: Int) { end += count }

    /// It is kept for those that lag. What was kept whole before it is freed by ``isPast(_:)``.
    mutating func spill(_ piece: Span<UInt8>) {
        if piece.isEmpty { return }
        if !isLockstep {
            isLockstep = true
            spillStart = end
        }
        spill.append(piece)
        end += piece.count
        atEnd = 0
    }

    /// What arrives next begins further on in the body, where somebody is about to read.
    mutating func skip(to position: Int) {
        isLockstep = true
        end = position
        spillStart = position
    }

    /// Whether nobody needs the first `count` bytes any more.
    func isPast(_ count: Int) -> Bool { (least ?? .max) >= count }

    /// Which bytes of ``spilled`` a reader at that position is given.
    func range(from position: Int, atMost limit: Int) -> Range<Int> {
        let start = position - spillStart
        guard start >= 0, start < spill.count else { return 0..<0 }
        return start..<(start + min(limit, spill.count - start))
    }

    var spilled: Span<UInt8> {
        @_lifetime(borrow self) borrowing get { spill.span }
    }

    /// Lets go of what every reader has. The rest is moved to the front only where that is no more than what goes.
    private mutating func trim() {
        let passed = (least ?? end) - spillStart
        guard passed > 0, passed >= spill.count - passed else { return }
        spill.removeFirst(passed)
        spillStart += passed
    }

    // MARK: Holding

    private var hasRoom: Bool { end - spillStart < limit }

    /// The end of a turn in lockstep: whether a reader has to take something before the origin may be read on.
    mutating func hold() -> Bool {
        isHeld = true
        trim()
        return !mayGoOn()
    }

    /// Whether the origin may be read on; said once.
    mutating func mayGoOn() -> Bool {
        guard isHeld, isEmpty || atEnd > 0 && hasRoom else { return false }
        isHeld = false
        return true
    }

    /// Whether somebody who has everything waits for others that lag.
    var isHeldBack: Bool { isHeld && atEnd > 0 && !hasRoom }

    /// Drops those that lag by half of what may be lagged behind, or more, where they hold others back.
    mutating func dropLagging() -> [FillFeed.ReaderID] {
        guard isHeldBack else { return [] }
        let bound = end - (end - spillStart) / 2
        let lagging = readers.filter { $0.position < bound }.map(\.id)
        readers.removeAll { $0.position < bound }
        trim()
        return lagging
    }
}
