import Foundation

// What a test plays on: whatever it starts here is stopped in reverse order when the test is over, however it ends. A
// stage that a whole suite shares is cleared when the test process exits.

package final class Stage: Sendable {
    private let endings = Locked<[@Sendable () -> Void]>([])

    private init() {}

    /// Runs a test on a stage of its own.
    package static func run<R>(_ body: (Stage) throws -> R) rethrows -> R {
        let stage = Stage()
        defer { stage.clear() }
        return try body(stage)
    }

    /// A stage that lasts as long as the test process.
    package static func shared() -> Stage {
        let stage = Stage()
        SharedStages.keep(stage)
        return stage
    }

    package func clear() {
        while let ending = endings.withLock({ $0.popLast() }) { ending() }
    }

    /// Keeps something until the end, then runs `stop`.
    package func keep<T: Sendable>(_ value: T, _ stop: @escaping @Sendable (T) -> Void) -> T {
        endings.withLock { $0.append { stop(value) } }
        return value
    }

    package func origin(
        on endpoint: Endpoint = .port(0), _ handler: @escaping ScriptedOrigin.Handler = { try $0.respond(404) }
    ) throws -> ScriptedOrigin {
        keep(try ScriptedOrigin(on: endpoint, handler)) { $0.stop() }
    }

    package func larder(
        _ configuration: LarderConfiguration, listening: LarderProcess.Listening = .itself,
        adminOnUnixSocket: Bool = false,
        environment: [String: String] = [:], launcher: [String] = []
    ) throws -> LarderProcess {
        let larder = try LarderProcess(
            configuration, listening: listening, adminOnUnixSocket: adminOnUnixSocket, environment: environment,
            launcher: launcher)
        if let redis = configuration.redisPort, RedisClient.answers(redis) {
            // What comes before that is served by the upstream and stored nowhere.
            _ = try? eventually(within: 5) { try larder.exchangesPurges() }
        }
        return keep(larder) { larder in
            if let end = larder.process.end, end != .exited(0) {
                // Said on standard error, where the test's own failure stands beside it.
                FileHandle.standardError.write(Data("larder \(end)\n\(larder.process.lastWords)\n".utf8))
            }
            larder.stop()
        }
    }

    package func redis(
        password: String? = nil, options: [String] = [], tls: RedisCredentials? = nil
    ) throws -> RedisServer {
        keep(try RedisServer(password: password, options: options, tls: tls)) { redis in
            redis.thaw()
            redis.stop()
        }
    }

    /// A relay to what listens there, which delays what comes back.
    package func relay(to port: UInt16) throws -> DelayingRelay {
        keep(try DelayingRelay(to: .port(port))) { $0.stop() }
    }

    package func sentinels(password: String? = nil, tls: RedisCredentials? = nil) throws -> SentinelSet {
        keep(try SentinelSet(sentinelPassword: password, tls: tls)) { $0.stop() }
    }

    package func cluster(
        replicas: Int = 0, spare: Int = 0, password: String? = nil, tls: RedisCredentials? = nil
    ) throws -> ClusterSet {
        keep(try ClusterSet(replicas: replicas, spare: spare, password: password, tls: tls)) { $0.stop() }
    }

    package func scriptedRedis() throws -> ScriptedRedis { keep(try ScriptedRedis()) { $0.stop() } }

    package func nginx() throws -> Nginx { keep(try Nginx()) { $0.stop() } }
    package func python() throws -> PythonHTTPServer { keep(try PythonHTTPServer()) { $0.stop() } }
    package func wrk(_ url: String, seconds: Int, connections: Int = 16) throws -> Wrk {
        keep(try Wrk(url, seconds: seconds, connections: connections)) { $0.stop() }
    }
}

/// The stages of suites, cleared at exit.
private enum SharedStages {
    private static let stages = Locked<[Stage]>([])
    private static let atExit: Void = { _ = atexit { SharedStages.clear() } }()

    static func keep(_ stage: Stage) {
        // The root folder's removal is registered before, so that it runs after.
        _ = TemporaryFolder.root
        _ = atExit
        stages.withLock { $0.append(stage) }
    }

    static func clear() {
        for stage in stages.withLock({ $0 }) { stage.clear() }
    }
}
