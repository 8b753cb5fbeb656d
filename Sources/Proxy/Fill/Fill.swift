// One fetch from the origin and what it leaves in the store. A fill has no client: it has any number of readers, and the
// request that began it is only the first. A refresh in the background, or a fetch whose client left, is the same thing
// without one. It judges the response once and ends in one of three ways: complete, failed, or refused, when the response
// turns out not to be storable and the first reader takes over the exchange.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Origins

/// Belongs to one worker's thread; ``FillService`` holds it while it runs.
final class Fill {
    enum Purpose { case request, refresh }

    /// What is done with the body.
    enum Body {
        /// The head isn't there yet.
        case none
        /// It is kept whole, for the store and for readers.
        case collecting
        /// It could not be kept whole: readers go on together.
        case lockstep
    }

    let service: FillService
    private(set) var feed: FillFeed
    let purpose: Purpose
    /// Nil once it is over, so that a message isn't held longer than needed.
    private(set) var request: AdmittedRequest!
    /// What the request says about caching; of a refresh, what it would say for everybody.
    let facts: RequestFacts
    /// Whether it is to be found in the table, for others to read from.
    private(set) var isPublished: Bool
    private(set) var reader: (any FillReader)?
    /// Names the first reader in the feed.
    private(set) var first: FillFeed.ReaderID
    var source: (any FillSource)?

    // What it began with, and what has become of that.
    var keys: KeySelection
    /// What is stored; nil once something else is known to take its place.
    var stored: StoredResponse?
    /// What was stored when the origin was asked.
    var superseded: StoredResponse?
    /// Whether anything was stored for the request, the whole or a part, when the fill began.
    let hadStored: Bool
    var fallback: StaleFallback
    var isValidating: Bool
    var partial: PartialFetch?

    // The response.
    var status = Status(0)
    var body = Body.none
    var interimHold = InterimHold()
    /// Bytes of the body that have arrived.
    var arrived = 0
    /// What is collected is to be put into the stores.
    var isToBeStored = false
    /// The first reader gets its response once what was missing of it is there.
    var isHeldBack = false
    var notStoredReason: Reason?
    /// Before its head is there: whether anything speaks against the response being stored.
    var isExpectedToBeStored = true
    /// It is completed whatever the route says of clients that leave: its client hasn't left before it had what it wanted.
    private var isWanted = false
    /// How often somebody was found to be held back by others.
    private var looksHeldBack = 0
    /// Since when nobody has read from it, as far as it knows; nil where somebody does, or where it is a refresh.
    var leftAt: MonotonicTime?
    /// What a POST's response is to later GETs.
    var forGet: GetRecord?
    /// What the origin's 304 brought that a 304 to the client's own condition has beside the stored fields.
    var linesBeyond304: [UInt8] = []
    /// Its standing with a store that other processes use too.
    private(set) var claim: FillClaim!
    /// When the origin was asked, by the clock of HTTP and in the order of invalidations.
    private(set) var requestTime = Instant(secondsSinceEpoch: 0)
    var began = InvalidationMoment.first

    /// - Parameters:
    ///   - feed: stands in the table already where `isPublished`.
    ///   - request: detached.
    ///   - selection: what the store had.
    init(
        _ service: FillService, feed: FillFeed, isPublished: Bool, purpose: Purpose, _ request: AdmittedRequest,
        _ facts: RequestFacts, _ selection: Selection, reader: (any FillReader)?
    ) {
        self.service = service
        self.feed = feed
        self.isPublished = isPublished
        self.purpose = purpose
        self.request = request
        self.facts = facts
        self.reader = reader
        first = feed.joinFirst()
        if reader == nil { feed.leave(first, tellsFill: false) }
        keys = selection.keys
        stored = selection.stored
        fallback = selection.fallback
        isValidating = selection.isValidating
        partial = selection.partial
        hadStored = selection.stored != nil || selection.partial?.known != nil
        claim = FillClaim(self, in: service, selection)
        service.began(self)
    }

    var isOver: Bool { request == nil }

    // MARK: Asking

    /// Asks the origin, as soon as the store lets it.
    func start() { claim.begin() }

    /// Asks the origin, unless the route bounds that while the store is down.
    func ask() {
        let answer = request.entry?.admission(at: keys.key, in: service.cache) ?? .granted(nil)
        guard case .granted(let admission) = answer else {
            // Whoever begins a fill is told of its end later.
            return service.loop.atEndOfTurn { [self] in if !isOver { failed(ExchangeFailure(.storeDown)) } }
        }
        requestTime = service.instant
        began = service.cache.moment
        var asked = OriginRequest(request: request, purpose: purpose == .refresh ? .refresh : .fill)
        asked.hasRange = facts.hasRange
        asked.sendsCollectedContent = request.hasContent
        asked.withheld = keys.withheld
        asked.admission = admission
        if isValidating { asked.validated = stored }
        if let missing = partial?.missing, let known = partial?.known { asked.missing = (missing, known.record) }
        source = service.makeSource(asked, self)
        source?.start()
    }

    /// Goes on with an exchange that was begun for a response which turns out to be storable.
    func adopt(_ source: any FillSource, requestTime: Instant, began: InvalidationMoment) {
        self.source = source
        self.requestTime = requestTime
        self.began = began
    }

    /// The response is of no use; the request goes to the origin anew, as it came. It is in the middle of its own callback:
    /// that ends first.
    func askAgain() {
        stopSource()
        isHeldBack = false
        isToBeStored = false
        body = .none
        arrived = 0
        if !isPublished { replaceFeed() }
        service.loop.atEndOfTurn { [self] in if !isOver { start() } }
    }

    /// What was shown of the response before is none of the next one's.
    private func replaceFeed() {
        let next = service.newFeed(keys, isPersonal: feed.isPersonal)
        first = next.joinFirst()
        if reader == nil { next.leave(first, tellsFill: false) }
        service.replaceFeed(of: self, by: next)
        feed = next
    }

    /// Another process has stored something: each of those that wait looks whether it is for it.
    func lookAgain() {
        withdraw()
        feed.refuse(.lookAgain)
        let reader = self.reader
        end()
        reader?.fillLooksAgain()
    }

    /// Another process has learned that nobody else can be given what comes.
    func goesUnshared() {
        guard isPublished else { return }
        withdraw()
        feed.refuse(.hitForMiss)
        replaceFeed()
    }

    private func stopSource() {
        source?.stop()
        source = nil
    }

    // MARK: Readers

    /// The first reader has left. The fill goes on where others wait, or for the store alone.
    func readerLeft() {
        guard reader != nil, !isOver else { return }
        reader = nil
        dropInterimHold()
        feed.leave(first, tellsFill: false)
        guard goesOn() else { return giveUp() }
        service.counters.continuedAlone += 1
        if body == .lockstep { holdSource() } else { source?.resume() }
    }

    /// The first reader has been given what it needs before the body is there; it takes its leave of the feed itself.
    func letReaderGo() {
        reader = nil
        isWanted = true
    }

    /// Readers have left, or those that lagged have caught up.
    func readersChanged() {
        guard !isOver else { return }
        if body == .lockstep {
            if feed.readers == 0 { return giveUp() }
            return holdSource()
        }
        if reader == nil && purpose == .request && !goesOn() { giveUp() }
    }

    /// Whether it goes on without its first reader: for others, or for the store. Then it is completed where its length fits
    /// the store, which it is known not to do as soon as it outgrows that.
    private func goesOn() -> Bool {
        if feed.readers > 0 { return true }
        // The fetch that it waits for brings the same.
        guard isUnansweredWrite || !claim.isWaiting && isWorthStoring, leftAt != nil || service.leaveAlone() else {
            return false
        }
        leftAt = service.loop.now
        // Its client may have sent another one by the time of a second attempt.
        if isUnansweredWrite { source?.makeLastAttempt() }
        return true
    }

    /// The response to a write that has gone on alone is there, and what it says is done: the rest is for the store, or for nobody.
    func writeAnswered() {
        guard !isOver, leftAt != nil, request.mayChangeStored else { return }
        readersChanged()
        service.fillEnded?()
    }

    /// Its request may be changing something at this moment, of which its response tells.
    var isUnansweredWrite: Bool { body == .none && source?.awaitsResponse == true && request.mayChangeStored }

    private var isWorthStoring: Bool {
        guard isWanted || request.entry?.continuesAlone == true else { return false }
        return switch body {
        case .none: isExpectedToBeStored && facts.method != .head && !facts.flags.contains(.noStore)
        case .collecting: isToBeStored
        case .lockstep: false
        }
    }

    /// Called every second.
    func checkTime(now: MonotonicTime) {
        claim.extend()
        if body == .lockstep { checkPace() }
        // A body that still arrives for nobody has had its time. Until the head is there the origin's own time-out holds.
        guard let leftAt, body != .none, reader == nil, feed.readers == 0 else { return }
        guard now.milliseconds(since: leftAt) >= Self.aloneMilliseconds else { return }
        service.counters.leftUnfinished += 1
        giveUp()
    }

    /// Those that hold others back whenever one looks are dropped at the second look, so that nobody waits for them longer
    /// than two seconds. Looking twice tells them from those that are about as fast as the others.
    private func checkPace() {
        guard feed.isHeldBack else {
            looksHeldBack = max(0, looksHeldBack - 1)
            return
        }
        looksHeldBack += 1
        guard looksHeldBack == 2 else { return }
        looksHeldBack = 0
        let dropped = feed.dropLagging()
        service.counters.droppedReaders += dropped.count
        if dropped.contains(first), let reader {
            self.reader = nil
            reader.fillDropped()
        }
        if !isOver { readersChanged() }
    }

    private static let aloneMilliseconds: Int64 = 60_000

    // MARK: Ends

    /// The first reader uses something else, which is in the store already; so do others.
    func end(with record: StoredResponse) {
        withdraw()
        feed.complete(with: record)
        end()
    }

    /// Nobody wants it any more.
    func giveUp() {
        if isUnansweredWrite || body == .none && source?.mayBeCarriedOut == true {
            request.invalidateUnanswered(in: service)
        }
        withdraw()
        feed.abandon()
        end()
    }

    /// There is no response, or no more of it.
    func failed(_ failure: ExchangeFailure) {
        if body == .none, source?.mayBeCarriedOut == true { request.invalidateUnanswered(in: service) }
        // Of the origin that says nothing.
        if failure.cause != .storeDown {
            service.note(body == .none ? .failed(failure.cause) : .notStored(status, .incomplete), of: keys)
        }
        withdraw()
        feed.fail(failure.cause)
        noteFailedRefresh()
        let (reader, stored) = (self.reader, self.stored)
        end()
        reader?.fillFailed(failure, stored: stored)
    }

    /// The origin failed, and what is stored may be used instead.
    func originFailed(_ status: Status) {
        service.note(.originFailed(status), of: keys)
        withdraw()
        feed.refuse(.originFailure(status))
        noteFailedRefresh()
        let reader = self.reader
        end()
        reader?.fillServesStale(status)
    }

    /// A refresh that brought nothing: what is stored goes on serving, and the next refresh isn't begun at once.
    func noteFailedRefresh() {
        if purpose == .refresh { service.table.noteFailedRefresh(feed.key, now: service.loop.now) }
    }

    /// The response isn't kept: the first reader goes on with the exchange, and nothing is left to be done here.
    func handOver(_ response: borrowing ResponseHead, _ bytes: Span<UInt8>) {
        guard let reader, let source else { return end() }
        self.source = nil
        let reason = notStoredReason
        end()
        reader.fillHandsOver(source, response, bytes, because: reason)
    }

    func handOverRest() {
        feed.dropBody()
        guard let reader, let source else { return end() }
        self.source = nil
        end()
        reader.fillHandsOverRest(source)
    }

    /// Takes the fill out of the table: from now on nobody finds it.
    func withdraw() {
        guard isPublished else { return }
        isPublished = false
        service.table.remove(feed, under: feed.key)
        if keys.key != feed.key { service.table.remove(feed, under: keys.key) }
    }

    /// It is over, one way or another. The reader, which is told next, is none any more.
    func end() {
        guard !isOver else { return }
        withdraw()
        stopSource()
        claim.end()
        request = nil
        reader = nil
        service.ended(self, wasAlone: leftAt != nil)
    }
}
