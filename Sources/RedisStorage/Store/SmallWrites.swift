// Writes that are a single command: records of one piece, each with its lifetime in the same SET; the removal of a
// record whose replacement has already expired; and the test that shows whether Redis accepts writes again.

import CacheStorage

final class SmallWrites {
    private enum Tag: UInt64 { case record, test }

    private let context: StoreContext
    private var scratch: [UInt8] = []

    init(context: StoreContext) {
        self.context = context
    }

    /// SET key record PX lifetime, or without PX where the record never expires.
    /// - Parameter lifetime: milliseconds.
    /// - Parameter token: retained until the outcome is known.
    func set(
        _ key: CacheKey, _ record: StoredResponse, lifetime: Int64, holding token: AnyObject?,
        on connection: RedisConnection
    ) {
        let isEternal = record.discardAt == .never
        connection.output.command(isEternal ? 3 : 5)
        connection.output.argument("SET")
        connection.output.argument(key, prefix: context.keyPrefix)
        append(record, to: connection)
        if !isEternal {
            connection.output.argument("PX")
            connection.output.argument(decimal: Int(lifetime))
        }
        connection.expectReply(.status, for: self, tag: Tag.record.rawValue, subject: token)
    }

    /// The same of a vary index, which only takes the place of one of its generation.
    func replaceIndex(
        _ key: CacheKey, _ index: StoredResponse, lifetime: Int64, holding token: AnyObject?,
        on connection: RedisConnection
    ) {
        let isEternal = index.discardAt == .never
        connection.output.command(isEternal ? 6 : 7)
        connection.output.argument("EVAL")
        connection.output.argument(Self.indexReplacement)
        connection.output.argument("1")
        connection.output.argument(key, prefix: context.keyPrefix)
        connection.output.argument(RecordFormat.beginning(of: index))
        append(index, to: connection)
        if !isEternal { connection.output.argument(decimal: Int(lifetime)) }
        connection.expectReply(.integer, for: self, tag: Tag.record.rawValue, subject: token)
    }

    /// SET where the value begins as the new one does: an index of the same generation. 1 if so, else 0. Redis keeps the
    /// compiled script, so that its text is all that it costs.
    private static let indexReplacement: StaticString = """
        if redis.call('GETRANGE',KEYS[1],0,15)~=ARGV[1] then return 0 end
        if ARGV[3] then redis.call('SET',KEYS[1],ARGV[2],'PX',ARGV[3]) else redis.call('SET',KEYS[1],ARGV[2]) end
        return 1
        """

    private func append(_ record: StoredResponse, to connection: RedisConnection) {
        let total = RecordFormat.headerCount + record.lengths.total
        connection.output.bulk(total)
        RecordFormat.appendHeader(of: record, to: &connection.output, scratch: &scratch)
        RecordFormat.appendContents(of: record, 0..<total, to: &connection.output)
        connection.output.append("\r\n")
    }

    /// UNLINK key, without waiting for the reply.
    func unlink(_ key: CacheKey, on connection: RedisConnection) {
        connection.output.command(2)
        connection.output.argument("UNLINK")
        connection.output.argument(key, prefix: context.keyPrefix)
        connection.expectReply(.integer, for: nil)
    }

    /// Sets an unused key that expires within a second.
    func test(_ connection: RedisConnection) {
        connection.output.command(5)
        connection.output.argument("SET")
        connection.output.argument(context.keyPrefix + Array("probe".utf8))
        connection.output.argument("1")
        connection.output.argument("PX")
        connection.output.argument(decimal: 1000)
        connection.expectReply(.status, for: self, tag: Tag.test.rawValue)
        connection.flush()
    }
}

extension SmallWrites: CommandReceiver {
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        let isRecord = command.tag == Tag.record.rawValue
        switch outcome {
        case .reply(.error), .abandoned:
            if isRecord { context.figures.droppedStores += 1 }
        case .reply(.integer(0)): context.figures.overtakenStores += 1
        case .reply:
            if isRecord { context.figures.stores += 1 }
            connection.noteWriteTaken()
        }
    }
}
