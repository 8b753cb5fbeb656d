// What a worker's fills have in common: the stores, the table of fills under way, the clock, the identifiers of records; and
// which fills run. It decides nothing about a response.

import Bytes
import CacheStorage
import Compression
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins
import Routing

/// Where a fill's response comes from: an exchange, or in tests a script.
protocol FillSource: AnyObject {
    /// Sends the request.
    func start()
    func pause()
    func resume()
    /// Stops, unless it is over; nothing is heard of it any more.
    func stop()
    /// Bytes of the body that are still to come, where its length was announced and its head is there.
    var remaining: UInt64? { get }
    /// Trailer fields of a body that is complete, as lines.
    var trailers: [UInt8] { get }
    /// What was done to the response on its way here.
    var marks: StoredFacts.Flags { get }
    /// The whole request has been sent, and the response is still to come.
    var awaitsResponse: Bool { get }
    /// The request isn't sent again, whatever becomes of it.
    func makeLastAttempt()
    /// The request may have been carried out in an attempt that had no response.
    var mayBeCarriedOut: Bool { get }
}

extension FillSource {
    var marks: StoredFacts.Flags { [] }
    var awaitsResponse: Bool { false }
    func makeLastAttempt() {}
    var mayBeCarriedOut: Bool { false }
}

/// Belongs to one worker's thread.
final class FillService {
    let index: Int
    let loop: EventLoop
    let cache: Cache
    let budget: MemoryBudget
    let table: FillTable
    let searchRules: SearchRules
    let lastResponses: LastResponses
    let mailbox: Mailbox<FillFeed.Notice>
    var composer = KeyComposer()
    var counters = FillCounters()

    /// Makes the source of a fill's response, which is still to be started.
    var makeSource: (OriginRequest, Fill) -> any FillSource
    /// A line of `Date`.
    var dateLine: () -> [UInt8]
    /// How far the readers of a feed may lag behind one another where the body can't be kept whole.
    var spillLimit = FillFeed.spillLimit
    /// Called when a fill or an unsafe request without a client is over, or a fill has lost its last reader.
    var fillEnded: (() -> Void)?

    /// How long others wait for a first reader whose client doesn't take interim responses; nil is for ever.
    var interimHoldMilliseconds: Int64? = 2_000

    /// Fills under way, by their feeds.
    private var running: [ObjectIdentifier: Fill] = [:]
    /// What is being read from the remote store, by its feed.
    private var remoteBodies: [ObjectIdentifier: RemoteBody] = [:]
    /// What waits for another process's fetch, by the key at which that one's placeholder stands.
    private var waiting: [CacheKey: FillClaim] = [:]
    /// Refreshes under way.
    private(set) var refreshing = 0
    /// The routes or the store were changed since the start: what is stored may stand elsewhere than a URL's key says by now.
    var keysHaveChanged = false
    /// Fills that go on, or have gone on, for the store alone.
    private(set) var alone = 0
    /// Unsafe requests whose responses are awaited without a client, for what they invalidate.
    private var unanswered: [ObjectIdentifier: UnansweredWrite] = [:]
    /// The worker stops: nothing goes on without a client.
    private var isStopping = false
    private var nextIdentifier = UInt64.random(in: .min ... .max)

    // Buffers that are empty between two uses.
    var assembly = ByteBuffer(minimumCapacity: 1024)
    var variantText: [UInt8] = []
    var compressors = CompressorPool()

    /// Refreshes that one worker has under way at most; beyond it stale responses are served without.
    static let refreshLimit = 512
    /// Fills without a client that one worker has under way at most; beyond it they end with their last reader.
    static let aloneLimit = 512
    /// Unsafe requests without a client, likewise; beyond it what they may change counts as changed. So many that whoever makes
    /// others' responses be invalidated by it keeps the origin busy with them all the while.
    static let writeLimit = 4096

    init(
        index: Int, loop: EventLoop, cache: Cache, budget: MemoryBudget, table: FillTable, searchRules: SearchRules,
        lastResponses: LastResponses = LastResponses(), dateLine: @escaping () -> [UInt8],
        makeSource: @escaping (OriginRequest, Fill) -> any FillSource
    ) {
        self.index = index
        self.loop = loop
        self.cache = cache
        self.budget = budget
        self.table = table
        self.searchRules = searchRules
        self.lastResponses = lastResponses
        self.dateLine = dateLine
        self.makeSource = makeSource
        mailbox = Mailbox()
    }

    /// The time by the process's clock, which never goes back, as HTTP's decisions and as the stores take it.
    var instant: Instant { Instant(milliseconds: loop.clockMilliseconds) }
    /// The time by the wall clock, which dates of origins are compared with.
    var date: Instant { Instant(milliseconds: loop.wallMilliseconds) }
    var wallTime: WallTime { WallTime(milliseconds: loop.clockMilliseconds) }

    /// A number that no other record has, on this machine or another.
    func newIdentifier() -> UInt64 {
        nextIdentifier &+= 0x9E37_79B9_7F4A_7C15
        return nextIdentifier
    }

    /// Keeps what became of a response.
    func note(_ fate: ResponseFate, of keys: KeySelection) { lastResponses.note(fate, of: keys.plainKey, at: wallTime) }

    // MARK: Fills

    func newFeed(
        _ keys: KeySelection, range: ByteRangeSpec? = nil, scope: FillScope = .whole, isPersonal: Bool = false
    ) -> FillFeed {
        let feed = FillFeed(
            key: keys.key, keyText: keys.text, range: range, scope: scope, isPersonal: isPersonal, began: cache.moment,
            owner: mailbox, spillLimit: spillLimit)
        feed.fence.heard = cache.heard
        return feed
    }

    func began(_ fill: Fill) {
        running[ObjectIdentifier(fill.feed)] = fill
        if fill.purpose == .refresh { refreshing += 1 }
    }

    /// To be called before the fill has its new feed.
    func replaceFeed(of fill: Fill, by feed: FillFeed) {
        running[ObjectIdentifier(fill.feed)] = nil
        running[ObjectIdentifier(feed)] = fill
    }

    func ended(_ fill: Fill, wasAlone: Bool) {
        guard running.removeValue(forKey: ObjectIdentifier(fill.feed)) != nil else { return }
        if fill.purpose == .refresh { refreshing -= 1 }
        if wasAlone { alone -= 1 }
        fillEnded?()
    }

    /// The fill of that claim looks at the key again after a pause, and after another one, until it stops waiting.
    func waits(_ claim: FillClaim, at key: CacheKey) {
        guard waiting.updateValue(claim, forKey: key) == nil else { return }
        cache.watch(key, worker: index) { [mailbox] in mailbox.post(.keyChanged($0)) }
    }

    func stopsWaiting(_ claim: FillClaim, at key: CacheKey) {
        guard waiting[key] === claim else { return }
        waiting[key] = nil
        cache.unwatch(key, worker: index)
    }

    /// Something has happened to the key in the remote store: who waits for another process's fetch there looks at once,
    /// instead of after its pause.
    func keyHasChanged(_ key: CacheKey) { waiting[key]?.endPause() }

    /// A fill's last reader has left: whether it may go on for the store.
    func leaveAlone() -> Bool {
        guard alone < Self.aloneLimit, !isStopping else {
            counters.leftUnfinished += 1
            return false
        }
        alone += 1
        return true
    }

    /// To be called every second.
    func checkTimes(now: MonotonicTime) {
        guard !running.isEmpty else { return }
        for fill in Array(running.values) where !fill.isOver { fill.checkTime(now: now) }
    }

    /// Whether somebody on another worker still waits for one of this worker's fills, or a response that may invalidate is to
    /// come.
    var isNeeded: Bool {
        !unanswered.isEmpty || running.values.contains { $0.feed.readers > 0 || $0.isUnansweredWrite }
    }

    /// The response to an unsafe request is awaited though its client has left.
    /// - Returns: false where there are too many of them.
    func awaits(_ write: UnansweredWrite) -> Bool {
        guard unanswered.count < Self.writeLimit, !isStopping else {
            counters.leftUnfinished += 1
            return false
        }
        counters.continuedAlone += 1
        unanswered[ObjectIdentifier(write)] = write
        return true
    }

    func ended(_ write: UnansweredWrite) {
        unanswered[ObjectIdentifier(write)] = nil
        fillEnded?()
    }

    /// Nothing goes on. What unsafe requests may change counts as changed: this process will not learn whether it has.
    /// - Parameter leave: makes the worker's clients leave.
    func stop(clients leave: () -> Void) {
        isStopping = true
        leave()
        for write in Array(unanswered.values) { write.giveUp() }
        for fill in Array(running.values) where !fill.isOver { fill.giveUp() }
    }

    /// A notice for a fill of this worker's.
    func needsFill(_ feed: FillFeed) {
        if feed.isStored { remoteBodies[ObjectIdentifier(feed)]?.readersChanged() }
        running[ObjectIdentifier(feed)]?.readersChanged()
        fillEnded?()
    }

    /// What reads a record from the remote store for the requests of this worker; nil if there is no memory for it.
    /// - Parameters:
    ///   - part: all that is needed of the body; nil for the whole.
    ///   - selection: what found the record, just now.
    func remoteBody(of record: any ArrivingRecord, _ part: Range<Int>?, _ selection: Selection) -> RemoteBody? {
        let keys = selection.keys
        if let body = record.body as? RemoteBody {
            body.copy = RemoteBody.Copy(key: keys.key, plainKey: keys.plainKey, heard: selection.heard)
            return body
        }
        let feed = FillFeed(
            key: keys.key, keyText: keys.text, began: cache.moment, owner: mailbox,
            spillLimit: RemoteBody.windowCount, isStored: true)
        let body = RemoteBody(
            record, feed: feed, copy: RemoteBody.Copy(key: keys.key, plainKey: keys.plainKey, heard: selection.heard),
            cache: cache, loop: loop, budget: budget)
        body.ended = { [unowned self] in remoteBodies[ObjectIdentifier(feed)] = nil }
        let isWanted =
            record.isSought || part == nil && remoteBodies.values.contains { $0.isInStep(with: record.head) }
        guard body.begin(part, isWanted: isWanted) else { return nil }
        remoteBodies[ObjectIdentifier(feed)] = body
        return body
    }
}

extension FillService {
    /// A record that is purged softly, stale from now on, in memory too where that is the only store. Nil if a hard purge
    /// applies to it by now, or if there is no memory for it.
    /// - Parameter isKept: false where this is only explained.
    func becomeStale(
        _ stored: StoredResponse, for request: AdmittedRequest, _ keys: KeySelection, isKept: Bool
    ) -> StoredResponse? {
        // Purges that come from here on are later.
        let (moment, revision) = (cache.moment, cache.purgeRevision)
        let (verdict, mark) = request.markedVerdict(on: stored, at: keys.selected, in: cache, revision)
        // In a remote store what is there stays, and is what the next response takes the place of.
        let id = cache.usesRemote ? stored.id : newIdentifier()
        guard verdict != .hard, let made = stored.staled(id, at: instant, fence: moment.fence) else { return nil }
        // A purge without a position applies to every fence, and to this one it has been applied.
        made.noteCurrent(at: mark)
        let text = keys.text
        if isKept, !cache.usesRemote,
            cache.peekInMemory(keys.key, keyText: text.span, now: wallTime) === stored
        {
            cache.put(keys.key, made, of: keys.plainKey, since: moment, now: wallTime)
        }
        return made
    }
}
