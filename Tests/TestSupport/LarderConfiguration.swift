import Foundation

// A configuration file in sections, so that a test says only what it is about. The text is written as a person would
// write it; listeners are filled in by the process that takes it.

package struct LarderConfiguration: Sendable {
    package var server = "workers: 2\ndrain: 5s"
    package var admin = ""
    package var store = "backend: memory\nmemory: 64MiB"
    package var upstreams = ""
    package var routes = ""
    package var limits = ""
    package var log = ""
    /// Whole lines beside the sections.
    package var more = ""
    /// The listener takes connections that begin with a PROXY protocol header.
    package var proxyProtocol = false
    /// What else the file says of the listener, as in a mapping: `tls: {…}`.
    package var listenerKeys = ""
    /// The listener takes HTTP/2 without TLS.
    package var takesHTTP2 = false

    /// Everything not named keeps what suits a test: two workers, a memory store.
    package init(
        upstreams: String, routes: String, store: String? = nil, limits: String = "", log: String = "",
        server: String? = nil, admin: String = ""
    ) {
        self.upstreams = upstreams
        self.routes = routes
        self.limits = limits
        self.log = log
        self.admin = admin
        if let store { self.store = store }
        if let server { self.server = server }
    }

    /// One upstream called `origin` with every path cached for a minute unless the origin says otherwise.
    package static func caching(_ origin: String, cache: String = "timeout: 60s") -> LarderConfiguration {
        let lines = cache.isEmpty ? "" : "\n  cache:\n" + indented(indented(cache))
        return LarderConfiguration(
            upstreams: "origin: \(origin)", routes: "- path: /{rest...}\n  upstream: origin" + lines)
    }

    /// Where the file's Redis is, if that is a single one without a password.
    package var redisPort: UInt16? {
        guard let match = store.firstMatch(of: /(?m)^redis: redis:\/\/127\.0\.0\.1:([0-9]+)/) else { return nil }
        return UInt16(match.1)
    }

    package func text(listen: String, admin address: String) -> String {
        let keys =
            (proxyProtocol ? ["proxy_protocol: on"] : []) + (takesHTTP2 ? ["h2c: on"] : [])
            + (listenerKeys.isEmpty ? [] : [listenerKeys])
        let listen = keys.isEmpty ? listen : "{address: \"\(listen)\", \(keys.joined(separator: ", "))}"
        let sections: [(String, String)] = [
            ("server", "listen: \(listen)\n\(server)"), ("admin", "listen: \(address)\n\(admin)"), ("store", store),
            ("upstreams", upstreams), ("routes", routes), ("limits", limits), ("log", log),
        ]
        return sections.filter { !$1.isEmpty }.map { "\($0):\n\(Self.indented($1))\n" }.joined() + more
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    }
}
