// A bounded map: when it is full, an insertion evicts the oldest key. For state that must be remembered for a while but
// must not grow with the variety of requests.

/// The latest `limit` keys that were inserted, with their values. Not thread-safe: a shared one needs a lock.
@usableFromInline
package struct RecencyMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    @usableFromInline var values: [Key: Value] = [:]
    /// Keys in order of insertion, as a ring.
    @usableFromInline var order: [Key] = []
    @usableFromInline var oldest = 0
    @usableFromInline let limit: Int

    /// - Parameter limit: how many keys are remembered; at least 1.
    @inlinable
    package init(limit: Int) { self.limit = limit }

    @inlinable package var count: Int { values.count }

    /// Set it only for keys that are present; new ones are added by ``insert(_:for:)``.
    @inlinable
    package subscript(key: Key) -> Value? {
        get { values[key] }
        _modify { yield &values[key] }
    }

    /// Adds a key that isn't present yet. If the map is full, the oldest key is evicted.
    /// - Returns: the evicted key and its value.
    @inlinable
    package mutating func insert(_ value: Value, for key: Key) -> (key: Key, value: Value)? {
        values[key] = value
        guard order.count == limit else {
            order.append(key)
            return nil
        }
        let evicted = order[oldest]
        order[oldest] = key
        oldest = (oldest + 1) % limit
        return values.removeValue(forKey: evicted).map { (evicted, $0) }
    }
}
