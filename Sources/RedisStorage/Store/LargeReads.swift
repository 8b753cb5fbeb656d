// The large records that are being read: their pieces are requested a few at a time, so that neither Redis nor the
// worker is blocked for long and lookups of small records can be served in between.
//
// What a lookup waits for fails with the connection. What a client is being sent doesn't: it goes on where it was, as soon as
// Redis replies again and still has that record.

import CacheStorage
import EventLoop

final class LargeReads {
    /// How many pieces are requested ahead, of all records together.
    static let piecesInFlight = 32
    /// How often a read that is stalled is tried again.
    private static let retryMilliseconds: Int64 = 250

    private let context: StoreContext
    private var reads: [LargeRead] = []
    /// Pieces that are awaited, those that nobody needs any more included.
    private var inFlight = 0
    /// Some of the reads might have requested more; where among the reads the next turn begins.
    private var isSaturated = false
    private var nextTurn = 0
    /// Some of the reads may not be needed.
    private var hasOffers = false
    private var retryTimer: LoopTimer?

    init(context: StoreContext) {
        self.context = context
    }

    /// Their number is limited, whatever memory they take.
    var isFull: Bool { reads.count >= context.settings.largeReadLimit }

    /// The read of that very record that is under way. Its first piece has just been seen again, so a lookup may have the
    /// others from there.
    func read(of header: RecordFormat.Header, at key: CacheKey) -> LargeRead? {
        reads.first { read in
            read.key == key && read.isOpen && read.header.description == header.description
                && read.header.lengths == header.lengths && read.header.kind == header.kind
        }
    }

    /// A read whose first piece has arrived. It is to be offered to those that looked its record up.
    func add(_ read: LargeRead) {
        reads.append(read)
        hasOffers = true
    }

    func cancel(_ ticket: UInt64) {
        for read in reads { read.remove(ticket) }
    }

    /// To be called when everybody was offered what had been found.
    func dropUnneeded() {
        guard hasOffers else { return }
        hasOffers = false
        reads.removeAll { !$0.isNeeded }
    }

    /// The connection is lost or doesn't respond: nobody waits any longer. What is being sent to clients is tried again.
    func abandonAll(on connection: RedisConnection, because trouble: StoreTrouble) {
        for read in reads where read.connection === connection {
            deliver(.failed(trouble), to: read)
            if read.body == nil {
                _ = read.fail()
            } else if trouble == .closed {
                cut(read)
            } else {
                stall(read)
            }
        }
        reads.removeAll { !$0.isNeeded }
    }

    // MARK: Offering

    /// Asks somebody who looked the record up what is to become of it.
    func offer(_ read: LargeRead, to reader: LargeRead.Reader) {
        if let record = read.whole {
            context.figures.hits += 1
            return context.deliveries.append(
                .hit(record), ticket: reader.ticket, token: reader.token, to: reader.receiver)
        }
        var use = ArrivingRecordUse.awaitWhole
        if let record = read.arriving, read.isOpen { use = reader.receiver.storeDidBegin(record, token: reader.token) }
        switch use {
        case .taken: context.figures.hits += 1
        case .dropped: break
        case .refused: refuse(reader)
        case .awaitMore:
            guard read.becomesWhole else { return refuse(reader) }
            read.addAwaitingMore(reader)
        case .awaitWhole:
            guard read.becomesWhole else { return refuse(reader) }
            read.add(reader)
        }
        guard read.isNeeded else { return }
        if !reads.contains(where: { $0 === read }) { reads.append(read) }
        request(read)
    }

    /// Those that wait until more has come, if they still do.
    private func offerMore(_ read: LargeRead) {
        for reader in read.takeAwaitingMore() { offer(read, to: reader) }
    }

    private func refuse(_ reader: LargeRead.Reader) {
        context.figures.refusedLookups += 1
        context.deliveries.append(
            .failed(.tooManyWaiting), ticket: reader.ticket, token: reader.token, to: reader.receiver)
    }

    // MARK: Requesting

    func request(_ read: LargeRead) {
        let connection = context.topology.connection(for: read.key)
        read.connection = connection
        guard read.isNeeded, !read.isHeld else { return }
        guard connection.isServing else { return stall(read) }
        // In step the next ones are requested together, when those before have been passed on.
        if read.isInStep, read.progress.outstanding > 0 { return }
        let isAtOnce = read.progress.isAtOnce && !read.isInStep
        if isAtOnce, inFlight > 0, inFlight + read.progress.missing > Self.piecesInFlight {
            isSaturated = true
            return
        }
        while true {
            guard isAtOnce || inFlight < Self.piecesInFlight, connection.hasRoom else {
                isSaturated = true
                // Somebody else's reply may be what is waited for, or nobody's.
                if inFlight == 0 { stall(read) }
                return
            }
            guard let piece = read.progress.next(isInStep: read.isInStep) else { return }
            let start = piece * RecordFormat.pieceCount
            connection.output.command(4)
            connection.output.argument("GETRANGE")
            connection.output.argument(read.key, prefix: context.keyPrefix)
            connection.output.argument(decimal: start)
            connection.output.argument(decimal: start + RecordFormat.pieceCount - 1)
            connection.expectReply(.bulk, for: self, tag: read.progress.attempt, subject: read)
            inFlight += 1
        }
    }

    /// All have their turn.
    private func requestMore() {
        guard isSaturated else { return }
        isSaturated = false
        for offset in reads.indices {
            let place = (nextTurn + offset) % reads.count
            if reads[place].stalledSince != nil { continue }
            request(reads[place])
            if isSaturated {
                // What is to be requested at once has its turn when there is room for all of it.
                nextTurn = reads[place].progress.isAtOnce ? place : place + 1
                return
            }
        }
    }

    func stopped(_ read: LargeRead) { finish(read, .failed(.tooManyWaiting)) }

    // MARK: Stalling

    private func stall(_ read: LargeRead) {
        read.progress.restart()
        if read.stalledSince == nil { read.stalledSince = context.loop.now.milliseconds }
        if retryTimer == nil { retryTimer = LoopTimer(loop: context.loop) { [weak self] in self?.retry() } }
        retryTimer?.schedule(afterMilliseconds: Self.retryMilliseconds)
    }

    private func retry() {
        let now = context.loop.now.milliseconds
        var isAnyLeft = false
        for read in reads {
            guard let since = read.stalledSince else { continue }
            if read.isHeld {
                // It has what its client can take.
                read.stalledSince = nil
            } else if now - since >= context.settings.readPatienceMilliseconds {
                cut(read)
            } else {
                if read.progress.outstanding == 0 { request(read) }
                isAnyLeft = true
            }
        }
        if isAnyLeft { retryTimer?.schedule(afterMilliseconds: Self.retryMilliseconds) }
    }

    /// The rest of what is being sent to clients can't be had.
    private func cut(_ read: LargeRead) {
        reads.removeAll { $0 === read }
        deliver(.failed(.commandTimedOut), to: read)
        context.deliveries.deliverAtEndOfTurn()
        if read.fail() { context.figures.cutReads += 1 }
    }

    // MARK: Ending

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
        guard let read = command.subject as? LargeRead, command.tag == read.progress.attempt else { return }
        read.take(bytes)
    }

    /// A piece has arrived, was found to be damaged, or was refused. Pieces that arrive after the end of a read are
    /// ignored.
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        inFlight -= 1
        if case .reply(let reply) = outcome, let read = command.subject as? LargeRead,
            command.tag == read.progress.attempt, reads.contains(where: { $0 === read })
        {
            arrived(reply, of: read, on: connection)
        }
        requestMore()
    }

    private func arrived(_ reply: Reply, of read: LargeRead, on connection: RedisConnection) {
        if case .error(let kind) = reply {
            context.figures.failures += read.waiting
            deliver(.failed(kind.trouble), to: read)
            if read.body == nil { return finish(read, .miss) }
            return stall(read)
        }
        read.stalledSince = nil
        if read.isBroken {
            finishUnreadable(read, on: connection)
        } else if !read.isNeeded {
            finish(read, .miss)
        } else if !read.progress.isComplete {
            goOn(read)
        } else {
            let record = read.finish()
            context.figures.hits += read.waiting
            if let record { context.liveRecords.note(read.key, record) }
            finish(read, record.map { .hit($0) } ?? .failed(.tooManyWaiting))
        }
    }

    private func goOn(_ read: LargeRead) {
        if read.hasMoreForReaders {
            // Not from within the parsing of replies; unless it is whole by then.
            context.loop.atEndOfTurn { [weak self] in self?.offerMore(read) }
        }
        if let body = read.body, body.isInStep, read.progress.outstanding == 0 { read.isHeld = !body.mayReadOn() }
        if !isSaturated { request(read) }
    }

    private func finishUnreadable(_ read: LargeRead, on connection: RedisConnection) {
        context.figures.unreadableRecords += 1
        context.figures.misses += read.waiting
        if read.fail() {
            context.figures.cutReads += 1
            // If it still stands there it is damaged, and would break off the next response in the same place.
            connection.output.fencedScript(
                FencedScripts.remove, read.key, prefix: context.keyPrefix, over: .record(read.head.mark), arguments: 0)
            connection.expectReply(.integer, for: nil)
        }
        finish(read, .miss)
    }
}
