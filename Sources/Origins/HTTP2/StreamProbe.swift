// One active check of a server that speaks HTTP/2: a connection of its own with one stream, one `GET`, and the head of its response.

import Bytes
import Configuration
import EventLoop
import Glibc
import HTTP2Wire
import HTTPWire
import TLS

/// It reports its result once, unless it is cancelled before.
final class StreamProbe {
    enum Result {
        case up
        case problem(String)
        /// The server chose HTTP/1.1: it is to be checked in that.
        case speaksHTTP1
    }

    private let request: [UInt8]
    private let statuses: ClosedRange<Int>
    let headLimits = HeadLimits()
    private var finished: ((Result) -> Void)?
    private var connection: MultiplexedConnection?
    private var stream: OriginStream?
    private var head = ResponseHead()
    private var received = ByteBuffer()

    /// - Returns: nil, and `code`, where no connection could be begun.
    init?(
        loop: EventLoop, endpoint: Endpoint, server: OriginServer, check: HealthCheck, request: String,
        timeoutMilliseconds: Int64, channel: TLSChannel?, library: HTTP2Library, code: inout Int32,
        finished: @escaping (Result) -> Void
    ) {
        self.request = Array(request.utf8)
        statuses = check.statuses
        self.finished = finished
        let descriptor: Int32
        switch startConnection(to: endpoint.address) {
        case .failed(let error):
            code = error
            return nil
        case .connected(let made), .underWay(let made): descriptor = made
        }
        let connection = MultiplexedConnection(
            loop: loop, descriptor: descriptor, endpoint: endpoint, server: server, channel: channel, mostStreams: 1,
            library: library, counters: StreamCounters(), owner: self)
        self.connection = connection
        stream = connection.addStream(for: self)
        stream?.setDeadline(afterMilliseconds: timeoutMilliseconds)
        connection.begin()
    }

    func cancel() {
        finished = nil
        connection?.abandon()
        letGo()
    }

    private func end(_ result: Result) {
        let told = finished
        finished = nil
        connection?.end()
        letGo()
        told?(result)
    }

    private func letGo() {
        stream?.close()
        stream = nil
        connection = nil
    }
}

extension StreamProbe: OriginStreamUser {
    func streamOpened(_ stream: OriginStream) {
        let request = self.request
        guard case .wrote(request.count) = stream.send(request.span, Span(), Span()) else {
            return end(.problem("the check could not be sent"))
        }
        stream.wait(for: .read)
    }

    func streamRefused(_ stream: OriginStream, _ failure: OriginStream.NoConnection) {
        switch failure {
        case .refused(let code): end(.problem(errorText(code)))
        case .insecure(let fault): end(.problem("TLS failed: \(fault.sentence)"))
        case .speaksHTTP1: end(.speaksHTTP1)
        case .full, .closed, .lost: end(.problem("the check was not answered"))
        }
    }

    func streamReadable(_ stream: OriginStream) {
        guard let input = connection?.loop.input else { return }
        input.restore(received.span)
        switch stream.receive(after: received.count, atMost: 16 << 10) {
        case .wouldBlock: return
        case .ended, .failed: end(.problem("the check was not answered"))
        case .bytes(let count):
            let bytes = input.span(count: received.count + count)
            do {
                var start = 0
                guard try head.parseFinal(bytes, from: &start, answering: .get, limits: headLimits) else {
                    received.removeAll()
                    received.append(bytes, from: start)
                    return
                }
                end(statuses.contains(head.status) ? .up : .problem("the check was answered with \(head.status)"))
            } catch {
                end(.problem("the check's answer is not HTTP"))
            }
        }
    }

    func streamWritable(_ stream: OriginStream) {}
    func streamDeadlinePassed(_ stream: OriginStream) { end(.problem("the check was not answered in time")) }
}

extension StreamProbe: MultiplexedOwner {
    func connectionBecameIdle(_ connection: MultiplexedConnection) { connection.end() }
    func connectionClosed(_ connection: MultiplexedConnection) {}

    func connectionSpeaksHTTP1(_ connection: MultiplexedConnection, _ descriptor: Int32, _ channel: SecureChannel?) {
        _ = close(descriptor)
        for stream in connection.takeStreams() { stream.refuse(.speaksHTTP1(nil)) }
    }
}
