// Reading the stream of purges ahead of what is looked up: while this process isn't in touch with the others, as after a start or
// while that connection is lost, a record may have been purged without its knowing. Redis replies in order, so that a lookup which
// follows such a read is answered after everything that was purged before is applied.

import CacheStorage

final class PurgeReads {
    private let context: StoreContext
    private let stream: [UInt8]
    private var lastNumber: UInt64 = 0
    /// The read that is in a batch that wasn't sent yet; lookups of the same batch share it.
    private var unsent: (batch: UInt64, number: UInt64, connection: ObjectIdentifier)?
    /// What the last reply said: the lookups that follow its read are about to be answered.
    private var last: (number: UInt64, trouble: StoreTrouble?) = (0, nil)
    private var entries: [StreamEntry]?

    /// Entries of one read: a reply's size has a bound. Where there are more, those lookups fail; there are only so many after a
    /// start, until the fleet's connection has read them.
    private static let most = 500

    init(context: StoreContext) {
        self.context = context
        stream = FleetNames(prefix: context.settings.prefix).purges
    }

    /// A read ahead of what is appended to the connection's output next.
    /// - Returns: its number, for ``trouble(after:)``; 0 where none is needed.
    func begin(on connection: RedisConnection) -> UInt64 {
        guard !context.knowsPurges else { return 0 }
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.ahead.isBroken { return 0 }
        #endif
        // One of several servers has the stream, and says nothing of when another one replies.
        guard context.topology.connections.count == 1 else { return .max }
        let id = ObjectIdentifier(connection)
        if let unsent, unsent.batch == connection.batch, unsent.connection == id { return unsent.number }
        lastNumber += 1
        unsent = (connection.batch, lastNumber, id)
        connection.output.command(6)
        connection.output.argument("XREAD")
        connection.output.argument("COUNT")
        connection.output.argument(decimal: Self.most)
        connection.output.argument("STREAMS")
        connection.output.argument(stream)
        connection.output.argument("\(context.purges.applied)")
        // Without the right to read it nothing from there can be used.
        connection.expectReply(.array, for: self, tag: lastNumber, role: .essential)
        return lastNumber
    }

    /// Why what was looked up can't be used; nil if it can. To be asked when its reply has come.
    /// - Parameter number: as ``begin(on:)`` returned it.
    func trouble(after number: UInt64) -> StoreTrouble? {
        // While it was under way, others may have purged what it has brought, and this process may not know.
        #if LARDER_BREAKABLE_RULES
            if BreakableRule.ahead.isBroken { return nil }
        #endif
        if number == 0 { return context.knowsPurges ? nil : .purgesUnknown }
        return last.number == number ? last.trouble : .purgesUnknown
    }
}

extension PurgeReads: CommandReceiver {
    func receive(array elements: [ReplyElement], for command: PendingCommand) {
        // One stream: its name, and its entries.
        let found = elements.first?.elements?.last?.elements
        entries = elements.count == 1 ? found.flatMap { StreamEntry.all($0) } : nil
    }

    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        let entries = self.entries
        self.entries = nil
        switch outcome {
        case .abandoned(let trouble, _): last = (command.tag, trouble)
        case .reply(.error(let kind)): last = (command.tag, kind.trouble)
        case .reply(.absent): last = (command.tag, nil)
        case .reply(.array):
            guard let entries else {
                last = (command.tag, .unintelligibleReply)
                return
            }
            for entry in entries { context.purges.apply(entry.purge, at: entry.position) }
            if let end = entries.last { context.purges.advance(to: end.position) }
            last = (command.tag, entries.count < Self.most ? nil : .purgesUnknown)
        case .reply(.status), .reply(.integer), .reply(.bulk):
            preconditionFailure("a connection passes on replies of the command's type only")
        }
    }
}
