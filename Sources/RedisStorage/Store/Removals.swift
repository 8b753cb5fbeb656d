// Removing records: one UNLINK for all keys of a call, and the number of keys that it removed. What Redis can't take now is kept.

import CacheStorage

final class Removals {
    /// A removal that waits for its reply.
    private final class Removal {
        let receiver: (any StoreRemovalReceiver)?
        let token: UInt64
        let keys: [CacheKey]
        /// How many of the keys belonged to uploads that the removal stopped.
        let uploadsAbandoned: Int
        /// Whether the keys were kept before.
        let wasKept: Bool

        init(
            receiver: (any StoreRemovalReceiver)?, token: UInt64, keys: [CacheKey], uploadsAbandoned: Int, wasKept: Bool
        ) {
            self.wasKept = wasKept
            self.receiver = receiver
            self.token = token
            self.keys = keys
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
        wasKept: Bool = false, on connection: RedisConnection
    ) {
        connection.output.command(1 + keys.count)
        connection.output.argument("UNLINK")
        for key in keys { connection.output.argument(key, prefix: context.keyPrefix) }
        let removal = Removal(
            receiver: receiver, token: token, keys: keys, uploadsAbandoned: uploadsAbandoned, wasKept: wasKept)
        connection.expectReply(.integer, for: self, subject: removal)
    }

    /// Sends removals that Redis couldn't take before, once it is up again.
    /// - Returns: whether any was sent.
    func sendUndelivered(on connection: RedisConnection) -> Bool {
        guard !context.undelivered.isEmpty, case .up = connection.state.availability, connection.hasRoom else {
            return false
        }
        let keys = context.undelivered.take(atMost: Self.batch, for: connection.masterNumber)
        guard !keys.isEmpty else { return false }
        begin(keys, uploadsAbandoned: 0, receiver: nil, token: 0, wasKept: true, on: connection)
        return true
    }

    /// Keys of one command.
    private static let batch = 512

    /// Finishes a removal without sending anything; the receiver is called at the end of the turn.
    /// - Parameter trouble: why the keys are kept for later; nil if there is nothing to send.
    func finishUnsent(
        _ keys: [CacheKey], _ trouble: StoreTrouble?, receiver: (any StoreRemovalReceiver)?, token: UInt64
    ) {
        if trouble != nil { context.undelivered.keep(keys) }
        guard let receiver else { return }
        context.deliveries.appendRemoval(0, trouble, token: token, to: receiver)
        context.deliveries.deliverAtEndOfTurn()
    }
}

extension Removals: CommandReceiver {
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        guard let removal = command.subject as? Removal else { return }
        switch outcome {
        case .abandoned(let trouble, _):
            context.undelivered.keep(removal.keys, taken: removal.wasKept)
            deliver(0, trouble, removal)
        case .reply(.error(let kind)):
            if kind.mayPass {
                context.undelivered.keep(removal.keys, taken: removal.wasKept)
            } else {
                context.undelivered.noteLost(removal.keys.count, because: kind.trouble, taken: removal.wasKept)
            }
            deliver(0, kind.trouble, removal)
        case .reply(.integer(let unlinked)):
            guard 0...removal.keys.count ~= unlinked else {
                context.undelivered.keep(removal.keys, taken: removal.wasKept)
                deliver(0, .unintelligibleReply, removal)
                return connection.noteMalformedReply()
            }
            context.undelivered.noteDone(
                removal.keys, taken: removal.wasKept, by: connection.masterNumber, now: context.loop.now.milliseconds)
            let count = min(unlinked + removal.uploadsAbandoned, removal.keys.count)
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
