// A client's HTTP/2 connection (RFC 9113): its streams, what is read and written for them, how long anything is waited for, and
// its end. What comes is noted on the streams first, and handlers hear of it when nghttp2 is done with what was read; what they
// send is gathered and goes out in as few writes as it fits.

import Bytes
import EventLoop
import HTTP2Wire
import HTTPSemantics
import HTTPWire

final class HTTP2Connection: ClientConnection {
    enum Phase: UInt8 {
        case open
        /// No stream is begun any more, and the last has not ended; or the connection is at fault.
        case closing
        /// See ``ClientConnection/beginLingering()``.
        case lingering
    }

    let session: HTTP2Session
    let library: HTTP2Library
    private(set) var streams: [HTTP2Stream] = []
    /// Those to which something has happened that their handlers are still to hear of.
    private var eventful: [HTTP2Stream] = []
    /// Empty but while handlers hear, so that no list is made anew for each turn.
    private var telling: [HTTP2Stream] = []
    /// Those with content that was, or is to be, offered to the client.
    private var sending: [HTTP2Stream] = []
    var phase = Phase.open
    /// The client is told of the shutdown, in two steps; this is when the second is due.
    var shutdownDue: MonotonicTime?
    private(set) var isShuttingDown = false
    private var requests = 0
    private var pace = FramePace()
    private var identifiers = StreamIdentifiers()
    var decodedSize = DecodedSize()
    var unfinished = UnfinishedRequests()
    /// What the client's SETTINGS_INITIAL_WINDOW_SIZE may be.
    var mostInitialWindow = HTTP2Session.largestWindow
    private var scanner = FrameScanner(isServer: true)
    /// Streams that the client has reset in what is being read.
    private var justReset: [Int32] = []
    /// When a header section that has begun, or the client's first frame, is to be whole.
    var headDue: MonotonicTime?
    /// When the client must have acknowledged the settings (RFC 9113 §6.5.3).
    var settingsDue: MonotonicTime?
    /// When a connection without a request has been kept long enough.
    var idleDue: MonotonicTime?
    /// When one without a request lets go of the memory that encryption doesn't need meanwhile.
    var restDue: MonotonicTime?
    /// The client has sent nothing yet.
    private var isNew = true
    /// What the socket hasn't taken, and since when.
    var unsent = UnsentFrames()
    var stuckSince: MonotonicTime?
    /// Streams have more to send, in the socket's next turn.
    private var hasYielding = false
    /// ``run()`` is at work: what is asked for meanwhile is done before it returns.
    var isRunning = false
    private var needsRun = false
    var isBroken = false

    /// Bytes that one write gathers, and that may be left of it.
    private static let writeSize = 64 << 10
    /// Writes of one turn, so that other clients have theirs.
    private static let writesPerTurn = 4
    /// Content that a stream may hold before its handler has taken any (RFC 9113 §5.2).
    private static let streamWindow = 64 << 10
    private static let window = 1 << 20

    init(
        connections: ClientConnections, library: HTTP2Library, session: HTTP2Session, descriptor: Int32,
        peer: PeerAddress
    ) {
        self.library = library
        self.session = session
        super.init(connections: connections, descriptor: descriptor, peer: peer)
        session.attach(to: self)
        session.begin(
            streams: connections.limits.streams, headerList: connections.limits.head.head,
            streamWindow: Self.streamWindow, window: Self.window)
        connections.counters.http2.connections += 1
        headDue = loop.now.advanced(byMilliseconds: connections.limits.headTimeout)
        settingsDue = headDue
        wait(for: .read)
        setDeadline(headDue!)
    }

    /// Takes what was received before the connection was known to be HTTP/2: its preface, and maybe more.
    func begin(_ received: Span<UInt8>) {
        take(received)
        run()
    }

    // MARK: What a worker asks

    override var activeRequests: Int { streams.count }
    override var heldBytes: Int { streams.reduce(unsent.count) { $0 + $1.heldBytes } }

    override func cutOff() {
        for stream in streams where stream.heldBytes > 0 { stream.handler.memoryShort() }
        // What is left is nobody's response any more.
        if heldBytes > 0 { breakOff() }
        run()
    }

    override func stop() {
        for stream in streams where stream.isTold { stream.handler.stopping() }
        session.terminate(.none)
        run()
        if isOpen { breakOff() }
    }

    override func drainBegan() {
        if phase == .lingering { return setDeadline(afterMilliseconds: ClientConnections.drainIdleMilliseconds) }
        beginShutdown()
        run()
    }

    override func reject() {
        session.terminate(.none)
        run()
    }

    /// RFC 9113 §6.8: the client is warned, and after a moment told which streams were the last.
    private func beginShutdown() {
        guard !isShuttingDown, phase == .open else { return }
        isShuttingDown = true
        session.announceShutdown()
        shutdownDue = loop.now.advanced(byMilliseconds: ClientConnections.drainIdleMilliseconds)
        noteDeadline(shutdownDue!)
    }

    // MARK: Reading

    override func readable() {
        if phase == .lingering { return dropInput() }
        switch receive() {
        case .wouldBlock: return
        case .bytes(let count):
            let input = loop.input
            take(input.span(count: count))
            run()
        case .ended, .failed: breakOff()
        }
    }

    private func take(_ bytes: Span<UInt8>) {
        guard !session.isTerminated else { return }
        let isGood = scanner.scan(bytes) { note($0) }
        if !justReset.isEmpty { justReset.removeAll(keepingCapacity: true) }
        if isGood, !session.receive(bytes) { isBroken = true }
        // nghttp2 doesn't say when those end that it ignores.
        if !isNew, !scanner.isWithinHeaders { headDue = nil }
    }

    /// A frame has come, to be read next; false if nothing more is.
    private func note(_ frame: ReceivedFrame) -> Bool {
        if isNew {
            isNew = false
            headDue = nil
            becomeIdle()
        }
        if frame.acknowledgesSettings { settingsDue = nil }
        if frame.isInvalidPriority { return fail(.protocolError) }
        if frame.isReset { justReset.append(frame.stream) }
        // On a stream that is open nghttp2 says so.
        if frame.opensNoWindow, identifiers.wasOpened(frame.stream), !session.hasStream(frame.stream) {
            return fail(.protocolError)
        }
        // nghttp2 ignores it.
        if frame.isData, isEnded(frame.stream) || justReset.contains(frame.stream) { return fail(.streamClosed) }
        guard let cost = frame.cost else { return true }
        return spend(cost)
    }

    /// A frame is being read, in a state that nghttp2 knows; false if nothing more is.
    func takes(_ frame: ReceivedFrame) -> Bool {
        if frame.isHeaders {
            headDue = loop.now.advanced(byMilliseconds: connections.limits.headTimeout)
            noteDeadline(headDue!)
            switch identifiers.place(of: frame.stream) {
            case .new, .foreign:
                // RFC 9113 §6.8: what comes behind the last stream is ignored.
                if isShuttingDown, shutdownDue == nil { identifiers.noteReset(frame.stream) }
                return true
            case .passedOver: return fail(.protocolError)
            case .known: break
            }
        } else if !frame.isContinuation {
            headDue = nil
            if frame.isReset { identifiers.noteEnd(frame.stream) }
        }
        return frame.isHeaders && isEnded(frame.stream) ? fail(.streamClosed) : true
    }

    /// RFC 9113 §5.1: whether the client has ended the stream, as far as what was read so far goes.
    private func isEnded(_ stream: Int32) -> Bool { identifiers.isEnded(stream) && !session.hasStream(stream) }

    func spend(_ cost: FramePace.Kind) -> Bool {
        if cost == .reset { connections.counters.http2.resets += 1 }
        guard !pace.takes(cost, now: loop.now) else { return true }
        switch cost {
        case .reset: connections.counters.http2.resetFloods += 1
        case .control: connections.counters.http2.frameFloods += 1
        }
        return fail(.enhanceYourCalm)
    }

    func fail(_ error: HTTP2Error) -> Bool {
        session.terminate(error)
        return false
    }

    /// A frame is not what it may be: its stream is reset, or the connection ends.
    /// - Parameter isRefusal: it would open one stream too many.
    func receivedInvalidFrame(on stream: Int32, isRefusal: Bool) {
        headDue = nil
        identifiers.noteReset(stream)
        if isRefusal || streams.count >= connections.limits.streams {
            connections.counters.http2.streamsRefused += 1
            // Each makes nghttp2 keep a RST_STREAM until the client reads.
            if isRefusal { _ = spend(.control) }
        } else {
            connections.counters.http2.faults += 1
        }
    }

    /// A stream was reset.
    /// - Parameter isFault: for what the client sent on it, and not by a handler.
    func sentReset(_ stream: Int32, isFault: Bool) {
        // The client may have been first.
        if session.hasStream(stream) { identifiers.noteReset(stream) }
        if isFault { _ = spend(.reset) }
    }

    // MARK: Streams

    /// Nil where it is refused: as many are open as may be (RFC 9113 §5.1.2).
    func open(_ identifier: Int32) -> HTTP2Stream? {
        let limit = connections.limits.streams
        // Those that were closed in what is being read don't count, though nobody has heard of that yet.
        guard streams.count < limit || streams.count(where: { !$0.isClosed }) < limit else {
            refuse(identifier)
            return nil
        }
        idleDue = nil
        restDue = nil
        let stream = connections.takeHTTP2Stream()
        stream.open(identifier, on: self)
        stream.place = streams.count
        streams.append(stream)
        return stream
    }

    /// One more request; beyond the limit the client is asked for another connection.
    func countRequest() {
        requests += 1
        connections.counters.requests += 1
        connections.counters.http2.requests += 1
        guard requests >= connections.limits.requestsPerConnection, !isShuttingDown else { return }
        connections.counters.requestsPerConnectionReached += 1
        beginShutdown()
    }

    /// The socket's next turn is the stream's too.
    func noteYielding() {
        hasYielding = true
        wait(for: .readAndWrite)
    }

    func note(_ stream: HTTP2Stream) { eventful.append(stream) }
    func noteSending(_ stream: HTTP2Stream) { sending.append(stream) }

    /// The stream's request is over, and its handler has been told.
    func release(_ stream: HTTP2Stream) {
        session.forget(stream.identifier)
        let last = streams.removeLast()
        if last !== stream {
            streams[stream.place] = last
            last.place = stream.place
        }
        // Where it is still listed as one with news, it has none once it is reset.
        connections.release(stream)
        if streams.isEmpty { becomeIdle() }
    }

    func responded() { pace.responded() }

    /// Resets a stream. What is on its way on it is ignored.
    func reset(_ identifier: Int32, _ error: HTTP2Error) {
        identifiers.noteReset(identifier)
        session.reset(identifier, error)
    }

    // MARK: Running

    /// Tells handlers what has happened, and sends what there is to be sent, until neither leads to more of the other.
    func run() {
        guard !isRunning else {
            needsRun = true
            return
        }
        guard isOpen, phase != .lingering else { return }
        isRunning = true
        var writes = 0
        repeat {
            needsRun = false
            while !eventful.isEmpty {
                swap(&eventful, &telling)
                for stream in telling { stream.tellHandler(self) }
                telling.removeAll(keepingCapacity: true)
            }
            guard isOpen else { break }
            if session.isTerminated { endStreams() }
            if writes < Self.writesPerTurn, unsent.isEmpty, session.wantsToWrite {
                writes += 1
                needsRun = write()
            }
            settleSending()
        } while isOpen && !isBroken && (needsRun || !eventful.isEmpty)
        isRunning = false
        settle()
    }

    /// Frames as they fit one write; false if the socket doesn't take them all, or there are no more.
    private func write() -> Bool {
        switch session.send(over: self, by: library, limit: Self.writeSize, rest: &unsent) {
        case .nothing: return false
        case .all(let count):
            connections.counters.bytesSent += count
            return true
        case .some(let count):
            connections.counters.bytesSent += count
            connections.memory.hold(unsent.heldCount)
            stuckSince = loop.now
        case .failed: isBroken = true
        }
        return false
    }

    /// Appends a DATA frame; false if what is gathered is enough for one write.
    func write(content count: Int, of stream: HTTP2Stream, behind header: Span<UInt8>) -> Bool {
        guard library.output.count < Self.writeSize else { return false }
        library.output.append(header)
        stream.moveContent(count, to: library)
        if stream.queue.isEmpty { pace.sentPiece(count) } else { pace.sent(count) }
        return true
    }

    /// Which streams wait for the client now.
    private func settleSending() {
        if sending.isEmpty { return }
        swap(&sending, &telling)
        for stream in telling {
            stream.isSending = false
            stream.offeredContent()
        }
        telling.removeAll(keepingCapacity: true)
    }

    /// What the connection waits for, or how it ends.
    private func settle() {
        guard isOpen else { return }
        if isBroken { return breakOff() }
        let isStuck = !unsent.isEmpty
        if !isStuck, !session.wantsToWrite, !session.wantsToRead { return finish() }
        wait(for: isStuck || hasYielding || session.wantsToWrite ? .readAndWrite : .read)
        if isStuck { noteDeadline(writeDue) }
    }

    var writeDue: MonotonicTime {
        (stuckSince ?? loop.now).advanced(byMilliseconds: connections.limits.writeTimeout)
    }

    override func writable() {
        guard phase != .lingering else { return }
        if !unsent.isEmpty {
            let held = unsent.heldCount
            guard let count = unsent.send(over: self) else { return breakOff() }
            connections.counters.bytesSent += count
            if count > 0 { stuckSince = loop.now }
            if !unsent.isEmpty { return noteDeadline(writeDue) }
            connections.memory.hold(-held)
            stuckSince = nil
        }
        if hasYielding {
            hasYielding = false
            for stream in streams where stream.isYielding { stream.endYielding() }
        }
        run()
    }

    override func deadlinePassed() { timeIsUp() }
}
