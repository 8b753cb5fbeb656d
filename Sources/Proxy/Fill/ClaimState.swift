// How a fill comes to ask the origin where several processes share a store: it puts its placeholder at the key, or waits for
// the fetch whose placeholder it finds there. A value without I/O: what was seen goes in, what to do next comes out.
//
// A fill never waits longer than `cache.collapse`. Whoever fetches without a placeholder does so for its own readers alone:
// its response isn't stored, since whatever happened to the key meanwhile would be undone by it.

import CacheStorage
import HTTPCaching

struct ClaimState {
    /// What is to be done next. The last two end it.
    enum Step: Equatable {
        /// Put the placeholder, over this or where nothing stands.
        case claim(over: StoreFence?)
        /// Look what stands at the key.
        case lookUp
        /// Look again after so many milliseconds.
        case pause(Int64)
        case fetch(Way)
        /// Something was stored: everybody who waits looks it up.
        case lookAgain
    }

    /// How the origin is asked.
    enum Way: Equatable {
        /// The placeholder stands.
        case claimed
        /// What the key brings can't be shared, as this marker says.
        case unshared(StoreFence)
        /// Without a placeholder.
        case alone(Reason)
    }

    /// Whether others in this process wait for the fill, so that it may wait itself; if not, it tries once.
    let waits: Bool
    /// On the monotonic clock, in milliseconds.
    private let deadline: Int64
    private var pause = shortestPause
    /// Nothing was seen, and yet nothing could be put there: an empty value looks like none.
    private var isDeceived = false
    /// It has found another's placeholder.
    private(set) var hasWaited = false

    private static let shortestPause: Int64 = 20
    private static let longestPause: Int64 = 250

    /// - Parameter patience: milliseconds.
    init(waits: Bool, patience: Int64, now: Int64) {
        self.waits = waits && patience > 0
        deadline = now + patience
    }

    /// The request's own look-up has seen this.
    mutating func begin(_ sight: StoreSight, now: Int64) -> Step {
        if case .record(let mark) = sight { return .claim(over: .record(mark)) }
        return follow(sight, now: now)
    }

    mutating func claimed(_ outcome: ClaimOutcome, now: Int64) -> Step {
        switch outcome {
        case .held: return .fetch(.claimed)
        case .failed: return .fetch(.alone(.storeUnavailable))
        case .taken:
            guard waits else { return .fetch(.alone(.fetchedElsewhere)) }
            isDeceived = true
            return now < deadline ? .lookUp : .fetch(.alone(.waitTimedOut))
        }
    }

    mutating func looked(_ sight: StoreSight, now: Int64) -> Step {
        if case .record = sight { return .lookAgain }
        return follow(sight, now: now)
    }

    mutating func pauseEnded(now: Int64) -> Step { now < deadline ? .lookUp : .fetch(.alone(.waitTimedOut)) }

    private mutating func follow(_ sight: StoreSight, now: Int64) -> Step {
        switch sight {
        case .unknown: return .fetch(.alone(.storeUnavailable))
        case .nothing: return .claim(over: isDeceived ? .value(ValueMark(Span())) : nil)
        case .record: return .lookAgain
        case .occupied(let occupant):
            switch occupant.kind {
            case .hitForMiss: return .fetch(.unshared(.value(occupant.mark)))
            case .other: return .claim(over: .value(occupant.mark))
            case .claim(let claim):
                guard waits else { return .fetch(.alone(.fetchedElsewhere)) }
                // Nobody waits for what is likely one client's own.
                guard claim.isShared else { return .claim(over: .value(occupant.mark)) }
                return wait(now: now)
            }
        }
    }

    private mutating func wait(now: Int64) -> Step {
        guard now < deadline else { return .fetch(.alone(.waitTimedOut)) }
        hasWaited = true
        defer { pause = min(2 * pause, Self.longestPause) }
        return .pause(min(pause, deadline - now))
    }
}
