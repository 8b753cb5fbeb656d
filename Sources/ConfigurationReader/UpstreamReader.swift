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
        keys.read("check", into: &upstream.check) { text throws(ValueFault) in
            if text == "off" { return nil }
            guard text.utf8.first == UInt8(ascii: "/"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
                !text.utf8.contains(UInt8(ascii: "#"))
            else {
                throw ValueFault("invalid health check path \(quoted(text))", hint: "write /healthz or off")
            }
            return text
        }
        keys.read("check_interval", into: &upstream.checkInterval)
        keys.read("connect_timeout", into: &upstream.connectTimeout)
        keys.read("first_byte_timeout", into: &upstream.firstByteTimeout)
        keys.read("between_bytes_timeout", into: &upstream.betweenBytesTimeout)
        keys.read("keepalive", into: &upstream.keepalive, in: 0...65_536)
        keys.read("keepalive_timeout", into: &upstream.keepaliveTimeout)
        keys.read("max_connections", into: &upstream.maxConnections, in: 0...1_000_000)
        keys.read("retries", into: &upstream.retries, in: 0...10)
        keys.read("host", into: &upstream.host)
        keys.read("resolve", into: &upstream.resolve)
        return upstream
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
