// How many variants are kept of one key (RFC 9111 §4.1). A resource that varies on what every client sends differently would
// fill the store with copies of itself.

import CacheStorage
import EventLoop

/// Which variants were stored lately, by the generation of their marker. Shared by all workers; forgets the oldest
/// generations, whose variants then go only as they expire.
final class VariantTable: Sendable {
    private struct State: Sendable {
        var variants: [UInt64: [CacheKey]] = [:]
        var order: [UInt64] = []
        var oldest = 0
    }

    private let state = Locked(State())
    private static let remembered = 8_192

    /// Notes that a variant is to be stored; answers with the one that has to go for it.
    func note(_ key: CacheKey, of generation: UInt64, limit: Int) -> CacheKey? {
        state.withLock { state in
            guard var known = state.variants.removeValue(forKey: generation) else {
                Self.remember(generation, &state)
                state.variants[generation] = [key]
                return nil
            }
            if let place = known.firstIndex(of: key) { known.remove(at: place) }
            known.append(key)
            let gone = known.count > limit ? known.removeFirst() : nil
            state.variants[generation] = known
            return gone
        }
    }

    private static func remember(_ generation: UInt64, _ state: inout State) {
        guard state.order.count == remembered else {
            state.order.append(generation)
            return
        }
        state.variants[state.order[state.oldest]] = nil
        state.order[state.oldest] = generation
        state.oldest = (state.oldest + 1) % remembered
    }
}
