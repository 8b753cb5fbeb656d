// How many variants are kept of one key (RFC 9111 §4.1). A resource that varies on a field that differs for every
// client would otherwise fill the store with its variants.

import Bytes

/// The recently stored variants, by the generation of their vary index. Shared by all workers. The oldest generations
/// are forgotten; their variants then remain until they expire.
package final class VariantTable: Sendable {
    private let generations = Locked(RecencyMap<UInt64, [CacheKey]>(limit: 8_192))

    package init() {}

    /// Notes that a variant is to be stored; returns the one that must be deleted for it, if any.
    package func note(_ key: CacheKey, of generation: UInt64, limit: Int) -> CacheKey? {
        generations.withLock { generations in
            if generations[generation] == nil { _ = generations.insert([], for: generation) }
            return generations[generation]?.moveToEnd(key, limit: limit)
        }
    }
}

extension [CacheKey] {
    /// Moves the key to the end; returns the first one if there are now too many.
    fileprivate mutating func moveToEnd(_ key: CacheKey, limit: Int) -> CacheKey? {
        if let place = firstIndex(of: key) { remove(at: place) }
        append(key)
        return count > limit ? removeFirst() : nil
    }
}
