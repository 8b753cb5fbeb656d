// What an upstream's choice of a server has found: which could take a request, and what is left if none can.

import EventLoop

/// Servers that a request could go to.
struct Candidates {
    private let sharesByLoad: Bool
    private var all: [(index: Int, load: Int)] = []

    init(sharesByLoad: Bool) { self.sharesByLoad = sharesByLoad }

    var isEmpty: Bool { all.isEmpty }

    subscript(place: Int) -> Int { all[place].index }

    /// A usable address of a server, whose load is that of the least busy one. Addresses of one server come together.
    mutating func add(_ index: Int, load: Int) {
        if let last = all.last, last.index == index {
            all[all.count - 1].load = min(last.load, load)
        } else {
            all.append((index, load))
        }
    }

    mutating func remove(at place: Int) -> Int { all.remove(at: place).index }

    /// The place of the one with the highest rank.
    func place(rank: (Int) -> Double) -> Int {
        var best = 0
        var highest = -Double.infinity
        for (place, candidate) in all.enumerated() {
            let rank = rank(candidate.index)
            if rank > highest { (best, highest) = (place, rank) }
        }
        return best
    }

    /// The places of those with the least load for their weight; all of them where load is no matter.
    func leastBusy(weight: (Int) -> Int) -> [Int] {
        guard sharesByLoad else { return Array(all.indices) }
        var best: [Int] = []
        for (place, candidate) in all.enumerated() {
            guard let first = best.first else {
                best = [place]
                continue
            }
            let (own, other) = (candidate.load * weight(all[first].index), all[first].load * weight(candidate.index))
            if own < other { best = [place] } else if own == other { best.append(place) }
        }
        return best
    }
}

/// What is used where no address is known to be up.
struct LastResort {
    private var until: MonotonicTime?
    private(set) var ejected: (Endpoint, OriginServer)?
    /// Servers with an address that fails its check.
    private(set) var failsCheck: [Int] = []

    var isKnown: Bool { ejected != nil || !failsCheck.isEmpty }

    mutating func note(_ endpoint: Endpoint, _ server: OriginServer, _ end: MonotonicTime) {
        guard until.map({ end < $0 }) ?? true else { return }
        until = end
        ejected = (endpoint, server)
    }

    mutating func noteFailsCheck(_ index: Int) { if failsCheck.last != index { failsCheck.append(index) } }
}
