// The part of `store.redis` that is about sentinels: `host[:port][,…]/master[/database][?sentinel_password=…]`. No message
// quotes a password.

import Bytes

extension RedisEndpoint {
    /// - Parameter text: what follows `redis+sentinel://`.
    init(parsingSentinels text: Substring) throws(ValueFault) {
        let (login, rest) = splitLogin(text)
        let (user, password) = try RedisEndpoint.credentials(login)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count)
        let path = tail.prefix { $0 != "?" && $0 != "#" }
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard let name = segments.first, !name.isEmpty else {
            throw ValueFault("the Redis URL names no master", hint: "write \(SentinelGroup.example)")
        }
        // The letters that Sentinel itself takes.
        guard name.utf8.count <= 128,
            name.utf8.allSatisfy({
                $0.isLetter || $0.isDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            })
        else {
            throw ValueFault(
                "\(quoted(name)) is not a master's name", hint: "letters, digits, `.`, `-` and `_` may be used")
        }
        guard segments.count <= 2 else {
            throw ValueFault("the Redis URL has text after its database", hint: "write \(SentinelGroup.example)")
        }
        var group = SentinelGroup(servers: try SentinelGroup.servers(authority), master: String(name))
        try group.readParameters(tail.dropFirst(path.count))
        self.init(
            address: .sentinels(group), user: user, password: password,
            database: try RedisEndpoint.database(segments.dropFirst().first ?? "", example: SentinelGroup.example))
    }
}

extension SentinelGroup {
    static let example = "redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster/0"
    private static let defaultPort: UInt16 = 26_379
    /// Each is connected to all the time.
    private static let longestList = 16

    fileprivate static func servers(_ authority: Substring) throws(ValueFault) -> [RedisServerAddress] {
        try RedisServerAddress.list(
            authority, of: "sentinel", defaultPort: defaultPort, atMost: longestList, example: example)
    }

    /// Reads `?sentinel_username=…&sentinel_password=…`.
    fileprivate mutating func readParameters(_ query: Substring) throws(ValueFault) {
        guard !query.isEmpty else { return }
        guard query.hasPrefix("?") else {
            throw ValueFault("the Redis URL has a fragment", hint: "write a literal # as %23")
        }
        for parameter in query.dropFirst().split(separator: "&", omittingEmptySubsequences: false) {
            let name = parameter.prefix { $0 != "=" }
            let text = parameter.dropFirst(name.count + 1)
            guard name == "sentinel_username" || name == "sentinel_password" else {
                throw ValueFault(
                    "the Redis URL has an unknown parameter",
                    hint: "sentinel_username and sentinel_password may be given")
            }
            guard let value = percentDecoded(text), !value.isEmpty else {
                throw ValueFault("the Redis URL's \(name) is empty or has an invalid percent-encoding")
            }
            guard (name == "sentinel_username" ? user : password) == nil else {
                throw ValueFault("the Redis URL has \(name) twice")
            }
            if name == "sentinel_username" { user = value } else { password = value }
        }
        guard user == nil || password != nil else {
            throw ValueFault("the Redis URL has a sentinel_username without a sentinel_password")
        }
    }

    /// What follows the master's user and password in the URL.
    func urlPart(database: Int, withoutSecrets: Bool) -> String {
        var text = servers.map(\.description).joined(separator: ",")
        text += "/\(master)/\(database)"
        guard let password else { return text }
        text += "?"
        if let user { text += "sentinel_username=\(percentEncoded(user))&" }
        return text + "sentinel_password=\(withoutSecrets ? "***" : percentEncoded(password))"
    }
}
