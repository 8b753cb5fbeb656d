// How many variants are kept of one key (RFC 9111 §4.1). A resource that varies on what every client sends differently would
// fill the store with copies of itself.

import Bytes

/// Which variants were stored lately, by the generation of their marker. Shared by all workers; forgets the oldest
/// generations, whose variants then go only as they expire.
package final class VariantTable: Sendable {
    private let generations = Locked(RecencyMap<UInt64, [CacheKey]>(limit: 8_192))

    package init() {}

    /// Notes that a variant is to be stored; answers with the one that has to go for it.
    package func note(_ key: CacheKey, of generation: UInt64, limit: Int) -> CacheKey? {
        generations.withLock { generations in
            if generations[generation] == nil { _ = generations.insert([], for: generation) }
            return generations[generation]?.moveToEnd(key, limit: limit)
        }
    }
}

extension [CacheKey] {
    /// Puts the key behind all others; answers with the first where that makes one too many.
    fileprivate mutating func moveToEnd(_ key: CacheKey, limit: Int) -> CacheKey? {
        if let place = firstIndex(of: key) { remove(at: place) }
        append(key)
        return count > limit ? removeFirst() : nil
    }
}
