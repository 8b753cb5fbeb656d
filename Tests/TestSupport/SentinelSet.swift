import Foundation

// A master, a replica of it and three sentinels that watch them, all real. A test kills the master or asks for a failover; which
// of the two servers is the master then, the sentinels say.

package final class SentinelSet: Sendable {
    package let name = "main-1"
    package let servers: [RedisServer]
    private let sentinels: [Sentinel]
    private let password: String?
    private let isTLS: Bool

    private struct Sentinel: Sendable {
        let port: UInt16
        /// 0 without TLS.
        let tlsPort: UInt16
        let process: ChildProcess
    }

    /// Starts all of them and waits until every sentinel knows the others and the replica.
    /// - Parameters:
    ///   - sentinelPassword: what the sentinels ask their clients for.
    ///   - tls: what all of them speak with, among each other too.
    package init(sentinelPassword: String? = nil, tls: RedisCredentials? = nil) throws {
        password = sentinelPassword
        isTLS = tls != nil
        let quick = ["--repl-diskless-sync-delay", "0"] + (tls == nil ? [] : ["--tls-replication", "yes"])
        let master = try RedisServer(options: quick, tls: tls)
        let place = tls == nil ? master.port : master.tlsPort
        let replica = try RedisServer(options: quick + ["--replicaof", "127.0.0.1", "\(place)"], tls: tls)
        servers = [master, replica]
        guard eventually(within: 20, { Self.isReplica(replica) }) else {
            throw HarnessError("the replica has no master")
        }
        let name = name
        sentinels = try (0..<3).map { _ in try Self.start(watching: place, name, sentinelPassword, tls) }
        let isComplete = eventually(within: 20) {
            sentinels.allSatisfy { sentinel in
                let facts = (try? Self.facts(of: name, sentinel.port, sentinelPassword)) ?? [:]
                return facts["num-other-sentinels"] == "2" && facts["num-slaves"] == "1" && facts["flags"] == "master"
            }
        }
        guard isComplete else { throw HarnessError("the sentinels don't know each other") }
    }

    private static func isReplica(_ server: RedisServer) -> Bool {
        guard case .bulk(let text)? = try? server.command("INFO", "replication") else { return false }
        return text.text.contains("master_link_status:up")
    }

    private static func start(
        watching master: UInt16, _ name: String, _ password: String?, _ tls: RedisCredentials?
    ) throws -> Sentinel {
        let folder = try TemporaryFolder.make("sentinel")
        let port = FreePort.take()
        let tlsPort = tls == nil ? 0 : FreePort.take()
        let secure = tls.map { $0.lines(port: tlsPort) + [("tls-replication", "yes")] } ?? []
        let lines =
            [
                "port \(port)", "bind 127.0.0.1", "dir \(folder)", "sentinel monitor \(name) 127.0.0.1 \(master) 2",
                "sentinel down-after-milliseconds \(name) 1500", "sentinel failover-timeout \(name) 6000",
            ] + (password.map { ["requirepass \($0)", "sentinel sentinel-pass \($0)"] } ?? [])
            + secure.map { "\($0) \($1)" }
        let path = "\(folder)/sentinel.conf"
        try lines.joined(separator: "\n").appending("\n").write(toFile: path, atomically: true, encoding: .utf8)
        let process = try ChildProcess(["redis-server", path, "--sentinel"], in: folder)
        guard eventually(within: 10, { (try? RedisClient(.port(port), password: password)) != nil }) else {
            throw HarnessError("a sentinel did not come up\n\(process.lastWords)")
        }
        return Sentinel(port: port, tlsPort: tlsPort, process: process)
    }

    /// What a sentinel says of the master, by name.
    private static func facts(of name: String, _ port: UInt16, _ password: String?) throws -> [String: String] {
        let client = try RedisClient(.port(port), password: password)
        guard case .array(let parts) = try client.command(["SENTINEL", "MASTER", name]) else { return [:] }
        let texts = parts.map { $0.bytes?.text ?? "" }
        return Dictionary(
            stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }, uniquingKeysWith: { $1 })
    }

    package var addresses: String {
        sentinels.map { "127.0.0.1:\(isTLS ? $0.tlsPort : $0.port)" }.joined(separator: ",")
    }

    /// As written in a configuration.
    package var url: String {
        (isTLS ? "rediss" : "redis") + "+sentinel://\(addresses)/\(name)/0"
            + (password.map { "?sentinel_password=\($0)" } ?? "")
    }

    /// The server that is the master at the beginning.
    package var first: RedisServer { servers[0] }
    package var second: RedisServer { servers[1] }

    /// Whether all sentinels name that server.
    package func agree(on server: RedisServer) -> Bool {
        sentinels.filter(\.process.isRunning).allSatisfy { sentinel in
            (try? Self.facts(of: name, sentinel.port, password))?["port"] == "\(isTLS ? server.tlsPort : server.port)"
        }
    }

    /// Waits until the replica has all that the first master was told.
    package func awaitReplication() throws {
        guard try first.command("WAIT", "1", "10000") == .integer(1) else {
            throw HarnessError("nothing is replicated")
        }
    }

    /// `SENTINEL FAILOVER`: the replica becomes the master, and the master a replica of it, while both run.
    package func failOver() throws {
        let isBegun = eventually(within: 15, every: 0.1) {
            let client = try? RedisClient(.port(sentinels[0].port), password: password)
            return (try? client?.command(["SENTINEL", "FAILOVER", name])) == .simple("OK")
        }
        guard isBegun else { throw HarnessError("no sentinel begins a failover") }
    }

    /// Stops a sentinel for good.
    package func stopSentinel(_ index: Int) { sentinels[index].process.stop(within: 2) }

    package func stop() {
        for sentinel in sentinels { sentinel.process.stop(within: 2) }
        for server in servers {
            server.thaw()
            server.stop()
        }
    }
}
