// Writing a record of several pieces: SET and APPENDs to a key of its own that expires by itself, a few pieces in
// flight at a time; once Redis has confirmed every piece and the length they make, the key gets its life and its name.
// Readers never see half a record, one DEL removes all of it, and an upload that is broken off leaves nothing that
// lasts.

import CacheStorage

/// One large record on its way to Redis.
final class LargeWrite {
    enum Step: BitwiseCopyable { case pieces, renaming }

    let key: CacheKey
    let record: StoredResponse
    let total: Int
    let pieces: Int
    /// `prefix`, `upload:` and a number of its own.
    let uploadKey: [UInt8]
    /// Held until it is done.
    private let token: AnyObject?
    fileprivate var step = Step.pieces
    fileprivate var sent = 0
    fileprivate var confirmed = 0
    /// Replies that are still to come before the upload's key can be removed.
    fileprivate var inFlight = 0
    /// Not to be finished: refused by Redis, or made out of date by a later write or removal.
    fileprivate var isAbandoned = false

    init(key: CacheKey, record: StoredResponse, uploadKey: [UInt8], holding token: AnyObject?) {
        self.token = token
        self.key = key
        self.record = record
        self.uploadKey = uploadKey
        total = RecordFormat.headerCount + record.lengths.total
        pieces = RecordFormat.pieces(of: total)
    }
}

extension RedisStore {
    private static let piecesInFlight = 2
    /// An upload that isn't finished by then is none.
    private static let uploadLife = 60_000
    /// Large writes give way while more than this waits to be sent.
    private static let outputForOthers = 256 << 10

    func enqueueLarge(_ key: CacheKey, _ record: StoredResponse, holding token: AnyObject?) {
        guard largeWrites.count < settings.largeWriteLimit else {
            figures.droppedStores += 1
            return
        }
        nextUpload &+= 1
        let name = Array("\(settings.prefix)upload:\(String(nextUpload, radix: 16))".utf8)
        largeWrites.append(LargeWrite(key: key, record: record, uploadKey: name, holding: token))
        pumpLargeWrites()
    }

    /// A later write or a removal of `key` is on its way: what is being uploaded for it must not appear after that.
    /// Tells whether anything was.
    @discardableResult
    func abandonLargeWrites(of key: CacheKey) -> Bool {
        guard !largeWrites.isEmpty else { return false }
        var isAny = false
        // The first has begun; its upload key is removed once its replies are in. The others have not.
        for write in largeWrites where write.key == key && write.step == .pieces && !write.isAbandoned {
            write.isAbandoned = true
            isAny = true
        }
        pumpLargeWrites()
        return isAny
    }

    /// The record at `key` while it is on its way to Redis, so that this worker finds what it has stored.
    func recordBeingWritten(_ key: CacheKey, _ keyText: Span<UInt8>, _ now: WallTime) -> StoredResponse? {
        for write in largeWrites where write.key == key && !write.isAbandoned {
            return write.record.hasKeyText(keyText) && now < write.record.discardAt ? write.record : nil
        }
        return nil
    }

    /// Sends what the first large write may send now; goes on to the next when it is done.
    func pumpLargeWrites() {
        while phase == .serving, let write = largeWrites.first {
            if write.isAbandoned {
                guard write.inFlight == 0 else { return }
                if write.sent > 0 { removeUpload(write) }
                largeWrites.removeFirst()
                continue
            }
            guard write.step == .pieces else { return }
            while write.sent < write.pieces && write.inFlight < Self.piecesInFlight
                && output.count < Self.outputForOthers
            {
                send(piece: write.sent, of: write)
            }
            return
        }
    }

    private func send(piece number: Int, of write: LargeWrite) {
        let range = RecordFormat.contents(ofPiece: number, total: write.total)
        output.command(number == 0 ? 5 : 3)
        output.argument(number == 0 ? "SET" : "APPEND")
        output.argument(write.uploadKey)
        if number == 0 {
            output.bulk(range.count)
            RecordFormat.appendHeader(of: write.record, to: &output, scratch: &scratch)
        } else {
            output.bulk(RecordFormat.pieceHeaderCount + range.count)
            RecordFormat.appendPieceHeader(number, id: write.record.id, to: &output, scratch: &scratch)
        }
        RecordFormat.appendContents(of: write.record, range, to: &output)
        output.append("\r\n")
        if number == 0 {
            output.argument("PX")
            output.argument(decimal: Self.uploadLife)
        }
        write.sent += 1
        awaitStep(of: write)
    }

    /// A step of the upload was confirmed.
    func advance(_ write: LargeWrite, _ reply: Reply) {
        write.inFlight -= 1
        if write.step == .renaming {
            // PEXPIRE comes first, RENAME second.
            guard write.inFlight == 0 else { return }
            figures.stores += 1
            writeSucceeded()
            largeWrites.removeAll { $0 === write }
            return
        }
        if case .integer(let count) = reply {
            // Anything else means that the upload's key expired or was removed meanwhile.
            if count != RecordFormat.valueCount(throughPiece: write.confirmed, total: write.total) {
                refuse(counted: write)
            }
        }
        write.confirmed += 1
        if write.confirmed == write.pieces && !write.isAbandoned { finish(write) }
    }

    /// Redis refused a step.
    func refuse(_ write: LargeWrite) {
        write.inFlight -= 1
        if write.step == .renaming {
            guard write.inFlight == 0 else { return }
            figures.droppedStores += 1
            largeWrites.removeAll { $0 === write }
        } else {
            refuse(counted: write)
        }
    }

    private func refuse(counted write: LargeWrite) {
        if !write.isAbandoned { figures.droppedStores += 1 }
        write.isAbandoned = true
    }

    /// All pieces are there: the upload gets the record's life and its name.
    private func finish(_ write: LargeWrite) {
        let life = write.record.discardAt - wallTime
        let isEternal = write.record.discardAt == .never
        guard isEternal || life > 0 else {
            write.isAbandoned = true
            return
        }
        write.step = .renaming
        output.command(isEternal ? 2 : 3)
        output.argument(isEternal ? "PERSIST" : "PEXPIRE")
        output.argument(write.uploadKey)
        if !isEternal { output.argument(decimal: Int(life)) }
        awaitStep(of: write)
        output.command(3)
        output.argument("RENAME")
        output.argument(write.uploadKey)
        output.argument(write.key, prefix: prefix)
        awaitStep(of: write)
    }

    private func removeUpload(_ write: LargeWrite) {
        output.command(2)
        output.argument("UNLINK")
        output.argument(write.uploadKey)
        enlist(Waiter(command: .ignored, deadline: commandDeadline))
    }

    private func awaitStep(of write: LargeWrite) {
        var waiter = Waiter(command: .writeStep, deadline: commandDeadline)
        waiter.subject = write
        write.inFlight += 1
        enlist(waiter)
    }
}
