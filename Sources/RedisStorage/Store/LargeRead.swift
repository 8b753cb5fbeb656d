// The read of one record that has several pieces: the first piece came with a lookup, the others follow. It checks and
// collects pieces; LargeReads requests them. Every lookup that finds the same record meanwhile waits for it too.

import Bytes
import CacheStorage

final class LargeRead {
    /// A lookup that waits for the record.
    struct Reader {
        let ticket: UInt64
        let token: UInt64
        let receiver: any StoreReceiver
    }

    let key: CacheKey
    let header: RecordFormat.Header
    private(set) var readers: [Reader] = []
    /// The number of pieces, and how many of them were requested and have arrived.
    let pieces: Int
    var requested = 1
    private(set) var received = 1
    /// Whether pieces are being requested.
    var isBegun = false
    /// Another record has replaced the value, or the value is damaged.
    private(set) var isBroken = false
    private let assembly: RecordAssembly

    /// Nil if the header contradicts itself, the budget has no room, or memory can't be allocated.
    init?(header: RecordFormat.Header, key: CacheKey, budget: MemoryBudget) {
        let assembly = RecordAssembly(
            kind: header.kind, description: header.description, lengths: header.lengths, budget: budget)
        guard let assembly else { return nil }
        self.key = key
        self.header = header
        pieces = header.pieces
        self.assembly = assembly
    }

    func add(_ reader: Reader) { readers.append(reader) }

    /// The lookup with that ticket was cancelled.
    func remove(_ ticket: UInt64) { readers.removeAll { $0.ticket == ticket } }

    /// Everybody who waits; they have their result now.
    func takeReaders() -> [Reader] {
        defer { readers = [] }
        return readers
    }

    /// Appends the bytes of the first piece; false if they contradict the header.
    func begin(with contents: Span<UInt8>) -> Bool {
        assembly.append(contents)
    }

    /// Checks and appends the next piece, with its header.
    func take(_ bytes: Span<UInt8>) {
        guard !isBroken, RecordFormat.isPiece(bytes, number: received, of: header),
            assembly.append(bytes.extracting(RecordFormat.pieceHeaderCount..<bytes.count))
        else {
            isBroken = true
            return
        }
        received += 1
    }

    /// The record, once all pieces have arrived; nil if it isn't valid.
    func finish() -> StoredResponse? { assembly.finish() }
}
