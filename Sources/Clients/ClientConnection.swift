// A client's connection, whatever version of HTTP it speaks: what a worker needs to know of each, and the end that all have.

import EventLoop

/// What connections of one version of HTTP share on a worker.
class SharedConnectionState {}

/// A connection on the worker's thread. Subclasses read requests from it and send the responses.
class ClientConnection: Socket {
    final let connections: ClientConnections
    /// The other end of the connection, or the client that a PROXY protocol header names.
    final var peer: PeerAddress
    /// What its listener says of it.
    final var traits: ListenerTraits?
    /// Its place in the worker's list.
    final var place: Int32 = 0
    /// When lingering is over at the latest, in whole seconds of the loop's clock.
    final var lingerEnd: Int32 = 0

    /// How long a connection lingers without a byte, and in all.
    private static let lingerIdleMilliseconds: Int64 = 5_000
    private static let lingerSeconds: Int32 = 30
    /// Reads that are dropped in one turn, so that others have theirs.
    private static let dropsPerTurn = 4

    init(connections: ClientConnections, descriptor: Int32, peer: PeerAddress) {
        self.connections = connections
        self.peer = peer
        super.init(loop: connections.loop, descriptor: descriptor)
    }

    /// Requests in progress on it, those that have begun to arrive among them.
    var activeRequests: Int { preconditionFailure("a connection knows its requests") }
    /// Memory that would be free without this client.
    var heldBytes: Int { preconditionFailure("a connection knows its requests") }

    /// A load balancer is at the other end, which names its client first.
    func expectProxyHeader() {}
    /// Nothing new is begun from now on.
    func drainBegan() {}
    /// Memory is short, and this client is among those that hold most of it.
    func cutOff() {}
    /// The worker stops: requests in progress are aborted, and the connection is closed.
    func stop() { leave() }
    /// One client too many: told so, and closed.
    func reject() { leave() }
    /// Too many even to be told.
    final func turnAway() { leave() }

    /// Closes the connection and forgets it. A request is not in progress, or has been told.
    func leave() {
        connections.forget(self)
        close()
    }

    // MARK: Lingering

    /// The last response is sent and the sending side shut down: what the client still sends is to be dropped, so that a reset
    /// doesn't overtake the response (RFC 9112 §9.6).
    final func beginLingering() {
        wait(for: .read)
        lingerEnd = seconds(loop.now) &+ Self.lingerSeconds
        extendLinger()
    }

    /// However much comes: a client that sends all of its content before it reads gets its response.
    final func dropInput() {
        for _ in 0..<Self.dropsPerTurn {
            switch receive() {
            case .wouldBlock: return
            case .ended, .failed: return leave()
            case .bytes(let count):
                extendLinger()
                if count < loop.input.capacity { return }
            }
        }
    }

    private final func extendLinger() {
        let idle =
            connections.isDraining ? ClientConnections.drainLingerMilliseconds : Self.lingerIdleMilliseconds
        let end = MonotonicTime(milliseconds: Int64(lingerEnd) * 1000)
        setDeadline(min(loop.now.advanced(byMilliseconds: idle), end))
    }

    private final func seconds(_ time: MonotonicTime) -> Int32 { Int32(truncatingIfNeeded: time.milliseconds / 1000) }
}
