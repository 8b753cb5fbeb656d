// An exchange's first part: choosing a server, its address, a connection. If that fails before a byte was sent, the
// next server is tried.

import Configuration
import EventLoop

extension Exchange {
    func chooseServer() {
        guard let (server, index) = group.nextServer(excluding: state.tried, now: access.loop.now) else {
            return perform(state.noServerLeft())
        }
        state.chose(server: index)
        self.server = server
        while state.mayUseIdleConnection, let idle = access.takeConnection(to: server) {
            if state.checksIdleConnection, idle.receive(after: 0, atMost: 1) != .wouldBlock {
                access.discard(idle)
                continue
            }
            return use(idle)
        }
        guard access.mayOpen(to: server, limit: group.settings.maxConnections) else {
            return perform(state.connectionLimitReached())
        }
        state.locationAsked()
        if case .address(let address) = access.locate(server, for: self, attempt: state.attempt) {
            connect(to: address)
        }
    }

    /// A server's name has been resolved, for the attempt with that number.
    func located(failed: Bool, attempt: Int) { perform(state.located(failed: failed, attempt: attempt)) }

    /// Connects to the server whose name is now resolved.
    func connect() {
        guard let server else { return }
        let location = server.locate(
            now: access.loop.now, resolver: access.resolver,
            lifetimeMilliseconds: group.settings.resolve.rawValue, waiter: nil)
        guard case .address(let address) = location else { return perform(state.locationUnknown()) }
        connect(to: address)
    }

    private func connect(to address: SocketAddress) {
        guard let server else { return }
        switch startConnection(to: address) {
        case .failed: perform(state.refused())
        case .connected(let descriptor): use(access.open(descriptor, isConnected: true, to: server, user: self))
        case .underWay(let descriptor):
            let connection = access.open(descriptor, isConnected: false, to: server, user: self)
            self.connection = connection
            state.connecting()
            connection.wait(for: .write)
            connection.setDeadline(afterMilliseconds: group.settings.connectTimeout.rawValue)
        }
    }

    /// Sends the request over an open connection.
    func use(_ connection: OriginConnection) {
        self.connection = connection
        connection.user = self
        isOutstanding = true
        server?.outstanding.wrappingAdd(1, ordering: .relaxed)
        server?.requests.wrappingAdd(1, ordering: .relaxed)
        unsent.removeAll()
        unsentStart = 0
        // An earlier attempt may have ended within a head.
        partialHead.removeAll()
        head.reset()
        perform(state.connected(isReused: connection.isReused))
    }
}

extension Exchange: OriginConnectionUser {
    func connectionOpened(_ connection: OriginConnection) {
        connection.clearDeadline()
        use(connection)
    }

    func connectionRefused(_ connection: OriginConnection) { perform(state.refused()) }

    func connectionReadable(_ connection: OriginConnection) { read(from: connection) }

    func connectionWritable(_ connection: OriginConnection) { sendUnsent() }

    func connectionDeadlinePassed(_ connection: OriginConnection) { perform(state.deadlinePassed()) }
}
