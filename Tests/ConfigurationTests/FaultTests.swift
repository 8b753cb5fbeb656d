import ConfigurationReader
import Testing

struct FaultyFile: Sendable, CustomTestStringConvertible {
    let text: String
    let faults: [String]

    init(_ text: String, _ faults: String...) {
        self.text = text
        self.faults = faults
    }

    var testDescription: String { text }
}

@Suite("Every fault has its place and a sentence")
struct FaultTests {
    @Test(
        "keys and types",
        arguments: [
            FaultyFile("sever: {}" + rest, "1:1: error: unknown key `sever`; did you mean `server`?"),
            FaultyFile("server:\n  x-cache: on" + rest, "2:3: error: unknown key `x-cache`; did you mean `x_cache`?"),
            FaultyFile("log:\n  zzzzzz: 1" + rest, "2:3: error: unknown key `zzzzzz`; known keys: access, to, level"),
            FaultyFile(
                "log:\n  level: info\n  level: debug" + rest,
                "3:3: error: duplicate key `level`; first defined on line 2"),
            FaultyFile("log:\n  ? [a]\n  : b" + rest, "2:5: error: a key must be a name, not a list"),
            FaultyFile("log: info" + rest, "1:6: error: expected a mapping, found text"),
            FaultyFile("log: [info]" + rest, "1:6: error: expected a mapping, found a list"),
            FaultyFile(
                "log:\n  level:\n" + rest, "2:9: error: `level` has no value; remove the key to use its default"),
            FaultyFile(
                "log:\n  level: [info]" + rest,
                "2:10: error: expected text, found a list; a value that starts with [ needs quotes"),
            FaultyFile(
                "log:\n  level: loud" + rest,
                "2:10: error: invalid value `loud` for `level`; allowed: debug, info, notice, warning or error"),
            FaultyFile(
                "log:\n  level: warn" + rest,
                "2:10: error: invalid value `warn` for `level`; did you mean `warning`? Allowed: debug, info, notice, warning or error"
            ),
            FaultyFile("server:\n  x_cache: yes" + rest, "2:12: error: expected on or off, found `yes`; write on"),
            FaultyFile("server:\n  x_cache: 0" + rest, "2:12: error: expected on or off, found `0`; write off"),
            FaultyFile("server:\n  x_cache: maybe" + rest, "2:12: error: expected on or off, found `maybe`"),
            FaultyFile(
                "server:\n  x_cache: \"on\"" + rest,
                "2:12: error: expected on or off, found quoted text; remove the quotes"),
            FaultyFile("limits:\n  fields: many" + rest, "2:11: error: `many` is not a whole number"),
            FaultyFile("limits:\n  fields: 0x20" + rest, "2:11: error: `0x20` is not a whole number"),
            FaultyFile(
                "limits:\n  fields: \"100\"" + rest,
                "2:11: error: expected a whole number, found quoted text; remove the quotes"),
            FaultyFile("limits:\n  variants: 0" + rest, "2:13: error: 0 is out of range; allowed: 1–1000"),
            FaultyFile("limits:\n  fields: 1" + rest, "2:11: error: 1 is out of range; allowed: 8–10000"),
            FaultyFile(
                "limits:\n  fields: 99999999999999999999" + rest,
                "2:11: error: `99999999999999999999` is not a whole number"),
            FaultyFile("limits:\n  fields: \"many\"" + rest, "2:11: error: `many` is not a whole number"),
            FaultyFile(
                "server:\n  trusted_proxies: 10.0.0.1, 10.0.0.2" + rest,
                "2:20: error: expected a list, found text; write [10.0.0.1, 10.0.0.2]"),
            FaultyFile(
                "server:\n  trusted_proxies: {a: b}" + rest,
                "2:20: error: expected a list, found a mapping; write [one, two]"),
            FaultyFile(
                "log: !!map {}" + rest,
                "1:6: error: YAML tags are not supported; a value that starts with ! needs quotes"),
            FaultyFile(
                "x: &x {}\nlog:\n  <<: *x" + rest,
                "1:1: error: unknown key `x`; known keys: server, admin, store, upstreams, routes, limits, log, defaults, include"
            ),
            FaultyFile("log:\n  <<: x" + rest, "2:7: error: expected a mapping after <<, found text; write <<: *name"),
        ])
    func keys(_ file: FaultyFile) { #expect(faults(file.text) == file.faults) }

    @Test(
        "durations and sizes",
        arguments: [
            ("1.2345h", "invalid duration `1.2345h`"), ("30x", "invalid duration `30x`"),
            ("-1s", "invalid duration `-1s`"),
            ("1m1h", "invalid duration `1m1h`"), ("1m1m", "invalid duration `1m1m`"), ("s", "invalid duration `s`"),
            ("5 lightyears", "invalid duration `5 lightyears`"), ("٣s", "invalid duration `٣s`"),
        ])
    func durations(_ value: String, _ message: String) {
        #expect(
            faults("server:\n  drain: \(value)" + rest) == [
                "2:10: error: \(message); use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"
            ])
    }

    @Test(
        "a duration, size or percentage in another spelling is answered with Larder's",
        arguments: [
            ("server", "drain", "5min", "duration", "5m"), ("server", "drain", "1.5h", "duration", "1h30m"),
            ("server", "drain", "5 Minutes", "duration", "5m"), ("server", "drain", "2 weeks", "duration", "14d"),
            ("server", "drain", "0.25 s", "duration", "250ms"), ("server", "drain", "5M", "duration", "5m"),
            ("store", "memory", "512M", "size", "512MiB"), ("store", "memory", "512mb", "size", "512MB"),
            ("store", "memory", "512 MiB", "size", "512MiB"), ("store", "memory", "2g", "size", "2GiB"),
        ])
    func spellings(_ section: String, _ key: String, _ value: String, _ kind: String, _ right: String) {
        let column = key.count + 5
        #expect(
            faults("\(section):\n  \(key): \(value)" + rest) == [
                "2:\(column): error: invalid \(kind) `\(value)`; write \(right)"
            ])
    }

    @Test(
        "durations and sizes that are out of bounds",
        arguments: [
            FaultyFile("server:\n  drain: 4000d" + rest, "2:10: error: `4000d` is too long; the maximum is 3650d"),
            FaultyFile(
                "server:\n  drain: 99999999999999999999s" + rest,
                "2:10: error: `99999999999999999999s` is too long; the maximum is 3650d"),
            FaultyFile(
                "server:\n  drain: 9223372036854775807" + rest,
                "2:10: error: `9223372036854775807` is too long; the maximum is 3650d"),
            FaultyFile("limits:\n  head_timeout: 0" + rest, "2:17: error: `head_timeout` can't be 0"),
            FaultyFile("store:\n  object: 0" + rest, "2:11: error: `object` can't be 0"),
            FaultyFile(
                "store:\n  memory: 8k" + rest,
                "2:11: error: invalid size `8k`; write 8KiB"),
            FaultyFile(
                "store:\n  memory: 9999999TiB" + rest, "2:11: error: `9999999TiB` is too large; the maximum is 1024TiB"),
            FaultyFile(
                "store:\n  memory: -1" + rest,
                "2:11: error: invalid size `-1`; use 64KiB, 256MiB, 1GB or a whole number of bytes"),
        ])
    func bounds(_ file: FaultyFile) { #expect(faults(file.text) == file.faults) }

    @Test(
        "YAML that is none",
        arguments: [
            FaultyFile(
                "routes:\n  - path: /x\n    host: *.example.com\n",
                "3:11: error: invalid YAML: a value that starts with * needs quotes; write \"*.example.com\""),
            FaultyFile(
                "routes:\n  - path: {id}/x\n",
                "2:11: error: invalid YAML: a value that starts with { needs quotes; write \"{id}/x\""),
            FaultyFile(
                "server:\n  listen: [::]:8080\n",
                "2:11: error: invalid YAML: a value that starts with [ needs quotes; write \"[::]:8080\""),
            FaultyFile(
                "server:\n\tlisten: x\n",
                "2:1: error: invalid YAML: a tab in the indentation; indent with spaces, not tabs"),
            FaultyFile("a: \u{1}\n", "1:4: error: invalid YAML: control characters are not allowed"),
            FaultyFile(
                "log: {}\n---\nlog: {}\n", "2:1: error: a second YAML document starts here; only one is allowed"),
            FaultyFile(
                "log: *nothing" + rest,
                "1:6: error: undefined alias *nothing; a value that starts with * needs quotes: \"*nothing\""
            ),
            FaultyFile(
                "log: &l\n  level: *l" + rest, "2:10: error: alias *l refers to the value that contains it"),
        ])
    func syntax(_ file: FaultyFile) { #expect(faults(file.text) == file.faults) }

    @Test(
        "listeners",
        arguments: [
            FaultyFile(
                "server: {listen: 8080}" + rest,
                "1:18: error: `8080` has no address; write 127.0.0.1:8080, or 0.0.0.0:8080 for all IPv4 addresses"),
            FaultyFile(
                "server: {listen: \":80\"}" + rest,
                "1:18: error: `:80` has no address; write 127.0.0.1:80, or 0.0.0.0:80 for all IPv4 addresses"),
            FaultyFile(
                "server:\n  listen: api.local:80" + rest,
                "2:11: error: `api.local` is not an IP address; listeners take addresses, not names: 127.0.0.1, 0.0.0.0, [::1] or [::]"
            ),
            FaultyFile(
                "server:\n  listen: 127.0.0.1:70000" + rest, "2:11: error: port must be 0–65535"),
            FaultyFile(
                "server:\n  listen: http://127.0.0.1:80" + rest,
                "2:11: error: expected an address, found the URL `http://127.0.0.1:80`; write 127.0.0.1:8080, [::]:8080 or unix:/run/larder/http.sock"
            ),
            FaultyFile(
                "server:\n  listen: unix:run" + rest,
                "2:11: error: `unix:run` needs an absolute path; write unix:/run/name.sock"),
            FaultyFile(
                "server:\n  listen: unix:/\(String(repeating: "a", count: 107))" + rest,
                "2:11: error: the socket path is 108 bytes long; the maximum is 107"),
            FaultyFile("server:\n  listen: []" + rest, "2:11: error: `listen` is empty"),
            FaultyFile(
                "server:\n  listen: {proxy_protocol: on}" + rest,
                "2:11: error: the listener has no `address`; add address: 127.0.0.1:8080"),
            FaultyFile(
                "server:\n  listen: [{address: \"127.0.0.1:80\", proxy_protokol: on}]" + rest,
                "2:38: error: unknown key `proxy_protokol`; did you mean `proxy_protocol`?"),
            FaultyFile(
                "server:\n  listen:\n    - {address: \"127.0.0.1:80\", proxy_protocol: on}\n    - 127.0.0.1:80" + rest,
                "4:7: error: `127.0.0.1:80` conflicts with `127.0.0.1:80` on line 3"),
            FaultyFile(
                "server:\n  listen: [127.0.0.1:80, 127.0.0.1:80]" + rest,
                "2:26: error: `127.0.0.1:80` conflicts with `127.0.0.1:80` on line 2"),
            FaultyFile(
                "server:\n  listen: [0.0.0.0:80, 127.0.0.1:80]" + rest,
                "2:24: error: `127.0.0.1:80` conflicts with `0.0.0.0:80` on line 2"),
            FaultyFile(
                "server:\n  listen: 127.0.0.1:8081" + rest,
                "2:11: error: `127.0.0.1:8081` is the default address of the admin listener; change `admin.listen` or set it to off"
            ),
            FaultyFile(
                "admin:\n  listen: localhost:8080" + rest,
                "2:11: error: `admin.listen` and `server.listen` conflict on `127.0.0.1:8080`; use another port"
            ),
            FaultyFile(
                "admin:\n  listen: 10.0.0.1:8081" + rest,
                "2:11: error: `10.0.0.1:8081` can be reached from other machines and has no token; set `admin.token` or `admin.token_file`, or listen on 127.0.0.1 or a unix socket"
            ),
            FaultyFile(
                "admin:\n  token: x\n  token_file: /x" + rest,
                "3:15: error: `token` and `token_file` are mutually exclusive; keep one"),
            FaultyFile(
                "admin:\n  token: a b" + rest,
                "2:10: error: the token has a character that is not allowed in a header; use printable ASCII without spaces"
            ),
            FaultyFile(
                "server:\n  workers: 0" + rest, "2:12: error: invalid number of workers `0`; use auto or 1–1024"),
            FaultyFile(
                "server:\n  trusted_proxies: [10.0.0.1/8]" + rest,
                "2:21: error: `10.0.0.1/8` has host bits set; did you mean 10.0.0.0/8?"),
            FaultyFile(
                "server:\n  trusted_proxies: [10.0.0.0/33]" + rest,
                "2:21: error: invalid prefix length in `10.0.0.0/33`; allowed: 0–32"),
        ])
    func listeners(_ file: FaultyFile) { #expect(faults(file.text) == file.faults) }

    @Test(
        "store, limits and log",
        arguments: [
            FaultyFile(
                "store:\n  backend: redis" + rest,
                "2:12: error: the backend `redis` needs a Redis server; add redis: redis://127.0.0.1:6379/0"),
            FaultyFile(
                "store:\n  backend: disk" + rest,
                "2:12: error: invalid value `disk` for `backend`; allowed: memory, redis, tiered or none"),
            FaultyFile(
                "store:\n  object: 1GiB" + rest,
                "2:11: error: `object` (1GiB) must not exceed `memory` (256MiB)"
            ),
            FaultyFile(
                "store:\n  backend: redis\n  redis: redis://h\n  tls: {verify: off}" + rest,
                "4:8: error: `tls` has no effect: the Redis URL is not one for TLS; write rediss for redis in it"
            ),
            FaultyFile(
                "store:\n  redis: redis+cluster://h,,i" + rest,
                "2:10: error: node 2 of the Redis URL is not host[:port]; write redis+cluster://10.0.0.1,10.0.0.2,10.0.0.3"
            ),
            FaultyFile(
                "store:\n  redis: redis+cluster://h,h:6379" + rest,
                "2:10: error: node 2 of the Redis URL is there twice"),
            FaultyFile(
                "store:\n  redis: redis+cluster://h/1" + rest,
                "2:10: error: a Redis Cluster has database 0 only; write redis+cluster://10.0.0.1,10.0.0.2,10.0.0.3"),
            FaultyFile(
                "store:\n  backend: redis\n  redis: redis+cluster://h\n  prefix: \"{a}:\"" + rest,
                "4:11: error: `prefix` must not have braces with redis+cluster://; Redis Cluster would keep all entries in one slot, on one node"
            ),
            FaultyFile(
                "store:\n  redis: redis+cluster://h?x=hidden" + rest,
                "2:10: error: the Redis URL has text after its nodes; write redis+cluster://10.0.0.1,10.0.0.2,10.0.0.3"
            ),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h" + rest,
                "2:10: error: the Redis URL names no master; write redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster/0"
            ),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h,,i/m" + rest,
                "2:10: error: sentinel 2 of the Redis URL is not host[:port]; write redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster/0"
            ),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h,h:26379/m" + rest,
                "2:10: error: sentinel 2 of the Redis URL is there twice"),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h:0/m" + rest, "2:10: error: port must be 1–65535"),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h/a%20b" + rest,
                "2:10: error: `a%20b` is not a master's name; letters, digits, `.`, `-` and `_` may be used"),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h/m/x" + rest,
                "2:10: error: the Redis URL's database is not a number; write redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster/0"
            ),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h/m/0/1" + rest,
                "2:10: error: the Redis URL has text after its database; write redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster/0"
            ),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h/m?secret=hidden" + rest,
                "2:10: error: the Redis URL has an unknown parameter; sentinel_username and sentinel_password may be given"
            ),
            FaultyFile(
                "store:\n  redis: redis+sentinel://h/m?sentinel_username=u" + rest,
                "2:10: error: the Redis URL has a sentinel_username without a sentinel_password"),
            FaultyFile(
                "store:\n  redis: redis://user@h" + rest,
                "2:10: error: the Redis URL has a user without a password; write redis://user:password@… or, without a user, redis://:password@…"
            ),
            FaultyFile(
                "store:\n  redis: redis://h/zero" + rest,
                "2:10: error: the Redis URL's database is not a number; write redis://127.0.0.1:6379/0"),
            FaultyFile(
                "limits:\n  request_line: 64KiB" + rest,
                "2:17: error: `request_line` (64KiB) must not exceed `head` (32KiB)"
            ),
            FaultyFile(
                "log:\n  to: sdtout" + rest, "2:7: error: expected stdout or an absolute path, found `sdtout`"
            ),
        ])
    func others(_ file: FaultyFile) { #expect(faults(file.text) == file.faults) }

    @Test("a Redis URL's password stands in no fault")
    func passwordsStaySecret() {
        for url in [
            "redis://u:geheim@", "redis://u:geheim@h:99999", "redis://u:geheim@h/x", "redis://u:geheim%@h",
            "http://u:geheim@h",
        ] {
            let found = faults("store:\n  redis: \"\(url)\"" + rest)
            #expect(found.count == 1)
            #expect(!found.joined().contains("geheim"))
        }
    }

    @Test("all faults of a file are reported at once, in its order")
    func allAtOnce() {
        let text = """
            server: {drain: soon}
            store: {memory: lots}
            upstreams:
              a: ftp://x
            routes:
              - path: x
                upstream: b
                cache: {methods: [PUT], timeout: 0}
            limit: {}
            """
        #expect(
            faults(text).map { $0.prefix { $0 != " " } } == [
                "1:17:", "2:17:", "4:6:", "6:11:", "7:15:", "8:23:", "8:38:", "9:1:",
            ])
        #expect(read(text).configuration == nil)
    }

    @Test(
        "a file without routes is a fault, so that a truncated one can't turn a daemon off",
        arguments: ["", "# all\n", "log: {}"])
    func noRoutes(_ text: String) {
        #expect(
            faults(text) == [
                "1:1: error: `routes` is missing, so nothing would be served; add a route: - {path: \"/{rest...}\", upstream: NAME}"
            ])
        #expect(read(text).configuration == nil)
    }
}
