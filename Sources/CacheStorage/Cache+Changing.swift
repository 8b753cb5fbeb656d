// Putting records into the stores, and taking them out: invalidated, so that nothing which was requested before comes back,
// or merely deleted.

import HTTPCaching

extension Cache {
    /// Puts a record into every store that this worker has.
    /// - Parameter token: let go of once the slowest has it, or doesn't get it.
    /// - Returns: false where there is memory alone and the record alone exceeds its bound.
    @discardableResult
    package func put(
        _ key: CacheKey, _ response: StoredResponse, now: WallTime, holding token: AnyObject? = nil
    ) -> Bool {
        guard let remote else { return memory?.store(key, response) ?? false }
        remote.store(key, response, now: now, holding: token)
        keepCopy(key, response, now: now)
        return true
    }

    /// Keeps what the remote store holds in memory too, for a short life: nothing tells this process yet when the remote
    /// store's own entry goes.
    package func keepCopy(_ key: CacheKey, _ response: StoredResponse, now: WallTime) {
        guard let memory, copyLifetime > 0 else { return }
        let until = min(response.discardAt, now.advanced(byMilliseconds: copyLifetime))
        guard until < response.discardAt else {
            memory.store(key, response)
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

    /// Notes that a variant is to be stored; where that makes one too many of its generation, the oldest is deleted.
    package func noteVariant(_ key: CacheKey, of generation: UInt64, limit: Int) {
        guard let oldest = shared.variants.note(key, of: generation, limit: limit) else { return }
        figures.deletedVariants += 1
        delete([oldest])
    }

    // MARK: Taking out

    /// Invalidates what stands under these keys everywhere this worker can reach, and what a fetch under way brings.
    /// - Parameter receiver: told how many records the remote store had, where there is one.
    /// - Returns: how many records memory had.
    @discardableResult
    package func invalidate(
        _ keys: [CacheKey], at time: WallTime, receiver: (any StoreRemovalReceiver)? = nil, token: UInt64 = 0
    ) -> Int {
        shared.clock.note(keys.lazy.map { .key($0) }, at: time)
        figures.invalidatedKeys += keys.count
        let removed = deleteFromMemory(keys)
        remote?.remove(keys, receiver: receiver, token: token)
        return removed
    }

    /// Invalidates groups and tags: nothing is deleted, but what was requested up to `time` isn't current any more.
    package func invalidate(groups: [InvalidationName], at time: WallTime) {
        shared.clock.note(groups, at: time)
        figures.invalidatedGroups += groups.count
    }

    /// Deletes records that nothing is wrong with; a fetch under way may bring them back.
    package func delete(_ keys: [CacheKey]) {
        deleteFromMemory(keys)
        remote?.remove(keys, receiver: nil, token: 0)
    }

    /// - Returns: how many records memory had.
    @discardableResult
    package func deleteFromMemory(_ keys: [CacheKey]) -> Int {
        guard let memory else { return 0 }
        return keys.count { memory.remove($0) }
    }

    // MARK: Fetches under way

    /// The moment to remember when a fetch begins.
    package var moment: InvalidationMoment { shared.clock.now }

    /// Whether the key was invalidated after `moment`, or may have been.
    package func overtook(_ key: CacheKey, since moment: InvalidationMoment) -> Bool {
        shared.clock.overtook(.key(key), since: moment)
    }

    /// The same of a variant's key, which goes with its plain key.
    package func overtook(_ key: CacheKey, plainKey: CacheKey, since moment: InvalidationMoment) -> Bool {
        overtook(plainKey, since: moment) || key != plainKey && overtook(key, since: moment)
    }

    /// Whether an invalidation of either key is remembered. For operators' questions.
    package func remembersInvalidation(of key: CacheKey, plainKey: CacheKey) -> Bool {
        shared.clock.remembers(.key(plainKey)) || shared.clock.remembers(.key(key))
    }
}
