// The large records of a remote store that are in use in this process: being written, or being sent to clients. A
// thousand clients that ask for one record hold one copy of it: whoever reads the same record again is given the copy
// that is there. The store is asked every time; this saves memory, and the transfer of all but the first piece.

import Bytes

/// Records in use, by key. Holds none itself. May be used on any thread.
package final class LiveRecords: Sendable {
    /// Smaller records are cheaper to read again than to find here.
    package static let smallest = 16 << 10

    private struct Entry: Sendable {
        weak var record: StoredResponse?
    }

    private struct Table: Sendable {
        var entries: [CacheKey: Entry] = [:]
        /// Once there are so many entries, those whose record is gone are removed.
        var greatestCount = 64
    }

    private let table = Locked(Table())

    package init() {}

    /// The record in use at `key` that the remote store has now, according to what was read of it.
    /// - Parameter contents: the bytes of its sections, from the key text on; perhaps not all.
    package func record(
        at key: CacheKey, kind: StoredResponse.Kind, description: RecordDescription, lengths: RecordLengths,
        beginning contents: Span<UInt8>
    ) -> StoredResponse? {
        guard lengths.total >= Self.smallest, let record = table.withLock({ $0.entries[key]?.record }),
            record.kind == kind, record.lengths == lengths, record.description == description,
            record.begins(with: contents)
        else { return nil }
        return record
    }

    /// Notes that `record`, from the store or on its way there, is in use at `key`.
    package func note(_ key: CacheKey, _ record: StoredResponse) {
        guard record.lengths.total >= Self.smallest else { return }
        table.withLock { table in
            table.entries[key] = Entry(record: record)
            guard table.entries.count >= table.greatestCount else { return }
            table.entries = table.entries.filter { $0.value.record != nil }
            table.greatestCount = max(64, 2 * table.entries.count)
        }
    }

    /// Entries, those whose record is gone included.
    var count: Int { table.withLock { $0.entries.count } }
}

extension StoredResponse {
    /// Whether the record's sections begin with `contents`. No two records have the same id, so what comes after need not
    /// be compared.
    fileprivate func begins(with contents: Span<UInt8>) -> Bool {
        let prefix = self.prefix
        guard contents.count >= prefix.count else {
            return prefix.extracting(..<contents.count).isSame(as: contents)
        }
        return prefix.isSame(as: contents.extracting(..<prefix.count))
            && body.extracting(..<(contents.count - prefix.count)).isSame(as: contents.extracting(prefix.count...))
    }
}
