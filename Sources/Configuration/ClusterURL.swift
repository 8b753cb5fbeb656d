// The part of `store.redis` that is about a cluster: `host[:port][,…]`. No message quotes a password.

extension RedisEndpoint {
    /// - Parameter text: what follows `redis+cluster://`.
    init(parsingCluster text: Substring) throws(ValueFault) {
        let (login, rest) = splitLogin(text)
        let (user, password) = try RedisEndpoint.credentials(login)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count)
        guard tail.isEmpty || tail == "/" || tail == "/0" else {
            guard tail.hasPrefix("/"), RedisEndpoint.isNumber(tail.dropFirst()) else {
                throw ValueFault("the Redis URL has text after its nodes", hint: "write \(Self.clusterExample)")
            }
            throw ValueFault("a Redis Cluster has database 0 only", hint: "write \(Self.clusterExample)")
        }
        let nodes = try RedisServerAddress.list(
            authority, of: "node", defaultPort: 6379, atMost: Self.nodesLimit, example: Self.clusterExample)
        self.init(address: .cluster(nodes), user: user, password: password)
    }

    private static func isNumber(_ text: Substring) -> Bool { !text.isEmpty && text.utf8.allSatisfy(\.isDigit) }

    private static let clusterExample = "redis+cluster://10.0.0.1,10.0.0.2,10.0.0.3"
    /// They are tried until one replies, which names the others.
    private static let nodesLimit = 64
}

extension RedisServerAddress {
    /// Reads `host[:port][,…]`.
    /// - Parameter kind: what a server is called in messages.
    static func list(
        _ text: Substring, of kind: String, defaultPort: UInt16, atMost limit: Int, example: String
    ) throws(ValueFault) -> [RedisServerAddress] {
        var servers: [RedisServerAddress] = []
        for (index, text) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            guard let (host, port) = splitHostAndPort(text) else {
                throw ValueFault("\(kind) \(index + 1) of the Redis URL is not host[:port]", hint: "write \(example)")
            }
            let server = RedisServerAddress(host: try checkedHost(host), port: try checkedPort(port) ?? defaultPort)
            guard !servers.contains(server) else {
                throw ValueFault("\(kind) \(index + 1) of the Redis URL is there twice")
            }
            servers.append(server)
        }
        guard servers.count <= limit else {
            throw ValueFault("the Redis URL has \(servers.count) \(kind)s", hint: "the maximum is \(limit)")
        }
        return servers
    }
}
