// A worker's stores: memory, its own connection to Redis, or both; what is put into them, and what is dropped from them.

import CacheStorage
import Configuration
import RedisStorage
import Routing

extension Worker {
    var isStoring: Bool { memory != nil || remote != nil }

    /// Whether what is put into the stores now will stand there.
    var canStore: Bool {
        if memory != nil { return true }
        if case .up = remote?.state { return true }
        return false
    }

    func openStores() {
        memory = storeSettings.usesMemory ? shared.memory : nil
        copyLifeMilliseconds = storeSettings.tieredLife.rawValue
        remote?.close()
        remote = nil
        if storeSettings.usesRedis, let endpoint = storeSettings.redis {
            remote = openRedis(endpoint, storeSettings)
        }
    }

    /// Puts a record into every store that this worker has.
    /// - Parameter token: let go of once the slowest has it, or doesn't get it.
    func put(_ key: CacheKey, _ response: StoredResponse, holding token: AnyObject? = nil) {
        if let remote {
            remote.store(key, response, now: wallTime, holding: token)
            if let memory { keepCopy(response, key: key, in: memory) }
        } else {
            memory?.store(key, response)
        }
    }

    /// Keeps what Redis held in memory too, for a short life (`store.tiered_life`): nothing tells this process yet when
    /// Redis's own entry goes.
    func keepCopy(_ response: StoredResponse, key: CacheKey) {
        if let memory { keepCopy(response, key: key, in: memory) }
    }

    func keepCopy(_ response: StoredResponse, key: CacheKey, in memory: MemoryStore) {
        guard copyLifeMilliseconds > 0 else { return }
        let until = min(response.discardAt, wallTime.advanced(byMilliseconds: copyLifeMilliseconds))
        guard until < response.discardAt else {
            _ = memory.store(key, response)
            return
        }
        var description = response.description
        description.discardAt = until
        // The copy shares the body; a marker is small enough to be made again.
        let copy: StoredResponse? =
            switch response.kind {
            case .response, .partial: response.refreshed(description, head: response.head)
            case .varyMarker:
                StoredResponse.varyMarker(
                    generation: response.id, discardAt: until, facts: response.facts, keyText: response.keyText,
                    names: response.varyNames)
            }
        if let copy { memory.store(key, copy) }
    }

    /// Removes records everywhere this worker can.
    func drop(_ keys: [CacheKey]) {
        shared.invalidations.note(keys, at: loop.wallMilliseconds)
        counters.invalidated += keys.count
        remove(keys)
    }

    /// Removes records that nothing is wrong with.
    func remove(_ keys: [CacheKey]) {
        for key in keys { memory?.remove(key) }
        remote?.remove(keys, receiver: nil, token: 0)
    }

    /// Drops what GET and HEAD of a URL are answered with.
    func invalidate(url: String, in runtime: RuntimeConfiguration) {
        do throws(SyntheticRequestFault) {
            let request = try SyntheticRequest(url: url)
            let match = try composer.compose(request, by: runtime.table)
            drop(shared.searchRules.keys(of: &composer, by: runtime.table.recipes[match.route]))
        } catch {
            // A URL that no request could have is stored nowhere.
        }
    }

    /// One pipelined connection of this worker's own; it begins to connect at once.
    func openRedis(_ endpoint: RedisEndpoint, _ store: StoreSettings) -> RedisStore {
        let place: RedisSettings.Place =
            switch endpoint.address {
            case .tcp(let host, let port): .tcp(host: host, port: port)
            case .unix(let path): .unix(path: path)
            }
        let settings = RedisSettings(
            place: place, user: endpoint.user, password: endpoint.password, database: endpoint.database,
            prefix: store.prefix, timeoutMilliseconds: store.timeout.rawValue)
        let redis = RedisStore(loop: loop, settings: settings, resolver: shared.resolver)
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
