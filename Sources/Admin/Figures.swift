// All figures of `/metrics` and `/stats`, taken at about the same moment.

import CacheStorage
import EventLoop
import Origins
import Proxy
import TLS

struct Figures {
    let version: String
    let now: MonotonicTime
    let clockMilliseconds: Int64
    let startedMilliseconds: Int64
    let report: ServerReport
    let workerCount: Int
    let isDraining: Bool
    let reloads: Int
    let failedReloads: Int
    let lastReload: LastReload
    let update: ConfigurationUpdate
    let memory: MemoryStoreFigures
    let invalidations: InvalidationFigures
    let purges: PurgeFigures
    let undelivered: UndeliveredFigures
    /// Of purges on their way to other instances; nil where there are none.
    let outbox: OutboxFigures?
    let hearing: HearingFigures
    /// Of the store's master, if sentinels name it.
    let master: MasterFigures?
    /// Of the store's nodes, if it is a cluster.
    let cluster: ClusterFigures?
    /// Fills in progress, and keys that are marked hit-for-miss.
    let fills: Int
    let hitForMissKeys: Int
    /// Keys whose latest response `explain` can tell of, and those that made room for others.
    let lastResponses: (remembered: Int, forgotten: Int)
    let fillBytes: Int
    let fillRefusals: Int
    let names: ResolverFigures
    /// What responses under way hold beyond the store, and the limit of that.
    let responseBytes: Int
    let responseLimit: Int
    /// How many clients may be connected.
    let clientLimit: Int
    /// Of the listeners with TLS.
    let certificates: [CertificateExpiry]
    let process = ProcessFigures()
    /// Of the admin listener: open connections, and those that were closed for want of room.
    var adminConnections = 0
    var adminConnectionsClosed = 0
    let logLinesDropped: Int

    init(report: ServerReport, server: Server, version: String) {
        self.version = version
        self.report = report
        now = server.loop.now
        clockMilliseconds = server.loop.clockMilliseconds
        startedMilliseconds = server.started
        workerCount = server.workerCount
        isDraining = server.isDraining
        reloads = server.reloads
        failedReloads = server.failedReloads
        lastReload = server.lastReload
        update = server.update
        memory = server.shared.stores.memoryFigures
        invalidations = server.shared.stores.invalidationFigures
        purges = server.shared.stores.purges.figures
        undelivered = server.shared.stores.undelivered.figures
        outbox = server.shared.stores.outbox.isOpen ? server.shared.stores.outbox.figures : nil
        hearing = server.shared.stores.hearing.figures
        master = server.update.masterFigures
        cluster = server.update.clusterFigures
        logLinesDropped = report.total.logLinesDropped + server.shared.accessLog.failedLines
        let counts = server.shared.fillCounts
        fills = counts.underWay
        hitForMissKeys = counts.hitForMiss
        names = server.shared.resolver.figures
        lastResponses = server.shared.lastResponses.figures
        fillBytes = server.shared.memory.arriving
        fillRefusals = server.shared.memory.refusals
        responseBytes = server.shared.memory.inUse
        certificates = server.certificateExpiries
        clientLimit = server.shared.descriptors.clients(in: server.configuration)
        responseLimit = server.shared.memory.bytes
    }

    var total: Counters { report.total }

    func outcome(_ outcome: Outcome) -> Int { total.outcomes[Int(outcome.rawValue)] }
}

/// The store's state, in the words of `/stats`.
extension StoreState {
    var label: StaticString {
        switch self {
        case .up: "up"
        case .limited: "limited"
        case .partial: "partial"
        case .down: "down"
        }
    }

    var since: WallTime {
        switch self {
        case .up(let since), .limited(_, let since), .partial(_, let since), .down(_, let since): since
        }
    }

    var trouble: StoreTrouble? {
        switch self {
        case .up: nil
        case .limited(let trouble, _), .partial(let trouble, _), .down(let trouble, _): trouble
        }
    }
}

extension Health {
    var label: StaticString {
        switch self {
        case .up: "up"
        case .ejected: "aside"
        case .failing: "failing"
        case .checkedDown: "down"
        }
    }
}

extension HearingMode {
    /// In the words of `/stats`.
    var label: StaticString {
        switch self {
        case .none: "off"
        case .connecting: "connecting"
        case .hearing: "up"
        case .refused: "refused"
        }
    }
}
