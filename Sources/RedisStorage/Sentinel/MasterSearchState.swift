// Which sentinel is asked next for the master, and when. A value without I/O: events go in with the current time, a step comes
// out.
//
// The sentinels are asked in turn, beginning with the one that replied last, until one names a master. That is repeated every
// second, since a message about a failover is lost with the sentinel that sends it, and at once when there is a reason to. A
// sentinel that was cut off from the others may name an old master for as long as it likes: while the master isn't reached, or
// turns out not to be one, another sentinel is asked each time.

import CacheStorage

struct MasterSearchState {
    /// A sentinel's reply.
    enum Answer: Equatable {
        case master(MasterAddress)
        case unknownName
        /// It didn't reply in time, or not with an address.
        case none
    }

    enum Step: Equatable {
        case nothing
        /// Ask the sentinel with this index. `answered` must follow.
        case ask(Int)
        /// Call `begin` in so many milliseconds.
        case wait(Int64)
    }

    /// What a round of questions has found.
    enum Finding: Equatable {
        /// The sentinel with this index has named a master, which may be that of before.
        case master(MasterAddress, by: Int)
        case trouble(MasterSearchTrouble)
    }

    private let count: Int
    /// Who is asked first.
    private var preferred = 0
    /// How many were asked in this round; nil between rounds.
    private var asked: Int?
    private var current = 0
    private var isNameUnknown = false
    /// Another round is to follow soon.
    private var isHurried = false
    private var began: Int64 = .min / 2
    /// Rounds since the master was reached.
    private var roundsMissed = 0
    private var jitter: Jitter

    /// Milliseconds.
    static let interval: Int64 = 1000
    static let shortestInterval: Int64 = 100
    /// After so many rounds without reaching the master another sentinel is asked: as many as a new master needs at most to
    /// be connected to.
    static let patience = 3

    /// - Parameters:
    ///   - sentinels: at least one.
    ///   - seed: randomises the intervals, so that many processes don't ask in step.
    init(sentinels: Int, seed: UInt64) {
        count = sentinels
        jitter = Jitter(seed: seed)
    }

    /// Starts a round, unless one is under way.
    /// - Parameters:
    ///   - isMissed: whether somebody doesn't reach the master.
    ///   - canAsk: whether a sentinel is connected.
    mutating func begin(isMissed: Bool, now: Int64, canAsk: (Int) -> Bool) -> (Step, Finding?) {
        guard asked == nil else { return (.nothing, nil) }
        roundsMissed = isMissed ? roundsMissed + 1 : 0
        if roundsMissed > Self.patience { preferred = (preferred + 1) % count }
        began = now
        asked = 0
        isNameUnknown = false
        isHurried = false
        return askNext(canAsk)
    }

    /// There is a reason to ask again now.
    /// - Parameter another: another sentinel than the last time.
    mutating func hurry(another: Bool, now: Int64) -> Step {
        if another { preferred = (preferred + 1) % count }
        guard asked == nil else {
            isHurried = true
            return .nothing
        }
        return .wait(max(began + Self.shortestInterval - now, 0))
    }

    /// The sentinel that was asked has replied, or won't.
    mutating func answered(_ answer: Answer, now: Int64, canAsk: (Int) -> Bool) -> (Step, Finding?) {
        guard asked != nil else { return (.nothing, nil) }
        switch answer {
        case .master(let address):
            // Who was told to ask another one meanwhile does so in the next round.
            if !isHurried { preferred = current }
            return (end(), .master(address, by: current))
        case .unknownName: isNameUnknown = true
        case .none: break
        }
        return askNext(canAsk)
    }

    private mutating func askNext(_ canAsk: (Int) -> Bool) -> (Step, Finding?) {
        while let number = asked, number < count {
            asked = number + 1
            current = (preferred + number) % count
            if canAsk(current) { return (.ask(current), nil) }
        }
        return (end(), .trouble(isNameUnknown ? .unknownName : .noSentinelReplies))
    }

    private mutating func end() -> Step {
        asked = nil
        if isHurried { return .wait(Self.shortestInterval) }
        return .wait(jitter.around(Self.interval))
    }
}
