// The store in Redis, as one worker sees it: one pipelined connection, lookups and writes in the order in which they
// were asked, answers in that order too. This file is the contract's side; beside it stand RedisStore+Connection
// (connecting, and the circuit breaker), +Replies (what a reply means to who waited), +Writing and +LargeRecords.
//
// Redis that is down costs nothing: every call asks the phase first. Redis that hangs costs each request in flight at
// most one time-out.

import Bytes
import CacheStorage
import EventLoop

@safe
package final class RedisStore: RemoteStore {
    /// Where the connection stands. paused → resolving → connecting → greeting → serving; serving ⇄ probing; every one
    /// but closed → paused when the connection fails; every one → closed, which is final.
    enum Phase: BitwiseCopyable {
        case paused, resolving, connecting, greeting, serving
        /// Connected, but the server doesn't answer or is loading: a PING is in flight or due, nothing else is sent.
        case probing
        case closed
    }

    /// What came of the front waiter's bulk string, between its being parsed and its waiter's being served.
    enum Received {
        case nothing, miss, unreadable
        case hit(StoredResponse)
        case large(LargeRead)
    }

    let loop: EventLoop
    let settings: RedisSettings
    let resolver: Resolver?
    let prefix: [UInt8]
    private let lookupStart: [UInt8]

    var phase = Phase.paused
    package internal(set) var state: StoreState
    package internal(set) var figures = RemoteStoreFigures()
    /// Told of every change of `state`, on the loop's thread; for the log. It must not call the store.
    package var stateChanged: ((StoreState) -> Void)?

    var socket: RedisSocket?
    var reader: ReplyReader?
    var output = ByteQueue()
    var waiters = WaiterQueue()
    /// Key texts of the lookups among the waiters, one behind the other.
    var keyTexts = ByteQueue()
    var received = Received.nothing
    var deliveries: [Delivery] = []
    var isDelivering = false
    var scratch: [UInt8] = []

    var largeReads: [LargeRead] = []
    var largeWrites: [LargeWrite] = []
    /// Numbers of lookups that are answered without a command; apart from those of the line.
    var nextLocalTicket: UInt64 = 1 << 63
    var nextUpload = UInt64.random(in: .min ... .max)

    /// Failed attempts since the connection last served.
    var attempts = 0
    var servingSince: Int64 = 0
    /// Writes wait until then (monotonic) after Redis refused one; the pause grows while it goes on refusing.
    var writesResumeAt: Int64 = 0
    var writePause: Int64 = 0

    var commandTimer: LoopTimer?
    var phaseTimer: LoopTimer?
    var isCommandTimerArmed = false
    var resolutions: Mailbox<Resolution>?
    var resolutionSocket: Socket?
    private var isFlushAsked = false
    private var flushAction: () -> Void = {}

    /// Begins to connect at once. To be made and used on the loop's thread, and to be closed before it is let go of.
    /// - Parameter resolver: needed where the place is a host name.
    package init(loop: EventLoop, settings: RedisSettings, resolver: Resolver?) {
        self.loop = loop
        self.settings = settings
        self.resolver = resolver
        prefix = Array(settings.prefix.utf8)
        state = .down(.connecting, since: WallTime(milliseconds: loop.wallMilliseconds))
        let keyCount = prefix.count + CacheKey.hexCount
        lookupStart = Array("*4\r\n$8\r\nGETRANGE\r\n$\(keyCount)\r\n\(settings.prefix)".utf8)
        flushAction = { [weak self] in self?.flush() }
        commandTimer = LoopTimer(loop: loop) { [weak self] in self?.commandTimerFired() }
        phaseTimer = LoopTimer(loop: loop) { [weak self] in self?.phaseTimerFired() }
        connect()
    }

    // MARK: The contract

    package func lookup(
        _ key: CacheKey, keyText: Span<UInt8>, now: WallTime, receiver: any StoreReceiver, token: UInt64
    ) -> LookupStart {
        guard phase == .serving else {
            figures.failures += 1
            return .failed(trouble)
        }
        guard waiters.count < settings.waitingLimit, output.count < settings.outputLimit else {
            figures.refusedLookups += 1
            return .failed(.tooManyWaiting)
        }
        if !largeWrites.isEmpty, let record = recordBeingWritten(key, keyText, now) {
            return .pending(answerAtOnce(with: record, receiver, token))
        }
        output.append(lookupStart)
        for position in 0..<CacheKey.hexCount { output.append(key.hexDigit(at: position)) }
        output.append("\r\n$1\r\n0\r\n$6\r\n131071\r\n")
        keyTexts.append(keyText)
        var waiter = Waiter(command: .lookup, deadline: commandDeadline)
        waiter.key = key
        waiter.keyTextCount = keyText.count
        waiter.token = token
        waiter.now = now
        waiter.receiver = receiver
        return .pending(StoreTicket(number: enlist(waiter)))
    }

    package func cancel(_ ticket: StoreTicket) {
        waiters.update(ticket.number) { if $0.command == .lookup { $0.receiver = nil } }
        if let read = largeReads.first(where: { $0.ticket == ticket.number }) { read.receiver = nil }
        for index in deliveries.indices where deliveries[index].ticket == ticket.number {
            deliveries[index].receiver = nil
        }
    }

    package func store(_ key: CacheKey, _ response: StoredResponse, now: WallTime, holding token: AnyObject?) {
        guard canWrite, response.lengths.keyText <= RecordFormat.pieceCount / 2 else {
            figures.droppedStores += 1
            return
        }
        abandonLargeWrites(of: key)
        if response.discardAt <= now {
            // What stands there is out of date; its successor is too.
            output.command(2)
            output.argument("UNLINK")
            output.argument(key, prefix: prefix)
            enlist(Waiter(command: .ignored, deadline: commandDeadline))
        } else if RecordFormat.headerCount + response.lengths.total <= RecordFormat.pieceCount {
            writeSmall(key, response, life: response.discardAt - now, holding: token)
        } else {
            enqueueLarge(key, response, holding: token)
        }
    }

    package func remove(_ keys: [CacheKey], receiver: (any StoreRemovalReceiver)?, token: UInt64) {
        var uploadsAbandoned = 0
        for key in keys where abandonLargeWrites(of: key) { uploadsAbandoned += 1 }
        guard !keys.isEmpty else { return deliverRemoval(0, nil, receiver, token) }
        guard phase == .serving else { return deliverRemoval(0, trouble, receiver, token) }
        guard waiters.count < settings.waitingLimit, output.count < settings.outputLimit else {
            return deliverRemoval(0, .tooManyWaiting, receiver, token)
        }
        output.command(1 + keys.count)
        output.argument("UNLINK")
        for key in keys { output.argument(key, prefix: prefix) }
        var waiter = Waiter(command: .removal, deadline: commandDeadline)
        waiter.token = token
        waiter.subject = receiver
        waiter.keyCount = keys.count
        waiter.uploadsAbandoned = uploadsAbandoned
        enlist(waiter)
    }

    package func close() {
        guard phase != .closed else { return }
        dropConnection()
        phase = .closed
        setState(.down(.closed, since: wallTime))
        abandonAll(.closed)
        commandTimer = nil
        phaseTimer = nil
        resolutionSocket?.close()
        resolutionSocket = nil
        deliver()
    }

    /// Large records that were accepted and aren't readable by others yet.
    package var uploads: Int { largeWrites.count }

    // MARK: Commands

    var wallTime: WallTime { WallTime(milliseconds: loop.wallMilliseconds) }
    var commandDeadline: Int64 { loop.now.milliseconds + settings.timeoutMilliseconds }

    /// Why the store doesn't serve.
    var trouble: StoreTrouble {
        switch state {
        case .down(let trouble, _), .limited(let trouble, _): trouble
        case .up: .connecting
        }
    }

    /// Puts the sender of the command just written in line; the command goes out at the end of this turn, with all
    /// others of it.
    @discardableResult
    func enlist(_ waiter: consuming Waiter) -> UInt64 {
        let number = waiters.append(waiter)
        if !isCommandTimerArmed {
            isCommandTimerArmed = true
            commandTimer?.schedule(afterMilliseconds: settings.timeoutMilliseconds)
        }
        askForFlush()
        return number
    }

    func askForFlush() {
        guard !isFlushAsked else { return }
        isFlushAsked = true
        loop.atEndOfTurn(flushAction)
    }

    /// Sends what the socket takes; the rest waits until it is writable.
    func flush() {
        isFlushAsked = false
        guard let socket, phase != .connecting, output.count > 0 else { return }
        switch socket.send(output.bytes) {
        case .wrote(let count):
            figures.bytesSent += count
            output.drop(count)
            socket.wait(for: output.count > 0 ? .readAndWrite : .read)
        case .failed:
            lose(.connectionLost)
            deliver()
        }
    }
}

/// The connection's socket; all it knows is whom to call.
final class RedisSocket: Socket {
    weak var store: RedisStore?

    init(loop: EventLoop, descriptor: Int32, store: RedisStore) {
        self.store = store
        super.init(loop: loop, descriptor: descriptor)
    }

    // A store that was let go of without being closed leaves its socket to close itself.
    override func readable() { if let store { store.readable(self) } else { close() } }
    override func writable() { if let store { store.writable(self) } else { close() } }
}
