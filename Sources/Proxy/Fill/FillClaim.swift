// What a fill does about a store that several processes share: its placeholder before the origin is asked, what has to stand
// at a key for the response to be stored there, and the placeholder's end. `ClaimState` decides.

import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics

/// A fill's standing with the remote store. Belongs to its fill; the store holds it until it has replied.
final class FillClaim: StoreReceiver, StoreClaimReceiver {
    /// What has to stand at a key for the response to be stored there; without one it isn't.
    struct Fence {
        let key: CacheKey
        let fence: StoreFence
        /// Its place was taken by what the fill has stored.
        var isSpent = false
    }

    private weak var fill: Fill?
    private let service: FillService
    /// What the request's look-up saw at the key.
    private let sight: StoreSight
    /// The fill waits for nobody else: its request has done so before.
    var isPastWaiting = false
    private(set) var fence: Fence?
    /// The same for the key of a GET, where the fill's response becomes one too.
    private var getFence: Fence?
    /// Why it has no fence.
    private(set) var refusal: Reason?
    /// What is wrong with the store, where that is why.
    private var trouble = Reason.storeUnavailable

    /// Until the origin may be asked.
    private var state: ClaimState?
    private var pending: (claim: StoreClaim, key: CacheKey)?
    private var ticket: StoreTicket?
    private var timer: LoopTimer?
    private var isPausing = false
    /// Where it waits for another process's fetch.
    private var watched: CacheKey?
    /// Tells one look-up from the next.
    private var token: UInt64 = 0

    init(_ fill: Fill, in service: FillService, _ selection: Selection) {
        self.fill = fill
        self.service = service
        sight = selection.sight
        if let reason = selection.reason, reason.isStoreTrouble { trouble = reason }
    }

    private var cache: Cache { service.cache }
    private var now: MonotonicTime { service.loop.now }

    // MARK: Before the origin is asked

    /// Whether the fill still waits for the store.
    var isWaiting: Bool { state != nil }

    /// Has the origin asked once the placeholder stands, or it is settled that there is none.
    func begin() {
        guard let fill else { return }
        guard fence == nil, refusal == nil, cache.usesRemote else { return fill.ask() }
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.claim.isBroken { return fill.ask() }
        #endif
        if fill.request.entry?.json != nil { return beginOfJSON(fill) }
        if let record = fill.stored ?? fill.partial?.known?.record {
            // Others may be served it meanwhile.
            set(.record(record.mark), of: fill, since: now)
            return fill.ask()
        }
        // What comes for a HEAD, or for a request that forbids it, isn't stored.
        guard fill.facts.method != .head, !fill.facts.flags.contains(.noStore), cache.remoteTrouble == nil else {
            goAlone(fill, because: .storeUnavailable)
            return fill.ask()
        }
        let isForOthers = fill.isPublished && fill.feed.scope == .whole && !fill.feed.isPersonal
        var state = ClaimState(
            waits: isForOthers && !isPastWaiting, patience: fill.request.entry?.collapseMilliseconds ?? 0,
            now: now.milliseconds)
        let step = state.begin(sight, now: now.milliseconds)
        self.state = state
        follow(step, fill)
    }

    /// Programs that read the entries take what they find for JSON, so that no placeholder may stand there. What was seen there
    /// has to be seen again, as far as its beginning tells.
    private func beginOfJSON(_ fill: Fill) {
        let seen: ValueMark?
        if let record = fill.stored {
            seen = ValueMark(record.body)
        } else {
            seen =
                switch sight {
                case .nothing: ValueMark(Span())
                case .occupied(let occupant): occupant.mark
                case .record, .unknown: nil
                }
        }
        if let seen {
            fence = Fence(key: fill.keys.key, fence: .value(seen))
        } else {
            goAlone(fill, because: trouble)
        }
        fill.ask()
    }

    /// The origin is asked, and nothing in the store will show what has happened since.
    private func goAlone(_ fill: Fill, because reason: Reason) {
        refusal = reason
        fill.feed.fence.noteAlone(at: now, heard: cache.heard)
    }

    private func follow(_ step: ClaimState.Step, _ fill: Fill) {
        switch step {
        case .claim(let fence):
            let claim = cache.newClaim(isShared: state?.waits == true)
            pending = (claim, fill.keys.key)
            cache.put(claim, at: fill.keys.key, over: fence, receiver: self, token: claim.number)
        case .lookUp:
            token &+= 1
            let text = fill.keys.text
            switch cache.lookUpInRemote(
                fill.keys.key, keyText: text.span, now: service.wallTime, receiver: self, token: token)
            {
            case .pending(let ticket): self.ticket = ticket
            case .hit, .miss: advance { $0.looked(.unknown, now: $1) }
            case .failed(let trouble):
                self.trouble = Reason(trouble)
                advance { $0.looked(.unknown, now: $1) }
            }
        case .pause(let milliseconds):
            service.counters.claimWaits += 1
            if timer == nil {
                timer = LoopTimer(loop: service.loop) { [weak self] in self?.endPause() }
            }
            isPausing = true
            timer?.schedule(afterMilliseconds: milliseconds)
            watched = fill.keys.key
            service.waits(self, at: fill.keys.key)
        case .lookAgain:
            endWait()
            fill.lookAgain()
        case .fetch(let way):
            switch way {
            case .claimed: if state?.hasWaited == true { service.counters.takeovers += 1 }
            case .unshared(let marker):
                fence = Fence(key: fill.keys.key, fence: marker)
                fill.goesUnshared()
            case .alone(let reason):
                if reason == .waitTimedOut { service.counters.waitsTimedOut += 1 }
                goAlone(fill, because: reason == .storeUnavailable ? trouble : reason)
            }
            endWait()
            if !fill.isOver { fill.ask() }
        }
    }

    /// What stands at the key now? Called when the pause is over, or before, by whoever learns that the key has changed.
    func endPause() {
        guard isPausing else { return }
        isPausing = false
        timer?.cancel()
        advance { $0.pauseEnded(now: $1) }
    }

    private func endWait() {
        state = nil
        isPausing = false
        if let watched { service.stopsWaiting(self, at: watched) }
        watched = nil
    }

    private func advance(_ event: (inout ClaimState, Int64) -> ClaimState.Step) {
        guard let fill, !fill.isOver, var state else { return }
        let step = event(&state, now.milliseconds)
        self.state = state
        follow(step, fill)
    }

    func storeDidClaim(_ outcome: ClaimOutcome, token: UInt64) {
        guard let (claim, key) = pending, claim.number == token else {
            // One that nobody waits for: from now on it is known whether it stands.
            if outcome == .held { fill?.feed.fence.noteHeld(token, since: now) }
            return
        }
        pending = nil
        // It may stand although nobody knows: others needn't wait for its end.
        if outcome == .failed(.commandTimedOut) { cache.release(claim, at: key) }
        guard let fill, !fill.isOver, state != nil else {
            if outcome == .held { cache.release(claim, at: key) }
            return
        }
        switch outcome {
        case .held: set(.claim(claim), of: fill, since: now)
        case .failed(let trouble): self.trouble = Reason(trouble)
        case .taken: break
        }
        advance { $0.claimed(outcome, now: $1) }
    }

    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64) {
        guard token == self.token, ticket != nil else { return }
        ticket = nil
        let sight: StoreSight
        switch answer {
        case .hit(let found): sight = .record(found.mark)
        case .miss: sight = .nothing
        case .occupied(let occupant): sight = .occupied(occupant)
        case .failed(let trouble):
            self.trouble = Reason(trouble)
            sight = .unknown
        }
        advance { $0.looked(sight, now: $1) }
    }

    // MARK: What has to stand

    private func set(_ fence: StoreFence, of fill: Fill, since: MonotonicTime?) {
        self.fence = Fence(key: fill.keys.key, fence: fence)
        fill.feed.fence.add(fence, at: fill.keys.key, since: since)
    }

    /// Whether what comes may be put into a store at all.
    var mayStore: Bool { cache.canStore && (!cache.usesRemote || fence != nil || isKeptAlone || storesAlone) }

    #if LARDER_BREAKABLE_RULES
        /// Whether what comes is stored although nothing has to stand at its key.
        var storesAlone: Bool { BreakableRule.alone.isBroken || BreakableRule.claim.isBroken }
    #else
        /// Only a build for tests stores what nothing has to stand for.
        var storesAlone: Bool { false }
    #endif

    /// The remote store was away: a copy is kept in memory, for as long as such copies are.
    private var isKeptAlone: Bool { refusal?.isStoreTrouble == true && cache.keepsCopies }

    /// Puts a placeholder at a key that the response turns out to have, where nothing may stand. A store over it shows whether
    /// it stood.
    private func claimAhead(_ key: CacheKey) -> Fence {
        let claim = cache.newClaim(isShared: fill.map { $0.isPublished && !$0.feed.isPersonal } == true)
        cache.put(claim, at: key, over: nil, receiver: self, token: claim.number)
        return Fence(key: key, fence: .claim(claim))
    }

    /// The fill goes on with an exchange that was begun for something else.
    func claimAhead() {
        guard let fill, cache.usesRemote else { return }
        if fill.request.entry?.json == nil {
            fence = claimAhead(fill.keys.key)
        } else {
            refusal = .fetchedElsewhere
        }
    }

    /// What the response to a POST invalidates is gone; from here on nothing may happen to the key of the GET.
    func claimForGet(_ key: CacheKey) {
        if cache.usesRemote { getFence = claimAhead(key) }
    }

    /// The response goes to another key than the one that was claimed.
    /// - Parameter new: what has to stand at the new key; nil for a placeholder.
    func follow(_ key: CacheKey, over new: StoreFence? = nil) {
        guard let old = fence, old.key != key else { return }
        let made = new.map { Fence(key: key, fence: $0) } ?? claimAhead(key)
        fence = made
        fill?.feed.fence.add(made.fence, at: key, since: nil)
        release(old)
    }

    /// Whether the placeholder, or the record that is refreshed, is at that key.
    func isHeld(at key: CacheKey) -> Bool { fence.map { $0.key == key && !$0.isSpent } ?? false }

    /// What has to stand at the plain key for an index to be stored there; it is spent with that.
    func spend(on index: StoredResponse, at plainKey: CacheKey) -> StoreFence? {
        guard let fence, fence.key == plainKey else { return nil }
        self.fence?.isSpent = true
        fill?.feed.fence.add(.record(index.mark), at: plainKey, since: nil)
        return fence.fence
    }

    /// What has to stand where a record is stored again that was made from this one, which is at that key.
    func fence(over record: StoredResponse, at old: CacheKey, for key: CacheKey) -> StoreFence? {
        guard cache.usesRemote else { return nil }
        return key == old ? .record(record.mark) : fence?.fence ?? .record(record.mark)
    }

    /// The response has been stored.
    func spend() { fence?.isSpent = true }

    /// As above, of the GET's key; nil if nothing may be stored there.
    func spendForGet(_ key: CacheKey) -> StoreFence? {
        guard let fence = getFence, fence.key == key else { return nil }
        getFence?.isSpent = true
        return fence.fence
    }

    // MARK: The placeholder's end

    /// To be called every second.
    func extend() {
        guard let fence, !fence.isSpent, case .claim(let claim) = fence.fence else { return }
        cache.extend(claim, at: fence.key)
    }

    /// What comes is not stored.
    /// - Parameter milliseconds: for how long others are told to go by themselves.
    func release(hitForMiss milliseconds: Int64? = nil) {
        if let fence { release(fence, hitForMiss: milliseconds) }
        fence?.isSpent = true
        if let getFence { release(getFence) }
        getFence?.isSpent = true
    }

    private func release(_ fence: Fence, hitForMiss milliseconds: Int64? = nil) {
        guard !fence.isSpent, case .claim(let claim) = fence.fence else { return }
        cache.release(claim, at: fence.key, hitForMiss: milliseconds)
    }

    /// The fill is over.
    func end() {
        timer?.cancel()
        timer = nil
        if let ticket { cache.cancel(ticket) }
        ticket = nil
        endWait()
        release()
    }
}

extension Reason {
    /// Why something isn't stored, or isn't looked up, in a store with this trouble.
    init(_ trouble: StoreTrouble) {
        self =
            switch trouble {
            case .commandTimedOut: .storeTimedOut
            case .tooSlow: .storeSlow
            default: .storeUnavailable
            }
    }

    /// Whether it is about the store.
    fileprivate var isStoreTrouble: Bool { self == .storeUnavailable || self == .storeTimedOut || self == .storeSlow }
}
