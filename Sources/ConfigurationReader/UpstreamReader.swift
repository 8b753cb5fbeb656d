// `upstreams`: the short form and the long one.

import Configuration

extension ConfigurationFile {
    /// Returns the names of all upstreams, invalid ones included, so that routes to those are not reported as well.
    static func readUpstreams(
        _ file: KeyedValues, into configuration: inout Configuration, in reading: Reading
    ) -> Set<String> {
        guard let node = file.node("upstreams"), let entries = reading.entries(of: node) else { return [] }
        for entry in entries {
            guard isUpstreamName(entry.name) else {
                reading.faults.add(
                    entry.position, "invalid upstream name \(quoted(entry.name))",
                    hint: "use up to 64 letters, digits, _, - and .")
                continue
            }
            if let upstream = readUpstream(entry.name, entry.value, in: reading) {
                configuration.upstreams.append(upstream)
            }
        }
        return Set(entries.map(\.name))
    }

    private static func readUpstream(_ name: String, _ node: YAMLNode, in reading: Reading) -> Upstream? {
        if case .scalar = node.content {
            let server = reading.value(of: node, key: name) { text throws(ValueFault) in
                try OriginAddress(parsing: text)
            }
            return server.map { Upstream(name: name, servers: [$0]) }
        }
        guard let keys = KeyedValues(node, path: "upstreams.*", in: reading) else { return nil }
        var upstream = Upstream(name: name, servers: readServers(keys, of: name, in: reading))
        keys.read("balance", into: &upstream.balance)
        upstream.check = readCheck(keys, in: reading)
        keys.read("connect_timeout", into: &upstream.connectTimeout)
        keys.read("first_byte_timeout", into: &upstream.firstByteTimeout)
        keys.read("between_bytes_timeout", into: &upstream.betweenBytesTimeout)
        keys.read("keepalive", into: &upstream.keepalive, in: 0...65_536)
        keys.read("keepalive_timeout", into: &upstream.keepaliveTimeout)
        keys.read("max_connections", into: &upstream.maxConnections, in: 0...1_000_000)
        keys.read("max_connection_age", into: &upstream.maxConnectionAge)
        keys.read("retries", into: &upstream.retries, in: 0...10)
        keys.read("host", into: &upstream.host)
        keys.read("resolve", into: &upstream.resolve)
        return upstream
    }

    /// `check: /healthz`, or a mapping.
    private static func readCheck(_ upstream: KeyedValues, in reading: Reading) -> HealthCheck? {
        var check = HealthCheck(path: "")
        upstream.read("check_interval", into: &check.interval)
        guard let node = upstream.node("check") else { return nil }
        guard case .mapping = node.content else {
            var path: String?
            upstream.read("check", into: &path) { text throws(ValueFault) in
                text == "off" ? nil : try HealthCheck.path(parsing: text)
            }
            guard let path else { return nil }
            check.path = path
            return check
        }
        guard let keys = KeyedValues(node, path: "upstreams.*.check", in: reading) else { return nil }
        if keys.node("path") == nil {
            reading.faults.add(keys.position, "the health check has no `path`", hint: "add path: /healthz")
        }
        keys.read("path", into: &check.path, HealthCheck.path(parsing:))
        keys.read("host", into: &check.host) { text throws(ValueFault) in try HealthCheck.host(parsing: text) }
        keys.read("status", into: &check.statuses, HealthCheck.statuses(parsing:))
        if keys.node("interval") != nil, upstream.node("check_interval") != nil {
            keys.fault(at: "interval", "the interval is given twice", hint: "remove check_interval")
        }
        keys.read("interval", into: &check.interval)
        keys.read("timeout", into: &check.timeout) { text throws(ValueFault) in
            let duration = try Milliseconds(parsing: text)
            guard duration > .zero else { throw ValueFault("`timeout` can't be 0") }
            return duration
        }
        keys.read("rise", into: &check.rise, in: 1...100)
        keys.read("fall", into: &check.fall, in: 1...100)
        return check
    }

    private static func readServers(_ keys: KeyedValues, of name: String, in reading: Reading) -> [OriginAddress] {
        guard keys.node("servers") != nil else {
            reading.faults.add(
                keys.position, "the upstream \(quoted(name)) has no `servers`",
                hint: "add servers: [http://127.0.0.1:9000]")
            return []
        }
        let servers = keys.list("servers", allowsOne: true) { text throws(ValueFault) in
            try OriginAddress(parsing: text)
        }
        guard let servers else { return [] }
        if case .sequence(let nodes)? = keys.node("servers")?.content, nodes.isEmpty {
            keys.fault(at: "servers", "the upstream \(quoted(name)) has no servers")
        }
        return keys.reportingDuplicates(servers) { "the server \(quoted($0.description))" }
    }

    /// Names appear in metrics, logs and paths of the admin listener.
    private static func isUpstreamName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
