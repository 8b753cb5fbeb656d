// One worker's access to origins: its connections, idle and in use, its exchanges, spare and retired, and those that wait
// for a name. It decides nothing about a request.

import Bytes
import Configuration
import EventLoop
import HTTPSemantics
import HTTPWire
import TLS

/// Figures of a worker's connections to origins.
package struct OriginFigures: Sendable {
    package var openConnections = 0
    package var idleConnections = 0
    /// Since the start: connections opened, idle ones reused, requests retried.
    package var connects = 0
    package var reuses = 0
    package var retries = 0
    /// Connections closed because of their age, or because their address had left the server's name.
    package var retirements = 0
    package var http2 = StreamFigures()
}

/// One per worker, used only on its thread.
package final class OriginAccess {
    let loop: EventLoop
    let resolver: Resolver
    /// Limits of a response's head. Set with each configuration.
    package var headLimits: HeadLimits

    private var pool = OriginPool<OriginConnection>()
    var multiplexed = MultiplexedPool()
    let streamCounters = StreamCounters()
    /// What multiplexed connections share; made for the first one.
    private(set) lazy var streamLibrary = StreamCallbacks.makeLibrary()
    var retries = 0

    /// The buffers of every encrypted connection; made for the first one.
    private lazy var records = RecordBytes.of(loop)

    // Exchanges ready for reuse, and retired ones that may still be on the stack.
    private var spare: [Exchange] = []
    private var retired: [Exchange] = []
    private static let spareLimit = 256

    // Exchanges that wait for the address of a name.
    private let lookUps = Mailbox<Int>()
    private var lookUpSocket: Socket?
    private var waits = NameWaits<Exchange>()
    private var waitTimer: LoopTimer?
    /// When the timer fires next.
    private var waitTimerTime: MonotonicTime?

    // While connections to servers with names are idle: closes those whose address has left its name.
    private var poolTimer: LoopTimer?
    private var isPoolWatched = false
    private static let poolIntervalMilliseconds: Int64 = 1_000

    /// Content that arrived in many small chunks, while it is passed on.
    var gathered = ByteBuffer()
    /// Content as a transform has made it, while that is passed on.
    var transformed = ByteBuffer()

    // The end of a chunk.
    let lineEnd: [UInt8] = Array("\r\n".utf8)
    let lastChunk: [UInt8] = Array("0\r\n".utf8)

    package init(loop: EventLoop, resolver: Resolver, headLimits: HeadLimits) {
        self.loop = loop
        self.resolver = resolver
        self.headLimits = headLimits
        lookUpSocket = lookUps.deliver(on: loop) { [unowned self] slot in lookedUp(slot) }
        waitTimer = LoopTimer(loop: loop) { [unowned self] in checkWaits() }
        poolTimer = LoopTimer(loop: loop) { [unowned self] in watchPool() }
    }

    package var figures: OriginFigures {
        OriginFigures(
            openConnections: pool.openCount, idleConnections: pool.idleCount, connects: pool.connects,
            reuses: pool.reuses, retries: retries, retirements: pool.retirements,
            http2: StreamFigures(streamCounters, multiplexed.all))
    }

    // MARK: Exchanges

    /// An exchange that is ready for `start()` once the caller has written the head into its `request`.
    /// - Parameters:
    ///   - limits: nil for the upstream's own.
    ///   - key: what `balance: hash` goes by; nil where the request has nothing of the kind.
    ///   - content: the content that the request's head announces.
    ///   - isRequestComplete: whether `request` will hold the complete request.
    ///   - isConditional: whether a 304 is a response to this request.
    ///   - upgrades: the protocols that it offers to switch to, in lower case.
    package func exchange(
        with group: UpstreamGroup, limits: ExchangeLimits? = nil, key: UInt64? = nil, method: Method,
        content: ContentSize, isRequestComplete: Bool, isConditional: Bool, upgrades: [[UInt8]] = [],
        delegate: any ExchangeDelegate
    ) -> Exchange {
        let exchange = spare.popLast() ?? Exchange(access: self, group: group)
        exchange.prepare(
            group: group, limits: limits ?? ExchangeLimits(group.settings), key: key, method: method,
            content: BodyFraming(ofRequest: content), isRequestComplete: isRequestComplete,
            isConditional: isConditional, upgrades: upgrades, delegate: delegate)
        return exchange
    }

    /// Takes back an exchange and cancels it if it hasn't ended. Its delegate is not called any more. It may still be
    /// on the stack, so it is reused from the next turn on.
    package func retire(_ exchange: Exchange) {
        exchange.cancel()
        exchange.delegate = nil
        exchange.transform = nil
        exchange.admission = nil
        retired.append(exchange)
    }

    /// Call it at the end of each turn of the loop.
    package func turnEnded() {
        guard !retired.isEmpty else { return }
        for exchange in retired where spare.count < Self.spareLimit { spare.append(exchange) }
        retired.removeAll(keepingCapacity: true)
    }

    // MARK: Connections

    /// Takes an idle, usable connection to the address from the pool.
    func takeConnection(to endpoint: Endpoint, maximumAge: Milliseconds) -> OriginConnection? {
        while let (connection, isUsable) = pool.take(
            endpoint, now: loop.now, maximumAge: maximumAge.rawValue)
        {
            if isUsable {
                connection.clearDeadline()
                return connection
            }
            discard(connection)
        }
        return nil
    }

    /// Whether one more connection may be opened. An idle one that can't be used yet makes room.
    func mayOpen(to endpoint: Endpoint, limit: Int) -> Bool {
        // Those that only wait for their last responses have one successor each, up to as many again.
        let limit = limit + min(limit, multiplexed.leavingCount(endpoint))
        if pool.mayOpen(endpoint, limit: limit) { return true }
        guard let idle = pool.takeOldest(endpoint) else {
            multiplexed.idle(endpoint)?.abandon()
            return pool.mayOpen(endpoint, limit: limit)
        }
        discard(idle)
        return true
    }

    /// Starts a connection. Where the process has no descriptor left, an idle connection makes room.
    func startConnecting(to endpoint: Endpoint) -> ConnectStart {
        let started = startConnection(to: endpoint.address)
        guard case .failed(let code) = started, isOwnShortage(code) else { return started }
        if let idle = pool.takeAny() {
            discard(idle)
        } else if let idle = multiplexed.idle() {
            idle.abandon()
        } else {
            return started
        }
        return startConnection(to: endpoint.address)
    }

    /// What a connection to the address is encrypted by.
    /// - Returns: `isReady` is false where it should be encrypted and there is no memory for that.
    func channel(
        to endpoint: Endpoint, of server: OriginServer, in group: UpstreamGroup, offersHTTP2: Bool = false
    ) -> (channel: TLSChannel?, isReady: Bool) {
        guard case .tls(let host, _) = server.address else { return (nil, true) }
        let channel = group.tls?.makeChannel(to: host, number: endpoint.serial, offersHTTP2: offersHTTP2, records)
        return (channel, channel != nil)
    }

    /// Takes ownership of a connected or connecting descriptor.
    func open(
        _ descriptor: Int32, isConnected: Bool, to endpoint: Endpoint, of server: OriginServer,
        channel: TLSChannel? = nil, user: any OriginConnectionUser
    ) -> OriginConnection {
        pool.noteOpened(endpoint)
        return OriginConnection(
            loop: loop, descriptor: descriptor, isConnected: isConnected, endpoint: endpoint, server: server,
            channel: channel, user: user)
    }

    /// How long a connection has to be silent before it is used again, where its server may still send a body that its last
    /// response must not have. A server that writes head and body apart does so within milliseconds.
    private static let restMilliseconds: Int64 = 100

    /// Returns a connection whose response is complete to the pool, for as long as the upstream's settings allow.
    /// - Parameter rests: it isn't used again at once.
    func release(_ connection: OriginConnection, to group: UpstreamGroup, rests: Bool) {
        // Not copied, for it is large.
        let maximumAge = group.settings.maxConnectionAge.rawValue
        connection.restsUntil = loop.now.advanced(byMilliseconds: rests ? Self.restMilliseconds : 0)
        let isTrusted = !rests || !connection.endpoint.sendsSurplus(now: loop.now)
        guard connection.isOpen, isTrusted,
            pool.keep(connection, limit: group.settings.keepalive, now: loop.now, maximumAge: maximumAge)
        else {
            return discard(connection)
        }
        connection.user = self
        connection.isReused = true
        connection.nameLifetime = group.settings.resolve.rawValue
        connection.wait(for: .read)
        connection.setDeadline(
            min(
                loop.now.advanced(byMilliseconds: group.settings.keepaliveTimeout.rawValue),
                connection.opened.advanced(byMilliseconds: maximumAge)))
        if connection.server.hasName { beginWatchingPool() }
    }

    func beginWatchingPool() {
        guard !isPoolWatched else { return }
        isPoolWatched = true
        poolTimer?.schedule(afterMilliseconds: Self.poolIntervalMilliseconds)
    }

    // Multiplexed connections count with the others.

    func noteOpened(_ connection: MultiplexedConnection) {
        multiplexed.add(connection)
        pool.noteOpened(connection.endpoint)
    }

    func noteClosed(_ connection: MultiplexedConnection) { pool.noteClosed(connection.endpoint) }
    func noteReuse() { pool.noteReuse() }
    func noteRetirement() { pool.noteRetirement() }

    /// Closes a connection that is not in the pool.
    func discard(_ connection: OriginConnection) {
        connection.user = nil
        guard connection.isOpen else { return }
        pool.noteClosed(connection.endpoint)
        connection.close()
    }

    /// Keeps the names of idle connections current, and closes connections whose address has left its name.
    private func watchPool() {
        for connection in pool.representatives {
            _ = connection.server.locate(
                now: loop.now, resolver: resolver, lifetimeMilliseconds: connection.nameLifetime, waiter: nil)
        }
        for connection in pool.takeRetired() { discard(connection) }
        for connection in multiplexed.all where connection.server.hasName {
            _ = connection.server.locate(
                now: loop.now, resolver: resolver, lifetimeMilliseconds: connection.keepalive.nameLifetime, waiter: nil)
            guard connection.endpoint.isRetired, connection.phase == .open else { continue }
            noteRetirement()
            connection.leave()
        }
        isPoolWatched =
            pool.representatives.contains { $0.server.hasName } || multiplexed.all.contains { $0.server.hasName }
        if isPoolWatched { poolTimer?.schedule(afterMilliseconds: Self.poolIntervalMilliseconds) }
    }

    // MARK: Names

    /// The address for the exchange's next attempt.
    func choose(for exchange: Exchange) -> OriginChoice {
        exchange.group.choose(
            for: exchange.key, excluding: exchange.tried, now: loop.now, resolver: resolver,
            waiter: NameWaiter(mailbox: lookUps))
    }

    /// Calls the exchange's `located()` when it should choose again, or its `nameTimedOut()` at the deadline.
    func awaitName(_ exchange: Exchange, until deadline: MonotonicTime, lookAgain: MonotonicTime?) {
        waits.add(exchange, until: deadline, lookAgain: lookAgain)
        scheduleWaits(min(deadline, lookAgain ?? deadline))
    }

    /// The exchange doesn't wait any more.
    func stopAwaitingName(_ exchange: Exchange) { waits.remove(exchange) }

    /// The look-up of a server's name has ended.
    private func lookedUp(_ slot: Int) {
        for exchange in waits.take(where: { $0.group.servers.contains { $0.slot == slot } }) { exchange.located() }
    }

    private func checkWaits() {
        waitTimerTime = nil
        let (late, again) = waits.takeDue(now: loop.now)
        for exchange in again { exchange.located() }
        for exchange in late { exchange.nameTimedOut() }
        if let next = waits.next { scheduleWaits(next) }
    }

    private func scheduleWaits(_ time: MonotonicTime) {
        if let earlier = waitTimerTime, earlier <= time { return }
        waitTimerTime = time
        waitTimer?.schedule(afterMilliseconds: max(1, time.milliseconds(since: loop.now)))
    }
}

/// An idle connection with any event is closed: an origin sends nothing between two responses, except that it may close
/// (RFC 9112 §9.5). So is one that was idle for too long.
extension OriginAccess: OriginConnectionUser {
    func connectionReadable(_ connection: OriginConnection) {
        if !isSilent(connection) { closeIdle(connection) }
    }

    /// Whether nothing has come over an idle connection, neither bytes nor its end.
    func isSilent(_ connection: OriginConnection) -> Bool {
        let found = connection.peek()
        if case .bytes = found { connection.endpoint.noteSurplus(now: loop.now) }
        return found == .wouldBlock
    }

    func connectionDeadlinePassed(_ connection: OriginConnection) { closeIdle(connection) }

    private func closeIdle(_ connection: OriginConnection) {
        pool.remove(connection)
        discard(connection)
    }

    func connectionOpened(_ connection: OriginConnection) { preconditionFailure("an idle connection is already open") }

    func connectionRefused(_ connection: OriginConnection, _ code: Int32) {
        preconditionFailure("an idle connection is already open")
    }

    func connectionInsecure(_ connection: OriginConnection, _ fault: HandshakeFault) {
        preconditionFailure("an idle connection is already open")
    }

    func connectionWritable(_ connection: OriginConnection) {}
}
