// `server` and `admin`: where Larder listens, as whom it runs, and what it says about itself in responses.

/// The key `server`.
package struct ServerSettings: Sendable, Hashable {
    package var listen: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 8080)]
    /// Event-loop threads; nil is one per core.
    package var workers: Int?
    package var drain = Milliseconds.seconds(30)
    package var xCache = true
    package var cacheStatus = true
    /// Peers whose `X-Forwarded-*` and `Forwarded` fields are appended to; everybody else's are replaced.
    package var trustedProxies: [AddressRange] = []
    /// Taken on after the listeners are bound; nil stays who started it.
    package var user: String?
    package var group: String?

    package init() {}
}

/// The key `admin`.
package struct AdminSettings: Sendable, Hashable {
    /// nil is `off`.
    package var listen: ListenAddress? = .tcp(host: "127.0.0.1", port: 8081)
    /// Asked for as `Authorization: Bearer …`. At most one of `token` and `tokenFile` is set.
    package var token: String?
    /// A file whose first line is the token; read at start and at every reload.
    package var tokenFile: String?

    package init() {}

    package var asksForToken: Bool { token != nil || tokenFile != nil }
}
