// One pipelined connection to a Redis server: commands are sent in the order in which they were written, all of one
// turn in one send; replies arrive in the same order, and each goes to the receiver of its command. It doesn't
// interpret commands: it knows no records and no keys.
//
// This file has the interface and sending. RedisConnection+Opening has address, socket and greeting;
// RedisConnection+Replies has reading; RedisConnection+Pace has what is done about a slow server. ConnectionState decides
// what happens when something fails.

import Bytes
import CacheStorage
import EventLoop

/// Events of a connection as a whole, on its thread.
protocol RedisConnectionDelegate: AnyObject {
    /// `availability` has changed. The connection must not be used from here.
    func connectionDidChangeAvailability(_ connection: RedisConnection)
    /// All waiting commands have just been abandoned. No commands may be sent from here.
    func connectionDidAbandonCommands(_ connection: RedisConnection, because trouble: StoreTrouble)
    /// Receivers got outcomes, or there is room to send. From here, receivers may call their own users.
    func connectionDidProgress(_ connection: RedisConnection)
    /// Writes were refused a while ago, and nothing has shown since whether they are accepted again: send a harmless
    /// one.
    func connectionNeedsWriteTest(_ connection: RedisConnection)
    /// The server has replied with an error of a kind that has no known meaning; told once for each kind, and for a few kinds
    /// only. The connection must not be used from here.
    func connection(_ connection: RedisConnection, didSeeUnknownError text: String)
    /// The server has replied to a command that it doesn't have the key, or doesn't serve it now. As above.
    func connection(_ connection: RedisConnection, didRefuse kind: RedisErrorKind)
    /// TLS has not come about, for a reason in its own words. As above.
    func connection(_ connection: RedisConnection, didFailToSecure reason: String)
}

extension RedisConnectionDelegate {
    func connection(_ connection: RedisConnection, didRefuse kind: RedisErrorKind) {}
    func connection(_ connection: RedisConnection, didFailToSecure reason: String) {}
}

/// Used on its loop's thread. After `open` it reconnects by itself until `close`, which must be called before the last
/// reference is released.
final class RedisConnection {
    let loop: EventLoop
    let settings: RedisSettings
    let resolver: Resolver?
    /// Where the server is. With sentinels it changes, and so does the number of the master that is there; with a cluster, that number
    /// is the one of the map of slots; otherwise it is 0.
    var place: RedisSettings.Place
    var masterNumber: UInt64 = 0
    /// How often it was told to go to another place.
    var moves: UInt64 = 0
    let roleCheck = RoleCheck()
    /// The address that was connected to last.
    var peer: SocketAddress?
    weak var delegate: (any RedisConnectionDelegate)?

    private(set) var state: ConnectionState
    var pace: ReplyPace
    /// Commands that haven't been sent yet. A sender appends a whole command, then calls `expectReply`.
    var output = ByteQueue()
    var queue = CommandQueue()
    /// The bytes that senders attached to the commands in the queue, in the same order.
    var attachments = ByteQueue()
    var socket: RedisSocket?
    var reader: ReplyReader?
    var resolutions: Mailbox<(UInt64, Resolution)>?
    var resolutionSocket: Socket?

    /// Changes whenever output may have been sent. A command that was appended in the present batch is still unsent.
    private(set) var batch: UInt64 = 0
    private(set) var bytesSent = 0
    var bytesReceived = 0
    var errorReplies = 0
    var unknownErrors = UnknownErrors()
    /// Where the latest reply that was a redirection leads to; the receiver of its command finds it here.
    var redirection: Redirection?
    /// How long this thread took from the beginning of its latest turns to sending, in milliseconds: what is read late for
    /// that reason says nothing about the server.
    private(set) var ownDelay: Int64 = 0

    private var commandTimer: LoopTimer?
    private var stateTimer: LoopTimer?
    private(set) var probeTimer: LoopTimer?
    private var isCommandTimerArmed = false
    private var isFlushScheduled = false
    private var flushAction: () -> Void = {}

    /// - Parameter resolver: needed if the server is given by a host name.
    init(loop: EventLoop, settings: RedisSettings, resolver: Resolver?) {
        self.loop = loop
        self.settings = settings
        self.resolver = resolver
        place = settings.place
        let timing = ConnectionState.Timing(
            connect: settings.connectTimeoutMilliseconds, hang: settings.hangMilliseconds,
            shortestPause: settings.shortestPauseMilliseconds, longestPause: settings.longestPauseMilliseconds)
        state = ConnectionState(
            timing: timing, isClusterNode: settings.isClusterNode, wall: WallTime(milliseconds: loop.wallMilliseconds),
            seed: .random(in: .min ... .max))
        pace = ReplyPace(timeout: settings.timeoutMilliseconds)
        flushAction = { [weak self] in self?.flush() }
        commandTimer = LoopTimer(loop: loop) { [weak self] in self?.commandTimerFired() }
        stateTimer = LoopTimer(loop: loop) { [weak self] in self?.stateTimerFired() }
        probeTimer = LoopTimer(loop: loop) { [weak self] in self?.probeTimerFired() }
    }

    /// Starts connecting. Call it once.
    func open() { handle(.opened) }

    /// Closes the connection for good. All waiting commands end with `closed`.
    func close() {
        guard state.phase != .closed else { return }
        handle(.closed)
        commandTimer = nil
        stateTimer = nil
        probeTimer = nil
        resolutionSocket?.close()
        resolutionSocket = nil
        delegate?.connectionDidProgress(self)
    }

    func addFigures(to sum: inout RemoteStoreFigures) {
        sum.connects += state.connects
        sum.connectFailures += state.connectFailures
        sum.disconnects += state.disconnects
        sum.errorReplies += errorReplies
        sum.bytesSent += bytesSent
        sum.bytesReceived += bytesReceived
    }

    // MARK: Whether to send

    /// Whether commands may be sent: the server is connected and replies in time.
    var isServing: Bool { state.phase == .serving }

    /// Whether the limits on waiting commands and bytes permit one more.
    var hasRoom: Bool { queue.count < settings.waitingLimit && output.count < settings.outputLimit }

    /// Whether a write may be sent now. Writes leave half of the output limit to reads.
    var takesWrites: Bool { state.takesWrites(at: loop.now.milliseconds) && hasRoomForWrites }

    private var hasRoomForWrites: Bool {
        output.count < settings.outputLimit / 2 && queue.count < settings.waitingLimit
    }

    // MARK: Sending

    /// Call it after appending a command to `output`. The command is sent at the end of this turn, together with all
    /// others of the turn; its reply is due within `timeoutMilliseconds`.
    /// - Parameter type: that of the command's reply.
    /// - Parameter receiver: called with the outcome, once, and retained until then. Nil if the outcome doesn't matter.
    /// - Parameter tag, subject: returned with the outcome.
    func expectReply(
        _ type: ReplyType, for receiver: (any CommandReceiver)?, tag: UInt64 = 0, subject: AnyObject? = nil,
        role: PendingCommand.Role = .ordinary
    ) {
        enqueue(PendingCommand(role: role, replyType: type, receiver: receiver, tag: tag, subject: subject))
    }

    /// As above, for a command whose reply is a bulk string. A copy of `attachment` is kept with the command and passed
    /// to the receiver with it.
    func expectBulk(
        for receiver: any CommandReceiver, tag: UInt64, attachment: Span<UInt8>, role: PendingCommand.Role
    ) {
        attachments.append(attachment)
        enqueue(
            PendingCommand(
                role: role, replyType: .bulk, receiver: receiver, tag: tag, attachmentCount: attachment.count))
    }

    private func enqueue(_ command: consuming PendingCommand) {
        command.deadline = loop.now.milliseconds + settings.timeoutMilliseconds
        queue.append(command)
        if !isCommandTimerArmed {
            isCommandTimerArmed = true
            commandTimer?.schedule(afterMilliseconds: settings.timeoutMilliseconds)
        }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.atEndOfTurn(flushAction)
    }

    /// Sends as much as the socket accepts; the rest waits until it is writable.
    func flush() {
        isFlushScheduled = false
        guard let socket, state.phase != .connecting, state.phase != .securing, output.count > 0 else { return }
        batch += 1
        ownDelay = max(MonotonicTime.now().milliseconds(since: loop.now), ownDelay / 2)
        switch socket.send(output.bytes) {
        case .wrote(let count):
            bytesSent += count
            output.consume(count)
            socket.wait(for: output.count > 0 ? .readAndWrite : .read)
        case .failed:
            handle(.lost(socket.lossTrouble(isGreeting: state.phase == .greeting)))
            delegate?.connectionDidProgress(self)
        }
    }

    // MARK: What users report

    /// A write has succeeded: ends the pause of writes.
    func noteWriteTaken() { handle(.writeTaken) }

    /// A reply can't be that of its command, so no later one can be trusted either: all waiting commands are abandoned,
    /// and the connection is reopened.
    func noteMalformedReply() { handle(.lost(.unintelligibleReply)) }

    // MARK: State

    /// The only way in which the state changes.
    func handle(_ event: ConnectionState.Event) {
        let actions = state.handle(
            event, now: loop.now.milliseconds, wall: WallTime(milliseconds: loop.wallMilliseconds))
        if actions.disconnects {
            socket?.close()
            socket = nil
            output.removeAll()
            batch += 1
        }
        if actions.changesAvailability { delegate?.connectionDidChangeAvailability(self) }
        if let trouble = actions.abandonment {
            pace.reset()
            probeTimer?.cancel()
            abandonCommands(because: trouble)
        }
        switch actions.step {
        case .nothing: break
        case .connect: connect()
        case .greet: greet()
        case .ping: ping()
        case .testWrites: delegate?.connectionNeedsWriteTest(self)
        }
        switch actions.timer {
        case .unchanged: break
        case .cancel: stateTimer?.cancel()
        case .schedule(let milliseconds): stateTimer?.schedule(afterMilliseconds: milliseconds)
        }
    }

    /// Abandons all waiting commands. If the connection is kept, the queue stays, so that late replies are discarded
    /// one by one; if it is closed, the queue is emptied.
    private func abandonCommands(because trouble: StoreTrouble) {
        let now = loop.now.milliseconds
        for offset in 0..<queue.count {
            guard let command = queue.abandon(at: offset) else { continue }
            let isTimedOut = trouble == .commandTimedOut && command.deadline <= now
            command.receiver?.finish(command, with: .abandoned(trouble, isTimedOut: isTimedOut), on: self)
        }
        if socket == nil {
            queue.removeAll()
            attachments.removeAll()
        }
        delegate?.connectionDidAbandonCommands(self, because: trouble)
    }

    private func stateTimerFired() {
        handle(.timerFired(isIdle: queue.isEmpty, hasRoom: hasRoomForWrites))
        delegate?.connectionDidProgress(self)
    }

    private func commandTimerFired() {
        isCommandTimerArmed = false
        guard isServing, let first = queue.first else { return }
        let left = first.deadline - loop.now.milliseconds
        if left > 0 {
            isCommandTimerArmed = true
            commandTimer?.schedule(afterMilliseconds: left)
        } else {
            handle(.commandTimedOut)
            delegate?.connectionDidProgress(self)
        }
    }
}
