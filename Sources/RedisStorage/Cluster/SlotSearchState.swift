// Which node of a cluster is asked next for the slots, and when. A value without I/O: events go in with the current time, a step
// comes out.
//
// One node is connected to at a time, and stays so while it replies. It is asked every so often, and at once when there is a
// reason to: a node that sends elsewhere knows something new and is asked itself. A node that was cut off from the others may
// say what is out of date for as long as it likes: while a master isn't reached, another node is asked each time.

import CacheStorage

struct SlotSearchState {
    enum Step: Equatable {
        case nothing
        /// Connect to this node, instead of the one before. `connected` or `failed` must follow, or the time passes.
        case connect(MasterAddress)
        /// Ask the node that is connected. `answered` must follow.
        case ask
        /// Call `timePassed` in so many milliseconds, instead of when it was to be before.
        case wait(Int64)
    }

    private let seeds: [MasterAddress]
    /// Nodes that the last map has, and the seeds.
    private var candidates: [MasterAddress]
    private(set) var current: MasterAddress
    /// Who is to be asked next, if not the present node.
    private var wanted: MasterAddress?
    private var isAsking = false
    private var isHurried = false
    private var began: Int64 = .min / 2
    /// Nodes in a row that were of no use.
    private var failures = 0
    private var jitter: Jitter

    private let interval: Int64

    /// Milliseconds.
    /// While a master isn't reached.
    static let shortInterval: Int64 = 500
    static let shortestInterval: Int64 = 100

    /// - Parameters:
    ///   - seeds: at least one.
    ///   - interval: how often a node is asked without a reason to, in milliseconds.
    ///   - seed: randomises the intervals, so that many processes don't ask in step.
    init(seeds: [MasterAddress], interval: Int64, seed: UInt64) {
        self.interval = interval
        self.seeds = seeds
        candidates = seeds
        current = seeds[0]
        jitter = Jitter(seed: seed)
    }

    /// Whether every node that is known was of no use.
    var isLost: Bool { failures >= candidates.count }

    /// It is time to ask.
    /// - Parameter isServing: whether the present node can be asked.
    mutating func timePassed(isServing: Bool, now: Int64) -> Step {
        guard !isAsking else { return .nothing }
        if let wanted, wanted != current {
            self.wanted = nil
            current = wanted
            return .connect(wanted)
        }
        wanted = nil
        guard isServing else {
            failures += 1
            current = next
            return .connect(current)
        }
        isAsking = true
        isHurried = false
        began = now
        return .ask
    }

    mutating func connected() -> Step { isAsking ? .nothing : .wait(0) }

    /// The present node can't be connected to, or the connection is lost.
    mutating func failed() -> Step { isAsking ? .nothing : .wait(Self.shortestInterval) }

    /// There is a reason to ask soon.
    /// - Parameter node: who is to be asked; nil for another one than the last time.
    mutating func hurry(asking node: MasterAddress?, now: Int64) -> Step {
        wanted = node ?? next
        guard !isAsking else {
            isHurried = true
            return .nothing
        }
        return .wait(max(began + Self.shortestInterval - now, 0))
    }

    /// The node that was asked has replied, or won't.
    /// - Parameters:
    ///   - nodes: those of its map; nil if it has none.
    ///   - isMissed: whether somebody doesn't reach a master.
    mutating func answered(nodes: [MasterAddress]?, isMissed: Bool) -> Step {
        isAsking = false
        guard let nodes else {
            failures += 1
            if wanted == nil { wanted = next }
            return .wait(Self.shortestInterval)
        }
        failures = 0
        var seen: Set<MasterAddress> = []
        candidates = (nodes + seeds).filter { seen.insert($0).inserted }
        if isHurried { return .wait(Self.shortestInterval) }
        guard isMissed else { return .wait(jitter.around(interval)) }
        if wanted == nil { wanted = next }
        return .wait(Self.shortInterval)
    }

    private var next: MasterAddress {
        let index = candidates.firstIndex(of: current) ?? -1
        return candidates[(index + 1) % candidates.count]
    }
}
