// One connection to the admin listener. It handles one request at a time: reads all of its content, then sends the response
// from one buffer. The HTTP parser is the main listener's, and as strict.

import Bytes
import EventLoop
import HTTPWire
import Proxy

final class AdminConnection: Socket {
    /// Legal transitions: head → content → processing → sending → head, and any → lingering → closed.
    private enum Phase {
        case head, content, processing, sending
        /// The last response is sent. Further input is discarded, so that a reset doesn't overtake the response
        /// (RFC 9112 §9.6).
        case lingering
    }

    private weak var listener: AdminListener?
    private var phase = Phase.head
    private var head = RequestHead()
    private var request: AdminRequest?
    private var decoder: ChunkedDecoder?
    /// Bytes still to come of a content with Content-Length.
    private var remaining = 0
    private var contentLimit = 0
    /// Received and not yet parsed.
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var sent = 0
    private var isClosing = false
    private var hasBegun = false
    /// A response has been sent.
    private var hasServed = false
    /// When it became what it is, idle, receiving, or sending, among all such events of the listener's.
    private var since: UInt64
    /// Identifies the current request, so that a late response to an earlier one is ignored.
    private var serial = 0

    private static let headLimits = HeadLimits(startLine: 24 << 10, head: 32 << 10, fields: 64)
    private static let headMilliseconds: Int64 = 10_000
    private static let idleMilliseconds: Int64 = 30_000
    private static let responseMilliseconds: Int64 = 10_000
    private static let lingerMilliseconds: Int64 = 1_000

    init(listener: AdminListener, loop: EventLoop, descriptor: Int32) {
        self.listener = listener
        since = listener.nextEvent()
        super.init(loop: loop, descriptor: descriptor)
        wait(for: .read)
        setDeadline(afterMilliseconds: Self.headMilliseconds)
    }

    /// Which one is closed first where there are too many: one that is done, or idle after a request, before one whose request
    /// or response is still to come, or on its way; of equals the one that has been so for longest. Nil for one whose request is
    /// being processed.
    var dispensability: (rank: Int, since: UInt64)? {
        switch phase {
        case .lingering: (0, since)
        case .head where !hasBegun && hasServed: (1, since)
        case .head, .content: (2, since)
        case .sending: (3, since)
        case .processing: nil
        }
    }

    // MARK: Reading

    override func readable() {
        switch receive() {
        case .wouldBlock: return
        case .ended, .failed: leave()
        case .bytes(let count):
            if phase == .lingering { return }
            let buffer = loop.input
            input.append(buffer.span(count: count))
            work()
        }
    }

    private func work() {
        if phase == .head { readHead() }
        if phase == .content { readContent() }
    }

    private func readHead() {
        guard !input.isEmpty else { return }
        if !hasBegun {
            hasBegun = true
            since = listener?.nextEvent() ?? since
            setDeadline(afterMilliseconds: Self.headMilliseconds)
        }
        let received = self.input
        do throws(WireError) {
            guard try head.parse(received.span, limits: Self.headLimits) else { return }
        } catch {
            return refuse(error)
        }
        let request = AdminRequest(head, in: received.span)
        self.request = request
        input.removeFirst(head.length)
        isClosing = !head.keepsAlive
        contentLimit = listener?.contentLimit(for: request) ?? 0
        switch head.framing {
        case .none, .untilClose: return process()
        case .length(let length):
            guard length <= UInt64(contentLimit) else { return refuse(WireError(.contentTooLarge, from: .client)) }
            remaining = Int(length)
            decoder = nil
        case .chunked: decoder = ChunkedDecoder(from: .client)
        }
        phase = .content
        setDeadline(afterMilliseconds: Self.idleMilliseconds)
        // RFC 9110 §10.1.1. The send buffer of a new connection has room for one line; if not, the connection is given up.
        if head.expectsContinue && input.isEmpty {
            let line = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
            guard case .wrote(line.count) = send(line.span) else { return leave() }
        }
    }

    private func readContent() {
        setDeadline(afterMilliseconds: Self.idleMilliseconds)
        guard decoder != nil else {
            let count = min(remaining, input.count)
            request?.content += input[..<count]
            input.removeFirst(count)
            remaining -= count
            if remaining == 0 { process() }
            return
        }
        var position = 0
        let received = self.input
        do throws(WireError) {
            reading: while true {
                switch try decoder?.next(received.span, from: &position) {
                case .data(let range):
                    request?.content += received[range]
                    if let size = request?.content.count, size > contentLimit {
                        throw WireError(.contentTooLarge, from: .client)
                    }
                case .finished:
                    input.removeFirst(position)
                    return process()
                case .needsMore, nil: break reading
                }
            }
        } catch {
            return refuse(error)
        }
        input.removeFirst(position)
    }

    // MARK: Responding

    /// Closes the connection after the response: the start of the next message is unknown.
    private func refuse(_ error: WireError) {
        isClosing = true
        input = []
        serial += 1
        reply(.problem(error.status, error.code, "\(error.sentence)"))
    }

    private func process() {
        guard let request, let listener else { return leave() }
        phase = .processing
        wait(for: .none)
        setDeadline(afterMilliseconds: Self.responseMilliseconds)
        serial += 1
        listener.handle(request) { [self, serial] response in
            guard self.serial == serial, phase == .processing else { return }
            reply(response)
        }
    }

    private func reply(_ response: AdminResponse) {
        guard isOpen else { return }
        phase = .sending
        since = listener?.nextEvent() ?? since
        output = response.serialised(
            isHead: request?.method == .head, closes: isClosing, wallMilliseconds: loop.wallMilliseconds)
        sent = 0
        request = nil
        flush()
    }

    override func writable() { flush() }

    private func flush() {
        let output = self.output
        switch send(output.span.extracting(sent...)) {
        case .failed: leave()
        case .wrote(let count):
            sent += count
            guard sent == output.count else {
                wait(for: .write)
                setDeadline(afterMilliseconds: Self.idleMilliseconds)
                return
            }
            self.output = []
            isClosing ? linger() : begin()
        }
    }

    private func begin() {
        phase = .head
        hasBegun = false
        hasServed = true
        since = listener?.nextEvent() ?? since
        wait(for: .read)
        setDeadline(afterMilliseconds: Self.idleMilliseconds)
        // Not within the response before: pipelined requests would nest one call deep each.
        if !input.isEmpty { loop.atEndOfTurn { [self] in if isOpen && phase == .head { work() } } }
    }

    private func linger() {
        phase = .lingering
        since = listener?.nextEvent() ?? since
        shutDownSending()
        wait(for: .read)
        setDeadline(afterMilliseconds: Self.lingerMilliseconds)
    }

    override func deadlinePassed() {
        switch phase {
        case .lingering, .sending: leave()
        case .processing:
            serial += 1
            isClosing = true
            reply(.problem(503, "no-worker-answer", "the workers did not respond in time"))
        case .head where !hasBegun: leave()
        case .head, .content:
            isClosing = true
            reply(.problem(408, "head-timeout", "the request did not arrive in time"))
        }
    }

    func leave() {
        guard isOpen else { return }
        close()
        listener?.remove(self)
    }
}
