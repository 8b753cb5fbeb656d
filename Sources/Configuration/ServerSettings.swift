// `server` and `admin`: listeners, workers, user and group, and response headers.

/// The key `server`.
package struct ServerSettings: Sendable, Hashable {
    package var listen: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 8080)]
    /// Those of `listen` on which each connection begins with a header of the PROXY protocol.
    package var proxyProtocol: Set<ListenAddress> = []
    /// Those of `listen` on which clients speak TLS.
    package var tls: [ListenAddress: ListenerTLS] = [:]
    /// Those of `listen` whose clients are sent to https, and to which port there.
    package var redirectsToHTTPS: [ListenAddress: UInt16] = [:]
    /// What ACME clients write for an authority to read (RFC 8555 §8.3); nil for none.
    package var acmeFolder: String?
    /// Those of `listen` on which clients may speak HTTP/2 without TLS.
    package var h2c: Set<ListenAddress> = []
    /// Those of `tls` whose clients aren't offered HTTP/2.
    package var http1Only: Set<ListenAddress> = []
    /// Event-loop threads; nil is one per core.
    package var workers: Int?
    package var drain = Milliseconds.seconds(30)
    package var xCache = true
    package var cacheStatus = true
    /// Clients whose `X-Forwarded-*`, `Forwarded` and `X-Request-Id` fields are believed; all others' are replaced.
    package var trustedProxies: [AddressRange] = []
    /// The user to switch to once the listeners are bound; nil keeps the user that started Larder.
    package var user: String?
    package var group: String?

    package init() {}

    /// What may be spoken on a listener with TLS (RFC 7301), in order of preference.
    package func protocols(behindTLSOf address: ListenAddress) -> [String] {
        (http1Only.contains(address) ? [] : ["h2"]) + ["http/1.1"]
    }
}

/// The key `admin`.
package struct AdminSettings: Sendable, Hashable {
    /// nil is `off`.
    package var listen: ListenAddress? = .tcp(host: "127.0.0.1", port: 8081)
    /// Required as `Authorization: Bearer …`. At most one of `token` and `tokenFile` is set.
    package var token: String?
    /// A file whose first line is the token; read at start and at every reload.
    package var tokenFile: String?

    package init() {}
}
