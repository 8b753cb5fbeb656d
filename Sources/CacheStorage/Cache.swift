// A worker's whole view of the stores: memory, which all workers share, its own connection to a store elsewhere, and what
// was invalidated. It decides where a record is looked for and kept, and whether what a store hands out is still current;
// it never judges freshness (RFC 9111 §4.2), which the decisions over a record's facts do, and never reads a clock.
//
// Whatever invalidates goes through here, so that the clock has noted it before a store is told: a fetch under way, or a
// store that is slow to delete, can then bring nothing back.

import HTTPCaching

/// Belongs to its worker's thread.
package final class Cache {
    let shared: SharedStores
    /// Nil where the configuration keeps nothing in memory.
    var memory: MemoryStore?
    var remote: (any RemoteStore)?
    /// How long a copy of what the remote store holds may stay in memory, in milliseconds; 0 keeps none.
    var copyLifetime: Int64 = 0
    /// The largest body that is stored, in bytes.
    package var objectLimit: Int
    /// What this worker did; the counters only grow.
    package internal(set) var figures = CacheFigures()

    /// Without stores, until ``open(usesMemory:copyLifetime:remote:)``.
    package init(_ shared: SharedStores, objectLimit: Int) {
        self.shared = shared
        self.objectLimit = objectLimit
    }

    // MARK: Stores

    /// Takes on the stores of a configuration; the connection to an earlier one is closed.
    /// - Parameters:
    ///   - usesMemory: whether records are kept in memory at all.
    ///   - copyLifetime: `store.tiered_life` in milliseconds.
    ///   - remote: makes the store elsewhere, where there is to be one, once the earlier one is closed. It is this worker's
    ///     alone.
    package func open(usesMemory: Bool, copyLifetime: Int64, remote: () -> (any RemoteStore)?) {
        memory = usesMemory ? shared.memory : nil
        self.copyLifetime = copyLifetime
        self.remote?.close()
        self.remote = nil
        self.remote = remote()
    }

    /// Gives up the connection to the remote store; who waits for it is told.
    package func close() { remote?.close() }

    package var isStoring: Bool { memory != nil || remote != nil }
    package var usesRemote: Bool { remote != nil }

    /// Whether what is put into the stores now will stand there.
    package var canStore: Bool {
        if memory != nil { return true }
        if case .up = remote?.state { return true }
        return false
    }

    /// Nil without a remote store.
    package var remoteState: StoreState? { remote?.state }
    package var remoteFigures: RemoteStoreFigures? { remote?.figures }

    /// Why the remote store doesn't take writes now; nil where it does, or where there is none.
    package var remoteTrouble: StoreTrouble? {
        switch remote?.state {
        case .limited(let trouble, _), .down(let trouble, _): trouble
        case .up, nil: nil
        }
    }

    /// Looks at the next `limit` records in memory for expired ones, and removes those. For one worker's timer.
    package func sweep(limit: Int, now: WallTime) { memory?.sweep(limit: limit, now: now) }
}

/// What one worker's cache has done.
package struct CacheFigures: Sendable, BitwiseCopyable, Equatable {
    /// Keys whose records were invalidated.
    package var invalidatedKeys = 0
    /// Groups and tags that were invalidated.
    package var invalidatedGroups = 0
    /// Variants deleted because a key had more than the limit allows.
    package var deletedVariants = 0

    package init() {}
}
