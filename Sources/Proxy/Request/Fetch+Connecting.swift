// A fetch's first half: which server, over which connection, and how the request gets onto it. Whatever fails before a
// byte was sent goes to the next server, whatever the method (RFC 9110 §9.2.2).

import Bytes
import Configuration
import EventLoop
import HTTPWire

extension Fetch {
    /// Begins with what stands in `request`.
    func start() {
        attempt += 1
        let now = worker.loop.now
        guard let (server, index) = group.nextServer(excluding: tried, now: now) else {
            return fail(FetchFailure(cause: tried == 0 ? .noServer : .refused))
        }
        tried |= 1 << UInt64(min(index, 63))
        self.server = server
        while !avoidsPool, let idle = worker.origins.take(server) {
            // A request that must not be repeated isn't sent into a connection that has ended already.
            if !method.isIdempotent, idle.receive(after: 0, atMost: 1) != .wouldBlock {
                idle.discard()
                continue
            }
            return adopt(idle)
        }
        guard worker.origins.mayOpen(server, limit: group.settings.maxConnections) else {
            return tryNextServer(FetchFailure(cause: .tooManyConnections))
        }
        state = .locating
        let mailbox = worker.mailbox
        let ticket = worker.wait(for: self, attempt: attempt)
        let location = server.locate(
            now: now, resolver: worker.shared.resolver, lifeMilliseconds: group.settings.resolve.rawValue
        ) { failure in mailbox.post(.located(ticket: ticket, failure: failure)) }
        if case .address(let address) = location {
            worker.stopWaiting(ticket)
            connect(to: address)
        }
    }

    /// The name of the server has been looked up.
    func located(failure: String?, attempt: Int) {
        guard state == .locating, attempt == self.attempt, let server else { return }
        if failure != nil {
            server.noteFailure(now: worker.loop.now)
            return tryNextServer(FetchFailure(cause: .unresolved))
        }
        let location = server.locate(
            now: worker.loop.now, resolver: worker.shared.resolver, lifeMilliseconds: group.settings.resolve.rawValue
        ) { _ in }
        guard case .address(let address) = location else { return tryNextServer(FetchFailure(cause: .unresolved)) }
        connect(to: address)
    }

    func connect(to address: SocketAddress) {
        guard let server else { return }
        switch startConnection(to: address) {
        case .failed: refuse(FetchFailure(cause: .refused))
        case .connected(let descriptor):
            adopt(
                OriginConnection(
                    loop: worker.loop, descriptor: descriptor, isConnected: true, server: server, pool: worker.origins))
        case .underWay(let descriptor):
            let connection = OriginConnection(
                loop: worker.loop, descriptor: descriptor, isConnected: false, server: server, pool: worker.origins)
            self.connection = connection
            connection.fetch = self
            state = .connecting
            connection.wait(for: .write)
            connection.setDeadline(afterMilliseconds: group.settings.connectTimeout.rawValue)
        }
    }

    func originConnected() {
        guard let connection else { return }
        connection.clearDeadline()
        adopt(connection)
    }

    func originRefused(_ code: Int32) { refuse(FetchFailure(cause: .refused)) }

    /// Nothing was sent, so any method may go to another server (RFC 9110 §9.2.2).
    func refuse(_ failure: FetchFailure) {
        server?.noteFailure(now: worker.loop.now)
        dropConnection()
        tryNextServer(failure)
    }

    func tryNextServer(_ failure: FetchFailure) {
        if tried & allServers == allServers { return fail(failure) }
        start()
    }

    /// Sends the request over an open connection.
    func adopt(_ connection: OriginConnection) {
        self.connection = connection
        connection.fetch = self
        state = .awaitingHead
        server?.outstanding.wrappingAdd(1, ordering: .relaxed)
        server?.requests.wrappingAdd(1, ordering: .relaxed)
        backlog.removeAll()
        backlogStart = 0
        // An earlier exchange may have ended within a head.
        kept.removeAll()
        head.reset()
        if isRequestComplete {
            switch connection.send(request.span) {
            case .failed: return broken()
            case .wrote(let count):
                if count < request.count { backlog.append(request.span.extracting(count...)) }
            }
            return awaitOrigin()
        }
        // Content that is there already goes in one write with the head.
        backlog.append(request.span)
        consumer.originTakesBody()
        if state == .awaitingHead { originWritable() }
    }

    /// What the connection waits for follows from what is to be read and written.
    func awaitOrigin() {
        guard let connection, connection.isOpen else { return }
        let reads = !isPaused
        let writes = backlogStart < backlog.count
        connection.wait(for: writes ? (reads ? .readAndWrite : .write) : (reads ? .read : .none))
        if isPaused && !writes {
            connection.clearDeadline()
            return
        }
        let settings = group.settings
        switch state {
        case .awaitingHead: connection.setDeadline(afterMilliseconds: settings.firstByteTimeout.rawValue)
        case .receivingBody: connection.setDeadline(afterMilliseconds: settings.betweenBytesTimeout.rawValue)
        case .tunnel: connection.clearDeadline()
        case .idle, .locating, .connecting, .ended: break
        }
    }
}
