// One record of several pieces on its way from Redis: the first piece came with the lookup, the others follow. It checks
// and collects pieces; LargeReads asks for them.

import Bytes
import CacheStorage

final class LargeRead {
    let key: CacheKey
    let ticket: UInt64
    let token: UInt64
    /// Nil once the lookup was cancelled, or has its result.
    var receiver: (any StoreReceiver)?
    /// Pieces of the record, and how many of them were asked for and have arrived.
    let pieces: Int
    var requested = 1
    private(set) var received = 1
    /// Another record has taken the value's place, or the value is damaged.
    private(set) var isBroken = false
    private let header: RecordFormat.Header
    private let assembly: RecordAssembly

    /// Nil when memory can't be had or the header contradicts itself.
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

    /// Takes the record's bytes of the first piece; false where they don't fit the header.
    func begin(with contents: Span<UInt8>) -> Bool {
        assembly.append(contents)
    }

    /// Takes the next piece as Redis holds it.
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

    /// The record, once all pieces are there; nil where they don't make a sound one.
    func finish() -> StoredResponse? { assembly.finish() }
}
