// One request of an HTTP/2 connection and its response. What the client sends is noted here as it comes, and told to the handler
// when the connection says so; what the handler sends is queued until the client's windows and socket take it.

import Bytes
import CacheStorage
import EventLoop
import HTTP2Wire
import HTTPSemantics
import HTTPWire

/// What has happened on a stream, as yet untold.
struct HTTP2Events: OptionSet {
    let rawValue: UInt8

    static let head = HTTP2Events(rawValue: 1)
    static let content = HTTP2Events(rawValue: 2)
    /// The client has taken what was queued.
    static let drained = HTTP2Events(rawValue: 4)
    /// The response has gone out whole.
    static let sent = HTTP2Events(rawValue: 8)
    /// The stream was reset, by the client or for its fault.
    static let gone = HTTP2Events(rawValue: 16)
    static let late = HTTP2Events(rawValue: 32)
}

final class HTTP2Stream: ClientStream {
    /// Nil while the stream is spare.
    var connection: HTTP2Connection?
    private(set) var identifier: Int32 = 0
    /// Its place in the connection's list.
    var place = 0
    private var section = HeaderSection()
    /// The head that the section stands for. The stream's own until it is whole: fields come one by one, and a message is shared.
    private var assembly = ByteBuffer(minimumCapacity: 1024)
    /// Of the moment in which the section began.
    private var headLimits = HeadLimits()
    private var events: HTTP2Events = []

    // The request.
    /// Received, and not yet taken. The stream's window bounds it.
    var content = ByteBuffer()
    var trailers: [UInt8] = []
    private var isTrailerSectionInvalid = false
    /// The client sends no more.
    var hasInputEnded = false
    /// The handler takes content now.
    var wantsContent = false
    var pace = UploadPace()

    // The response.
    var queue = OutputQueue()
    var responseTrailers: [UInt8] = []
    /// Nothing follows what is queued.
    var isComplete = false
    /// The head that was sent is all there is: END_STREAM went with it.
    var endsWithHead = false
    /// nghttp2 has asked for content that wasn't there.
    var isDeferred = false
    /// The client hasn't taken what it was offered.
    var isStuck = false
    var isSending = false
    private(set) var isYielding = false
    private(set) var hasSentAll = false
    private(set) var isClosed = false
    /// The handler knows of the request.
    var isTold = false
    private var countedBytes = 0

    /// When something is due, and what.
    private(set) var due: MonotonicTime?
    private var isWaiting = false
    /// Tells one request from the next, for whoever calls out in the middle of one.
    private(set) var serial: UInt64 = 0
    /// Set once the stream carries another protocol (RFC 8441).
    var tunnel: HTTP2Tunnel?

    override var isActive: Bool { connection != nil }
    override var isBlocked: Bool { isStuck }
    override var takesInterimResponses: Bool { true }

    // MARK: What comes

    func open(_ identifier: Int32, on connection: HTTP2Connection) {
        self.identifier = identifier
        self.connection = connection
        section.begin()
        headLimits = connections.limits.head
        assembly.removeAll(keepingUpTo: 8192)
    }

    private func note(_ event: HTTP2Events) {
        if let connection { note(event, on: connection) }
    }

    private func note(_ event: HTTP2Events, on connection: HTTP2Connection) {
        if events.isEmpty { connection.note(self) }
        events.insert(event)
    }

    /// A field; false if that resets the stream.
    func received(_ name: Span<UInt8>, _ value: Span<UInt8>, isTrailer: Bool) -> Bool {
        guard isTrailer else {
            section.append(name, value, limits: headLimits, to: &assembly)
            return true
        }
        guard trailers.count + name.count + value.count <= Self.mostTrailers else { return false }
        return TrailerFields.append(name, value, to: &trailers)
    }

    /// As much as HTTP/1 takes.
    private static let mostTrailers = 8 << 10

    /// The header section is whole.
    func headReceived(hasContent: Bool, on connection: HTTP2Connection) {
        section.end(&assembly)
        hasInputEnded = !hasContent
        note(.head, on: connection)
    }

    func received(content piece: Span<UInt8>) {
        // Nobody wants what comes behind a response.
        guard !isContentComplete || events.contains(.head) || section.isWebSocket else { return }
        content.append(piece)
        countBytes()
        note(.content)
    }

    func inputEnded(on connection: HTTP2Connection) {
        hasInputEnded = true
        note(.content, on: connection)
    }

    /// END_STREAM is on its way to the client.
    func sentAll(on connection: HTTP2Connection) {
        hasSentAll = true
        note(.sent, on: connection)
    }

    func closed() {
        isClosed = true
        // A client may break off a tunnel that has ended for it.
        if !hasSentAll || !hasInputEnded { note(.gone) }
    }

    func becomeDue() { note(.late) }
    func isDue(_ now: MonotonicTime) -> Bool { due.map { $0 <= now } ?? false }

    /// Tells the handler what has happened since it was told last.
    func tellHandler(_ connection: HTTP2Connection) {
        guard !events.isEmpty else { return }
        let events = self.events
        self.events = []
        let serial = self.serial
        if events.contains(.head) {
            // One that is taken back before anybody has heard of it costs no more than this.
            if events.contains(.gone) { return connection.release(self) }
            begin(connection)
        }
        guard serial == self.serial else { return }
        if events.contains(.sent), isComplete, tunnel?.isOver ?? true { return finish(connection) }
        if events.contains(.gone) { return fail() }
        if events.contains(.content), !events.contains(.head) || wantsContent { takeContent() }
        guard serial == self.serial else { return }
        if events.contains(.drained) { drained() }
        guard serial == self.serial else { return }
        if events.contains(.late) { deadlinePassed() }
    }

    private func begin(_ connection: HTTP2Connection) {
        if section.malformation != nil { return connection.refuse(self) }
        isTold = true
        connection.countRequest()
        let message = self.message
        message.beginAssembled(&assembly, peer: connection.peer, at: connections.loop.now)
        if let traits = connection.traits { message.note(traits, isSecure: connection.channel != nil) }
        if let overflow = section.overflow { return beginMalformed(WireError(overflow, from: .client)) }
        do throws(WireError) { try message.parseAssembled(connections.limits.head) } catch {
            return beginMalformed(error)
        }
        // What comes on a stream that is to carry another protocol is none of the request's.
        let hasContent = !section.isWebSocket && (!hasInputEnded || !content.isEmpty)
        // Its stream is the framing.
        if !hasContent, case .length(let length) = message.head.framing, length > 0 {
            return beginMalformed(WireError(.invalidContentLength, from: .client))
        }
        message.head.becomeHTTP2(hasContent: hasContent)
        isContentComplete = !message.hasContent
        handler.requestReceived()
    }

    private func beginMalformed(_ error: WireError) {
        message.becomeUnreadable()
        fault = error
        handler.requestMalformed()
    }

    // MARK: Content

    override func readContent() {
        wantsContent = true
        deliver()
    }

    override func awaitContent() {
        wantsContent = true
        isWaiting = false
        pace.beginWaiting(now: connections.loop.now)
        let next = connections.loop.now.advanced(byMilliseconds: connections.limits.readTimeout)
        setDue(tooSlowAt.map { min($0, next) } ?? next)
        // What came while the handler had no use for it is told of once it is done with what it does.
        if !content.isEmpty || hasInputEnded && !isContentComplete {
            note(.content)
            connection?.run()
        }
    }

    override func pauseContent() {
        wantsContent = false
        pace.endWaiting(now: connections.loop.now)
        if !isStuck { setDue(nil) }
    }

    /// When the client will have sent too little of its content.
    private var tooSlowAt: MonotonicTime? {
        pace.deadline(received: contentCount, rate: connections.limits.uploadRate)
    }

    override func sendContinue() {
        writer.begin(100, "Continue")
        sendInterim()
    }

    override func awaitNothing() {
        isWaiting = false
        pace.endWaiting(now: connections.loop.now)
        if !isStuck { setDue(nil) }
    }

    override func wait(atMostMilliseconds limit: Int64) {
        isWaiting = true
        setDue(connections.loop.now.advanced(byMilliseconds: limit))
    }

    // MARK: Waiting

    func setDue(_ time: MonotonicTime?) {
        due = time
        if let time { connection?.noteDeadline(time) }
    }

    /// The client's time for what it is offered.
    func awaitRoom() {
        isWaiting = false
        setDue(connections.loop.now.advanced(byMilliseconds: connections.limits.writeTimeout))
    }

    private func deadlinePassed() {
        guard let due, due <= connections.loop.now else { return }
        self.due = nil
        if let tunnel, !tunnel.isOver { return handler.deadlinePassed(.tunnel) }
        if isWaiting { return handler.deadlinePassed(.wait) }
        if isStuck { return handler.deadlinePassed(.room) }
        if isContentComplete { return awaitNothing() }
        let isTooSlow = tooSlowAt.map { $0 <= connections.loop.now } ?? false
        handler.deadlinePassed(isTooSlow ? .slowContent : .content)
    }

    // MARK: The response

    override func sendInterim() { writeInterim() }
    override func sendHead(_ size: ContentSize) { writeHead(size) }
    override func send(_ piece: Span<UInt8>) { write(piece) }
    override func flush() { if !queue.isEmpty { offer() } }
    override func end(trailers: [UInt8]) { writeEnd(trailers: trailers) }

    override func sendStored(_ record: StoredResponse, range: Range<Int>) { writeStored(record, range) }
    override func sendStored(_ record: StoredResponse, parts: StoredParts) { writeStored(record, parts) }

    override func sendRest(of record: StoredResponse, range: Range<Int>, trailers: [UInt8]) {
        writeStored(record, range, trailers: trailers)
    }

    /// The socket's next turn is this stream's too.
    override func yield() {
        guard let connection else { return }
        isWaiting = false
        isYielding = true
        connection.noteYielding()
    }

    func endYielding() {
        isYielding = false
        // One that is behind hears of it when it no longer is.
        if !isStuck { note(.drained) }
    }

    private func drained() {
        if isComplete { return }
        isStuck = false
        if tunnel != nil { return tunnelDrained() }
        awaitNothing()
        handler.streamWritable()
    }

    func noteDrained() { note(.drained) }

    override func switchProtocols(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) { writeSwitch() }
    override func takeAhead() -> [UInt8] { takeTunnelAhead() }
    override func awaitTunnel(reads: Bool) { awaitTunnelBytes(reads: reads) }
    override func sendTunnel(_ bytes: Span<UInt8>) { writeTunnel(bytes) }
    override func endTunnelOutput() { finishTunnelOutput() }
    override func endTunnel() { finishTunnel() }

    // MARK: Memory

    /// The budget learns what the stream holds now. To be called where that has changed.
    func countBytes() {
        let count = queue.ownCount + content.count
        guard count != countedBytes else { return }
        connections.memory.hold(count - countedBytes)
        countedBytes = count
    }

    /// Memory that would be free without this request.
    var heldBytes: Int { countedBytes + queue.shareOfPin }

    // MARK: Ends

    private func finish(_ connection: HTTP2Connection) {
        let identifier = self.identifier
        let needsReset = !hasInputEnded && !isClosed
        handler.responseSent()
        connection.responded()
        connection.release(self)
        if needsReset { connection.awaitEnd(of: identifier) }
    }

    /// The response is complete and, where the head was all of it, maybe on its way already.
    func complete() {
        guard connection != nil else { return }
        isComplete = true
        if hasSentAll { note(.sent) }
    }

    /// The request asks for WebSocket, and got no upgrade: a 2xx would mean that it did (RFC 8441 §5).
    var refusesUpgrade: Bool { section.isWebSocket && tunnel == nil }
    func noteContent() {
        note(.content)
        connection?.run()
    }

    /// The stream, or its connection, has ended.
    func fail() {
        guard let connection else { return }
        writer.lines.removeAll()
        if isTold { handler.clientGone() }
        // The handler may have ended it by itself.
        guard self.connection === connection else { return }
        connection.release(self)
    }

    override func abort() {
        guard let connection else { return }
        writer.lines.removeAll()
        let identifier = self.identifier
        let isClosed = self.isClosed
        connection.release(self)
        if !isClosed { connection.reset(identifier, .internalError) }
        connection.run()
    }

    /// Readies it for the next request.
    func reset() {
        connection = nil
        serial &+= 1
        resetMessage()
        events = []
        content.removeAll(keepingUpTo: 4096)
        if !trailers.isEmpty { trailers = [] }
        hasInputEnded = false
        wantsContent = false
        pace = UploadPace()
        queue.removeAll()
        if !responseTrailers.isEmpty { responseTrailers = [] }
        isComplete = false
        endsWithHead = false
        isDeferred = false
        isStuck = false
        isSending = false
        isYielding = false
        hasSentAll = false
        isClosed = false
        isTold = false
        due = nil
        isWaiting = false
        tunnel = nil
        countBytes()
    }
}
