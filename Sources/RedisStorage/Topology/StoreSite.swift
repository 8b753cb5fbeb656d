// Where the store is, as the configuration says: at a place of its own, or wherever a search of the process finds it.

/// Shared by all threads.
package enum StoreSite: Sendable {
    /// Where the settings say.
    case fixed
    /// The master that sentinels name.
    case master(MasterLocation)
    /// The masters of a cluster.
    case cluster(SlotLocation)
}
