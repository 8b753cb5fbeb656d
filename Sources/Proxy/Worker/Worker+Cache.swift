// A worker's cache: which stores its configuration gives it, and the connection to Redis.

import CacheStorage
import Configuration
import RedisStorage

extension Worker {
    /// Takes on the stores that the settings name, in place of those before.
    func openStores() {
        let redis = storeSettings.usesRedis ? storeSettings.redis : nil
        cache.open(usesMemory: storeSettings.usesMemory, copyLifetime: storeSettings.tieredLife.rawValue) {
            redis.map { openRedis($0, storeSettings) }
        }
    }

    /// One pipelined connection of this worker's own; it begins to connect at once.
    private func openRedis(_ endpoint: RedisEndpoint, _ store: StoreSettings) -> RedisStore {
        let place: RedisSettings.Place =
            switch endpoint.address {
            case .tcp(let host, let port): .tcp(host: host, port: port)
            case .unix(let path): .unix(path: path)
            }
        let settings = RedisSettings(
            place: place, user: endpoint.user, password: endpoint.password, database: endpoint.database,
            prefix: store.prefix, timeoutMilliseconds: store.timeout.rawValue)
        let redis = RedisStore(
            loop: loop, settings: settings, resolver: shared.resolver, budget: shared.memory,
            liveRecords: shared.stores.liveRecords)
        let (log, index) = (shared.log, index)
        redis.stateChanged = { state in
            switch state {
            case .up: log.write(.notice, "worker \(index): the store is up")
            case .limited(let trouble, _):
                log.write(.warning, "worker \(index): the store takes no writes: \(trouble.sentence)")
            case .down(.closed, _): break
            case .down(let trouble, _): log.write(.warning, "worker \(index): the store is down: \(trouble.sentence)")
            }
        }
        return redis
    }
}
