// One request on a connection that others use too (RFC 9113 §5), as an exchange sees it: it takes the bytes of a request as HTTP/1
// has them, and has the bytes of a response. What the server sends is noted here as it comes, and told when the connection says so.

import Bytes
import EventLoop
import Glibc
import HTTP2Wire
import HTTPWire

/// Used only on one worker's thread; its connection holds it until it is closed.
final class OriginStream {
    private struct Events: OptionSet {
        let rawValue: UInt8
        static let opened = Events(rawValue: 1)
        static let readable = Events(rawValue: 2)
        static let writable = Events(rawValue: 4)
        static let late = Events(rawValue: 8)
        static let lost = Events(rawValue: 16)
        static let full = Events(rawValue: 32)
    }

    /// Nil once it is closed.
    private(set) var connection: MultiplexedConnection?
    /// 0 until the request's head is sent.
    private(set) var identifier: Int32 = 0
    /// It waits until the server takes one more stream.
    private(set) var isHeld = false
    /// Nil once it is closed.
    var user: (any OriginStreamUser)?
    /// Whether its connection had carried a response before.
    let isReused: Bool
    private var events: Events = []
    private var interest = Socket.Interest.none
    /// When something is due.
    private(set) var due: MonotonicTime?

    private var request = OutgoingRequest()
    private var isHead = false
    /// The request's head has gone out; until then it may wait for others to end (RFC 9113 §5.1.2).
    private var hasSentHead = false
    /// nghttp2 has asked for content that wasn't there.
    private var isDeferred = false

    private var section = ResponseSection()
    private var framing = ResponseSection.Framing.none
    private var hasResponse = false
    private var trailers: [UInt8] = []
    private var trailerCount = 0
    /// What has come and was not taken, as HTTP/1 has it. The stream's window bounds its content.
    private var received = ByteBuffer()
    private var receivedStart = 0
    /// Content in it, and what was taken but for which the window hasn't opened again.
    private var unconsumed = 0
    /// Bytes in it that are no content, which count as taken first: the window opens later rather than too early.
    private var framingCount = 0
    /// Content that is still to come, if its length is known.
    private var remaining: UInt64 = 0
    /// The server sends no more.
    private(set) var hasInputEnded = false
    /// Both sides are done, or the stream was reset.
    private var isClosed = false
    private(set) var end: End?
    /// The user is done with a response that is whole; only END_STREAM is to come.
    private(set) var isLingering = false

    /// Of trailers, as many bytes and fields as HTTP/1 takes.
    private static let trailerLimits = ChunkLimits()
    /// How long END_STREAM may be late.
    private static let lingerMilliseconds: Int64 = 1_000

    init(on connection: MultiplexedConnection, isReused: Bool, user: any OriginStreamUser) {
        self.connection = connection
        self.isReused = isReused
        self.user = user
    }

    /// Something of the request has yet to go out.
    var isHoldingBack: Bool { !hasSentHead || request.unsentCount > 0 || !request.isComplete }

    var isOpen: Bool { connection != nil && !isLingering }

    // MARK: What the user asks for

    /// Takes the head, which the first call has whole, and content as far as there is room.
    func send(_ first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8>) -> SendResult {
        guard isOpen, let connection, end == nil, !isClosed || identifier == 0 else { return .failed(EPIPE) }
        var taken = take(first)
        if taken == first.count {
            let count = take(second)
            taken += count
            if count == second.count { taken += take(third) }
        }
        guard end == nil else { return .failed(EPIPE) }
        if isDeferred, request.unsentCount > 0 || request.isComplete {
            isDeferred = false
            connection.session.resume(identifier)
        }
        connection.runAtEndOfTurn()
        return .wrote(taken)
    }

    private func take(_ bytes: Span<UInt8>) -> Int {
        guard !bytes.isEmpty else { return 0 }
        if request.hasBegun { return request.take(bytes) }
        guard let length = request.begin(bytes), let connection else {
            end = .broken
            return 0
        }
        let taken = length + request.take(bytes.extracting(length...))
        isHead = bytes.count > 5 && Scan.equals(bytes.extracting(..<5), "HEAD ")
        let hasContent = request.unsentCount > 0 || !request.isComplete
        guard let identifier = connection.request(bytes.extracting(..<length), hasContent: hasContent, of: self) else {
            // The connection takes no more streams; nothing has gone out.
            end = .unprocessed
            note(.readable)
            return 0
        }
        self.identifier = identifier
        return taken
    }

    /// Puts what has come into the loop's input buffer, after `offset` bytes that are already there.
    func receive(after offset: Int, atMost limit: Int) -> ReceiveResult {
        guard let connection else { return .failed(EBADF) }
        let input = connection.loop.input
        let count = min(received.count - receivedStart, limit, input.capacity - offset)
        guard count > 0 else { return end == nil ? .wouldBlock : .failed(ECONNRESET) }
        input.place(received.span.extracting(receivedStart..<(receivedStart + count)), after: offset)
        receivedStart += count
        if receivedStart == received.count {
            received.removeAll(keepingUpTo: 4096)
            receivedStart = 0
        }
        let framing = min(framingCount, count)
        framingCount -= framing
        let consumed = received.isEmpty ? unconsumed : min(unconsumed, count - framing)
        unconsumed -= consumed
        if consumed > 0 {
            if !hasInputEnded, !isClosed { connection.session.consume(consumed, of: identifier) }
            connection.runAtEndOfTurn()
        }
        if !received.isEmpty || end != nil { note(.readable) }
        return .bytes(count)
    }

    func wait(for interest: Socket.Interest) {
        self.interest = interest
        if reads, !received.isEmpty || end != nil { note(.readable) }
        if writes, end == nil, request.unsentCount < OutgoingRequest.room { note(.writable) }
    }

    private var reads: Bool { interest == .read || interest == .readAndWrite }
    private var writes: Bool { interest == .write || interest == .readAndWrite }

    func setDeadline(afterMilliseconds interval: Int64) {
        guard let connection else { return }
        let time = connection.loop.now.advanced(byMilliseconds: interval)
        due = time
        connection.noteDeadline(time)
    }

    func clearDeadline() { due = nil }

    /// Nothing more of it is wanted. RFC 9113 §5.4.2: what the server still sends is cancelled, unless all of it has come.
    func close() {
        user = nil
        interest = .none
        guard let connection, !isLingering else { return }
        received.removeAll()
        (receivedStart, framingCount) = (0, 0)
        if identifier == 0 || isClosed || hasInputEnded && request.isComplete && request.unsentCount == 0 {
            return leave(connection)
        }
        guard isWhole, request.isComplete, request.unsentCount == 0 else {
            // Also where the server has no use for the rest of the request.
            connection.cancel(identifier)
            return leave(connection)
        }
        isLingering = true
        setDeadline(afterMilliseconds: Self.lingerMilliseconds)
        connection.runAtEndOfTurn()
    }

    private var isWhole: Bool {
        guard hasResponse, end == nil else { return false }
        return switch framing {
        case .none: true
        case .length: remaining == 0
        case .chunked: hasInputEnded
        }
    }

    private func leave(_ connection: MultiplexedConnection) {
        self.connection = nil
        due = nil
        connection.release(self)
    }

    // MARK: What the connection tells

    /// The connection is there, and takes the stream.
    func open() {
        isHeld = false
        note(.opened)
    }

    /// The connection is there, and has yet to take the stream: ``open()``, ``turnAway(isOver:)`` or ``lost()`` follows.
    func hold() { isHeld = true }

    /// The connection has no room for it, or is over.
    func turnAway(isOver: Bool) { if isHeld { note(isOver ? .lost : .full) } }

    /// There is none.
    func refuse(_ failure: NoConnection) {
        connection = nil
        due = nil
        user?.streamRefused(self, failure)
    }

    private func note(_ event: Events) {
        guard let connection else { return }
        if events.isEmpty { connection.note(self) }
        events.insert(event)
    }

    func isDue(_ now: MonotonicTime) -> Bool { due.map { $0 <= now } ?? false }
    func becomeDue() { note(.late) }

    /// Tells the user what has happened since it was told last.
    func tellUser() {
        let events = self.events
        self.events = []
        if isLingering {
            if isClosed || hasInputEnded || events.contains(.late) || end != nil { endLingering() }
            return
        }
        if isHeld, let connection, !events.isDisjoint(with: [.lost, .full]) {
            let failure = events.contains(.lost) ? connection.lossOfHeld : .full
            leave(connection)
            user?.streamRefused(self, failure)
            return
        }
        if events.contains(.opened) { user?.streamOpened(self) }
        if events.contains(.writable), writes { user?.streamWritable(self) }
        if events.contains(.readable) {
            // Whoever waits for room only learns by sending that there will be none.
            if reads { user?.streamReadable(self) } else if writes, end != nil { user?.streamWritable(self) }
        }
        if events.contains(.late), let due, let connection, due <= connection.loop.now {
            self.due = nil
            user?.streamDeadlinePassed(self)
        }
    }

    private func endLingering() {
        guard let connection else { return }
        if !isClosed, !hasInputEnded { connection.cancel(identifier) }
        leave(connection)
    }

    // MARK: What the server sends

    /// A field of a header or a trailer section; false if that resets the stream.
    func received(_ name: Span<UInt8>, _ value: Span<UInt8>, isTrailer: Bool, limits: HeadLimits) -> Bool {
        if isLingering { return true }
        do throws(WireError.Reason) {
            if isTrailer { try appendTrailer(name, value) } else { try section.append(name, value, limits: limits) }
            return true
        } catch {
            malformed(error)
            return false
        }
    }

    private func appendTrailer(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(WireError.Reason) {
        trailerCount += 1
        if trailerCount > Self.trailerLimits.trailerFields { throw .tooManyTrailers }
        guard trailers.count + name.count + value.count + 4 <= Self.trailerLimits.trailers else {
            throw .trailersTooLarge
        }
        guard TrailerFields.append(name, value, to: &trailers) else { throw .malformedStream }
    }

    func sectionBegan() { section.begin() }

    /// A header section is whole.
    func headReceived(endsStream: Bool) {
        guard end == nil, !isLingering else { return }
        let before = received.count
        do throws(WireError.Reason) {
            let isInterim = section.isInterim
            defer { countFraming(from: before) }
            framing = try section.end(isHead: isHead, endsStream: endsStream, to: &received)
            if case .length(let length) = framing { remaining = length }
            if !isInterim { hasResponse = true }
        } catch {
            return malformed(error)
        }
        note(.readable)
    }

    /// Whether the section that begins is that of the trailers.
    var hasHead: Bool { hasResponse }

    func received(content piece: Span<UInt8>) {
        guard end == nil, !piece.isEmpty else { return }
        // RFC 9113 §8.1.1: more than was announced. The user has what it was told would come.
        if isLingering {
            end = .broken
            return
        }
        received.dropFront(before: &receivedStart)
        unconsumed += piece.count
        switch framing {
        case .none: return malformed(.invalidContentLength)
        case .length:
            guard UInt64(piece.count) <= remaining else { return malformed(.invalidContentLength) }
            remaining -= UInt64(piece.count)
            received.append(piece)
        case .chunked:
            let before = received.count
            received.append(hex: UInt64(piece.count))
            received.append("\r\n")
            received.append(piece)
            received.append("\r\n")
            countFraming(from: before + piece.count)
        }
        note(.readable)
    }

    /// What stands in `received` from there on is no content.
    private func countFraming(from start: Int) { framingCount += received.count - start }

    func inputEnded() {
        hasInputEnded = true
        note(.readable)
        guard end == nil, !isLingering else { return }
        switch framing {
        case .none: break
        case .length: if remaining > 0 { malformed(.invalidContentLength) }
        case .chunked:
            received.append("0\r\n")
            received.append(trailers)
            received.append("\r\n")
        }
    }

    /// The stream is over for both sides.
    /// - Parameter error: of RST_STREAM; `.none` where there was none.
    func closed(_ error: HTTP2StreamError) {
        isClosed = true
        note(.readable)
        guard end == nil, !hasInputEnded else { return }
        switch error {
        case .refused: end = connection?.phase == .open ? .refused : .unprocessed
        case .other: end = .broken
        }
    }

    /// The response breaks the protocol.
    func malformed(_ reason: WireError.Reason) {
        guard end == nil, !hasInputEnded || !isWhole else { return }
        end = .malformed(WireError(reason, from: .origin))
        note(.readable)
    }

    /// The connection is gone.
    func lost() {
        turnAway(isOver: true)
        isClosed = true
        if !hasInputEnded, end == nil { end = hasSentHead ? .broken : .unprocessed }
        note(.readable)
    }

    // MARK: What nghttp2 asks for

    func nextContent(atMost limit: Int) -> (count: Int, isLast: Bool) {
        let next = request.next(atMost: limit)
        isDeferred = next.count == 0 && !next.isLast
        return next
    }

    func headSent() { hasSentHead = true }

    var requestTrailers: [UInt8] { request.trailers }

    func moveContent(_ count: Int, to output: inout ByteBuffer) {
        request.move(count, to: &output)
        if writes { note(.writable) }
    }
}
