// The key `store.redis`: reading and writing the URL. No message quotes it, because it may contain a password.

import Bytes

extension RedisEndpoint {
    /// Reads `redis://[user:password@]host[:port][/database]`, `unix://[user:password@]/path[?db=N]`,
    /// `redis+sentinel://[user:password@]host[:port][,…]/master[/database]` and
    /// `redis+cluster://[user:password@]host[:port][,…]`; with `rediss` for `redis`, over TLS.
    package init(parsing text: String) throws(ValueFault) {
        let scheme = text.prefix { $0 != ":" }
        let rest = text.dropFirst(scheme.count)
        let isTLS = scheme == "rediss" || scheme.hasPrefix("rediss+")
        let kind = isTLS ? "redis" + scheme.dropFirst("rediss".count) : String(scheme)
        if kind == "unix", !rest.isEmpty {
            try self.init(parsingUnix: rest.dropFirst())
        } else if kind == "redis", rest.hasPrefix("://") {
            try self.init(parsingTCP: rest.dropFirst(3))
        } else if kind == "redis+sentinel", rest.hasPrefix("://") {
            try self.init(parsingSentinels: rest.dropFirst(3))
        } else if kind == "redis+cluster", rest.hasPrefix("://") {
            try self.init(parsingCluster: rest.dropFirst(3))
        } else {
            throw ValueFault(
                "the Redis URL has an unknown scheme",
                hint: "write redis://127.0.0.1:6379/0, rediss:// for TLS, or unix:///run/redis/redis-server.sock")
        }
        self.isTLS = isTLS
    }

    private init(parsingTCP text: Substring) throws(ValueFault) {
        let (login, rest) = splitLogin(text)
        let (user, password) = try RedisEndpoint.credentials(login)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count)
        guard let (host, port) = splitHostAndPort(authority) else {
            throw ValueFault("the Redis URL has no host", hint: "write redis://127.0.0.1:6379/0")
        }
        guard tail.isEmpty || tail.hasPrefix("/") else {
            throw ValueFault("the Redis URL has text after its host that is not a database number")
        }
        self.init(
            address: .tcp(host: try checkedHost(host), port: try checkedPort(port) ?? 6379), user: user,
            password: password, database: try RedisEndpoint.database(tail.dropFirst()))
    }

    private init(parsingUnix text: Substring) throws(ValueFault) {
        var rest = text
        var user: String?
        var password: String?
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            if !rest.hasPrefix("/") {
                let (login, path) = splitLogin(rest)
                (user, password) = try RedisEndpoint.credentials(login)
                rest = path
            }
        }
        let path = rest.prefix { $0 != "?" }
        let query = rest.dropFirst(path.count)
        var database = 0
        if !query.isEmpty {
            guard query.hasPrefix("?db=") else {
                throw ValueFault("the Redis URL has an unknown parameter", hint: "?db=N selects the database")
            }
            database = try RedisEndpoint.database(query.dropFirst("?db=".count))
        }
        self.init(
            address: .unix(path: try unixSocketPath(in: "unix:\(path)")), user: user, password: password,
            database: database)
    }

    static func credentials(_ login: Substring?) throws(ValueFault) -> (user: String?, password: String?) {
        guard let login else { return (nil, nil) }
        guard let colon = login.firstIndex(of: ":") else {
            throw ValueFault(
                "the Redis URL has a user without a password",
                hint: "write redis://user:password@… or, without a user, redis://:password@…")
        }
        guard let user = percentDecoded(login[..<colon]),
            let password = percentDecoded(login[login.index(after: colon)...])
        else {
            throw ValueFault(
                "the Redis URL's user or password has an invalid percent-encoding", hint: "write a literal % as %25")
        }
        guard !password.isEmpty else { throw ValueFault("the Redis URL's password is empty") }
        return (user.isEmpty ? nil : user, password)
    }

    static func database(
        _ text: Substring, example: String = "redis://127.0.0.1:6379/0"
    ) throws(ValueFault) -> Int {
        if text.isEmpty { return 0 }
        guard let number = wholeNumber(text), number <= 65_535 else {
            throw ValueFault("the Redis URL's database is not a number", hint: "write \(example)")
        }
        return Int(number)
    }

    /// The URL again; `withoutSecrets` writes `***` for the password.
    package func url(withoutSecrets: Bool) -> String {
        var login = ""
        if let password {
            login = "\(percentEncoded(user ?? "")):\(withoutSecrets ? "***" : percentEncoded(password))@"
        }
        let scheme = isTLS ? "rediss" : "redis"
        switch address {
        case .tcp(let host, let port): return "\(scheme)://\(login)\(bracketed(host)):\(port)/\(database)"
        case .unix(let path): return "unix://\(login)\(path)" + (database == 0 ? "" : "?db=\(database)")
        case .sentinels(let group):
            return "\(scheme)+sentinel://\(login)\(group.urlPart(database: database, withoutSecrets: withoutSecrets))"
        case .cluster(let nodes):
            return "\(scheme)+cluster://\(login)" + nodes.map(\.description).joined(separator: ",")
        }
    }
}

/// What stands before the last `@`, so that a password may have one too.
func splitLogin(_ text: Substring) -> (login: Substring?, rest: Substring) {
    // A path or query may have an @ of its own; those of the login come before the first slash.
    let authority = text.prefix { $0 != "/" && $0 != "?" }
    guard let at = authority.lastIndex(of: "@") else { return (nil, text) }
    return (text[..<at], text[text.index(after: at)...])
}

func percentDecoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.popFirst().flatMap(\.hexValue), let low = rest.popFirst().flatMap(\.hexValue) else {
            return nil
        }
        bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
}

func percentEncoded(_ text: String) -> String {
    text.utf8.map { $0.isUnreserved ? String(UnicodeScalar($0)) : percentTriplet($0) }.joined()
}
