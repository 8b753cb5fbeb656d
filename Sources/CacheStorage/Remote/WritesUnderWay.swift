// Records on their way to a remote store. A look-up that reaches the store before the record does would miss, so it looks here
// first. A record is here from the moment it is put until its write is confirmed, refused or abandoned; an invalidation
// removes it at once, and nothing brings it back. It decides nothing about freshness.

import Bytes
import Synchronization

/// Shared by all workers; may be used on any thread. Bounded in number and bytes: what doesn't fit is only not found here.
final class WritesUnderWay: Sendable {
    private final class Shard: Sendable {
        let records = Locked<[CacheKey: StoredResponse]>([:])
    }

    private let shards: [Shard]
    /// Bytes of all small records here.
    private let bytes = Atomic<Int>(0)
    /// Records here. Checked first, since mostly there are none.
    private let count = Atomic<Int>(0)

    private static let shardCount = 16
    static let recordLimit = 4096
    static let byteLimit = 64 << 20
    /// A larger record is held by its write anyway.
    private static let largeRecord = 128 << 10

    init() { shards = (0..<Self.shardCount).map { _ in Shard() } }

    private func shard(_ key: CacheKey) -> Shard { shards[Int(truncatingIfNeeded: key.low & 15)] }

    /// Notes that a record is being written.
    /// - Parameters:
    ///   - isOvertaken: whether it was invalidated since it was asked for. Asked once the record is here, where whoever
    ///     invalidates it later finds it.
    ///   - token: released with the result.
    /// - Returns: to be released when the write is over; nil if there is no room here.
    func begin(
        _ key: CacheKey, _ record: StoredResponse, unless isOvertaken: () -> Bool, holding token: AnyObject?
    ) -> AnyObject? {
        let cost = Self.cost(of: record)
        guard count.load(ordering: .relaxed) < Self.recordLimit,
            bytes.load(ordering: .relaxed) + cost <= Self.byteLimit
        else {
            // What is here is older.
            remove(key)
            return nil
        }
        bytes.wrappingAdd(cost, ordering: .relaxed)
        count.wrappingAdd(1, ordering: .relaxed)
        let replaced = shard(key).records.withLock { $0.updateValue(record, forKey: key) }
        if let replaced { noteRemoval(of: replaced) }
        if isOvertaken() { end(record, at: key) }
        return Write(of: record, at: key, in: self, holding: token)
    }

    /// The record with that key text whose write is under way.
    func record(at key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        guard let found = shard(key).records.withLock({ $0[key] }), found.hasKeyText(keyText), now < found.discardAt
        else { return nil }
        return found
    }

    /// It was invalidated or deleted.
    func remove(_ key: CacheKey) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        let removed = shard(key).records.withLock { $0.removeValue(forKey: key) }
        if let removed { noteRemoval(of: removed) }
    }

    /// Its write is over. Another record may be on its way to the same key by now.
    fileprivate func end(_ record: StoredResponse, at key: CacheKey) {
        let isRemoved = shard(key).records.withLock { records in
            guard records[key] === record else { return false }
            records[key] = nil
            return true
        }
        if isRemoved { noteRemoval(of: record) }
    }

    private func noteRemoval(of record: StoredResponse) {
        bytes.wrappingSubtract(Self.cost(of: record), ordering: .relaxed)
        count.wrappingSubtract(1, ordering: .relaxed)
    }

    private static func cost(of record: StoredResponse) -> Int {
        record.footprint <= largeRecord ? record.footprint : 0
    }
}

/// Held by a write: its end is the moment at which the store has the record, or will never have it.
private final class Write {
    private let record: StoredResponse
    private let key: CacheKey
    private let table: WritesUnderWay
    private let token: AnyObject?

    init(of record: StoredResponse, at key: CacheKey, in table: WritesUnderWay, holding token: AnyObject?) {
        self.record = record
        self.key = key
        self.table = table
        self.token = token
    }

    deinit { table.end(record, at: key) }
}
