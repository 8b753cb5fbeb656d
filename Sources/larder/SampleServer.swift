// The demo's API on a port: a small HTTP/1.1 server with its own thread and loop. It serves Larder only, and rejects what Larder
// doesn't send to it (such as chunked content).

import Bytes
import EventLoop
import HTTPSemantics
import HTTPWire

enum SampleAPI {
    /// Listens on a free loopback port and serves until the process ends.
    static func start() throws(SocketError) -> UInt16 {
        let wanted = SocketAddress(numericHost: "127.0.0.1", port: 0)!
        let descriptor = try listeningSocket(on: wanted, reusePort: false)
        let address = boundAddress(of: descriptor) ?? wanted
        _ = LoopThread.start(name: "larder-sample") { SampleServer(descriptor: descriptor, address: address).run() }
        return address.port
    }
}

/// Belongs to its thread.
private final class SampleServer {
    let loop = EventLoop(inputCapacity: 64 << 10)
    var tasks = SampleTasks()
    private let descriptor: Int32
    private let address: SocketAddress

    init(descriptor: Int32, address: SocketAddress) {
        self.descriptor = descriptor
        self.address = address
    }

    func run() {
        let listener = Listener(
            loop: loop, descriptor: descriptor, address: address,
            accepted: { [unowned self] descriptor, _ in _ = SampleConnection(server: self, descriptor: descriptor) },
            refused: { _ in })
        loop.run()
        listener.close()
    }
}

/// One connection. It reads a request, waits if the response is delayed, sends the response, and continues.
private final class SampleConnection: Socket {
    private unowned let server: SampleServer
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    /// A delayed response; nothing is read until it is sent.
    private var delayed: (response: SampleResponse, isHead: Bool, keepsAlive: Bool)?
    private var closesWhenSent = false

    private static let contentLimit = 16 << 10

    init(server: SampleServer, descriptor: Int32) {
        self.server = server
        super.init(loop: server.loop, descriptor: descriptor)
        wait(for: .read)
    }

    override func readable() {
        switch receive() {
        case .bytes(let count):
            let buffer = loop.input
            let bytes = buffer.span(count: count)
            for index in bytes.indices { input.append(bytes[index]) }
            takeRequests()
        case .wouldBlock: return
        case .ended, .failed: close()
        }
    }

    private func takeRequests() {
        while isOpen, delayed == nil, !closesWhenSent, takeRequest() {}
        if isOpen { wait(for: !output.isEmpty ? .write : delayed == nil ? .read : .none) }
    }

    /// Handles one request; false if it is not complete yet.
    private func takeRequest() -> Bool {
        guard !input.isEmpty else { return false }
        var head = RequestHead()
        let received = input
        do throws(WireError) {
            guard try head.parse(received.span, limits: HeadLimits()) else { return false }
        } catch {
            return refuse(400)
        }
        var contentLength = 0
        switch head.framing {
        case .none: break
        case .length(let length):
            guard length <= UInt64(Self.contentLimit) else { return refuse(413) }
            contentLength = Int(length)
        case .chunked, .untilClose: return refuse(411)
        }
        let end = head.length + contentLength
        guard input.count >= end else {
            if head.expectsContinue && input.count == head.length { send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
            return false
        }
        func text(_ range: ByteRange) -> String { String(decoding: input[range.lower..<range.upper], as: UTF8.self) }
        let response = server.tasks.respond(
            method: text(head.methodRange), path: text(head.path), ifNoneMatch: head.first(.ifNoneMatch).map(text),
            content: String(decoding: input[head.length..<end], as: UTF8.self))
        let (isHead, keepsAlive) = (head.method == .head, head.keepsAlive)
        input.removeFirst(end)
        if response.delayMilliseconds > 0 {
            delayed = (response, isHead, keepsAlive)
            setDeadline(afterMilliseconds: response.delayMilliseconds)
        } else {
            respond(response, isHead: isHead, keepsAlive: keepsAlive)
        }
        return true
    }

    private func refuse(_ status: Int) -> Bool {
        respond(SampleResponse(status: status), isHead: false, keepsAlive: false)
        return true
    }

    override func deadlinePassed() {
        guard let (response, isHead, keepsAlive) = delayed else { return }
        delayed = nil
        respond(response, isHead: isHead, keepsAlive: keepsAlive)
        takeRequests()
    }

    private func respond(_ response: SampleResponse, isHead: Bool, keepsAlive: Bool) {
        var lines = ["HTTP/1.1 \(response.status) \(SampleResponse.reasons[response.status] ?? "")"] + response.fields
        lines.append("Date: \(date())")
        if !keepsAlive { lines.append("Connection: close") }
        let body = response.body.isEmpty ? "" : response.body + "\n"
        if response.status != 304 {
            lines.append("Content-Type: application/json")
            lines.append("Content-Length: \(body.utf8.count)")
        }
        closesWhenSent = !keepsAlive
        send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + (isHead ? "" : body)).utf8))
    }

    private func date() -> String {
        var buffer = ByteBuffer(minimumCapacity: 32)
        HTTPDate.append(loop.wallMilliseconds / 1000, to: &buffer)
        let bytes = buffer.span
        return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }

    private func send(_ bytes: [UInt8]) {
        output += bytes
        writable()
    }

    override func writable() {
        guard isOpen, !output.isEmpty else { return }
        let output = self.output
        switch send(output.span) {
        case .wrote(let count): self.output.removeFirst(count)
        case .failed: return close()
        }
        if self.output.isEmpty && closesWhenSent { return close() }
        if self.output.isEmpty && interest == .write { takeRequests() }
    }
}
