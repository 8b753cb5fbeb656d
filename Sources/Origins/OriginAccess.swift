// One worker's access to origins: its connections, idle and in use, its exchanges, spare and retired, and the name
// resolutions that exchanges wait for. It decides nothing about a request.

import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire

/// Figures of a worker's connections to origins.
package struct OriginFigures: Sendable {
    package var openConnections = 0
    package var idleConnections = 0
    /// Since the start: connections opened, idle ones reused, requests retried.
    package var connects = 0
    package var reuses = 0
    package var retries = 0
}

/// One per worker, used only on its thread.
package final class OriginAccess {
    let loop: EventLoop
    let resolver: Resolver
    /// Limits of a response's head. Set with each configuration.
    package var headLimits: HeadLimits

    private var pool = OriginPool<OriginConnection>()
    var retries = 0

    // Exchanges ready for reuse, and retired ones that may still be on the stack.
    private var spare: [Exchange] = []
    private var retired: [Exchange] = []
    private static let spareLimit = 256

    // Name resolutions that exchanges wait for, by ticket.
    private let lookUps = Mailbox<NameLookUp>()
    private var lookUpSocket: Socket?
    private var waiting: [UInt64: (exchange: Exchange, attempt: Int)] = [:]
    private var nextTicket: UInt64 = 0

    // The end of a chunk.
    let lineEnd: [UInt8] = Array("\r\n".utf8)
    let lastChunk: [UInt8] = Array("0\r\n".utf8)

    package init(loop: EventLoop, resolver: Resolver, headLimits: HeadLimits) {
        self.loop = loop
        self.resolver = resolver
        self.headLimits = headLimits
        lookUpSocket = lookUps.deliver(on: loop) { [unowned self] lookUp in settle(lookUp) }
    }

    package var figures: OriginFigures {
        OriginFigures(
            openConnections: pool.openCount, idleConnections: pool.idleCount, connects: pool.connects,
            reuses: pool.reuses, retries: retries)
    }

    // MARK: Exchanges

    /// An exchange that is ready for `start()` once the caller has written the head into its `request`.
    /// - Parameters:
    ///   - content: the content that the request's head announces.
    ///   - isRequestComplete: whether `request` will hold the complete request.
    ///   - acceptsUpgrade: whether a 101 is a response to this request.
    package func exchange(
        with group: UpstreamGroup, method: Method, content: ContentSize, isRequestComplete: Bool,
        acceptsUpgrade: Bool, delegate: any ExchangeDelegate
    ) -> Exchange {
        let exchange = spare.popLast() ?? Exchange(access: self, group: group)
        exchange.prepare(
            group: group, method: method, content: BodyFraming(ofRequest: content),
            isRequestComplete: isRequestComplete,
            acceptsUpgrade: acceptsUpgrade, delegate: delegate)
        return exchange
    }

    /// Takes back an exchange and cancels it if it hasn't ended. Its delegate is not called any more. It may still be
    /// on the stack, so it is reused from the next turn on.
    package func retire(_ exchange: Exchange) {
        exchange.cancel()
        exchange.delegate = nil
        retired.append(exchange)
    }

    /// Call it at the end of each turn of the loop.
    package func turnEnded() {
        guard !retired.isEmpty else { return }
        for exchange in retired where spare.count < Self.spareLimit { spare.append(exchange) }
        retired.removeAll(keepingCapacity: true)
    }

    // MARK: Connections

    /// Takes an idle, usable connection to the server from the pool.
    func takeConnection(to server: OriginServer) -> OriginConnection? {
        guard let connection = pool.take(server.slot) else { return nil }
        connection.clearDeadline()
        return connection
    }

    /// Whether one more connection may be opened.
    func mayOpen(to server: OriginServer, limit: Int) -> Bool { pool.mayOpen(server.slot, limit: limit) }

    /// Takes ownership of a connected or connecting descriptor.
    func open(_ descriptor: Int32, isConnected: Bool, to server: OriginServer, user: any OriginConnectionUser)
        -> OriginConnection
    {
        pool.noteOpened(server.slot)
        return OriginConnection(
            loop: loop, descriptor: descriptor, isConnected: isConnected, server: server, user: user)
    }

    /// Returns a connection whose response is complete to the pool, for as long as the upstream's settings allow.
    func release(_ connection: OriginConnection, settings: Upstream) {
        let slot = connection.server.slot
        guard connection.isOpen, pool.keep(connection, slot, limit: settings.keepalive) else {
            return discard(connection)
        }
        connection.user = self
        connection.isReused = true
        connection.wait(for: .read)
        connection.setDeadline(afterMilliseconds: settings.keepaliveTimeout.rawValue)
    }

    /// Closes a connection that is not in the pool.
    func discard(_ connection: OriginConnection) {
        connection.user = nil
        guard connection.isOpen else { return }
        pool.noteClosed(connection.server.slot)
        connection.close()
    }

    // MARK: Names

    /// Where to connect to now. If the name must be resolved first, the exchange's `located` is called afterwards.
    func locate(_ server: OriginServer, for exchange: Exchange, attempt: Int) -> ServerLocation {
        nextTicket &+= 1
        let location = server.locate(
            now: loop.now, resolver: resolver, lifetimeMilliseconds: exchange.group.settings.resolve.rawValue,
            waiter: NameWaiter(mailbox: lookUps, ticket: nextTicket))
        // The result comes through the mailbox, and therefore after this.
        if case .pending = location { waiting[nextTicket] = (exchange, attempt) }
        return location
    }

    private func settle(_ lookUp: NameLookUp) {
        guard let (exchange, attempt) = waiting.removeValue(forKey: lookUp.ticket) else { return }
        exchange.located(failed: lookUp.failure != nil, attempt: attempt)
    }
}

/// An idle connection with any event is closed: an origin sends nothing between two responses, except that it may close
/// (RFC 9112 §9.5). So is one that was idle for too long.
extension OriginAccess: OriginConnectionUser {
    func connectionReadable(_ connection: OriginConnection) { closeIdle(connection) }

    func connectionDeadlinePassed(_ connection: OriginConnection) { closeIdle(connection) }

    private func closeIdle(_ connection: OriginConnection) {
        pool.remove(connection, connection.server.slot)
        discard(connection)
    }

    func connectionOpened(_ connection: OriginConnection) { preconditionFailure("an idle connection is already open") }

    func connectionRefused(_ connection: OriginConnection) { preconditionFailure("an idle connection is already open") }

    func connectionWritable(_ connection: OriginConnection) {}
}
