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
}

/// One Redis server and how to log in to it.
package struct RedisEndpoint: Sendable, Hashable {
    package enum Address: Sendable, Hashable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    package var address: Address
    package var user: String?
    package var password: String?
    package var database: Int

    package init(address: Address, user: String? = nil, password: String? = nil, database: Int = 0) {
        self.address = address
        self.user = user
        self.password = password
        self.database = database
    }
}

extension RedisEndpoint.Address: CustomStringConvertible {
    /// Without user and password.
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
