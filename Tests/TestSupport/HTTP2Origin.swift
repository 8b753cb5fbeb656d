import Foundation

// An origin that speaks HTTP/2 without TLS and does, frame by frame, what a test scripts. It runs in the test process, a thread a
// connection, and remembers every frame as it was received.

package final class HTTP2Origin: Sendable {
    /// One connection of Larder's.
    package final class Connection {
        package let number: Int
        package let socket: Socket
        /// Whatever a handler keeps from one frame to the next.
        package var notes: [UInt32: [UInt8]] = [:]
        package var waiting: [UInt32] = []

        fileprivate init(_ number: Int, _ socket: Socket) {
            self.number = number
            self.socket = socket
        }

        package func send(_ frames: HTTP2Frame...) throws { try socket.send(frames.flatMap(\.bytes)) }

        /// A whole response; nil: the header section alone.
        package func respond(
            _ stream: UInt32, _ status: String = "200", _ fields: [(String, String)] = [], body: String? = "",
            trailers: [(String, String)] = []
        ) throws {
            let head = HTTP2.headers(stream, [(":status", status)] + fields, ends: body == nil && trailers.isEmpty)
            var frames = [head]
            if let body { frames.append(HTTP2.data(stream, Array(body.utf8), ends: trailers.isEmpty)) }
            if !trailers.isEmpty { frames.append(HTTP2.headers(stream, trailers)) }
            try socket.send(frames.flatMap(\.bytes))
        }

        /// The server ends: streams above the last are given back.
        package func goAway(last: UInt32, error: UInt32 = 0) throws {
            try send(HTTP2Frame(.goAway, HTTP2.number(last) + HTTP2.number(error)))
        }
    }

    /// What is acknowledged without the handler.
    package enum Answers: Sendable { case all, settings, nothing }

    /// Called with each frame but those that are acknowledged here.
    package typealias Handler = @Sendable (Connection, HTTP2Frame) throws -> Void

    private struct State {
        var connections = 0
        var open: [Int: Socket] = [:]
        var frames: [(connection: Int, frame: HTTP2Frame)] = []
        var isStopped = false
    }

    private let listener: Socket
    private let state = Locked(State())
    private let settings: [(UInt16, UInt32)]
    private let answers: Answers
    private let handler: Handler
    private let greet: @Sendable (Connection) throws -> Void

    /// - Parameters:
    ///   - settings: what the origin's SETTINGS say.
    ///   - greet: called with each connection once its SETTINGS are sent.
    package init(
        on endpoint: Endpoint = .port(0), settings: [(UInt16, UInt32)] = [], answers: Answers = .all,
        greet: @escaping @Sendable (Connection) throws -> Void = { _ in }, _ handler: @escaping Handler
    ) throws {
        listener = try Socket(listeningOn: endpoint)
        self.settings = settings
        self.answers = answers
        self.greet = greet
        self.handler = handler
        Self.onThread { [self] in
            while let socket = try? listener.accept() { serve(socket) }
        }
    }

    /// As written in a configuration.
    package var url: String { "h2c://127.0.0.1:\(listener.localPort)" }
    package var port: UInt16 { listener.localPort }
    package var connections: Int { state.withLock { $0.connections } }
    package var openConnections: Int { state.withLock { $0.open.count } }

    /// Frames of a kind, in the order in which they came.
    package func frames(_ kind: HTTP2Frame.Kind) -> [HTTP2Frame] {
        state.withLock { $0.frames.map(\.frame).filter { $0.isKind(kind) } }
    }

    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for socket in state.open.values { socket.interrupt() }
        }
        listener.interrupt()
        eventually(within: 5, every: 0.002) { state.withLock { $0.open.isEmpty } }
        listener.close()
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
            try? answer(Connection(number, socket))
            state.withLock { state in _ = state.open.removeValue(forKey: number) }
            socket.close()
        }
    }

    private func answer(_ connection: Connection) throws {
        var preface: [UInt8] = []
        while preface.count < HTTP2.preface.count {
            let bytes = try connection.socket.receive()
            guard !bytes.isEmpty else { return }
            preface += bytes
        }
        guard preface.starts(with: HTTP2.preface) else { throw HarnessError("not HTTP/2") }
        try connection.send(HTTP2.settings(settings))
        try greet(connection)
        let reader = HTTP2FrameReader()
        var bytes = Array(preface.dropFirst(HTTP2.preface.count))
        repeat {
            for frame in reader.read(bytes) { try take(frame, connection) }
            bytes = try connection.socket.receive()
        } while !bytes.isEmpty
    }

    private func take(_ frame: HTTP2Frame, _ connection: Connection) throws {
        state.withLock { $0.frames.append((connection.number, frame)) }
        let isAcknowledged = frame.isKind(.settings) || frame.isKind(.ping)
        guard isAcknowledged else { return try handler(connection, frame) }
        guard answers == .all || answers == .settings && frame.isKind(.settings),
            frame.flags & HTTP2Frame.acknowledges == 0
        else { return }
        try connection.send(
            HTTP2Frame(
                kind: frame.kind, flags: HTTP2Frame.acknowledges, stream: 0, frame.isKind(.ping) ? frame.payload : []))
    }
}
