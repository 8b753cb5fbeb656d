// `upstreams`: the services that Larder forwards to, by name.

import Bytes

/// One entry of `upstreams`.
package struct Upstream: Sendable, Hashable {
    package enum Balance: String, Sendable, Hashable, CaseIterable {
        case roundRobin = "round-robin"
        case leastOutstanding = "least-outstanding"
        /// The same key goes to the same server as long as that is usable.
        case hash
    }

    /// Which `Host` the upstream receives.
    package enum HostField: String, Sendable, Hashable, CaseIterable {
        /// The one that the client sent.
        case client
        /// The authority of the server that the request goes to.
        case upstream
    }

    package var name: String
    /// At least one, without duplicates.
    package var servers: [OriginAddress]
    /// Comes before the path of every request, as in `/base`: in its normal form, without a slash at the end. Empty for none.
    package var basePath = ""
    /// The servers that get another share of the requests than 1, in relation to those of the others.
    package var weights: [OriginAddress: Int] = [:]
    /// The servers that get requests only while no other one is usable. Never all of them.
    package var backups: Set<OriginAddress> = []
    package var balance = Balance.roundRobin
    /// What `balance: hash` goes by; nil: host and path.
    package var hashKey: BalanceKey?
    /// The active health check; nil turns it off.
    package var check: HealthCheck?
    package var connectTimeout = Milliseconds.seconds(2)
    package var firstByteTimeout = Milliseconds.seconds(30)
    package var betweenBytesTimeout = Milliseconds.seconds(30)
    /// Maximum number of idle connections per address and worker.
    package var keepalive = 64
    package var keepaliveTimeout = Milliseconds.seconds(4)
    /// Maximum number of connections per address and worker; 0 means unlimited.
    package var maxConnections = 0
    /// A connection that was opened longer ago is not reused.
    package var maxConnectionAge = Milliseconds.minutes(10)
    /// How often a request that may be repeated is retried on another connection.
    package var retries = 1
    package var host = HostField.client
    /// Whether its https servers are offered HTTP/2 (ALPN, RFC 7301).
    package var http2 = false
    /// Maximum number of requests at once on an HTTP/2 connection; the server's own limit holds too.
    package var maxStreams = 100
    /// Whom those of its servers that are https must prove to be, and to whom.
    package var tls = UpstreamTLS()
    /// How long a resolved address is used before the name is resolved again.
    package var resolve = Milliseconds.seconds(30)

    package init(name: String, servers: [OriginAddress]) {
        self.name = name
        self.servers = servers
    }

    package static let weights = 1...1000

    /// Whether HTTP/2 may be spoken to any of its servers.
    package var speaksHTTP2: Bool { http2 || servers.contains(where: \.isH2C) }

    package func weight(of server: OriginAddress) -> Int { weights[server] ?? 1 }
}

/// The address of one server of an upstream.
package enum OriginAddress: Sendable, Hashable {
    /// A name or an address (IPv6 without brackets).
    case tcp(host: String, port: UInt16)
    /// The same over TLS.
    case tls(host: String, port: UInt16)
    /// HTTP/2 without TLS, by prior knowledge (RFC 9113 §3.3).
    case h2c(host: String, port: UInt16)
    case unix(path: String)

    /// The `Host` field for `host: upstream`: the scheme's own port is left out, a unix socket is called `localhost`.
    package var authority: String {
        switch self {
        case .tcp(let host, let port), .h2c(let host, let port):
            return port == 80 ? bracketed(host) : "\(bracketed(host)):\(port)"
        case .tls(let host, let port): return port == 443 ? bracketed(host) : "\(bracketed(host)):\(port)"
        case .unix: return "localhost"
        }
    }
}

extension OriginAddress: CustomStringConvertible {
    package var isTLS: Bool { if case .tls = self { true } else { false } }
    package var isH2C: Bool { if case .h2c = self { true } else { false } }

    /// What a server's URL may begin with.
    static func scheme(of text: String) -> String? { ["http://", "https://", "h2c://"].first { text.hasPrefix($0) } }

    /// Reads `http://host[:port]`, the same with `https://` and `h2c://`, and `unix:/path`.
    package init(parsing text: String) throws(ValueFault) {
        if text.hasPrefix("unix:") {
            self = .unix(path: try unixSocketPath(in: text))
            return
        }
        guard let scheme = Self.scheme(of: text) else {
            if let end = text.firstIndex(of: ":"), text[end...].hasPrefix("://") {
                throw ValueFault(
                    "unknown scheme \(quoted(text[..<end]))", hint: "use http://, https://, h2c:// or unix:")
            }
            throw ValueFault("\(quoted(text)) has no scheme", hint: "write http://\(text)")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count)
        guard tail.isEmpty || tail == "/" else {
            throw ValueFault("\(quoted(text)) has a path", hint: "write \(scheme)\(authority)")
        }
        guard !authority.contains("@") else {
            throw ValueFault("credentials in an upstream URL are not supported")
        }
        guard let (host, port) = splitHostAndPort(authority) else {
            throw ValueFault("\(quoted(text)) is not \(scheme)host:port")
        }
        let name = try checkedHost(host)
        let given = try checkedPort(port)
        switch scheme {
        case "https://": self = .tls(host: name, port: given ?? 443)
        case "h2c://": self = .h2c(host: name, port: given ?? 80)
        default: self = .tcp(host: name, port: given ?? 80)
        }
    }

    package var description: String {
        switch self {
        case .tcp: "http://\(authority)"
        case .tls: "https://\(authority)"
        case .h2c: "h2c://\(authority)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// A host name in lower case, or an address in canonical form.
package func checkedHost(_ host: String) throws(ValueFault) -> String {
    if let address = IPAddress(host) { return address.description }
    let isName =
        !host.isEmpty && host.utf8.count <= 253
        && host.utf8.allSatisfy {
            $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
        }
    guard isName, !host.hasPrefix("."), !host.contains("..") else {
        throw ValueFault("\(quoted(host)) is not a host name or an IP address")
    }
    // Digits and dots that are not an address: a typo such as 127.0.0.256 or 127.1, not a name.
    guard !host.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }) else {
        throw ValueFault("\(quoted(host)) is not an IPv4 address", hint: "write four numbers up to 255")
    }
    return String(decoding: host.utf8.map(lowercase), as: UTF8.self)
}

/// nil stays nil.
func checkedPort(_ text: String?) throws(ValueFault) -> UInt16? {
    guard let text else { return nil }
    guard let port = wholeNumber(text), (1...65535).contains(port) else {
        throw ValueFault("port must be 1–65535")
    }
    return UInt16(port)
}
