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
        private var names: GreatestTable
        private var everything = Int64.min
        /// How many unsettled purges name each; of those of everything and those with too many names, the numbers.
        private var unsettled: [PurgeName: Int] = [:]
        private var unsettledForAll: Set<UInt64> = []

        init(places: Int) { names = GreatestTable(places: places) }

        var unsettledNames: Int { unsettled.count }

        mutating func note(_ purge: PurgeNames, at position: Int64) {
            for name in purge.names { names.note(position, for: name) }
            if purge.isEverything { everything = max(everything, position) }
        }

        mutating func begin(_ purge: PurgeNames, _ number: UInt64, isForAll: Bool) {
            guard !isForAll else {
                unsettledForAll.insert(number)
                return
            }
            for name in purge.names { unsettled[name, default: 0] += 1 }
        }

        mutating func end(_ purge: PurgeNames, _ number: UInt64) {
            guard unsettledForAll.remove(number) == nil else { return }
            for name in purge.names {
                guard let count = unsettled[name] else { continue }
                unsettled[name] = count > 1 ? count - 1 : nil
            }
        }

        mutating func forgetPositions(places: Int) {
            names = GreatestTable(places: places)
            everything = .min
        }

        func coverAll(_ fence: Int64) -> Bool { everything > fence || !unsettledForAll.isEmpty }

        func cover(_ name: PurgeName, _ fence: Int64) -> Bool {
            names.greatest(for: name) > fence || !unsettled.isEmpty && unsettled[name] != nil
        }
    }

    private let places: Int
    private var hard: Table
    private var soft: Table
    private var begun: UInt64 = 0
    private(set) var figures = PurgeFigures()

    init(places: Int) {
        self.places = places
        hard = Table(places: places)
        soft = Table(places: places)
    }

    // MARK: Noting

    /// - Parameter isCounted: not where it is noted once more, as what comes back from the stream.
    mutating func note(_ purge: PurgeNames, at position: PurgePosition, isCounted: Bool = true) {
        let position = Int64(clamping: position.word)
        if purge.isSoft {
            if isCounted { figures.soft += 1 }
            soft.note(purge, at: position)
        } else {
            if isCounted { figures.hard += 1 }
            hard.note(purge, at: position)
        }
    }

    /// - Returns: a number for ``end(_:_:)``.
    mutating func begin(_ purge: PurgeNames) -> UInt64 {
        begun += 1
        figures.unsettled += 1
        let isForAll =
            purge.isEverything
            || purge.names.count + hard.unsettledNames + soft.unsettledNames > Self.mostUnsettledNames
        if purge.isSoft {
            soft.begin(purge, begun, isForAll: isForAll)
        } else {
            hard.begin(purge, begun, isForAll: isForAll)
        }
        return begun
    }

    mutating func end(_ purge: PurgeNames, _ number: UInt64) {
        figures.unsettled -= 1
        if purge.isSoft { soft.end(purge, number) } else { hard.end(purge, number) }
    }

    /// Forgets all positions; what has none yet stays.
    mutating func forget() {
        hard.forgetPositions(places: places)
        soft.forgetPositions(places: places)
    }

    // MARK: Asking

    fileprivate func verdictOnAll(_ fence: Int64) -> PurgeVerdict {
        hard.coverAll(fence) ? .hard : soft.coverAll(fence) ? .soft : .current
    }

    fileprivate func verdict(on name: PurgeName, _ fence: Int64) -> PurgeVerdict {
        hard.cover(name, fence) ? .hard : soft.cover(name, fence) ? .soft : .current
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
