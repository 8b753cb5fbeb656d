import Foundation

// A Redis Cluster of real servers. A test moves slots and kills masters; who has which slot then, the nodes say.

package final class ClusterSet: Sendable {
    package let nodes: [RedisServer]
    private let password: String?
    private let isTLS: Bool

    /// Starts the nodes, joins them, and waits until all of them serve all slots.
    /// - Parameters:
    ///   - replicas: of each master.
    ///   - spare: further nodes, masters without slots.
    ///   - tls: what all of them speak with, among each other too.
    package init(
        masters: Int = 3, replicas: Int = 0, spare: Int = 0, password: String? = nil, tls: RedisCredentials? = nil
    ) throws {
        self.password = password
        isTLS = tls != nil
        // A busy machine must not look like a node that fails, where none is to.
        let timeout = replicas == 0 ? "15000" : "1500"
        let options =
            [
                "--cluster-enabled", "yes", "--cluster-node-timeout", timeout, "--cluster-replica-validity-factor", "0",
                "--repl-diskless-sync-delay", "0",
            ] + (password.map { ["--masterauth", $0] } ?? [])
            + (isTLS ? ["--tls-cluster", "yes", "--tls-replication", "yes"] : [])
        let joined = masters * (1 + replicas)
        nodes = try (0..<joined + spare).map { _ in
            // The nodes talk to each other on ports of their own.
            try RedisServer(password: password, options: options, port: FreePort.take(withFree: 10_000), tls: tls)
        }
        try Self.commandLine(
            (tls.map { ["--tls", "--cacert", $0.authority] } ?? []) + ["--cluster", "create"]
                + nodes[..<joined].map { "127.0.0.1:\(isTLS ? $0.tlsPort : $0.port)" }
                + ["--cluster-replicas", "\(replicas)", "--cluster-yes"], password)
        for node in nodes[joined...] { try nodes[0].command("CLUSTER", "MEET", "127.0.0.1", "\(node.port)") }
        let isComplete = eventually(within: 30) { [nodes] in
            nodes.allSatisfy { node in
                let facts = Self.facts(of: node)
                return facts["cluster_state"] == "ok" && facts["cluster_known_nodes"] == "\(nodes.count)"
                    && facts["cluster_slots_ok"] == "16384"
            }
        }
        guard isComplete else { throw HarnessError("the nodes don't form a cluster") }
        guard replicas > 0 else { return }
        let isReplicated = eventually(within: 30) { [nodes] in
            nodes.allSatisfy { node in
                guard case .bulk(let text)? = try? node.command("INFO", "replication") else { return false }
                return text.text.contains(text.text.contains("role:master") ? "state=online" : "master_link_status:up")
            }
        }
        guard isReplicated else { throw HarnessError("a replica has no master") }
    }

    private static func commandLine(_ arguments: [String], _ password: String?) throws {
        let login = password.map { ["-a", $0, "--no-auth-warning"] } ?? []
        let process = try ChildProcess(["redis-cli"] + login + arguments)
        guard process.wait(within: 60) == .exited(0) else {
            throw HarnessError("redis-cli failed\n\(process.lastWords)")
        }
    }

    private static func facts(of node: RedisServer) -> [String: String] {
        guard case .bulk(let text)? = try? node.command("CLUSTER", "INFO") else { return [:] }
        let pairs = text.text.split(whereSeparator: \.isNewline).map { $0.split(separator: ":", maxSplits: 1) }
        return Dictionary(pairs.map { (String($0[0]), String($0.last ?? "")) }, uniquingKeysWith: { $1 })
    }

    /// As written in a configuration.
    package var url: String { url(of: nodes) }

    package func url(of nodes: [RedisServer]) -> String {
        "\(isTLS ? "rediss" : "redis")+cluster://\(password.map { ":\($0)@" } ?? "")"
            + nodes.map { "127.0.0.1:\(isTLS ? $0.tlsPort : $0.port)" }.joined(separator: ",")
    }

    package func slot(of key: String) throws -> Int {
        guard let slot = try nodes.first(where: \.isRunning)?.command("CLUSTER", "KEYSLOT", key).int else {
            throw HarnessError("no node says which slot \(key) has")
        }
        return slot
    }

    /// The node that has the slot, as the nodes that run say.
    package func master(of slot: Int) throws -> RedisServer {
        for node in nodes where node.isRunning {
            if let master = try master(of: slot, by: node) { return master }
        }
        throw HarnessError("nobody has slot \(slot)")
    }

    private func master(of slot: Int, by node: RedisServer) throws -> RedisServer? {
        guard case .array(let ranges) = try ask(node, "CLUSTER", "SLOTS") else { return nil }
        for case .array(let range) in ranges {
            guard range.count >= 3, let first = range[0].int, let last = range[1].int, first...last ~= slot,
                case .array(let parts) = range[2], let port = parts[1].int
            else { continue }
            return nodes.first { Int($0.port) == port }
        }
        return nil
    }

    package func master(of key: String) throws -> RedisServer { try master(of: slot(of: key)) }

    /// Says which command of which node has failed.
    private static func ask(_ node: RedisServer, _ password: String?, _ arguments: [String]) throws -> RedisReply {
        do {
            return try RedisClient(.port(node.port), password: password, timeout: 30).command(arguments)
        } catch { throw HarnessError("\(arguments.prefix(3)) at \(node.port): \(error)") }
    }

    private func ask(_ node: RedisServer, _ arguments: String...) throws -> RedisReply {
        try Self.ask(node, password, arguments)
    }

    private func id(of node: RedisServer) throws -> String {
        guard let id = try ask(node, "CLUSTER", "MYID").bytes?.text else { throw HarnessError("a node has no id") }
        return id
    }

    /// The slot is about to be moved: for keys that it doesn't have, its master sends to the target.
    package func beginMove(of slot: Int, to target: RedisServer) throws {
        let source = try master(of: slot)
        let replies = [
            try ask(target, "CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", id(of: source)),
            try ask(source, "CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", id(of: target)),
        ]
        guard replies.allSatisfy({ $0 == .simple("OK") }) else { throw HarnessError("SETSLOT: \(replies)") }
    }

    /// Moves the keys of the slot, which stays with its master.
    package func moveKeys(of slot: Int, to target: RedisServer) throws {
        let source = try master(of: slot)
        while case .array(let keys) = try ask(source, "CLUSTER", "GETKEYSINSLOT", "\(slot)", "100"), !keys.isEmpty {
            let login = password.map { ["AUTH", $0] } ?? []
            let reply = try Self.ask(
                source, password,
                ["MIGRATE", "127.0.0.1", "\(target.port)", "", "0", "20000"] + login + ["KEYS"]
                    + keys.compactMap { $0.bytes?.text })
            // They may be gone by then.
            guard reply == .simple("OK") || reply == .simple("NOKEY") else { throw HarnessError("MIGRATE: \(reply)") }
        }
    }

    /// The target has the slot from now on, and every node knows.
    package func endMove(of slot: Int, to target: RedisServer) throws {
        let source = try master(of: slot)
        let id = try id(of: target)
        let others = nodes.filter { $0.isRunning && $0.port != target.port && $0.port != source.port }
        for node in [target, source] + others { try ask(node, "CLUSTER", "SETSLOT", "\(slot)", "NODE", id) }
        let isKnown = try eventually(within: 20) {
            try nodes.allSatisfy { try !$0.isRunning || master(of: slot, by: $0)?.port == target.port }
        }
        guard isKnown else { throw HarnessError("the nodes don't agree on slot \(slot)") }
    }

    package func move(_ slot: Int, to target: RedisServer) throws {
        try beginMove(of: slot, to: target)
        try moveKeys(of: slot, to: target)
        try endMove(of: slot, to: target)
    }

    package func stop() {
        for node in nodes {
            node.thaw()
            node.stop()
        }
    }
}
