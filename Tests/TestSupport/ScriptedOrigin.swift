import Foundation

// An origin that answers what a test scripts, byte for byte: pieces, pauses, broken framings, resets, silence. It runs in
// the test process, a thread a connection, and remembers every request as it was received.

/// A request as the origin got it.
package struct ReceivedRequest: Sendable {
    package let head: Head
    package let method: String
    package let target: String
    package let connection: Int
    package var body: [UInt8] = []
    /// Whether its body came to its end; only after the handler read it.
    package var isComplete = false
    package subscript(_ name: String) -> String? { head[name] }
    package var path: String { String(target.prefix { $0 != "?" }) }
}

/// One request and the ways to answer it.
package final class Exchange {
    package private(set) var request: ReceivedRequest
    package let socket: Socket
    private let reader: MessageReader
    fileprivate private(set) var isOver = false
    private var bodyWasRead = false
    private let record: (ReceivedRequest) -> Void
    /// Trailers of a chunked request; after `readBody`.
    package private(set) var trailers: [Field] = []

    fileprivate init(
        _ request: ReceivedRequest, _ socket: Socket, _ reader: MessageReader,
        record: @escaping (ReceivedRequest) -> Void
    ) {
        self.request = request
        self.record = record
        self.socket = socket
        self.reader = reader
    }

    /// Reads the request's body. A handler that doesn't is taken to want it dropped after its answer.
    @discardableResult
    package func readBody(_ piece: (([UInt8]) throws -> Void)? = nil) throws -> [UInt8] {
        guard !bodyWasRead else { return request.body }
        bodyWasRead = true
        defer { record(request) }
        let sink: ([UInt8]) throws -> Void = piece ?? { [self] in request.body += $0 }
        if request.head.isChunked {
            guard let fields = try reader.readChunks(sink) else { throw SocketError.closed }
            trailers = fields
        } else if let length = request.head.contentLength {
            guard try reader.readExactly(length, sink) else { throw SocketError.closed }
        }
        request.isComplete = true
        return request.body
    }

    /// Bytes as they are.
    package func send(_ text: String) throws { try socket.send(text) }
    package func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

    /// A whole response with `Content-Length`.
    package func respond(_ status: Int = 200, _ fields: [String] = [], body: String = "") throws {
        try respond(status, fields, bytes: Array(body.utf8))
    }

    package func respond(_ status: Int = 200, _ fields: [String] = [], bytes: [UInt8]) throws {
        try readBody()
        let withoutBody = status == 204 || status == 304
        let lines = ["HTTP/1.1 \(status) Scripted"] + fields + (withoutBody ? [] : ["Content-Length: \(bytes.count)"])
        let head = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        try send(request.method == "HEAD" || withoutBody ? head : head + bytes)
    }

    /// Lets time pass before the next bytes: a slow origin is what is being scripted.
    package func pause(_ seconds: Double) { Thread.sleep(forTimeInterval: seconds) }

    /// Says nothing until the peer gives up or the origin is stopped.
    package func hang() {
        while let bytes = try? socket.receive(), !bytes.isEmpty {}
        isOver = true
    }

    package func close() {
        isOver = true
        socket.interrupt()
    }

    package func reset() {
        isOver = true
        socket.reset()
    }
}

package final class ScriptedOrigin: Sendable {
    package typealias Handler = @Sendable (Exchange) throws -> Void

    package let endpoint: Endpoint
    private let listener: Socket
    private struct State {
        var handlers: [String: Handler] = [:]
        var received: [ReceivedRequest] = []
        var unreadable: [[UInt8]] = []
        var connections = 0
        var open: [Int: Socket] = [:]
        var paths = 0
        var isStopped = false
    }
    private let state = Locked(State())
    private let fallback: Handler

    /// Starts listening. `handler` answers what no `script` claims; without one, 404.
    package init(on endpoint: Endpoint = .port(0), _ handler: @escaping Handler = { try $0.respond(404) }) throws {
        listener = try Socket(listeningOn: endpoint)
        self.endpoint =
            switch endpoint {
            case .unix: endpoint
            case .port: .port(listener.localPort)
            case .loopback(let host, _): .loopback(host: host, port: listener.localPort)
            }
        fallback = handler
        Self.onThread { [self] in
            while let socket = try? listener.accept() { serve(socket) }
        }
    }

    /// As written in a configuration.
    package var url: String { endpoint.description }
    package var port: UInt16 {
        switch endpoint {
        case .port(let port), .loopback(_, let port): port
        case .unix: 0
        }
    }

    /// A path of its own whose requests this handler answers, so that many tests share an origin and a daemon.
    package func script(_ prefix: String = "/t", _ handler: @escaping Handler) -> String {
        state.withLock { state in
            state.paths += 1
            let path = "\(prefix)\(state.paths)"
            state.handlers[path] = handler
            return path
        }
    }

    /// A path which answers always the same.
    package func script(_ status: Int = 200, _ fields: [String] = [], body: String = "") -> String {
        script { try $0.respond(status, fields, body: body) }
    }

    /// Every request so far, or those for one path, in the order in which they came.
    package func requests(for path: String? = nil) -> [ReceivedRequest] {
        state.withLock { $0.received.filter { path == nil || $0.path == path } }
    }
    package func count(for path: String? = nil) -> Int { requests(for: path).count }
    /// Connections accepted so far.
    package var connections: Int { state.withLock { $0.connections } }
    package var openConnections: Int { state.withLock { $0.open.count } }

    /// Breaks every connection that is open at the moment.
    package func closeConnections() {
        state.withLock { state in
            for socket in state.open.values { socket.interrupt() }
        }
    }

    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for socket in state.open.values { socket.interrupt() }
        }
        listener.interrupt()
        eventually(within: 5, every: 0.002) { state.withLock { $0.open.isEmpty } }
        listener.close()
        if case .unix(let path) = endpoint { unlink(path) }
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 512 << 10
        thread.start()
    }

    private func serve(_ socket: Socket) {
        let number: Int? = state.withLock { state in
            guard !state.isStopped else { return nil }
            state.connections += 1
            state.open[state.connections] = socket
            return state.connections
        }
        guard let number else { return }
        socket.set(timeout: 60)
        Self.onThread { [self] in
            try? answer(socket, number)
            // Out of the list before the descriptor is closed, so that stop() never touches somebody else's.
            state.withLock { state in _ = state.open.removeValue(forKey: number) }
            socket.close()
        }
    }

    private func answer(_ socket: Socket, _ number: Int) throws {
        let reader = MessageReader(socket)
        while let head = try reader.readHead() {
            let parts = head.startLine.split(separator: " ").map(String.init)
            guard parts.count == 3 else { throw HarnessError("not a request line: \(head.startLine)") }
            let request = ReceivedRequest(head: head, method: parts[0], target: parts[1], connection: number)
            let index = state.withLock { state in
                state.received.append(request)
                return state.received.count - 1
            }
            let handler = state.withLock { $0.handlers[request.path] } ?? fallback
            let exchange = Exchange(request, socket, reader) { [self] request in
                state.withLock { $0.received[index] = request }
            }
            try handler(exchange)
            if exchange.isOver { return }
            try exchange.readBody()
        }
    }
}
