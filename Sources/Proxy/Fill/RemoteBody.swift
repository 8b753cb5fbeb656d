// The body of a large record that the remote store sends, for all requests of this worker that it is the response to. They read
// it from a feed, as they read a fill's: one copy for all, each at its own pace.
//
// As long as half of the memory for responses is free, it is read as fast as the store sends it, and kept whole: what
// happens to the record meanwhile doesn't matter then for long, and memory may keep a copy. Beyond that it is read in step with
// its client, window by window, for that client alone; when others ask for the same record, it is kept whole for all that
// follow, if there is any room.

import Bytes
import CacheStorage
import EventLoop

/// Belongs to one worker's thread.
final class RemoteBody {
    /// Where the whole goes in memory.
    struct Copy {
        let key: CacheKey
        let plainKey: CacheKey
        /// What had been heard of the store's changes when the latest reader looked the record up.
        let heard: HearingMark
    }

    let feed: FillFeed
    private let record: any ArrivingRecord
    private let cache: Cache
    private let loop: EventLoop
    private let budget: MemoryBudget
    var copy: Copy
    /// Called when it is over, one way or another.
    var ended: (() -> Void)?
    private(set) var isInStep = false
    private var isOfPart = false
    private var isOver = false
    /// How much has come since readers were told.
    private var untold: (count: Int, since: MonotonicTime)

    /// Readers are told of so much at once, if it comes within that time: of what is soon whole they are sent the rest from where
    /// it lies, without a copy.
    private static let quietCount = 1 << 20
    private static let quietMilliseconds: Int64 = 10
    /// In step: what is kept for a client, and asked for when that has been passed on; and all that it takes of the budget.
    static let windowCount = 256 << 10
    private static let reservedCount = 2 * windowCount

    /// What is no larger is sent once it is whole, while there is memory to spare: it takes Redis a few milliseconds, and until
    /// then the response may still come from the origin.
    static let smallest = 1 << 20

    /// A part that isn't worth reading the whole for.
    private static let smallPart = 1 << 20

    init(
        _ record: any ArrivingRecord, feed: FillFeed, copy: Copy, cache: Cache, loop: EventLoop, budget: MemoryBudget
    ) {
        self.record = record
        self.feed = feed
        self.copy = copy
        self.cache = cache
        self.loop = loop
        self.budget = budget
        untold = (0, loop.now)
    }

    deinit { if isInStep { budget.release(Self.reservedCount) } }

    /// Takes what has arrived; false if there is no memory for the rest.
    /// - Parameters:
    ///   - part: what the first reader needs of the body; nil for the whole.
    ///   - isWanted: whether others want it too.
    func begin(_ part: Range<Int>? = nil, isWanted: Bool = false) -> Bool {
        guard let builder = record.begin(self) else { return false }
        let isAlone = Self.isSmall(part) && record.isUntouched && !isWanted
        if isAlone || !builder.reserveRest(ifPlenty: !isWanted) {
            guard budget.reserve(Self.reservedCount) else {
                record.stop()
                return false
            }
            isInStep = true
        }
        let place = FillPlace(key: feed.key, varyIndex: nil, length: record.bodyCount)
        feed.begin(place, builder: builder)
        return true
    }

    /// Whether that part of a body is read by itself.
    static func isSmall(_ part: Range<Int>?) -> Bool { part.map { $0.count <= smallPart } ?? false }

    /// Its first reader, which has just joined, needs this part of the body.
    func narrow(to part: Range<Int>) {
        guard isInStep else { return }
        isOfPart = true
        let start = record.narrow(to: part)
        if start > feed.end { feed.skip(to: start) }
    }

    /// Whether it is the body of that record, for one client.
    func isInStep(with head: StoredResponse) -> Bool { isInStep && !isOfPart && record.head.id == head.id }

    /// The store is asked for more, once somebody reads.
    func readOn() { if !isOver { record.readOn() } }

    /// Readers have left, or have taken what there is.
    func readersChanged() {
        guard !isOver else { return }
        if feed.readers == 0 {
            if record.isAwaited { return }
            record.stop()
            feed.abandon()
            return end()
        }
        if isInStep, !feed.hold() { record.readOn() }
    }

    private func end() {
        isOver = true
        ended?()
        ended = nil
    }
}

extension RemoteBody: ArrivingBody {
    var isOpen: Bool { !isOver && !isInStep }

    func bodyArrived(_ piece: Span<UInt8>) {
        if isInStep { return feed.spill(piece) }
        untold.count += piece.count
        let isQuiet =
            untold.count < Self.quietCount && loop.now.milliseconds(since: untold.since) < Self.quietMilliseconds
        if !isQuiet { untold = (0, loop.now) }
        do throws(StoredResponseBuilder.Refusal) { try feed.append(piece, isQuiet: isQuiet) } catch {
            preconditionFailure("a body whose length is known and reserved takes what it is made of")
        }
    }

    func mayReadOn() -> Bool { !feed.hold() }

    func bodyEnded() -> StoredResponse? {
        var whole: StoredResponse?
        do throws(StoredResponseBuilder.Refusal) { whole = try feed.complete() } catch { feed.fail(.closedEarly) }
        if let whole {
            let now = WallTime(milliseconds: loop.clockMilliseconds)
            cache.keepCopy(copy.key, whole, of: copy.plainKey, since: copy.heard, now: now)
        }
        end()
        return whole
    }

    func bodyFailed() {
        feed.fail(.closedEarly)
        end()
    }
}
