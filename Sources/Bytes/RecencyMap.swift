// Values by key, of which the ones that came first are forgotten once there are too many: for what has to be remembered
// for a while, and must not grow with what clients ask for.

/// The latest `limit` keys that were inserted, with their values. Not for several threads: whoever shares one puts a lock
/// around it.
@usableFromInline
package struct RecencyMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    @usableFromInline var values: [Key: Value] = [:]
    /// Keys in the order in which they came, as a ring.
    @usableFromInline var order: [Key] = []
    @usableFromInline var oldest = 0
    @usableFromInline let limit: Int

    /// - Parameter limit: how many keys are remembered; at least 1.
    @inlinable
    package init(limit: Int) { self.limit = limit }

    /// To be set for keys that are there; new ones come by ``insert(_:for:)``.
    @inlinable
    package subscript(key: Key) -> Value? {
        get { values[key] }
        _modify { yield &values[key] }
    }

    /// Adds a key that isn't there. Where there are too many, the oldest one goes.
    /// - Returns: the value of the one that went.
    @inlinable
    package mutating func insert(_ value: Value, for key: Key) -> Value? {
        values[key] = value
        guard order.count == limit else {
            order.append(key)
            return nil
        }
        let forgotten = values.removeValue(forKey: order[oldest])
        order[oldest] = key
        oldest = (oldest + 1) % limit
        return forgotten
    }
}
