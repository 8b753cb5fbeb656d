// Reading a record of several pieces: the first came with the lookup, the others are fetched a few at a time, so that
// neither side's loop is held up long and lookups of small records pass between them.

import Bytes
import CacheStorage

/// One large record on its way from Redis.
final class LargeRead {
    let key: CacheKey
    let ticket: UInt64
    let token: UInt64
    var receiver: (any StoreReceiver)?
    let header: RecordFormat.Header
    fileprivate let assembly: RecordAssembly
    fileprivate var asked = 1
    fileprivate var taken = 1
    /// Another record has taken the value's place, or the value is damaged.
    fileprivate var isBroken = false

    /// Nil when memory can't be had or the header contradicts itself.
    init?(header: RecordFormat.Header, waiter: Waiter, ticket: UInt64) {
        guard let assembly = RecordAssembly(kind: header.kind, description: header.description, lengths: header.lengths)
        else { return nil }
        self.key = waiter.key
        self.ticket = ticket
        self.token = waiter.token
        self.receiver = waiter.receiver
        self.header = header
        self.assembly = assembly
    }

    func begin(with contents: Span<UInt8>) -> Bool {
        assembly.append(contents)
    }

    /// Takes the next piece as Redis holds it.
    func take(_ bytes: Span<UInt8>) {
        let wanted = RecordFormat.contents(ofPiece: taken, total: header.total).count
        guard !isBroken, RecordFormat.isPiece(bytes, number: taken, id: header.description.id),
            bytes.count == RecordFormat.pieceHeaderCount + wanted,
            assembly.append(bytes.extracting(RecordFormat.pieceHeaderCount..<bytes.count))
        else {
            isBroken = true
            return
        }
        taken += 1
    }
}

extension RedisStore {
    /// Pieces of one record that are asked for ahead.
    private static let piecesAhead = 4

    func begin(_ read: LargeRead) {
        largeReads.append(read)
        askForPieces(read)
    }

    private func askForPieces(_ read: LargeRead) {
        while read.asked < read.header.pieces && read.asked - read.taken < Self.piecesAhead {
            let start = read.asked * RecordFormat.pieceCount
            output.command(4)
            output.argument("GETRANGE")
            output.argument(read.key, prefix: prefix)
            output.argument(decimal: start)
            output.argument(decimal: start + RecordFormat.pieceCount - 1)
            var waiter = Waiter(command: .readPiece, deadline: commandDeadline)
            waiter.subject = read
            enlist(waiter)
            read.asked += 1
        }
    }

    /// A piece was taken, or found to be broken.
    func advanceLargeRead(_ read: LargeRead?) {
        guard let read, largeReads.contains(where: { $0 === read }) else { return }
        if read.isBroken {
            figures.unreadableRecords += 1
            figures.misses += 1
            finish(read, .miss)
        } else if read.receiver == nil {
            finish(read, .miss)
        } else if read.taken < read.header.pieces {
            askForPieces(read)
        } else if let record = read.assembly.finish() {
            figures.hits += 1
            finish(read, .hit(record))
        } else {
            figures.unreadableRecords += 1
            figures.misses += 1
            finish(read, .miss)
        }
    }

    func fail(_ read: LargeRead?, _ trouble: StoreTrouble) {
        guard let read, largeReads.contains(where: { $0 === read }) else { return }
        figures.failures += 1
        finish(read, .failed(trouble))
    }

    private func finish(_ read: LargeRead, _ answer: StoreAnswer) {
        largeReads.removeAll { $0 === read }
        deliver(answer, to: read)
    }

    /// Answers who waits for the read; the list of reads is the caller's.
    func deliver(_ answer: StoreAnswer, to read: LargeRead) {
        guard let receiver = read.receiver else { return }
        read.receiver = nil
        deliveries.append(Delivery(answer: .lookup(answer), ticket: read.ticket, token: read.token, receiver: receiver))
    }
}
