// `larder serve --upstream URL`: a whole configuration from a few options, without a file.

extension Configuration {
    /// One upstream and one route for everything, GET and HEAD cached.
    ///
    /// With `redis`, responses are stored in Redis only, so that what is deleted there is gone at once. Upgrades (WebSocket)
    /// are not forwarded: a route has to enable them, in a file.
    ///
    /// - Throws: a message that names the option.
    package static func quick(
        upstream: String, listen: [String] = [], timeout: String? = nil, redis: String? = nil
    ) throws(ValueFault) -> Configuration {
        var configuration = Configuration()
        let server = try option("--upstream") { () throws(ValueFault) in try ServerURL(parsing: upstream) }
        var group = Upstream(name: "upstream", servers: [server.address])
        group.basePath = server.basePath
        configuration.upstreams = [group]

        var route = Route(path: try PathPattern(parsing: "/{rest...}"), upstream: "upstream")
        var cache = CacheSettings()
        if let timeout {
            let life = try option("--timeout") { () throws(ValueFault) in try Milliseconds(parsing: timeout) }
            guard life > .zero else { throw ValueFault("--timeout: 0 would cache nothing", hint: "remove it") }
            cache.timeout = life
        }
        route.cache = cache
        configuration.routes = [route]

        if !listen.isEmpty {
            configuration.server.listen = []
            for text in listen {
                let address = try option("--listen") { () throws(ValueFault) in try ListenAddress(parsing: text) }
                guard !configuration.server.listen.contains(where: address.conflicts) else {
                    throw ValueFault("--listen: \(address) is given twice")
                }
                configuration.server.listen.append(address)
            }
        }
        if let redis {
            configuration.store.redis = try option("--redis") { () throws(ValueFault) in
                try RedisEndpoint(parsing: redis)
            }
            configuration.store.backend = .redis
        }
        // If clients are to use the admin listener's default address, the admin listener is turned off.
        if let admin = configuration.admin.listen, configuration.server.listen.contains(where: admin.conflicts) {
            configuration.admin.listen = nil
        }
        return configuration
    }

    private static func option<Value>(
        _ name: String, _ parse: () throws(ValueFault) -> Value
    ) throws(ValueFault) -> Value {
        do {
            return try parse()
        } catch {
            throw ValueFault("\(name): \(error.message)", hint: error.hint)
        }
    }
}
