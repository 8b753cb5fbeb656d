// The placeholders of fetches: put by SET NX where nothing stands, by a script where something of no use does; extended,
// removed, or replaced by a hit-for-miss marker by scripts that touch nothing but that very placeholder.

import CacheStorage

final class Claims {
    private enum Tag: UInt64 { case claim, upkeep }

    /// A claim whose result is awaited.
    private final class Waiter {
        let receiver: any StoreClaimReceiver
        let token: UInt64

        init(receiver: any StoreClaimReceiver, token: UInt64) {
            self.receiver = receiver
            self.token = token
        }
    }

    private let context: StoreContext

    init(context: StoreContext) {
        self.context = context
    }

    /// The connection must take writes.
    func begin(
        _ key: CacheKey, _ claim: StoreClaim, over fence: StoreFence?, receiver: (any StoreClaimReceiver)?,
        token: UInt64, on connection: RedisConnection
    ) {
        let placeholder = RecordFormat.placeholder(of: claim, until: end(after: StoreClaim.lifetime))
        let waiter = receiver.map { Waiter(receiver: $0, token: token) }
        if let fence {
            connection.output.fencedScript(
                FencedScripts.set, key, prefix: context.keyPrefix, over: fence, arguments: 2)
            connection.output.argument(placeholder)
            connection.output.argument(decimal: Int(StoreClaim.lifetime))
            connection.expectReply(.integer, for: self, tag: Tag.claim.rawValue, subject: waiter)
        } else {
            connection.output.command(6)
            connection.output.argument("SET")
            connection.output.argument(key, prefix: context.keyPrefix)
            connection.output.argument(placeholder)
            connection.output.argument("NX")
            connection.output.argument("PX")
            connection.output.argument(decimal: Int(StoreClaim.lifetime))
            connection.expectReply(.statusOrAbsent, for: self, tag: Tag.claim.rawValue, subject: waiter)
        }
    }

    /// Finishes a claim without sending anything; the receiver is called at the end of the turn.
    func finishUnsent(_ trouble: StoreTrouble, receiver: (any StoreClaimReceiver)?, token: UInt64) {
        guard let receiver else { return }
        context.deliveries.append(.failed(trouble), token: token, to: receiver)
        context.deliveries.deliverAtEndOfTurn()
    }

    func extend(_ claim: StoreClaim, at key: CacheKey, on connection: RedisConnection) {
        connection.output.fencedScript(
            FencedScripts.extend, key, prefix: context.keyPrefix, over: .claim(claim), arguments: 1)
        connection.output.argument(decimal: Int(StoreClaim.lifetime))
        connection.expectReply(.integer, for: self, tag: Tag.upkeep.rawValue)
    }

    /// Removes a placeholder, or whatever else meets the fence.
    func remove(_ fence: StoreFence, at key: CacheKey, on connection: RedisConnection) {
        connection.output.fencedScript(
            FencedScripts.remove, key, prefix: context.keyPrefix, over: fence, arguments: 0)
        connection.expectReply(.integer, for: self, tag: Tag.upkeep.rawValue)
    }

    func markHitForMiss(_ claim: StoreClaim, at key: CacheKey, milliseconds: Int64, on connection: RedisConnection) {
        connection.output.fencedScript(
            FencedScripts.set, key, prefix: context.keyPrefix, over: .claim(claim), arguments: 2)
        connection.output.argument(RecordFormat.hitForMissMarker(of: claim, until: end(after: milliseconds)))
        connection.output.argument(decimal: Int(milliseconds))
        connection.expectReply(.integer, for: self, tag: Tag.upkeep.rawValue)
    }

    private func end(after milliseconds: Int64) -> WallTime {
        WallTime(milliseconds: context.loop.clockMilliseconds).advanced(byMilliseconds: milliseconds)
    }
}

extension Claims: CommandReceiver {
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        guard command.tag == Tag.claim.rawValue else { return }
        let result: ClaimOutcome
        switch outcome {
        case .abandoned(let trouble, _): result = .failed(trouble)
        case .reply(.error(let kind)): result = .failed(kind.trouble)
        case .reply(.absent), .reply(.integer(0)):
            context.figures.refusedClaims += 1
            result = .taken
        case .reply:
            context.figures.claims += 1
            connection.noteWriteTaken()
            result = .held
        }
        guard let waiter = command.subject as? Waiter else { return }
        context.deliveries.append(result, token: waiter.token, to: waiter.receiver)
    }
}
