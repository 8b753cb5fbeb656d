// The read of one record that has several pieces: the first piece came with a lookup, the others follow. It checks pieces and
// passes them on: to a body that takes them as they come, or into the whole record, for which lookups wait. LargeReads
// requests them.

import Bytes
import CacheStorage

final class LargeRead {
    /// A lookup that waits for the whole record.
    struct Reader {
        let ticket: UInt64
        let token: UInt64
        let receiver: any StoreReceiver
    }

    /// Where the pieces go.
    private enum Target {
        /// A record that isn't passed on before it is whole.
        case assembly(RecordAssembly)
        /// Nobody has taken the body yet, or lookups wait for the whole.
        case builder(StoredResponseBuilder)
        case body(any ArrivingBody)
        /// The read is over.
        case nothing
    }

    let key: CacheKey
    let header: RecordFormat.Header
    var progress: PieceProgress
    /// Those that wait for the whole.
    private(set) var readers: [Reader] = []
    /// Those that are to be offered it again.
    private var awaitingMore: [Reader] = []
    /// How many lookups are still to be offered it; those that were cancelled since may be counted too.
    var offers = 0
    /// In step: what has come is to be passed on first.
    var isHeld = false
    /// Since when nothing has come, in milliseconds; nil while the store replies.
    var stalledSince: Int64?
    /// Whom the pieces are requested of.
    weak var connection: RedisConnection?
    /// Another record has replaced the value, or the value is damaged.
    private(set) var isBroken = false
    private var target: Target
    /// The record, where the read is over before all have been offered it.
    private(set) var whole: StoredResponse?
    private var preview: StoredResponse?
    private weak var reads: LargeReads?

    /// - Parameter contents: the bytes of the first piece, from the key text on.
    /// - Throws: ``StoredResponseBuilder/Refusal/wrongLength`` if the header contradicts itself; otherwise there is no memory.
    init(
        header: RecordFormat.Header, key: CacheKey, contents: Span<UInt8>, budget: MemoryBudget, reads: LargeReads
    ) throws(StoredResponseBuilder.Refusal) {
        let lengths = header.lengths
        let description = header.description
        guard description.etag.fits(headCount: lengths.head), description.lastModified.fits(headCount: lengths.head)
        else { throw .wrongLength }
        self.key = key
        self.header = header
        self.reads = reads
        progress = PieceProgress(pieces: header.pieces)
        let bodyStart = lengths.total - lengths.body
        if header.kind == .response, bodyStart <= contents.count {
            let names = lengths.keyText + lengths.varyNames
            let builder = try StoredResponseBuilder(
                description, keyText: contents.extracting(..<lengths.keyText),
                varyNames: contents.extracting(lengths.keyText..<names),
                head: contents.extracting(names..<bodyStart), length: lengths.body,
                reserving: contents.count - bodyStart, objectLimit: lengths.body, budget: budget)
            try builder.append(contents.extracting(bodyStart...))
            target = .builder(builder)
        } else {
            let assembly = RecordAssembly(
                kind: header.kind, description: description, lengths: lengths, budget: budget)
            guard let assembly else { throw .budgetExhausted }
            guard assembly.append(contents) else { throw .wrongLength }
            target = .assembly(assembly)
        }
    }

    // MARK: Who waits

    func add(_ reader: Reader) { readers.append(reader) }

    func addAwaitingMore(_ reader: Reader) {
        awaitingMore.append(reader)
        progress.requestAtOnce()
    }

    /// The lookup with that ticket was cancelled.
    func remove(_ ticket: UInt64) {
        readers.removeAll { $0.ticket == ticket }
        awaitingMore.removeAll { $0.ticket == ticket }
    }

    /// How many wait.
    var waiting: Int { readers.count + awaitingMore.count }

    /// Everybody who waits; they have their result now.
    func takeReaders() -> [Reader] {
        defer { (readers, awaitingMore) = ([], []) }
        return readers + awaitingMore
    }

    /// Whether somebody waits for more than the first piece, and there is more.
    var hasMoreForReaders: Bool { progress.received > 1 && !awaitingMore.isEmpty }

    /// Those that wait for more than the first piece.
    func takeAwaitingMore() -> [Reader] {
        defer { awaitingMore = [] }
        return awaitingMore
    }

    /// Whether anybody needs what is still to come.
    var isNeeded: Bool { !readers.isEmpty || !awaitingMore.isEmpty || body != nil }

    /// Whether whoever looks the record up now may have it from this read.
    var isOpen: Bool {
        switch target {
        case .assembly, .builder: !isBroken
        case .body(let body): !isBroken && body.isOpen
        case .nothing: false
        }
    }

    /// Whether whoever waits for the whole will get it from this read, as far as memory goes.
    var becomesWhole: Bool {
        switch target {
        case .assembly: true
        case .builder(let builder): builder.reserveRest()
        case .body(let body): body.isOpen
        case .nothing: false
        }
    }

    var isInStep: Bool { body?.isInStep == true }

    /// What may be passed on before it is whole; nil where nothing may.
    var arriving: (any ArrivingRecord)? {
        if preview == nil, case .builder(let builder) = target { preview = builder.preview() }
        return preview == nil ? nil : self
    }

    // MARK: Pieces

    /// Checks and passes on the next piece, with its header.
    func take(_ bytes: Span<UInt8>) {
        guard !isBroken else { return }
        guard RecordFormat.isPiece(bytes, number: progress.received, of: header) else {
            isBroken = true
            return
        }
        let piece = bytes.extracting(RecordFormat.pieceHeaderCount..<bytes.count)
        switch target {
        case .assembly(let assembly): isBroken = !assembly.append(piece)
        case .builder(let builder):
            do throws(StoredResponseBuilder.Refusal) { try builder.append(piece) } catch { isBroken = true }
        case .body(let body): body.bodyArrived(piece)
        case .nothing: return
        }
        progress.arrive()
    }

    /// The record, once all pieces have arrived; nil if it isn't valid, or was not kept whole.
    func finish() -> StoredResponse? {
        let record = finishTarget()
        target = .nothing
        if offers > 0 { whole = record }
        return record
    }

    private func finishTarget() -> StoredResponse? {
        switch target {
        case .assembly(let assembly): return assembly.finish()
        case .builder(let builder):
            do throws(StoredResponseBuilder.Refusal) { return try builder.finish() } catch { return nil }
        case .body(let body): return body.bodyEnded()
        case .nothing: return nil
        }
    }

    /// The rest can't be had.
    /// - Returns: whether a body had been begun with.
    func fail() -> Bool {
        defer { target = .nothing }
        guard case .body(let body) = target else { return false }
        body.bodyFailed()
        return true
    }
}

extension LargeRead: ArrivingRecord {
    var head: StoredResponse {
        guard let preview else { preconditionFailure("a record is offered with its head") }
        return preview
    }

    var bodyCount: Int { header.lengths.body }

    var body: (any ArrivingBody)? {
        if case .body(let body) = target { body } else { nil }
    }

    var isAwaited: Bool { !readers.isEmpty }
    var isSought: Bool { offers > 0 }
    var isUntouched: Bool { progress.requested == 1 && readers.isEmpty && awaitingMore.isEmpty }
    var mayAwaitMore: Bool {
        guard case .builder = target, progress.received == 1 else { return false }
        return progress.isAtOnce || progress.mayBeAtOnce
    }

    func begin(_ body: any ArrivingBody) -> StoredResponseBuilder? {
        guard case .builder(let builder) = target else { return nil }
        target = .body(body)
        return builder
    }

    func narrow(to part: Range<Int>) -> Int {
        let bodyStart = header.total - header.lengths.body
        let first = RecordFormat.piece(at: bodyStart + part.lowerBound)
        progress.narrow(to: first...RecordFormat.piece(at: bodyStart + max(part.upperBound - 1, part.lowerBound)))
        return max(RecordFormat.contents(ofPiece: first, total: header.total).lowerBound - bodyStart, 0)
    }

    func readOn() {
        isHeld = false
        reads?.request(self)
    }

    func stop() {
        target = .nothing
        reads?.stopped(self)
    }
}

extension LargeRead: LookupOffer {
    func offer(ticket: UInt64, token: UInt64, to receiver: any StoreReceiver) {
        offers -= 1
        reads?.offer(self, to: Reader(ticket: ticket, token: token, receiver: receiver))
    }
}
