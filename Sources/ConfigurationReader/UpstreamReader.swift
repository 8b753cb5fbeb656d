// `upstreams`: the short form and the long one.

import Configuration

enum UpstreamReader {
    /// The upstreams of the file and of those that it includes.
    static func read(_ file: KeyedValues, into configuration: inout Configuration) {
        for file in [file] + file.reading.included { readFile(file, into: &configuration) }
    }

    private static func readFile(_ file: KeyedValues, into configuration: inout Configuration) {
        let reading = file.reading
        guard let node = file.node("upstreams") else { return }
        if case .sequence = node.content {
            reading.faults.add(
                node.position, "expected upstreams by name, found a list",
                hint: "remove the dashes: each line is NAME: http://127.0.0.1:9000")
            reading.upstreams.areUnknown = true
            return
        }
        guard let entries = reading.entries(of: node) else {
            reading.upstreams.areUnknown = true
            return
        }
        for entry in entries {
            if let first = reading.upstreams.define(entry.name, at: entry.position) {
                reading.faults.add(
                    entry.position, "duplicate upstream \(quoted(entry.name))",
                    hint: "first defined on \(reading.faults.line(of: first, from: entry.position))")
                continue
            }
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
    }

    private static func readUpstream(_ name: String, _ node: YAMLNode, in reading: Reading) -> Upstream? {
        switch node.content {
        case .scalar where !node.isNull, .sequence:
            var upstream = Upstream(name: name, servers: [])
            readServers(in: node, into: &upstream, reading)
            return upstream
        case .scalar, .mapping, .invalid: break
        }
        guard let keys = KeyedValues(node, path: "upstreams.*", in: reading) else { return nil }
        var upstream = Upstream(name: name, servers: [])
        for part in parts { part(keys, &upstream) }
        return upstream
    }

    /// What an upstream says.
    private static let parts: [Part<Upstream>] = [
        readServers, readCheck, readTimes, readConnections, readForwarding, readProtocol, TLSReader.read,
    ]

    private static func readTimes(_ keys: KeyedValues, into upstream: inout Upstream) {
        keys.read("connect_timeout", into: &upstream.connectTimeout)
        keys.read("first_byte_timeout", into: &upstream.firstByteTimeout)
        keys.read("between_bytes_timeout", into: &upstream.betweenBytesTimeout)
        keys.read("resolve", into: &upstream.resolve)
    }

    private static func readConnections(_ keys: KeyedValues, into upstream: inout Upstream) {
        keys.read("keepalive", into: &upstream.keepalive, in: 0...65_536)
        keys.read("keepalive_timeout", into: &upstream.keepaliveTimeout)
        keys.read("max_connections", into: &upstream.maxConnections, in: 0...1_000_000)
        keys.read("max_connection_age", into: &upstream.maxConnectionAge)
    }

    private static func readProtocol(_ keys: KeyedValues, into upstream: inout Upstream) {
        keys.read("http2", into: &upstream.http2)
        keys.read("max_streams", into: &upstream.maxStreams, in: 1...10_000)
        guard !upstream.servers.isEmpty else { return }
        let hasH2C = upstream.servers.contains(where: \.isH2C)
        if keys.node("max_streams") != nil, !upstream.speaksHTTP2 {
            keys.fault(
                at: "max_streams", "`max_streams` has no effect without HTTP/2",
                hint: "add http2: on, or write h2c:// for HTTP/2 without TLS")
        }
        guard keys.node("http2") != nil else { return }
        if hasH2C, !upstream.http2 {
            keys.fault(
                at: "http2", "`http2: off` and a server with h2c:// exclude each other", hint: "write http:// instead")
        } else if upstream.http2, let other = upstream.servers.first(where: { !$0.isTLS && !$0.isH2C }) {
            keys.fault(
                at: "http2", "`http2: on` needs TLS, and \(quoted(other.description)) is without",
                hint: "write https://, or h2c:// for HTTP/2 without TLS")
        }
    }

    private static func readForwarding(_ keys: KeyedValues, into upstream: inout Upstream) {
        BalanceReader.read(keys, into: &upstream)
        keys.read("retries", into: &upstream.retries, in: 0...10)
        keys.read("host", into: &upstream.host)
    }

    /// `check: /healthz`, or a mapping.
    private static func readCheck(_ upstream: KeyedValues, into value: inout Upstream) {
        var check = HealthCheck(path: "")
        upstream.read("check_interval", into: &check.interval)
        guard let node = upstream.node("check") else { return }
        guard case .mapping = node.content else {
            var path: String?
            upstream.read("check", into: &path) { text throws(ValueFault) in
                text == "off" ? nil : try HealthCheck.path(parsing: text)
            }
            guard let path else { return }
            check.path = path
            value.check = check
            return
        }
        guard let keys = upstream.section("check") else { return }
        if keys.node("path") == nil {
            keys.reading.faults.add(keys.position, "the health check has no `path`", hint: "add path: /healthz")
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
        value.check = check
    }

    private static func readServers(_ keys: KeyedValues, into upstream: inout Upstream) {
        let name = upstream.name
        guard keys.node("servers") != nil else {
            keys.reading.faults.add(
                keys.position, "the upstream \(quoted(name)) has no `servers`",
                hint: "add servers: [http://127.0.0.1:9000]")
            return
        }
        if let node = keys.node("servers") { readServers(in: node, into: &upstream, keys.reading) }
    }

    /// One server, or a list of them: each a URL, or a URL with more about it.
    private static func readServers(in node: YAMLNode, into upstream: inout Upstream, _ reading: Reading) {
        let name = upstream.name
        let servers: [(value: ServerURL, position: Position)]
        if BalanceReader.describesServers(node) {
            servers = BalanceReader.servers(in: node, into: &upstream, reading)
        } else {
            let urls = reading.list(of: node, key: name) { text throws(ValueFault) in
                try BalanceReader.serverURL(parsing: text)
            }
            guard let urls else { return }
            servers = urls
        }
        if case .sequence(let nodes) = node.content, nodes.isEmpty {
            reading.faults.add(node.position, "the upstream \(quoted(name)) has no servers")
        }
        let addresses = servers.map { (value: $0.value.address, position: $0.position) }
        upstream.servers = reading.reportingDuplicates(addresses) { "the server \(quoted($0.description))" }
        if let other = servers.first(where: { $0.value.address.isH2C != servers[0].value.address.isH2C }) {
            reading.faults.add(
                other.position,
                "\(quoted(other.value.description)) speaks another protocol than \(quoted(servers[0].value.description))",
                hint: "h2c:// is for all servers of an upstream, or for none: make two upstreams of them")
        }
        guard let first = servers.first?.value else { return }
        upstream.basePath = first.basePath
        // A request is written once, whichever server it then goes to.
        guard let other = servers.first(where: { $0.value.basePath != first.basePath }) else { return }
        reading.faults.add(
            other.position, "\(quoted(other.value.description)) has another path than \(quoted(first.description))",
            hint: "the servers of an upstream have one path: make two upstreams of them")
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
