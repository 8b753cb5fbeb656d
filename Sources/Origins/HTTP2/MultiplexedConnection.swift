// A connection to an address of a server that carries many requests at once (RFC 9113): it is opened, encrypted, and found to speak
// HTTP/2 or not; then it reads and writes for its streams. What comes is noted on the streams first, and their users hear of it when
// nghttp2 is done with what was read; what they send is gathered and goes out in as few writes as it fits.

import Bytes
import EventLoop
import Glibc
import HTTP2Wire
import HTTPWire
import TLS

/// Used only on one worker's thread.
final class MultiplexedConnection: Socket {
    let endpoint: Endpoint
    let server: OriginServer
    let opened: MonotonicTime
    let isHTTPS: Bool
    /// Maximum number of streams at once.
    let mostStreams: Int
    private(set) var phase = Phase.connecting
    /// Nil once it is closed, so that there is no reference cycle.
    private var owner: (any MultiplexedOwner)?
    private(set) var session: HTTP2Session!
    private let library: HTTP2Library
    let counters: StreamCounters
    private(set) var streams: [OriginStream] = []
    /// TLS, before it is used; nil for none, or once it is in use.
    private var unusedChannel: TLSChannel?
    /// Whether it has carried a response.
    private(set) var isReused = false

    private var incoming = IncomingFrames(window: streamWindow)
    /// Those to which something has happened that their users are still to hear of.
    private var eventful: [OriginStream] = []
    private var telling: [OriginStream] = []
    /// ``run()`` is at work: what is asked for meanwhile is done before it returns.
    private var isRunning = false
    private var needsRun = false
    private var isRunDue = false
    private(set) var isBroken = false
    /// The server's SETTINGS have yet to come.
    var awaitsSettings = true
    /// There are streams that wait until the server takes them.
    var hasHeldStreams = false
    /// What the socket hasn't taken.
    private var unsent = UnsentFrames()

    /// When the server last sent anything.
    private(set) var lastHeard: MonotonicTime
    /// When the answer to a PING, or to SETTINGS, is due.
    var pingDue: MonotonicTime?
    /// When it is closed though the server hasn't been told.
    var goodbyeDue: MonotonicTime?
    var settingsDue: MonotonicTime?
    /// Set by the owner.
    var keepalive = Keepalive(milliseconds: 0, count: 0, maximumAge: 0, nameLifetime: 0)
    /// When it has been idle, or open, for long enough.
    var idleDue: MonotonicTime?

    /// Bytes that one write gathers, and that may be left of it.
    private static let writeSize = 64 << 10
    /// Writes of one turn, so that other connections have theirs.
    private static let writesPerTurn = 4
    /// Content that a stream may hold before its user has taken any (RFC 9113 §5.2).
    private static let streamWindow = 128 << 10
    /// Of all streams together: large, as each has a bound of its own and none is to hold back the others.
    private static let window = 16 << 20

    init(
        loop: EventLoop, descriptor: Int32, endpoint: Endpoint, server: OriginServer, channel: TLSChannel?,
        mostStreams: Int, library: HTTP2Library, counters: StreamCounters, owner: any MultiplexedOwner
    ) {
        self.endpoint = endpoint
        self.server = server
        self.mostStreams = mostStreams
        self.library = library
        self.counters = counters
        self.owner = owner
        isHTTPS = channel != nil
        unusedChannel = channel
        opened = loop.now
        lastHeard = loop.now
        super.init(loop: loop, descriptor: descriptor)
    }

    // MARK: Coming about

    /// Its owner and its streams hear of what comes of it in a later turn, never in this one.
    func begin() { wait(for: .write) }

    private func connectingEnded() {
        let code = pendingError()
        if code == 0 { beginSecuring() } else { refuseStreams(.refused(code)) }
    }

    private func beginSecuring() {
        guard let channel = unusedChannel else { return beginHTTP2() }
        unusedChannel = nil
        phase = .securing
        secure(by: channel)
        goOnSecuring()
    }

    private func goOnSecuring() {
        switch handshake() {
        case .wouldBlock: wait(for: .read)
        case .failed(let fault): refuseStreams(.insecure(fault))
        case .done where channel?.applicationProtocol == "h2": beginHTTP2()
        case .done: becomeHTTP1()
        }
    }

    private func becomeHTTP1() {
        phase = .closed
        let channel = self.channel
        let owner = self.owner
        self.owner = nil
        owner?.connectionSpeaksHTTP1(self, handOver(), channel)
    }

    private func beginHTTP2() {
        guard let session = HTTP2Session(.client, library) else { return refuseStreams(.refused(ENOMEM)) }
        session.attach(to: self)
        self.session = session
        phase = .open
        counters.connections += 1
        session.beginClient(
            headerList: headLimits.head, streamWindow: Self.streamWindow, window: Self.window)
        lastHeard = loop.now
        settingsDue = loop.now.advanced(byMilliseconds: Self.settingsMilliseconds)
        noteDeadline(settingsDue!)
        for stream in streams { hold(stream) }
        run()
    }

    private func refuseStreams(_ failure: OriginStream.NoConnection) {
        guard phase != .closed else { return }
        phase = .closed
        closeForOwner()
        for stream in takeStreams() { stream.refuse(failure) }
    }

    /// All streams, which are not its own any more.
    func takeStreams() -> [OriginStream] {
        defer { streams = [] }
        return streams
    }

    // MARK: Streams

    func addStream(for user: any OriginStreamUser) -> OriginStream {
        let stream = OriginStream(on: self, isReused: isReused, user: user)
        if isHeldUp { hold(stream) }
        streams.append(stream)
        idleDue = nil
        // From here on it is to be heard of.
        if streams.count == 1 {
            lastHeard = loop.now
            noteDeadline(lastHeard.advanced(byMilliseconds: Self.silenceMilliseconds))
        }
        return stream
    }

    /// Sends a request's head.
    /// - Returns: the identifier of the stream; nil where the server takes no more.
    func request(_ lines: Span<UInt8>, hasContent: Bool, of stream: OriginStream) -> Int32? {
        guard phase == .open, !isBroken, !session.isTerminated else { return nil }
        counters.requests += 1
        let identifier = session.request(library, lines, isHTTPS: isHTTPS, hasContent: hasContent, stream: stream)
        // Its identifiers are used up (RFC 9113 §5.1.1).
        if identifier == nil { leave() }
        return identifier
    }

    func note(_ stream: OriginStream) {
        eventful.append(stream)
        runAtEndOfTurn()
    }

    func cancel(_ identifier: Int32) {
        counters.cancellations += 1
        incoming.cancelled()
        session.forget(identifier)
        session.reset(identifier, .cancel)
        runAtEndOfTurn()
    }

    /// The stream's user is done with it.
    func release(_ stream: OriginStream) {
        guard let place = streams.firstIndex(where: { $0 === stream }) else { return }
        streams.remove(at: place)
        if stream.identifier != 0 { session.forget(stream.identifier) }
        if streams.isEmpty { emptied() }
    }

    private func emptied() {
        switch phase {
        // Nobody waits for it any more.
        case .connecting, .securing: abandon()
        case .open where awaitsSettings: abandon()
        case .open: owner?.connectionBecameIdle(self)
        case .leaving: end()
        case .closed: break
        }
    }

    /// Begins no more streams on it.
    func leave() {
        guard phase == .open else { return }
        phase = .leaving
        loseHeldStreams()
        if streams.isEmpty { end() }
    }

    /// Says goodbye (RFC 9113 §6.8) and closes.
    func end() {
        guard phase == .open || phase == .leaving else { return abandon() }
        session.terminate(.none)
        goodbyeDue = loop.now.advanced(byMilliseconds: Self.goodbyeMilliseconds)
        noteDeadline(goodbyeDue!)
        runAtEndOfTurn()
    }

    /// Closes at once. Streams that are left have lost it.
    func abandon() {
        guard phase != .closed else { return }
        phase = .closed
        isBroken = true
        unsent.removeAll()
        closeForOwner()
        for stream in streams { stream.lost() }
        if !isRunning { tellUsers() }
    }

    private func closeForOwner() {
        let owner = self.owner
        self.owner = nil
        close()
        owner?.connectionClosed(self)
    }

    // MARK: Reading

    override func readable() {
        switch phase {
        case .connecting, .closed: return
        case .securing: return goOnSecuring()
        case .open, .leaving: break
        }
        switch receive() {
        case .wouldBlock: return
        case .bytes(let count):
            lastHeard = loop.now
            pingDue = nil
            let input = loop.input
            take(input.span(count: count))
            placeHeldStreams()
        case .ended, .failed: isBroken = true
        }
        run()
    }

    private func take(_ bytes: Span<UInt8>) {
        guard !session.isTerminated else { return }
        switch incoming.look(at: bytes, now: loop.now, isOpen: { session.hasStream($0) }) {
        case .good: if !session.receive(bytes) { isBroken = true }
        case .pushes:
            counters.faults += 1
            session.terminate(.protocolError)
        case .flood:
            counters.floods += 1
            session.terminate(.enhanceYourCalm)
        }
    }

    // MARK: What nghttp2 calls

    var headLimits: HeadLimits { owner?.headLimits ?? HeadLimits() }

    /// RFC 9113 §6.8: streams that the server won't process end as such.
    func receivedGoAway() {
        if phase == .open { phase = .leaving }
        loseHeldStreams()
    }

    func receivedInvalidFrame() { counters.faults += 1 }

    /// A request that was to go out can't.
    func notSent(_ identifier: Int32) {
        for stream in streams where stream.identifier == identifier { stream.closed(.refused) }
    }

    func responded() {
        isReused = true
        incoming.responded()
    }

    /// Appends a DATA frame; false if what is gathered is enough for one write.
    func write(content count: Int, of stream: OriginStream, behind header: Span<UInt8>) -> Bool {
        guard library.output.count < Self.writeSize else { return false }
        library.output.append(header)
        stream.moveContent(count, to: &library.output)
        incoming.sent(count)
        return true
    }

    /// The content ends: whether trailers follow it.
    func sendTrailers(of stream: OriginStream) -> Bool {
        let trailers = stream.requestTrailers
        guard !trailers.isEmpty else { return false }
        session.trailers(on: stream.identifier, library, trailers.span)
        return true
    }

    // MARK: Running

    /// Once, however many streams ask.
    func runAtEndOfTurn() {
        if isRunning { needsRun = true }
        guard !isRunning, !isRunDue else { return }
        isRunDue = true
        loop.atEndOfTurn { [self] in
            isRunDue = false
            run()
        }
    }

    /// Tells users what has happened, and sends what there is to be sent, until neither leads to more of the other.
    func run() {
        guard !isRunning, phase == .open || phase == .leaving else { return tellUsers() }
        isRunning = true
        var writes = 0
        repeat {
            needsRun = false
            tellUsersOnce()
            guard isOpen else { break }
            if writes < Self.writesPerTurn, unsent.isEmpty, session.wantsToWrite {
                writes += 1
                if write() { needsRun = true }
            }
        } while isOpen && !isBroken && (needsRun || !eventful.isEmpty)
        isRunning = false
        settle()
    }

    private func tellUsers() {
        guard !isRunning else { return }
        isRunning = true
        while !eventful.isEmpty { tellUsersOnce() }
        isRunning = false
    }

    private func tellUsersOnce() {
        swap(&eventful, &telling)
        for stream in telling { stream.tellUser() }
        telling.removeAll(keepingCapacity: true)
    }

    /// Frames as they fit one write; false if the socket doesn't take them all, or there are no more.
    private func write() -> Bool {
        switch session.send(over: self, by: library, limit: Self.writeSize, rest: &unsent) {
        case .nothing, .some: return false
        case .all: return true
        case .failed:
            isBroken = true
            return false
        }
    }

    /// What the connection waits for, or how it ends.
    private func settle() {
        guard isOpen else { return tellUsers() }
        let isStuck = !unsent.isEmpty
        if isBroken || !isStuck && !session.wantsToWrite && !session.wantsToRead { return abandon() }
        wait(for: isStuck || session.wantsToWrite ? .readAndWrite : .read)
        if phase == .leaving, streams.isEmpty, !session.isTerminated { end() }
    }

    override func writable() {
        switch phase {
        case .connecting: return connectingEnded()
        case .securing, .closed: return
        case .open, .leaving: break
        }
        if !unsent.isEmpty {
            if unsent.send(over: self) == nil {
                isBroken = true
                unsent.removeAll()
            }
            if !unsent.isEmpty { return }
        }
        run()
    }

    override func deadlinePassed() { timeIsUp() }
}
