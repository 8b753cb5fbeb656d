// `store`: where responses are stored, and how many.

/// The key `store`.
package struct StoreSettings: Sendable, Hashable {
    package enum Backend: String, Sendable, Hashable, CaseIterable {
        case memory
        case redis
        /// Memory before Redis.
        case tiered
        /// Nothing is stored; every request goes upstream.
        case none
    }

    package var backend = Backend.memory
    /// Maximum size of the in-memory cache, metadata included.
    package var memory = ByteCount.mebibytes(256)
    /// Always set when the backend is `redis` or `tiered`.
    package var redis: RedisEndpoint?
    /// How Redis is spoken to where its URL begins with `rediss`.
    package var tls = UpstreamTLS()
    package var prefix = "larder:"
    /// Timeout of one Redis command. When it expires, the request continues as a miss.
    package var timeout = Milliseconds(250)
    /// Maximum size of a stored response. Larger ones are streamed to the client and not stored.
    package var object = ByteCount.mebibytes(8)
    /// With `tiered`, how old the last sign of life from Redis may be while copies in memory are used. 0 keeps no copies.
    package var grace = Milliseconds.seconds(1)
    /// With `tiered`, how long an in-memory copy is used before Redis is checked again, where Redis doesn't tell of changes. 0
    /// checks every time.
    package var tieredLife = Milliseconds.seconds(1)

    package init() {}

    package var usesRedis: Bool { backend == .redis || backend == .tiered }
    package var usesMemory: Bool { backend == .memory || backend == .tiered }

    /// Whether Redis is spoken to over TLS.
    package var usesTLS: Bool { usesRedis && redis?.isTLS == true }

    /// The sentinels to be asked for the master; nil if Redis isn't used, or is at a place of its own.
    package var sentinels: SentinelGroup? {
        guard usesRedis, case .sentinels(let group) = redis?.address else { return nil }
        return group
    }

    /// The nodes by which a cluster is found; nil if Redis isn't used, or is none.
    package var clusterNodes: [RedisServerAddress]? {
        guard usesRedis, case .cluster(let nodes) = redis?.address else { return nil }
        return nodes
    }
}

/// Where Redis is and how to log in to it.
package struct RedisEndpoint: Sendable, Hashable {
    package enum Address: Sendable, Hashable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
        /// The master that sentinels name.
        case sentinels(SentinelGroup)
        /// The cluster that these nodes belong to; at least one.
        case cluster([RedisServerAddress])
    }

    package var address: Address
    package var user: String?
    package var password: String?
    package var database: Int
    /// Whether the server speaks TLS, and so do the sentinels or nodes by which it is found.
    package var isTLS: Bool

    package init(
        address: Address, user: String? = nil, password: String? = nil, database: Int = 0, isTLS: Bool = false
    ) {
        self.address = address
        self.isTLS = isTLS
        self.user = user
        self.password = password
        self.database = database
    }
}

extension RedisEndpoint {
    /// Whether it is on this machine by its address alone.
    package var isLocal: Bool { if case .unix = address { true } else { false } }
}

/// A server that is one of several.
package struct RedisServerAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { "\(bracketed(host)):\(port)" }
}

/// The sentinels that are asked for a master, and its name.
package struct SentinelGroup: Sendable, Hashable {
    /// In the order in which they are asked; at least one.
    package var servers: [RedisServerAddress]
    package var master: String
    /// For the sentinels themselves; those of the endpoint are the master's.
    package var user: String?
    package var password: String?

    package init(servers: [RedisServerAddress], master: String, user: String? = nil, password: String? = nil) {
        self.servers = servers
        self.master = master
        self.user = user
        self.password = password
    }
}

extension RedisEndpoint.Address: CustomStringConvertible {
    /// Without user and password.
    package var description: String {
        switch self {
        case .tcp(let host, let port): "\(bracketed(host)):\(port)"
        case .unix(let path): "unix:\(path)"
        case .sentinels(let group):
            "\(group.master) of " + group.servers.map(\.description).joined(separator: ",")
        case .cluster(let nodes): "the cluster of " + nodes.map(\.description).joined(separator: ",")
        }
    }
}
