// `routes`: which requests go where.

/// One entry of `routes`.
package struct Route: Sendable, Hashable {
    package var path: PathPattern
    /// `.any` if `host` is not set.
    package var host = HostPattern.any
    /// The name of an entry of `upstreams`.
    package var upstream: String
    /// nil: every request passes through and nothing is stored.
    package var cache: CacheSettings?
    /// Whether `Connection: Upgrade` (WebSocket and the like) passes through as a tunnel.
    package var upgrade = false

    /// Which requests it matches: no two routes of a configuration have this in common.
    package struct Match: Sendable, Hashable {
        package let host: HostPattern
        package let path: PathPattern
    }

    package var match: Match { Match(host: host, path: path) }

    package init(path: PathPattern, upstream: String) {
        self.path = path
        self.upstream = upstream
    }
}

/// The hosts that a route matches: in lower case, without a port or a dot at the end, IPv6 addresses in brackets.
package enum HostPattern: Sendable, Hashable {
    case any
    case exact(String)
    /// `*.example.com` is `.suffix(".example.com")`: any number of labels before it, at least one.
    case suffix(String)
}

extension HostPattern: CustomStringConvertible {
    /// Reads `api.example.com`, `*.example.com`, `127.0.0.1` and `[::1]`.
    package init(parsing text: String) throws(ValueFault) {
        if text == "*" {
            throw ValueFault("the host \(quoted(text)) matches any host", hint: "remove `host`")
        }
        let isSuffix = text.hasPrefix("*.")
        let name = isSuffix ? text.dropFirst(2) : text[...]
        guard !name.contains("*") else {
            throw ValueFault(
                "the host \(quoted(text)) has a misplaced *",
                hint: "only the whole first label can be *, as in *.example.com")
        }
        guard !name.contains("/") else {
            let authority = name.contains("://") ? name.split(separator: "/").dropFirst().first : nil
            let host = authority.flatMap { splitHostAndPort($0)?.host }
            throw ValueFault(
                "expected a host, found the URL \(quoted(text))", hint: "write \(host ?? "api.example.com")")
        }
        guard let (host, port) = splitHostAndPort(name) else {
            throw ValueFault("the host \(quoted(text)) is not a host name")
        }
        guard port == nil else {
            throw ValueFault(
                "the host \(quoted(text)) has a port",
                hint: "hosts are matched without their port: write \(isSuffix ? "*." : "")\(bracketed(host))")
        }
        let checked = bracketed(try checkedHost(host.hasSuffix(".") ? String(host.dropLast()) : host))
        self = isSuffix ? .suffix(".\(checked)") : .exact(checked)
    }

    /// Empty for `.any`.
    package var description: String {
        switch self {
        case .any: ""
        case .exact(let host): host
        case .suffix(let suffix): "*\(suffix)"
        }
    }
}
