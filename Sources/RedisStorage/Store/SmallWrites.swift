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
    /// - Parameter fence: what must stand at the key; nil for whatever does.
    /// - Parameter token: retained until the outcome is known.
    func set(
        _ key: CacheKey, _ record: StoredResponse, lifetime: Int64, over fence: StoreFence?,
        holding token: (any StoreWriteHolder)?, on connection: RedisConnection
    ) {
        let isEternal = record.discardAt == .never
        if let fence {
            connection.output.fencedScript(
                FencedScripts.set, key, prefix: context.keyPrefix, over: fence, arguments: isEternal ? 1 : 2)
        } else {
            connection.output.command(isEternal ? 3 : 5)
            connection.output.argument("SET")
            connection.output.argument(key, prefix: context.keyPrefix)
        }
        append(record, to: connection)
        if !isEternal {
            if fence == nil { connection.output.argument("PX") }
            connection.output.argument(decimal: Int(lifetime))
        }
        connection.expectReply(
            fence == nil ? .status : .integer, for: self, tag: Tag.record.rawValue, subject: token)
    }

    /// A whole record, or its content alone where that is how it is stored.
    private func append(_ record: StoredResponse, to connection: RedisConnection) {
        if record.facts.flags.contains(.bareJSON) {
            connection.output.bulk(record.bodyCount)
            connection.output.append(record.body)
        } else {
            let total = RecordFormat.headerCount + record.lengths.total
            connection.output.bulk(total)
            RecordFormat.appendHeader(of: record, to: &connection.output, scratch: &scratch)
            RecordFormat.appendContents(of: record, 0..<total, to: &connection.output)
        }
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
        connection.output.argument(context.topology.probe(on: connection))
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
        case .reply(.integer(0)):
            context.figures.overtakenStores += 1
            (command.subject as? any StoreWriteHolder)?.writeWasRefused()
        case .reply:
            if isRecord { context.figures.stores += 1 }
            connection.noteWriteTaken()
        }
    }
}
