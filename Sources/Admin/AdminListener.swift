// The listener for operators: health, figures, direct access to the cache, purges, reload. It lives on the control thread,
// so that nothing that is asked here delays a client's request; what concerns a worker goes there as a message.

import Bytes
import CacheStorage
import Configuration
import EventLoop
import Proxy
import Routing

/// What came of reading the configuration anew.
package enum ReloadResult: Sendable {
    case reloaded
    /// Nothing was changed; each fault is one line, with file, line and column where it has them.
    case refused([String])
}

/// What a worker comes back with.
private enum WorkerAnswer: Sendable {
    case result(StoreCommandResult)
    case explanation(Explanation)
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
    private let inbox = Mailbox<(UInt64, WorkerAnswer)>()
    /// Commands and questions that a worker has not come back from.
    private var waiting: [UInt64: (WorkerAnswer) -> Void] = [:]
    private var nextQuestion: UInt64 = 0
    private var keyTable: (update: ConfigurationUpdate, table: RouteTable)?

    private static let connectionLimit = 64
    private static let purgeLimit = 1 << 20

    /// - Parameters:
    ///   - descriptor: a listening, non-blocking socket, owned by this from now on.
    ///   - address: where it is bound.
    ///   - token: what `Authorization: Bearer` has to say; nil asks for none.
    ///   - reload: reads the configuration anew and takes it on. It may call ``setToken(_:)``, but not ``close()``.
    ///   - effectiveConfiguration: the configuration as a file, without secrets.
    ///   - version: what `/stats` calls this program's version.
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
            refused: { [log = server.log] code in
                log.write(.error, "accepting on the admin listener failed: \(errorText(code)); trying again in 100 ms")
            })
    }

    /// Holds from the next request on.
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
        guard connections.count < Self.connectionLimit else { return connection.close() }
        connections[ObjectIdentifier(connection)] = connection
    }

    func forget(_ connection: AdminConnection) { connections[ObjectIdentifier(connection)] = nil }

    /// How much content is read for a request before it is refused with 413. Nobody without leave has much read.
    func contentLimit(for request: AdminRequest) -> Int {
        guard refusal(of: request) == nil else { return Self.purgeLimit }
        return request.method == .put ? Int(clamping: server.configuration.store.object.rawValue) : Self.purgeLimit
    }

    // MARK: Requests

    /// Calls `reply` once, now or later, on this thread.
    func answer(_ request: AdminRequest, _ reply: @escaping (AdminAnswer) -> Void) {
        if let refusal = refusal(of: request) { return reply(refusal) }
        guard let route = AdminRoute.all.first(where: { $0.path == request.path }) else {
            return reply(.problem(404, "no-such-page", "the admin listener has nothing at this path"))
        }
        guard let handler = route.handler(for: request.method) else {
            var answer = AdminAnswer.problem(405, "method-not-allowed", "this path takes other methods")
            answer.add("Allow", route.allow)
            return reply(answer)
        }
        handler(self, request, reply)
    }

    /// Why the sender may not ask this at all.
    private func refusal(of request: AdminRequest) -> AdminAnswer? {
        if AdminRoute.isOpen(request.path) { return nil }
        guard let token else { return foreignRefusal(of: request) }
        let scheme = Array("bearer ".utf8)
        if let given = request.authorization, given.count > scheme.count,
            zip(given, scheme).allSatisfy({ $0 | 0x20 == $1 }), Self.isSame(given[scheme.count...], token[...])
        {
            return foreignRefusal(of: request)
        }
        var answer = AdminAnswer.problem(
            401, "token-required", "Authorization: Bearer with the admin token is asked for")
        answer.add("WWW-Authenticate", "Bearer realm=\"larder\"")
        return answer
    }

    /// Requests that a browser sends for somebody else's page. Without a token the host has to be an address or
    /// `localhost`: a foreign name that resolves to this machine (DNS rebinding) would make a foreign page ours.
    private func foreignRefusal(of request: AdminRequest) -> AdminAnswer? {
        if token == nil, address.family != .unix, !Self.isOwnHost(request.host) {
            return .problem(403, "foreign-host", "ask for the admin listener by its address or as localhost")
        }
        if let origin = request.origin, request.method != .get && request.method != .head {
            let own = Array("http://".utf8) + request.host
            let ownByTLS = Array("https://".utf8) + request.host
            guard origin == own || origin == ownByTLS else {
                return .problem(403, "foreign-origin", "a page of another origin may change nothing here")
            }
        }
        return nil
    }

    private static func isOwnHost(_ authority: [UInt8]) -> Bool {
        let text = String(decoding: authority, as: UTF8.self)
        if text.hasPrefix("[") { return true }
        let host = text.prefix { $0 != ":" }.lowercased()
        return host.isEmpty || host == "localhost" || IPAddress(host) != nil
    }

    /// Takes as long for a token that is wrong in its first byte as for one that is in its last.
    private static func isSame(_ given: ArraySlice<UInt8>, _ wanted: ArraySlice<UInt8>) -> Bool {
        var difference = given.count ^ wanted.count
        for (offset, byte) in given.enumerated() where !wanted.isEmpty {
            difference |= Int(byte ^ wanted[wanted.startIndex + offset % wanted.count])
        }
        return difference == 0 && !wanted.isEmpty
    }

    // MARK: Workers

    /// Has a worker do something with the stores; `done` is called on this thread. A worker that never answers leaves it
    /// uncalled: the connection's own deadline answers then.
    func run(_ command: StoreCommand, _ done: @escaping (StoreCommandResult) -> Void) {
        let answered = expect { if case .result(let result) = $0 { done(result) } }
        server.post(command) { answered(.result($0)) }
    }

    /// Has a worker explain a request; `done` is called in the same way.
    func ask(_ request: DescribedRequest, _ done: @escaping (Explanation) -> Void) {
        let answered = expect { if case .explanation(let explanation) = $0 { done(explanation) } }
        server.post(request) { answered(.explanation($0)) }
    }

    /// What the worker is to call, on its own thread.
    private func expect(_ done: @escaping (WorkerAnswer) -> Void) -> @Sendable (WorkerAnswer) -> Void {
        nextQuestion &+= 1
        let number = nextQuestion
        waiting[number] = done
        let inbox = self.inbox
        return { inbox.post((number, $0)) }
    }

    /// The routes of the present configuration, for keys of URLs.
    func routeTable() -> RouteTable? {
        let update = server.update
        if let keyTable, keyTable.update === update { return keyTable.table }
        guard let table = try? RouteTable(update.configuration.routes) else { return nil }
        keyTable = (update, table)
        return table
    }

    /// All figures, gathered from every worker within a second.
    func figures(_ done: @escaping (Figures) -> Void) {
        server.gather { [server, version] report in done(Figures(report: report, server: server, version: version)) }
    }
}
