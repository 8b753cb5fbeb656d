// One exchange with an origin: choosing a server, connecting, sending the request, reading the answer, and trying again
// where RFC 9110 §9.2.2 allows it. It knows framing and time-outs; what becomes of the answer is its consumer's affair.

import Configuration
import EventLoop
import HTTPWire

/// Why a fetch gave no (whole) answer.
struct FetchFailure {
    enum Cause: UInt8 {
        case noServer, unresolved, refused, connectTimeout, firstByteTimeout, betweenBytesTimeout
        case closedEarly, brokenAnswer, tooManyConnections
    }
    let cause: Cause
    /// What was wrong with the answer's bytes, where that is the cause.
    var wire: WireError?
}

/// A worker's own; one at a time per transaction. Ended ones rest with the worker until the turn is over and serve
/// again, with their buffers.
final class Fetch {
    enum State { case idle, locating, connecting, awaitingHead, receivingBody, tunnel, ended }

    let worker: Worker
    private var consumer: Transaction
    private(set) var state = State.idle
    private(set) var connection: OriginConnection?
    private(set) var server: OriginServer?
    private var group: UpstreamGroup
    private var tried: UInt64 = 0
    private var triesLeft: Int
    private var method: Method
    /// Counts the tries, so that an answer of the resolver to an earlier one is known as such.
    private var attempt = 0
    private var avoidsPool = false
    private var allServers: UInt64 { group.servers.count >= 64 ? .max : (1 << UInt64(group.servers.count)) - 1 }

    /// The serialised head, with a keyed body behind it; kept until the first byte of an answer, for another try.
    var request = ByteBuffer(minimumCapacity: 1024)
    /// What of `request`, or of the body after it, the origin hasn't taken yet.
    private var backlog = ByteBuffer(minimumCapacity: 64)
    private var backlogStart = 0
    private(set) var isRequestComplete: Bool
    private var hasStreamedBody = false

    private(set) var head = ResponseHead()
    private var kept = ByteBuffer(minimumCapacity: 64)
    private var remaining: UInt64 = 0
    private var decoder = ChunkedDecoder(from: .origin)
    private var hasExcess = false
    private var isPaused = false
    private(set) var sentAt = MonotonicTime(milliseconds: 0)

    /// - Parameter isRequestComplete: nothing of the request follows what is put into `request`.
    init(worker: Worker, consumer: Transaction, group: UpstreamGroup, method: Method, isRequestComplete: Bool) {
        self.worker = worker
        self.consumer = consumer
        self.group = group
        self.method = method
        self.isRequestComplete = isRequestComplete
        triesLeft = group.settings.retries
    }

    /// Makes an ended one ready for another exchange; as `init`.
    func prepare(consumer: Transaction, group: UpstreamGroup, method: Method, isRequestComplete: Bool) {
        precondition(state == .ended && connection == nil, "only a fetch that has ended serves again")
        self.consumer = consumer
        self.group = group
        self.method = method
        self.isRequestComplete = isRequestComplete
        triesLeft = group.settings.retries
        state = .idle
        server = nil
        tried = 0
        request.removeAll(keepingUpTo: 8192)
        backlog.removeAll(keepingUpTo: 4096)
        backlogStart = 0
        kept.removeAll(keepingUpTo: 4096)
        hasStreamedBody = false
        hasExcess = false
        isPaused = false
        remaining = 0
        avoidsPool = false
    }

    // MARK: Connecting

    /// Begins with what stands in `request`.
    func start() {
        attempt += 1
        let now = worker.loop.now
        guard let (server, index) = group.nextServer(excluding: tried, now: now) else {
            return fail(FetchFailure(cause: tried == 0 ? .noServer : .refused))
        }
        tried |= 1 << UInt64(min(index, 63))
        self.server = server
        while !avoidsPool, let idle = worker.origins.take(server) {
            // A request that must not be repeated isn't sent into a connection that has ended already.
            if !method.isIdempotent, case .wouldBlock = idle.receive(after: 0, atMost: 1) {
            } else if !method.isIdempotent {
                idle.discard()
                continue
            }
            return adopt(idle)
        }
        guard worker.origins.mayOpen(server, limit: group.settings.maxConnections) else {
            return tryNextServer(FetchFailure(cause: .tooManyConnections))
        }
        state = .locating
        let mailbox = worker.mailbox
        let ticket = worker.wait(for: self, attempt: attempt)
        let location = server.locate(
            now: now, resolver: worker.shared.resolver, lifeMilliseconds: group.settings.resolve.rawValue
        ) { failure in mailbox.post(.located(ticket: ticket, failure: failure)) }
        if case .address(let address) = location {
            worker.stopWaiting(ticket)
            connect(to: address)
        }
    }

    /// The name of the server has been looked up.
    func located(failure: String?, attempt: Int) {
        guard state == .locating, attempt == self.attempt, let server else { return }
        if failure != nil {
            server.noteFailure(now: worker.loop.now)
            return tryNextServer(FetchFailure(cause: .unresolved))
        }
        let location = server.locate(
            now: worker.loop.now, resolver: worker.shared.resolver, lifeMilliseconds: group.settings.resolve.rawValue
        ) { _ in }
        guard case .address(let address) = location else { return tryNextServer(FetchFailure(cause: .unresolved)) }
        connect(to: address)
    }

    private func connect(to address: SocketAddress) {
        guard let server else { return }
        switch startConnection(to: address) {
        case .failed: refuse(FetchFailure(cause: .refused))
        case .connected(let descriptor):
            adopt(
                OriginConnection(
                    loop: worker.loop, descriptor: descriptor, isConnected: true, server: server, pool: worker.origins))
        case .underWay(let descriptor):
            let connection = OriginConnection(
                loop: worker.loop, descriptor: descriptor, isConnected: false, server: server, pool: worker.origins)
            self.connection = connection
            connection.fetch = self
            state = .connecting
            connection.wait(for: .write)
            connection.setDeadline(afterMilliseconds: group.settings.connectTimeout.rawValue)
        }
    }

    func originConnected() {
        guard let connection else { return }
        connection.clearDeadline()
        adopt(connection)
    }

    func originRefused(_ code: Int32) { refuse(FetchFailure(cause: .refused)) }

    /// Nothing was sent, so any method may go to another server (RFC 9110 §9.2.2).
    private func refuse(_ failure: FetchFailure) {
        server?.noteFailure(now: worker.loop.now)
        dropConnection()
        tryNextServer(failure)
    }

    private func tryNextServer(_ failure: FetchFailure) {
        if tried & allServers == allServers { return fail(failure) }
        start()
    }

    /// Sends the request over an open connection.
    private func adopt(_ connection: OriginConnection) {
        self.connection = connection
        connection.fetch = self
        state = .awaitingHead
        sentAt = worker.loop.now
        server?.outstanding.wrappingAdd(1, ordering: .relaxed)
        server?.requests.wrappingAdd(1, ordering: .relaxed)
        backlog.removeAll()
        backlogStart = 0
        kept.removeAll()
        if isRequestComplete {
            switch connection.send(request.span) {
            case .failed: return broken()
            case .wrote(let count):
                if count < request.count { backlog.append(request.span.extracting(count...)) }
            }
            return awaitOrigin()
        }
        // Content that is there already goes in one write with the head.
        backlog.append(request.span)
        consumer.originTakesBody()
        if state == .awaitingHead { originWritable() }
    }

    /// What the connection waits for follows from what is to be read and written.
    private func awaitOrigin() {
        guard let connection, connection.isOpen else { return }
        let reads = !isPaused
        let writes = backlogStart < backlog.count
        connection.wait(for: writes ? (reads ? .readAndWrite : .write) : (reads ? .read : .none))
        if isPaused && !writes {
            connection.clearDeadline()
            return
        }
        let settings = group.settings
        switch state {
        case .awaitingHead: connection.setDeadline(afterMilliseconds: settings.firstByteTimeout.rawValue)
        case .receivingBody: connection.setDeadline(afterMilliseconds: settings.betweenBytesTimeout.rawValue)
        case .tunnel: connection.clearDeadline()
        case .idle, .locating, .connecting, .ended: break
        }
    }

    // MARK: Sending the request's body

    /// Whether the request has a connection to go out on.
    var isConnected: Bool { state == .awaitingHead || state == .receivingBody || state == .tunnel }

    /// Whether more of the body can be taken now.
    var takesBody: Bool { isConnected && backlogStart >= backlog.count }

    /// The next bytes of the body, framed already. To be called while `takesBody`, once more than one piece may pile up
    /// in a turn.
    func sendBody(_ prefix: Span<UInt8>, _ piece: Span<UInt8>, _ suffix: Span<UInt8>) {
        guard let connection, connection.isOpen else { return }
        hasStreamedBody = true
        if backlogStart < backlog.count {
            backlog.append(prefix)
            backlog.append(piece)
            backlog.append(suffix)
            return
        }
        switch connection.send(prefix, piece, suffix) {
        case .failed: sendingFailed()
        case .wrote(let count):
            guard count < prefix.count + piece.count + suffix.count else {
                if state == .awaitingHead { awaitOrigin() }
                return
            }
            backlog.removeAll()
            backlogStart = 0
            keep(prefix, after: count)
            keep(piece, after: count - prefix.count)
            keep(suffix, after: count - prefix.count - piece.count)
            awaitOrigin()
        }
    }

    private func keep(_ piece: Span<UInt8>, after taken: Int) {
        let start = max(taken, 0)
        if start < piece.count { backlog.append(piece.extracting(start...)) }
    }

    /// The request's body is complete.
    func endBody() { isRequestComplete = true }

    func originWritable() {
        guard let connection, backlogStart < backlog.count else { return awaitOrigin() }
        switch connection.send(backlog.span.extracting(backlogStart...)) {
        case .failed: sendingFailed()
        case .wrote(let count):
            backlogStart += count
            if backlogStart == backlog.count {
                backlog.removeAll(keepingUpTo: 4096)
                backlogStart = 0
            }
            awaitOrigin()
            if backlogStart >= backlog.count { consumer.originTakesBody() }
        }
    }

    /// An origin may answer and close before it has read the body: what it said may still be there to read.
    private func sendingFailed() {
        backlog.removeAll()
        backlogStart = 0
        guard let connection, state == .awaitingHead || state == .receivingBody else { return broken() }
        isRequestComplete = false
        connection.wait(for: .read)
    }

    // MARK: Reading the answer

    /// Stops reading while the client can't take more: the origin is slowed by its own socket.
    func pause() {
        guard !isPaused else { return }
        isPaused = true
        awaitOrigin()
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        awaitOrigin()
    }

    func originReadable() {
        guard let connection else { return }
        if state == .awaitingHead {
            worker.loop.input.restore(kept.span)
            let before = kept.count
            switch connection.receive(after: before) {
            case .wouldBlock: return
            case .ended, .failed: return broken()
            case .bytes(let count): readHead(count: before + count)
            }
            return
        }
        switch connection.receive() {
        case .wouldBlock: return
        case .failed: broken()
        case .ended:
            if state == .receivingBody && head.framing == .untilClose { finish() } else { broken() }
        case .bytes(let count):
            if state == .receivingBody {
                connection.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
            }
            let input = worker.loop.input
            readBody(input.span(count: count))
            if state == .receivingBody || state == .tunnel { consumer.responseTurnEnded() }
        }
    }

    private func readHead(count: Int) {
        var start = 0
        while true {
            let input = worker.loop.input
            let bytes = input.span(count: count).extracting(start...)
            do throws(WireError) {
                guard try head.parse(bytes, answering: method, limits: worker.world.headLimits) else {
                    kept.removeAll()
                    kept.append(bytes)
                    connection?.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
                    return
                }
            } catch {
                return answerIsBroken(error)
            }
            guard head.isInterim else {
                kept.removeAll(keepingUpTo: 4096)
                return beginResponse(bytes)
            }
            // RFC 9110 §15.2: any number of interim answers comes before the final one.
            consumer.interimResponse(head, bytes)
            guard state == .awaitingHead else { return }
            start += head.length
            kept.removeAll()
            if start == count { return }
        }
    }

    private func beginResponse(_ bytes: Span<UInt8>) {
        server?.noteSuccess()
        if head.status == 101 {
            guard consumer.acceptsUpgrade else { return answerIsBroken(WireError(.invalidStatusCode, from: .origin)) }
            state = .tunnel
            connection?.clearDeadline()
            consumer.responseBegan(head, bytes)
            if state == .tunnel, bytes.count > head.length { consumer.responseBody(bytes.extracting(head.length...)) }
            if state == .tunnel { consumer.responseTurnEnded() }
            return
        }
        state = .receivingBody
        connection?.setDeadline(afterMilliseconds: group.settings.betweenBytesTimeout.rawValue)
        switch head.framing {
        case .none: remaining = 0
        case .length(let length): remaining = length
        case .chunked: decoder.reset()
        case .untilClose: break
        }
        consumer.responseBegan(head, bytes)
        guard state == .receivingBody else { return }
        readBody(bytes.extracting(head.length...))
        if state == .receivingBody { consumer.responseTurnEnded() }
    }

    private func readBody(_ bytes: Span<UInt8>) {
        if state == .tunnel { return consumer.responseBody(bytes) }
        switch head.framing {
        case .none:
            hasExcess = !bytes.isEmpty
            finish()
        case .length:
            let count = Int(min(remaining, UInt64(bytes.count)))
            remaining -= UInt64(count)
            hasExcess = count < bytes.count
            if count > 0 { consumer.responseBody(bytes.extracting(..<count)) }
            if remaining == 0 && state == .receivingBody { finish() }
        case .untilClose:
            if !bytes.isEmpty { consumer.responseBody(bytes) }
        case .chunked:
            var position = 0
            while state == .receivingBody {
                do throws(WireError) {
                    switch try decoder.next(bytes, from: &position) {
                    case .data(let range): consumer.responseBody(bytes.extracting(range))
                    case .needsMore: return
                    case .finished:
                        hasExcess = position < bytes.count
                        finish()
                    }
                } catch {
                    return answerIsBroken(error)
                }
            }
        }
    }

    /// Trailer fields of a chunked answer that is complete, as lines.
    var trailers: [UInt8] { head.framing == .chunked ? decoder.trailers : [] }

    // MARK: Ends

    /// The answer is complete. The connection serves again if both sides are done with it and nothing was left over.
    private func finish() {
        state = .ended
        let isReusable = head.keepsAlive && isRequestComplete && backlogStart >= backlog.count && !hasExcess
        if let connection {
            server?.outstanding.wrappingSubtract(1, ordering: .relaxed)
            self.connection = nil
            if isReusable && head.framing != .untilClose {
                connection.clearDeadline()
                worker.origins.giveBack(connection, settings: group.settings)
            } else {
                connection.fetch = nil
                connection.discard()
            }
        }
        consumer.responseEnded()
    }

    private func answerIsBroken(_ error: WireError) {
        server?.noteFailure(now: worker.loop.now)
        dropConnection()
        fail(FetchFailure(cause: .brokenAnswer, wire: error))
    }

    /// The connection ended before the answer did. RFC 9110 §9.2.2: an idempotent request whose body wasn't streamed
    /// may go again, once nothing of an answer was seen.
    private func broken() {
        let wasStale = connection?.hasServed ?? false
        let maySendAgain =
            state == .awaitingHead && kept.isEmpty && !hasStreamedBody && method.isIdempotent
            && (triesLeft > 0 || wasStale && !avoidsPool)
        if !wasStale { server?.noteFailure(now: worker.loop.now) }
        dropConnection()
        guard maySendAgain else { return fail(FetchFailure(cause: .closedEarly)) }
        worker.counters.retries += 1
        triesLeft = max(0, triesLeft - 1)
        // A stale connection says nothing about its server, but its neighbours in the pool are likely to be as stale.
        avoidsPool = true
        if wasStale || tried & allServers == allServers { tried = 0 }
        start()
    }

    func originDeadlinePassed() {
        switch state {
        case .connecting: refuse(FetchFailure(cause: .connectTimeout))
        case .awaitingHead:
            server?.noteFailure(now: worker.loop.now)
            dropConnection()
            fail(FetchFailure(cause: .firstByteTimeout))
        case .receivingBody, .tunnel:
            dropConnection()
            fail(FetchFailure(cause: .betweenBytesTimeout))
        case .idle, .locating, .ended: break
        }
    }

    private func fail(_ failure: FetchFailure) {
        state = .ended
        consumer.fetchFailed(failure)
    }

    private func dropConnection() {
        guard let connection else { return }
        if state == .awaitingHead || state == .receivingBody || state == .tunnel {
            server?.outstanding.wrappingSubtract(1, ordering: .relaxed)
        }
        connection.fetch = nil
        connection.discard()
        self.connection = nil
    }

    /// Nobody wants the answer any more.
    func cancel() {
        guard state != .ended else { return }
        dropConnection()
        state = .ended
    }
}
