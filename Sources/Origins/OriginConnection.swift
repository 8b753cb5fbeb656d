// One connection to a server of an upstream: in use by an exchange, or idle with its worker. It passes on what happens on
// the socket and decides nothing.

import EventLoop

/// Who has a connection, and hears what happens on it.
protocol OriginConnectionUser: AnyObject {
    /// It was being opened, and is open.
    func connectionOpened(_ connection: OriginConnection)
    /// It was being opened, and could not be.
    func connectionRefused(_ connection: OriginConnection)
    func connectionReadable(_ connection: OriginConnection)
    func connectionWritable(_ connection: OriginConnection)
    func connectionDeadlinePassed(_ connection: OriginConnection)
}

/// Belongs to one worker's thread; opened and closed by its ``OriginAccess``.
final class OriginConnection: Socket {
    let server: OriginServer
    /// Nil once it is closed, so that neither keeps the other.
    var user: (any OriginConnectionUser)?
    private var isConnected: Bool
    /// Whether a response has come over it before: only then a broken write may mean no more than a stale connection.
    var isReused = false

    init(loop: EventLoop, descriptor: Int32, isConnected: Bool, server: OriginServer, user: any OriginConnectionUser) {
        self.server = server
        self.isConnected = isConnected
        self.user = user
        super.init(loop: loop, descriptor: descriptor)
    }

    override func readable() { user?.connectionReadable(self) }

    override func writable() {
        if isConnected {
            user?.connectionWritable(self)
        } else if pendingError() == 0 {
            isConnected = true
            user?.connectionOpened(self)
        } else {
            user?.connectionRefused(self)
        }
    }

    override func deadlinePassed() { user?.connectionDeadlinePassed(self) }
}
