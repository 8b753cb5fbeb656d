// The large records that are being read: their pieces are requested a few at a time, so that neither Redis nor the
// worker is blocked for long and lookups of small records can be served in between.

import CacheStorage

final class LargeReads {
    /// How many pieces of one record are requested ahead.
    private static let piecesAhead = 4

    private let context: StoreContext
    private var reads: [LargeRead] = []

    init(context: StoreContext) {
        self.context = context
    }

    /// Each read occupies the memory of its whole record, so their number is limited.
    var isFull: Bool { reads.count >= context.settings.largeReadLimit }

    /// The read of that very record that is under way. Its first piece has just been seen again, so a lookup may wait for
    /// the others.
    func read(of header: RecordFormat.Header, at key: CacheKey) -> LargeRead? {
        reads.first { read in
            read.key == key && !read.isBroken && read.header.description == header.description
                && read.header.lengths == header.lengths && read.header.kind == header.kind
        }
    }

    func begin(_ read: LargeRead, on connection: RedisConnection) {
        guard !read.readers.isEmpty else { return }
        read.isBegun = true
        reads.append(read)
        requestPieces(of: read, on: connection)
    }

    func cancel(_ ticket: UInt64) {
        for read in reads { read.remove(ticket) }
    }

    /// The connection is lost or doesn't respond: all reads fail.
    func abandonAll(because trouble: StoreTrouble) {
        for read in reads { deliver(.failed(trouble), to: read) }
        reads.removeAll()
    }

    private func requestPieces(of read: LargeRead, on connection: RedisConnection) {
        while read.requested < read.pieces && read.requested - read.received < Self.piecesAhead {
            let start = read.requested * RecordFormat.pieceCount
            connection.output.command(4)
            connection.output.argument("GETRANGE")
            connection.output.argument(read.key, prefix: context.keyPrefix)
            connection.output.argument(decimal: start)
            connection.output.argument(decimal: start + RecordFormat.pieceCount - 1)
            connection.expectReply(.bulk, for: self, subject: read)
            read.requested += 1
        }
    }

    private func finish(_ read: LargeRead, _ result: StoreAnswer) {
        reads.removeAll { $0 === read }
        deliver(result, to: read)
    }

    private func deliver(_ result: StoreAnswer, to read: LargeRead) {
        for reader in read.takeReaders() {
            context.deliveries.append(result, ticket: reader.ticket, token: reader.token, to: reader.receiver)
        }
    }
}

extension LargeReads: CommandReceiver {
    func receive(bulk bytes: Span<UInt8>, attachment: Span<UInt8>, for command: PendingCommand) {
        (command.subject as? LargeRead)?.take(bytes)
    }

    /// A piece has arrived, was found to be damaged, or was refused. Pieces that arrive after the end of a read are
    /// ignored.
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        guard case .reply(let reply) = outcome, let read = command.subject as? LargeRead,
            reads.contains(where: { $0 === read })
        else { return }
        if case .error(let kind) = reply {
            context.figures.failures += read.readers.count
            finish(read, .failed(kind.trouble))
        } else if read.isBroken {
            finishUnreadable(read)
        } else if read.readers.isEmpty {
            finish(read, .miss)
        } else if read.received < read.pieces {
            requestPieces(of: read, on: connection)
        } else if let record = read.finish() {
            context.figures.hits += read.readers.count
            context.liveRecords.note(read.key, record)
            finish(read, .hit(record))
        } else {
            finishUnreadable(read)
        }
    }

    private func finishUnreadable(_ read: LargeRead) {
        context.figures.unreadableRecords += 1
        context.figures.misses += read.readers.count
        finish(read, .miss)
    }
}
