// `tls` of a listener, of an upstream and of Redis, and what is wrong with the files that they name.

import Configuration

enum TLSReader {
    // MARK: Listeners

    static func read(_ listener: KeyedValues, of address: ListenAddress, into server: inout ServerSettings) {
        if let node = listener.node("tls") {
            if let tls = readTLS(node, listener) { server.tls[address] = tls }
        }
        var port: UInt16?
        listener.read("redirect", into: &port) { text throws(ValueFault) in try httpsPort(text) }
        guard let port else { return }
        server.redirectsToHTTPS[address] = port
        if listener.node("tls") != nil {
            listener.fault(
                at: "redirect", "a listener with `tls` can't redirect to https",
                hint: "put redirect: https on the listener for plain HTTP")
        }
    }

    private static func httpsPort(_ text: String) throws(ValueFault) -> UInt16 {
        if text == "https" { return 443 }
        guard text.hasPrefix("https:"), let port = UInt16(text.dropFirst("https:".count)), port > 0 else {
            throw ValueFault("expected https or https:PORT, found \(quoted(text))")
        }
        return port
    }

    private static func readTLS(_ node: YAMLNode, _ listener: KeyedValues) -> ListenerTLS? {
        guard let keys = KeyedValues(node, path: "server.listen.*.tls", in: listener.reading) else { return nil }
        let before = keys.reading.faults.count
        var tls = ListenerTLS()
        let entries = readCertificates(keys, into: &tls)
        keys.read("min", into: &tls.minimum) { text throws(ValueFault) in try version(text) }
        if let ciphers = keys.list("ciphers", { text throws(ValueFault) in text }) {
            tls.ciphers = ciphers.map(\.value)
            if ciphers.isEmpty {
                keys.fault(at: "ciphers", "`ciphers` is empty", hint: "remove it for Larder's own choice")
            }
        }
        keys.read("client_ca", into: &tls.clientCA) { text throws(ValueFault) in try absolutePath(text) }
        keys.read("client_auth", into: &tls.clientAuthentication)
        keys.read("ticket_keys", into: &tls.ticketKeys) { text throws(ValueFault) in try absolutePath(text) }
        if keys.node("client_auth") != nil, keys.node("client_ca") == nil {
            keys.fault(
                at: "client_auth", "`client_auth` has no effect without `client_ca`",
                hint: "add client_ca: PATH, a file of the authorities that clients' certificates are from")
        }
        if keys.reading.faults.count == before {
            report(keys.reading.surroundings.credentials.ofListener(tls), keys, entries)
        }
        return tls
    }

    /// Each with the reader of its keys.
    private static func readCertificates(_ keys: KeyedValues, into tls: inout ListenerTLS) -> [KeyedValues] {
        guard let node = keys.node("certificates") else {
            keys.reading.faults.add(
                keys.position, "`tls` has no `certificates`",
                hint: "add certificates: [{cert: /etc/ssl/example.pem, key: /etc/ssl/private/example.key}]")
            return []
        }
        let nodes = if case .sequence(let list) = node.content { list } else { [node] }
        if nodes.isEmpty { keys.fault(at: "certificates", "`certificates` is empty") }
        if nodes.count > certificatesBound {
            keys.fault(at: "certificates", "`certificates` has more than \(certificatesBound) entries")
        }
        var entries: [KeyedValues] = []
        for node in nodes.prefix(certificatesBound) {
            let path = "server.listen.*.tls.certificates.*"
            guard let entry = KeyedValues(node, path: path, in: keys.reading) else { continue }
            tls.certificates.append(readCertificate(entry))
            entries.append(entry)
        }
        return entries
    }

    private static let certificatesBound = 1_000

    private static func readCertificate(_ entry: KeyedValues) -> CertificateFiles {
        var files = CertificateFiles()
        for (key, path) in [("cert", \CertificateFiles.chain), ("key", \CertificateFiles.key)] {
            if entry.node(key) == nil {
                entry.reading.faults.add(
                    entry.position, "the certificate has no \(quoted(key))", hint: "add \(key): PATH")
            }
            entry.read(key, into: &files[keyPath: path]) { text throws(ValueFault) in try absolutePath(text) }
        }
        return files
    }

    private static func version(_ text: String) throws(ValueFault) -> TLSVersion {
        if let version = TLSVersion(rawValue: text) { return version }
        if ["1", "1.0", "1.1", "TLSv1", "TLSv1.1", "SSLv3"].contains(text) {
            throw ValueFault(
                "\(quoted(text)) is not offered: TLS before 1.2 is broken (RFC 8996)", hint: "write 1.2 or 1.3")
        }
        throw ValueFault("\(quoted(text)) is not a version of TLS", hint: "write 1.2 or 1.3")
    }

    private static func report(_ faults: [TLSFault], _ keys: KeyedValues, _ entries: [KeyedValues]) {
        for fault in faults {
            let (place, key): (KeyedValues, String) =
                switch fault.place {
                case .certificate(let index): (entries[min(index, entries.count - 1)], "cert")
                case .key(let index): (entries[min(index, entries.count - 1)], "key")
                case .clientCA: (keys, "client_ca")
                case .ca: (keys, "ca")
                case .ticketKeys: (keys, "ticket_keys")
                case .ciphers: (keys, "ciphers")
                }
            if fault.isAboutTime, keys.reading.surroundings.toleratesTime {
                place.warn(at: key, fault.sentence)
            } else {
                place.fault(at: key, fault.sentence)
            }
        }
    }

    // MARK: Servers

    static func read(_ upstream: KeyedValues, into value: inout Upstream) {
        let isUsed = value.servers.contains(where: \.isTLS)
        read(upstream, into: &value.tls, isUsed: isUsed)
        if !value.servers.isEmpty, !isUsed, upstream.node("tls") != nil {
            upstream.fault(
                at: "tls", "`tls` has no effect: none of the servers is https", hint: "write https:// in `servers`")
        }
    }

    /// Of Redis.
    static func read(_ store: KeyedValues, into value: inout StoreSettings) {
        read(store, into: &value.tls, isUsed: value.usesTLS)
        if let redis = value.redis, !redis.isTLS, store.node("tls") != nil {
            store.fault(
                at: "tls", "`tls` has no effect: the Redis URL is not one for TLS",
                hint: redis.isLocal ? "remove it" : "write rediss for redis in it")
        }
    }

    /// - Parameter isUsed: whether what is read is used, and so its files are looked at.
    private static func read(_ owner: KeyedValues, into tls: inout UpstreamTLS, isUsed: Bool) {
        guard let keys = owner.section("tls") else { return isUsed ? check(tls, owner) : () }
        let before = keys.reading.faults.count
        keys.read("ca", into: &tls.ca) { text throws(ValueFault) in try absolutePath(text) }
        keys.read("server_name", into: &tls.serverName) { text throws(ValueFault) in try serverName(text) }
        keys.read("verify", into: &tls.verifies)
        var files = CertificateFiles()
        keys.read("cert", into: &files.chain) { text throws(ValueFault) in try absolutePath(text) }
        keys.read("key", into: &files.key) { text throws(ValueFault) in try absolutePath(text) }
        let (hasChain, hasKey) = (keys.node("cert") != nil, keys.node("key") != nil)
        if hasChain != hasKey {
            keys.fault(
                at: hasChain ? "cert" : "key", "`cert` and `key` belong together",
                hint: hasChain ? "add key: PATH" : "add cert: PATH")
        }
        if hasChain, hasKey { tls.certificate = files }
        if !tls.verifies, tls.ca != nil {
            keys.fault(at: "ca", "`ca` has no effect with `verify: off`", hint: "remove one of the two")
        }
        if isUsed, keys.reading.faults.count == before { check(tls, keys) }
    }

    private static func check(_ tls: UpstreamTLS, _ keys: KeyedValues) {
        report(keys.reading.surroundings.credentials.ofServers(tls), keys, [keys])
    }

    private static func serverName(_ text: String) throws(ValueFault) -> String {
        guard let (host, port) = splitHostAndPort(text), port == nil else {
            throw ValueFault("\(quoted(text)) is not a host name", hint: "write the name alone, as in api.example.com")
        }
        return try checkedHost(host)
    }
}
