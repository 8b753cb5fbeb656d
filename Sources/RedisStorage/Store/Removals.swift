// Removing records: one UNLINK for all keys of a call, and the number of keys that it removed.

import CacheStorage

final class Removals {
    /// A removal that waits for its reply.
    private final class Removal {
        let receiver: (any StoreRemovalReceiver)?
        let token: UInt64
        let keyCount: Int
        /// How many of the keys belonged to uploads that the removal stopped.
        let uploadsAbandoned: Int

        init(receiver: (any StoreRemovalReceiver)?, token: UInt64, keyCount: Int, uploadsAbandoned: Int) {
            self.receiver = receiver
            self.token = token
            self.keyCount = keyCount
            self.uploadsAbandoned = uploadsAbandoned
        }
    }

    private let context: StoreContext

    init(context: StoreContext) {
        self.context = context
    }

    /// Starts a removal. The connection must be serving and have room.
    func begin(
        _ keys: [CacheKey], uploadsAbandoned: Int, receiver: (any StoreRemovalReceiver)?, token: UInt64,
        on connection: RedisConnection
    ) {
        connection.output.command(1 + keys.count)
        connection.output.argument("UNLINK")
        for key in keys { connection.output.argument(key, prefix: context.keyPrefix) }
        let removal = Removal(
            receiver: receiver, token: token, keyCount: keys.count, uploadsAbandoned: uploadsAbandoned)
        connection.expectReply(.integer, for: self, subject: removal)
    }

    /// Finishes a removal without sending anything; the receiver is called at the end of the turn.
    func finishUnsent(_ trouble: StoreTrouble?, receiver: (any StoreRemovalReceiver)?, token: UInt64) {
        guard let receiver else { return }
        context.deliveries.appendRemoval(0, trouble, token: token, to: receiver)
        context.deliveries.deliverAtEndOfTurn()
    }
}

extension Removals: CommandReceiver {
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        guard let removal = command.subject as? Removal else { return }
        switch outcome {
        case .abandoned(let trouble, _): deliver(0, trouble, removal)
        case .reply(.error(let kind)): deliver(0, kind.trouble, removal)
        case .reply(.integer(let unlinked)):
            guard 0...removal.keyCount ~= unlinked else {
                deliver(0, .unintelligibleReply, removal)
                return connection.noteMalformedReply()
            }
            let count = min(unlinked + removal.uploadsAbandoned, removal.keyCount)
            context.figures.removals += count
            deliver(count, nil, removal)
        case .reply(.status), .reply(.bulk), .reply(.absent), .reply(.array):
            preconditionFailure("a connection passes on replies of the command's type only")
        }
    }

    private func deliver(_ count: Int, _ trouble: StoreTrouble?, _ removal: Removal) {
        context.deliveries.appendRemoval(count, trouble, token: removal.token, to: removal.receiver)
    }
}
