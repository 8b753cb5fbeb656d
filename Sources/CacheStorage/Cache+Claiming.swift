// Claims: while a fetch is under way whose response may be stored, a placeholder stands at the entry's key in the remote
// store, so that other processes wait for it and nothing that happens to the key is undone by the response.

extension Cache {
    /// Whether copies of what the remote store has are kept in memory.
    package var keepsCopies: Bool { memory != nil && copyLifetime > 0 }

    /// A claim that no other process or worker has.
    package func newClaim(isShared: Bool) -> StoreClaim { shared.claims.next(isShared: isShared) }

    /// Puts the placeholder of a claim at the key.
    /// - Parameters:
    ///   - fence: what it may take the place of; nil where nothing may stand there.
    ///   - receiver: told once, later; nil if a store over the claim shows it.
    package func put(
        _ claim: StoreClaim, at key: CacheKey, over fence: StoreFence?, receiver: (any StoreClaimReceiver)?,
        token: UInt64
    ) {
        remote?.claim(key, claim, over: fence, receiver: receiver, token: token)
    }

    /// The fetch goes on: its placeholder stands for longer.
    package func extend(_ claim: StoreClaim, at key: CacheKey) { remote?.extend(claim, at: key) }

    /// Tells a worker when the remote store says that the key has changed, on any thread, until it stops watching.
    package func watch(_ key: CacheKey, worker: Int, _ told: @escaping @Sendable (CacheKey) -> Void) {
        shared.watchedKeys.watch(key, worker: worker, told)
    }

    package func unwatch(_ key: CacheKey, worker: Int) { shared.watchedKeys.unwatch(key, worker: worker) }

    /// Nothing is stored by that claim.
    /// - Parameter milliseconds: for how long others are told that what the key brings can't be shared.
    package func release(_ claim: StoreClaim, at key: CacheKey, hitForMiss milliseconds: Int64? = nil) {
        remote?.release(claim, at: key, hitForMiss: milliseconds)
    }
}
