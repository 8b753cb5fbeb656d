// `server`, `admin`, `store`, `limits` and `log`: their keys, and combinations that make no sense.

import Configuration

typealias Listener = (value: ListenAddress, position: Position)

enum SectionReader {
    /// `server` and `admin`, which must not listen on the same address.
    static func readListeners(_ file: KeyedValues, into configuration: inout Configuration) {
        let server = file.section("server")
        let listeners = server.map { readServer($0, into: &configuration.server) } ?? []
        let admin = file.section("admin")
        if let admin { readAdmin(admin, into: &configuration.admin) }
        ListenerChecks.check(configuration, listeners: listeners, admin: admin, in: file.reading.faults)
    }

    /// Returns the addresses with their positions, to be checked against the admin listener's.
    private static func readServer(_ keys: KeyedValues, into server: inout ServerSettings) -> [Listener] {
        let listeners = keys.readListen(into: &server)
        keys.read("workers", into: &server.workers) { text throws(ValueFault) in
            if text == "auto" { return nil }
            guard let count = Int(text), (1...1024).contains(count) else {
                throw ValueFault("invalid number of workers \(quoted(text))", hint: "use auto or 1–1024")
            }
            return count
        }
        keys.read("drain", into: &server.drain, mayBeZero: true)
        keys.read("acme", into: &server.acmeFolder) { text throws(ValueFault) in try absolutePath(text) }
        keys.read("x_cache", into: &server.xCache)
        keys.read("cache_status", into: &server.cacheStatus)
        if let ranges = keys.list("trusted_proxies", { text throws(ValueFault) in try AddressRange(parsing: text) }) {
            server.trustedProxies = ranges.map(\.value)
        }
        keys.read("user", into: &server.user, accountName)
        keys.read("group", into: &server.group, accountName)
        if let user = server.user { keys.warnOfComplaint(about: .user(user), at: "user") }
        if let group = server.group { keys.warnOfComplaint(about: .group(group), at: "group") }
        return listeners
    }

    private static func readAdmin(_ keys: KeyedValues, into admin: inout AdminSettings) {
        keys.read("listen", into: &admin.listen) { text throws(ValueFault) in
            text == "off" || text == "false" ? nil : try ListenAddress(parsing: text)
        }
        keys.read("token", into: &admin.token) { text throws(ValueFault) in
            guard !text.isEmpty else { throw ValueFault("the token is empty") }
            guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw ValueFault(
                    "the token has a character that is not allowed in a header",
                    hint: "use printable ASCII without spaces")
            }
            return text
        }
        keys.read("token_file", into: &admin.tokenFile) { text throws(ValueFault) in try absolutePath(text) }
        if let path = admin.tokenFile, let complaint = keys.reading.complaint(.tokenFile(path: path)) {
            keys.fault(at: "token_file", complaint)
        }
        if keys.node("token") != nil, keys.node("token_file") != nil {
            keys.fault(at: "token_file", "`token` and `token_file` are mutually exclusive", hint: "keep one")
        }
    }

    static func readStore(_ file: KeyedValues, into configuration: inout Configuration) {
        guard let keys = file.section("store") else { return }
        var store = StoreSettings()
        defer { configuration.store = store }
        keys.read("backend", into: &store.backend)
        file.reading.usesRedis = store.usesRedis
        file.reading.usesMemory = store.usesMemory
        keys.read("memory", into: &store.memory)
        keys.read("redis", into: &store.redis) { text throws(ValueFault) in try RedisEndpoint(parsing: text) }
        TLSReader.read(keys, into: &store)
        keys.read("prefix", into: &store.prefix) { text throws(ValueFault) in
            guard text.utf8.count <= 128 else { throw ValueFault("the prefix is longer than 128 bytes") }
            return text
        }
        keys.read("timeout", into: &store.timeout)
        keys.read("object", into: &store.object)
        keys.read("grace", into: &store.grace, mayBeZero: true)
        keys.read("tiered_life", into: &store.tieredLife, mayBeZero: true)
        if store.usesRedis, keys.node("redis") == nil {
            keys.fault(
                at: "backend", "the backend \(quoted(store.backend.rawValue)) needs a Redis server",
                hint: "add redis: redis://127.0.0.1:6379/0")
        }
        // Upload keys are in the slots of their entries, by braces around those.
        if store.clusterNodes != nil, store.prefix.utf8.contains(where: { $0 == 0x7B || $0 == 0x7D }) {
            keys.fault(
                at: "prefix", "`prefix` must not have braces with redis+cluster://",
                hint: "Redis Cluster would keep all entries in one slot, on one node")
        }
        warnOfUnusedKeys(keys, store)
        if store.usesMemory, store.object > store.memory {
            keys.fault(
                at: keys.node("object") == nil ? "memory" : "object",
                "`object` (\(store.object)) must not exceed `memory` (\(store.memory))")
        }
    }

    private static func warnOfUnusedKeys(_ keys: KeyedValues, _ store: StoreSettings) {
        let uses = [
            ("redis", store.usesRedis, "set `backend` to redis or tiered"),
            ("tls", store.usesRedis, "set `backend` to redis or tiered"),
            ("memory", store.usesMemory, "set `backend` to memory or tiered"),
            ("grace", store.backend == .tiered || store.backend == .redis, "set `backend` to redis or tiered"),
            ("tiered_life", store.backend == .tiered, "set `backend` to tiered"),
        ]
        // `none` is a switch: what it turns off is there for the next time.
        guard store.backend != .none else { return }
        for (key, isUsed, hint) in uses where !isUsed && keys.node(key) != nil {
            keys.warn(
                at: key, "\(quoted(key)) has no effect with `backend: \(store.backend.rawValue)`",
                hint: "\(hint), or remove the key")
        }
    }

    static func readLimits(_ file: KeyedValues, into configuration: inout Configuration) {
        guard let keys = file.section("limits") else { return }
        var limits = Limits()
        defer { configuration.limits = limits }
        // Smaller limits would reject ordinary clients.
        keys.read("head", into: &limits.head, from: .kibibytes(1))
        keys.read("fields", into: &limits.fields, in: 8...10_000)
        keys.read("request_line", into: &limits.requestLine, from: ByteCount(128))
        keys.read("body", into: &limits.body, from: .zero)
        keys.read("memory", into: &limits.memory, from: .mebibytes(1))
        keys.read("clients", into: &limits.clients, in: 1...10_000_000)
        limits.clientsAreStated = Provenance(isStated: keys.node("clients") != nil)
        keys.read("requests", into: &limits.requests, in: 0...1_000_000_000)
        keys.read("streams", into: &limits.streams, in: 1...10_000)
        keys.read("variants", into: &limits.variants, in: 1...1_000)
        keys.read("head_timeout", into: &limits.headTimeout)
        keys.read("read_timeout", into: &limits.readTimeout)
        keys.read("upload_rate", into: &limits.uploadRate, from: .zero)
        keys.read("write_timeout", into: &limits.writeTimeout)
        keys.read("idle_timeout", into: &limits.idleTimeout)
        keys.read("tunnel_timeout", into: &limits.tunnelTimeout)
        keys.read("backlog", into: &limits.backlog, in: 1...65_535)
        // A head is held in one buffer with 32-bit offsets.
        if limits.head > .mebibytes(16) {
            keys.fault(at: "head", "`head` can't be more than 16MiB")
        }
        if limits.requestLine > limits.head {
            keys.fault(
                at: keys.node("request_line") == nil ? "head" : "request_line",
                "`request_line` (\(limits.requestLine)) must not exceed `head` (\(limits.head))")
        }
    }

    static func readLog(_ file: KeyedValues, into configuration: inout Configuration) {
        guard let keys = file.section("log") else { return }
        var log = LogSettings()
        defer { configuration.log = log }
        keys.read("access", into: &log.access)
        keys.read("to", into: &log.to) { text throws(ValueFault) in
            text == "stdout" ? .stdout : .file(path: try absolutePath(text, or: "stdout"))
        }
        keys.read("level", into: &log.level)
        if case .file(let path) = log.to { keys.warnOfComplaint(about: .logFile(path: path), at: "to") }
    }
}

extension KeyedValues {
    fileprivate func warnOfComplaint(about reference: Surroundings.Reference, at key: String) {
        if let complaint = reading.complaint(reference) { warn(at: key, complaint) }
    }
}

/// Checks `admin.listen` against `server.listen`, defaults included.
enum ListenerChecks {
    static func check(
        _ configuration: Configuration, listeners: [Listener], admin: KeyedValues?, in faults: FaultList
    ) {
        for (index, listener) in listeners.enumerated() {
            if let first = listeners[..<index].first(where: { $0.value.conflicts(with: listener.value) }) {
                faults.add(
                    listener.position,
                    "\(quoted(listener.value.description)) conflicts with "
                        + "\(quoted(first.value.description)) on \(faults.line(of: first.position, from: listener.position))"
                )
            }
        }
        guard let address = configuration.admin.listen else { return }
        let isDefault = admin?.node("listen") == nil
        if let server = configuration.server.listen.first(where: { $0.conflicts(with: address) }) {
            let position = listeners.first { $0.value == server }?.position
            if isDefault, let position {
                faults.add(
                    position, "\(quoted(server.description)) is the default address of the admin listener",
                    hint: "change `admin.listen` or set it to off")
            } else {
                admin?.fault(
                    at: "listen", "`admin.listen` and `server.listen` conflict on \(quoted(server.description))",
                    hint: "use another port")
            }
        }
        if !address.isLocal, admin?.node("token") == nil, admin?.node("token_file") == nil {
            admin?.fault(
                at: "listen", "\(quoted(address.description)) can be reached from other machines and has no token",
                hint: "set `admin.token` or `admin.token_file`, or listen on 127.0.0.1 or a unix socket")
        }
    }
}

private func accountName(_ text: String) throws(ValueFault) -> String? {
    guard !text.isEmpty, !text.contains(where: { $0 == ":" || $0 == "/" || $0.isWhitespace || $0 == "\0" }) else {
        throw ValueFault("invalid user or group name \(quoted(text))")
    }
    return text
}

func absolutePath(_ text: String, or other: String? = nil) throws(ValueFault) -> String {
    guard text.utf8.first == UInt8(ascii: "/"), !text.utf8.contains(0) else {
        let choice = other.map { "\($0) or " } ?? ""
        throw ValueFault("expected \(choice)an absolute path, found \(quoted(text))")
    }
    return text
}
