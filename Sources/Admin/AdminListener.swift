// The listener for operators: health, metrics, direct access to the cache, purges, reload. It runs on the control thread, so
// that no admin request delays a client. What only a worker can do is sent to one as a message.

import Bytes
import CacheStorage
import Configuration
import EventLoop
import Proxy
import Routing

/// The result of a reload.
package enum ReloadResult: Sendable {
    case reloaded
    /// There is no file; logs were reopened.
    case nothingToReload
    /// Nothing has changed. Each fault is one line, with file, line and column where known.
    case refused([String])
}

/// What another thread sends back.
private enum WorkerReply: Sendable {
    case result(StoreCommandResult)
    case explanation(Explanation)
    case purge(PurgeOutcome)
}

/// Belongs to the control thread.
package final class AdminListener {
    let server: Server
    let reload: () -> ReloadResult
    let effectiveConfiguration: () -> [UInt8]
    let version: String
    private let address: SocketAddress
    private var token: [UInt8]?
    private var listener: Listener?
    private var connections: [ObjectIdentifier: AdminConnection] = [:]
    private var inboxSocket: Socket?
    private let inbox = Mailbox<(UInt64, WorkerReply)>()
    /// Callbacks of commands and questions that no worker has answered yet, by number.
    private var waiting: [UInt64: (WorkerReply) -> Void] = [:]
    private var nextQuestion: UInt64 = 0
    private var keyTable: (update: ConfigurationUpdate, table: RouteTable)?

    /// Connections that were closed to make room, and those for which there was none.
    private var closedConnections = 0
    private var events: UInt64 = 0
    static let connectionLimit = 64
    private static let purgeLimit = 1 << 20

    /// - Parameters:
    ///   - descriptor: a listening, non-blocking socket, owned by the listener from now on.
    ///   - address: the address that it is bound to.
    ///   - token: required in `Authorization: Bearer`; nil requires none.
    ///   - reload: reloads the configuration. It may call ``setToken(_:)``, but not ``close()``.
    ///   - effectiveConfiguration: the configuration as a file, without secrets.
    ///   - version: the program version in `/stats` and `/metrics`.
    package init(
        server: Server, descriptor: Int32, address: SocketAddress, token: [UInt8]?, version: String,
        reload: @escaping () -> ReloadResult, effectiveConfiguration: @escaping () -> [UInt8]
    ) {
        self.server = server
        self.address = address
        self.token = token
        self.version = version
        self.reload = reload
        self.effectiveConfiguration = effectiveConfiguration
        inboxSocket = inbox.deliver(on: server.loop) { [weak self] message in
            self?.waiting.removeValue(forKey: message.0)?(message.1)
        }
        listener = Listener(
            loop: server.loop, descriptor: descriptor, address: address,
            accepted: { [weak self] descriptor, _ in self?.accept(descriptor) },
            refused: { [log = server.log, loop = server.loop] code in
                log.write(
                    .error, about: "accept \(address)",
                    "admin listener: accept failed: \(errorText(code)); retrying in 100 ms", now: loop.now)
            })
    }

    /// Applies from the next request on.
    package func setToken(_ new: [UInt8]?) { token = new }

    /// Ends every connection at once.
    package func close() {
        listener?.close()
        listener = nil
        for connection in connections.values { connection.close() }
        connections = [:]
        inboxSocket?.close()
        waiting = [:]
    }

    // MARK: Connections

    private func accept(_ descriptor: Int32) {
        let connection = AdminConnection(listener: self, loop: server.loop, descriptor: descriptor)
        if connections.count >= Self.connectionLimit {
            closedConnections += 1
            guard makeRoom() else { return connection.close() }
        }
        connections[ObjectIdentifier(connection)] = connection
    }

    /// Idle connections must not keep health checks and operators out.
    private func makeRoom() -> Bool {
        let candidates = connections.values.compactMap { connection in
            connection.dispensability.map { (connection, $0) }
        }
        guard let (connection, _) = candidates.min(by: { $0.1 < $1.1 }) else { return false }
        connection.leave()
        return true
    }

    /// Numbers what happens to connections, so that they are in an order.
    func nextEvent() -> UInt64 {
        events += 1
        return events
    }

    func remove(_ connection: AdminConnection) { connections[ObjectIdentifier(connection)] = nil }

    /// Maximum content length; more is rejected with 413. Unauthorized requests get the smaller limit.
    func contentLimit(for request: AdminRequest) -> Int {
        guard refusal(of: request) == nil else { return Self.purgeLimit }
        return request.method == .put ? Int(clamping: server.configuration.store.object.rawValue) : Self.purgeLimit
    }

    // MARK: Requests

    /// Calls `reply` once, now or later, on this thread.
    func handle(_ request: AdminRequest, _ reply: @escaping (AdminResponse) -> Void) {
        if let refusal = refusal(of: request) { return reply(refusal) }
        guard let route = AdminRoute.all.first(where: { $0.path == request.path }) else {
            return reply(.problem(404, "no-such-page", "unknown path on the admin listener"))
        }
        guard let handler = route.handler(for: request.method) else {
            var response = AdminResponse.problem(405, "method-not-allowed", "this path does not support the method")
            response.add("Allow", route.allow)
            return reply(response)
        }
        handler(self, request, reply)
    }

    /// The response to a request that is not authorized; nil if it is.
    private func refusal(of request: AdminRequest) -> AdminResponse? {
        if AdminRoute.isOpen(request.path) { return nil }
        guard let token else { return foreignRefusal(of: request) }
        let scheme = Array("bearer ".utf8)
        if let given = request.authorization, given.count > scheme.count,
            zip(given, scheme).allSatisfy({ $0 | 0x20 == $1 }), Self.isEqual(given[scheme.count...], token[...])
        {
            return foreignRefusal(of: request)
        }
        var response = AdminResponse.problem(
            401, "token-required", "the admin token is required in Authorization: Bearer")
        response.add("WWW-Authenticate", "Bearer realm=\"larder\"")
        return response
    }

    /// Rejects requests that a browser sends on behalf of another site. Without a token, the host must be an IP address or
    /// `localhost`: otherwise another site could resolve its own name to this machine (DNS rebinding).
    private func foreignRefusal(of request: AdminRequest) -> AdminResponse? {
        if token == nil, address.family != .unix, !Self.isOwnHost(request.host) {
            return .problem(403, "foreign-host", "use an IP address or localhost as the host of the admin listener")
        }
        if request.method != .get && request.method != .head && Self.isFromForeignPage(request) {
            return .problem(403, "foreign-origin", "cross-origin requests may not change anything")
        }
        return nil
    }

    /// Whether a browser says that a page of another origin has sent the request. A form's request may have no `Origin`, and an
    /// old browser no `Sec-Fetch-Site`; programs send neither, and no `Referer`.
    private static func isFromForeignPage(_ request: AdminRequest) -> Bool {
        let own = [Array("http://".utf8) + request.host, Array("https://".utf8) + request.host]
        if let site = request.fetchSite, site != Array("same-origin".utf8) && site != Array("none".utf8) { return true }
        if let origin = request.origin { return !own.contains(origin) }
        guard let referer = request.referer else { return false }
        return !own.contains { referer == $0 || referer.starts(with: $0 + [UInt8(ascii: "/")]) }
    }

    private static func isOwnHost(_ authority: [UInt8]) -> Bool {
        let text = String(decoding: authority, as: UTF8.self)
        if text.hasPrefix("[") { return true }
        let host = text.prefix { $0 != ":" }.lowercased()
        return host.isEmpty || host == "localhost" || IPAddress(host) != nil
    }

    /// Compares in constant time, so that timing doesn't reveal how much of a token is right.
    private static func isEqual(_ given: ArraySlice<UInt8>, _ wanted: ArraySlice<UInt8>) -> Bool {
        var difference = given.count ^ wanted.count
        for (offset, byte) in given.enumerated() where !wanted.isEmpty {
            difference |= Int(byte ^ wanted[wanted.startIndex + offset % wanted.count])
        }
        return difference == 0 && !wanted.isEmpty
    }

    // MARK: Workers

    /// Has a worker run a store command; `done` is called on this thread. It is never called if the worker doesn't respond:
    /// then the connection's deadline sends the response.
    func run(_ command: StoreCommand, _ done: @escaping (StoreCommandResult) -> Void) {
        let finished = expect { if case .result(let result) = $0 { done(result) } }
        server.post(command) { finished(.result($0)) }
    }

    /// Has a worker explain a request; `done` is called in the same way.
    func ask(_ request: DescribedRequest, _ done: @escaping (Explanation) -> Void) {
        let finished = expect { if case .explanation(let explanation) = $0 { done(explanation) } }
        server.post(request) { finished(.explanation($0)) }
    }

    /// Sends a purge to every Larder on the Redis; `done` is called on this thread.
    func send(_ purge: Purge, _ done: @escaping (PurgeOutcome) -> Void) {
        let finished = expect { if case .purge(let outcome) = $0 { done(outcome) } }
        server.shared.stores.outbox.send(purge) { finished(.purge($0)) }
    }

    /// The callback for the other thread, called there.
    private func expect(_ done: @escaping (WorkerReply) -> Void) -> @Sendable (WorkerReply) -> Void {
        nextQuestion &+= 1
        let number = nextQuestion
        waiting[number] = done
        let inbox = self.inbox
        return { inbox.post((number, $0)) }
    }

    /// The routes of the current configuration, to compute the keys of URLs.
    func routeTable() -> RouteTable? {
        let update = server.update
        if let keyTable, keyTable.update === update { return keyTable.table }
        guard let table = try? RouteTable(update.configuration.routes) else { return nil }
        keyTable = (update, table)
        return table
    }

    /// All figures, collected from every worker within a second.
    func figures(_ done: @escaping (Figures) -> Void) {
        server.gather { [server, version, weak self] report in
            var figures = Figures(report: report, server: server, version: version)
            figures.adminConnections = self?.connections.count ?? 0
            figures.adminConnectionsClosed = self?.closedConnections ?? 0
            done(figures)
        }
    }
}
