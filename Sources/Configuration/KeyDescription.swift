// Every key of the file, declared once: what it takes, what holds without it, and a sentence for the operator.
//
// The reader takes its list of known keys from here, `docs/configuration.md` and `--help` their sentences. A `*` in a
// path stands for a name of the operator's (`upstreams.*`) or for an entry of a list (`routes.*`). The keys of
// `routes.*.cache` are in `CachingKeys.swift`.

/// One key.
package struct KeyDescription: Sendable, Hashable {
    /// Dotted, from the top: `upstreams.*.check`.
    package let path: String
    /// What may be written: `DURATION`, `on | off`.
    package let takes: String
    /// As it would stand in the file; nil where leaving the key out means something that can't be written.
    package let initially: String?
    package let sentence: String

    init(_ path: String, _ takes: String, _ initially: String?, _ sentence: String) {
        self.path = path
        self.takes = takes
        self.initially = initially
        self.sentence = sentence
    }

    /// In the order of the documentation.
    package static let all: [KeyDescription] =
        sections + server + admin + store + upstreams + routes + caching + limits + log

    /// The last parts of the paths directly below `parent`, which is empty for the top.
    package static func names(below parent: String) -> [String] {
        namesByParent[parent] ?? []
    }

    package static func named(_ path: String) -> KeyDescription? {
        all.first { $0.path == path }
    }

    /// The reference that stands in `docs/configuration.md`: a table a section.
    package static var markdown: String {
        var text = """
            # The configuration file, key by key

            Made from the declarations in `Sources/Configuration/KeyDescription.swift` and `CachingKeys.swift` beside it. `*` is a
            name of yours or an entry of a list.

            Durations are `500ms`, `30s`, `5m`, `1h30m`, `7d`, or a whole number of seconds. Sizes are `64KiB`, `256MiB`, `1GB`, or
            a whole number of bytes. `${NAME}` takes an environment variable; one that is not set is an error. A value that starts
            with `{` needs quotes.

            """
        var section = ""
        for key in all where key.path.contains(".") {
            let name = String(key.path.prefix { $0 != "." })
            if name != section {
                section = name
                let sentence = named(name)?.sentence ?? ""
                text += "\n## \(name)\n\(sentence)\n\n| key | takes | default | |\n| --- | --- | --- | --- |\n"
            }
            let takes = key.takes.split(separator: " | ").joined(separator: " \\| ")
            text += "| `\(key.path)` | \(takes) | \(key.initially.map { "`\($0)`" } ?? "") | \(key.sentence) |\n"
        }
        return text
    }

    private static let namesByParent: [String: [String]] = {
        var names: [String: [String]] = [:]
        for key in all {
            let parts = key.path.split(separator: ".")
            names[parts.dropLast().joined(separator: "."), default: []].append(String(parts[parts.count - 1]))
        }
        return names
    }()

    private static let sections = [
        KeyDescription("server", "KEYS", nil, "Where Larder listens and how it runs."),
        KeyDescription("admin", "KEYS", nil, "The listener for health, figures, purges and reload."),
        KeyDescription("store", "KEYS", nil, "Where responses are kept."),
        KeyDescription("upstreams", "NAMES", nil, "The origins behind Larder, each under a name."),
        KeyDescription("routes", "LIST", nil, "Which requests go to which upstream, and what of them is cached."),
        KeyDescription("limits", "KEYS", nil, "The bound of everything that a client could grow."),
        KeyDescription("log", "KEYS", nil, "What is written down and where to."),
    ]

    private static let server = [
        KeyDescription(
            "server.listen", "ADDRESS or list", "127.0.0.1:8080",
            "Addresses for clients: 127.0.0.1:8080, [::]:8080, unix:/path. Sockets from systemd come first."),
        KeyDescription("server.workers", "COUNT | auto", "auto", "Event-loop threads; auto is one per core."),
        KeyDescription("server.drain", "DURATION", "30s", "How long SIGTERM lets requests in flight finish."),
        KeyDescription("server.x_cache", "on | off", "on", "Whether responses carry X-Cache."),
        KeyDescription("server.cache_status", "on | off", "on", "Whether responses carry Cache-Status (RFC 9211)."),
        KeyDescription(
            "server.trusted_proxies", "list of IP or CIDR", "[]",
            "Peers whose Forwarded and X-Forwarded-* are kept and appended to; from all others they are replaced."),
        KeyDescription("server.user", "NAME", nil, "The user to become once the listeners are bound."),
        KeyDescription("server.group", "NAME", nil, "The group to become; without it the user's own."),
    ]

    private static let admin = [
        KeyDescription(
            "admin.listen", "ADDRESS | off", "127.0.0.1:8081",
            "The admin address. One that is neither loopback nor a unix socket needs a token."),
        KeyDescription("admin.token", "TEXT", nil, "What admin requests must send as Authorization: Bearer."),
        KeyDescription("admin.token_file", "PATH", nil, "A file whose first line is the token."),
    ]

    private static let store = [
        KeyDescription(
            "store.backend", "memory | redis | tiered | none", "memory",
            "Where responses are kept; tiered is memory before Redis, none stores nothing."),
        KeyDescription("store.memory", "SIZE", "256MiB", "Bound of the memory tier, bookkeeping included."),
        KeyDescription(
            "store.redis", "URL", nil,
            "The Redis server: redis://[user:password@]host[:port][/db] or unix:///path[?db=N]."),
        KeyDescription("store.prefix", "TEXT", "\"larder:\"", "What Larder's keys in Redis start with."),
        KeyDescription(
            "store.timeout", "DURATION", "250ms",
            "What one Redis command may take; past it the request goes on as if it had missed."),
        KeyDescription("store.object", "SIZE", "8MiB", "A larger response streams through and is not stored."),
        KeyDescription(
            "store.tiered_life", "DURATION", "1s",
            "With tiered, how long a copy in memory is believed before Redis is asked again."),
    ]

    private static let upstreams = [
        KeyDescription("upstreams.*", "URL or KEYS", nil, "One upstream: a URL, or the keys below."),
        KeyDescription(
            "upstreams.*.servers", "URL or list", nil, "Its servers: http://host[:port] or unix:/path."),
        KeyDescription(
            "upstreams.*.balance", "round-robin | least-outstanding", "round-robin", "Which server is next."),
        KeyDescription(
            "upstreams.*.check", "PATH | off", "off",
            "A path that is asked for regularly; a server that fails it is left out."),
        KeyDescription("upstreams.*.check_interval", "DURATION", "5s", "The time between two health checks."),
        KeyDescription("upstreams.*.connect_timeout", "DURATION", "2s", "For connecting to a server."),
        KeyDescription(
            "upstreams.*.first_byte_timeout", "DURATION", "30s", "From the request sent to the response's first byte."),
        KeyDescription(
            "upstreams.*.between_bytes_timeout", "DURATION", "30s", "Without a further byte of the response."),
        KeyDescription("upstreams.*.keepalive", "COUNT", "64", "Idle connections kept, per server and worker."),
        KeyDescription(
            "upstreams.*.keepalive_timeout", "DURATION", "4s",
            "How long an idle connection is kept; stay below the server's own time."),
        KeyDescription(
            "upstreams.*.max_connections", "COUNT", "0", "Connections at once, per server and worker; 0 is no bound."),
        KeyDescription(
            "upstreams.*.retries", "COUNT", "1", "How often a request that may be repeated is tried again elsewhere."),
        KeyDescription(
            "upstreams.*.host", "client | upstream", "client",
            "Which Host the server sees: the client's, or the one in its own URL."),
        KeyDescription("upstreams.*.resolve", "DURATION", "30s", "After this a server's name is resolved again."),
    ]

    private static let routes = [
        KeyDescription("routes.*", "KEYS", nil, "One route. The most specific one wins, wherever it stands."),
        KeyDescription(
            "routes.*.path", "PATTERN", nil,
            "The path: literal segments, {name} for one segment, a last {name...} for the rest."),
        KeyDescription(
            "routes.*.host", "HOST", nil, "The host it answers for, or *.example.com; without it every host."),
        KeyDescription("routes.*.upstream", "NAME", nil, "The upstream that its requests go to."),
        KeyDescription(
            "routes.*.cache", "KEYS", nil, "What is cached and how; without it nothing is. {} is all defaults."),
        KeyDescription(
            "routes.*.upgrade", "on | off", "off", "Whether Connection: Upgrade (WebSocket) passes through as a tunnel."
        ),
    ]

    private static let limits = [
        KeyDescription("limits.head", "SIZE", "32KiB", "Bytes of a head; past it 431, from an origin 502."),
        KeyDescription("limits.fields", "COUNT", "100", "Header fields of a head; past it 431, from an origin 502."),
        KeyDescription("limits.request_line", "SIZE", "8KiB", "Bytes of the request line; past it 414."),
        KeyDescription("limits.body", "SIZE", "1GiB", "Bytes of a request's content; past it 413; 0 is no bound."),
        KeyDescription("limits.clients", "COUNT", "20000", "Client connections of the whole process."),
        KeyDescription(
            "limits.requests", "COUNT", "10000", "Requests on one connection before it is closed; 0 is no bound."),
        KeyDescription("limits.variants", "COUNT", "64", "Stored responses of one key that Vary tells apart."),
        KeyDescription(
            "limits.head_timeout", "DURATION", "10s", "From the first byte of a head to its last; past it 408."),
        KeyDescription(
            "limits.read_timeout", "DURATION", "30s", "Without a byte of the request's content; past it 408."),
        KeyDescription("limits.write_timeout", "DURATION", "30s", "Without the client taking a byte."),
        KeyDescription("limits.idle_timeout", "DURATION", "75s", "Between two requests of a connection."),
        KeyDescription(
            "limits.tunnel_timeout", "DURATION", "1h", "Without a byte either way in an upgraded connection."),
        KeyDescription("limits.backlog", "COUNT", "1024", "Connections that wait to be accepted."),
    ]

    private static let log = [
        KeyDescription("log.access", "off | common | combined | json", "off", "One line a request, in this form."),
        KeyDescription("log.to", "stdout | PATH", "stdout", "Where lines go; a file is opened again on SIGHUP."),
        KeyDescription(
            "log.level", "debug | info | notice | warning | error", "info", "The least level of what else is written."),
    ]
}
