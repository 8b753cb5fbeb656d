// The socket of a connection to Redis. All it knows is whom to call.

import EventLoop

/// Told what the socket is ready for.
protocol RedisSocketOwner: AnyObject {
    func readable(_ socket: RedisSocket)
    func writable(_ socket: RedisSocket)
}

final class RedisSocket: Socket {
    private weak var owner: (any RedisSocketOwner)?

    /// Takes over a connected or connecting descriptor.
    init(loop: EventLoop, descriptor: Int32, owner: any RedisSocketOwner) {
        self.owner = owner
        super.init(loop: loop, descriptor: descriptor)
    }

    // An owner that was let go of without being closed leaves its socket to close itself.
    override func readable() { if let owner { owner.readable(self) } else { close() } }
    override func writable() { if let owner { owner.writable(self) } else { close() } }
}
