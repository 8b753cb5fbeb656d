import Admin
import Configuration
import EventLoop
import TestSupport
import Testing

@testable import Proxy

/// One after the other: what counts allocations counts those of every worker in the process.
@Suite("A server in the test's own process", .serialized)
struct ServingTests {}

/// A server with its admin listener in the test's own process, before a scripted origin. What is measured inside of the
/// process needs it; everything that can be seen from outside is tested on the binary.
final class ServingStage: Sendable {
    let origin: ScriptedOrigin
    let port: UInt16
    let adminPort: UInt16
    private let stopper: Mailbox<Void>
    private let thread: LoopThread

    /// - Parameters:
    ///   - access: the form of the access log, whose lines go nowhere.
    ///   - trusted: addresses of trusted proxies.
    ///   - change: what is different about the one route.
    init(
        token: String? = nil, redis: String? = nil, access: LogSettings.Access = .off, trusted: [String] = [],
        change: (inout Route) throws -> Void = { _ in }
    ) throws {
        origin = try ScriptedOrigin()
        var configuration = try Configuration.quick(
            upstream: origin.url, listen: ["127.0.0.1:0"], timeout: "60s", redis: redis)
        configuration.server.workers = 1
        configuration.log.access = access
        configuration.server.trustedProxies = try trusted.map { try AddressRange(parsing: $0) }
        try change(&configuration.routes[0])
        let stopper = Mailbox<Void>()
        let shared = Handover()
        thread = LoopThread.start(name: "control") { [configuration] in
            let log = EventLog(level: .error, isJournal: false)
            let accessLog = AccessLogSink()
            let server = Server(configuration: configuration, log: log, accessLog: accessLog, inherited: [])
            do {
                if access != .off { try accessLog.open(.file(path: "/dev/null")) }
                try server.start {}
                let wanted = SocketAddress(numericHost: "127.0.0.1", port: 0)!
                let descriptor = try listeningSocket(on: wanted, reusePort: false)
                let address = boundAddress(of: descriptor) ?? wanted
                let admin = AdminListener(
                    server: server, descriptor: descriptor, address: address, token: token.map { Array($0.utf8) },
                    version: "test", reload: { .refused(["larder.yaml:1:1: error: a fault"]) },
                    effectiveConfiguration: { Array("server:\n".utf8) })
                let stopping = stopper.deliver(on: server.loop) { _ in
                    admin.close()
                    server.drain { server.loop.stop() }
                }
                shared.give(server.addresses[0].port, address.port)
                server.loop.run()
                stopping.close()
            } catch {
                shared.fail("\(error)")
            }
        }
        self.stopper = stopper
        (port, adminPort) = try shared.take()
    }

    func stop() {
        stopper.post(())
        thread.join()
        origin.stop()
    }

    func admin(_ method: String, _ target: String, _ fields: [String] = [], body: String? = nil) throws -> Response {
        let client = try RawClient(.port(adminPort))
        defer { client.close() }
        let hasHost = fields.contains { $0.hasPrefix("Host:") }
        return try client.request(
            method, target, (hasHost ? [] : ["Host: 127.0.0.1:\(adminPort)"]) + fields,
            body: body.map { Array($0.utf8) })
    }

    func get(_ path: String) throws -> Response {
        let client = try RawClient(.port(port))
        defer { client.close() }
        return try client.request("GET", path)
    }

    static func run(
        token: String? = nil, redis: String? = nil, access: LogSettings.Access = .off, trusted: [String] = [],
        change: (inout Route) throws -> Void = { _ in }, _ body: (ServingStage) throws -> Void
    ) throws {
        let stage = try ServingStage(token: token, redis: redis, access: access, trusted: trusted, change: change)
        defer { stage.stop() }
        try body(stage)
    }
}

/// The ports, from the control thread to the test's.
private final class Handover: Sendable {
    private let state = TestSupport.Locked<Result<(UInt16, UInt16), HarnessError>?>(nil)

    func give(_ main: UInt16, _ admin: UInt16) { state.withLock { $0 = .success((main, admin)) } }
    func fail(_ problem: String) { state.withLock { $0 = .failure(HarnessError(problem)) } }

    func take() throws -> (UInt16, UInt16) {
        guard try eventually({ state.withLock { $0 != nil } }), let result = state.withLock({ $0 }) else {
            throw HarnessError("the server did not start")
        }
        return try result.get()
    }
}
