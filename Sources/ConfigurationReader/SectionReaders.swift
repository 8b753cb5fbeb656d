// `server`, `admin`, `store`, `limits` and `log`: their keys, and combinations that make no sense.

import Configuration

typealias Listener = (value: ListenAddress, position: Position)

extension KeyedValues {
    /// Returns the addresses with their positions, to be checked against the admin listener's.
    func readServer(into server: inout ServerSettings) -> [Listener] {
        let listeners = readListen(into: &server)
        read("workers", into: &server.workers) { text throws(ValueFault) in
            if text == "auto" { return nil }
            guard let count = Int(text), (1...1024).contains(count) else {
                throw ValueFault("invalid number of workers \(quoted(text))", hint: "use auto or 1–1024")
            }
            return count
        }
        read("drain", into: &server.drain, mayBeZero: true)
        read("x_cache", into: &server.xCache)
        read("cache_status", into: &server.cacheStatus)
        if let ranges = list("trusted_proxies", { text throws(ValueFault) in try AddressRange(parsing: text) }) {
            server.trustedProxies = ranges.map(\.value)
        }
        read("user", into: &server.user, accountName)
        read("group", into: &server.group, accountName)
        return listeners ?? []
    }

    func readAdmin(into admin: inout AdminSettings) {
        read("listen", into: &admin.listen) { text throws(ValueFault) in
            text == "off" || text == "false" ? nil : try ListenAddress(parsing: text)
        }
        read("token", into: &admin.token) { text throws(ValueFault) in
            guard !text.isEmpty else { throw ValueFault("the token is empty") }
            guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw ValueFault(
                    "the token has a character that is not allowed in a header",
                    hint: "use printable ASCII without spaces")
            }
            return text
        }
        read("token_file", into: &admin.tokenFile) { text throws(ValueFault) in try absolutePath(text) }
        if node("token") != nil, node("token_file") != nil {
            fault(at: "token_file", "`token` and `token_file` are mutually exclusive", hint: "keep one")
        }
    }

    func readStore(into store: inout StoreSettings) {
        read("backend", into: &store.backend)
        read("memory", into: &store.memory)
        read("redis", into: &store.redis) { text throws(ValueFault) in try RedisEndpoint(parsing: text) }
        read("prefix", into: &store.prefix) { text throws(ValueFault) in
            guard text.utf8.count <= 128 else { throw ValueFault("the prefix is longer than 128 bytes") }
            return text
        }
        read("timeout", into: &store.timeout)
        read("object", into: &store.object)
        read("tiered_life", into: &store.tieredLife, mayBeZero: true)
        if store.usesRedis, node("redis") == nil {
            fault(
                at: "backend", "the backend \(quoted(store.backend.rawValue)) needs a Redis server",
                hint: "add redis: redis://127.0.0.1:6379/0")
        }
        if store.usesMemory, store.object > store.memory {
            fault(
                at: node("object") == nil ? "memory" : "object",
                "`object` (\(store.object)) must not exceed `memory` (\(store.memory))")
        }
    }

    func readLimits(into limits: inout Limits) {
        // Smaller limits would reject ordinary clients.
        read("head", into: &limits.head, from: .kibibytes(1))
        read("fields", into: &limits.fields, in: 8...10_000)
        read("request_line", into: &limits.requestLine, from: ByteCount(128))
        read("body", into: &limits.body, from: .zero)
        read("memory", into: &limits.memory, from: .mebibytes(1))
        read("clients", into: &limits.clients, in: 1...10_000_000)
        read("requests", into: &limits.requests, in: 0...1_000_000_000)
        read("variants", into: &limits.variants, in: 1...1_000)
        read("head_timeout", into: &limits.headTimeout)
        read("read_timeout", into: &limits.readTimeout)
        read("upload_rate", into: &limits.uploadRate, from: .zero)
        read("write_timeout", into: &limits.writeTimeout)
        read("idle_timeout", into: &limits.idleTimeout)
        read("tunnel_timeout", into: &limits.tunnelTimeout)
        read("backlog", into: &limits.backlog, in: 1...65_535)
        // A head is held in one buffer with 32-bit offsets.
        if limits.head > .mebibytes(16) {
            fault(at: "head", "`head` can't be more than 16MiB")
        }
        if limits.requestLine > limits.head {
            fault(
                at: node("request_line") == nil ? "head" : "request_line",
                "`request_line` (\(limits.requestLine)) must not exceed `head` (\(limits.head))")
        }
    }

    func readLog(into log: inout LogSettings) {
        read("access", into: &log.access)
        read("to", into: &log.to) { text throws(ValueFault) in
            text == "stdout" ? .stdout : .file(path: try absolutePath(text, or: "stdout"))
        }
        read("level", into: &log.level)
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
                        + "\(quoted(first.value.description)) on line \(first.position.line)")
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

private func absolutePath(_ text: String, or other: String? = nil) throws(ValueFault) -> String {
    guard text.utf8.first == UInt8(ascii: "/"), !text.utf8.contains(0) else {
        let choice = other.map { "\($0) or " } ?? ""
        throw ValueFault("expected \(choice)an absolute path, found \(quoted(text))")
    }
    return text
}
