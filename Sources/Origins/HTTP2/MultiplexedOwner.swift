// Who opens a multiplexed connection, and decides what becomes of it; and what is decided.

import EventLoop
import HTTPWire

/// Who opened a connection, and decides what becomes of it.
protocol MultiplexedOwner: AnyObject {
    var headLimits: HeadLimits { get }
    /// It carries no streams any more, or none yet; nothing is due to it but what the owner says.
    func connectionBecameIdle(_ connection: MultiplexedConnection)
    /// It has closed its descriptor.
    func connectionClosed(_ connection: MultiplexedConnection)
    /// The server speaks HTTP/1.1: the descriptor and its encryption are the owner's.
    func connectionSpeaksHTTP1(_ connection: MultiplexedConnection, _ descriptor: Int32, _ channel: SecureChannel?)
}

extension MultiplexedConnection {
    enum Phase: UInt8 {
        /// Exits: securing, open, closed.
        case connecting
        /// Exits: open, closed (also as the server speaks HTTP/1.1).
        case securing
        /// Exits: leaving, closed.
        case open
        /// It takes no more streams, and is closed behind the last one.
        case leaving
        case closed
    }

    /// How long it is kept once it is idle.
    struct Keepalive {
        var milliseconds: Int64
        /// Of connections that are idle.
        var count: Int
        var maximumAge: Int64
        /// How long an address of the server's name is used before the name is looked up again.
        var nameLifetime: Int64
    }
}
