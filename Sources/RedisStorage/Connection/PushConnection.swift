// A connection to Redis whose owner knows what comes when, as a subscriber does: it sends what it is given and passes on whatever
// comes, in order. It decides nothing, and doesn't come back when it is lost.

import Bytes
import CacheStorage
import EventLoop

/// What happens on the connection.
enum PushEvent {
    /// It can be written to.
    case opened
    /// A reply or a message, with the elements of an array, or with the bytes of a bulk string as the only element.
    case received(Reply, [ReplyElement])
    /// What comes isn't RESP2, or more than is read of one message.
    case malformed
    /// All that has come so far was passed on.
    case passedOn
    /// It couldn't be made, or is lost; it is closed.
    case ended
}

protocol PushConnectionOwner: AnyObject {
    /// The connection may be closed from here.
    func pushConnection(_ connection: PushConnection, _ event: PushEvent)
}

/// Used on its loop's thread. Its owner keeps it, and closes it before letting go of it.
final class PushConnection {
    private weak var owner: (any PushConnectionOwner)?
    private var socket: RedisSocket?
    private var reader: ReplyReader?
    private var isOpen = false
    /// Of the array that was just read.
    private var elements: [ReplyElement] = []
    /// Commands that aren't sent yet.
    var output = ByteQueue()

    /// Bytes that may wait to be sent.
    private let outputLimit: Int

    /// Begins to connect; nil if that fails at once.
    /// - Parameters:
    ///   - limits: of one message.
    ///   - outputLimit: bytes that may wait to be sent.
    init?(
        loop: EventLoop, to peer: RedisPeer, limits: ArrayAssembly.Limits, outputLimit: Int = 64 << 10,
        owner: any PushConnectionOwner
    ) {
        self.owner = owner
        self.outputLimit = outputLimit
        reader = ReplyReader(delegate: self, arrayLimits: limits)
        guard reader != nil else { return nil }
        socket = RedisSocket.connect(to: peer, on: loop, owner: self)
        guard socket != nil else { return nil }
    }

    func close() {
        socket?.close()
        socket = nil
        reader = nil
    }

    /// Sends what waits, once the connection is open.
    func flush() {
        guard let socket, isOpen else { return }
        guard output.count > 0 else { return socket.wait(for: .read) }
        guard output.count <= outputLimit, case .wrote(let count) = socket.send(output.bytes) else { return end() }
        output.consume(count)
        socket.wait(for: output.count == 0 ? .read : .readAndWrite)
    }

    private func end() {
        close()
        owner?.pushConnection(self, .ended)
    }
}

extension PushConnection: RedisSocketOwner {
    func securing(_ caller: RedisSocket) {}

    func opened(_ caller: RedisSocket) {
        guard caller === socket else { return }
        isOpen = true
        owner?.pushConnection(self, .opened)
        flush()
    }

    func failed(_ caller: RedisSocket, because trouble: StoreTrouble, reason: String?) {
        if caller === socket { end() }
    }

    func writable(_ caller: RedisSocket) { if caller === socket { flush() } }

    func readable(_ caller: RedisSocket) {
        guard caller === socket else { return }
        switch caller.receive() {
        case .bytes(let count):
            let input = caller.loop.input
            var offset = 0
            while offset < count, let reader {
                offset = reader.feed(input.span(count: count), from: offset)
                while self.reader === reader, let event = next(reader) { owner?.pushConnection(self, event) }
            }
            if reader != nil { owner?.pushConnection(self, .passedOn) }
        case .wouldBlock: break
        case .ended, .failed: end()
        }
    }

    /// Nil where more bytes are needed.
    private func next(_ reader: ReplyReader) -> PushEvent? {
        switch reader.next() {
        case .incomplete: return nil
        case .malformed: return .malformed
        case .reply(let reply):
            defer { elements = [] }
            return .received(reply, elements)
        }
    }
}

extension PushConnection: ReplyReaderDelegate {
    func replyReader(_ reader: ReplyReader, didReadBulk bytes: Span<UInt8>) { elements = [.bulk(bytes.copied())] }
    func replyReaderTakesArray(_ reader: ReplyReader) -> Bool { true }
    func replyReader(_ reader: ReplyReader, didReadArray elements: [ReplyElement]) { self.elements = elements }
}
