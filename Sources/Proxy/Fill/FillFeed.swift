// What a fill shows to those that read from it (RFC 9111 §4: collapsed requests): which response it brings, how far the body
// has come, and why there is nothing. Readers on any worker take windows of the one copy that is on its way into the store,
// each at its own pace; what a reader holds itself is one window, and only while its client doesn't take it.
//
// A body that outgrows what may be stored can't be kept whole. From then on the feed is in lockstep: the origin is read on
// once a reader has all that has arrived, as long as what is kept for the others is within its bound.

import Bytes
import CacheStorage
import EventLoop
import HTTPSemantics

/// Any thread reads; the fill's alone writes.
final class FillFeed: Sendable {
    private enum Stage: Sendable {
        case awaitingHead, arriving
        case completed
        /// Complete, but too large to be kept.
        case ended
        case refused(FillRefusal)
        case failed(FillFailure)
        /// The fill was given up before it was over; nothing is known about the origin.
        case abandoned
    }

    private struct State: Sendable {
        var stage = Stage.awaitingHead
        var place: FillPlace?
        /// The response without its body, once somebody asked for it.
        var preview: StoredResponse?
        var builder: StoredResponseBuilder?
        /// The text of the key that its response goes to, where that is another.
        var variantText: [UInt8]?
        var readers: FeedReaders
        var listeners: [Listener] = []
        /// The whole response, whoever may be given it.
        var whole: StoredResponse?

        /// Made for the first who asks.
        mutating func makePreview() -> StoredResponse? {
            if preview == nil { preview = builder?.preview() }
            return preview
        }

        /// In lockstep: what was kept whole goes when nobody needs it any more.
        mutating func dropPassed() {
            guard readers.isLockstep, let builder, readers.isPast(builder.count) else { return }
            self.builder = nil
        }
    }

    /// Names a reader of this feed.
    struct ReaderID: Hashable, Sendable {
        let number: Int
    }

    let key: CacheKey
    /// What the origin is asked for, where that is a range.
    let range: ByteRangeSpec?
    /// What it is taken to bring until its head is there.
    let scope: FillScope
    /// Whether the request says who sends it, so that its response may be for that client alone.
    let isPersonal: Bool
    /// Its key's text: two texts may share one key.
    private let keyText: [UInt8]
    /// Compared with invalidations: what was invalidated since isn't what this brings.
    let began: InvalidationMoment
    /// The worker whose fill writes here.
    private let owner: Mailbox<Notice>
    /// Whether it is read from the remote store instead of an origin.
    let isStored: Bool
    private let state: Locked<State>
    let fence = FeedFence()
    /// How far readers may lag behind one another in lockstep.
    static let spillLimit = 1 << 20

    init(
        key: CacheKey, keyText: [UInt8], range: ByteRangeSpec? = nil, scope: FillScope = .whole,
        isPersonal: Bool = false, began: InvalidationMoment, owner: Mailbox<Notice>, spillLimit: Int = spillLimit,
        isStored: Bool = false
    ) {
        state = Locked(State(readers: FeedReaders(spillLimit: spillLimit)))
        self.key = key
        self.range = range
        self.scope = scope
        self.isPersonal = isPersonal
        self.keyText = keyText
        self.began = began
        self.owner = owner
        self.isStored = isStored
    }

    /// Of what it says that its response isn't for others: a range says nothing of the whole, and one client's response
    /// nothing of what is for everybody.
    var scopeOfVerdict: FillScope { isPersonal ? .credentials : range == nil ? .whole : .ranges }

    /// Whether it is about this text, and not about another with the same digest.
    func hasKeyText(_ text: Span<UInt8>) -> Bool {
        let own = keyText
        if own.span.isSame(as: text) { return true }
        return state.withLock { state in
            guard let variant = state.variantText else { return false }
            return variant.span.isSame(as: text)
        }
    }

    /// It turned out to be about a variant, whose key has a text of its own.
    func isAbout(_ text: [UInt8]) { state.withLock { $0.variantText = text } }

    /// Whether it completed with this response.
    func brought(_ response: StoredResponse) -> Bool { state.withLock { $0.whole?.id == response.id } }

    // MARK: Reading

    /// Adds a reader on a worker, which is told of what happens; nil where there is nothing to read any more.
    func join(worker: Int, mailbox: Mailbox<Notice>) -> ReaderID? {
        state.withLock { state in
            switch state.stage {
            case .refused, .failed, .ended, .abandoned: return nil
            case .awaitingHead, .arriving, .completed: break
            }
            if state.readers.isLockstep { return nil }
            if !state.listeners.contains(where: { $0.worker == worker }) {
                state.listeners.append(Listener(worker: worker, mailbox: mailbox))
            }
            return state.readers.add()
        }
    }

    /// Adds the reader that began the fill; the fill itself tells it what happens.
    func joinFirst() -> ReaderID { state.withLock { $0.readers.add() } }

    /// Takes a reader away, unless it was dropped.
    /// - Parameter tellsFill: the fill hears when it was the last, or one that others waited for.
    func leave(_ reader: ReaderID, tellsFill: Bool) {
        let isFillNeeded = state.withLock { state in
            guard state.readers.contains(reader) else { return false }
            state.readers.remove(reader)
            state.dropPassed()
            if state.readers.mayGoOn() { return true }
            switch state.stage {
            case .awaitingHead, .arriving: return state.readers.isEmpty
            case .completed, .ended, .refused, .failed, .abandoned: return false
            }
        }
        if isFillNeeded && tellsFill { owner.post(.needsFill(self)) }
    }

    /// A reader begins, or has come, so far in the body without reading that here.
    func advance(_ reader: ReaderID, to position: Int) {
        let goesOn = state.withLock { state in
            state.readers.move(reader, to: position)
            state.dropPassed()
            return state.readers.mayGoOn()
        }
        if goesOn { owner.post(.needsFill(self)) }
    }

    /// A worker is about to look: it is told of what comes after this.
    func acknowledge(worker: Int) {
        state.withLock { state in
            for index in state.listeners.indices where state.listeners[index].worker == worker {
                state.listeners[index].isTold = false
            }
        }
    }

    var readers: Int { state.withLock { $0.readers.count } }

    var news: News {
        state.withLock { state in
            switch state.stage {
            case .awaitingHead: return .none
            case .arriving:
                if state.readers.isLockstep { return .gone }
                guard let place = state.place else { return .none }
                guard let preview = state.makePreview() else { return .none }
                return .head(FillHead(response: preview, place: place, arrived: state.readers.end), isWhole: false)
            case .completed:
                guard let place = state.place, let whole = state.whole else { return .gone }
                return .head(FillHead(response: whole, place: place, arrived: whole.bodyCount), isWhole: true)
            case .ended: return .gone
            case .refused(let refusal): return .refused(refusal)
            case .failed(let failure): return .failed(failure)
            case .abandoned: return .refused(.ownReason)
            }
        }
    }

    /// How far the body has come, for one of its readers.
    func reach(of reader: ReaderID) -> Reach {
        state.withLock { state in
            var reach = Reach(end: state.readers.end, isDropped: !state.readers.contains(reader))
            switch state.stage {
            case .awaitingHead, .arriving: break
            case .ended: reach.isWhole = true
            case .failed, .abandoned: reach.isBroken = true
            case .completed, .refused: break
            }
            if let whole = state.whole {
                reach.completed = whole
                reach.isWhole = true
            }
            return reach
        }
    }

    /// The whole response, once there is one.
    var completed: StoredResponse? { state.withLock { $0.whole } }

    /// Hands out what has arrived of the body from `position` on, at most `limit` bytes of it; answers how many, none to a
    /// reader that was dropped. Others wait meanwhile, so `output` copies it and does nothing else.
    func read(_ reader: ReaderID, from position: Int, atMost limit: Int, into output: (Span<UInt8>) -> Void) -> Int {
        let (count, goesOn) = state.withLock { state -> (Int, Bool) in
            guard state.readers.contains(reader) else { return (0, false) }
            let count = Self.read(state, from: position, atMost: limit, into: output)
            state.readers.move(reader, to: position + count)
            state.dropPassed()
            return (count, state.readers.mayGoOn())
        }
        if goesOn { owner.post(.needsFill(self)) }
        return count
    }

    private static func read(
        _ state: borrowing State, from position: Int, atMost limit: Int, into output: (Span<UInt8>) -> Void
    ) -> Int {
        if let whole = state.whole {
            let count = min(limit, whole.bodyCount - position)
            output(whole.body.extracting(position..<(position + count)))
            return count
        }
        if let builder = state.builder, position < builder.count {
            let count = min(limit, builder.count - position)
            output(builder.arrived.extracting(position..<(position + count)))
            return count
        }
        let range = state.readers.range(from: position, atMost: limit)
        if !range.isEmpty { output(state.readers.spilled.extracting(range)) }
        return range.count
    }

    // MARK: Filling

    /// The head is there, and what it belongs to may be stored.
    /// - Parameter place: nil where nobody but the first reader may be given it, which is what ``refuse(_:)`` then says.
    func begin(_ place: FillPlace?, builder: StoredResponseBuilder) {
        tell { state in
            state.builder = builder
            state.place = place
            state.readers.keep(builder.count)
            if case .awaitingHead = state.stage { state.stage = .arriving }
        }
    }

    /// Nobody but the first reader may be given what comes; it may still be stored.
    func refuse(_ refusal: FillRefusal) { tell { $0.stage = .refused(refusal) } }

    /// Takes the next piece of the body into the response that is to be stored.
    /// - Parameter isQuiet: more comes soon, with which readers are told.
    /// - Throws: why that is no longer possible; then ``spill(_:)`` goes on in lockstep, or ``dropBody()`` ends it.
    func append(_ piece: Span<UInt8>, isQuiet: Bool = false) throws(StoredResponseBuilder.Refusal) {
        var refusal: StoredResponseBuilder.Refusal?
        tell(unless: isQuiet) { state in
            do throws(StoredResponseBuilder.Refusal) {
                try state.builder?.append(piece)
                state.readers.keep(piece.count)
            } catch {
                refusal = error
            }
        }
        if let refusal { throw refusal }
    }

    /// The response without its body, as it is being stored.
    var preview: StoredResponse? { state.withLock { $0.makePreview() } }

    /// Bytes that have arrived.
    var end: Int { state.withLock { $0.readers.end } }

    /// Goes on in lockstep, beside what was kept, for those who have begun to read. Those who haven't hear that they have
    /// to send their own requests.
    func spill(_ piece: Span<UInt8>) { tell { $0.readers.spill(piece) } }

    /// The end of a turn in lockstep: whether a reader has to take something before the origin may be read on.
    func hold() -> Bool {
        state.withLock { state in
            let isHeld = state.readers.hold()
            state.dropPassed()
            return isHeld
        }
    }

    /// Whether somebody who has everything waits for others that lag.
    var isHeldBack: Bool { state.withLock { $0.readers.isHeldBack } }

    /// Drops those that others wait for; they find out when they look.
    func dropLagging() -> [ReaderID] {
        var dropped: [ReaderID] = []
        tell { state in
            dropped = state.readers.dropLagging()
            state.dropPassed()
        }
        return dropped
    }

    /// Of the body only what begins there is read, before anything of that has arrived.
    func skip(to position: Int) {
        state.withLock { state in
            state.readers.skip(to: position)
            state.builder = nil
        }
    }

    /// Nobody reads from it: what was kept is let go.
    func dropBody() { state.withLock { $0.builder = nil } }

    /// The body is complete: what is to be stored.
    /// - Parameter isWithheld: it isn't what others wait for; ``complete(with:)`` or ``refuse(_:)`` tells them.
    func complete(withholding isWithheld: Bool = false) throws(StoredResponseBuilder.Refusal) -> StoredResponse? {
        var refusal: StoredResponseBuilder.Refusal?
        var response: StoredResponse?
        tell { state in
            guard let builder = state.builder, !state.readers.isLockstep else {
                switch state.stage {
                case .arriving, .refused: state.stage = .ended
                case .awaitingHead, .completed, .ended, .failed, .abandoned: break
                }
                return
            }
            do throws(StoredResponseBuilder.Refusal) {
                let finished = try builder.finish()
                response = finished
                state.builder = nil
                if isWithheld { return }
                state.whole = finished
                if case .arriving = state.stage { state.stage = .completed }
                state.preview = nil
            } catch {
                refusal = error
                state.stage = .failed(.closedEarly)
            }
        }
        if let refusal { throw refusal }
        return response
    }

    /// A stored response was confirmed, or somebody else has stored one in the meantime.
    /// - Parameter place: where it is stored, if not at the feed's key.
    func complete(with response: StoredResponse, at place: FillPlace? = nil) {
        tell { state in
            if case .refused = state.stage { return }
            state.place = place ?? FillPlace(key: key, varyIndex: nil, length: response.bodyCount)
            state.whole = response
            state.stage = .completed
        }
    }

    func fail(_ failure: FillFailure) {
        tell { state in
            switch state.stage {
            case .awaitingHead, .arriving:
                state.stage = .failed(failure)
                state.builder = nil
            // What has ended is still to be read by those that lag.
            case .completed, .ended, .refused, .failed, .abandoned: break
            }
        }
    }

    /// The fill is given up before it is over: another request may begin one. Those that read already can't be helped.
    func abandon() {
        tell { state in
            switch state.stage {
            case .awaitingHead, .arriving:
                state.stage = .abandoned
                state.builder = nil
            case .completed, .ended, .refused, .failed, .abandoned: break
            }
        }
    }

    /// Changes the state and tells the workers that have readers, once until they look.
    private func tell(unless isQuiet: Bool = false, _ change: (inout State) -> Void) {
        let wanted: [Mailbox<Notice>] = state.withLock { state in
            change(&state)
            guard !isQuiet, !state.readers.isEmpty, !state.listeners.isEmpty else { return [] }
            var wanted: [Mailbox<Notice>] = []
            for index in state.listeners.indices where !state.listeners[index].isTold {
                state.listeners[index].isTold = true
                wanted.append(state.listeners[index].mailbox)
            }
            return wanted
        }
        for mailbox in wanted { mailbox.post(.moved(self)) }
    }
}
