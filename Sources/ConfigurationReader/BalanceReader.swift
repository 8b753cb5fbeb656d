// How the requests of an upstream are spread: the weights of its servers, backups, and `balance`.

import Configuration

enum BalanceReader {
    static func read(_ keys: KeyedValues, into upstream: inout Upstream) {
        if let node = keys.node("balance"), case .mapping(let pairs) = node.content {
            let names = pairs.compactMap { pair in
                if case .scalar(let text, _) = pair.key.content { text } else { nil }
            }
            keys.fault(
                at: "balance", "`balance` takes one word, found a mapping",
                hint: names == ["hash"]
                    ? "write balance: hash, and hash_key: \"{header.x-user}\""
                    : "use round-robin, least-outstanding or hash")
            return
        }
        keys.read("balance", into: &upstream.balance)
        keys.read("hash_key", into: &upstream.hashKey) { text throws(ValueFault) in try BalanceKey(parsing: text) }
        if keys.node("hash_key") != nil, upstream.balance != .hash {
            keys.fault(at: "hash_key", "`hash_key` has no effect without `balance: hash`", hint: "add balance: hash")
        }
        // A name may have several addresses, which the key tells apart.
        if upstream.balance == .hash, upstream.servers.count == 1, !upstream.servers[0].isName {
            keys.warn(at: "balance", "`balance: hash` has no effect: there is one server", hint: "remove it")
        }
    }

    /// Whether servers are given as more than URLs.
    static func describesServers(_ node: YAMLNode) -> Bool {
        switch node.content {
        case .mapping: true
        case .sequence(let nodes): nodes.contains { if case .mapping = $0.content { true } else { false } }
        case .scalar, .invalid: false
        }
    }

    /// The servers of a list, each a URL or `{url, weight, backup}`.
    static func servers(
        in node: YAMLNode, into upstream: inout Upstream, _ reading: Reading
    ) -> [(value: ServerURL, position: Position)] {
        let nodes = if case .sequence(let list) = node.content { list } else { [node] }
        var servers: [(value: ServerURL, position: Position)] = []
        var hasUnread = false
        for node in nodes {
            if let server = server(in: node, into: &upstream, reading) {
                servers.append((server, node.position))
            } else {
                hasUnread = true
            }
        }
        if !hasUnread, !servers.isEmpty, upstream.backups.count >= servers.count {
            reading.faults.add(
                node.position, "all servers of the upstream \(quoted(upstream.name)) are backups",
                hint: "a backup stands in for others: remove backup from one")
        }
        return servers
    }

    /// A URL, without what other products write after it.
    static func serverURL(parsing text: String) throws(ValueFault) -> ServerURL {
        let words = text.split(separator: " ")
        guard words.count > 1, words.dropFirst().allSatisfy(isParameter),
            let url = try? ServerURL(parsing: String(words[0]))
        else {
            return try ServerURL(parsing: text)
        }
        let keys = words.dropFirst().map { word in
            word.contains("=") ? word.split(separator: "=").joined(separator: ": ") : "\(word): on"
        }
        throw ValueFault(
            "\(quoted(text)) is more than a URL",
            hint: "write {url: \"\(url)\", \(keys.joined(separator: ", "))}")
    }

    /// As nginx and HAProxy write them after a server.
    private static func isParameter(_ word: Substring) -> Bool {
        ["backup", "down"].contains(word)
            || ["weight=", "max_fails=", "fail_timeout=", "max_conns="].contains { word.hasPrefix($0) }
    }

    private static func server(in node: YAMLNode, into upstream: inout Upstream, _ reading: Reading) -> ServerURL? {
        guard case .mapping = node.content else {
            return reading.value(of: node, key: upstream.name, serverURL(parsing:))
        }
        let before = reading.faults.count
        guard let keys = KeyedValues(node, path: "upstreams.*.servers.*", in: reading) else { return nil }
        guard keys.node("url") != nil else {
            // A wrong word for it is a fault already.
            if reading.faults.count == before {
                reading.faults.add(keys.position, "the server has no `url`", hint: "add url: http://127.0.0.1:9000")
            }
            return nil
        }
        var url: ServerURL?
        keys.read("url", into: &url, serverURL(parsing:))
        var weight = 1
        keys.read("weight", into: &weight, in: Upstream.weights)
        var isBackup = false
        keys.read("backup", into: &isBackup)
        guard let url else { return nil }
        if weight != 1 { upstream.weights[url.address] = weight }
        if isBackup { upstream.backups.insert(url.address) }
        return url
    }
}

extension OriginAddress {
    fileprivate var isName: Bool {
        switch self {
        case .tcp(let host, _), .tls(let host, _), .h2c(let host, _): IPAddress(host) == nil
        case .unix: false
        }
    }
}
