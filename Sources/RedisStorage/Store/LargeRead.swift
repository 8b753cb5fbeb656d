// The read of one record that has several pieces: the first piece came with the lookup, the others follow. It checks
// and collects pieces; LargeReads requests them.

import Bytes
import CacheStorage

final class LargeRead {
    let key: CacheKey
    let ticket: UInt64
    let token: UInt64
    /// Nil once the lookup was cancelled or has its result.
    var receiver: (any StoreReceiver)?
    /// The number of pieces, and how many of them were requested and have arrived.
    let pieces: Int
    var requested = 1
    private(set) var received = 1
    /// Another record has replaced the value, or the value is damaged.
    private(set) var isBroken = false
    private let header: RecordFormat.Header
    private let assembly: RecordAssembly

    /// Nil if memory can't be allocated or the header contradicts itself.
    init?(header: RecordFormat.Header, lookup: PendingLookup, ticket: UInt64) {
        guard let assembly = RecordAssembly(kind: header.kind, description: header.description, lengths: header.lengths)
        else { return nil }
        key = lookup.key
        token = lookup.token
        receiver = lookup.receiver
        pieces = header.pieces
        self.ticket = ticket
        self.header = header
        self.assembly = assembly
    }

    /// Appends the bytes of the first piece; false if they contradict the header.
    func begin(with contents: Span<UInt8>) -> Bool {
        assembly.append(contents)
    }

    /// Checks and appends the next piece, with its header.
    func take(_ bytes: Span<UInt8>) {
        let expected = RecordFormat.contents(ofPiece: received, total: header.total).count
        guard !isBroken, RecordFormat.isPiece(bytes, number: received, id: header.description.id),
            bytes.count == RecordFormat.pieceHeaderCount + expected,
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
