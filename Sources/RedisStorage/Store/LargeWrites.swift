// The large records that are being written, one after another. A record is uploaded by SET and APPENDs to a temporary
// key that expires by itself, with a few pieces pending at a time. Once Redis has confirmed every piece and the total
// length, that key gets the record's lifetime and is renamed to the record's key, if what has to stand there still does: a
// placeholder is extended meanwhile. Readers never see an incomplete record, one DEL removes all of it, and an interrupted
// upload leaves nothing permanent.

import CacheStorage

final class LargeWrites {
    private static let pendingPieceLimit = 2
    /// In milliseconds. An upload that isn't complete by then expires.
    private static let uploadLifetime = 60_000
    /// Large writes pause while more than this waits to be sent.
    private static let outputForOthers = 256 << 10

    /// A placeholder stands long enough for so many pieces.
    private static let piecesPerExtension = 8

    private let context: StoreContext
    private let claims: Claims
    /// The first is in progress, the others wait.
    private var writes: [LargeWrite] = []
    private var uploadNumber = UInt64.random(in: .min ... .max)
    private var scratch: [UInt8] = []

    init(context: StoreContext, claims: Claims) {
        self.context = context
        self.claims = claims
    }

    /// The number of records that were accepted but can't be read by other workers yet.
    var count: Int { writes.count }

    /// - Parameter fence: what must stand at the key once the upload is complete; nil for whatever does.
    /// - Parameter token: retained until the write is confirmed, refused or abandoned.
    func enqueue(
        _ key: CacheKey, _ record: StoredResponse, over fence: StoreFence?, holding token: (any StoreWriteHolder)?
    ) {
        guard writes.count < context.settings.largeWriteLimit else {
            context.figures.droppedStores += 1
            return
        }
        uploadNumber &+= 1
        let name = Array("{\(context.settings.prefix)\(key.hex)}upload:\(String(uploadNumber, radix: 16))".utf8)
        let write = LargeWrite(key: key, record: record, over: fence, uploadKey: name, holding: token)
        write.connection = context.topology.connection(for: key)
        writes.append(write)
        sendMore()
    }

    /// A later write or a removal of `key` has been sent: an upload for it must not complete after that. Returns
    /// whether there was one.
    @discardableResult
    func abandon(_ key: CacheKey) -> Bool {
        guard !writes.isEmpty else { return false }
        var isAny = false
        // The upload key of the first is removed once its replies have arrived. The others have none yet.
        for write in writes where write.key == key && write.step == .pieces && !write.isAbandoned {
            write.isAbandoned = true
            isAny = true
        }
        sendMore()
        return isAny
    }

    /// The connection is lost or doesn't respond: all its writes fail.
    func abandonAll(on connection: RedisConnection) {
        let count = writes.count
        writes.removeAll { $0.connection === connection }
        context.figures.droppedStores += count - writes.count
    }

    /// The record at `key` while it is being uploaded, so that this worker finds what it has stored, unless Redis has told
    /// of a change to the key since.
    func record(at key: CacheKey, keyText: Span<UInt8>, now: WallTime) -> StoredResponse? {
        for write in writes where write.key == key && !write.isAbandoned {
            guard write.token?.mayBeFound(at: now) != false else { return nil }
            return write.record.hasKeyText(keyText) && now < write.record.discardAt ? write.record : nil
        }
        return nil
    }

    /// Sends what the first write may send now, and continues with the next once the first has ended.
    func sendMore() {
        while let write = writes.first {
            guard let connection = write.connection else {
                writes.removeFirst()
                continue
            }
            guard connection.isServing else { return }
            if write.isAbandoned {
                guard write.pendingReplies == 0 else { return }
                if write.sent > 0 { removeUpload(write, on: connection) }
                writes.removeFirst()
                continue
            }
            guard write.step == .pieces else { return }
            while write.sent < write.pieces && write.pendingReplies < Self.pendingPieceLimit
                && connection.output.count < Self.outputForOthers
            {
                send(piece: write.sent, of: write, on: connection)
            }
            return
        }
    }

    private func send(piece number: Int, of write: LargeWrite, on connection: RedisConnection) {
        let range = RecordFormat.contents(ofPiece: number, total: write.total)
        connection.output.command(number == 0 ? 5 : 3)
        connection.output.argument(number == 0 ? "SET" : "APPEND")
        connection.output.argument(write.uploadKey)
        if number == 0 {
            connection.output.bulk(range.count)
            RecordFormat.appendHeader(of: write.record, to: &connection.output, scratch: &scratch)
        } else {
            connection.output.bulk(RecordFormat.pieceHeaderCount + range.count)
            RecordFormat.appendPieceHeader(number, of: write.record, to: &connection.output, scratch: &scratch)
        }
        RecordFormat.appendContents(of: write.record, range, to: &connection.output)
        connection.output.append("\r\n")
        if number == 0 {
            connection.output.argument("PX")
            connection.output.argument(decimal: Self.uploadLifetime)
        }
        write.sent += 1
        expectConfirmation(number == 0 ? .status : .integer, of: write, on: connection)
        if number % Self.piecesPerExtension == 0 { extendClaims() }
    }

    /// The placeholders of all writes stand for longer: those that wait have nobody else who does that.
    private func extendClaims() {
        for write in writes where !write.isAbandoned {
            guard case .claim(let claim) = write.fence else { continue }
            if let connection = write.connection, connection.isServing {
                claims.extend(claim, at: write.key, on: connection)
            }
        }
    }

    /// All pieces are confirmed: the upload gets the record's lifetime and its key.
    private func rename(_ write: LargeWrite, on connection: RedisConnection) {
        let lifetime = write.record.discardAt - WallTime(milliseconds: context.loop.clockMilliseconds)
        let isEternal = write.record.discardAt == .never
        guard isEternal || lifetime > 0 else {
            write.isAbandoned = true
            return
        }
        write.step = .renaming
        if let fence = write.fence {
            connection.output.fencedScript(
                FencedScripts.rename, write.key, prefix: context.keyPrefix, and: write.uploadKey, over: fence,
                arguments: isEternal ? 0 : 1)
            if !isEternal { connection.output.argument(decimal: Int(lifetime)) }
            return expectConfirmation(.integer, of: write, on: connection)
        }
        connection.output.command(isEternal ? 2 : 3)
        connection.output.argument(isEternal ? "PERSIST" : "PEXPIRE")
        connection.output.argument(write.uploadKey)
        if !isEternal { connection.output.argument(decimal: Int(lifetime)) }
        expectConfirmation(.integer, of: write, on: connection)
        connection.output.command(3)
        connection.output.argument("RENAME")
        connection.output.argument(write.uploadKey)
        connection.output.argument(write.key, prefix: context.keyPrefix)
        expectConfirmation(.status, of: write, on: connection)
    }

    private func removeUpload(_ write: LargeWrite, on connection: RedisConnection) {
        connection.output.command(2)
        connection.output.argument("UNLINK")
        connection.output.argument(write.uploadKey)
        connection.expectReply(.integer, for: nil)
    }

    private func expectConfirmation(_ type: ReplyType, of write: LargeWrite, on connection: RedisConnection) {
        write.pendingReplies += 1
        connection.expectReply(type, for: self, subject: write)
    }
}

extension LargeWrites: CommandReceiver {
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        guard case .reply(let reply) = outcome, let write = command.subject as? LargeWrite else { return }
        write.pendingReplies -= 1
        switch (write.step, reply) {
        case (.pieces, .error): refuse(write)
        case (.pieces, _): confirmPiece(of: write, reply, on: connection)
        case (.renaming, .error):
            // Wait for both replies: PEXPIRE, then RENAME.
            guard write.pendingReplies == 0 else { return }
            context.figures.droppedStores += 1
            writes.removeAll { $0 === write }
        case (.renaming, .integer(0)) where write.fence != nil:
            context.figures.overtakenStores += 1
            write.token?.writeWasRefused()
            writes.removeAll { $0 === write }
        case (.renaming, _):
            guard write.pendingReplies == 0 else { return }
            context.figures.stores += 1
            connection.noteWriteTaken()
            writes.removeAll { $0 === write }
        }
    }

    private func confirmPiece(of write: LargeWrite, _ reply: Reply, on connection: RedisConnection) {
        if case .integer(let count) = reply {
            // Any other length means that the upload's key has expired or was removed.
            if count != RecordFormat.valueCount(throughPiece: write.confirmed, total: write.total) { refuse(write) }
        }
        write.confirmed += 1
        if write.confirmed == write.pieces && !write.isAbandoned { rename(write, on: connection) }
    }

    /// The upload can't be completed; its key is removed once all replies have arrived.
    private func refuse(_ write: LargeWrite) {
        if !write.isAbandoned { context.figures.droppedStores += 1 }
        write.isAbandoned = true
    }
}
