// The search for which node of a cluster has which slots: one for the process, on the control thread, so that all workers have the
// same map, and the nodes are asked once.

import CacheStorage
import Configuration
import EventLoop
import RedisStorage

extension Server {
    /// Searches the cluster of the configuration that holds now, instead of that before.
    func startSlotSearch() {
        let location: SlotLocation? = if case .cluster(let location) = update.site { location } else { nil }
        let store = configuration.store
        // The nodes' password may be another one, and so may the prefix of the keys.
        guard slotSearch?.search.location !== location || slotSearch?.settings != store else { return }
        slotSearch?.search.close()
        slotSearch = nil
        guard let location, let endpoint = store.redis, let nodes = store.clusterNodes else { return }
        let search = SlotSearch(
            loop: loop, seeds: nodes.map { MasterAddress(host: $0.host, port: $0.port) },
            settings: RedisSettings(endpoint, store, update.redisTLS), resolver: shared.resolver, location: location,
            newNumber: { [loop, undelivered = shared.stores.undelivered] isMoved in
                undelivered.nextMaster(now: loop.now.milliseconds, where: isMoved)
            },
            report: { [loop, log] event in
                let (level, text) = event.line
                log.write(level, about: "cluster", text, now: loop.now)
            })
        slotSearch = (store, search)
    }
}

extension ClusterEvent {
    fileprivate var line: (LogSettings.Level, String) {
        switch self {
        case .named(let masters, let slots, let node):
            (.notice, "the store's cluster has \(Self.size(masters, slots)) (node \(node))")
        case .changed(let masters, let slots, let moved, let node):
            (
                .notice,
                "\(moved) slots of the store's cluster have moved: it has \(Self.size(masters, slots)) (node \(node))"
            )
        case .confirmed(let node): (.notice, "the store's cluster is known again (node \(node))")
        case .unknownError(let text):
            (.warning, "a node of the store's cluster replied with an unknown error: \(text)")
        case .lost(let trouble, let connection):
            (
                .warning,
                "the store's cluster isn't known or may be out of date: \(trouble.sentence)"
                    + (connection.map { " (of one that isn't connected: \($0.sentence))" } ?? "")
            )
        }
    }

    private static func size(_ masters: Int, _ slots: Int) -> String {
        (masters == 1 ? "1 master" : "\(masters) masters")
            + (slots == 16_384 ? " with all slots" : " with \(slots) of 16384 slots")
    }
}
