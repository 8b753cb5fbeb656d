import ConfigurationReader
import Foundation
import Testing

@testable import Configuration

/// `config/` beside `Tests/`. The path of this file goes through no link, whichever package it was compiled in.
private let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
        "config")

private let shipped =
    ["larder.yaml"]
    + ((try? FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("examples").path)) ?? []).map
{ "examples/\($0)" }.filter { $0.hasSuffix(".yaml") }.sorted()

@Suite("What the file may say")
struct AcceptanceTests {
    /// Every key there is, each with another value than its default.
    static let everything = """
        server:
          listen:
            - {address: 127.0.0.1:80, redirect: "https:444", h2c: on}
            - address: "[::1]:80"
              proxy_protocol: on
              http2: off
              tls:
                certificates: {cert: /c.pem, key: /k.pem}
                min: "1.3"
                ciphers: TLS_AES_128_GCM_SHA256
                client_ca: /ca.pem
                client_auth: optional
                ticket_keys: /tickets
            - unix:/run/l.sock
          acme: /acme
          workers: 3
          drain: 1h30m
          x_cache: off
          cache_status: false
          trusted_proxies: [10.0.0.0/8, "fd00::/8", 192.0.2.1]
          user: larder
          group: www
        admin:
          listen: 0.0.0.0:81
          token: ${TOKEN}
        store:
          backend: tiered
          memory: 1GB
          redis: redis://u:${PASSWORD}@[::1]:6380/2
          prefix: "lightapi:"
          timeout: 1s
          object: 1MiB
          tiered_life: 500ms
        upstreams:
          a: http://h
          c: [http://h/Base%7e/v1/, http://i/Base~/v1]
          b:
            servers: [{url: "http://h:1", weight: 2}, {url: "unix:/b", backup: on}]
            balance: hash
            hash_key: "{header.X-User}"
            check:
              path: /healthz
              host: Health.Example:80
              status: 204
              interval: 1s
              timeout: 500ms
              rise: 3
              fall: 4
            connect_timeout: 3s
            first_byte_timeout: 4
            between_bytes_timeout: 5s
            keepalive: 6
            keepalive_timeout: 7s
            max_connections: 8
            max_connection_age: 1h
            retries: 0
            host: upstream
            resolve: 9s
          d:
            servers: https://d
            tls: {ca: /ca.pem, server_name: n, verify: on, cert: /c.pem, key: /k.pem}
            http2: on
            max_streams: 11
        routes:
          - path: /a%7e%2f/{id}/{rest...}
            host: "*.Example.com"
            upstream: b
            upgrade: on
            compress:
              codings: [br, gzip]
              types: [Application/JSON, "text/*", application/*+XML]
              min: 2KiB
              level: best
            request:
              set: {X-Tenant: "{id}/{path.rest}", Authorization: "Bearer ${TOKEN}"}
              add: {X-From: ["{client_ip}", "{{x}}"]}
              remove: [X-Internal, cookie]
            response:
              set: {X-Request-Id: "{request_id}", "X-!": "on {route} of {host}"}
              add: {Vary: Origin}
              remove: [Server]
              cache_control: private, Max-Age=60
            cache:
              bypass: [cookie.session, header.X-Preview=1*, "query.no cache"]
              methods: [GET, QUERY]
              timeout: 7d
              statuses: {any: 30, 5xx: 1s, 404: 1m30s, 4XX: 5s, 203: 1ms}
              heuristic: 10%
              heuristic_cap: 2h
              stale_while_revalidate: 30s
              stale_if_error: 1d
              keep: 1h
              early_refresh: 100%
              collapse: 250ms
              background_fill: off
              key: "{id|x}:{query}:{header.Accept}"
              query_deny: ["utm_*"]
              strict: on
              mode: force
              client_control: ignore
              content_types: [Application/JSON, "text/*", application/vnd.api+json]
              tags: remove
              allow_set_cookie: on
              allow_authorization: on
              body_key: 1KiB
          - path: /
            upstream: a
            compress: [gzip, zstd]
            timeouts: {connect: 1s, first_byte: 2m, between_bytes: 3s}
            retries: 3
            cache: {query: exact, methods: [], collapse: off}
          - path: /x/
            host: example.com
            upstream: a
            cache: {query_allow: [q], credentials: [X-Session, cookie], post: reads, graphql: on, tags: [x], invalidates: [/y]}
          - paths: ["/api/users/{id}", "/api/{id}/user"]
            hosts: [a.example, "*.b.example"]
            upstream: c
            strip: /api/
          - {path: "/r/{rest...}", upstream: c, rewrite: "/v 2/{rest}"}
          - path: /gone
            respond: {status: 410, body: "gone: $${TOKEN}\\n", headers: {Content-Type: text/x, X-A: "b: c"}}
          - {path: /robots.txt, respond: {file: /srv/robots.txt}}
          - {path: "/old/{rest...}", redirect: {to: "https://{host}/new/{rest}?{query}", status: 302}}
        limits:
          head: 16KiB
          fields: 50
          request_line: 4KiB
          body: 0
          clients: 7
          requests: 0
          variants: 8
          head_timeout: 1s
          read_timeout: 2s
          upload_rate: 1KiB
          write_timeout: 3s
          idle_timeout: 4s
          tunnel_timeout: 5s
          backlog: 10
        log:
          access: json
          to: /var/log/l
          level: debug
        """
    static let environment = ["TOKEN": "t${x}\"\\", "PASSWORD": "p%40ss"]

    @Test("every key is read")
    func everyKey() throws {
        let reading = read(Self.everything, environment: Self.environment)
        #expect(reading.faults == [])
        let it = try #require(reading.configuration)
        #expect(
            it.server.listen == [
                .tcp(host: "127.0.0.1", port: 80), .tcp(host: "::1", port: 80), .unix(path: "/run/l.sock"),
            ])
        #expect(it.server.proxyProtocol == [.tcp(host: "::1", port: 80)])
        #expect(it.server.h2c == [.tcp(host: "127.0.0.1", port: 80)])
        #expect(it.server.http1Only == [.tcp(host: "::1", port: 80)])
        #expect(it.server.workers == 3)
        #expect(it.server.drain == .minutes(90))
        #expect(!it.server.xCache && !it.server.cacheStatus)
        #expect(it.admin.token == "t${x}\"\\")
        #expect(it.store.memory.rawValue == 1_000_000_000)
        #expect(
            it.store.redis
                == RedisEndpoint(address: .tcp(host: "::1", port: 6380), user: "u", password: "p@ss", database: 2))
        #expect(it.upstreams[0] == Upstream(name: "a", servers: [.tcp(host: "h", port: 80)]))
        #expect(it.upstreams[1].servers == [.tcp(host: "h", port: 80), .tcp(host: "i", port: 80)])
        #expect(it.upstreams.map(\.basePath) == ["", "/Base~/v1", "", ""])
        #expect(it.upstreams[2].servers == [.tcp(host: "h", port: 1), .unix(path: "/b")])
        #expect(
            it.upstreams[2].weights == [.tcp(host: "h", port: 1): 2] && it.upstreams[2].backups == [.unix(path: "/b")])
        #expect(it.upstreams[2].balance == .hash && it.upstreams[2].hashKey?.text == "{header.X-User}")
        #expect(it.routes[1].timeouts.firstByte == .minutes(2) && it.routes[1].retries == 3)
        #expect(it.upstreams[2].firstByteTimeout == .seconds(4))
        #expect(it.upstreams[2].maxConnectionAge == .hours(1))
        var check = HealthCheck(path: "/healthz")
        check.host = "health.example:80"
        check.statuses = 204...204
        check.interval = .seconds(1)
        check.timeout = Milliseconds(500)
        (check.rise, check.fall) = (3, 4)
        #expect(it.upstreams[2].check == check)
        #expect(it.routes[0].path.segments == [.literal("a~%2F"), .parameter("id"), .rest("rest")])
        #expect(it.routes[0].host == .suffix(".example.com"))
        let compression = try #require(it.routes[0].compression)
        #expect(compression.codings == [.br, .gzip] && compression.level == .best)
        #expect(compression.types == ["application/json", "text/*", "application/*+xml"])
        #expect(compression.minimum == .kibibytes(2))
        #expect(it.routes[1].compression?.codings == [.gzip, .zstd] && it.routes[2].compression == nil)
        let (request, response) = (it.routes[0].request, it.routes[0].response)
        #expect(request.set.map(\.name) == ["X-Tenant", "Authorization"])
        #expect(
            request.set[0].value.pieces == [.parameter("id"), .literal(Array("/".utf8)), .parameter("rest")])
        #expect(request.set[1].value.pieces == [.literal(Array("Bearer t${x}\"\\".utf8))])
        #expect(request.set.map(\.isSecret) == [false, true])
        #expect(request.add.map(\.value.pieces) == [[.clientAddress], [.literal(Array("{x}".utf8))]])
        #expect(request.remove == ["X-Internal", "cookie"])
        #expect(response.set[1].value.pieces.suffix(1) == [.host] && response.set[1].value.pieces.contains(.route))
        #expect(response.add.map(\.name) == ["Vary"] && response.remove == ["Server"])
        #expect(it.routes[0].cacheControl?.allowsSharing == false)
        #expect(it.routes[1].request.isEmpty && it.routes[1].response.isEmpty && it.routes[1].cacheControl == nil)
        let cache = try #require(it.routes[0].cache)
        #expect(cache.bypass.map(\.source) == [.cookie, .header, .query])
        #expect(cache.bypass.map(\.name) == ["session", "x-preview", "no cache"])
        #expect(cache.bypass.map(\.value) == [nil, "1*", nil])
        #expect(cache.methods == [.get, .query])
        #expect(
            cache.key?.pieces == [
                .lookup(name: "id", default: "x"), .literal([0x3a]), .query, .literal([0x3a]),
                .header(name: "accept", default: nil),
            ])
        #expect(
            cache.statuses == [
                StatusTimeout(.exact(203), Milliseconds(1)), StatusTimeout(.exact(404), .seconds(90)),
                StatusTimeout(.class(4), .seconds(5)), StatusTimeout(.class(5), .seconds(1)),
                StatusTimeout(.any, .seconds(30)),
            ])
        #expect(cache.heuristic == Percent(10) && cache.heuristicCap == .hours(2))
        #expect(cache.staleWhileRevalidate == .seconds(30) && cache.staleIfError == .hours(24))
        #expect(cache.keep == .seconds(3600))
        #expect(cache.earlyRefresh == Percent(100))
        #expect(cache.collapse == Milliseconds(250))
        #expect(!cache.backgroundFill && it.routes[2].cache?.backgroundFill == true)
        #expect(cache.isStrict)
        #expect(cache.contentTypes == ["application/json", "text/*", "application/vnd.api+json"])
        #expect(cache.tagHeaders == .remove && cache.tags == [])
        #expect(it.routes[1].cache?.collapse == .some(nil))
        #expect(it.routes[2].cache?.collapse == .seconds(5))
        #expect(it.limits.variants == 8)
        #expect(it.routes[1].path.segments == [.literal("")])
        #expect(it.routes[1].cache?.methods == [])
        #expect(it.routes[2].path.segments == [.literal("x"), .literal("")])
        #expect(it.routes[2].cache?.queryAllow == ["q"])
        #expect(cache.credentials == ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"])
        #expect(cache.cookies == .credentials && cache.post == .writes && !cache.isGraphQL)
        #expect(it.routes[2].cache?.credentials == ["X-Session", "cookie"])
        #expect(it.routes[2].cache?.post == .reads && it.routes[2].cache?.isGraphQL == true)
        #expect(it.routes[2].cache?.methods == [.get, .head, .post])
        #expect(it.routes[2].cache?.clientControl == .ignore)
        #expect(it.routes[3].paths.map(\.description) == ["/api/users/{id}", "/api/{id}/user"])
        #expect(it.routes[3].hosts == [.exact("a.example"), .suffix(".b.example")])
        #expect(it.routes[3].forwarding == .strip(PathPattern(segments: [.literal("api")])))
        #expect(it.routes[4].forwarding == .rewrite(try PathTemplate(parsing: "/v 2/{rest}")))
        var gone = FixedResponse()
        gone.status = 410
        gone.content = .text("gone: ${TOKEN}\n")
        gone.headers = [
            FixedResponse.Header(name: "Content-Type", value: "text/x"),
            FixedResponse.Header(name: "X-A", value: "b: c"),
        ]
        #expect(it.routes[5].action == .respond(gone))
        var robots = FixedResponse()
        robots.content = .file(path: "/srv/robots.txt", bytes: [])
        #expect(it.routes[6].action == .respond(robots))
        var moved = try Redirect(to: "https://{host}/new/{rest}?{query}")
        moved.status = 302
        #expect(it.routes[7].action == .redirect(moved))
        #expect(it.limits.body == .zero)
        #expect(it.log.to == .file(path: "/var/log/l"))
    }

    @Test("a check may be a path alone, with its interval beside it")
    func shortCheck() throws {
        let text = """
            upstreams: {a: {servers: "http://h", check: /c, check_interval: 1s}}
            routes: [{path: /, upstream: a}]
            """
        var check = HealthCheck(path: "/c")
        check.interval = .seconds(1)
        #expect(try #require(read(text).configuration).upstreams[0].check == check)
    }

    @Test("the effective file reads as the same configuration, and names every key")
    func effectiveFile() throws {
        let it = try #require(read(Self.everything, environment: Self.environment).configuration)
        let text = it.effectiveYAML(withoutSecrets: false)
        let again = read(text)
        #expect(again.faults == [])
        #expect(again.configuration == it)
        // One of two ways to give a token, and to give the interval of a check; and what it is made of several files from.
        let others = ["admin.token_file", "upstreams.*.check_interval", "include", "defaults"]
        for key in KeyDescription.all where !key.path.hasSuffix("*") && !others.contains(key.path) {
            let name = key.path.split(separator: ".").last!
            #expect(text.contains("\(name):"), "\(key.path)")
        }
    }

    @Test("the effective file without secrets has none, and still is a file")
    func effectiveFileWithoutSecrets() throws {
        let it = try #require(
            read(Self.everything, environment: ["TOKEN": "geheim", "PASSWORD": "geheim"]).configuration)
        let text = it.effectiveYAML()
        #expect(!text.contains("geheim"))
        #expect(text.contains("***"))
        #expect(read(text).faults == [])
    }

    @Test(
        "any text survives the effective file",
        arguments: [
            "${A}", "$${A}", "a\u{2028}b\u{feff}c\u{85}", "\"\\\n\t\u{1}", "*x", "null", "~", "- a", "a: b", "# c",
            "ä€😀", "on:", "$$", "{", " a ",
        ])
    func quoting(_ text: String) {
        var it = Configuration()
        it.store.prefix = text
        it.upstreams = [Upstream(name: "a", servers: [.unix(path: "/s")])]
        it.routes = [Route(path: PathPattern(segments: [.literal("")]), upstream: "a")]
        let reading = read(it.effectiveYAML())
        #expect(reading.faults == [])
        #expect(reading.configuration == it)
    }

    /// A file with a listener that speaks TLS.
    private static func secured(_ line: String) -> String {
        "server:\n  listen: {address: 127.0.0.1:443, tls: {certificates: {cert: /c, key: /k}, \(line)}}" + rest
    }

    @Test(
        "a key's declared default is what holds without it",
        arguments: KeyDescription.all.filter { $0.defaultText != nil })
    func defaults(_ key: KeyDescription) throws {
        let name = key.path.split(separator: ".").last!
        // A cap is a fault where nothing is capped.
        let companion = name == "heuristic_cap" ? "heuristic: 10%" : nil
        let line = "\(name): \(key.defaultText!)" + (companion.map { ", \($0)" } ?? "")
        let (with, without): (String, String) =
            if key.path.hasPrefix("server.listen.*.tls.") {
                (
                    Self.secured(name == "client_auth" ? "client_ca: /ca, \(line)" : line),
                    Self.secured(name == "client_auth" ? "client_ca: /ca" : "")
                )
            } else if key.path.hasPrefix("upstreams.*.tls.") {
                (
                    "upstreams: {a: {servers: \"https://h\", tls: {\(line)}}}\nroutes: [{path: /, upstream: a}]",
                    "upstreams: {a: \"https://h\"}\nroutes: [{path: /, upstream: a}]"
                )
            } else if key.path.hasPrefix("store.tls.") {
                (
                    "store: {backend: redis, redis: \"rediss://h\", tls: {\(line)}}" + rest,
                    "store: {backend: redis, redis: \"rediss://h\"}" + rest
                )
            } else if key.path.hasPrefix("server.listen.*.") {
                ("server:\n  listen: {address: 127.0.0.1:8080, \(line)}" + rest, rest)
            } else if key.path.hasPrefix("upstreams.*.check.") {
                (
                    "upstreams: {a: {servers: \"http://h\", check: {path: /c, \(line)}}}\nroutes: [{path: /, upstream: a}]",
                    "upstreams: {a: {servers: \"http://h\", check: /c}}\nroutes: [{path: /, upstream: a}]"
                )
            } else if key.path.hasPrefix("upstreams.*.servers.*.") {
                (
                    "upstreams: {a: {servers: [{url: \"http://h\", \(line)}]}}\nroutes: [{path: /, upstream: a}]",
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a}]"
                )
            } else if name == "max_streams" {
                (
                    "upstreams: {a: {servers: \"h2c://h\", \(line)}}\nroutes: [{path: /, upstream: a}]",
                    "upstreams: {a: \"h2c://h\"}\nroutes: [{path: /, upstream: a}]"
                )
            } else if key.path.hasPrefix("upstreams.*.") {
                (
                    "upstreams: {a: {servers: \"http://h\", \(line)}}\nroutes: [{path: /, upstream: a}]",
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a}]"
                )
            } else if key.path.hasPrefix("routes.*.cache.") {
                (
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a, cache: {\(line)}}]",
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a, cache: {\(companion ?? "")}}]"
                )
            } else if key.path.hasPrefix("routes.*.respond.") {
                ("routes: [{path: /, respond: {\(line)}}]", "routes: [{path: /, respond: {}}]")
            } else if key.path.hasPrefix("routes.*.redirect.") {
                ("routes: [{path: /, redirect: {to: /x, \(line)}}]", "routes: [{path: /, redirect: /x}]")
            } else if key.path.hasPrefix("routes.*.compress.") {
                (
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a, compress: {\(line)}}]",
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a, compress: on}]"
                )
            } else if key.path.hasPrefix("routes.*.") {
                (
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a, \(line)}]",
                    "upstreams: {a: \"http://h\"}\nroutes: [{path: /, upstream: a}]"
                )
            } else {
                ("\(key.path.split(separator: ".")[0]):\n  \(line)" + rest, rest)
            }
        let reading = read(with)
        #expect(reading.faults == [])
        #expect(reading.configuration == (try #require(read(without).configuration)))
    }

    @Test(
        "one value is a list of one, and short forms are what they stand for",
        arguments: [
            ("cache: {methods: GET}", "cache: {methods: [GET]}"), ("cache: 5m", "cache: {timeout: 5m}"),
            ("compress: on", "compress: {}"), ("compress: true", "compress: [zstd, br, gzip]"),
            ("compress: gzip", "compress: {codings: [gzip]}"), ("compress: off", "upgrade: off"),
            ("compress: []", "compress: off"), ("compress: {codings: off}", "compress: off"),
            ("compress: {types: text/html}", "compress: {types: [text/html]}"),
            ("cache: on", "cache: {}"), ("cache: true", "cache: {}"), ("cache: off", "upgrade: off"),
            ("cache: {content_types: text/html}", "cache: {content_types: [text/html]}"),
            ("cache: {query_deny: a}", "cache: {query_deny: [a]}"), ("hosts: a", "host: a"),
        ])
    func shortForms(_ short: String, _ long: String) throws {
        func configuration(_ line: String) -> Configuration? {
            read("upstreams: {a: [\"http://h\", \"http://i\"]}\nroutes: [{path: /x, upstream: a, \(line)}]")
                .configuration
        }
        let it = try #require(configuration(short))
        #expect(it == (try #require(configuration(long))))
        #expect(it.upstreams[0].servers.map(\.description) == ["http://h", "http://i"])
    }

    @Test("`<<` takes over what a mapping doesn't say itself, of the first that says it")
    func mergeKeys() throws {
        let text = """
            x-a: &a {timeout: 1m, mode: force}
            x-b: &b {timeout: 2m, methods: GET, <<: {collapse: off}}
            upstreams: {a: http://h}
            routes:
              - &r {path: /a, upstream: a, cache: {<<: *a, timeout: 3m}}
              - {path: /b, <<: *r}
              - {path: /c, upstream: a, cache: {<<: [*b, *a]}}
            """
        let reading = read(text)
        #expect(reading.faults == [])
        let routes = try #require(reading.configuration).routes
        #expect(routes.map(\.path.description) == ["/a", "/b", "/c"])
        #expect(routes.map { $0.cache?.timeout } == [.minutes(3), .minutes(3), .minutes(2)])
        #expect(routes.allSatisfy { $0.cache?.mode == .force })
        #expect(routes[2].cache?.methods == .get && routes[2].cache?.collapse == .some(nil))
    }

    @Test("every key has a sentence, and none is declared twice")
    func sentences() {
        #expect(Set(KeyDescription.all.map(\.path)).count == KeyDescription.all.count)
        for key in KeyDescription.all { #expect(key.sentence.hasSuffix("."), "\(key.path)") }
    }

    @Test("the files that are shipped are right", arguments: shipped)
    func shippedFile(_ name: String) throws {
        let bytes = try Array(Data(contentsOf: folder.appendingPathComponent(name)))
        let reading = ConfigurationFile.read(bytes: bytes, fileName: name, environment: { _ in nil })
        #expect(reading.faults == [])
        #expect(reading.warnings == [])
        #expect(reading.configuration?.routes.isEmpty == false)
    }

    @Test("there are examples")
    func examplesExist() { #expect(shipped.count > 8) }

    @Test("`${NAME}` is taken from the environment in any value")
    func variables() throws {
        let text = "server: {workers: \"${N}\", x_cache: \"${S}\"}\nlog: {to: \"/${D}/$${D}/$x\"}" + rest
        let it = try #require(read(text, environment: ["N": "4", "S": "off", "D": "${N}"]).configuration)
        #expect(it.server.workers == 4)
        #expect(!it.server.xCache)
        #expect(it.log.to == .file(path: "/${N}/${D}/$x"))
        #expect(
            faults("log:\n  to: /${D}" + rest) == [
                "2:7: error: environment variable `D` is not set; set it in Larder's environment"
            ])
        #expect(
            faults("log:\n  to: /${1 }" + rest) == [
                "2:7: error: invalid variable name in `${1 }`; write ${NAME}, ${NAME:-default}, or $${ for a literal ${"
            ])
        let defaults = "log: {to: \"/${D:-a:-b}/${E:-}/${N:-x}${N:-y}\"}" + rest
        #expect(
            try #require(read(defaults, environment: ["E": "e", "N": ""]).configuration).log.to
                == .file(path: "/a:-b/e/xy"))
        #expect(faults("log:\n  to: /${D" + rest) == ["2:7: error: unclosed ${; write $${ for a literal ${"])
    }

    @Test(
        "statuses may be written in block form, in quotes and with variables",
        arguments: [
            "{404: 10s, 5xx: 1s}", "{5xx: 1s, \"404\": \"10s\"}", "{5XX: \"${ONE}\", 404: \"${TEN}\"}",
            "\n        5xx: 1\n        404: 10",
        ])
    func statuses(_ value: String) throws {
        let text =
            "upstreams: {a: \"http://h\"}\nroutes:\n  - path: /x\n    upstream: a\n    cache:\n      statuses: \(value)"
        let reading = read(text, environment: ["ONE": "1s", "TEN": "10s"])
        #expect(reading.faults == [])
        #expect(
            reading.configuration?.routes[0].cache?.statuses == [
                StatusTimeout(.exact(404), .seconds(10)), StatusTimeout(.class(5), .seconds(1)),
            ])
    }

    @Test("force mode may force some statuses alone")
    func forcedStatuses() throws {
        let text =
            "upstreams: {a: \"http://h\"}\nroutes: [{path: /x, upstream: a, cache: {mode: force, statuses: {404: 10s}}}]"
        let cache = try #require(read(text).configuration?.routes[0].cache)
        #expect(cache.mode == .force && cache.timeout == nil && cache.statuses.count == 1)
    }

    @Test("in standard mode no status is refused: its origin may say public", arguments: ["302", "403", "500", "599"])
    func statusesOfStandardMode(_ status: String) {
        let text = "upstreams: {a: \"http://h\"}\nroutes: [{path: /x, upstream: a, cache: {statuses: {\(status): 1s}}}]"
        #expect(faults(text) == [])
    }

    @Test("anchors repeat values")
    func anchors() throws {
        let text =
            "upstreams: {a: \"http://h\"}\nroutes:\n  - {path: /a, upstream: a, cache: &c {timeout: 5}}\n  - {path: /b, upstream: a, cache: *c}"
        let it = try #require(read(text).configuration)
        #expect(it.routes[0].cache == it.routes[1].cache)
        #expect(it.routes[1].cache?.timeout == .seconds(5))
    }
}
