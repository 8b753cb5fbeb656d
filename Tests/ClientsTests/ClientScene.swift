import Bytes
import CacheStorage
import Glibc
import HTTPCaching
import HTTPSemantics
import HTTPWire
import Testing

@testable import Clients
@testable import EventLoop

// One worker's clients over socket pairs, all within one thread: a test writes what a client sends, runs the loop's turns, and
// reads what came back. Handlers note what they are told and answer as the test says.

/// One request after another, as a transaction would be.
final class NotingHandler: RequestHandler {
    private unowned let scene: ClientScene
    /// Content that was received.
    var content: [UInt8] = []

    init(_ scene: ClientScene) { self.scene = scene }

    private func note(_ event: String) { scene.log.append(event) }

    override func requestReceived() {
        note(startLine())
        scene.answer(self)
    }

    /// Lets go of the message before it is answered, as only one that nobody holds is used again.
    private func startLine() -> String {
        let message = stream!.message
        let bytes = message.bytes
        return "\(bytes.extracting(message.head.methodRange).text()) \(bytes.extracting(message.head.target).text())"
    }

    override func requestMalformed() {
        note("malformed: \(stream!.fault!.code)")
        refuse(400)
    }

    override func headTimedOut() {
        note("head timed out")
        refuse(408)
    }

    override func clientRejected() {
        note("rejected")
        refuse(503)
    }

    private func refuse(_ status: Int) {
        stream!.closesAfterResponse = true
        respond("", status: status)
    }

    override func contentReceived(_ piece: Span<UInt8>) {
        content.append(piece)
        scene.contentCame?(self)
    }

    override func contentEnded(trailers: [UInt8]) {
        let lines = String(decoding: trailers, as: UTF8.self)
        note("content: \(String(decoding: content, as: UTF8.self))\(lines.isEmpty ? "" : " + " + lines)")
        scene.contentEnded(self)
    }

    override func contentTurnEnded() { if !scene.isPaused { stream!.awaitContent() } }

    override func contentRefused() {
        note("content refused: \(stream!.fault!.code)")
        refuse(413)
    }

    override func tunnelReceived(_ bytes: Span<UInt8>) { note("tunnel: \(bytes.text())") }
    override func tunnelEnded() {
        note("tunnel ended")
        if !scene.keepsTunnel { stream!.endTunnel() }
    }
    override func streamBlocked() { note("blocked") }
    override func streamWritable() {
        note("writable")
        scene.writable?(self)
    }
    override func deadlinePassed(_ deadline: ClientDeadline) {
        note("deadline: \(deadline)")
        stream!.abort()
    }
    override func stopping() {
        note("stopping")
        stream!.abort()
    }
    override func memoryShort() {
        note("memory short")
        stream!.abort()
    }
    override func responseSent() { note("sent") }
    override func clientGone() { note("gone") }
    override func reset() { content = [] }

    // MARK: Answers

    func beginHead(_ status: Int = 200) { scene.writer.begin(status, "OK") }

    /// A whole response of known length.
    func respond(_ body: String, status: Int = 200) {
        beginHead(status)
        scene.writer.append("Content-Length", decimal: UInt64(body.utf8.count))
        stream!.sendHead(.known(UInt64(body.utf8.count)))
        let bytes = Array(body.utf8)
        stream!.send(bytes.span)
        stream!.end(trailers: [])
    }

    /// Asks for the content, first what came with the head.
    func read() {
        stream!.detach()
        stream!.readContent()
        if let stream, stream.isActive, !stream.isContentComplete { stream.awaitContent() }
    }

    /// Leaves the request for later.
    func wait() {
        stream!.detach()
        stream!.awaitNothing()
    }
}

final class ClientScene {
    let loop = EventLoop(inputCapacity: 128 << 10)
    let writer: ResponseHeadWriter
    private(set) var connections: ClientConnections!
    let memory = MemoryBudget(bytes: .max)
    var log: [String] = []
    /// What becomes of a request; by default its target is echoed.
    var answer: (NotingHandler) -> Void = { handler in
        let message = handler.stream!.message
        handler.respond(message.bytes.extracting(message.head.target).text())
    }
    /// What becomes of one whose content is there.
    var contentEnded: (NotingHandler) -> Void = { $0.respond("done") }
    var contentCame: ((NotingHandler) -> Void)?
    var writable: ((NotingHandler) -> Void)?
    /// No more content is asked for.
    var isPaused = false
    /// A tunnel goes on when its client has ended its side.
    var keepsTunnel = false
    private let stop = Mailbox<Void>()
    private var delivery: Socket?
    private let ending = Ending()

    init(_ change: (inout ClientLimits) -> Void = { _ in }) {
        // As the program does.
        signal(SIGPIPE, SIG_IGN)
        writer = ResponseHeadWriter(loop: loop)
        var limits = ClientLimits(head: HeadLimits())
        change(&limits)
        connections = ClientConnections(
            loop: loop, writer: writer, limits: limits, total: ClientCount(), memory: memory,
            makeHandler: { [unowned self] in NotingHandler(self) },
            makeMessage: { [loop] in RequestMessage(on: loop) })
        let (loop, ending) = (loop, ending)
        delivery = stop.deliver(on: loop) {
            loop.stop()
            ending.delivery?.close()
        }
    }

    deinit {
        // What is closed is freed at the end of a turn.
        ending.delivery = delivery
        settle(turns: 1)
        ending.delivery = nil
    }

    /// The end of the scene, for a callback that must not refer to that any more.
    private final class Ending { var delivery: Socket? }

    /// Turns enough for everything that is there to be read, written and answered.
    func settle(turns: Int = 4) {
        for _ in 0..<turns {
            stop.post(())
            loop.run()
        }
    }

    /// A client and its connection.
    /// - Parameters:
    ///   - room: bytes that the system holds for the client, roughly; nil is plenty.
    func connect(room: Int? = nil, isTCP: Bool = false) -> ScriptedClient {
        let (ours, theirs) = isTCP ? tcpPair() : unixPair()
        if var room = room.map(Int32.init) {
            setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        }
        return ScriptedClient(theirs, connection: connections.add(ours, .unix), scene: self)
    }

    /// A client that a listener has accepted.
    func accept() -> ScriptedClient {
        let (ours, theirs) = unixPair()
        return ScriptedClient(theirs, connection: connections.accept(ours, .unix), scene: self)
    }
}

/// The other end of a connection.
final class ScriptedClient {
    private var descriptor: Int32
    let connection: HTTP1Connection
    private let scene: ClientScene
    private var buffer = [UInt8](repeating: 0, count: 16 << 10)
    /// What reading has ended with; nil as long as it hasn't.
    private(set) var end: String?

    init(_ descriptor: Int32, connection: HTTP1Connection, scene: ClientScene) {
        self.descriptor = descriptor
        self.connection = connection
        self.scene = scene
    }

    deinit {
        close()
        scene.settle()
        connection.close()
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends and lets the loop see it.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { sent += count }
            scene.settle(turns: 1)
            if count < 0 && errno != EAGAIN { return }
        }
        scene.settle()
    }

    /// Sends as much as the system takes.
    func offer(_ bytes: [UInt8]) -> Int {
        let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        scene.settle()
        return max(count, 0)
    }

    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
        scene.settle()
    }

    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Goes away with a reset.
    func abort() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
        scene.settle()
    }

    /// What is there, at most `limit` bytes of it.
    func read(atMost limit: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let wanted = min(buffer.count, limit - bytes.count)
            let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, wanted, 0) }
            if count > 0 {
                bytes += buffer[..<count]
                continue
            }
            if count == 0 { end = "closed" } else if errno != EAGAIN { end = errno == ECONNRESET ? "reset" : "failed" }
            break
        }
        return bytes
    }

    func text() -> String { String(decoding: read(), as: UTF8.self) }

    /// Everything that comes while the loop runs.
    func readAll() -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            scene.settle()
            let more = read()
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    /// The deadline that is set, in milliseconds from now; nil without one.
    var deadline: Int64? {
        connection.hasDeadline ? connection.deadline.milliseconds(since: scene.loop.now) : nil
    }

    /// Whether the deadline that is set was so many milliseconds away, not long ago.
    func waits(_ milliseconds: Int64) -> Bool {
        guard let deadline else { return false }
        return deadline <= milliseconds && deadline > milliseconds - 900
    }

    /// The deadline passes.
    func letTimePass() {
        connection.clearDeadline()
        connection.deadlinePassed()
        scene.settle()
    }
}

func unixPair() -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends)
    return (ends[0], ends[1])
}

/// Two ends of a connection through the loopback interface, for what a unix socket doesn't have: a reset.
func tcpPair() -> (Int32, Int32) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            bind(listener, address, size)
            listen(listener, 1)
            getsockname(listener, address, &size)
            _ = Glibc.connect(other, address, size)
        }
    }
    let accepted = accept(listener, nil, nil)
    _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
    _ = Glibc.close(listener)
    _ = fcntl(other, F_SETFL, O_NONBLOCK)
    return (accepted, other)
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}

/// A stored response; what its key and facts are is of no matter here.
func storedResponse(body: [UInt8], head: String = "HTTP/1.1 200 OK\r\n") -> StoredResponse {
    let facts = [UInt8](repeating: 0, count: StoredFacts.byteCount)
    let description = RecordDescription(id: 1, status: 200, discardAt: .never, facts: StoredFacts(bytes: facts.span)!)
    return StoredResponse.response(
        description, keyText: "key".utf8.span, varyNames: Span(), head: head.utf8.span, body: body.span)!
}
