// A client's HTTP/1 connection: its requests one after another, each parsed from the loop's shared input buffer, pipelined
// ones answered in order. Idle, it owns nothing but itself. What is answered is a stream's and its handler's affair.

import Bytes
import EventLoop
import HTTP2Wire
import HTTPSemantics
import HTTPWire

final class HTTP1Connection: ClientConnection {
    enum Phase: UInt8 {
        /// Before the first request: the header that names the client is to come.
        case receivingProxyHeader
        /// Before the first request: the handshake of TLS.
        case securing
        /// Between two requests, or within a head.
        case receivingHead
        case inRequest
        /// The last response is sent; what the client still sends is read and dropped, so that a reset doesn't overtake
        /// the response (RFC 9112 §9.6).
        case lingering
    }

    /// By which its handshake ends.
    var handshakeNumber = -1
    /// Idle for so long that its encryption's memory was let go of.
    var isResting = false
    var stream: HTTP1Stream?
    /// Received and not yet used: a part of a head, or what came after a request that is in progress.
    private var kept: [UInt8] = []
    var requests: Int32 = 0
    var phase = Phase.receivingHead
    /// Whether the last request was answered from the input buffer, and what follows its head is still there alone.
    private var endedInPlace = false
    private var isProcessing = false
    private var hasPartialHead = false
    private var hasPeerEnded = false
    /// The client may begin with the preface of HTTP/2.
    var takesPreface = false
    /// It might have, and has sent no request yet.
    private var awaitsHTTP = false

    /// More than this of pipelined requests isn't read ahead.
    private static let aheadLimit = 64 << 10

    override init(connections: ClientConnections, descriptor: Int32, peer: PeerAddress) {
        super.init(connections: connections, descriptor: descriptor, peer: peer)
        wait(for: .read)
        setDeadline(afterMilliseconds: connections.limits.headTimeout)
    }

    override func expectProxyHeader() { phase = .receivingProxyHeader }

    /// What is idle, within a head, or only lingering has a moment.
    override func drainBegan() {
        if phase != .inRequest { setDeadline(afterMilliseconds: ClientConnections.drainIdleMilliseconds) }
    }

    override var activeRequests: Int {
        (phase == .receivingHead && kept.isEmpty && stream == nil) || phase == .receivingProxyHeader
            || phase == .securing ? 0 : 1
    }

    override var heldBytes: Int { stream?.heldBytes ?? 0 }

    override func cutOff() { stream?.handler.memoryShort() }

    override func stop() {
        if phase == .inRequest { stream?.handler.stopping() }
        if isOpen { leave() }
    }

    /// Whether the response in the making is this connection's last.
    var mustClose: Bool {
        connections.isDraining || Int(requests) >= connections.limits.requestsPerConnection
            || hasPeerEnded && kept.isEmpty
    }

    // MARK: Requests

    override func readable() {
        switch phase {
        case .receivingProxyHeader: readProxyHeader()
        case .securing: if connections.takesHandshakeStep() { goOnSecuring() }
        case .receivingHead: readRequests()
        case .inRequest: stream?.readable()
        case .lingering: dropInput()
        }
    }

    /// The time for a head, which began when the connection was accepted, is the time for this header too.
    private func readProxyHeader() {
        let before = kept.count
        restoreKept()
        switch receive(after: before) {
        case .wouldBlock: return
        case .failed: leave()
        // Some health checks only connect.
        case .ended: if before == 0 { leave() } else { refuseProxyHeader() }
        case .bytes(let count):
            let total = before + count
            kept = []
            let input = loop.input
            let bytes = input.span(count: total)
            switch ProxyHeader.read(bytes) {
            case .incomplete: kept = bytes.copied()
            case .invalid: refuseProxyHeader()
            case .complete(let header):
                if case .named(let client) = header.client { peer = client }
                phase = .receivingHead
                setDeadline(afterMilliseconds: connections.limits.headTimeout)
                if let security = traits?.security {
                    return beginSecuring(by: security, after: bytes.extracting(header.length...))
                }
                if header.length < total { process(count: total, from: header.length, wasIdle: true) }
            }
        }
    }

    /// Nobody is told over this connection: what comes isn't known to be HTTP, nor from whom.
    private func refuseProxyHeader() {
        connections.counters.proxyHeadersRefused += 1
        connections.proxyHeaderRefused?(peer)
        kept = []
        leave()
    }

    private func readRequests() {
        let before = kept.count
        restoreKept()
        switch receive(after: before) {
        case .wouldBlock: return
        case .bytes(let count):
            kept.removeAll(keepingCapacity: before > 0)
            process(count: before + count, wasIdle: !hasPartialHead)
        case .ended, .failed: leave()
        }
    }

    /// Puts what was kept at the front of the input buffer.
    private func restoreKept() {
        let kept = self.kept
        if !kept.isEmpty { loop.input.restore(kept.span) }
    }

    /// Takes requests from the first `count` bytes of the input buffer until one has to wait.
    /// - Parameters:
    ///   - first: where the first one begins.
    ///   - wasIdle: the time between two requests runs already.
    private func process(count total: Int, from first: Int = 0, wasIdle: Bool) {
        if takesPreface, readPreface(count: total, from: first) { return }
        var count = total
        var start = first
        var isIdle = wasIdle
        isProcessing = true
        defer { isProcessing = false }
        while start < count && isOpen && phase == .receivingHead {
            let stream = self.stream ?? connections.takeStream()
            self.stream = stream
            let input = loop.input
            let bytes = input.span(count: count).extracting(start...)
            do throws(WireError) {
                guard try stream.message.head.parse(bytes, limits: connections.limits.head) else {
                    if let skipped = stream.message.head.emptyLinesLength {
                        return stayIdle(keeping: bytes.copied(from: skipped), isIdle: isIdle)
                    }
                    // The deadline is for the whole head, from its first byte on.
                    if !hasPartialHead { setDeadline(afterMilliseconds: connections.limits.headTimeout) }
                    hasPartialHead = true
                    kept = bytes.copied()
                    wait(for: .read)
                    return
                }
            } catch {
                hasPartialHead = false
                if awaitsHTTP, HTTP2Preface.isNoHTTP(bytes) { return refusePreface() }
                requests &+= 1
                phase = .inRequest
                stream.beginMalformed(on: self, error, bytes)
                return
            }
            hasPartialHead = false
            awaitsHTTP = false
            isIdle = false
            requests &+= 1
            phase = .inRequest
            let length = stream.message.head.length
            stream.begin(on: self, start: start, end: count)
            guard isOpen, phase == .receivingHead else { return }
            if endedInPlace {
                start += length
            } else {
                // Its content, if it had any, has been taken: what follows is what is kept, which may be nothing.
                restoreKept()
                count = kept.count
                start = 0
                kept.removeAll(keepingCapacity: true)
            }
        }
        if isOpen && phase == .receivingHead { becomeIdle() }
    }

    /// RFC 9113 §3.3: whether the client speaks HTTP/2, which goes on elsewhere, or more is needed to tell.
    private func readPreface(count: Int, from start: Int) -> Bool {
        let input = loop.input
        let bytes = input.span(count: count).extracting(start...)
        switch HTTP2Preface.match(bytes) {
        case .none:
            (takesPreface, awaitsHTTP) = (false, true)
            return false
        case .beginning:
            hasPartialHead = true
            kept = bytes.copied()
        case .whole:
            kept = []
            connections.becomeHTTP2(self, received: bytes)
        }
        return true
    }

    /// RFC 9113 §3.4: what begins neither as HTTP/1 nor as HTTP/2 does is a connection error, of which GOAWAY may be omitted.
    private func refusePreface() {
        if let stream {
            self.stream = nil
            connections.release(stream)
        }
        connections.counters.http2.faults += 1
        phase = .lingering
        shutDownSending()
        beginLingering()
    }

    /// Empty lines begin no request (RFC 9112 §2.2): neither a head's time runs, nor does the one between requests anew.
    /// - Parameter rest: what may be the first half of another one.
    private func stayIdle(keeping rest: [UInt8], isIdle: Bool) {
        if let stream {
            self.stream = nil
            connections.release(stream)
        }
        if !isIdle { becomeIdle() }
        if isOpen { kept = rest }
    }

    private func becomeIdle() {
        if !kept.isEmpty { return }
        kept = []
        if hasPeerEnded { return leave() }
        wait(for: .read)
        if channel != nil { return awaitRest() }
        // A response that began before the drain didn't say that it was the last: a request may be on its way.
        setDeadline(
            afterMilliseconds: connections.isDraining
                ? ClientConnections.drainIdleMilliseconds : connections.limits.idleTimeout)
    }

    override func reject() {
        let stream = connections.takeStream()
        self.stream = stream
        phase = .inRequest
        stream.beginRejected(on: self)
    }

    // MARK: What a stream asks of its connection

    /// Keeps bytes that follow the request's head: content, or the next request.
    func keep(_ bytes: Span<UInt8>) { kept.append(bytes) }

    /// What was kept, for the request in progress to take its content from.
    func takeKept() -> [UInt8] {
        let taken = kept
        kept = []
        return taken
    }

    /// How many bytes more may be read ahead of their use.
    var roomAhead: Int { Self.aheadLimit - kept.count }

    /// Pipelined bytes; reading pauses when there are many.
    func keepAhead(_ bytes: Span<UInt8>) {
        kept.append(bytes)
        if kept.count >= Self.aheadLimit { wait(for: .none) }
    }

    /// The client has closed its sending side: it may still read.
    func peerEnded() {
        hasPeerEnded = true
        if interest == .read { wait(for: .none) } else if interest == .readAndWrite { wait(for: .write) }
    }

    /// - Parameter end: when the client will have sent too little.
    func awaitContent(until end: MonotonicTime?) {
        wait(for: .read)
        let next = loop.now.advanced(byMilliseconds: connections.limits.readTimeout)
        setDeadline(end.map { min($0, next) } ?? next)
    }

    /// - Parameter reads: what the client sends meanwhile is read as well.
    func awaitRoom(reads: Bool) {
        wait(for: reads && !hasPeerEnded ? .readAndWrite : .write)
        setDeadline(afterMilliseconds: connections.limits.writeTimeout)
    }

    func pauseReading() {
        if interest == .read { wait(for: .none) }
        clearDeadline()
    }

    /// The next move is the origin's or the store's; a client that closes is noticed.
    func awaitNothing() {
        clearDeadline()
        wait(for: hasPeerEnded || kept.count >= Self.aheadLimit ? .none : .read)
    }

    // MARK: Ends

    /// A response is sent.
    /// - Parameter ends: no further request is taken.
    func streamEnded(_ ended: HTTP1Stream, ends: Bool) {
        endedInPlace = !ended.message.isDetached
        stream = nil
        connections.release(ended)
        phase = .receivingHead
        if ends {
            if Int(requests) >= connections.limits.requestsPerConnection {
                connections.counters.requestsPerConnectionReached += 1
            }
            kept = []
            return linger()
        }
        guard !isProcessing else { return }
        if kept.isEmpty { return becomeIdle() }
        // Not from within the response before: a row of pipelined requests would nest as deep as it is long.
        loop.atEndOfTurn { [self] in processKept() }
    }

    private func processKept() {
        guard isOpen, phase == .receivingHead, !kept.isEmpty, !isProcessing else { return }
        restoreKept()
        let count = kept.count
        kept.removeAll(keepingCapacity: true)
        process(count: count, wasIdle: false)
    }

    /// The response can't be sent, or can't be completed.
    func streamBroke(_ broken: HTTP1Stream) {
        stream = nil
        connections.release(broken)
        leave()
    }

    private func linger() {
        guard isOpen else { return leave() }
        phase = .lingering
        shutDownSending()
        if hasPeerEnded { return leave() }
        beginLingering()
    }

    /// Closes the connection and forgets it. A request is not in progress, or has been told.
    override func leave() {
        endSecuring()
        if let stream {
            self.stream = nil
            connections.release(stream)
        }
        super.leave()
    }

    override func writable() {
        guard phase == .inRequest else { return }
        stream?.writable()
    }

    override func deadlinePassed() {
        switch phase {
        case .lingering: leave()
        case .receivingProxyHeader where !kept.isEmpty: refuseProxyHeader()
        case .securing: failSecuring(HandshakeFault(.broken, "the handshake took too long"))
        case .receivingProxyHeader, .receivingHead:
            guard hasPartialHead, let stream else {
                if let channel, requests > 0, !isResting, !connections.isDraining { return rest(channel) }
                connections.counters.idleClosed += 1
                return leave()
            }
            phase = .inRequest
            let received = takeKept()
            stream.beginTimedOut(on: self, received.span)
        case .inRequest: stream?.deadlinePassed()
        }
    }
}
