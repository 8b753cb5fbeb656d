// Removing records: UNLINK, and the number of keys that it removed: one command for all keys of a call, or, where several servers
// have the keys, one for each. What Redis can't take now is kept.

import CacheStorage
import EventLoop

final class Removals {
    /// What was asked for in one call.
    private final class Removal {
        let receiver: (any StoreRemovalReceiver)?
        let token: UInt64
        let count: Int
        /// How many of the keys belonged to uploads that the removal stopped.
        let uploadsAbandoned: Int
        /// Commands that wait for their replies.
        var pending = 0
        var removed = 0
        var trouble: StoreTrouble?

        init(receiver: (any StoreRemovalReceiver)?, token: UInt64, count: Int, uploadsAbandoned: Int) {
            self.receiver = receiver
            self.token = token
            self.count = count
            self.uploadsAbandoned = uploadsAbandoned
        }
    }

    /// A command of it.
    private final class Part {
        let removal: Removal
        let keys: [CacheKey]
        /// Whether the keys were kept before.
        let wasKept: Bool
        /// Whether the server was asked for keys that are being moved to it.
        let isAsking: Bool

        init(of removal: Removal, _ keys: [CacheKey], wasKept: Bool, isAsking: Bool) {
            self.removal = removal
            self.keys = keys
            self.wasKept = wasKept
            self.isAsking = isAsking
        }
    }

    /// When it was looked last for what a server could be sent of all that is kept.
    private struct Search {
        var number: UInt64
        var connects: Int
        var end: Int64
    }

    private let context: StoreContext
    /// By connection, where several servers have the keys.
    private var searches: [ObjectIdentifier: Search] = [:]
    private var timer: LoopTimer?
    private var isTimerSet = false
    /// Commands that wait for their replies.
    private(set) var unconfirmed = 0
    /// Look-ups that are begun from now on may not share what was asked for before.
    var endSharing: () -> Void = {}

    /// Keys of one command, or commands sent at once.
    private static let batch = 512
    /// How often all that is kept is gone through for one server. In milliseconds.
    private static let searchInterval: Int64 = 250
    private static let searchLimit = 1024

    init(context: StoreContext) {
        self.context = context
        timer = LoopTimer(loop: context.loop) { [weak self] in
            guard let self else { return }
            isTimerSet = false
            for connection in self.context.topology.connections { sendUndelivered(on: connection) }
        }
    }

    /// Starts a removal. Keys whose server can't take it now are kept for later.
    func begin(_ keys: [CacheKey], uploadsAbandoned: Int, receiver: (any StoreRemovalReceiver)?, token: UInt64) {
        let removal = Removal(receiver: receiver, token: token, count: keys.count, uploadsAbandoned: uploadsAbandoned)
        for (connection, keys) in context.topology.split(keys) {
            begin(keys, of: removal, wasKept: false, on: connection)
        }
        guard removal.pending == 0, receiver != nil else { return }
        deliver(removal)
        context.deliveries.deliverAtEndOfTurn()
    }

    private func begin(_ keys: [CacheKey], of removal: Removal, wasKept: Bool, on connection: RedisConnection) {
        guard connection.isServing, connection.hasRoom else {
            removal.trouble = connection.isServing ? .tooManyWaiting : connection.state.trouble
            return context.undelivered.keep(keys, taken: wasKept)
        }
        removal.pending += 1
        unconfirmed += 1
        send(Part(of: removal, keys, wasKept: wasKept, isAsking: false), on: connection)
    }

    private func send(_ part: Part, on connection: RedisConnection) {
        if part.isAsking {
            connection.output.command(1)
            connection.output.argument("ASKING")
            connection.expectReply(.status, for: nil)
        }
        connection.output.command(1 + part.keys.count)
        connection.output.argument("UNLINK")
        for key in part.keys { connection.output.argument(key, prefix: context.keyPrefix) }
        connection.expectReply(.integer, for: self, subject: part)
    }

    // MARK: What was kept

    /// Sends removals that Redis couldn't take before, once it is up again.
    func sendUndelivered(on connection: RedisConnection) {
        guard !context.undelivered.isEmpty, case .up = connection.state.availability, connection.hasRoom else { return }
        guard context.topology.isSplit else {
            return resend(context.undelivered.take(atMost: Self.batch, for: connection.masterNumber), on: connection)
        }
        guard maySearch(for: connection) else { return setTimer() }
        let topology = context.topology
        let keys = context.undelivered.take(atMost: Self.batch, for: connection.masterNumber) {
            topology.connection(for: $0) === connection
        }
        // There may be more of them.
        if keys.count == Self.batch { searches[ObjectIdentifier(connection)] = nil }
        resend(keys, on: connection)
        setTimer()
    }

    private func resend(_ keys: [CacheKey], on connection: RedisConnection) {
        guard !keys.isEmpty else { return }
        endSharing()
        let removal = Removal(receiver: nil, token: 0, count: keys.count, uploadsAbandoned: 0)
        for (connection, keys) in context.topology.split(keys) {
            begin(keys, of: removal, wasKept: true, on: connection)
        }
    }

    /// At once after a change, otherwise not all the time: most of what is kept may be for a server that is down.
    private func maySearch(for connection: RedisConnection) -> Bool {
        let (now, number, connects) = (
            context.loop.now.milliseconds, connection.masterNumber, connection.state.connects
        )
        let id = ObjectIdentifier(connection)
        if let last = searches[id], last.number == number, last.connects == connects, now < last.end { return false }
        if searches.count > Self.searchLimit { searches.removeAll() }
        searches[id] = Search(number: number, connects: connects, end: now + Self.searchInterval)
        return true
    }

    private func setTimer() {
        guard !isTimerSet else { return }
        isTimerSet = true
        timer?.schedule(afterMilliseconds: Self.searchInterval)
    }
}

extension Removals: CommandReceiver {
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        guard let part = command.subject as? Part else { return }
        switch outcome {
        case .abandoned(let trouble, _):
            context.undelivered.keep(part.keys, taken: part.wasKept)
            finish(part, trouble)
        case .reply(.error(.ask)) where !part.isAsking: ask(part, from: connection)
        case .reply(.error(let kind)):
            if kind.mayPass {
                context.undelivered.keep(part.keys, taken: part.wasKept)
            } else {
                context.undelivered.noteLost(part.keys.count, because: kind.trouble, taken: part.wasKept)
            }
            finish(part, kind.trouble)
        case .reply(.integer(let unlinked)):
            guard 0...part.keys.count ~= unlinked else {
                context.undelivered.keep(part.keys, taken: part.wasKept)
                finish(part, .unintelligibleReply)
                return connection.noteMalformedReply()
            }
            context.undelivered.noteDone(
                part.keys, taken: part.wasKept, by: connection.masterNumber, now: context.loop.now.milliseconds)
            part.removal.removed += unlinked
            finish(part, nil)
        case .reply(.status), .reply(.bulk), .reply(.absent), .reply(.array):
            preconditionFailure("a connection passes on replies of the command's type only")
        }
    }

    /// The server doesn't have the key any more: if it is anywhere, then where it is being moved to.
    private func ask(_ part: Part, from connection: RedisConnection) {
        if let redirection = connection.redirection,
            let other = context.topology.connection(asking: redirection, from: connection), other.isServing,
            other.hasRoom
        {
            return send(Part(of: part.removal, part.keys, wasKept: part.wasKept, isAsking: true), on: other)
        }
        context.undelivered.keep(part.keys, taken: part.wasKept)
        finish(part, .slotMoved)
    }

    private func finish(_ part: Part, _ trouble: StoreTrouble?) {
        let removal = part.removal
        removal.trouble = removal.trouble ?? trouble
        removal.pending -= 1
        unconfirmed -= 1
        if removal.pending == 0 { deliver(removal) }
    }

    private func deliver(_ removal: Removal) {
        let count = min(removal.removed + (removal.trouble == nil ? removal.uploadsAbandoned : 0), removal.count)
        context.figures.removals += count
        context.deliveries.appendRemoval(
            removal.trouble == nil ? count : 0, removal.trouble, token: removal.token, to: removal.receiver)
    }
}
