// `upstreams`: the origins behind Larder, by name.

import Bytes

/// One entry of `upstreams`.
package struct Upstream: Sendable, Hashable {
    package enum Balance: String, Sendable, Hashable, CaseIterable {
        case roundRobin = "round-robin"
        case leastOutstanding = "least-outstanding"
    }

    /// Which `Host` the origin sees.
    package enum HostField: String, Sendable, Hashable, CaseIterable {
        /// The one that the client sent.
        case client
        /// The authority of the server that the request goes to.
        case upstream
    }

    package var name: String
    /// At least one, none twice.
    package var servers: [OriginAddress]
    package var balance = Balance.roundRobin
    /// The path of the active health check, starting with `/`; nil is no check.
    package var check: String?
    package var checkInterval = Milliseconds.seconds(5)
    package var connectTimeout = Milliseconds.seconds(2)
    package var firstByteTimeout = Milliseconds.seconds(30)
    package var betweenBytesTimeout = Milliseconds.seconds(30)
    /// Idle connections kept, per server and worker.
    package var keepalive = 64
    package var keepaliveTimeout = Milliseconds.seconds(4)
    /// Connections at once, per server and worker; 0 is no bound.
    package var maxConnections = 0
    /// How often a request that may be repeated is tried again on another connection.
    package var retries = 1
    package var host = HostField.client
    /// After this a server's name is resolved again.
    package var resolve = Milliseconds.seconds(30)

    package init(name: String, servers: [OriginAddress]) {
        self.name = name
        self.servers = servers
    }
}

/// Where one server of an upstream is reached.
package enum OriginAddress: Sendable, Hashable {
    /// A name or an address (IPv6 without brackets).
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    /// The `Host` field for `host: upstream`: port 80 is left out, a unix socket is called `localhost`.
    package var authority: String {
        switch self {
        case .tcp(let host, let port):
            let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
            return port == 80 ? name : "\(name):\(port)"
        case .unix: return "localhost"
        }
    }
}

extension OriginAddress: CustomStringConvertible {
    /// Reads `http://host[:port]` and `unix:/path`.
    package init(parsing text: String) throws(ValueFault) {
        if text.hasPrefix("unix:") {
            self = .unix(path: try unixSocketPath(in: text))
            return
        }
        if text.hasPrefix("https://") {
            throw ValueFault(
                "\(quoted(text)) asks for TLS, which this version does not speak to origins yet",
                hint: "use http:// on a trusted network or a local TLS tunnel")
        }
        guard text.hasPrefix("http://") else {
            if let end = text.firstIndex(of: ":"), text[end...].hasPrefix("://") {
                throw ValueFault("\(quoted(text[..<end])) is not a known scheme", hint: "http:// and unix: are")
            }
            throw ValueFault("\(quoted(text)) has no scheme", hint: "write http://\(text)")
        }
        let rest = text.dropFirst("http://".count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest.dropFirst(authority.count)
        guard tail.isEmpty || tail == "/" else {
            throw ValueFault(
                "\(quoted(text)) has a path",
                hint: "requests keep the path that clients sent: write http://\(authority)")
        }
        guard !authority.contains("@") else {
            throw ValueFault("\(quoted("http://…")) has a user name in it, which is not sent to origins")
        }
        guard let (host, port) = splitHostAndPort(authority) else {
            throw ValueFault("\(quoted(text)) is not http://host:port")
        }
        self = .tcp(host: try checkedHost(host), port: try checkedPort(port) ?? 80)
    }

    package var description: String {
        switch self {
        case .tcp: "http://\(authority)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// A host name in lower case, or an address in its one spelling.
func checkedHost(_ host: String) throws(ValueFault) -> String {
    if let address = IPAddress(host) { return address.description }
    let isName =
        !host.isEmpty && host.utf8.count <= 253
        && host.utf8.allSatisfy {
            $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
        }
    guard isName, !host.hasPrefix("."), !host.contains("..") else {
        throw ValueFault("\(quoted(host)) is not a host name or an IP address")
    }
    // All digits and dots, yet no address: a slip such as 127.0.0.256 or 127.1, not a name.
    guard !host.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") }) else {
        throw ValueFault("\(quoted(host)) is not an IPv4 address", hint: "write four numbers up to 255")
    }
    return String(decoding: host.utf8.map(lowercase), as: UTF8.self)
}

/// nil stays nil.
func checkedPort(_ text: String?) throws(ValueFault) -> UInt16? {
    guard let text else { return nil }
    guard let port = wholeNumber(text), (1...65535).contains(port) else {
        throw ValueFault("\(quoted(text)) is not a port", hint: "1 to 65535 are")
    }
    return UInt16(port)
}
