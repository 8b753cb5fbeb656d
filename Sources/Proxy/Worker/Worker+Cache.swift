// A worker's cache: which stores its configuration gives it, and the connection to Redis.

import CacheStorage
import Configuration
import RedisStorage

extension Worker {
    /// Takes on the stores that the settings name, in place of those before.
    func openStores(_ update: ConfigurationUpdate) {
        let redis = storeSettings.usesRedis ? storeSettings.redis : nil
        let copyLifetime = storeSettings.grace.rawValue == 0 ? 0 : storeSettings.tieredLife.rawValue
        cache.open(usesMemory: storeSettings.usesMemory, copyLifetime: copyLifetime) {
            redis.map { openRedis($0, storeSettings, update.redisTLS, update.site) }
        }
    }

    /// One pipelined connection of this worker's own; it begins to connect at once.
    private func openRedis(
        _ endpoint: RedisEndpoint, _ store: StoreSettings, _ tls: RedisTLS?, _ site: StoreSite
    ) -> RedisStore {
        let redis = RedisStore(
            loop: loop, settings: RedisSettings(endpoint, store, tls), resolver: shared.resolver, site: site,
            budget: shared.memory, liveRecords: shared.stores.liveRecords, undelivered: shared.stores.undelivered,
            purges: shared.stores.purges, hearing: shared.stores.hearing)
        let (watch, index, loop) = (shared.storeWatch, index, loop)
        let master: MasterLocation? = if case .master(let location) = site { location } else { nil }
        redis.stateChanged = { state in
            let place = master?.master.map { "\($0.address)" } ?? "\(endpoint.address)"
            watch.note(state, worker: index, place: place, now: loop.now)
        }
        redis.sawUnknownError = { text in
            let place = master?.master.map { "\($0.address)" } ?? "\(endpoint.address)"
            watch.note(unknownError: text, place: place)
        }
        redis.failedToSecure = { reason in watch.note(handshakeFault: reason, place: "\(endpoint.address)") }
        return redis
    }
}

extension RedisSettings {
    /// What every connection of the process to this Redis has.
    init(_ endpoint: RedisEndpoint, _ store: StoreSettings, _ tls: RedisTLS?) {
        let place: Place =
            switch endpoint.address {
            case .tcp(let host, let port): .tcp(host: host, port: port)
            case .unix(let path): .unix(path: path)
            case .sentinels: .unknownMaster
            case .cluster: .nowhere(.noSlots)
            }
        self.init(
            place: place, user: endpoint.user, password: endpoint.password, database: endpoint.database,
            tls: tls, prefix: store.prefix, timeoutMilliseconds: store.timeout.rawValue)
    }
}
