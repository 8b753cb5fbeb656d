// Whether lookups are begun on a connection whose server replies slowly, and the PINGs that show when it is quick again.
// ReplyPace decides; here it is told of times.

import CacheStorage
import EventLoop

extension RedisConnection {
    /// Whether a lookup would have its reply soon. If not, a PING is under way or due.
    var repliesSoon: Bool {
        if pace.isSlow { return false }
        guard let sent = queue.firstDeadline.map({ $0 - settings.timeoutMilliseconds }) else { return true }
        let now = loop.now.milliseconds
        guard pace.note(age: now - sent - ownDelay, now: now) else { return true }
        scheduleProbe()
        return false
    }

    /// A command has its reply, which tells how quick the server is.
    func noteReply(to command: borrowing PendingCommand) {
        guard !command.isAbandoned, command.role == .ordinary || command.role == .essential else { return }
        let now = loop.now.milliseconds
        let latency = now - (command.deadline - settings.timeoutMilliseconds) - ownDelay
        if command.tag == Self.probeTag, command.receiver === self {
            pace.note(probeAfter: latency, now: now)
        } else if pace.note(replyAfter: latency, now: now) {
            scheduleProbe()
        }
    }

    func scheduleProbe() { probeTimer?.schedule(afterMilliseconds: pace.pause) }

    /// Sends a PING that has nothing to do with the connection's state.
    func probeTimerFired() {
        guard pace.isSlow, isServing else { return }
        output.command(1)
        output.argument("PING")
        expectReply(.status, for: self, tag: Self.probeTag)
    }

    private static let probeTag: UInt64 = 1
}

extension RedisConnection: CommandReceiver {
    /// The reply to a PING of `probeTimerFired()`, of which `noteReply(to:)` was told before.
    func finish(_ command: PendingCommand, with outcome: CommandOutcome, on connection: RedisConnection) {
        if case .reply = outcome, pace.isSlow { scheduleProbe() }
    }
}
