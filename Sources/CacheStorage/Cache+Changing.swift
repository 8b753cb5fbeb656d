// Storing and removing records. Invalidated records can't come back from a fetch that began earlier; merely deleted
// ones can.

import HTTPCaching

extension Cache {
    /// Stores a record in every store that this worker uses.
    /// - Parameter token: released once the slowest store has confirmed the record or failed.
    /// - Returns: false if there is only the memory store and the record alone exceeds its limit.
    @discardableResult
    package func put(
        _ key: CacheKey, _ response: StoredResponse, now: WallTime, holding token: AnyObject? = nil
    ) -> Bool {
        guard let remote else { return memory?.store(key, response) ?? false }
        remote.store(key, response, now: now, holding: token)
        keepCopy(key, response, now: now)
        return true
    }

    /// Stores a record under the key that its new head says (RFC 9111 §4.1), and deletes it under the one that it had.
    /// - Parameter plainKey: holds the new key's index, or the record itself: either has replaced what was there.
    package func move(
        _ response: StoredResponse, from old: CacheKey, to key: CacheKey, plainKey: CacheKey, now: WallTime,
        holding token: AnyObject? = nil
    ) {
        put(key, response, now: now, holding: token)
        if old != key && old != plainKey { delete([old]) }
    }

    /// Keeps a copy of a remote record in memory, for a short time only: this process isn't notified when the remote
    /// store's entry is removed.
    package func keepCopy(_ key: CacheKey, _ response: StoredResponse, now: WallTime) {
        guard let memory, copyLifetime > 0 else { return }
        let until = min(response.discardAt, now.advanced(byMilliseconds: copyLifetime))
        guard until < response.discardAt else {
            memory.store(key, response)
            return
        }
        var description = response.description
        description.discardAt = until
        // The copy shares the body. A vary index is small, so it is made again.
        let copy: StoredResponse? =
            switch response.kind {
            case .response, .partial: response.refreshed(description, head: response.head)
            case .varyIndex:
                StoredResponse.varyIndex(
                    generation: response.id, discardAt: until, facts: response.facts, keyText: response.keyText,
                    names: response.varyNames)
            }
        if let copy { memory.store(key, copy) }
    }

    /// Notes that a variant is to be stored. If its generation then has too many variants, the oldest is deleted.
    package func noteVariant(_ key: CacheKey, of generation: UInt64, limit: Int) {
        guard let oldest = shared.variants.note(key, of: generation, limit: limit) else { return }
        figures.deletedVariants += 1
        delete([oldest])
    }

    // MARK: Removing

    /// Invalidates the records of these keys in all stores of this worker, and the responses of fetches in progress.
    /// - Parameter receiver: told how many records the remote store had, if there is one.
    /// - Returns: how many records were in memory.
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

    /// Invalidates groups and tags: nothing is deleted, but records requested up to `time` are no longer current.
    package func invalidate(groups: [InvalidationName], at time: WallTime) {
        shared.clock.note(groups, at: time)
        figures.invalidatedGroups += groups.count
    }

    /// Deletes records without invalidating them; a fetch in progress may store them again.
    package func delete(_ keys: [CacheKey]) {
        deleteFromMemory(keys)
        remote?.remove(keys, receiver: nil, token: 0)
    }

    /// - Returns: how many records were in memory.
    @discardableResult
    package func deleteFromMemory(_ keys: [CacheKey]) -> Int {
        guard let memory else { return 0 }
        return keys.count { memory.remove($0) }
    }

    // MARK: Fetches in progress

    /// The current moment. Whoever begins a fetch remembers it for ``overtook(_:since:)``.
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
