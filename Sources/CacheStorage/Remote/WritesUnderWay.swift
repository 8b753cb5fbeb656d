// Records on their way to a remote store. A look-up that reaches the store before the record does would miss, so it looks here
// first. A record is here from the moment it is put until its write is confirmed, refused or abandoned; an invalidation
// removes it at once, and nothing brings it back. It decides nothing about freshness.
//
// Two workers may write to one key at once, each by its own connection, so that the store may have the older record in the
// end. The last one put stays here until the older writes are over, and is then written once more.

import Bytes
import Synchronization

/// Shared by all workers; may be used on any thread. Bounded in number and bytes: what doesn't fit is only not found here.
final class WritesUnderWay: Sendable {
    private final class Shard: Sendable {
        let entries = Locked<[CacheKey: Entry]>([:])
    }

    /// A key to which something is being written.
    private struct Entry {
        /// What was put last; nil where that was invalidated or deleted, or found no room here.
        var record: StoredResponse?
        /// How it was put.
        var origin: WriteOrigin
        /// Writes to the key that aren't over, whatever they write.
        var writes = 0
        /// The store has told of a change to the key since: it is asked what it has.
        var isHidden = false

        func mayBeFound(at now: WallTime) -> Bool { !isHidden && now < origin.foundUntil }
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
    ///   - write: told what follows from the end of the write, and released with the result.
    /// - Returns: to be released when the write is over; nil if there is no room here.
    func begin(
        _ record: StoredResponse, _ write: RemoteWrite, unless isOvertaken: () -> Bool
    ) -> (any StoreWriteHolder)? {
        let (cost, key) = (Self.cost(of: record), write.origin.key)
        guard count.load(ordering: .relaxed) < Self.recordLimit,
            bytes.load(ordering: .relaxed) + cost <= Self.byteLimit
        else {
            // What is here is older.
            remove(key)
            return nil
        }
        bytes.wrappingAdd(cost, ordering: .relaxed)
        count.wrappingAdd(1, ordering: .relaxed)
        let replaced: StoredResponse? = shard(key).entries.withLock { entries in
            var entry = entries[key] ?? Entry(origin: write.origin)
            let replaced = entry.record
            entry.record = record
            entry.origin = write.origin
            entry.isHidden = false
            entry.writes += 1
            entries[key] = entry
            return replaced
        }
        if let replaced { noteRemoval(of: replaced) }
        if isOvertaken() { remove(key, record) }
        return Write(of: record, write, in: self)
    }

    /// Notes that what was put last is being written once more.
    /// - Returns: to be released when that is over; nil if it isn't what was put last any more.
    func repeatWrite(of record: StoredResponse, _ write: RemoteWrite) -> (any StoreWriteHolder)? {
        let key = write.origin.key
        let isNewest = shard(key).entries.withLock { entries in
            guard entries[key]?.record === record else { return false }
            entries[key]?.origin = write.origin
            entries[key]?.writes += 1
            return true
        }
        return isNewest ? Write(of: record, write, in: self) : nil
    }

    /// The record with that key text whose write is under way.
    func record(at key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        let found = shard(key).entries.withLock { entries in
            entries[key].flatMap { $0.mayBeFound(at: now) ? $0.record : nil }
        }
        guard let found, found.hasKeyText(keyText), now < found.discardAt else { return nil }
        return found
    }

    /// Look-ups don't find the record any more. Its write goes on, and is repeated where it has to be.
    func hide(_ key: CacheKey) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        shard(key).entries.withLock { $0[key]?.isHidden = true }
    }

    /// The same of all records.
    func hideAll() {
        guard count.load(ordering: .relaxed) > 0 else { return }
        for shard in shards {
            shard.entries.withLock { entries in for key in entries.keys { entries[key]?.isHidden = true } }
        }
    }

    /// Whether look-ups may find what is being written there.
    fileprivate func mayBeFound(_ key: CacheKey, at now: WallTime) -> Bool {
        shard(key).entries.withLock { $0[key]?.mayBeFound(at: now) != false }
    }

    /// Whether a record is being written that may be used.
    func has(_ key: CacheKey) -> Bool {
        count.load(ordering: .relaxed) > 0 && shard(key).entries.withLock { $0[key]?.record != nil }
    }

    /// It was invalidated or deleted.
    func remove(_ key: CacheKey) {
        guard count.load(ordering: .relaxed) > 0 else { return }
        remove(key, nil)
    }

    /// - Parameter record: removed if it is still there; nil for whatever is there.
    fileprivate func remove(_ key: CacheKey, _ record: StoredResponse?) {
        let removed: StoredResponse? = shard(key).entries.withLock { entries in
            guard let found = entries[key]?.record, record == nil || found === record else { return nil }
            entries[key]?.record = nil
            return found
        }
        if let removed { noteRemoval(of: removed) }
    }

    /// Its write is over.
    fileprivate func end(_ record: StoredResponse, _ write: RemoteWrite) -> WriteSequel {
        let key = write.origin.key
        var removed: StoredResponse?
        let sequel: WriteSequel = shard(key).entries.withLock { entries in
            guard var entry = entries[key] else { return .none }
            let newest = entry.record
            if let newest, newest !== record, entry.origin.writer != write.origin.writer {
                // The write of the newest may have come before this one. It stays until it is written again.
                return .repeats(WriteRepetition(of: newest, entry.origin, in: self))
            }
            removed = Self.leave(key, &entry, &entries)
            guard let newest else { return .deletes }
            return newest === record ? .none : .superseded
        }
        if let removed { noteRemoval(of: removed) }
        return sequel
    }

    /// A write that is to be repeated was, or never will be.
    fileprivate func release(_ key: CacheKey) {
        let removed: StoredResponse? = shard(key).entries.withLock { entries in
            guard var entry = entries[key] else { return nil }
            return Self.leave(key, &entry, &entries)
        }
        if let removed { noteRemoval(of: removed) }
    }

    /// One write less.
    /// - Returns: what isn't found any more.
    private static func leave(
        _ key: CacheKey, _ entry: inout Entry, _ entries: inout [CacheKey: Entry]
    ) -> StoredResponse? {
        entry.writes -= 1
        guard entry.writes == 0 else {
            entries[key] = entry
            return nil
        }
        entries[key] = nil
        return entry.record
    }

    private func noteRemoval(of record: StoredResponse) {
        bytes.wrappingSubtract(Self.cost(of: record), ordering: .relaxed)
        count.wrappingSubtract(1, ordering: .relaxed)
    }

    private static func cost(of record: StoredResponse) -> Int {
        record.footprint <= largeRecord ? record.footprint : 0
    }
}

/// How a record was put.
struct WriteOrigin: Sendable {
    let key: CacheKey
    let plainKey: CacheKey
    /// When the record's fetch began.
    let began: InvalidationMoment
    /// What it may take the place of in the store; nil for whatever is there.
    var fence: StoreFence?
    /// Until when look-ups may find it here: the store is asked from then on, as what had to stand there may be gone.
    var foundUntil = WallTime.never
    /// The cache that wrote it: the store has all writes of one cache in their order.
    let writer: ObjectIdentifier
}

/// What is to be done for a key once a write to it is over.
enum WriteSequel {
    /// Nothing that other writes ask for.
    case none
    /// Nothing at all: another record follows by the same connection.
    case superseded
    /// What was put since is written again.
    case repeats(WriteRepetition)
    /// What was written was removed meanwhile, and is removed again.
    case deletes
}

/// What is to be written again. Counts as a write until it is released.
final class WriteRepetition {
    let record: StoredResponse
    let origin: WriteOrigin
    private let table: WritesUnderWay

    init(of record: StoredResponse, _ origin: WriteOrigin, in table: WritesUnderWay) {
        self.record = record
        self.origin = origin
        self.table = table
    }

    deinit { table.release(origin.key) }
}

/// Held by a write: its end is the moment at which the store has the record, or will never have it.
private final class Write: StoreWriteHolder {
    private let record: StoredResponse
    private let write: RemoteWrite
    private let table: WritesUnderWay

    init(of record: StoredResponse, _ write: RemoteWrite, in table: WritesUnderWay) {
        self.record = record
        self.write = write
        self.table = table
    }

    func mayBeFound(at now: WallTime) -> Bool { table.mayBeFound(write.origin.key, at: now) }

    func writeWasRefused() {
        table.remove(write.origin.key, record)
        write.writeWasRefused()
    }

    deinit { write.sequel = table.end(record, write) }
}
