// The connection on which Redis tells of changes, for the copies in memory of all workers: one for the process, on the control
// thread. While that thread is busy, as with a reload, signs of life come late, and copies aren't used; nothing is missed.

import CacheStorage
import Configuration
import EventLoop
import RedisStorage

extension Server {
    /// Tracks the Redis of the configuration that holds now, instead of that before.
    func startTracking() {
        let store = configuration.store
        guard tracking?.settings != store else { return }
        tracking?.close()
        tracking = nil
        guard store.backend == .tiered, store.grace.rawValue > 0, let endpoint = store.redis else { return }
        let settings = RedisSettings(endpoint, store)
        let report = { [loop, log, life = store.tieredLife] (event: TrackerEvent) in
            let (level, text) = event.line(tieredLife: life)
            log.write(level, about: "tracking", text, now: loop.now)
        }
        if case .cluster(let location) = update.site {
            let tracker = ClusterTracker(
                loop: loop, settings: settings, grace: store.grace.rawValue, location: location,
                resolver: shared.resolver, stores: shared.stores, report: report)
            tracking = (store, { tracker.close() })
        } else {
            let master: MasterLocation? = if case .master(let location) = update.site { location } else { nil }
            let tracker = Tracker(
                loop: loop, settings: settings, grace: store.grace.rawValue, master: master,
                resolver: shared.resolver, stores: shared.stores, report: report)
            tracking = (store, { tracker.close() })
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
}
