// What the control thread has a worker do with the stores, and what comes of it: values that cross threads.

import CacheStorage

/// One thing to do.
package enum StoreCommand: Sendable {
    case find(CacheKey, keyText: [UInt8], RecordForm)
    case keep(CacheKey, StoredResponse)
    case remove([CacheKey])
}

/// What came of it.
package enum StoreCommandResult: Sendable {
    /// What `find` found.
    case found(StoredResponse)
    case nothing
    /// `keep` is done; not confirmed where a large record is still on its way to the remote store.
    case kept(isConfirmed: Bool)
    /// The response alone is larger than what the store may hold.
    case tooLarge
    /// So many records are gone, from every store.
    case removed(Int)
    /// The store can't do it now.
    case failed(StoreTrouble)
    /// There is no store (`store.backend: none`).
    case noStore
}
