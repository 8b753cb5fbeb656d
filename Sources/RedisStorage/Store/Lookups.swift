// Lookups: GETRANGE of a record's first piece, which is the complete record in most cases, and the interpretation of
// the reply. A record is read in place in the parser's buffer.

import CacheStorage

final class Lookups {
    /// The contents of the bulk string that was just parsed; its `.bulk` reply follows.
    private enum Received {
        case nothing, miss, unreadable
        case hit(StoredResponse)
        case large(LargeRead)
    }

    private let context: StoreContext
    private let largeReads: LargeReads
    /// The command up to the key's digits.
    private let commandStart: [UInt8]
    private var table = LookupTable()
    private var received = Received.nothing
    private var lastLocalTicket: UInt64 = 1 << 63

    init(context: StoreContext, largeReads: LargeReads) {
        self.context = context
        self.largeReads = largeReads
        let keyCount = context.keyPrefix.count + CacheKey.hexCount
        commandStart = Array("*4\r\n$8\r\nGETRANGE\r\n$\(keyCount)\r\n\(context.settings.prefix)".utf8)
    }

    /// Starts a lookup in Redis. The connection must be serving and have room.
    func begin(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64,
        on connection: RedisConnection
    ) -> StoreTicket {
        connection.output.append(commandStart)
        connection.output.append(digitsOf: key)
        connection.output.append("\r\n$1\r\n0\r\n$6\r\n131071\r\n")
        let ticket = table.insert(PendingLookup(key: key, now: now, token: token, receiver: receiver))
        connection.expectBulk(for: self, tag: ticket, attachment: keyText, role: .essential)
        return StoreTicket(number: ticket)
    }

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
        guard let lookup = table[command.tag], lookup.receiver != nil else { return }
        received = read(bytes, keyText: keyText, for: lookup, ticket: command.tag)
    }

    private func read(
        _ bytes: Span<UInt8>, keyText: Span<UInt8>, for lookup: PendingLookup, ticket: UInt64
    ) -> Received {
        if bytes.isEmpty { return .miss }
        guard let header = RecordFormat.readHeader(bytes), header.total <= context.settings.recordLimit else {
            return .unreadable
        }
        let start = RecordFormat.headerCount
        guard header.lengths.keyText == keyText.count, bytes.count >= start + keyText.count,
            isEqual(bytes.extracting(start..<start + keyText.count), keyText)
        else { return .unreadable }
        if header.description.discardAt <= lookup.now { return .miss }
        let contents = bytes.extracting(start..<bytes.count)
        if header.total == bytes.count {
            let record = StoredResponse.assembled(
                kind: header.kind, description: header.description, lengths: header.lengths, from: contents)
            return record.map(Received.hit) ?? .unreadable
        }
        guard header.pieces > 1, bytes.count == RecordFormat.pieceCount,
            let read = LargeRead(header: header, lookup: lookup, ticket: ticket), read.begin(with: contents)
        else { return .unreadable }
        return .large(read)
    }

    private func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where left[index] != right[index] { return false }
        return true
    }

    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        let result = received
        received = .nothing
        guard let lookup = table.remove(command.tag) else { return }
        switch outcome {
        case .abandoned(let trouble, let isTimedOut):
            guard lookup.receiver != nil else { return }
            if isTimedOut { context.figures.timeouts += 1 } else { context.figures.failures += 1 }
            deliver(.failed(trouble), to: lookup, command.tag)
        case .reply(.error(let kind)):
            context.figures.failures += 1
            deliver(.failed(kind.trouble), to: lookup, command.tag)
        case .reply(.bulk): finish(lookup, with: result, ticket: command.tag, on: connection)
        case .reply(.status), .reply(.integer), .reply(.absent), .reply(.array):
            preconditionFailure("a connection passes on replies of the command's type only")
        }
    }

    private func finish(
        _ lookup: PendingLookup, with result: Received, ticket: UInt64, on connection: RedisConnection
    ) {
        guard lookup.receiver != nil else { return }
        switch result {
        case .hit(let record):
            context.figures.hits += 1
            deliver(.hit(record), to: lookup, ticket)
        case .large where largeReads.isFull:
            context.figures.refusedLookups += 1
            deliver(.failed(.tooManyWaiting), to: lookup, ticket)
        case .large(let read): largeReads.begin(read, on: connection)
        case .unreadable:
            context.figures.unreadableRecords += 1
            fallthrough
        case .miss, .nothing:
            context.figures.misses += 1
            deliver(.miss, to: lookup, ticket)
        }
    }

    private func deliver(_ result: StoreAnswer, to lookup: PendingLookup, _ ticket: UInt64) {
        guard let receiver = lookup.receiver else { return }
        context.deliveries.append(result, ticket: ticket, token: lookup.token, to: receiver)
    }
}
