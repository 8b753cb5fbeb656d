// The connections by which this process is one of a fleet of Larders on one Redis: one on which Redis tells of changes, and one on
// which purges are exchanged. They have a thread of their own, so that neither a reload nor an operator's question makes signs of
// life late.

import CacheStorage
import Configuration
import EventLoop
import RedisStorage

extension Server {
    /// Joins the fleet on the Redis of the configuration that holds now, instead of that before.
    func joinFleet() {
        let store = configuration.store
        guard fleet?.settings != store else { return }
        let before = fleet?.settings
        leaveFleet()
        let stores = shared.stores
        guard store.usesRedis, let endpoint = store.redis else {
            // From now on purges are this process's own.
            stores.hearing.endPurges()
            stores.outbox.close()
            return
        }
        // Whatever is asked of the store from now on knows that others purge, too; what is purged waits until it can be sent.
        stores.hearing.beginPurges(grace: store.purgeGrace)
        stores.outbox.open {}
        // Positions in another stream, or by this process's own clock, mean nothing in this one.
        if before?.redis != store.redis || before?.prefix != store.prefix {
            stores.forgetPurges()
        }
        fleet = FleetThread(store, RedisSettings(endpoint, store, update.redisTLS), site: update.site, shared)
    }

    /// Says good-bye to the others, so that their purges don't wait for this process.
    func leaveFleet() {
        fleet?.stop()
        fleet = nil
    }
}

/// Belongs to the control thread.
final class FleetThread {
    let settings: StoreSettings
    private let thread: LoopThread
    private let ending = Mailbox<Void>()

    /// - Parameter site: where the store is.
    init(_ store: StoreSettings, _ redis: RedisSettings, site: StoreSite, _ shared: SharedState) {
        settings = store
        let ending = ending
        thread = LoopThread.start(name: "larder-fleet") {
            let loop = EventLoop(inputCapacity: 1 << 16)
            let connections = FleetConnections(loop, store, redis, site: site, shared)
            let socket = ending.deliver(on: loop) { loop.stop() }
            loop.run()
            connections.close()
            socket.close()
        }
    }

    /// Waits until nothing is heard any more.
    func stop() {
        ending.post(())
        thread.join()
    }
}

/// Belongs to the fleet's thread.
private final class FleetConnections {
    private let connection: FleetConnection
    private let closeTracker: () -> Void

    init(
        _ loop: EventLoop, _ store: StoreSettings, _ redis: RedisSettings, site: StoreSite, _ shared: SharedState
    ) {
        let log = shared.log
        let connection = FleetConnection(
            loop: loop, settings: redis, grace: store.purgeGrace, site: site, resolver: shared.resolver,
            stores: shared.stores
        ) { event in
            log.write(event.level, about: "fleet", event.text, now: loop.now)
        }
        let keepsCopies = store.backend == .tiered && store.grace.rawValue > 0
        let report = { (event: TrackerEvent) in
            let (level, text) = keepsCopies ? event.line(tieredLife: store.tieredLife) : event.lineWithoutCopies
            log.write(level, about: "tracking", text, now: loop.now)
        }
        if keepsCopies, case .cluster(let location) = site {
            let tracker = ClusterTracker(
                loop: loop, settings: redis, grace: store.grace.rawValue, location: location, resolver: shared.resolver,
                stores: shared.stores, streamChanged: { connection.streamChanged() }, report: report)
            closeTracker = { tracker.close() }
        } else {
            // Where no copies are kept, it tells of purges only, and needs no grace of the owner's.
            let tracker = Tracker(
                loop: loop, settings: redis, grace: keepsCopies ? store.grace.rawValue : 1000, site: site,
                resolver: shared.resolver, stores: shared.stores, hearing: keepsCopies ? shared.stores.hearing : nil,
                streamChanged: { connection.streamChanged() }, report: report)
            closeTracker = { tracker.close() }
        }
        self.connection = connection
    }

    func close() {
        closeTracker()
        connection.close()
    }
}

extension StoreSettings {
    /// For how long purges of others count as known after the last sign of life, in milliseconds; also where no copies are kept.
    fileprivate var purgeGrace: Int64 { grace.rawValue > 0 ? grace.rawValue : 1000 }
}

extension FleetEvent {
    fileprivate var level: LogSettings.Level {
        switch self {
        case .connected: .notice
        case .lost, .refused, .restored: .warning
        }
    }

    fileprivate var text: String {
        switch self {
        case .connected: "purges are exchanged through redis"
        case .lost: "purges can't be exchanged through redis: those of this process are kept until they can"
        case .refused(let trouble):
            "redis refuses what the exchange of purges needs (\(trouble.sentence)): see docs/security.md for the rights"
        case .restored(let purges):
            "redis had lost \(purges == 1 ? "a purge that was" : "\(purges) purges that were") applied here: written again"
        }
    }
}

extension TrackerEvent {
    fileprivate func line(tieredLife life: Milliseconds) -> (LogSettings.Level, String) {
        switch self {
        case .hearing: (.notice, "redis tells of changes: copies in memory are used")
        case .lost:
            (.warning, "redis doesn't tell of changes any more: copies in memory are used no longer than store.grace")
        case .refused(let trouble):
            (
                .warning,
                "redis refuses to tell of changes (\(trouble.sentence)): copies in memory are used for store.tiered_life (\(life))"
            )
        }
    }

    fileprivate var lineWithoutCopies: (LogSettings.Level, String) {
        switch self {
        case .hearing: (.info, "redis tells of purges")
        case .lost: (.info, "redis doesn't tell of purges any more: it is asked for them")
        case .refused(let trouble):
            (.notice, "redis refuses to tell of purges (\(trouble.sentence)): it is asked for them every so often")
        }
    }
}
