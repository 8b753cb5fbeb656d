// The tables of a purge log: for each name the latest position at which it was purged, hard and soft, and the names of purges
// whose position isn't known yet.

import Bytes

/// Not thread-safe: the log protects it with a lock.
struct PurgeTables: Sendable {
    /// 8 MiB for hard and for soft purges each, taken by the first one. 100,000 names that are purged during a record's life
    /// take one unrelated name in 100 for purged, 10,000 one in 500,000.
    static let standardPlaces = 1 << 18
    /// So many names of purges without a position are remembered; of one with more, everything is taken for purged.
    static let mostUnsettledNames = 4096

    private struct Table: Sendable {
        var names: GreatestTable
        var everything = Int64.min

        mutating func note(_ purge: PurgeNames, at position: Int64) {
            for name in purge.names { names.note(position, for: name) }
            if purge.isEverything { everything = max(everything, position) }
        }
    }

    private let places: Int
    private var hard: Table
    private var soft: Table
    /// How many unsettled purges name each; of those of everything and those with too many names, the numbers.
    private var unsettledHard: [PurgeName: Int] = [:]
    private var unsettledSoft: [PurgeName: Int] = [:]
    private var unsettledHardForAll: Set<UInt64> = []
    private var unsettledSoftForAll: Set<UInt64> = []
    private var begun: UInt64 = 0
    private(set) var figures = PurgeFigures()

    init(places: Int) {
        self.places = places
        hard = Table(names: GreatestTable(places: places))
        soft = Table(names: GreatestTable(places: places))
    }

    // MARK: Noting

    mutating func note(_ purge: PurgeNames, at position: PurgePosition) {
        let position = Int64(clamping: position.word)
        if purge.isSoft {
            figures.soft += 1
            soft.note(purge, at: position)
        } else {
            figures.hard += 1
            hard.note(purge, at: position)
        }
    }

    /// - Returns: a number for ``end(_:_:)``.
    mutating func begin(_ purge: PurgeNames) -> UInt64 {
        begun += 1
        figures.unsettled += 1
        let isForAll =
            purge.isEverything
            || purge.names.count + unsettledHard.count + unsettledSoft.count > Self.mostUnsettledNames
        switch (purge.isSoft, isForAll) {
        case (true, true): unsettledSoftForAll.insert(begun)
        case (false, true): unsettledHardForAll.insert(begun)
        case (true, false): for name in purge.names { unsettledSoft[name, default: 0] += 1 }
        case (false, false): for name in purge.names { unsettledHard[name, default: 0] += 1 }
        }
        return begun
    }

    mutating func end(_ purge: PurgeNames, _ number: UInt64) {
        figures.unsettled -= 1
        if purge.isSoft {
            if unsettledSoftForAll.remove(number) == nil { Self.end(purge, &unsettledSoft) }
        } else {
            if unsettledHardForAll.remove(number) == nil { Self.end(purge, &unsettledHard) }
        }
    }

    private static func end(_ purge: PurgeNames, _ counts: inout [PurgeName: Int]) {
        for name in purge.names {
            guard let count = counts[name] else { continue }
            counts[name] = count > 1 ? count - 1 : nil
        }
    }

    /// Forgets all positions; what has none yet stays.
    mutating func forget() {
        hard = Table(names: GreatestTable(places: places))
        soft = Table(names: GreatestTable(places: places))
    }

    // MARK: Asking

    fileprivate func verdictOnAll(_ fence: Int64) -> PurgeVerdict {
        if hard.everything > fence || !unsettledHardForAll.isEmpty { return .hard }
        return soft.everything > fence || !unsettledSoftForAll.isEmpty ? .soft : .current
    }

    fileprivate func verdict(on name: PurgeName, _ fence: Int64) -> PurgeVerdict {
        if hard.names.greatest(for: name) > fence { return .hard }
        if !unsettledHard.isEmpty, unsettledHard[name] != nil { return .hard }
        if soft.names.greatest(for: name) > fence { return .soft }
        return !unsettledSoft.isEmpty && unsettledSoft[name] != nil ? .soft : .current
    }
}

/// What purges of several names say about one record.
struct PurgeQuestion {
    private let fence: Int64
    private(set) var verdict = PurgeVerdict.current

    init(fence: PurgePosition) { self.fence = Int64(clamping: fence.word) }

    mutating func askAll(_ tables: borrowing PurgeTables) { verdict = max(verdict, tables.verdictOnAll(fence)) }

    mutating func ask(_ name: PurgeName, _ tables: borrowing PurgeTables) {
        if verdict != .hard { verdict = max(verdict, tables.verdict(on: name, fence)) }
    }
}
