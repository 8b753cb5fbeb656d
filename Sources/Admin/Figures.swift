// Everything that `/metrics` and `/stats` tell, as it was at about one moment. The two write it down in their own ways.

import CacheStorage
import EventLoop
import Origins
import Proxy

struct Figures {
    let version: String
    let now: MonotonicTime
    let wallMilliseconds: Int64
    let startedMilliseconds: Int64
    let report: ServerReport
    let workerCount: Int
    let isDraining: Bool
    let reloads: Int
    let update: ConfigurationUpdate
    let memory: MemoryStoreFigures
    /// Fetches under way that may be shared, and keys known to bring what can't be.
    let fills: (underWay: Int, hitForMiss: Int)
    let fillBytes: Int
    let fillRefusals: Int
    let process = ProcessFigures()

    init(report: ServerReport, server: Server, version: String) {
        self.version = version
        self.report = report
        now = server.loop.now
        wallMilliseconds = server.loop.wallMilliseconds
        startedMilliseconds = server.started
        workerCount = server.workerCount
        isDraining = server.isDraining
        reloads = server.reloads
        update = server.update
        memory = server.shared.stores.memoryFigures
        fills = server.shared.fillCounts
        fillBytes = server.shared.fillBudget.inUse
        fillRefusals = server.shared.fillBudget.refusals
    }

    var total: Counters { report.total }

    func outcome(_ outcome: Outcome) -> Int { total.outcomes[Int(outcome.rawValue)] }
}

/// Why a state is as it is, in the words that `/stats` and `/metrics` share.
extension StoreState {
    var label: StaticString {
        switch self {
        case .up: "up"
        case .limited: "limited"
        case .down: "down"
        }
    }

    var since: WallTime {
        switch self {
        case .up(let since), .limited(_, let since), .down(_, let since): since
        }
    }

    var trouble: StoreTrouble? {
        switch self {
        case .up: nil
        case .limited(let trouble, _), .down(let trouble, _): trouble
        }
    }
}

extension Health {
    var label: StaticString {
        switch self {
        case .up: "up"
        case .ejected: "aside"
        case .checkedDown: "down"
        }
    }
}
