// Opening a connection: resolving the name, connecting a socket, and the greeting that shows whether the server accepts
// us. Everything that happens is an event of ConnectionState.

import CacheStorage
import EventLoop

extension RedisConnection: RedisSocketOwner {
    func connect() {
        switch place {
        case .unknownMaster: handle(.unreachable(.noMaster))
        case .nowhere(let trouble): handle(.unreachable(trouble))
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else { return handle(.unreachable(.connectFailed)) }
            connect(to: RedisPeer(address: address))
        case .tcp(let host, let port):
            if let address = SocketAddress(numericHost: host, port: port) { return connect(to: address, host, port) }
            resolve(host: host, port: port)
        }
    }

    /// Leaves the server for the one that stands in its place from now on, at once.
    /// - Parameter number: of the master that it is.
    func move(to place: RedisSettings.Place, number: UInt64) {
        self.place = place
        masterNumber = number
        moves &+= 1
        handle(.moved)
        delegate?.connectionDidProgress(self)
    }

    private func resolve(host: String, port: UInt16) {
        guard let resolver else { return handle(.unreachable(.nameNotResolved)) }
        if resolutions == nil {
            let mailbox = Mailbox<(UInt64, Resolution)>()
            resolutions = mailbox
            resolutionSocket = mailbox.deliver(on: loop) { [weak self] in self?.resolved($0, $1) }
        }
        guard let resolutions else { return }
        handle(.resolving)
        resolver.resolve(host: host, port: port) { [moves] in resolutions.post((moves, $0)) }
    }

    private func resolved(_ moves: UInt64, _ resolution: Resolution) {
        // The result of an abandoned resolution comes too late.
        guard state.phase == .resolving, moves == self.moves else { return }
        guard case .addresses(let addresses) = resolution, !addresses.isEmpty else {
            return handle(.unreachable(.nameNotResolved))
        }
        guard case .tcp(let host, let port) = place else { return }
        connect(to: addresses[state.attempts % addresses.count], host, port)
    }

    private func connect(to address: SocketAddress, _ host: String, _ port: UInt16) {
        connect(to: RedisPeer(address: address, tls: settings.tls, host: host, port: port))
    }

    private func connect(to peer: RedisPeer) {
        handle(.connecting)
        self.peer = peer.address
        socket = RedisSocket.connect(to: peer, on: loop, owner: self)
        if socket == nil { handle(.unreachable(.connectFailed)) }
    }

    func securing(_ caller: RedisSocket) { if caller === socket { handle(.securing) } }

    func opened(_ caller: RedisSocket) { if caller === socket { handle(.connected) } }

    func failed(_ caller: RedisSocket, because trouble: StoreTrouble, reason: String?) {
        guard caller === socket else { return }
        if let reason { delegate?.connection(self, didFailToSecure: reason) }
        handle(.unreachable(trouble))
    }

    func writable(_ caller: RedisSocket) {
        guard caller === socket else { return }
        flush()
        delegate?.connectionDidProgress(self)
    }

    /// Authenticates, asks for the role if that matters, selects the database and sends a PING, all in one write.
    func greet() {
        guard let fresh = ReplyReader(delegate: self) else { return handle(.unreachable(.connectFailed)) }
        reader = fresh
        socket?.wait(for: .read)
        if let password = settings.password {
            output.authenticate(user: settings.user, password: password)
            expectReply(.status, for: nil, role: .greeting)
        }
        if settings.requiresMaster {
            output.command(1)
            output.argument("ROLE")
            // Until Redis lets us ask, nobody knows whether it is a master.
            expectReply(.array, for: roleCheck, role: .essential)
        }
        if settings.database != 0 {
            output.select(settings.database)
            expectReply(.status, for: nil, role: .greeting)
        }
        ping()
        flush()
    }

    func ping() {
        output.command(1)
        output.argument("PING")
        expectReply(.status, for: nil, role: .ping)
    }
}
