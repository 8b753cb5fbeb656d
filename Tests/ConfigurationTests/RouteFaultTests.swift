import Configuration
import Testing

/// A route at line 3, whose keys start at column 5.
private func route(_ keys: String, cache: String? = nil) -> String {
    let cached = cache.map { "\n    cache:\n      \($0.split(separator: "\n").joined(separator: "\n      "))" } ?? ""
    return
        "upstreams: {tasks: \"http://h\", users: \"http://h:1\"}\nroutes:\n  - \(keys.split(separator: "\n").joined(separator: "\n    "))\(cached)\n"
}

@Suite("Faults of upstreams and routes")
struct RouteFaultTests {
    @Test(
        "upstreams",
        arguments: [
            (
                "https://h/?x",
                "1:16: error: `https://h/?x` has a ? or #; an upstream's URL ends with its path: the query is the client's"
            ),
            ("https://:443", "1:16: error: `https://:443` is not https://host:port"),
            ("ftp://h", "1:16: error: unknown scheme `ftp`; use http://, https://, h2c:// or unix:"),
            ("h:9000", "1:16: error: `h:9000` has no scheme; write http://h:9000"),
            (
                "http://h/api?x",
                "1:16: error: `http://h/api?x` has a ? or #; an upstream's URL ends with its path: the query is the client's"
            ),
            ("http://h:0", "1:16: error: port must be 1–65535"),
            ("http://", "1:16: error: `http://` is not http://host:port"),
            ("http://a b", "1:16: error: `a b` is not a host name or an IP address"),
            ("http://127.0.0.256", "1:16: error: `127.0.0.256` is not an IPv4 address; write four numbers up to 255"),
            ("http://u:p@h", "1:16: error: credentials in an upstream URL are not supported"),
            ("unix:x", "1:16: error: `unix:x` needs an absolute path; write unix:/run/name.sock"),
        ])
    func upstreams(_ url: String, _ fault: String) {
        #expect(faults("upstreams: {a: \"\(url)\"}\nroutes: [{path: /x, upstream: a}]") == [fault])
    }

    @Test(
        "an upstream's keys",
        arguments: [
            (
                "balance: round-robin",
                "1:16: error: the upstream `a` has no `servers`; add servers: [http://127.0.0.1:9000]"
            ),
            ("servers: []", "1:26: error: the upstream `a` has no servers"),
            (
                "servers: [\"http://h\", \"http://H:80/\"]",
                "1:39: error: the server `http://h` is listed twice; first on line 1"
            ),
            (
                "servers: \"http://h\", check: healthz",
                "1:45: error: invalid health check path `healthz`; write /healthz or off"
            ),
            (
                "servers: \"http://h\", check: {}",
                "1:45: error: the health check has no `path`; add path: /healthz"
            ),
            (
                "servers: \"http://h\", check: {path: /c, hots: x}",
                "1:56: error: unknown key `hots`; did you mean `host`?"
            ),
            (
                "servers: \"http://h\", check: {path: /c, host: a/b}",
                "1:62: error: `a/b` is not a host name or an IP address"
            ),
            (
                "servers: \"http://h\", check: {path: /c, status: 399-200}",
                "1:64: error: `399-200` is not a range of statuses; write 200 or 200-399"
            ),
            (
                "servers: \"http://h\", check_interval: 1s, check: {path: /c, interval: 2s}",
                "1:86: error: the interval is given twice; remove check_interval"
            ),
            ("servers: \"http://h\", chekc: /x", "1:38: error: unknown key `chekc`; did you mean `check`?"),
        ])
    func upstreamKeys(_ keys: String, _ fault: String) {
        #expect(faults("upstreams: {a: {\(keys)}}\nroutes: [{path: /x, upstream: a}]").map { String($0) } == [fault])
    }

    @Test(
        "paths and hosts",
        arguments: [
            (
                route("path: tasks\nupstream: tasks"),
                "3:11: error: the path `tasks` must start with a slash; write `/tasks`"
            ),
            (
                route("path: /a{id}\nupstream: tasks"),
                "3:11: error: invalid segment `a{id}`; a parameter must be a whole segment, as in /tasks/{id}"
            ),
            (
                route("path: /{}\nupstream: tasks"),
                "3:11: error: invalid parameter name in `{}`; use letters, digits, _ and -, starting with a letter or _"
            ),
            (
                route("path: /{a}/{a}\nupstream: tasks"),
                "3:11: error: the path `/{a}/{a}` has two parameters named `a`"
            ),
            (
                route("path: /{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}\nupstream: tasks"),
                "3:11: error: the path `/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}` has more than 8 parameters"
            ),
            (
                route("path: /{a...}/b\nupstream: tasks"),
                "3:11: error: `{a...}` matches the rest of the path, so it must be the last segment; move it to the end, or write {a} for one segment"
            ),
            (route("path: /a//b\nupstream: tasks"), "3:11: error: the path `/a//b` has an empty segment"),
            (
                route("path: /a/%2e%2E/b\nupstream: tasks"),
                "3:11: error: the path `/a/%2e%2E/b` has a `..` segment; requests with dot segments are rejected"
            ),
            (
                route("path: /100%\nupstream: tasks"),
                "3:11: error: the path `/100%` has an invalid percent-encoding; write a literal % as %25"
            ),
            (
                route("path: /a?b\nupstream: tasks"),
                "3:11: error: the path `/a?b` has a ? or #; a route matches the path only; the query is part of the key"
            ),
            (
                route("path: {x}\nupstream: tasks"),
                "3:11: error: expected text, found a mapping; a value that starts with { needs quotes: path: \"{…}\""
            ),
            (route("upstream: tasks"), "3:5: error: the route has no `path`; path: /{rest...} matches every path"),
            (
                route("path: /x"),
                "3:5: error: the route has no `upstream`; name an entry of `upstreams`, or use `respond` or `redirect`"
            ),
            (route("path: /x\nupstream: task"), "4:15: error: unknown upstream `task`; did you mean `tasks`?"),
            (
                route("path: /x\nupstream: zzzzzzzzzzz"),
                "4:15: error: unknown upstream `zzzzzzzzzzz`; known upstreams: tasks, users"
            ),
            (
                route("path: /x\nupstream: tasks\nhost: h:80"),
                "5:11: error: the host `h:80` has a port; hosts are matched without their port: write h"
            ),
            (
                route("path: /x\nupstream: tasks\nhost: \"a.*.b\""),
                "5:11: error: the host `a.*.b` has a misplaced *; only the whole first label can be *, as in *.example.com"
            ),
            (
                route("path: /x\nupstream: tasks\nhost: \"*\""),
                "5:11: error: the host `*` matches any host; remove `host`"
            ),
            (
                route("path: /{a}\nupstream: tasks") + "  - path: /{b}\n    upstream: users\n",
                "5:11: error: this route matches the same requests as the one on line 3; change `path` or `host`"
            ),
            (
                route("path: /%61\nupstream: tasks\nhost: H.") + "  - {path: /a, upstream: users, host: h}\n",
                "6:12: error: this route matches the same requests as the one on line 3; change `path` or `host`"
            ),
        ])
    func paths(_ text: String, _ fault: String) { #expect(faults(text) == [fault]) }

    @Test(
        "caching",
        arguments: [
            ("methods: [put]", "6:17: error: `put` can't be cached; use GET, HEAD, POST or QUERY"),
            ("methods: [get]", "6:17: error: unknown method `get`; methods are upper case: GET"),
            (
                "methods: [HEAD]",
                "6:16: error: HEAD is served from stored GET responses, and GET is not listed; add GET"
            ),
            ("methods: GET, HEAD", "6:16: error: expected a list, found text; write [GET, HEAD]"),
            ("timeout: 0", "6:16: error: `timeout` can't be 0; remove it, or remove `cache` to store nothing"),
            ("mode: force", "6:13: error: `mode: force` requires `timeout` or `statuses`; add timeout: 5m"),
            (
                "statuses: {}\nmode: force",
                "7:13: error: `mode: force` requires `timeout` or `statuses`; add timeout: 5m"
            ),
            (
                "key: {id}",
                "6:12: error: expected text, found a mapping; a value that starts with { needs quotes: key: \"{…}\""
            ),
            ("key: \"\"", "6:12: error: the key template is empty"),
            ("key: a{id", "6:12: error: the key template `a{id` has an unclosed {"),
            ("key: a}", "6:12: error: the key template `a}` has an unmatched }"),
            ("key: a{}", "6:12: error: the key template has an empty {}"),
            ("key: a{b{c}}", "6:12: error: the key template has a nested { in `{b{c}`"),
            (
                "key: a{path.nr}",
                "6:12: error: `{path.nr}` is not a parameter of the path `/t/{id}`; known parameters: id"
            ),
            ("key: a{heade.x}", "6:12: error: unknown source `heade` in `{heade.x}`; did you mean `header`?"),
            ("key: a{method|GET}", "6:12: error: `{method|GET}` needs no default; write {method}"),
            ("key: a{header.b c}", "6:12: error: invalid header name `b c`"),
            ("key: a{query.}", "6:12: error: `{query.}` has no name after the dot"),
            (
                "key: a\nquery: exact",
                "7:14: error: `query` has no effect: `key` doesn't contain {query}; add {query} to the key or remove `query`"
            ),
            (
                "query: ignore\nquery_deny: [a]",
                "7:19: error: `query_deny` has no effect with `query: ignore`; keep one"
            ),
            (
                "query_allow: [a]\nquery_deny: [b]",
                "7:19: error: `query_allow` and `query_deny` are mutually exclusive; keep one"
            ),
            (
                "body_key: 1GiB",
                "6:17: error: `body_key` can't be more than 64MiB; the body is held in memory to compute the key"
            ),
            (
                "strict: on",
                "6:15: error: `strict: on` requires `key`; add one, such as key: \"{method}:{path}?{query}\""
            ),
            ("stale_if_eror: 1m", "6:7: error: unknown key `stale_if_eror`; did you mean `stale_if_error`?"),
            ("status: {404: 1s}", "6:7: error: unknown key `status`; use `statuses`"),
        ])
    func caching(_ keys: String, _ fault: String) {
        #expect(faults(route("path: /t/{id}\nupstream: tasks", cache: keys)) == [fault])
    }

    @Test(
        "statuses",
        arguments: [
            (
                "statuses: \"{404: 10s}\"",
                "6:17: error: expected statuses with durations, found quoted text; remove the quotes: {404: 10s, 5xx: 1s}"
            ),
            (
                "statuses: 10s",
                "6:17: error: expected statuses with durations, found text; write {404: 10s, 5xx: 1s}"
            ),
            (
                "statuses: [404: 10s]",
                "6:17: error: expected statuses with durations, found a list; write {404: 10s, 5xx: 1s}"
            ),
            ("statuses:", "6:16: error: `statuses` has no value; remove the key to use its default"),
            ("statuses: {6xx: 1s}", "6:18: error: invalid status `6xx`; statuses are 200–599"),
            ("statuses: {600: 1s}", "6:18: error: invalid status `600`; statuses are 200–599"),
            ("statuses: {000: 1s}", "6:18: error: invalid status `000`; statuses are 200–599"),
            (
                "statuses: {99: 1s}",
                "6:18: error: invalid status `99`; use one status such as 404, a class such as 5xx, or any"
            ),
            (
                "statuses: {0404: 1s}",
                "6:18: error: invalid status `0404`; use one status such as 404, a class such as 5xx, or any"
            ),
            (
                "statuses: {\"404,410\": 1s}",
                "6:18: error: invalid status `404,410`; write an entry for each status"
            ),
            (
                "statuses: {40x: 1s}",
                "6:18: error: invalid status `40x`; use one status such as 404, a class such as 5xx, or any"
            ),
            (
                "statuses: {abc: 1s}",
                "6:18: error: invalid status `abc`; use one status such as 404, a class such as 5xx, or any"
            ),
            (
                "statuses: {Any: 1s}",
                "6:18: error: invalid status `Any`; use one status such as 404, a class such as 5xx, or any"
            ),
            ("statuses: {[404, 410]: 1s}", "6:18: error: a key must be a name, not a list"),
            (
                "statuses: {1xx: 1s}",
                "6:18: error: `1xx` responses are never stored; use 2xx to 5xx"
            ),
            (
                "statuses: {103: 1s}",
                "6:18: error: `103` responses are never stored; use 2xx to 5xx"
            ),
            (
                "statuses: {304: 1s}",
                "6:18: error: a 304 has no lifetime of its own; it freshens the stored response: name that response's status"
            ),
            (
                "statuses: {404: 1s, \"404\": 2s}",
                "6:27: error: duplicate key `404`; first defined on line 6"
            ),
            (
                "statuses:\n  5xx: 1s\n  5XX: 2s",
                "8:9: error: `5XX` duplicates `5xx` on line 7"
            ),
            ("statuses: {404: 0}", "6:23: error: the duration of `404` can't be 0; remove it"),
            (
                "statuses: {404: soon}",
                "6:23: error: invalid duration `soon`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"
            ),
            ("statuses: {404: }", "6:23: error: `404` has no value; remove the key to use its default"),
            (
                "mode: force\nstatuses: {404: 0}", "7:23: error: the duration of `404` can't be 0; remove it"
            ),
        ])
    func statuses(_ keys: String, _ fault: String) {
        #expect(faults(route("path: /t/{id}\nupstream: tasks", cache: keys)) == [fault])
    }

    @Test("a faulty status and its faulty time are two faults")
    func faultyStatuses() {
        #expect(
            faults(route("path: /x\nupstream: tasks", cache: "statuses: {6xx: 0, 5XX: 1s, 5xx: soon}")) == [
                "6:18: error: invalid status `6xx`; statuses are 200–599",
                "6:23: error: the duration of `6xx` can't be 0; remove it",
                "6:35: error: `5xx` duplicates `5XX` on line 6",
                "6:40: error: invalid duration `soon`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds",
            ])
    }

    @Test(
        "heuristics, staleness and collapsing",
        arguments: [
            ("heuristic: 10", "6:18: error: invalid percentage `10`; write 10%"),
            ("heuristic: 0.1", "6:18: error: invalid percentage `0.1`; write 10%"),
            ("heuristic: 0.05", "6:18: error: invalid percentage `0.05`; write 5%"),
            ("heuristic: 1000", "6:18: error: invalid percentage `1000`; use a whole number such as 10%, or off"),
            ("heuristic: on", "6:18: error: invalid percentage `on`; use a whole number such as 10%, or off"),
            ("heuristic: 1.5%", "6:18: error: invalid percentage `1.5%`; use a whole number such as 10%, or off"),
            ("heuristic: -1%", "6:18: error: invalid percentage `-1%`; use a whole number such as 10%, or off"),
            ("heuristic: \"%\"", "6:18: error: invalid percentage `%`; use a whole number such as 10%, or off"),
            ("heuristic: 0%", "6:18: error: `0%` is out of range; allowed: 1%–100%, or off"),
            (
                "heuristic: 101%\nheuristic_cap: 1d",
                "6:18: error: `101%` is out of range; allowed: 1%–100%, or off"
            ),
            ("heuristic: [10%]", "6:18: error: expected text, found a list; a value that starts with [ needs quotes"),
            (
                "heuristic_cap: 1d",
                "6:22: error: `heuristic_cap` has no effect without `heuristic`; add heuristic: 10%"
            ),
            (
                "heuristic: off\nheuristic_cap: 1d",
                "7:22: error: `heuristic_cap` has no effect without `heuristic`; add heuristic: 10%"
            ),
            ("heuristic: 1%\nheuristic_cap: 0", "7:22: error: `heuristic_cap` can't be 0"),
            ("early_refresh: 0%", "6:22: error: `0%` is out of range; allowed: 1%–100%, or off"),
            (
                "early_refresh: 99999999999999999999%",
                "6:22: error: `99999999999999999999%` is out of range; allowed: 1%–100%, or off"
            ),
            ("early_refresh: 10s", "6:22: error: invalid percentage `10s`; use a whole number such as 10%, or off"),
            (
                "stale_while_revalidate: 0",
                "6:31: error: `stale_while_revalidate` can't be 0; remove it"
            ),
            ("stale_if_error: 0s", "6:23: error: `stale_if_error` can't be 0; remove it"),
            (
                "stale_if_error: always",
                "6:23: error: invalid duration `always`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"
            ),
            ("collapse: 0", "6:17: error: `collapse` can't be 0; use off to never wait"),
            (
                "collapse: on",
                "6:17: error: invalid duration `on`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"
            ),
            ("collapse: 4000d", "6:17: error: `4000d` is too long; the maximum is 3650d"),
            ("background_fill: maybe", "6:24: error: expected on or off, found `maybe`"),
            ("tag_headers: drop", "6:20: error: invalid value `drop` for `tag_headers`; allowed: keep or remove"),
            ("strict: yes", "6:15: error: expected on or off, found `yes`; write on"),
        ])
    func freshness(_ keys: String, _ fault: String) {
        #expect(faults(route("path: /t/{id}\nupstream: tasks", cache: keys)) == [fault])
    }

    @Test(
        "content types",
        arguments: [
            (
                "content_types: []",
                "6:22: error: `content_types` is empty, so nothing would be stored; remove it to store all types"
            ),
            (
                "content_types: [json]",
                "6:23: error: `json` is not a media type; write application/json, or text/* for all text"
            ),
            (
                "content_types: [a/b/c]",
                "6:23: error: `a/b/c` is not a media type; write application/json, or text/* for all text"
            ),
            (
                "content_types: [text/]",
                "6:23: error: `text/` is not a media type; write application/json, or text/* for all text"
            ),
            (
                "content_types: [text/a b]",
                "6:23: error: `text/a b` is not a media type; write application/json, or text/* for all text"
            ),
            (
                "content_types: [\"text/html;charset=utf-8\"]",
                "6:23: error: `text/html;charset=utf-8` has parameters, which are not supported; write only the type"
            ),
            (
                "content_types: [\"*/*\"]",
                "6:23: error: `*/*` has a * as its type; remove `content_types` to store all types"
            ),
            (
                "content_types: [\"application/*+json\"]",
                "6:23: error: `application/*+json` has a misplaced *; only a whole subtype can be *, as in text/*"
            ),
            (
                "content_types:\n  - text/html\n  - Text/HTML",
                "8:11: error: the type `text/html` is listed twice; first on line 7"
            ),
        ])
    func contentTypes(_ keys: String, _ fault: String) {
        #expect(faults(route("path: /t/{id}\nupstream: tasks", cache: keys)) == [fault])
    }

    @Test("an empty `cache` could mean two things and is asked about")
    func emptyCache() {
        #expect(
            faults(route("path: /x\nupstream: tasks\ncache:")) == [
                "5:11: error: `cache` has no value; write {} to cache with all defaults, or remove the key"
            ])
    }

    @Test(
        "compress",
        arguments: [
            ("brotli", "5:15: error: unknown coding `brotli`; write br"),
            ("[gzip, deflate]", "5:22: error: unknown coding `deflate`; write gzip"),
            ("[GZIP]", "5:16: error: unknown coding `GZIP`; write gzip"),
            ("[lz4]", "5:16: error: unknown coding `lz4`; allowed: zstd, br and gzip"),
            ("yes", "5:15: error: expected on, off or codings, found `yes`; write on"),
            ("none", "5:15: error: expected on, off or codings, found `none`; write off"),
            ("[gzip, gzip]", "5:22: error: the coding `gzip` is listed twice; first on line 5"),
            ("[gzip, off]", "5:15: error: off can't stand beside codings"),
            ("gzip, br", "5:15: error: expected a list, found text; write [gzip, br]"),
            (
                "{level: 6}",
                "5:23: error: expected fast, default or best, found a number; each coding counts its levels "
                    + "differently: remove `level` for what suits most APIs"
            ),
            ("{level: max}", "5:23: error: invalid value `max` for `level`; allowed: fast, default or best"),
            (
                "{types: []}",
                "5:23: error: `types` is empty, so nothing would be compressed; remove it to compress the "
                    + "usual types, or write compress: off"
            ),
            (
                "{types: json}",
                "5:23: error: `json` is not a media type; write application/json, text/* or application/*+json"
            ),
            (
                "{types: [\"*/*\"]}",
                "5:24: error: `*/*` would compress images and archives again; list the types that "
                    + "gain, or remove `types`"
            ),
            (
                "{types: [a/*+]}",
                "5:24: error: `a/` is not a media type; write application/json, text/* or application/*+json"
            ),
            ("{min_length: 1}", "5:16: error: unknown key `min_length`; use `min`"),
            ("{algorithms: [gzip]}", "5:16: error: unknown key `algorithms`; use `codings`"),
            (
                "{vary: on}",
                "5:16: error: unknown key `vary`; `compress` writes Vary and ETag by itself: remove the line"
            ),
            ("{min: -1}", "5:21: error: invalid size `-1`; use 64KiB, 256MiB, 1GB or a whole number of bytes"),
        ])
    func compress(_ value: String, _ fault: String) {
        #expect(faults(route("path: /x\nupstream: tasks\ncompress: \(value)")) == [fault])
    }

    @Test("types that gain nothing are allowed, with a warning")
    func compressedTypes() {
        let text = route("path: /x\nupstream: tasks\ncompress: {types: [image/png, text/event-stream, text/html]}")
        #expect(
            warnings(text).filter { $0.hasPrefix("5:") } == [
                "5:24: warning: `image/png` is compressed already, and gains nothing; remove it",
                "5:35: warning: event streams are never compressed: each event goes out at once; remove it",
            ])
    }

    @Test(
        "on_store_down",
        arguments: [
            ("limit", "expected limit and a number, found `limit`; write limit 20"),
            ("limit 0", "0 is out of range; write 503 to let no request through"),
            ("limit 2 3", "expected limit and a number, found `limit 2 3`; write limit 20"),
            ("20", "invalid value `20` for `on_store_down`; write limit 20"),
            ("500", "invalid value `500` for `on_store_down`; write 503"),
            ("stlae", "invalid value `stlae` for `on_store_down`; did you mean `stale`?"),
            ("bypass", "invalid value `bypass` for `on_store_down`; allowed: pass, limit N, stale or 503"),
        ])
    func storeOutage(_ value: String, _ fault: String) {
        let text = "upstreams: {a: \"http://h\"}\nroutes:\n- path: /x\n  upstream: a\n  on_store_down: \(value)"
        #expect(faults(text) == ["5:18: error: \(fault)"])
    }

    @Test("Each way of on_store_down is read, of the route or of the defaults, and written as it was")
    func storeOutages() throws {
        let redis = "store: {backend: tiered, redis: \"redis://h\"}\nupstreams: {a: \"http://h\"}\n"
        for (value, outage) in [
            ("pass", StoreOutage.pass), ("limit 20", .limit(20)), ("stale", .stale), ("503", .refuse),
            ("\"503\"", .refuse),
        ] {
            let own = read(redis + "routes: [{path: /x, upstream: a, cache: 5m, on_store_down: \(value)}]")
            #expect(own.faults == [] && own.warnings == [])
            #expect(own.configuration?.routes[0].onStoreDown == outage)
            #expect(outage.description == value.filter { $0 != "\"" })
            let general = read(redis + "defaults: {on_store_down: \(value)}\nroutes: [{path: /x, upstream: a}]")
            #expect(general.configuration?.routes[0].onStoreDown == outage)
        }
    }

    @Test("on_store_down without a store that can be down, or without memory to serve from, is probably a mistake")
    func outageWithoutRedis() {
        let routes =
            "\nupstreams: {a: \"http://h\"}\nroutes: [{path: /x, upstream: a, cache: 5m, on_store_down: stale}]"
        #expect(
            warnings("store: {backend: memory}" + routes) == [
                "3:60: warning: `on_store_down` has no effect without Redis; set `store.backend` to redis or tiered, or remove the key"
            ])
        #expect(
            warnings("store: {backend: redis, redis: \"redis://h\"}" + routes) == [
                "3:60: warning: stale has no effect with `backend: redis`, which keeps nothing in memory; set `store.backend` to tiered"
            ])
        #expect(warnings("store: {backend: tiered, redis: \"redis://h\"}" + routes) == [])
    }
}
