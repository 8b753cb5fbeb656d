// One fetch that several requests share (RFC 9111 §4: collapsed requests). The request that began it leads; the others
// follow: they wait for the head, then read the body as it arrives, each at its own pace, from the one copy that is on its
// way into the store. What a follower holds itself is a window of that body, and only while its client doesn't take it.
//
// A body that outgrows what may be stored can't be kept whole. From then on the flight is narrow: the origin is read on
// only once everybody has all that has arrived.

import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import Origins

/// Any thread reads; the leader's alone writes.
final class Flight: Sendable {
    private enum Stage: Sendable {
        case awaitingHead, arriving
        case landed
        /// Complete, but too large to be kept.
        case ended
        case refused(FlightRefusal)
        case failed(ExchangeFailure.Cause)
        /// Its leader is gone; nothing is known about the origin.
        case leaderless
    }

    private struct Listener: Sendable {
        let worker: Int
        let mailbox: Mailbox<WorkerMessage>
        /// It has been told and hasn't looked yet.
        var isTold = false
    }

    private struct State: Sendable {
        var stage = Stage.awaitingHead
        var place: FlightPlace?
        /// The response without its body, once somebody asked for it.
        var preview: StoredResponse?
        var builder: StoredResponseBuilder?
        /// The text of the key that its response goes to, where that is another.
        var variantText: [UInt8]?
        var end = 0
        var followers = 0
        var listeners: [Listener] = []
        var isNarrow = false
        /// What arrived since the builder was full, and where in the body that begins.
        var spill: [UInt8] = []
        var spillStart = 0
        /// Readers that have come to `end`, while the flight is narrow.
        var caughtUp = 0
        /// The origin is read on once as many have.
        var isHeld = false
        var isLeaderBehind = false
        /// The whole response, whoever may be given it.
        var whole: StoredResponse?

        /// Whether everybody has all that has arrived, told once.
        mutating func mayGoOn() -> Bool {
            guard isHeld, caughtUp >= followers + (isLeaderBehind ? 1 : 0) else { return false }
            isHeld = false
            return true
        }
    }

    let key: CacheKey
    /// Its key's text: two texts may share one key.
    private let keyText: [UInt8]
    /// Compared with invalidations: what was dropped since isn't what this brings.
    let began: InvalidationMoment
    /// The worker that leads, for what followers have to tell it.
    private let leader: Mailbox<WorkerMessage>
    private let state = Locked(State())

    init(
        key: CacheKey, keyText: [UInt8], began: InvalidationMoment, leader: Mailbox<WorkerMessage>
    ) {
        self.key = key
        self.keyText = keyText
        self.began = began
        self.leader = leader
    }

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

    /// Whether it is this that the flight has landed with.
    func brought(_ response: StoredResponse) -> Bool { state.withLock { $0.whole?.id == response.id } }

    // MARK: Following

    /// Adds a follower of a worker's; false where there is nothing to follow any more.
    func join(worker: Int, mailbox: Mailbox<WorkerMessage>) -> Bool {
        state.withLock { state in
            switch state.stage {
            case .refused, .failed, .ended, .leaderless: return false
            case .awaitingHead, .arriving, .landed: break
            }
            if state.isNarrow { return false }
            state.followers += 1
            if !state.listeners.contains(where: { $0.worker == worker }) {
                state.listeners.append(Listener(worker: worker, mailbox: mailbox))
            }
            return true
        }
    }

    /// Takes a follower away. The leader hears when it was the last, or the last that others waited for.
    /// - Parameter caughtUpAt: the `end` that it last told to have come to.
    func leave(caughtUpAt: Int) {
        let isLeaderWanted = state.withLock { state in
            state.followers -= 1
            if state.isNarrow {
                if caughtUpAt == state.end { state.caughtUp -= 1 }
                if state.mayGoOn() { return true }
            }
            switch state.stage {
            case .awaitingHead, .arriving: return state.followers == 0
            case .landed, .ended, .refused, .failed, .leaderless: return false
            }
        }
        if isLeaderWanted { leader.post(.flightNeedsLeader(self)) }
    }

    /// A worker is about to look: it is told of what comes after this.
    func acknowledge(worker: Int) {
        state.withLock { state in
            for index in state.listeners.indices where state.listeners[index].worker == worker {
                state.listeners[index].isTold = false
            }
        }
    }

    var followers: Int { state.withLock { $0.followers } }

    var news: News {
        state.withLock { state in
            switch state.stage {
            case .awaitingHead: return .none
            case .arriving:
                if state.isNarrow { return .gone }
                guard let place = state.place else { return .none }
                if state.preview == nil { state.preview = state.builder?.preview() }
                guard let preview = state.preview else { return .none }
                return .head(FlightHead(response: preview, place: place), isWhole: false)
            case .landed:
                guard let place = state.place, let whole = state.whole else { return .gone }
                return .head(FlightHead(response: whole, place: place), isWhole: true)
            case .ended: return .gone
            case .refused(let refusal): return .refused(refusal)
            case .failed(let cause): return .failed(cause)
            case .leaderless: return .refused(.ownReason)
            }
        }
    }

    var reach: Reach {
        state.withLock { state in
            var reach = Reach(end: state.end, isNarrow: state.isNarrow)
            switch state.stage {
            case .awaitingHead, .arriving: break
            case .ended: reach.isWhole = true
            case .failed, .leaderless: reach.isBroken = true
            case .landed, .refused: break
            }
            if let whole = state.whole {
                reach.landed = whole
                reach.isWhole = true
            }
            return reach
        }
    }

    /// Hands out what has arrived of the body from `position` on, at most `limit` bytes of it; answers how many. Others
    /// wait meanwhile, so `output` copies it and does nothing else.
    func read(from position: Int, atMost limit: Int, into output: (Span<UInt8>) -> Void) -> Int {
        state.withLock { state in
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
            let start = position - state.spillStart
            guard start >= 0, start < state.spill.count else { return 0 }
            let count = min(limit, state.spill.count - start)
            output(state.spill.span.extracting(start..<(start + count)))
            return count
        }
    }

    /// In a narrow flight: a reader has come to the `end` that it saw. The leader hears when it was the last one.
    func noteCaughtUp(at end: Int) {
        let isLast = state.withLock { state in
            guard end == state.end else { return false }
            state.caughtUp += 1
            return state.mayGoOn()
        }
        if isLast { leader.post(.flightNeedsLeader(self)) }
    }

    /// In a narrow flight: the leader's own client has come as far as has arrived.
    func noteLeaderCaughtUp() {
        let isLast = state.withLock { state in
            state.isLeaderBehind = false
            return state.mayGoOn()
        }
        if isLast { leader.post(.flightNeedsLeader(self)) }
    }

    // MARK: Leading

    /// The head is there, and what it belongs to may be stored.
    /// - Parameter place: nil where nobody but the leader may be given it, which is what ``refuse(_:)`` then says.
    func begin(_ place: FlightPlace?, builder: StoredResponseBuilder) {
        tell { state in
            state.builder = builder
            state.place = place
            if case .awaitingHead = state.stage { state.stage = .arriving }
        }
    }

    /// Nobody but the leader may be given what comes; it may still be stored.
    func refuse(_ refusal: FlightRefusal) { tell { $0.stage = .refused(refusal) } }

    /// Takes the next piece of the body into the response that is to be stored.
    /// - Throws: why that is no longer possible; then ``narrow(_:)`` goes on, or ``abandon()`` ends it.
    func append(_ piece: Span<UInt8>) throws(StoredResponseBuilder.Refusal) {
        var refusal: StoredResponseBuilder.Refusal?
        tell { state in
            do throws(StoredResponseBuilder.Refusal) {
                try state.builder?.append(piece)
                state.end += piece.count
            } catch {
                refusal = error
            }
        }
        if let refusal { throw refusal }
    }

    /// Bytes that have arrived.
    var end: Int { state.withLock { $0.end } }

    /// Goes on beside the builder, for those who have begun to read. Those who haven't hear that they are on their own.
    func narrow(_ piece: Span<UInt8>) {
        tell { state in
            if !state.isNarrow {
                state.isNarrow = true
                state.spillStart = state.end
            }
            state.spill.append(piece)
            state.end += piece.count
            state.caughtUp = 0
        }
    }

    /// The end of a turn in a narrow flight: whether somebody has to read on before the origin may be.
    func hold(leaderIsBehind: Bool) -> Bool {
        state.withLock { state in
            state.isLeaderBehind = leaderIsBehind
            state.isHeld = true
            return !state.mayGoOn()
        }
    }

    /// Everybody has all that arrived: it is let go.
    func release() {
        state.withLock { state in
            state.builder = nil
            state.spill.removeAll(keepingCapacity: true)
            state.spillStart = state.end
        }
    }

    /// Nobody reads from it: the leader streams on by itself.
    func abandon() { state.withLock { $0.builder = nil } }

    /// The body is complete: what is to be stored.
    /// - Parameter isWithheld: it isn't what others wait for; ``land(_:)`` or ``refuse(_:)`` tells them.
    func land(withholding isWithheld: Bool = false) throws(StoredResponseBuilder.Refusal) -> StoredResponse? {
        var refusal: StoredResponseBuilder.Refusal?
        var response: StoredResponse?
        tell { state in
            guard let builder = state.builder, !state.isNarrow else {
                switch state.stage {
                case .arriving, .refused: state.stage = .ended
                case .awaitingHead, .landed, .ended, .failed, .leaderless: break
                }
                return
            }
            do throws(StoredResponseBuilder.Refusal) {
                let finished = try builder.finish()
                response = finished
                state.builder = nil
                if isWithheld { return }
                state.whole = finished
                if case .arriving = state.stage { state.stage = .landed }
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
    func land(_ response: StoredResponse) {
        tell { state in
            if case .refused = state.stage { return }
            state.place = FlightPlace(key: key, marker: nil, length: response.bodyCount)
            state.whole = response
            state.stage = .landed
        }
    }

    func fail(_ cause: ExchangeFailure.Cause) {
        tell { state in
            switch state.stage {
            case .awaitingHead, .arriving:
                state.stage = .failed(cause)
                state.builder = nil
            // What has ended is still to be read by those that lag.
            case .landed, .ended, .refused, .failed, .leaderless: break
            }
        }
    }

    /// The leader is gone before its fetch was over: another request may lead. Those that read already can't be helped.
    func leaveToOthers() {
        tell { state in
            switch state.stage {
            case .awaitingHead, .arriving:
                state.stage = .leaderless
                state.builder = nil
            case .landed, .ended, .refused, .failed, .leaderless: break
            }
        }
    }

    /// Changes the state and tells the workers that have followers, once until they look.
    private func tell(_ change: (inout State) -> Void) {
        let wanted: [Mailbox<WorkerMessage>] = state.withLock { state in
            change(&state)
            guard state.followers > 0 else { return [] }
            var wanted: [Mailbox<WorkerMessage>] = []
            for index in state.listeners.indices where !state.listeners[index].isTold {
                state.listeners[index].isTold = true
                wanted.append(state.listeners[index].mailbox)
            }
            return wanted
        }
        for mailbox in wanted { mailbox.post(.flightMoved(self)) }
    }
}
