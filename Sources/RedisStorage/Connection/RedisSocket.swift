// The socket of a connection to Redis. It only forwards events to its owner.

import EventLoop

/// Receives the events of the socket.
protocol RedisSocketOwner: AnyObject {
    func readable(_ socket: RedisSocket)
    func writable(_ socket: RedisSocket)
}

final class RedisSocket: Socket {
    private weak var owner: (any RedisSocketOwner)?

    /// Takes ownership of a connected or connecting descriptor.
    init(loop: EventLoop, descriptor: Int32, owner: any RedisSocketOwner) {
        self.owner = owner
        super.init(loop: loop, descriptor: descriptor)
    }

    // If the owner was released without being closed, the socket closes itself.
    override func readable() { if let owner { owner.readable(self) } else { close() } }
    override func writable() { if let owner { owner.writable(self) } else { close() } }
}
