// `routes`: which requests go where, and what of them is cached.

/// One entry of `routes`.
package struct Route: Sendable, Hashable {
    package var path: PathPattern
    /// `.any` without the key `host`.
    package var host = HostPattern.any
    /// The name of an entry of `upstreams`.
    package var upstream: String
    /// nil: every request passes through and nothing is stored.
    package var cache: CacheSettings?
    /// Whether `Connection: Upgrade` (WebSocket and the like) passes through as a tunnel.
    package var upgrade = false

    package init(path: PathPattern, upstream: String) {
        self.path = path
        self.upstream = upstream
    }
}

/// The key `cache` of a route.
package struct CacheSettings: Sendable, Hashable {
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// What the origin says holds; `timeout` serves where it says nothing.
        case standard
        /// `timeout` replaces what the origin says.
        case force
    }

    /// What becomes of `Cache-Control` in requests.
    package enum ClientControl: String, Sendable, Hashable, CaseIterable {
        case honour
        case ignore
    }

    /// How the query takes part in the key.
    package enum Query: String, Sendable, Hashable, CaseIterable {
        /// Pairs sorted by name; pairs of one name keep their order.
        case sorted
        /// Byte for byte.
        case exact
        /// Left out.
        case ignore
    }

    package var methods: CachedMethods = [.get, .head]
    /// The freshness lifetime that the route gives (RFC 9111 §4.2.1 order is kept in `standard` mode); always set in
    /// `force` mode.
    package var timeout: Milliseconds?
    /// nil: the key text is made of method, scheme, authority, path and query.
    package var key: KeyTemplate?
    package var query = Query.sorted
    /// Names (`*` globs) that alone take part in the key; nil is all. At most one of the two lists is set.
    package var queryAllow: [String]?
    /// Names (`*` globs) that don't take part in the key.
    package var queryDeny: [String] = []
    package var mode = Mode.standard
    package var clientControl = ClientControl.honour
    package var allowSetCookie = false
    package var allowAuthorization = false
    /// The longest request body that is read to be keyed (POST, QUERY, `{body}`); a longer one passes through uncached.
    package var bodyKey = ByteCount.kibibytes(64)

    package init() {}
}

/// The methods that a route caches. No other method can be: they are not safe, or have no meaning to a cache.
package struct CachedMethods: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let get = CachedMethods(rawValue: 1)
    package static let head = CachedMethods(rawValue: 2)
    package static let post = CachedMethods(rawValue: 4)
    /// RFC 10008.
    package static let query = CachedMethods(rawValue: 8)

    /// In the order in which they are listed to people.
    package static let named: [(name: String, method: CachedMethods)] = [
        ("GET", .get), ("HEAD", .head), ("POST", .post), ("QUERY", .query),
    ]
}

/// The hosts that a route answers for: in lower case, without a port or a dot at the end, IPv6 addresses in brackets.
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
            throw ValueFault("the host \(quoted(text)) is any host", hint: "leave `host` out")
        }
        let isSuffix = text.hasPrefix("*.")
        let name = isSuffix ? text.dropFirst(2) : text[...]
        guard !name.contains("*") else {
            throw ValueFault(
                "the host \(quoted(text)) has a * inside",
                hint: "only a whole first label may be one, as in *.example.com")
        }
        guard !name.contains("/") else {
            throw ValueFault("the host \(quoted(text)) is a URL where a host belongs", hint: "write api.example.com")
        }
        guard let (host, port) = splitHostAndPort(name) else {
            throw ValueFault("the host \(quoted(text)) is not a host name")
        }
        guard port == nil else {
            throw ValueFault("the host \(quoted(text)) has a port", hint: "hosts are matched without their port")
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
