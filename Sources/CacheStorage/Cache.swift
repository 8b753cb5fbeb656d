// A worker's complete view of the stores: memory, which all workers share, its own connection to a remote store, and
// the invalidations. It decides where a record is looked up and kept, and whether a record from a store is still
// current. It never judges freshness (RFC 9111 §4.2), which HTTPCaching does, and never reads a clock.
//
// All invalidations go through here, so that the clock notes them before a store deletes anything: then neither a fetch
// in progress nor a slow store can bring an invalidated response back.

import HTTPCaching

/// Used only on its worker's thread.
package final class Cache {
    let shared: SharedStores
    /// Nil if the configuration has no memory store.
    var memory: MemoryStore?
    var remote: (any RemoteStore)?
    /// How long a copy of a remote record may stay in memory, in milliseconds; 0 keeps no copies.
    var copyLifetime: Int64 = 0
    /// Whether copies stay in memory beyond that, for ``lookUpKept(_:keyText:now:isCounted:)``.
    package var keepsCopiesLonger = false
    /// The largest body that is stored, in bytes.
    package var objectLimit: Int
    /// Counters of this worker; they only grow.
    package internal(set) var figures = CacheFigures()

    /// Keys whose records were invalidated while they were on their way into the remote store.
    var overtakenWrites: [CacheKey] = []
    /// Records that the remote store may have lost to older ones.
    var repeatedWrites: [WriteRepetition] = []
    /// Called when there are such keys or records; whoever sets it calls ``settleWrites(now:)`` soon, but not at once.
    package var writesNeedSettling: (() -> Void)?

    /// Without stores, until ``open(usesMemory:copyLifetime:remote:)``.
    package init(_ shared: SharedStores, objectLimit: Int) {
        self.shared = shared
        self.objectLimit = objectLimit
    }

    // MARK: Stores

    /// Uses the stores of a configuration from now on; the connection to an earlier remote store is closed.
    /// - Parameters:
    ///   - usesMemory: whether records are kept in memory at all.
    ///   - copyLifetime: `store.tiered_life` in milliseconds.
    ///   - remote: creates the remote store, if there is one, after the earlier one is closed. Only this worker uses
    ///     it.
    package func open(usesMemory: Bool, copyLifetime: Int64, remote: () -> (any RemoteStore)?) {
        memory = usesMemory ? shared.memory : nil
        self.copyLifetime = copyLifetime
        self.remote?.close()
        self.remote = nil
        self.remote = remote()
    }

    /// Closes the connection to the remote store; pending lookups fail.
    package func close() { remote?.close() }

    /// Whether something that this process has invalidated may still be found by others in the remote store, or in their memory.
    package var hasUnconfirmedInvalidations: Bool {
        guard let remote else { return false }
        return remote.hasUnconfirmedRemovals || shared.undelivered.figures.waiting > 0
            || shared.purges.figures.unsettled > 0
    }

    package var isStoring: Bool { memory != nil || remote != nil }
    package var usesRemote: Bool { remote != nil }

    /// Whether a record stored now would be kept.
    package var canStore: Bool {
        if memory != nil { return true }
        switch remote?.state {
        case .up, .partial: return true
        case .limited, .down, nil: return false
        }
    }

    /// Whether there is a remote store, and what is stored at the key, or anything where that is `none`, can't be had from it.
    package func isRemoteDown(at key: CacheKey) -> Bool { remote?.isDown(at: key) == true }

    /// Nil without a remote store.
    package var remoteState: StoreState? { remote?.state }
    package var remoteFigures: RemoteStoreFigures? { remote?.figures }

    /// Why the remote store doesn't accept writes now; nil if it does, or if there is none.
    package var remoteTrouble: StoreTrouble? {
        switch remote?.state {
        case .limited(let trouble, _), .down(let trouble, _): trouble
        case .up, .partial, nil: nil
        }
    }

    /// Checks the next `limit` records in memory and removes the expired ones. Called by one worker's timer.
    package func sweep(limit: Int, now: WallTime) { memory?.sweep(limit: limit, now: now) }
}

/// Counters of one worker's cache.
package struct CacheFigures: Sendable, BitwiseCopyable, Equatable {
    /// Keys whose records were invalidated.
    package var invalidatedKeys = 0
    /// Groups and tags that were invalidated.
    package var invalidatedGroups = 0
    /// URLs, and texts that URLs begin with, whose records were invalidated.
    package var invalidatedPlaces = 0
    /// Records that were invalidated while they were on their way into the remote store, and deleted from it again.
    package var overtakenWrites = 0
    /// Records that were written again, since an older one may have reached the remote store after them.
    package var repeatedWrites = 0
    /// Variants deleted because a key had more than the limit allows.
    package var deletedVariants = 0
    /// Writes to the remote store during which other workers don't find the record, because too many were under way.
    package var unsharedWrites = 0

    package init() {}
}
