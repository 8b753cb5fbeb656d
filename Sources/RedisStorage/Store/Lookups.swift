// Lookups: GETRANGE of a record's first piece, which is the complete record in most cases, or a script for a value that is
// JSON alone, and the interpretation of the reply. A record is read in place in the parser's buffer.
//
// Concurrent lookups of one key share what they can without missing a removal that was complete before they began: one
// command while it is unsent, the remaining pieces of the same record, and the record itself while it is in use.

import Bytes
import CacheStorage
import HTTPCaching

final class Lookups {
    /// The contents of the bulk string that was just parsed; its `.bulk` reply follows.
    private enum Received {
        case nothing, miss, refused
        /// It isn't the record that is looked for.
        case occupied(StoreOccupant, isUnreadable: Bool)
        case hit(StoredResponse)
        case large(LargeRead)

        var isRecord: Bool {
            switch self {
            case .hit, .large: true
            case .nothing, .miss, .refused, .occupied: false
            }
        }
    }

    private let context: StoreContext
    private let largeReads: LargeReads
    private let purgeReads: PurgeReads
    /// The command up to the key's digits.
    private let commandStart: [UInt8]
    private var table = LookupTable()
    private var received = Received.nothing
    private var receivedMark = ValueMark(Span())
    private var lastLocalTicket: UInt64 = 1 << 63
    /// The leaders whose commands are in a batch that wasn't sent yet.
    private var unsent: [CacheKey: UInt64] = [:]
    private var unsentBatch: UInt64 = 0
    /// Whose batch that is.
    private weak var unsentConnection: RedisConnection?

    init(context: StoreContext, largeReads: LargeReads, purgeReads: PurgeReads) {
        self.context = context
        self.purgeReads = purgeReads
        self.largeReads = largeReads
        let keyCount = context.keyPrefix.count + CacheKey.hexCount
        commandStart = Array("*4\r\n$8\r\nGETRANGE\r\n$\(keyCount)\r\n\(context.settings.prefix)".utf8)
    }

    /// The lookup joins one of the same key whose command is unsent; nil if there is none. The connection must be
    /// serving.
    func join(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm, now: WallTime, receiver: any StoreReceiver,
        token: UInt64, on connection: RedisConnection
    ) -> StoreTicket? {
        guard connection === unsentConnection, connection.batch == unsentBatch, let leader = unsent[key],
            table[leader]?.form == form
        else { return nil }
        var follower = PendingLookup(key: key, form: form, now: now, token: token, receiver: receiver)
        follower.keyText = keyText.copied()
        return table.insert(follower, following: leader).map { StoreTicket(number: $0) }
    }

    /// Starts a lookup in Redis. The connection must be serving and have room.
    func begin(
        _ key: CacheKey, keyText: Span<UInt8>, as form: RecordForm, now: WallTime, receiver: any StoreReceiver,
        token: UInt64, on connection: RedisConnection
    ) -> StoreTicket {
        let purgeRead = purgeReads.begin(on: connection)
        let ticket = table.insert(
            PendingLookup(key: key, form: form, now: now, token: token, receiver: receiver, purgeRead: purgeRead))
        if form.isJSON {
            connection.output.command(5)
            connection.output.argument("EVAL")
            connection.output.argument(JSONValue.script)
            connection.output.argument("1")
            connection.output.argument(key, prefix: context.keyPrefix)
            connection.output.argument(decimal: JSONValue.lastByte)
            connection.expectBulk(for: self, tag: ticket, attachment: keyText, role: .ordinary)
        } else {
            connection.output.append(commandStart)
            connection.output.append(digitsOf: key)
            connection.output.append("\r\n$1\r\n0\r\n$6\r\n131071\r\n")
            connection.expectBulk(for: self, tag: ticket, attachment: keyText, role: .essential)
        }
        if connection.batch != unsentBatch || connection !== unsentConnection {
            unsent.removeAll(keepingCapacity: true)
            unsentBatch = connection.batch
            unsentConnection = connection
        }
        unsent[key] = ticket
        return StoreTicket(number: ticket)
    }

    /// A write or a removal is about to be sent: a lookup that is begun after it must not be answered as before it.
    func endSharing() { unsent.removeAll(keepingCapacity: true) }

    /// Delivers `record` without asking Redis; the receiver is called at the end of the turn.
    func finish(with record: StoredResponse, receiver: any StoreReceiver, token: UInt64) -> StoreTicket {
        context.figures.hits += 1
        lastLocalTicket += 1
        context.deliveries.append(.hit(record), ticket: lastLocalTicket, token: token, to: receiver)
        context.deliveries.deliverAtEndOfTurn()
        return StoreTicket(number: lastLocalTicket)
    }

    func cancel(_ ticket: StoreTicket) {
        table.cancel(ticket.number)
        largeReads.cancel(ticket.number)
        context.deliveries.cancel(ticket: ticket.number)
    }
}

extension Lookups: CommandReceiver {
    func receive(bulk bytes: Span<UInt8>, attachment keyText: Span<UInt8>, for command: PendingCommand) {
        guard table.isAwaited(command.tag), let lookup = table[command.tag] else { return }
        if !lookup.followers.isEmpty { table.compareFollowers(of: command.tag, with: keyText) }
        received = read(bytes, keyText: keyText, for: lookup)
        receivedMark = ValueMark(bytes)
    }

    private func read(_ bytes: Span<UInt8>, keyText: Span<UInt8>, for lookup: PendingLookup) -> Received {
        if bytes.isEmpty { return .miss }
        if case .json(let longest) = lookup.form { return readJSON(bytes, keyText: keyText, for: lookup, longest) }
        guard let header = RecordFormat.readFirstPiece(bytes), header.total <= context.settings.recordLimit else {
            let occupant = RecordFormat.occupant(bytes)
            return .occupied(occupant, isUnreadable: occupant.kind == .other)
        }
        let unreadable = Received.occupied(StoreOccupant(.other, ValueMark(bytes)), isUnreadable: true)
        let start = RecordFormat.headerCount
        guard header.lengths.keyText == keyText.count, bytes.count >= start + keyText.count,
            bytes.extracting(start..<start + keyText.count).isSame(as: keyText)
        else { return unreadable }
        if header.description.discardAt <= lookup.now {
            return .occupied(StoreOccupant(.other, ValueMark(bytes)), isUnreadable: false)
        }
        let contents = bytes.extracting(start..<bytes.count)
        let live = context.liveRecords.record(
            at: lookup.key, kind: header.kind, description: header.description, lengths: header.lengths,
            beginning: contents)
        if let live { return .hit(live) }
        if header.pieces > 1 { return readLarge(header, at: lookup.key, contents) ?? unreadable }
        guard context.budget.hasRoom(for: header.lengths.total) else { return .refused }
        let record = StoredResponse.assembled(
            kind: header.kind, description: header.description, lengths: header.lengths, from: contents,
            budget: context.budget)
        guard let record else { return unreadable }
        context.liveRecords.note(lookup.key, record)
        return .hit(record)
    }

    private func readJSON(
        _ bytes: Span<UInt8>, keyText: Span<UInt8>, for lookup: PendingLookup, _ longest: Int64
    ) -> Received {
        guard let value = JSONValue(bytes) else {
            return .occupied(StoreOccupant(.other, JSONValue.mark(bytes)), isUnreadable: true)
        }
        if value.left == 0 { return .miss }
        let content = bytes.extracting(value.start..<bytes.count)
        guard context.budget.hasRoom(for: content.count) else { return .refused }
        let facts = StoredFacts(
            bareJSONFoundAt: Instant(milliseconds: lookup.now.milliseconds),
            date: Instant(milliseconds: context.loop.wallMilliseconds), left: value.left, longest: longest)
        let record = JSONEntry.response(
            id: .random(in: .min ... .max), facts, keyText: keyText, content: content,
            discardAt: lookup.now.advanced(byMilliseconds: value.left ?? longest), budget: context.budget)
        return record.map { .hit($0) } ?? .refused
    }

    /// Nil for a record that contradicts itself.
    private func readLarge(_ header: RecordFormat.Header, at key: CacheKey, _ contents: Span<UInt8>) -> Received? {
        if let read = largeReads.read(of: header, at: key) { return .large(read) }
        guard !largeReads.isFull else { return .refused }
        do throws(StoredResponseBuilder.Refusal) {
            let read = try LargeRead(
                header: header, key: key, contents: contents, budget: context.budget, reads: largeReads)
            largeReads.add(read)
            return .large(read)
        } catch {
            return error == .wrongLength ? nil : .refused
        }
    }

    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        let result = received
        received = .nothing
        guard let lookup = table.remove(command.tag) else { return }
        if unsent[lookup.key] == command.tag { unsent[lookup.key] = nil }
        if case .reply(.bulk) = outcome, result.isRecord, let trouble = purgeReads.trouble(after: lookup.purgeRead) {
            return fail(lookup, ticket: command.tag, because: trouble)
        }
        finish(lookup, ticket: command.tag, outcome, result)
        for ticket in lookup.followers {
            if let follower = table.remove(ticket) { finish(follower, ticket: ticket, outcome, result) }
        }
    }

    private func finish(_ lookup: PendingLookup, ticket: UInt64, _ outcome: CommandOutcome, _ result: Received) {
        guard let receiver = lookup.receiver else { return }
        switch outcome {
        case .abandoned(let trouble, let isTimedOut):
            if isTimedOut { context.figures.timeouts += 1 } else { context.figures.failures += 1 }
            deliver(.failed(trouble), to: lookup, ticket)
        case .reply(.error(let kind)) where kind.isRedirection:
            // Whatever another node has, its own map finds the next time.
            context.figures.misses += 1
            deliver(.miss, to: lookup, ticket)
        case .reply(.error(let kind)):
            context.figures.failures += 1
            deliver(.failed(kind.trouble), to: lookup, ticket)
        case .reply(.bulk):
            if case .large(let read) = result, !lookup.hasOtherText {
                read.offers += 1
                return context.deliveries.append(read, ticket: ticket, token: lookup.token, to: receiver)
            }
            finish(lookup, ticket: ticket, lookup.hasOtherText ? ofAnotherText(result) : result)
        case .reply(.status), .reply(.integer), .reply(.absent), .reply(.array):
            preconditionFailure("a connection passes on replies of the command's type only")
        }
    }

    /// What was found can't be used.
    private func fail(_ lookup: PendingLookup, ticket: UInt64, because trouble: StoreTrouble) {
        let outcome = CommandOutcome.abandoned(trouble, isTimedOut: false)
        finish(lookup, ticket: ticket, outcome, .nothing)
        for ticket in lookup.followers {
            if let follower = table.remove(ticket) { finish(follower, ticket: ticket, outcome, .nothing) }
        }
    }

    /// What was found for one key text as another one with the same digest finds it.
    private func ofAnotherText(_ result: Received) -> Received {
        switch result {
        case .nothing, .miss, .refused, .occupied: result
        case .hit, .large: .occupied(StoreOccupant(.other, receivedMark), isUnreadable: true)
        }
    }

    private func finish(_ lookup: PendingLookup, ticket: UInt64, _ result: Received) {
        switch result {
        case .hit(let record):
            context.figures.hits += 1
            deliver(.hit(record), to: lookup, ticket)
        case .refused:
            context.figures.refusedLookups += 1
            deliver(.failed(.tooManyWaiting), to: lookup, ticket)
        case .occupied(let occupant, let isUnreadable):
            if isUnreadable { context.figures.unreadableRecords += 1 }
            if occupant.kind == .other { context.figures.misses += 1 } else { context.figures.occupied += 1 }
            deliver(.occupied(occupant), to: lookup, ticket)
        case .miss, .nothing:
            context.figures.misses += 1
            deliver(.miss, to: lookup, ticket)
        case .large: preconditionFailure("a large record is offered")
        }
    }

    private func deliver(_ answer: StoreAnswer, to lookup: PendingLookup, _ ticket: UInt64) {
        guard let receiver = lookup.receiver else { return }
        context.deliveries.append(answer, ticket: ticket, token: lookup.token, to: receiver)
    }
}
