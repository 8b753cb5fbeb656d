import Foundation

// A relay between a client and a server, which delays what the server sends as a long way would: everything by the same time,
// in order, however much of it is under way.

package final class DelayingRelay: Sendable {
    package let port: UInt16
    private let listener: Socket
    private let server: Endpoint
    private let state = Locked(State())

    private struct State: Sendable {
        var delay = 0.0
        var sockets: [Socket] = []
        var isStopped = false
    }

    package init(to server: Endpoint) throws {
        self.server = server
        listener = try Socket(listeningOn: .port(0))
        port = listener.localPort
        Self.onThread { [self] in
            while let client = try? listener.accept() {
                guard let origin = try? Socket(connectingTo: self.server) else {
                    client.close()
                    continue
                }
                let isStopped = state.withLock { state in
                    state.sockets += [client, origin]
                    return state.isStopped
                }
                if isStopped { break }
                pass(from: client, to: origin) { 0 }
                pass(from: origin, to: client) { [state] in state.withLock { $0.delay } }
            }
        }
    }

    /// Seconds by which everything is delayed that the server sends from now on.
    package var delay: Double {
        get { state.withLock { $0.delay } }
        set { state.withLock { $0.delay = newValue } }
    }

    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for socket in state.sockets { socket.interrupt() }
        }
        listener.interrupt()
    }

    /// One thread reads and notes when each piece is due; the other sends it then.
    private func pass(from source: Socket, to sink: Socket, delay: @escaping @Sendable () -> Double) {
        let line = DelayLine()
        source.set(timeout: 600)
        Self.onThread {
            while let bytes = try? source.receive(), !bytes.isEmpty { line.put(bytes, due: Clock.now + delay()) }
            line.end()
        }
        Self.onThread {
            while let (bytes, due) = line.take() {
                let left = due - Clock.now
                if left > 0 { Thread.sleep(forTimeInterval: left) }
                guard (try? sink.send(bytes)) != nil else { break }
            }
            sink.interrupt()
            source.interrupt()
        }
    }

    private static func onThread(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 512 << 10
        thread.start()
    }
}

/// What is on its way.
private final class DelayLine: @unchecked Sendable {
    // Every access holds the condition's lock.
    private let condition = NSCondition()
    private var pieces: [(bytes: [UInt8], due: Double)] = []
    private var isEnded = false

    func put(_ bytes: [UInt8], due: Double) {
        condition.lock()
        // None overtakes another.
        pieces.append((bytes, max(due, pieces.last?.due ?? 0)))
        condition.signal()
        condition.unlock()
    }

    func end() {
        condition.lock()
        isEnded = true
        condition.signal()
        condition.unlock()
    }

    /// The next piece, once there is one; nil at the end.
    func take() -> (bytes: [UInt8], due: Double)? {
        condition.lock()
        defer { condition.unlock() }
        while pieces.isEmpty && !isEnded { condition.wait() }
        return pieces.isEmpty ? nil : pieces.removeFirst()
    }
}
