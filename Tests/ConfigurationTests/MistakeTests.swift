import Testing

/// A file with one typical mistake, or with what is a mistake elsewhere and right here.
struct Mistake: Sendable, CustomTestStringConvertible {
    let what: String
    let text: String
    /// Errors and warnings, in the order of the file.
    let findings: [String]

    /// A right file in which one piece is replaced.
    init(_ what: String, _ piece: String, _ replacement: String, _ findings: [String] = []) {
        self.init(what, file: Mistake.right.replacing(piece, with: replacement), findings)
    }

    /// A right file with a line before it.
    init(_ what: String, before line: String, _ findings: [String] = []) {
        self.init(what, file: "\(line)\n\(Mistake.right)", findings)
    }

    init(_ what: String, file: String, _ findings: [String] = []) {
        self.what = what
        self.text = file
        self.findings = findings
    }

    var testDescription: String { what }

    static let right = """
        upstreams:
          shop: http://127.0.0.1:7000
        routes:
          - path: /items/{id}
            upstream: shop
            cache: {timeout: 1m}

        """
}

@Suite("Typical mistakes get the sentence that helps, at their own place")
struct MistakeTests {
    @Test("the file that the mistakes are made in is right")
    func right() { #expect(findings(Mistake.right) == []) }

    @Test("a file that is not UTF-8 is named so, and UTF-16 is read")
    func encodings() {
        let latin: [UInt8] = Array(Mistake.right.utf8) + [0x23, 0x20, 0xe9, 0x0a]
        #expect(
            findings(latin) == ["7:3: error: invalid YAML: incomplete UTF-8 octet sequence; save the file as UTF-8"])
        var wide: [UInt8] = [0xff, 0xfe]
        for unit in Mistake.right.utf16 { wide += [UInt8(unit & 0xff), UInt8(unit >> 8)] }
        #expect(findings(wide) == [])
    }

    @Test(
        "names of keys",
        arguments: [
            Mistake(
                "a section in the singular", "upstreams:", "upstream:",
                [
                    "1:1: error: unknown key `upstream`; did you mean `upstreams`?",
                    "5:15: error: unknown upstream `shop`; add upstreams: {shop: http://127.0.0.1:9000}",
                ]),
            Mistake(
                "a section with letters swapped", "routes:", "ruotes:",
                [
                    "1:1: error: `routes` is missing, so nothing would be served; add a route: - {path: \"/{rest...}\", upstream: NAME}",
                    "3:1: error: unknown key `ruotes`; did you mean `routes`?",
                ]),
            Mistake(
                "a section with a letter too many", before: "serverr: {}",
                ["1:1: error: unknown key `serverr`; did you mean `server`?"]),
            Mistake(
                "a typo in a key of the cache", "timeout: 1m", "timeot: 1m",
                ["6:13: error: unknown key `timeot`; did you mean `timeout`?"]),
            Mistake(
                "two words", "timeout: 1m", "time_out: 1m",
                ["6:13: error: unknown key `time_out`; did you mean `timeout`?"]),
            Mistake(
                "hyphens", "timeout: 1m", "stale-if-error: 1m",
                ["6:13: error: unknown key `stale-if-error`; did you mean `stale_if_error`?"]),
            Mistake(
                "camel case", "timeout: 1m", "staleIfError: 1m",
                ["6:13: error: unknown key `staleIfError`; did you mean `stale_if_error`?"]),
            Mistake(
                "capitals", "timeout: 1m", "TIMEOUT: 1m",
                ["6:13: error: unknown key `TIMEOUT`; did you mean `timeout`?"]),
            Mistake(
                "a word that is near to nothing", "    upstream: shop", "    upstream: shop\n    zebra: x",
                ["6:5: error: unknown key `zebra`; known keys: …"]),
            Mistake(
                "auth is not near to path", "    upstream: shop", "    upstream: shop\n    auth: x",
                ["6:5: error: unknown key `auth`; Larder doesn't do this: leave it to the API or to a proxy in front"]),
            Mistake(
                "a key twice", "    upstream: shop", "    upstream: shop\n    upstream: shop",
                ["6:5: error: duplicate key `upstream`; first defined on line 5"]),
            Mistake(
                "no space in braces", "timeout: 1m", "timeout:1m",
                ["6:13: error: unknown key `timeout:1m`; add a space after the colon: timeout: 1m"]),
            Mistake("an x- key", before: "x-shared: {anything: goes}"),
            Mistake(
                "a no-break space before a key", "cache: ", "cache: {}\n    \u{a0}upgrade: on\n    x: ",
                [
                    "7:5: error: unknown key `\u{a0}upgrade`; the key contains a no-break space: use ordinary spaces to indent",
                    "8:5: error: unknown key `x`; known keys: …",
                ]),
        ])
    func names(_ mistake: Mistake) { check(mistake) }

    @Test(
        "keys at another level",
        arguments: [
            Mistake(
                "a lifetime on the route", "cache: {timeout: 1m}", "timeout: 1m",
                ["6:5: error: unknown key `timeout`; `timeout` belongs under `cache`"]),
            Mistake(
                "a lifetime below an empty cache", "cache: {timeout: 1m}", "cache:\n    timeout: 1m",
                [
                    "6:11: error: `cache` has no value; write {} to cache with all defaults, or remove the key",
                    "7:5: error: unknown key `timeout`; `timeout` belongs under `cache`",
                ]),
            Mistake(
                "the cache at the top", "routes:", "cache: {timeout: 1m}\nroutes:",
                ["3:1: error: unknown key `cache`; use `cache` in a route or `store`"]),
            Mistake(
                "listen at the top", before: "listen: 127.0.0.1:8080",
                ["1:1: error: unknown key `listen`; `listen` belongs under `server` or under `admin`"]),
            Mistake(
                "redis at the top", before: "redis: redis://127.0.0.1",
                ["1:1: error: unknown key `redis`; `redis` belongs under `store`"]),
            Mistake(
                "a lifetime at the top", before: "timeout: 1m",
                [
                    "1:1: error: unknown key `timeout`; `timeout` belongs under `store`, under `check` of an upstream or under `cache` of a route"
                ]),
            Mistake(
                "a limit below server", before: "server: {backlog: 10}",
                ["1:10: error: unknown key `backlog`; `backlog` belongs under `limits`"]),
            Mistake(
                "an upstream in the cache", "timeout: 1m", "upstream: shop",
                ["6:13: error: unknown key `upstream`; `upstream` belongs in the route itself"]),
            Mistake(
                "a host in the cache", "timeout: 1m", "host: a.example",
                ["6:13: error: unknown key `host`; `host` belongs in the route itself"]),
            Mistake(
                "a server on the route", "    upstream: shop", "    upstream: shop\n    connect_timeout: 1s",
                ["6:5: error: unknown key `connect_timeout`; use `connect` under `timeouts`"]),
            Mistake(
                "a health check on the route", "    upstream: shop", "    upstream: shop\n    check: /healthz",
                ["6:5: error: unknown key `check`; `check` belongs in an upstream"]),
            Mistake(
                "the interval of a check beside it", "http://127.0.0.1:7000",
                "{servers: \"http://127.0.0.1:7000\", interval: 1s}",
                ["2:44: error: unknown key `interval`; `interval` belongs under `check`"]),
            Mistake(
                "the log level in server", before: "server: {level: debug}",
                ["1:10: error: unknown key `level`; `level` belongs under `log`"]),
            Mistake(
                "where a store key is elsewhere", before: "store: {key: x}",
                ["1:9: error: unknown key `key`; `key` belongs under `cache` of a route"]),
        ])
    func levels(_ mistake: Mistake) { check(mistake) }

    @Test(
        "words of other products",
        arguments: [
            Mistake("ttl in the cache", "timeout: 1m", "ttl: 1m", ["6:13: error: unknown key `ttl`; use `timeout`"]),
            Mistake(
                "valid in the cache", "timeout: 1m", "valid: 1m", ["6:13: error: unknown key `valid`; use `timeout`"]),
            Mistake(
                "max_age in the cache", "timeout: 1m", "max_age: 60",
                ["6:13: error: unknown key `max_age`; use `timeout`"]),
            Mistake(
                "max-age in the cache", "timeout: 1m", "max-age: 60",
                ["6:13: error: unknown key `max-age`; use `timeout`"]),
            Mistake(
                "expires in the cache", "timeout: 1m", "expires: 1m",
                ["6:13: error: unknown key `expires`; use `timeout`"]),
            Mistake(
                "default_ttl in the cache", "timeout: 1m", "default_ttl: 1m",
                ["6:13: error: unknown key `default_ttl`; use `timeout`"]),
            Mistake(
                "proxy_cache_valid in the cache", "timeout: 1m", "proxy_cache_valid: 1m",
                ["6:13: error: unknown key `proxy_cache_valid`; use `timeout`"]),
            Mistake(
                "grace in the cache", "timeout: 1m", "grace: 1h",
                ["6:13: error: unknown key `grace`; use `stale_while_revalidate`"]),
            Mistake(
                "lock in the cache", "timeout: 1m", "lock: on", ["6:13: error: unknown key `lock`; use `collapse`"]),
            Mistake(
                "proxy_cache_key in the cache", "timeout: 1m", "proxy_cache_key: x",
                ["6:13: error: unknown key `proxy_cache_key`; use `key`"]),
            Mistake(
                "proxy_cache_use_stale in the cache", "timeout: 1m", "proxy_cache_use_stale: error",
                ["6:13: error: unknown key `proxy_cache_use_stale`; use `stale_if_error`"]),
            Mistake(
                "status in the cache", "timeout: 1m", "status: {404: 1s}",
                ["6:13: error: unknown key `status`; use `statuses`"]),
            Mistake(
                "types in the cache", "timeout: 1m", "types: [a/b]",
                ["6:13: error: unknown key `types`; use `content_types`"]),
            Mistake(
                "enabled in the cache", "timeout: 1m", "enabled: on",
                ["6:13: error: unknown key `enabled`; `cache: on` caches with all defaults"]),
            Mistake(
                "location on the route", "    upstream: shop", "    upstream: shop\n    location: /x",
                ["6:5: error: unknown key `location`; use `path`"]),
            Mistake(
                "proxy_pass on the route", "    upstream: shop", "    upstream: shop\n    proxy_pass: http://a",
                ["6:5: error: unknown key `proxy_pass`; use `upstream`"]),
            Mistake(
                "reverse_proxy on the route", "    upstream: shop", "    upstream: shop\n    reverse_proxy: a",
                ["6:5: error: unknown key `reverse_proxy`; use `upstream`"]),
            Mistake(
                "regex on the route", "    upstream: shop", "    upstream: shop\n    regex: ^/x",
                [
                    "6:5: error: unknown key `regex`; paths are not regular expressions: use {name} for one segment, and {name...} at the end for the rest"
                ]),
            Mistake(
                "server_name on the route", "    upstream: shop", "    upstream: shop\n    server_name: a.example",
                ["6:5: error: unknown key `server_name`; use `host`"]),
            Mistake(
                "domain on the route", "    upstream: shop", "    upstream: shop\n    domain: a.example",
                ["6:5: error: unknown key `domain`; use `host`"]),
            Mistake(
                "ttl on the route", "    upstream: shop", "    upstream: shop\n    ttl: 1m",
                ["6:5: error: unknown key `ttl`; use `timeout` under `cache`"]),
            Mistake(
                "websocket on the route", "    upstream: shop", "    upstream: shop\n    websocket: on",
                ["6:5: error: unknown key `websocket`; use `upgrade`"]),
            Mistake(
                "gzip on the route", "    upstream: shop", "    upstream: shop\n    gzip: on",
                ["6:5: error: unknown key `gzip`; use `compress`"]),
            Mistake(
                "encode on the route", "    upstream: shop", "    upstream: shop\n    encode: [zstd, gzip]",
                ["6:5: error: unknown key `encode`; use `compress`"]),
            Mistake(
                "brotli on the route", "    upstream: shop", "    upstream: shop\n    brotli: on",
                ["6:5: error: unknown key `brotli`; use `compress`"]),
            Mistake(
                "compress under cache", "cache: {timeout: 1m}", "cache: {timeout: 1m, compress: on}",
                ["6:26: error: unknown key `compress`; `compress` belongs in the route itself"]),
            Mistake(
                "nginx's gzip_types", "    upstream: shop", "    upstream: shop\n    gzip_types: [text/css]",
                ["6:5: error: unknown key `gzip_types`; use `types` under `compress`"]),
            Mistake(
                "middlewares on the route", "    upstream: shop", "    upstream: shop\n    middlewares: []",
                ["6:5: error: unknown key `middlewares`; Larder has no plug-ins"]),
            Mistake(
                "rate_limit on the route", "    upstream: shop", "    upstream: shop\n    rate_limit: 10",
                [
                    "6:5: error: unknown key `rate_limit`; Larder doesn't do this: leave it to the API or to a proxy in front"
                ]),
            Mistake(
                "cors on the route", "    upstream: shop", "    upstream: shop\n    cors: on",
                ["6:5: error: unknown key `cors`; Larder doesn't do this: leave it to the API or to a proxy in front"]),
            Mistake(
                "backend on the route", "    upstream: shop", "    upstream: shop\n    backend: a",
                ["6:5: error: unknown key `backend`; use `upstream`"]),
            Mistake(
                "service on the route", "    upstream: shop", "    upstream: shop\n    service: a",
                ["6:5: error: unknown key `service`; use `upstream`"]),
            Mistake(
                "port in server", before: "server: {port: 8080}", ["1:10: error: unknown key `port`; use `listen`"]),
            Mistake("bind in server", before: "server: {bind: x}", ["1:10: error: unknown key `bind`; use `listen`"]),
            Mistake(
                "threads in server", before: "server: {threads: 4}",
                ["1:10: error: unknown key `threads`; use `workers`"]),
            Mistake(
                "worker_processes in server", before: "server: {worker_processes: 4}",
                ["1:10: error: unknown key `worker_processes`; use `workers`"]),
            Mistake(
                "grace_period in server", before: "server: {grace_period: 1s}",
                ["1:10: error: unknown key `grace_period`; use `drain`"]),
            Mistake(
                "client_max_body_size in server", before: "server: {client_max_body_size: 1MB}",
                ["1:10: error: unknown key `client_max_body_size`; use `body` under `limits`"]),
            Mistake(
                "backends at the top", before: "backends: {}", ["1:1: error: unknown key `backends`; use `upstreams`"]),
            Mistake(
                "services at the top", before: "services: {}", ["1:1: error: unknown key `services`; use `upstreams`"]),
            Mistake(
                "locations at the top", before: "locations: []", ["1:1: error: unknown key `locations`; use `routes`"]),
            Mistake("logging at the top", before: "logging: {}", ["1:1: error: unknown key `logging`; use `log`"]),
            Mistake("metrics at the top", before: "metrics: {}", ["1:1: error: unknown key `metrics`; use `admin`"]),
            Mistake(
                "version at the top", before: "version: 3",
                ["1:1: error: unknown key `version`; the file has no version: remove the line"]),
            Mistake("type in store", before: "store: {type: redis}", ["1:9: error: unknown key `type`; use `backend`"]),
            Mistake("url in store", before: "store: {url: x}", ["1:9: error: unknown key `url`; use `redis`"]),
            Mistake(
                "max_size in store", before: "store: {max_size: 1GiB}",
                ["1:9: error: unknown key `max_size`; use `memory`"]),
            Mistake(
                "path in store", before: "store: {path: /var/cache}",
                ["1:9: error: unknown key `path`; Larder stores in memory or Redis, not on disk"]),
            Mistake(
                "ttl in store", before: "store: {ttl: 1m}",
                ["1:9: error: unknown key `ttl`; use `timeout` under `cache` of a route"]),
            Mistake(
                "password in store", before: "store: {password: x}", ["1:9: error: unknown key `password`; use `redis`"]
            ),
            Mistake(
                "url of an upstream", "http://127.0.0.1:7000", "{servers: \"http://127.0.0.1:7000\", url: http://a}",
                ["2:44: error: unknown key `url`; use `servers`"]),
            Mistake(
                "hosts of an upstream", "http://127.0.0.1:7000", "{servers: \"http://127.0.0.1:7000\", hosts: [a]}",
                ["2:44: error: unknown key `hosts`; use `servers`"]),
            Mistake(
                "lb_policy of an upstream", "http://127.0.0.1:7000",
                "{servers: \"http://127.0.0.1:7000\", lb_policy: x}",
                ["2:44: error: unknown key `lb_policy`; use `balance`"]),
            Mistake(
                "health_check of an upstream", "http://127.0.0.1:7000",
                "{servers: \"http://127.0.0.1:7000\", health_check: /h}",
                ["2:44: error: unknown key `health_check`; use `check`"]),
            Mistake(
                "timeout of an upstream", "http://127.0.0.1:7000", "{servers: \"http://127.0.0.1:7000\", timeout: 1s}",
                [
                    "2:44: error: unknown key `timeout`; use `connect_timeout`, `first_byte_timeout` or `between_bytes_timeout`"
                ]),
            Mistake(
                "max_fails of an upstream", "http://127.0.0.1:7000",
                "{servers: \"http://127.0.0.1:7000\", max_fails: 3}",
                ["2:44: error: unknown key `max_fails`; use `fall` under `check`"]),
            Mistake(
                "max_conns of an upstream", "http://127.0.0.1:7000",
                "{servers: \"http://127.0.0.1:7000\", max_conns: 9}",
                ["2:44: error: unknown key `max_conns`; use `max_connections`"]),
            Mistake("file in log", before: "log: {file: /x}", ["1:7: error: unknown key `file`; use `to`"]),
            Mistake("format in log", before: "log: {format: json}", ["1:7: error: unknown key `format`; use `access`"]),
            Mistake(
                "max_connections in limits", before: "limits: {max_connections: 9}",
                ["1:10: error: unknown key `max_connections`; use `clients`"]),
        ])
    func words(_ mistake: Mistake) { check(mistake) }

    @Test(
        "layout",
        arguments: [
            Mistake(
                "a key with a space too few", "    upstream: shop", "   upstream: shop",
                [
                    "5:4: error: invalid YAML: wrong indentation: 3 spaces here, but 4 spaces before `path` on line 4; use the same indentation"
                ]),
            Mistake(
                "a key with a space too many", "    upstream: shop", "     upstream: shop",
                [
                    "5:6: error: invalid YAML: wrong indentation: 5 spaces here, but 4 spaces before `path` on line 4; use the same indentation"
                ]),
            Mistake(
                "a key on the level of its list", "    upstream: shop", "  upstream: shop",
                [
                    "5:3: error: invalid YAML: wrong indentation: 2 spaces here, but 4 spaces before `path` on line 4; use the same indentation"
                ]),
            Mistake(
                "a section that is indented", file: "upstreams:\n    shop: http://127.0.0.1:7000\n  routes: []\n",
                [
                    "3:3: error: invalid YAML: wrong indentation: 2 spaces here, but 4 spaces before `shop` on line 2; use the same indentation"
                ]),
            Mistake(
                "an upstream that is indented less",
                file: "upstreams:\n  server:\n    servers: http://127.0.0.1:7000\n   check: /h\n",
                [
                    "4:4: error: invalid YAML: wrong indentation: 3 spaces here, but 4 spaces before `servers` on line 3; use the same indentation"
                ]),
            Mistake(
                "a tab before a key", "    upstream: shop", "\tupstream: shop",
                ["5:1: error: invalid YAML: a tab in the indentation; indent with spaces, not tabs"]),
            Mistake("a tab after a colon", "shop: http://127.0.0.1:7000", "shop:\thttp://127.0.0.1:7000"),
            Mistake(
                "no space after a colon", "upstream: shop", "upstream:shop",
                ["5:14: error: invalid YAML: no space after the colon; write upstream: shop"]),
            Mistake(
                "no space after the colon of an upstream", "shop: http://127.0.0.1:7000", "shop:http://127.0.0.1:7000",
                ["2:3: error: expected a mapping, found text; add a space after the colon: shop: http://127.0.0.1:7000"]
            ),
            Mistake(
                "no space after the colon, in the line that follows", "cache: {timeout: 1m}",
                "cache: {timeout: 1m}\n    upgrade:on",
                ["7:13: error: invalid YAML: no space after the colon; write upgrade: on"]),
            Mistake(
                "a no-break space in the indentation", "    upstream: shop", "\u{a0}\u{a0}\u{a0}\u{a0}upstream: shop",
                ["5:1: error: invalid YAML: a no-break space in the indentation; use ordinary spaces"]),
            Mistake(
                "a no-break space after a colon", "upstream: shop", "upstream:\u{a0}shop",
                ["5:14: error: invalid YAML: a no-break space after the colon; use an ordinary space"]),
            Mistake(
                "a no-break space in a value", "{timeout: 1m}", "{timeout: 1m\u{a0}}",
                ["6:22: error: invalid duration `1m\u{a0}`; the value contains a no-break space: use ordinary spaces"]),
            Mistake(
                "a line that goes on with the one before", "    upstream: shop", "    upstream: shop\n      and more",
                [
                    "5:15: error: unknown upstream `shop and more`; known upstreams: shop",
                    "6:1: warning: this line continues the value of line 5; a new key needs `: ` after it and the same indentation as its neighbours",
                ]),
            Mistake(
                "a brace that is not closed", "{timeout: 1m}", "{timeout: 1m",
                ["6:12: error: invalid YAML: the bracket { is not closed; add } where the value ends"]),
            Mistake(
                "a brace that is not closed, and more below", "shop: http://127.0.0.1:7000",
                "shop: {servers: http://127.0.0.1:7000",
                ["2:9: error: invalid YAML: the bracket { is not closed; add } where the value ends"]),
            Mistake(
                "a bracket that is not closed", "shop: http://127.0.0.1:7000",
                "shop: {servers: [\"http://127.0.0.1:7000\"}",
                ["2:19: error: invalid YAML: the bracket [ is not closed; add ] where the value ends"]),
            Mistake(
                "a quote that is not closed", "path: /items/{id}", "path: \"/items/{id}",
                ["4:11: error: invalid YAML: the quote \" is not closed; add \" where the value ends"]),
            Mistake(
                "a single quote that is not closed", "upstream: shop", "upstream: 'shop",
                ["5:15: error: invalid YAML: the quote ' is not closed; add ' where the value ends"]),
            Mistake(
                "a value that starts with a brace", "path: /items/{id}", "path: {id}/items",
                ["4:11: error: invalid YAML: a value that starts with { needs quotes; write \"{id}/items\""]),
            Mistake(
                "a key template without quotes", "{timeout: 1m}", "\n      key: {method}:{path}",
                ["7:12: error: invalid YAML: a value that starts with { needs quotes; write \"{method}:{path}\""]),
            Mistake(
                "an address of IPv6 without quotes", "upstreams:", "server:\n  listen: [::1]:8080\nupstreams:",
                ["2:11: error: invalid YAML: a value that starts with [ needs quotes; write \"[::1]:8080\""]),
            Mistake(
                "a host that starts with a star", "    upstream: shop", "    upstream: shop\n    host: *.example.com",
                ["6:11: error: invalid YAML: a value that starts with * needs quotes; write \"*.example.com\""]),
            Mistake(
                "routes as a mapping",
                file: "upstreams: {shop: \"http://127.0.0.1:7000\"}\nroutes:\n  path: /\n  upstream: shop\n",
                ["3:3: error: expected a list of routes, found a mapping; start each with `- path: …`"]),
            Mistake(
                "a brace too many", "{timeout: 1m}", "{timeout: 1m}}",
                ["6:25: error: invalid YAML: the bracket } closes nothing; remove it"]),
            Mistake(
                "a quote within quotes", "{timeout: 1m}",
                "{key: a}\n  - path: /other\n    host: 'it's'\n    upstream: shop",
                ["8:15: error: invalid YAML: text after the closing quote; write '' for a quote within quotes"]),
            Mistake(
                "two keys on a line", "{timeout: 1m}", "timeout: 5m",
                [
                    "6:12: error: invalid YAML: a second key on the line of `cache`; put it on a line of its own, or write cache: {timeout: 5m}"
                ]),
            Mistake(
                "a colon and a space in a value", "path: /items/{id}", "path: /items: all",
                [
                    "4:11: error: invalid YAML: a value with a colon and a space in it needs quotes; write \"/items: all\""
                ]),
            Mistake(
                "an equals sign", "    upstream: shop", "    upstream = shop",
                ["5:14: error: invalid YAML: an equals sign where a colon belongs; write upstream: shop"]),
            Mistake(
                "no space after a dash", "  - path: /items/{id}", "  -path: /items/{id}",
                ["4:4: error: invalid YAML: no space after the dash; write - path: /items/{id}"]),
            Mistake(
                "TOML", file: "[server]\nlisten = \"127.0.0.1:8080\"\n",
                ["2:8: error: invalid YAML: an equals sign where a colon belongs; write listen: \"127.0.0.1:8080\""]),
            Mistake(
                "upstreams as a list", "  shop: http://127.0.0.1:7000", "  - shop: http://127.0.0.1:7000",
                [
                    "2:3: error: expected upstreams by name, found a list; remove the dashes: each line is NAME: http://127.0.0.1:9000"
                ]),
            Mistake(
                "two documents",
                file:
                    "upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n---\nupstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n",
                ["7:1: error: a second YAML document starts here; only one is allowed"]),
            Mistake(
                "the file of another server", file: "server { location / { proxy_pass http://127.0.0.1:7000; } }\n",
                [
                    "1:1: error: expected keys such as `upstreams:` and `routes:`, found text; the file is YAML: upstreams: {api: http://127.0.0.1:9000}"
                ]),
            Mistake(
                "a Caddyfile", file: "example.com\nreverse_proxy 127.0.0.1:7000\n",
                [
                    "1:1: error: expected keys such as `upstreams:` and `routes:`, found text; the file is YAML: upstreams: {api: http://127.0.0.1:9000}"
                ]),
            Mistake(
                "control characters",
                file:
                    "upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n\u{1}\n",
                ["7:1: error: invalid YAML: control characters are not allowed"]),
            Mistake(
                "nothing", file: "",
                [
                    "1:1: error: `routes` is missing, so nothing would be served; add a route: - {path: \"/{rest...}\", upstream: NAME}"
                ]),
            Mistake(
                "comments only", file: "# to do\n",
                [
                    "1:1: error: `routes` is missing, so nothing would be served; add a route: - {path: \"/{rest...}\", upstream: NAME}"
                ]),
            Mistake(
                "lines that end as on Windows",
                file:
                    "upstreams:\r\n  shop: http://127.0.0.1:7000\r\nroutes:\r\n  - path: /items/{id}\r\n    upstream: shop\r\n    cache: {timeout: 1m}\r\n"
            ),
            Mistake(
                "a byte order mark",
                file:
                    "\u{feff}upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n"
            ),
            Mistake(
                "JSON",
                file:
                    "{\"upstreams\": {\"shop\": \"http://127.0.0.1:7000\"}, \"routes\": [{\"path\": \"/\", \"upstream\": \"shop\"}]}\n"
            ),
            Mistake("a list at the top", file: "- path: /\n", ["1:1: error: expected a mapping, found a list"]),
            Mistake(
                "nested too deep",
                file: "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
                ["1:33: error: values are nested more than 32 levels deep"]),
        ])
    func layout(_ mistake: Mistake) { check(mistake) }

    @Test(
        "values",
        arguments: [
            Mistake("a lifetime of 5min", "1m", "5min", ["6:22: error: invalid duration `5min`; write 5m"]),
            Mistake(
                "a lifetime of 90 seconds", "1m", "90 seconds",
                ["6:22: error: invalid duration `90 seconds`; write 1m30s"]),
            Mistake("a lifetime of 1.5h", "1m", "1.5h", ["6:22: error: invalid duration `1.5h`; write 1h30m"]),
            Mistake("a lifetime of 5M", "1m", "5M", ["6:22: error: invalid duration `5M`; write 5m"]),
            Mistake(
                "a lifetime of -5m", "1m", "-5m",
                ["6:22: error: invalid duration `-5m`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"]),
            Mistake(
                "a lifetime of 99999d", "1m", "99999d", ["6:22: error: `99999d` is too long; the maximum is 3650d"]),
            Mistake(
                "a lifetime of soon", "1m", "soon",
                ["6:22: error: invalid duration `soon`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"]),
            Mistake(
                "a lifetime of \"1m 30s\"", "1m", "\"1m 30s\"",
                ["6:22: error: invalid duration `1m 30s`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"]),
            Mistake(
                "a size of 128mb", before: "store: {memory: 128mb}", ["1:17: error: invalid size `128mb`; write 128MB"]),
            Mistake(
                "a size of 128M", before: "store: {memory: 128M}", ["1:17: error: invalid size `128M`; write 128MiB"]),
            Mistake(
                "a size of lots", before: "store: {memory: lots}",
                ["1:17: error: invalid size `lots`; use 64KiB, 256MiB, 1GB or a whole number of bytes"]),
            Mistake(
                "a share of 10", "timeout: 1m", "heuristic: 10", ["6:24: error: invalid percentage `10`; write 10%"]),
            Mistake(
                "a share of 0.1", "timeout: 1m", "heuristic: 0.1", ["6:24: error: invalid percentage `0.1`; write 10%"]),
            Mistake(
                "a share of half", "timeout: 1m", "heuristic: half",
                ["6:24: error: invalid percentage `half`; use a whole number such as 10%, or off"]),
            Mistake(
                "yes for on", "    upstream: shop", "    upstream: shop\n    upgrade: yes",
                ["6:14: error: expected on or off, found `yes`; write on"]),
            Mistake("true for on", "    upstream: shop", "    upstream: shop\n    upgrade: true"),
            Mistake(
                "on in quotes", "    upstream: shop", "    upstream: shop\n    upgrade: \"on\"",
                ["6:14: error: expected on or off, found quoted text; remove the quotes"]),
            Mistake(
                "a number that is none", before: "limits: {clients: \"many\"}",
                ["1:19: error: `many` is not a whole number"]),
            Mistake(
                "a number in quotes", before: "limits: {clients: \"100\"}",
                ["1:19: error: expected a whole number, found quoted text; remove the quotes"]),
            Mistake(
                "a word where another is allowed", before: "store: {backend: file}",
                ["1:18: error: invalid value `file` for `backend`; allowed: memory, redis, tiered or none"]),
            Mistake(
                "nearly a word that is allowed", "timeout: 1m", "timeout: 1m, mode: forced",
                ["6:32: error: invalid value `forced` for `mode`; did you mean `force`? Allowed: standard or force"]),
            Mistake(
                "a variable that is not set", "127.0.0.1:7000", "${SHOP}:7000",
                ["2:9: error: environment variable `SHOP` is not set; set it in Larder's environment"]),
            Mistake("a variable with a default", "127.0.0.1:7000", "${SHOP:-127.0.0.1}:7000"),
            Mistake(
                "a variable without braces", ":7000", ":$PORT",
                ["2:9: error: port must be 1–65535; write ${PORT} for an environment variable"]),
            Mistake(
                "a variable with a shell's operator", "127.0.0.1", "${SHOP:?}",
                [
                    "2:9: error: invalid variable name in `${SHOP:?}`; write ${NAME}, ${NAME:-default}, or $${ for a literal ${"
                ]),
            Mistake(
                "a port as an address", before: "server: {listen: 8080}",
                ["1:18: error: `8080` has no address; write 127.0.0.1:8080, or 0.0.0.0:8080 for all IPv4 addresses"]),
            Mistake(
                "a colon and a port", before: "server: {listen: \":8080\"}",
                ["1:18: error: `:8080` has no address; write 127.0.0.1:8080, or 0.0.0.0:8080 for all IPv4 addresses"]),
            Mistake(
                "a star as an address", before: "server: {listen: \"*:8080\"}",
                [
                    "1:18: error: `*` is not an IP address; write 0.0.0.0:8080 for all IPv4 addresses, \"[::]:8080\" for all IPv6 addresses, or both"
                ]),
            Mistake(
                "a name as an address", before: "server: {listen: \"shop.example:8080\"}",
                [
                    "1:18: error: `shop.example` is not an IP address; listeners take addresses, not names: 127.0.0.1, 0.0.0.0, [::1] or [::]"
                ]),
            Mistake("localhost as an address", before: "server: {listen: \"localhost:8080\"}"),
            Mistake(
                "a URL as an address", before: "server: {listen: \"http://127.0.0.1:8080\"}",
                [
                    "1:18: error: expected an address, found the URL `http://127.0.0.1:8080`; write 127.0.0.1:8080, [::]:8080 or unix:/run/larder/http.sock"
                ]),
            Mistake(
                "the address of the admin listener", before: "server: {listen: \"127.0.0.1:8081\"}",
                [
                    "1:18: error: `127.0.0.1:8081` is the default address of the admin listener; change `admin.listen` or set it to off"
                ]),
            Mistake(
                "an admin listener for everybody", before: "admin: {listen: \"0.0.0.0:8081\"}",
                [
                    "1:17: error: `0.0.0.0:8081` can be reached from other machines and has no token; set `admin.token` or `admin.token_file`, or listen on 127.0.0.1 or a unix socket"
                ]),
            Mistake(
                "no workers", before: "server: {workers: 0}",
                ["1:19: error: invalid number of workers `0`; use auto or 1–1024"]),
            Mistake(
                "a thousand thousands of workers", before: "server: {workers: 1000000}",
                ["1:19: error: invalid number of workers `1000000`; use auto or 1–1024"]),
            Mistake(
                "a name as a trusted proxy", before: "server: {trusted_proxies: [balancer.example]}",
                [
                    "1:28: error: `balancer.example` is not an IP address or range; write 10.0.0.1, 10.0.0.0/8 or fd00::/8"
                ]),
            Mistake(
                "a range that is too narrow", before: "server: {trusted_proxies: [10.0.0.0/40]}",
                ["1:28: error: invalid prefix length in `10.0.0.0/40`; allowed: 0–32"]),
            Mistake(
                "Redis without its URL", before: "store: {backend: tiered}",
                ["1:18: error: the backend `tiered` needs a Redis server; add redis: redis://127.0.0.1:6379/0"]),
            Mistake(
                "Redis as host and port", before: "store: {backend: redis, redis: 127.0.0.1:6379}",
                [
                    "1:32: error: the Redis URL has an unknown scheme; write redis://127.0.0.1:6379/0, rediss:// for TLS, or unix:///run/redis/redis-server.sock"
                ]),
            Mistake(
                "Redis that is not used", before: "store: {redis: \"redis://127.0.0.1:6379/0\"}",
                [
                    "1:16: warning: `redis` has no effect with `backend: memory`; set `backend` to redis or tiered, or remove the key"
                ]),
            Mistake(
                "memory that is not used",
                before: "store: {backend: redis, redis: \"redis://127.0.0.1\", memory: 1GiB}",
                [
                    "1:61: warning: `memory` has no effect with `backend: redis`; set `backend` to memory or tiered, or remove the key"
                ]),
        ])
    func values(_ mistake: Mistake) { check(mistake) }

    @Test(
        "upstreams",
        arguments: [
            Mistake(
                "without a scheme", "http://127.0.0.1:7000", "127.0.0.1:7000",
                ["2:9: error: `127.0.0.1:7000` has no scheme; write http://127.0.0.1:7000"]),
            Mistake(
                "a name and a port", "http://127.0.0.1:7000", "localhost:7000",
                ["2:9: error: `localhost:7000` has no scheme; write http://localhost:7000"]),
            Mistake("with a slash at the end", "http://127.0.0.1:7000", "http://127.0.0.1:7000/"),
            Mistake("with a port that is none", "7000", "77777", ["2:9: error: port must be 1–65535"]),
            Mistake("a list", "http://127.0.0.1:7000", "[http://127.0.0.1:7000, http://127.0.0.1:7001]"),
            Mistake(
                "a list with one twice", "http://127.0.0.1:7000", "[http://127.0.0.1:7000, http://127.0.0.1:7000]",
                ["2:33: error: the server `http://127.0.0.1:7000` is listed twice; first on line 2"]),
            Mistake("an empty list", "http://127.0.0.1:7000", "[]", ["2:9: error: the upstream `shop` has no servers"]),
            Mistake(
                "no value", " http://127.0.0.1:7000", "",
                ["2:8: error: the upstream `shop` has no `servers`; add servers: [http://127.0.0.1:9000]"]),
            Mistake(
                "one that no route uses", "http://127.0.0.1:7000",
                "http://127.0.0.1:7000\n  spare: http://127.0.0.1:7001",
                ["3:3: warning: no route uses the upstream `spare`; add a route, or remove it"]),
            Mistake(
                "a name with a typo", "upstream: shop", "upstream: shpo",
                ["5:15: error: unknown upstream `shpo`; did you mean `shop`?"]),
            Mistake(
                "a URL", "upstream: shop", "upstream: http://127.0.0.1:7000",
                [
                    "5:15: error: `http://127.0.0.1:7000` is not the name of an upstream; add upstreams: {api: http://127.0.0.1:7000}, and write upstream: api"
                ]),
            Mistake(
                "a name that is near to none", "upstream: shop", "upstream: orders",
                ["5:15: error: unknown upstream `orders`; known upstreams: shop"]),
            Mistake(
                "none at all", "upstreams:\n  shop: http://127.0.0.1:7000\n", "",
                ["3:15: error: unknown upstream `shop`; add upstreams: {shop: http://127.0.0.1:9000}"]),
            Mistake(
                "a route without one", "    upstream: shop\n", "",
                [
                    "4:5: error: the route has no `upstream`; name an entry of `upstreams`, or use `respond` or `redirect`"
                ]),
        ])
    func upstreams(_ mistake: Mistake) { check(mistake) }

    @Test(
        "routes",
        arguments: [
            Mistake(
                "a star at the end", "/items/{id}", "/items/*",
                [
                    "4:11: warning: * is an ordinary character in a path, so `/items/*` matches only itself; write /items/{rest...}"
                ]),
            Mistake(
                "two stars", "/items/{id}", "/**",
                ["4:11: warning: * is an ordinary character in a path, so `/**` matches only itself; write /{rest...}"]),
            Mistake(
                "a star between", "/items/{id}", "/*/items",
                [
                    "4:11: warning: * is an ordinary character in a path, so `/*/items` matches only itself; write /{name}/items"
                ]),
            Mistake(
                "a star in a name", "/items/{id}", "/items*",
                [
                    "4:11: warning: * is an ordinary character in a path, so `/items*` matches only itself; write /items/{rest...}"
                ]),
            Mistake(
                "a colon before a name", "/items/{id}", "/items/:id",
                ["4:11: warning: `:id` is literal text in a path; write /items/{id}"]),
            Mistake("a colon within a segment", "/items/{id}", "/items:batch"),
            Mistake(
                "angle brackets", "/items/{id}", "/items/<int:id>",
                ["4:11: warning: `<int:id>` is literal text in a path; write /items/{id}"]),
            Mistake(
                "a parameter with a pattern", "/items/{id}", "\"/items/{id:[0-9]+}\"",
                ["4:11: error: parameters have no types or patterns: `{id:[0-9]+}`; write /items/{id}"]),
            Mistake(
                "a parameter with a type", "/items/{id}", "\"/items/{id:int}\"",
                ["4:11: error: parameters have no types or patterns: `{id:int}`; write /items/{id}"]),
            Mistake(
                "a rest as in Starlette", "/items/{id}", "\"/files/{name:path}\"",
                ["4:11: error: `{name:path}` is not valid: the rest of a path is {name...}; write /files/{name...}"]),
            Mistake(
                "a rest as in Go", "/items/{id}", "/files/{name*}",
                ["4:11: error: `{name*}` is not valid: the rest of a path is {name...}; write /files/{name...}"]),
            Mistake(
                "a regular expression", "/items/{id}", "^/items/[0-9]+$",
                [
                    "4:11: error: the path `^/items/[0-9]+$` looks like a regular expression; use {name} for one segment, and {name...} at the end for the rest"
                ]),
            Mistake(
                "a regular expression with a slash before it", "/items/{id}", "/items/\\d+",
                [
                    "4:11: warning: the path `/items/\\d+` looks like a regular expression; use {name} for one segment, and {name...} at the end for the rest"
                ]),
            Mistake("dollars that are no regular expression", "/items/{id}", "/$metadata"),
            Mistake(
                "no slash", "/items/{id}", "items/{id}",
                ["4:11: error: the path `items/{id}` must start with a slash; write `/items/{id}`"]),
            Mistake(
                "a rest that is not the last", "/items/{id}", "/a/{rest...}/b",
                [
                    "4:11: error: `{rest...}` matches the rest of the path, so it must be the last segment; move it to the end, or write {rest} for one segment"
                ]),
            Mistake(
                "typographic quotes", "/items/{id}", "“/items/{id}”",
                [
                    "4:11: error: the path `“/items/{id}”` must start with a slash; “ is a typographic quote: write \" or leave the quotes out"
                ]),
            Mistake(
                "a brace without quotes", "/items/{id}", "{id}",
                ["4:11: error: expected text, found a mapping; a value that starts with { needs quotes: path: \"{…}\""]),
            Mistake(
                "no path", "path: /items/{id}", "host: a.example",
                ["4:5: error: the route has no `path`; path: /{rest...} matches every path"]),
            Mistake(
                "a host with a port", "    upstream: shop", "    upstream: shop\n    host: a.example:8080",
                [
                    "6:11: error: the host `a.example:8080` has a port; hosts are matched without their port: write a.example"
                ]),
            Mistake(
                "a URL for a host", "    upstream: shop", "    upstream: shop\n    host: https://a.example/x",
                ["6:11: error: expected a host, found the URL `https://a.example/x`; write a.example"]),
            Mistake(
                "a host that is any", "    upstream: shop", "    upstream: shop\n    host: \"*\"",
                ["6:11: error: the host `*` matches any host; remove `host`"]),
            Mistake(
                "the same route twice",
                file:
                    "upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n  - path: /items/{number}\n    upstream: shop\n",
                ["7:11: error: this route matches the same requests as the one on line 4; change `path` or `host`"]),
            Mistake(
                "a route that a host hides",
                file:
                    "upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n  - {path: \"/{rest...}\", host: a.example, upstream: shop}\n",
                [
                    "4:11: warning: requests for the host `a.example` go to the route on line 7 instead, because a host takes precedence over a path; add a route with this path for that host"
                ]),
            Mistake(
                "a host beside the rest",
                file:
                    "upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: {timeout: 1m}\n  - {path: \"/items/{id}\", host: a.example, upstream: shop}\n"
            ),
        ])
    func routes(_ mistake: Mistake) { check(mistake) }

    @Test(
        "caches",
        arguments: [
            Mistake("on", "{timeout: 1m}", "on"),
            Mistake("true", "{timeout: 1m}", "true"),
            Mistake("off", "{timeout: 1m}", "off"),
            Mistake("a duration", "{timeout: 1m}", "5m"),
            Mistake(
                "a word", "{timeout: 1m}", "yes",
                ["6:12: error: expected keys, a duration, on or off, found `yes`; write cache: {timeout: 5m}"]),
            Mistake("zero", "{timeout: 1m}", "0", ["6:12: error: `timeout` can't be 0; write cache: off"]),
            Mistake("a list", "{timeout: 1m}", "[5m]", ["6:12: error: expected a mapping, found a list"]),
            Mistake(
                "nothing", " {timeout: 1m}", "",
                ["6:11: error: `cache` has no value; write {} to cache with all defaults, or remove the key"]),
            Mistake("one method", "timeout: 1m", "methods: GET"),
            Mistake(
                "methods in a text", "timeout: 1m", "methods: \"GET, HEAD\"",
                ["6:22: error: expected a list, found text; write [GET, HEAD]"]),
            Mistake(
                "a method in lower case", "timeout: 1m", "methods: [get]",
                ["6:23: error: unknown method `get`; methods are upper case: GET"]),
            Mistake(
                "a method that is not cached", "timeout: 1m", "methods: [GET, DELETE]",
                ["6:28: error: `DELETE` can't be cached; use GET, HEAD, POST or QUERY"]),
            Mistake(
                "POST", "timeout: 1m", "timeout: 1m, methods: [GET, POST]",
                [
                    "6:35: warning: POST is cached only where its response declares a lifetime; the route's own doesn't apply; add post: reads where POST only reads, as in a search, or remove POST"
                ]),
            Mistake("QUERY", "timeout: 1m", "timeout: 1m, methods: [GET, QUERY]"),
            Mistake(
                "a status that is none", "timeout: 1m", "statuses: {700: 1s}",
                ["6:24: error: invalid status `700`; statuses are 200–599"]),
            Mistake(
                "statuses in one entry", "timeout: 1m", "statuses: {200 302: 10m}",
                ["6:24: error: invalid status `200 302`; write an entry for each status"]),
            Mistake(
                "statuses as a list", "timeout: 1m", "statuses: [404, 1s]",
                ["6:23: error: expected statuses with durations, found a list; write {404: 10s, 5xx: 1s}"]),
            Mistake(
                "a parameter that is not in the path", "timeout: 1m", "key: \"item:{idd}\"",
                [
                    "6:18: error: `{idd}` is not a parameter of the path `/items/{id}`; did you mean {id}? Write {query.idd} for a query parameter, or {idd|default}"
                ]),
            Mistake(
                "a parameter of another name", "timeout: 1m", "key: \"item:{sku}\"",
                [
                    "6:18: error: `{sku}` is not a parameter of the path `/items/{id}`; write {query.sku} for a query parameter, or {sku|default}"
                ]),
            Mistake(
                "nearly a parameter, with a default", "timeout: 1m", "key: \"item:{ids|none}\"",
                [
                    "6:18: warning: `{ids|…}` is no path parameter, so it is a query parameter here; did you mean {id}? Otherwise write {query.ids|…}",
                    "6:18: warning: the key has no {host}, and this route serves every host, which share its entries; add {host} to the key, or give the route a `host`",
                ]),
            Mistake("a query parameter with a default", "timeout: 1m", "key: \"{host}:item:{page|1}\""),
            Mistake(
                "a key without the host", "timeout: 1m", "key: \"item:{id}\"",
                [
                    "6:18: warning: the key has no {host}, and this route serves every host, which share its entries; add {host} to the key, or give the route a `host`"
                ]),
            Mistake(
                "a piece of another name", "timeout: 1m", "key: \"{host}:{proto}\"",
                [
                    "6:18: error: `{proto}` is not a parameter of the path `/items/{id}`; write {query.proto} for a query parameter, or {proto|default}"
                ]),
            Mistake(
                "one key for two upstreams",
                file:
                    "upstreams: {shop: \"http://127.0.0.1:7000\", old: \"http://127.0.0.1:7001\"}\nroutes:\n  - {path: \"/v1/{id}\", host: a.example, upstream: old, cache: {key: \"item:{id}\"}}\n  - {path: \"/v2/{id}\", host: a.example, upstream: shop, cache: {key: \"item:{id}\"}}\n",
                [
                    "4:70: error: the key can be the same as that on line 3, whose upstream is `old`; begin each with a text of its own, or add {route} to both"
                ]),
            Mistake(
                "a brace of a template that is not closed", "timeout: 1m", "key: \"item:{id\"",
                ["6:18: error: the key template `item:{id` has an unclosed {"]),
            Mistake(
                "force with Authorization", "timeout: 1m", "timeout: 1m, mode: force, allow_authorization: on",
                [
                    "6:60: warning: with `mode: force`, the response to one client's Authorization is served to all; add {header.authorization} to `key`, or remove `allow_authorization`"
                ]),
            Mistake(
                "force with Authorization in the key", "timeout: 1m",
                "timeout: 1m, mode: force, allow_authorization: on, key: \"{host}{path}:{header.Authorization}\""),
            Mistake(
                "force with cookies", "timeout: 1m", "timeout: 1m, mode: force, allow_set_cookie: on",
                [
                    "6:57: warning: with `mode: force`, a cookie that was set for one client is sent to all; remove `allow_set_cookie` unless that cookie is the same for all"
                ]),
        ])
    func caches(_ mistake: Mistake) { check(mistake) }

    @Test(
        "YAML that is allowed",
        arguments: [
            Mistake(
                "anchors",
                file:
                    "x-cache: &short {timeout: 1m}\nupstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: *short\n"
            ),
            Mistake(
                "merged mappings",
                file:
                    "upstreams:\n  shop: http://127.0.0.1:7000\nroutes:\n  - path: /items/{id}\n    upstream: shop\n    cache: &c {timeout: 1m}\n  - path: /other\n    upstream: shop\n    cache: {<<: *c, mode: force}\n"
            ),
            Mistake(
                "a merged route",
                file:
                    "upstreams: {shop: \"http://127.0.0.1:7000\"}\nroutes:\n  - &first\n    path: /a\n    upstream: shop\n  - <<: *first\n    path: /b\n"
            ),
            Mistake(
                "a merged route without a path of its own",
                file:
                    "upstreams: {shop: \"http://127.0.0.1:7000\"}\nroutes:\n  - &first\n    path: /a\n    upstream: shop\n  - <<: *first\n",
                ["4:11: error: this route matches the same requests as the one on line 4; change `path` or `host`"]),
        ])
    func allowed(_ mistake: Mistake) { check(mistake) }

    /// The list of all keys that there are at a level is not part of the table.
    private func check(_ mistake: Mistake) {
        let found = findings(mistake.text).map { finding in
            finding.firstRange(of: "known keys: ").map { finding[..<$0.upperBound] + "…" } ?? finding
        }
        #expect(found == mistake.findings)
    }
}
