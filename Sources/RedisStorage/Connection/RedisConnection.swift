// One pipelined connection to a Redis server: commands go out in the order in which they were written, all of a turn in
// one send; replies come back in that order, and each is given to whoever sent its command. It doesn't know what the
// commands are about: no records, no keys.
//
// This file is what its users see, and sending. Beside it: RedisConnection+Opening (address, socket, greeting) and
// RedisConnection+Replies. What has to happen when something fails is decided in ConnectionState.

import Bytes
import CacheStorage
import EventLoop

/// Told about a connection as a whole, on its thread.
protocol RedisConnectionDelegate: AnyObject {
    /// `availability` has changed. The connection must not be used from here.
    func connectionDidChangeAvailability(_ connection: RedisConnection)
    /// All waiting commands have just been told that nothing will come. More must not be sent from here.
    func connectionDidAbandonCommands(_ connection: RedisConnection, because trouble: StoreTrouble)
    /// Outcomes were given to receivers, or there is room to send. From here users of users may be called.
    func connectionDidProgress(_ connection: RedisConnection)
    /// Writes were refused a while ago, and nothing shows whether they are taken again: a harmless one should be sent.
    func connectionNeedsWriteTest(_ connection: RedisConnection)
}

/// Used on its loop's thread. After `open` it keeps itself connected until `close`, which has to be called before it is
/// let go of.
final class RedisConnection {
    let loop: EventLoop
    let settings: RedisSettings
    let resolver: Resolver?
    weak var delegate: (any RedisConnectionDelegate)?

    private(set) var state: ConnectionState
    /// Commands that haven't been sent yet. A sender appends a whole command, then calls `expectReply`.
    var output = ByteQueue()
    var queue = CommandQueue()
    /// What senders attached to the commands in the queue, in the same order.
    var attachments = ByteQueue()
    var socket: RedisSocket?
    var reader: ReplyReader?
    var resolutions: Mailbox<Resolution>?
    var resolutionSocket: Socket?

    private(set) var bytesSent = 0
    var bytesReceived = 0
    var errorReplies = 0

    private var commandTimer: LoopTimer?
    private var stateTimer: LoopTimer?
    private var isCommandTimerArmed = false
    private var isFlushScheduled = false
    private var flushAction: () -> Void = {}

    /// - Parameter resolver: needed where the server is given by a host name.
    init(loop: EventLoop, settings: RedisSettings, resolver: Resolver?) {
        self.loop = loop
        self.settings = settings
        self.resolver = resolver
        let timing = ConnectionState.Timing(
            connect: settings.connectTimeoutMilliseconds, hang: settings.hangMilliseconds,
            shortestPause: settings.shortestPauseMilliseconds, longestPause: settings.longestPauseMilliseconds)
        state = ConnectionState(
            timing: timing, wall: WallTime(milliseconds: loop.wallMilliseconds), seed: .random(in: .min ... .max))
        flushAction = { [weak self] in self?.flush() }
        commandTimer = LoopTimer(loop: loop) { [weak self] in self?.commandTimerFired() }
        stateTimer = LoopTimer(loop: loop) { [weak self] in self?.stateTimerFired() }
    }

    /// Begins to connect. Called once.
    func open() { handle(.opened) }

    /// Final. All who wait are told `closed`.
    func close() {
        guard state.phase != .closed else { return }
        handle(.closed)
        commandTimer = nil
        stateTimer = nil
        resolutionSocket?.close()
        resolutionSocket = nil
        delegate?.connectionDidProgress(self)
    }

    // MARK: Whether to send

    /// Whether commands may be sent: the server is there and replies in time.
    var isServing: Bool { state.phase == .serving }

    /// Whether the bounds on waiting commands and bytes leave room for one more.
    var hasRoom: Bool { queue.count < settings.waitingLimit && output.count < settings.outputLimit }

    /// Whether a write may be begun now. Writes leave half of the output to reads.
    var takesWrites: Bool { state.takesWrites(at: loop.now.milliseconds) && hasRoomForWrites }

    private var hasRoomForWrites: Bool {
        output.count < settings.outputLimit / 2 && queue.count < settings.waitingLimit
    }

    // MARK: Sending

    /// To be called after a command was appended to `output`. It goes out at the end of this turn, with all others of
    /// it, and must be replied to within `timeoutMilliseconds`.
    /// - Parameter receiver: told the outcome, once, and held until then. Nil where nobody minds.
    /// - Parameter tag, subject: given back with the outcome.
    func expectReply(
        for receiver: (any CommandReceiver)?, tag: UInt64 = 0, subject: AnyObject? = nil,
        role: PendingCommand.Role = .ordinary
    ) {
        enqueue(PendingCommand(role: role, receiver: receiver, tag: tag, subject: subject))
    }

    /// As above. A copy of `attachment` is kept with the command, and lent to the receiver when a bulk string comes.
    func expectReply(
        for receiver: any CommandReceiver, tag: UInt64, attachment: Span<UInt8>, role: PendingCommand.Role
    ) {
        attachments.append(attachment)
        enqueue(PendingCommand(role: role, receiver: receiver, tag: tag, attachmentCount: attachment.count))
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

    /// Sends what the socket takes; the rest waits until it is writable.
    func flush() {
        isFlushScheduled = false
        guard let socket, state.phase != .connecting, output.count > 0 else { return }
        switch socket.send(output.bytes) {
        case .wrote(let count):
            bytesSent += count
            output.consume(count)
            socket.wait(for: output.count > 0 ? .readAndWrite : .read)
        case .failed:
            handle(.lost(.connectionLost))
            delegate?.connectionDidProgress(self)
        }
    }

    // MARK: What users report

    /// A write has succeeded. Ends the state in which writes are held back.
    func noteWriteTaken() { handle(.writeTaken) }

    /// A reply can't be the one to its command, so none of those behind it can be trusted either.
    func noteMalformedReply() { handle(.lost(.unintelligibleReply)) }

    // MARK: State

    /// The one way in which the state changes.
    func handle(_ event: ConnectionState.Event) {
        let actions = state.handle(
            event, now: loop.now.milliseconds, wall: WallTime(milliseconds: loop.wallMilliseconds))
        if actions.disconnects {
            socket?.close()
            socket = nil
            output.removeAll()
        }
        if actions.changesAvailability { delegate?.connectionDidChangeAvailability(self) }
        if let trouble = actions.abandonment { abandonCommands(because: trouble) }
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

    /// Tells all who wait that nothing will come. Where the connection is kept, the queue stays, so that late replies
    /// are discarded one by one; where it is gone, the queue goes with it.
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
