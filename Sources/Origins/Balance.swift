// How one of several servers is chosen, as values without health, time or sockets: smooth turns by weight, and the ranks
// that a key gives to servers.

import Bytes
import Glibc

/// Turns in proportion to weights, and spread evenly: with weights 3 and 1 the order is a, a, b, a and not a, a, a, b. (The
/// algorithm is nginx's: each candidate gains its weight; the richest one is chosen, and pays for all.)
struct SmoothTurns: Sendable {
    private var credits: [Int]

    init(count: Int) { credits = Array(repeating: 0, count: count) }

    /// Chooses one of the candidates, by its place in the list.
    /// - Parameter candidates: indexes of servers with their weights; not empty. Those that can't be chosen now neither gain
    ///   nor lose.
    mutating func next(_ candidates: [(index: Int, weight: Int)]) -> Int {
        var total = 0
        var best = 0
        for (place, candidate) in candidates.enumerated() {
            credits[candidate.index] += candidate.weight
            total += candidate.weight
            if credits[candidate.index] > credits[candidates[best].index] { best = place }
        }
        credits[candidates[best].index] -= total
        return best
    }
}

/// The rank of a server, or of one of its addresses, for a key: whoever has the highest is chosen. The ranks of others
/// don't depend on it, so when it can't be used, its keys alone move, to all others in proportion to their weights; and
/// they come back with it ("rendezvous hashing"). The same in each process.
enum HashRank {
    /// A number for a name: 64-bit FNV-1a, mixed.
    static func number(of name: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return mixed(hash)
    }

    static func of(_ name: UInt64, for key: UInt64, weight: Int = 1) -> Double {
        // Between 0 and 1, neither included.
        let share = (Double(mixed(key ^ name) >> 11) + 0.5) * 0x1p-53
        return Double(weight) / -log(share)
    }

    /// The finalizer of SplitMix64.
    private static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = number &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
