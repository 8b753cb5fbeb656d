// One connection to an address of a server: in use by an exchange, or idle in the worker's pool. It forwards the
// events of the socket and decides nothing.

import EventLoop

/// The current user of a connection, which receives its events.
protocol OriginConnectionUser: AnyObject {
    /// Connecting has succeeded.
    func connectionOpened(_ connection: OriginConnection)
    /// Connecting has failed, with that `errno`.
    func connectionRefused(_ connection: OriginConnection, _ code: Int32)
    func connectionReadable(_ connection: OriginConnection)
    func connectionWritable(_ connection: OriginConnection)
    func connectionDeadlinePassed(_ connection: OriginConnection)
}

/// Used only on one worker's thread; opened and closed by its ``OriginAccess``.
final class OriginConnection: Socket, PooledConnection {
    let endpoint: Endpoint
    let server: OriginServer
    let opened: MonotonicTime
    /// How long an address of the server's name is used before the name is looked up again; set when it becomes idle.
    var nameLifetime: Int64 = 0
    /// Nil once it is closed, so that there is no reference cycle.
    var user: (any OriginConnectionUser)?
    private var isConnected: Bool
    /// Whether it has carried a response before: only then may a failure just mean that the idle connection was stale.
    var isReused = false
    var restsUntil = MonotonicTime(milliseconds: 0)

    init(
        loop: EventLoop, descriptor: Int32, isConnected: Bool, endpoint: Endpoint, server: OriginServer,
        user: any OriginConnectionUser
    ) {
        self.endpoint = endpoint
        self.server = server
        opened = loop.now
        self.isConnected = isConnected
        self.user = user
        super.init(loop: loop, descriptor: descriptor)
    }

    override func readable() { user?.connectionReadable(self) }

    override func writable() {
        if isConnected { user?.connectionWritable(self) } else { connectingEnded(pendingError()) }
    }

    private func connectingEnded(_ code: Int32) {
        guard code == 0 else {
            user?.connectionRefused(self, code)
            return
        }
        isConnected = true
        user?.connectionOpened(self)
    }

    override func deadlinePassed() { user?.connectionDeadlinePassed(self) }
}
