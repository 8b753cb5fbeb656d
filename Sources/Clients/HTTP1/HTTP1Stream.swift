// One request at a time of an HTTP/1 connection: its content decoded as it is asked for, and the ends of its response.
// How the response is written is in the file beside this one.

import Bytes
import CacheStorage
import EventLoop
import HTTPSemantics
import HTTPWire

final class HTTP1Stream: ClientStream {
    /// Nil while the stream is spare.
    var connection: HTTP1Connection?
    private var decoder = ContentDecoder()
    /// The handler takes content now. Otherwise what arrives is kept, as far as may be read ahead.
    private var wantsContent = false
    private var pace = UploadPace()
    /// ``wait(atMostMilliseconds:)`` holds.
    private var isWaiting = false
    /// Tells one request from the next, for whoever calls out in the middle of one.
    private var serial: UInt64 = 0

    // The response.
    var queue = OutputQueue()
    /// Bytes of the queue that count in the budget.
    private var countedBytes = 0
    var framing = BodyFraming.none
    /// The connection ends with this response.
    var closes = false
    /// Nothing follows what is queued.
    var isComplete = false
    /// Set once the connection has left HTTP.
    var tunnel: HTTP1Tunnel?
    /// One read of a tunnel, which is what may have to be kept for an origin that is behind.
    private static let tunnelRead = 64 << 10

    override var isActive: Bool { connection != nil }
    override var isBlocked: Bool { !queue.isEmpty }
    override var takesInterimResponses: Bool { message.head.minorVersion >= 1 }

    // MARK: Beginnings

    /// A head was parsed from the input buffer at `start`.
    func begin(on connection: HTTP1Connection, start: Int, end: Int) {
        self.connection = connection
        message.begin(start: start, end: end, peer: connection.peer, at: connections.loop.now)
        if let traits = connection.traits { message.note(traits, isSecure: connection.channel != nil) }
        decoder.begin(message.head.framing)
        isContentComplete = decoder.isComplete
        connections.counters.requests += 1
        handler.requestReceived()
    }

    /// - Parameter received: from where a head should begin.
    func beginMalformed(on connection: HTTP1Connection, _ error: WireError, _ received: Span<UInt8>) {
        beginUnreadable(on: connection, received)
        connections.counters.requests += 1
        fault = error
        handler.requestMalformed()
    }

    func beginTimedOut(on connection: HTTP1Connection, _ received: Span<UInt8>) {
        beginUnreadable(on: connection, received)
        connections.counters.requests += 1
        handler.headTimedOut()
    }

    func beginRejected(on connection: HTTP1Connection) {
        beginUnreadable(on: connection, Span())
        closesAfterResponse = true
        handler.clientRejected()
    }

    private func beginUnreadable(on connection: HTTP1Connection, _ received: Span<UInt8>) {
        self.connection = connection
        message.beginUnreadable(received, peer: connection.peer, at: connections.loop.now)
    }

    // MARK: Content

    override func detach() {
        guard !message.isDetached else { return }
        let behind = message.detach()
        guard let connection else { return }
        let input = connections.loop.input
        if !behind.isEmpty { connection.keep(input.span(count: behind.upperBound).extracting(behind.lowerBound...)) }
        connection.clearDeadline()
    }

    override func readContent() {
        wantsContent = true
        guard let connection, !isContentComplete else { return }
        let kept = connection.takeKept()
        if !kept.isEmpty { decode(kept.span) }
    }

    override func awaitContent() {
        wantsContent = true
        isWaiting = false
        pace.beginWaiting(now: connections.loop.now)
        connection?.awaitContent(until: tooSlowAt)
    }

    override func pauseContent() {
        wantsContent = false
        pace.endWaiting(now: connections.loop.now)
        connection?.pauseReading()
    }

    /// When the client will have sent too little of its content.
    private var tooSlowAt: MonotonicTime? {
        pace.deadline(received: contentCount, rate: connections.limits.uploadRate)
    }

    override func sendContinue() {
        writer.lines.append("HTTP/1.1 100 Continue\r\n\r\n")
        emit()
    }

    override func awaitNothing() {
        isWaiting = false
        pace.endWaiting(now: connections.loop.now)
        // What is queued goes out first.
        if !isBlocked { connection?.awaitNothing() }
    }

    /// The client takes more when it can; until then its time for that runs, and no other.
    func awaitRoom() {
        isWaiting = false
        pace.endWaiting(now: connections.loop.now)
        connection?.awaitRoom(reads: dropsContent)
    }

    /// The response is whole, and nobody wants the rest of the content. It is read all the same: a client that sends all of it
    /// before it reads would wait for ever.
    private var dropsContent: Bool { isComplete && !isContentComplete && !isTunnel }

    override func wait(atMostMilliseconds limit: Int64) {
        connection?.awaitNothing()
        connection?.setDeadline(afterMilliseconds: limit)
        isWaiting = true
    }

    /// Hands on the content in `bytes`; what follows it is the next request's.
    private func decode(_ bytes: Span<UInt8>) {
        let serial = self.serial
        var position = 0
        // The worker's buffer is lent: whoever comes to need it within gets another one.
        var gathered = ByteBuffer()
        swap(&gathered, &connections.gathered)
        defer { swap(&gathered, &connections.gathered) }
        do throws(WireError) {
            decoding: while true {
                switch try decoder.next(bytes, from: &position, gathering: &gathered) {
                case .none: break decoding
                case .piece(let range): try receive(bytes.extracting(range))
                case .gathered: try receive(gathered.span)
                }
                guard serial == self.serial, connection != nil else { return }
            }
        } catch {
            fault = error
            return handler.contentRefused()
        }
        if position < bytes.count { connection?.keep(bytes.extracting(position...)) }
        guard decoder.isComplete else { return }
        isContentComplete = true
        handler.contentEnded(trailers: decoder.trailers)
    }

    private func receive(_ content: Span<UInt8>) throws(WireError) {
        contentCount += UInt64(content.count)
        if contentCount > connections.limits.body { throw WireError(.contentTooLarge, from: .client) }
        if !content.isEmpty { handler.contentReceived(content) }
    }

    /// More bytes from the client while its request is in progress.
    func readable() {
        guard let connection else { return }
        // Bytes that can't be used yet are kept, and what is kept has to fit the input buffer again.
        let isAhead = (isContentComplete || !wantsContent) && !dropsContent
        var room = isAhead ? connection.roomAhead : connections.loop.input.capacity
        if isTunnel { room = Self.tunnelRead }
        guard room > 0 else { return connection.pauseReading() }
        switch connection.receive(after: 0, atMost: room) {
        case .wouldBlock: return
        case .failed: fail()
        case .ended:
            if isTunnel { return tunnelInputEnded() }
            // It may have closed its sending side alone and still wait for the response.
            if isContentComplete || dropsContent { connection.peerEnded() } else { fail() }
        case .bytes(let count):
            let input = connections.loop.input
            received(input.span(count: count), on: connection)
        }
    }

    private func received(_ bytes: Span<UInt8>, on connection: HTTP1Connection) {
        if isTunnel {
            restartTunnelTime()
            return handler.tunnelReceived(bytes)
        }
        if dropsContent { return }
        if isContentComplete { return connection.keepAhead(bytes) }
        guard wantsContent else {
            connection.keep(bytes)
            return connection.pauseReading()
        }
        let serial = self.serial
        decode(bytes)
        if serial == self.serial, self.connection != nil { handler.contentTurnEnded() }
    }

    // MARK: The response

    override func sendInterim() { writeInterim() }
    override func sendHead(_ size: ContentSize) { writeHead(size) }
    override func send(_ piece: Span<UInt8>) { write(piece) }
    override func flush() { emit() }
    override func end(trailers: [UInt8]) { writeEnd(trailers: trailers) }
    override func sendStored(_ record: StoredResponse, range: Range<Int>) { writeStored(record, range: range) }

    override func sendStored(_ record: StoredResponse, parts: StoredParts) { writeStored(record, parts: parts) }

    override func sendRest(of record: StoredResponse, range: Range<Int>, trailers: [UInt8]) {
        writeRest(of: record, range: range, trailers: trailers)
    }

    override func yield() { awaitRoom() }

    override func switchProtocols(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) { writeSwitch(head, bytes) }
    override func takeAhead() -> [UInt8] { connection?.takeKept() ?? [] }
    override func sendTunnel(_ bytes: Span<UInt8>) { writeTunnel(bytes) }
    override func endTunnelOutput() { finishTunnelOutput() }
    override func endTunnel() { finishTunnel() }

    override func awaitTunnel(reads: Bool) {
        tunnel?.reads = reads
        restartTunnelTime()
    }

    // MARK: Waiting

    func deadlinePassed() {
        if isTunnel && !isComplete { return tunnelDeadlinePassed() }
        if isWaiting { return handler.deadlinePassed(.wait) }
        if isBlocked { return handler.deadlinePassed(.room) }
        if isContentComplete { return awaitNothing() }
        let isTooSlow = tooSlowAt.map { $0 <= connections.loop.now } ?? false
        handler.deadlinePassed(isTooSlow ? .slowContent : .content)
    }

    // MARK: Memory

    /// The budget learns what the queue holds now. To be called where that has changed.
    func countQueue() {
        let count = isBlocked ? queue.ownCount + (connection?.channel?.unsentCount ?? 0) : 0
        guard count != countedBytes else { return }
        connections.memory.hold(count - countedBytes)
        countedBytes = count
    }

    /// Memory that would be free without this client.
    var heldBytes: Int { isBlocked ? countedBytes + queue.shareOfPin : 0 }

    // MARK: Ends

    /// The response is whole: what isn't taken yet goes when the client takes it.
    func complete() {
        // The connection may have broken over the last of it.
        guard connection != nil else { return }
        isComplete = true
        if !isBlocked { return finish() }
        if dropsContent { awaitRoom() }
    }

    func finish() {
        guard let connection else { return }
        let ends = closes || !isContentComplete
        handler.responseSent()
        connection.streamEnded(self, ends: ends)
    }

    /// The connection broke.
    func fail() {
        guard let connection else { return }
        writer.lines.removeAll()
        handler.clientGone()
        connection.streamBroke(self)
    }

    override func abort() {
        guard let connection else { return }
        writer.lines.removeAll()
        // A body that ends with the connection needs more than a clean end to show that it is broken.
        if framing == .untilClose { connection.reset() }
        connection.streamBroke(self)
    }

    /// Readies it for the next request. Its handler has let go of the message, unless a fill goes on with it.
    func reset() {
        connection = nil
        serial &+= 1
        resetMessage()
        wantsContent = false
        pace = UploadPace()
        isWaiting = false
        queue.removeAll()
        countQueue()
        framing = .none
        closes = false
        isComplete = false
        tunnel = nil
    }
}
