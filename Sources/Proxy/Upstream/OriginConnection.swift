// One connection to a server of an upstream: in use by a fetch, or idle in the worker's pool.

import EventLoop

/// Passes what happens on the socket to the fetch that has it; an idle one that shows any life is closed, since an
/// origin has nothing to say between two answers (RFC 9112 §9.5 allows it to close).
final class OriginConnection: Socket {
    let server: OriginServer
    private let pool: OriginPool
    /// Nil while idle. The fetch lets go of its connection, and the connection of its fetch, when it ends.
    var fetch: Fetch?
    private(set) var isConnected: Bool
    /// Whether an answer has come over it before: only then a broken write may mean no more than a stale connection.
    var hasServed = false

    init(loop: EventLoop, descriptor: Int32, isConnected: Bool, server: OriginServer, pool: OriginPool) {
        self.server = server
        self.pool = pool
        self.isConnected = isConnected
        super.init(loop: loop, descriptor: descriptor)
        pool.opened(server)
    }

    override func readable() {
        guard let fetch else {
            pool.drop(self)
            return
        }
        fetch.originReadable()
    }

    override func writable() {
        guard let fetch else { return }
        if isConnected {
            fetch.originWritable()
        } else {
            let error = pendingError()
            if error == 0 {
                isConnected = true
                fetch.originConnected()
            } else {
                fetch.originRefused(error)
            }
        }
    }

    override func deadlinePassed() {
        guard let fetch else {
            pool.drop(self)
            return
        }
        fetch.originDeadlinePassed()
    }

    /// Closes and is no longer counted.
    func discard() {
        guard isOpen else { return }
        pool.closed(server)
        close()
    }
}
