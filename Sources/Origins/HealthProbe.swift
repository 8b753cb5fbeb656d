// One active check: a separate connection, one `GET`, and the head of its response.

import Bytes
import Configuration
import EventLoop
import HTTPWire
import TLS

/// The connection of one check. It reports its result once, unless it is cancelled before.
final class HealthProbe: Socket {
    enum Start {
        case probe(HealthProbe)
        case failed(Int32)
    }

    private let request: [UInt8]
    private let statuses: ClosedRange<Int>
    private var finished: ((String?) -> Void)?
    private var isConnected: Bool
    /// TLS, before it is used; nil for none, or once it is in use.
    private var unusedChannel: TLSChannel?
    private var isSecuring = false
    private var head = ResponseHead()
    private var partialHead = ByteBuffer()

    /// What is sent, in HTTP/2 too.
    static func request(_ check: HealthCheck, authority: String) -> String {
        "GET \(check.path) HTTP/1.1\r\nHost: \(check.host ?? authority)\r\nUser-Agent: larder-check\r\nConnection: close\r\n\r\n"
    }

    static func start(
        loop: EventLoop, address: SocketAddress, check: HealthCheck, authority: String, timeoutMilliseconds: Int64,
        channel: TLSChannel? = nil, finished: @escaping (String?) -> Void
    ) -> Start {
        let request = Self.request(check, authority: authority)
        switch startConnection(to: address) {
        case .failed(let code): return .failed(code)
        case .connected(let descriptor):
            let probe = HealthProbe(loop, descriptor, true, Array(request.utf8), check.statuses, channel, finished)
            probe.setDeadline(afterMilliseconds: timeoutMilliseconds)
            return .probe(probe)
        case .underWay(let descriptor):
            let probe = HealthProbe(loop, descriptor, false, Array(request.utf8), check.statuses, channel, finished)
            probe.setDeadline(afterMilliseconds: timeoutMilliseconds)
            return .probe(probe)
        }
    }

    private init(
        _ loop: EventLoop, _ descriptor: Int32, _ isConnected: Bool, _ request: [UInt8],
        _ statuses: ClosedRange<Int>, _ channel: TLSChannel?, _ finished: @escaping (String?) -> Void
    ) {
        self.request = request
        self.statuses = statuses
        self.finished = finished
        self.isConnected = isConnected
        unusedChannel = channel
        super.init(loop: loop, descriptor: descriptor)
        wait(for: .write)
    }

    func cancel() {
        finished = nil
        close()
    }

    private func end(_ problem: String?) {
        let told = finished
        finished = nil
        close()
        told?(problem)
    }

    override func writable() {
        if !isConnected {
            let error = pendingError()
            guard error == 0 else { return end(errorText(error)) }
            isConnected = true
        }
        if let channel = unusedChannel {
            unusedChannel = nil
            isSecuring = true
            secure(by: channel)
            return goOnSecuring()
        }
        sendRequest()
    }

    private func goOnSecuring() {
        switch handshake() {
        case .wouldBlock: wait(for: .read)
        case .done:
            isSecuring = false
            sendRequest()
        case .failed(let fault): end("TLS failed: \(fault.sentence)")
        }
    }

    private func sendRequest() {
        // The few bytes of a check always fit into the buffer of a new connection.
        let request = self.request
        guard case .wrote(request.count) = send(request.span) else { return end("the check could not be sent") }
        wait(for: .read)
    }

    override func readable() {
        if isSecuring { return goOnSecuring() }
        loop.input.restore(partialHead.span)
        switch receive(after: partialHead.count) {
        case .wouldBlock: return
        case .ended: end("the connection was closed without a response")
        case .failed(let code): end(errorText(code))
        case .bytes(let count):
            let input = loop.input
            let bytes = input.span(count: partialHead.count + count)
            do {
                var start = 0
                guard try head.parseFinal(bytes, from: &start, answering: .get, limits: HeadLimits()) else {
                    partialHead.removeAll()
                    partialHead.append(bytes, from: start)
                    return
                }
                end(statuses.contains(head.status) ? nil : "the check was answered with \(head.status)")
            } catch {
                end("the check's answer is not HTTP")
            }
        }
    }

    override func deadlinePassed() { end("the check was not answered in time") }
}
