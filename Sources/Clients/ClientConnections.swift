// A worker's clients: accepted, counted against the limit of the process, found when the worker drains, forgotten when
// they leave. How a connection and its streams come to be is in the file beside this one.

import Bytes
import CacheStorage
import EventLoop
import HTTPSemantics
import HTTPWire
import Synchronization
import TLS

/// The bounds that a connection keeps to. Times are milliseconds.
package struct ClientLimits: Sendable {
    package var head: HeadLimits
    package var requestsPerConnection = Int.max
    /// Bytes of a request's content.
    package var body = UInt64.max
    package var headTimeout: Int64 = 10_000
    package var readTimeout: Int64 = 30_000
    /// Bytes of content that a client must send in a second, on average; 0 means that any pace will do.
    package var uploadRate: UInt64 = 256
    package var writeTimeout: Int64 = 30_000
    package var idleTimeout: Int64 = 75_000
    package var tunnelTimeout: Int64 = 3_600_000
    /// Requests in progress at once on one HTTP/2 connection.
    package var streams = 128
    /// Of the whole process.
    package var clients = 20_000
    /// Clients beyond those that are told so before they are closed; further ones are closed at once.
    package var rejected = 64

    package init(head: HeadLimits) { self.head = head }
}

/// What happens to a worker's clients, counted since its start.
package struct ClientCounters: Sendable {
    package var accepted = 0
    /// Closed at once, there being too many that are told so.
    package var turnedAway = 0
    package var acceptFailures = 0
    /// Connections that were closed since their PROXY protocol header was missing, wrong, incomplete or late.
    package var proxyHeadersRefused = 0
    /// TLS handshakes that were completed, and of those the ones that took up an earlier session.
    package var handshakes = 0
    package var handshakesResumed = 0
    /// TLS handshakes that came to nothing, those that took too long among them.
    package var handshakesFailed = 0
    /// TLS handshakes that had to make room, there being as many as may be under way.
    package var handshakesDropped = 0
    package var requests = 0
    package var idleClosed = 0
    package var requestsPerConnectionReached = 0
    package var bytesSent = 0
    package var http2 = HTTP2Counters()
}

/// How many clients the process has. Shared by all workers.
package final class ClientCount: Sendable {
    private let count = Atomic<Int>(0)

    package init() {}
    package var value: Int { count.load(ordering: .relaxed) }

    /// Counts one, until ``remove()``; answers how many there are now.
    func add() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    func remove() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// Belongs to one worker's thread.
package final class ClientConnections {
    package let loop: EventLoop
    /// Puts together the head of whatever response is next.
    package let writer: ResponseHeadWriter
    package var limits: ClientLimits
    package internal(set) var counters = ClientCounters()
    package private(set) var isDraining = false
    /// Counts what clients haven't taken.
    let memory: MemoryBudget

    let total: ClientCount
    let makeHandler: () -> RequestHandler
    let makeMessage: () -> RequestMessage
    /// Called when a client has left.
    package var clientLeft: (() -> Void)?
    private var listeners: [Listener] = []
    private(set) var connections: [ClientConnection] = []
    /// Streams that are to be used again, each with its handler: HTTP/1's, and HTTP/2's.
    var spare: [ClientStream] = []
    var spareHTTP2: [ClientStream] = []
    /// What HTTP/2 connections share, once there are some.
    var shared: SharedConnectionState?
    /// Content that arrived in many small chunks, while it is passed on.
    var gathered = ByteBuffer()

    /// How long an idle connection is kept in a drain, for a request that is on its way.
    static let drainIdleMilliseconds: Int64 = 1000
    /// A moment in which clients that are busy send their next request; then an idle connection lets go of memory.
    static let restMilliseconds: Int64 = 2_000
    /// How long a connection lingers after its last response in a drain.
    static let drainLingerMilliseconds: Int64 = 500

    /// - Parameters:
    ///   - makeHandler: makes the handler of a new stream.
    ///   - makeMessage: makes what a stream receives requests into; the handler finds it as the stream's `message`.
    package init(
        loop: EventLoop, writer: ResponseHeadWriter, limits: ClientLimits, total: ClientCount,
        memory: MemoryBudget = MemoryBudget(bytes: .max), makeHandler: @escaping () -> RequestHandler,
        makeMessage: @escaping () -> RequestMessage
    ) {
        self.loop = loop
        self.writer = writer
        self.limits = limits
        self.total = total
        self.memory = memory
        self.makeHandler = makeHandler
        self.makeMessage = makeMessage
    }

    package var count: Int { connections.count }
    package var activeCount: Int { connections.reduce(0) { $0 + $1.activeRequests } }

    // MARK: Listening

    /// On which of the addresses that are listened on connections begin with a header of the PROXY protocol.
    package var readsProxyHeader: (SocketAddress) -> Bool = { _ in false }
    /// On which of the addresses that are listened on clients may speak HTTP/2 without TLS (RFC 9113 §3.3).
    package var takesHTTP2: (SocketAddress) -> Bool = { _ in false }
    /// Called with the address of a load balancer, or of whoever it was, when such a header was missing or wrong.
    package var proxyHeaderRefused: ((PeerAddress) -> Void)?

    /// What the connections of an address that is listened on are like; nil for plain HTTP and nothing more.
    package var traits: (SocketAddress) -> ListenerTraits? = { _ in nil }
    /// Called when a handshake came to nothing, with the client's address.
    package var handshakeFailed: ((PeerAddress, HandshakeFault) -> Void)?

    /// - Parameter failed: called with `errno` when a connection couldn't be accepted.
    package func listen(on descriptor: Int32, address: SocketAddress, failed: @escaping (Int32) -> Void) {
        let listener = Listener(
            loop: loop, descriptor: descriptor, address: address,
            accepted: { [unowned self] descriptor, peer in
                let traits = traits(address)
                let connection = accept(descriptor, peer, readsProxyHeader: readsProxyHeader(address), traits)
                connection.takesPreface = takesHTTP2(address)
                if traits?.security != nil { boundHandshakes(of: address) }
            },
            refused: { [unowned self] code in
                counters.acceptFailures += 1
                failed(code)
            })
        listeners.append(listener)
    }

    /// Closes the listeners whose addresses aren't to be listened on any more.
    package func keepListeners(where keeps: (SocketAddress) -> Bool) {
        listeners.removeAll { listener in
            if keeps(listener.address) { return false }
            listener.close()
            return true
        }
    }

    func add(_ connection: ClientConnection) {
        connection.place = Int32(connections.count)
        connections.append(connection)
    }

    /// Another connection takes the place of one that has handed over its descriptor.
    func replace(_ old: ClientConnection, by connection: ClientConnection) {
        connection.place = old.place
        connections[Int(old.place)] = connection
    }

    func forget(_ connection: ClientConnection) {
        let place = Int(connection.place)
        guard place < connections.count, connections[place] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[place] = last
            last.place = Int32(place)
        }
        total.remove()
        clientLeft?()
    }

    // MARK: Handshakes

    /// The buffers of every encrypted connection of this loop; made for the first one.
    private(set) lazy var records = RecordBytes.of(loop)
    private var handshakes = HandshakeQueue<ClientConnection>()
    private var handshakeTurn = (number: UInt64(0), steps: 0)

    /// Handshakes under way at once.
    static let handshakesLimit = 4_096
    /// So long a handshake may take before it has to make room.
    private static let handshakeGraceMilliseconds: Int64 = 1_000
    /// Steps of handshakes in one turn, each of which takes some tenths of a millisecond: others have their turn too.
    private static let handshakeStepsPerTurn = 16

    /// Whether one more step fits into this turn. If not, the connection is readable in the next one too.
    func takesHandshakeStep() -> Bool {
        if handshakeTurn.number != loop.turn { handshakeTurn = (loop.turn, 0) }
        handshakeTurn.steps += 1
        return handshakeTurn.steps <= Self.handshakeStepsPerTurn
    }

    func handshakeBegan(_ connection: ClientConnection) -> Int { handshakes.begin(connection, now: loop.now) }
    func handshakeEnded(_ number: Int) { handshakes.end(number) }

    /// With as many handshakes as may be under way the oldest one goes, unless it is young too: then nobody else is let in for
    /// a moment.
    private func boundHandshakes(of address: SocketAddress) {
        guard handshakes.count >= Self.handshakesLimit else { return }
        let time = loop.now.advanced(byMilliseconds: -Self.handshakeGraceMilliseconds)
        if let oldest = handshakes.oldest(before: time) {
            counters.handshakesDropped += 1
            return oldest.turnAway()
        }
        for listener in listeners where listener.address == address { listener.pause() }
    }

    // MARK: Memory

    /// Cuts off clients that don't take their responses, those that hold most first, and of equals the one that has taken
    /// nothing for longest, until the rest hold no more than `allowance` bytes.
    package func relieve(downTo allowance: Int) {
        var holders: [(connection: ClientConnection, bytes: Int)] = []
        var held = 0
        for connection in connections {
            let bytes = connection.heldBytes
            guard bytes > 0 else { continue }
            holders.append((connection, bytes))
            held += bytes
        }
        guard held > allowance else { return }
        holders.sort { ($1.bytes, $0.connection.deadline) < ($0.bytes, $1.connection.deadline) }
        for (connection, bytes) in holders {
            connection.cutOff()
            held -= bytes
            if held <= allowance { return }
        }
    }

    // MARK: Draining

    /// Accepts nothing more; each connection ends with its next response, idle ones after a moment in which a request that
    /// is on its way still gets one.
    package func drain() {
        guard !isDraining else { return }
        isDraining = true
        keepListeners { _ in false }
        for connection in connections { connection.drainBegan() }
    }

    /// Closes every connection now, whatever is in progress.
    package func stop() {
        for connection in connections where connection.isOpen { connection.stop() }
    }
}
