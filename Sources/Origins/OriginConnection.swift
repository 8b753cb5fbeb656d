// One connection to an address of a server: in use by an exchange, or idle in the worker's pool. It forwards the
// events of the socket and decides nothing.

import EventLoop
import TLS

/// The current user of a connection, which receives its events.
protocol OriginConnectionUser: AnyObject {
    /// Connecting has succeeded.
    func connectionOpened(_ connection: OriginConnection)
    /// Connecting has failed, with that `errno`.
    func connectionRefused(_ connection: OriginConnection, _ code: Int32)
    /// There is a connection, but TLS doesn't come about.
    func connectionInsecure(_ connection: OriginConnection, _ fault: HandshakeFault)
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
    /// TLS, before it is used; nil for none, or once it is in use.
    private var unusedChannel: TLSChannel?
    private var isSecuring = false
    /// Whether it has carried a response before: only then may a failure just mean that the idle connection was stale.
    var isReused = false
    var restsUntil = MonotonicTime(milliseconds: 0)

    init(
        loop: EventLoop, descriptor: Int32, isConnected: Bool, endpoint: Endpoint, server: OriginServer,
        channel: TLSChannel? = nil, user: any OriginConnectionUser
    ) {
        unusedChannel = channel
        self.endpoint = endpoint
        self.server = server
        opened = loop.now
        self.isConnected = isConnected
        self.user = user
        super.init(loop: loop, descriptor: descriptor)
    }

    override func readable() { if isSecuring { goOnSecuring() } else { user?.connectionReadable(self) } }

    override func writable() {
        if isConnected { user?.connectionWritable(self) } else { connectingEnded(pendingError()) }
    }

    private func connectingEnded(_ code: Int32) {
        guard code == 0 else {
            user?.connectionRefused(self, code)
            return
        }
        isConnected = true
        beginSecuring()
    }

    /// The connection stands: what is left is TLS, if that is to be spoken. The time to connect goes on.
    func beginSecuring() {
        guard let channel = unusedChannel else {
            user?.connectionOpened(self)
            return
        }
        unusedChannel = nil
        isSecuring = true
        secure(by: channel)
        goOnSecuring()
    }

    private func goOnSecuring() {
        switch handshake() {
        case .wouldBlock: wait(for: .read)
        case .done:
            isSecuring = false
            user?.connectionOpened(self)
        case .failed(let fault): user?.connectionInsecure(self, fault)
        }
    }

    override func deadlinePassed() { user?.connectionDeadlinePassed(self) }
}
