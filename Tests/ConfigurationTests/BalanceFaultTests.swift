import Testing

@testable import Configuration

// Servers with weights and backups, `balance: hash`, and what routes say in place of their upstreams.

private func upstream(_ keys: String) -> String { "upstreams: {a: {\(keys)}}\nroutes: [{path: /x, upstream: a}]" }

private func route(_ keys: String) -> String {
    "upstreams: {a: \"http://h\"}\nroutes: [{path: \"/x/{id}\", upstream: a, \(keys)}]"
}

@Suite("Servers, and times of a route")
struct BalanceFaultTests {
    @Test("A server is a URL, or a URL with more about it")
    func servers() throws {
        let it = try #require(
            read(
                upstream(
                    "servers: [\"http://h\", {url: \"http://i\", weight: 3}, {url: \"unix:/s\", backup: on, weight: 2}]"
                )
            ).configuration)
        let (h, i, s) = (
            OriginAddress.tcp(host: "h", port: 80), OriginAddress.tcp(host: "i", port: 80),
            OriginAddress.unix(path: "/s")
        )
        #expect(it.upstreams[0].servers == [h, i, s])
        #expect(it.upstreams[0].weights == [i: 3, s: 2] && it.upstreams[0].backups == [s])
        #expect(
            it.effectiveYAML().contains(
                "servers: [\"http://h\", {url: \"http://i\", weight: 3}, {url: unix:/s, weight: 2, backup: on}]")
                || it.effectiveYAML().contains("{url: http://i, weight: 3}"))
        #expect(read(it.effectiveYAML()).configuration == it)
        let short =
            "upstreams:\n  a:\n    - http://h\n    - {url: http://i, weight: 2}\nroutes: [{path: /x, upstream: a}]"
        #expect(read(short).configuration?.upstreams[0].weights == [i: 2])
        #expect(read(upstream("servers: {url: \"http://h\"}")).configuration?.upstreams[0].servers == [h])
    }

    @Test("A key, and what routes say of their upstream, survive the effective file")
    func effective() throws {
        let text = """
            upstreams:
              a: {servers: [http://h, http://i], balance: hash, hash_key: "{header.X-User}|{query.page|1}"}
              b: {servers: [http://h, http://i], balance: hash}
            routes:
              - {path: /x, upstream: a, retries: 0, timeouts: {connect: 1s, first_byte: 2s, between_bytes: 3s}}
              - {path: /y, upstream: b, timeouts: {first_byte: 5m}}
            """
        let it = try #require(read(text).configuration)
        #expect(it.upstreams[0].balance == .hash && it.upstreams[0].hashKey?.text == "{header.X-User}|{query.page|1}")
        #expect(it.upstreams[1].hashKey == nil)
        #expect(it.routes[0].retries == 0 && it.routes[1].retries == nil)
        #expect(it.routes[0].timeouts.firstByte == .seconds(2) && it.routes[1].timeouts.connect == nil)
        #expect(read(it.effectiveYAML()).configuration == it)
    }

    @Test(
        "servers",
        arguments: [
            ("servers: [{weight: 2}]", "1:27: error: the server has no `url`; add url: http://127.0.0.1:9000"),
            (
                "servers: [{url: \"http://h\", weight: 0}]", "1:53: error: 0 is out of range; allowed: 1–1000"
            ),
            (
                "servers: [{url: \"http://h\", weight: \"2\"}]",
                "1:53: error: expected a whole number, found quoted text; remove the quotes"
            ),
            ("servers: [{url: \"http://h\", backup: yes}]", "1:53: error: expected on or off, found `yes`; write on"),
            (
                "servers: [{url: \"http://h\", backup: on}]",
                "1:26: error: all servers of the upstream `a` are backups; a backup stands in for others: remove backup from one"
            ),
            (
                "servers: [{url: \"http://h\", max_fails: 3}]",
                "1:45: error: unknown key `max_fails`; use `check` in the upstream itself"
            ),
            (
                "servers: [{address: \"http://h\"}]",
                "1:28: error: unknown key `address`; use `url`"
            ),
            (
                "servers: [\"http://h\", {url: \"http://h\"}]",
                "1:39: error: the server `http://h` is listed twice; first on line 1"
            ),
            (
                "servers: [\"http://h weight=2\"]",
                "1:27: error: `http://h weight=2` is more than a URL; write {url: \"http://h\", weight: 2}"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], weight: 2",
                "1:52: error: unknown key `weight`; use `weight` in an entry of `servers`"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], proxy_next_upstream_tries: 2",
                "1:52: error: unknown key `proxy_next_upstream_tries`; use `retries`"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], balance: ip_hash",
                "1:61: error: invalid value `ip_hash` for `balance`; allowed: round-robin, least-outstanding or hash"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], balance: {hash: \"{header.x-user}\"}",
                "1:61: error: `balance` takes one word, found a mapping; write balance: hash, and hash_key: \"{header.x-user}\""
            ),
            (
                "servers: [\"http://h\", \"http://i\"], hash_key: \"{path}\"",
                "1:62: error: `hash_key` has no effect without `balance: hash`; add balance: hash"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], balance: hash, hash_key: \"{id}\"",
                "1:77: error: `{id}` can't be part of `hash_key`: the routes of an upstream have different parameters; use {path}, {query.id}, {header.NAME} or {cookie.NAME}"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], balance: hash, hash_key: \"{body}\"",
                "1:77: error: `hash_key` can be made of {host}, {path}, {query}, {query.NAME}, {header.NAME} and {cookie.NAME}; without it, requests are spread by host and path"
            ),
            (
                "servers: [\"http://h\", \"http://i\"], balance: hash, hash_key: user",
                "1:77: error: the key `user` is the same for all requests; name a value, such as {header.x-user}"
            ),
        ])
    func faults(_ keys: String, _ fault: String) { #expect(findings(upstream(keys)) == [fault]) }

    @Test("A key for one server that has no name is a warning")
    func oneServer() {
        #expect(
            warnings(upstream("servers: \"http://127.0.0.1\", balance: hash"))
                == ["1:55: warning: `balance: hash` has no effect: there is one server; remove it"])
        #expect(warnings(upstream("servers: \"http://api.internal\", balance: hash")) == [])
    }

    @Test(
        "times and retries of a route",
        arguments: [
            (
                "timeouts: 30s",
                "2:51: error: expected connect, first_byte and between_bytes, found text; write timeouts: {first_byte: 30s}"
            ),
            ("timeouts: {first_byte: 0s}", "2:64: error: `first_byte` can't be 0"),
            (
                "timeouts: {first_byte: soon}",
                "2:64: error: invalid duration `soon`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"
            ),
            ("timeouts: {read: 3s}", "2:52: error: unknown key `read`; use `first_byte` or `between_bytes`"),
            ("timeouts: {connect_timeout: 3s}", "2:52: error: unknown key `connect_timeout`; use `connect`"),
            ("retries: 11", "2:50: error: 11 is out of range; allowed: 0–10"),
            ("retries: off", "2:50: error: `off` is not a whole number"),
            (
                "proxy_read_timeout: 60s",
                "2:41: error: unknown key `proxy_read_timeout`; use `first_byte` under `timeouts` or `between_bytes` under `timeouts`"
            ),
            ("proxy_next_upstream_tries: 2", "2:41: error: unknown key `proxy_next_upstream_tries`; use `retries`"),
            (
                "first_byte_timeout: 2s",
                "2:41: error: unknown key `first_byte_timeout`; use `first_byte` under `timeouts`"
            ),
        ])
    func routeFaults(_ keys: String, _ fault: String) { #expect(findings(route(keys)) == [fault]) }
}
