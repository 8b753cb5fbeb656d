// The address that a listener binds to.

import Bytes

/// An address of `server.listen` or `admin.listen`.
package enum ListenAddress: Sendable, Hashable {
    /// The host is an IPv4 or IPv6 address in text, IPv6 without brackets, never a name. Port 0 lets the system choose.
    case tcp(host: String, port: UInt16)
    case unix(path: String)
}

extension ListenAddress: CustomStringConvertible {
    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` and `unix:/path`.
    package init(parsing text: String) throws(ValueFault) {
        if text.hasPrefix("unix:") {
            self = .unix(path: try unixSocketPath(in: text))
            return
        }
        let forms = "write 127.0.0.1:8080, [::]:8080 or unix:/run/larder/http.sock"
        if text.utf8.allSatisfy(\.isDigit), !text.isEmpty {
            throw ValueFault(
                "\(quoted(text)) has no address",
                hint: "write 127.0.0.1:\(text), or 0.0.0.0:\(text) for all IPv4 addresses")
        }
        if text.hasPrefix(":") {
            throw ValueFault(
                "\(quoted(text)) has no address",
                hint: "write 127.0.0.1\(text), or 0.0.0.0\(text) for all IPv4 addresses")
        }
        if text.contains("://") {
            throw ValueFault("expected an address, found the URL \(quoted(text))", hint: forms)
        }
        guard let (host, port) = splitHostAndPort(text), let port else {
            throw ValueFault("\(quoted(text)) is not an address and port", hint: forms)
        }
        guard let number = UInt16(port), port.utf8.allSatisfy(\.isDigit) else {
            throw ValueFault("port must be 0–65535")
        }
        if host == "localhost" {
            self = .tcp(host: "127.0.0.1", port: number)
            return
        }
        if host == "*" {
            throw ValueFault(
                "\(quoted(host)) is not an IP address",
                hint: "write 0.0.0.0:\(port) for all IPv4 addresses, \"[::]:\(port)\" for all IPv6 addresses, or both")
        }
        guard let address = IPAddress(host) else {
            throw ValueFault(
                "\(quoted(host)) is not an IP address",
                hint: "listeners take addresses, not names: 127.0.0.1, 0.0.0.0, [::1] or [::]")
        }
        self = .tcp(host: address.description, port: number)
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): "\(bracketed(host)):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether only this machine can reach it.
    package var isLocal: Bool {
        switch self {
        case .tcp(let host, _): IPAddress(host)?.isLoopback ?? false
        case .unix: true
        }
    }

    /// Whether the two can't be bound at once. Port 0 is a new port each time.
    package func conflicts(with other: ListenAddress) -> Bool {
        switch (self, other) {
        case (.unix(let path), .unix(let otherPath)): path == otherPath
        case (.tcp(let host, let port), .tcp(let otherHost, let otherPort)):
            port != 0 && port == otherPort
                && (host == otherHost || isEveryAddress(host, coversFamilyOf: otherHost)
                    || isEveryAddress(otherHost, coversFamilyOf: host))
        case (.unix, .tcp), (.tcp, .unix): false
        }
    }
}

/// Whether `host` is `0.0.0.0` or `::` and covers `other`. `::` and `0.0.0.0` can be used together: an IPv6 listener
/// accepts IPv6 only.
private func isEveryAddress(_ host: String, coversFamilyOf other: String) -> Bool {
    switch (IPAddress(host), IPAddress(other)) {
    case (.v4(0), .v4), (.v6(0), .v6): true
    default: false
    }
}

/// The path of `unix:/path` or `unix:///path`.
func unixSocketPath(in text: String) throws(ValueFault) -> String {
    var path = text.dropFirst("unix:".count)
    if path.hasPrefix("//") { path = path.dropFirst(2) }
    guard path.hasPrefix("/") else {
        throw ValueFault("\(quoted(text)) needs an absolute path", hint: "write unix:/run/name.sock")
    }
    guard !path.utf8.contains(0) else { throw ValueFault("\(quoted(text)) has a NUL in its path") }
    // sockaddr_un holds 108 bytes with the NUL at the end.
    guard path.utf8.count <= 107 else {
        throw ValueFault("the socket path is \(path.utf8.count) bytes long", hint: "the maximum is 107")
    }
    return String(path)
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`: the host without brackets. nil when the brackets or colons are wrong.
package func splitHostAndPort(_ text: some StringProtocol) -> (host: String, port: String?)? {
    if text.hasPrefix("[") {
        guard let end = text.firstIndex(of: "]") else { return nil }
        let host = String(text[text.index(after: text.startIndex)..<end])
        guard host.contains(":") else { return nil }
        let rest = text[text.index(after: end)...]
        if rest.isEmpty { return (host, nil) }
        guard rest.hasPrefix(":"), rest.count > 1 else { return nil }
        return (host, String(rest.dropFirst()))
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts[0].isEmpty else { return nil }
    if parts.count == 1 { return (String(parts[0]), nil) }
    guard !parts[1].isEmpty else { return nil }
    return (String(parts[0]), String(parts[1]))
}

/// IPv6 addresses in brackets, all else as it is.
func bracketed(_ host: String) -> String {
    host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
}
