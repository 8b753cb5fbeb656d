// The configuration written as a file, defaults included: the response to `GET /config`.

import Bytes

extension Configuration {
    /// A file that reads back as this configuration. With `withoutSecrets`, `***` replaces the admin token, the Redis
    /// password and header values that are secret.
    package func effectiveYAML(withoutSecrets: Bool = true) -> String {
        var out = YAMLWriter()
        out.section("server") { out in
            out.key("listen", "address", server.listen.map(\.description)) { index in
                Configuration.listenerKeys(server.listen[index], server)
            }
            out.key("acme", optional: server.acmeFolder)
            out.key("workers", server.workers.map { "\($0)" } ?? "auto")
            out.key("drain", server.drain.description)
            out.key("x_cache", server.xCache)
            out.key("cache_status", server.cacheStatus)
            out.key("trusted_proxies", server.trustedProxies.map(\.description))
            out.key("user", optional: server.user)
            out.key("group", optional: server.group)
        }
        out.section("admin") { out in
            out.key("listen", admin.listen?.description ?? "off")
            out.key("token", optional: admin.token.map { withoutSecrets ? "***" : $0 })
            out.key("token_file", optional: admin.tokenFile)
        }
        out.section("store") { out in
            out.key("backend", store.backend.rawValue)
            out.key("memory", store.memory.description)
            out.key("redis", optional: store.redis?.url(withoutSecrets: withoutSecrets))
            if store.usesTLS { Self.write(store.tls, to: &out) }
            out.key("prefix", store.prefix)
            out.key("timeout", store.timeout.description)
            out.key("object", store.object.description)
            out.key("grace", store.grace.description)
            out.key("tiered_life", store.tieredLife.description)
        }
        out.section("upstreams") { out in
            for upstream in upstreams {
                out.section(YAMLWriter.scalar(upstream.name)) { Configuration.write(upstream, to: &$0) }
            }
        }
        out.line("routes:")
        for route in routes { out.item { Configuration.write(route, withoutSecrets, to: &$0) } }
        out.section("limits") { write(limits, to: &$0) }
        out.section("log") { out in
            out.key("access", log.access.rawValue)
            switch log.to {
            case .stdout: out.key("to", "stdout")
            case .file(let path): out.key("to", path)
            }
            out.key("level", log.level.rawValue)
        }
        return out.text
    }

    /// What is said of one address that is listened on, each value as YAML.
    private static func listenerKeys(_ address: ListenAddress, _ server: ServerSettings) -> [(String, String)] {
        var keys: [(String, String)] = []
        if server.proxyProtocol.contains(address) { keys.append(("proxy_protocol", "on")) }
        if server.h2c.contains(address) { keys.append(("h2c", "on")) }
        if server.http1Only.contains(address) { keys.append(("http2", "off")) }
        if let port = server.redirectsToHTTPS[address] {
            keys.append(("redirect", port == 443 ? "https" : "\"https:\(port)\""))
        }
        guard let tls = server.tls[address] else { return keys }
        let scalar = YAMLWriter.scalar
        let certificates = tls.certificates.map { "{cert: \(scalar($0.chain)), key: \(scalar($0.key))}" }
        var inner = ["certificates: [\(certificates.joined(separator: ", "))]", "min: \"\(tls.minimum.rawValue)\""]
        if let ciphers = tls.ciphers { inner.append("ciphers: [\(ciphers.map(scalar).joined(separator: ", "))]") }
        if let path = tls.clientCA {
            inner += ["client_ca: \(scalar(path))", "client_auth: \(tls.clientAuthentication.rawValue)"]
        }
        if let path = tls.ticketKeys { inner.append("ticket_keys: \(scalar(path))") }
        keys.append(("tls", "{\(inner.joined(separator: ", "))}"))
        return keys
    }

    private static func write(_ upstream: Upstream, to out: inout YAMLWriter) {
        out.key("servers", "url", upstream.servers.map { $0.description + upstream.basePath }) { index in
            let server = upstream.servers[index]
            let weight = upstream.weight(of: server)
            return (weight == 1 ? [] : [("weight", "\(weight)")])
                + (upstream.backups.contains(server) ? [("backup", "on")] : [])
        }
        out.key("balance", upstream.balance.rawValue)
        out.key("hash_key", optional: upstream.hashKey?.text)
        if let check = upstream.check {
            out.section("check") { out in
                out.key("path", check.path)
                out.key("host", optional: check.host)
                out.key("status", check.statusText)
                out.key("interval", check.interval.description)
                out.key("timeout", optional: check.timeout?.description)
                out.key("rise", "\(check.rise)")
                out.key("fall", "\(check.fall)")
            }
        } else {
            out.key("check", "off")
        }
        out.key("connect_timeout", upstream.connectTimeout.description)
        out.key("first_byte_timeout", upstream.firstByteTimeout.description)
        out.key("between_bytes_timeout", upstream.betweenBytesTimeout.description)
        out.key("keepalive", "\(upstream.keepalive)")
        out.key("keepalive_timeout", upstream.keepaliveTimeout.description)
        out.key("max_connections", "\(upstream.maxConnections)")
        out.key("max_connection_age", upstream.maxConnectionAge.description)
        out.key("retries", "\(upstream.retries)")
        out.key("host", upstream.host.rawValue)
        out.key("http2", upstream.speaksHTTP2)
        if upstream.speaksHTTP2 { out.key("max_streams", "\(upstream.maxStreams)") }
        if upstream.servers.contains(where: \.isTLS) { write(upstream.tls, to: &out) }
        out.key("resolve", upstream.resolve.description)
    }

    private static func write(_ tls: UpstreamTLS, to out: inout YAMLWriter) {
        out.section("tls") { out in
            out.key("ca", optional: tls.ca)
            out.key("server_name", optional: tls.serverName)
            out.key("verify", tls.verifies)
            out.key("cert", optional: tls.certificate?.chain)
            out.key("key", optional: tls.certificate?.key)
        }
    }

    private static func write(_ route: Route, _ withoutSecrets: Bool, to out: inout YAMLWriter) {
        if route.paths.count == 1 { out.key("path", route.path.description) }
        if route.paths.count > 1 { out.key("paths", route.paths.map(\.description)) }
        if route.hosts.count > 1 {
            out.key("hosts", route.hosts.map(\.description))
        } else if route.host != .any {
            out.key("host", route.host.description)
        }
        write(route.action, to: &out)
        guard route.upstream != nil else { return }
        switch route.forwarding {
        case .unchanged: break
        case .strip(let prefix): out.key("strip", prefix.description)
        case .rewrite(let template): out.key("rewrite", template.text)
        }
        if route.upgrade.isEmpty { out.key("upgrade", false) } else { out.key("upgrade", route.upgrade) }
        if let compression = route.compression {
            out.section("compress") { out in
                out.key("codings", compression.codings.map(\.rawValue))
                out.key("types", compression.types)
                out.key("min", compression.minimum.description)
                out.key("level", compression.level.rawValue)
            }
        } else {
            out.key("compress", false)
        }
        write(route.request, of: .request, nil, withoutSecrets, to: &out)
        write(route.response, of: .response, route.cacheControl, withoutSecrets, to: &out)
        if route.timeouts != Route.Timeouts() {
            out.section("timeouts") { out in
                out.key("connect", optional: route.timeouts.connect?.description)
                out.key("first_byte", optional: route.timeouts.firstByte?.description)
                out.key("between_bytes", optional: route.timeouts.betweenBytes?.description)
            }
        }
        out.key("retries", optional: route.retries.map { "\($0)" })
        out.key("on_store_down", route.onStoreDown.description)
        guard let cache = route.cache else { return }
        out.section("cache") { out in
            out.key("methods", CachedMethods.named.filter { cache.methods.contains($0.method) }.map(\.name))
            out.key("timeout", optional: cache.timeout?.description)
            if !cache.statuses.isEmpty {
                out.key("statuses", cache.statuses.map { ($0.selector.description, $0.timeout.description) })
            }
            out.key("heuristic", cache.heuristic?.description ?? "off")
            if cache.heuristic != nil { out.key("heuristic_cap", cache.heuristicCap.description) }
            out.key("stale_while_revalidate", optional: cache.staleWhileRevalidate?.description)
            out.key("stale_if_error", optional: cache.staleIfError?.description)
            out.key("keep", cache.keep.description)
            out.key("jitter", cache.jitter?.description ?? "off")
            out.key("early_refresh", cache.earlyRefresh?.description ?? "off")
            out.key("collapse", cache.collapse?.description ?? "off")
            out.key("background_fill", cache.backgroundFill)
            out.key("key", optional: cache.key?.text)
            if cache.key?.takesQuery != false { out.key("query", cache.query.rawValue) }
            if let allowed = cache.queryAllow { out.key("query_allow", allowed) }
            if !cache.queryDeny.isEmpty { out.key("query_deny", cache.queryDeny) }
            out.key("strict", cache.isStrict)
            out.key("mode", cache.mode.rawValue)
            out.key("client_control", cache.clientControl.rawValue)
            out.key("credentials", cache.credentials)
            out.key("cookies", cache.cookies.rawValue)
            out.key("post", cache.post.rawValue)
            out.key("graphql", cache.isGraphQL)
            if let types = cache.contentTypes { out.key("content_types", types) }
            if !cache.tags.isEmpty { out.key("tags", cache.tags.map(\.text)) }
            out.key("tag_headers", cache.tagHeaders.rawValue)
            out.key("record", cache.record.rawValue)
            if !cache.invalidates.isEmpty { out.key("invalidates", cache.invalidates.map(\.text)) }
            out.key("allow_set_cookie", cache.allowSetCookie)
            out.key("allow_authorization", cache.allowAuthorization)
            out.key("body_key", cache.bodyKey.description)
            if !cache.bypass.isEmpty { out.key("bypass", cache.bypass.map(\.text)) }
        }
    }

    private static func write(
        _ changes: FieldChanges, of side: FieldChanges.Side, _ cacheControl: CacheControlValue?, _ withoutSecrets: Bool,
        to out: inout YAMLWriter
    ) {
        guard !changes.isEmpty || cacheControl != nil else { return }
        // What the file has as `$${` is read as `${{`, which is literal in a value.
        let shown: (FieldChanges.Line) -> String = {
            (withoutSecrets ? $0.shownValue : $0.value.text).replacing("${{", with: "${")
        }
        out.section(side.rawValue) { out in
            if !changes.set.isEmpty {
                out.section("set") { out in
                    for line in changes.set { out.key(YAMLWriter.scalar(line.name), shown(line)) }
                }
            }
            if !changes.add.isEmpty {
                out.section("add") { out in
                    var names: [String] = []
                    for line in changes.add where !names.contains(line.name) { names.append(line.name) }
                    for name in names {
                        out.key(YAMLWriter.scalar(name), changes.add.filter { $0.name == name }.map(shown))
                    }
                }
            }
            if !changes.remove.isEmpty { out.key("remove", changes.remove) }
            out.key("cache_control", optional: cacheControl?.text)
        }
    }

    private static func write(_ action: Route.Action, to out: inout YAMLWriter) {
        switch action {
        case .forward(let upstream): out.key("upstream", upstream)
        case .respond(let response):
            out.section("respond") { out in
                out.key("status", "\(response.status)")
                switch response.content {
                case .none: break
                case .text(let text): out.key("body", text)
                case .file(let path, _): out.key("file", path)
                }
                guard !response.headers.isEmpty else { return }
                out.section("headers") { out in
                    for header in response.headers { out.key(YAMLWriter.scalar(header.name), header.value) }
                }
            }
        case .redirect(let redirect):
            out.section("redirect") { out in
                out.key("to", redirect.text)
                out.key("status", "\(redirect.status)")
            }
        }
    }

    private func write(_ limits: Limits, to out: inout YAMLWriter) {
        out.key("head", limits.head.description)
        out.key("fields", "\(limits.fields)")
        out.key("request_line", limits.requestLine.description)
        out.key("body", limits.body.description)
        out.key("memory", limits.memory.description)
        out.key("clients", "\(limits.clients)")
        out.key("requests", "\(limits.requests)")
        out.key("streams", "\(limits.streams)")
        out.key("variants", "\(limits.variants)")
        out.key("head_timeout", limits.headTimeout.description)
        out.key("read_timeout", limits.readTimeout.description)
        out.key("upload_rate", limits.uploadRate.description)
        out.key("write_timeout", limits.writeTimeout.description)
        out.key("idle_timeout", limits.idleTimeout.description)
        out.key("tunnel_timeout", limits.tunnelTimeout.description)
        out.key("backlog", "\(limits.backlog)")
    }
}

/// Block mappings, two spaces a level; lists and pairs of scalars in flow style.
private struct YAMLWriter {
    private(set) var text = ""
    private var indent = 0
    /// The next line starts an entry of a list.
    private var startsItem = false

    mutating func line(_ content: String) {
        let width = startsItem ? indent - 2 : indent
        text += String(repeating: " ", count: width) + (startsItem ? "- " : "") + content + "\n"
        startsItem = false
    }

    mutating func section(_ name: String, _ body: (inout YAMLWriter) -> Void) {
        line("\(name):")
        indent += 2
        body(&self)
        indent -= 2
    }

    mutating func item(_ body: (inout YAMLWriter) -> Void) {
        indent += 4
        startsItem = true
        body(&self)
        indent -= 4
    }

    mutating func key(_ name: String, _ value: String) { line("\(name): \(YAMLWriter.scalar(value))") }
    mutating func key(_ name: String, optional value: String?) { if let value { key(name, value) } }
    mutating func key(_ name: String, _ isOn: Bool) { key(name, isOn ? "on" : "off") }
    mutating func key(_ name: String, _ values: [String]) {
        line("\(name): [\(values.map(YAMLWriter.scalar).joined(separator: ", "))]")
    }

    /// A list of addresses, and what is said of some of them, by their place.
    /// - Parameter own: the key of the address where more is said.
    mutating func key(_ name: String, _ own: String, _ addresses: [String], _ more: (Int) -> [(String, String)]) {
        let entries = addresses.enumerated().map { index, address in
            let (text, pairs) = (YAMLWriter.scalar(address), more(index))
            let rest = pairs.map { "\($0): \($1)" }
            return pairs.isEmpty ? text : "{\(own): \(text), \(rest.joined(separator: ", "))}"
        }
        line("\(name): [\(entries.joined(separator: ", "))]")
    }

    mutating func key(_ name: String, _ pairs: [(String, String)]) {
        let entries = pairs.map { "\(YAMLWriter.scalar($0)): \(YAMLWriter.scalar($1))" }
        line("\(name): {\(entries.joined(separator: ", "))}")
    }

    /// Unquoted where no YAML reader could misread it, double-quoted otherwise. A literal `${` becomes `$${`, so that it is
    /// not read as a variable.
    static func scalar(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && (value.utf8.first!.isLetter || value.utf8.first!.isDigit || value.hasPrefix("/"))
            && value.utf8.allSatisfy {
                $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".")
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ":")
            }
        if isPlain, !value.hasSuffix(":"), value != "null" { return value }
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "$": quoted += "$"
            default:
                if scalar == "{", quoted.hasSuffix("$") {
                    quoted += "${"
                } else if isEscaped(scalar) {
                    let digits = String(scalar.value, radix: 16)
                    quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                } else {
                    quoted.unicodeScalars.append(scalar)
                }
            }
        }
        return quoted + "\""
    }

    /// Controls, line ends and what YAML 1.2 §5.1 doesn't count as printable; none is above U+FFFF.
    private static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case ..<0x20, 0x7f...0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: true
        default: false
        }
    }
}
