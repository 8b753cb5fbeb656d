// The socket of a connection to Redis: it connects, speaks TLS where that is wanted, and from then on only forwards events to its
// owner, who sees no difference.

import CacheStorage
import EventLoop
import TLS

/// Receives the events of the socket. None comes before ``RedisSocket/connect(to:for:owner:)`` has returned.
protocol RedisSocketOwner: AnyObject {
    /// The connection stands, and TLS begins. The time to connect goes on.
    func securing(_ socket: RedisSocket)
    /// Bytes may be sent.
    func opened(_ socket: RedisSocket)
    /// It can't be used; the owner is to close it.
    /// - Parameter reason: in the words of TLS.
    func failed(_ socket: RedisSocket, because trouble: StoreTrouble, reason: String?)
    func readable(_ socket: RedisSocket)
    func writable(_ socket: RedisSocket)
}

/// Where a socket leads, and how.
struct RedisPeer {
    let address: SocketAddress
    /// Nil where nothing is encrypted.
    var tls: RedisTLS?
    /// By which the server is known, and which its certificate is for.
    var host = ""
    var port: UInt16 = 0
}

final class RedisSocket: Socket {
    private enum Phase { case connecting, securing, open }

    private weak var owner: (any RedisSocketOwner)?
    private var phase = Phase.connecting
    /// TLS, before it is used; nil for none, or once it is in use.
    private var unusedChannel: TLSChannel?

    /// Begins to connect; nil if that fails at once.
    static func connect(to peer: RedisPeer, on loop: EventLoop, owner: any RedisSocketOwner) -> RedisSocket? {
        var channel: TLSChannel?
        if let tls = peer.tls {
            channel = tls.makeChannel(to: peer.host, port: peer.port, on: loop)
            if channel == nil { return nil }
        }
        switch startConnection(to: peer.address) {
        case .connected(let descriptor), .underWay(let descriptor):
            let socket = RedisSocket(loop: loop, descriptor: descriptor, channel: channel, owner: owner)
            socket.wait(for: .write)
            return socket
        case .failed: return nil
        }
    }

    private init(loop: EventLoop, descriptor: Int32, channel: TLSChannel?, owner: any RedisSocketOwner) {
        self.owner = owner
        unusedChannel = channel
        super.init(loop: loop, descriptor: descriptor)
    }

    /// Why the peer has closed the connection, as far as can be told. `isGreeting`: it hasn't replied to anything yet.
    func lossTrouble(isGreeting: Bool) -> StoreTrouble {
        if let fault = channel?.lateFault, fault.kind == .refused { return .certificateRefused }
        return isGreeting && channel == nil ? .notGreeted : .connectionLost
    }

    // If the owner was released without being closed, the socket closes itself.
    override func readable() {
        guard let owner else { return close() }
        if phase == .open { owner.readable(self) } else { secure(owner) }
    }

    override func writable() {
        guard let owner else { return close() }
        switch phase {
        case .open: owner.writable(self)
        case .securing: secure(owner)
        case .connecting:
            guard pendingError() == 0 else { return owner.failed(self, because: .connectFailed, reason: nil) }
            guard let channel = unusedChannel else {
                phase = .open
                return owner.opened(self)
            }
            unusedChannel = nil
            phase = .securing
            secure(by: channel)
            owner.securing(self)
            secure(owner)
        }
    }

    private func secure(_ owner: any RedisSocketOwner) {
        switch handshake() {
        case .wouldBlock: wait(for: .read)
        case .done:
            phase = .open
            owner.opened(self)
        case .failed(let fault): owner.failed(self, because: StoreTrouble(fault), reason: fault.sentence)
        }
    }
}
