import Testing

@testable import Configuration
@testable import ConfigurationReader

/// Reads a file `f` beside others, by pattern.
private func readAll(_ text: String, _ files: [String: [(name: String, text: String)]] = [:]) -> ConfigurationReading {
    let surroundings = Surroundings(
        environment: { _ in nil },
        files: { pattern in
            .files((files[pattern] ?? []).map { Surroundings.IncludedFile(name: $0.name, bytes: Array($0.text.utf8)) })
        })
    return ConfigurationFile.read(bytes: Array(text.utf8), fileName: "f", in: surroundings)
}

private func findingsIn(_ text: String, _ files: [String: [(name: String, text: String)]] = [:]) -> [String] {
    let reading = readAll(text, files)
    return (reading.faults + reading.warnings).sorted { $0.position < $1.position }.map(\.description)
}

private let upstreams = "upstreams: {a: \"http://127.0.0.1:1\"}\n"

@Suite("include: further files")
struct IncludeTests {
    private static let main = upstreams + "include: conf.d/*.yaml\nroutes: [{path: /a, upstream: a}]\n"

    @Test("Included files hold upstreams and routes, which may refer to one another")
    func both() throws {
        let reading = readAll(
            upstreams + "include: [one/*.yaml, two.yaml]\n",
            [
                "one/*.yaml": [
                    ("one/1.yaml", "routes: [{path: /b, upstream: b}]"), ("one/2.yaml", "# nothing\n"),
                    ("one/3.yaml", "x-own: 1\nupstreams: {b: \"http://127.0.0.1:2\"}\nroutes:\n"),
                ],
                "two.yaml": [
                    ("one/1.yaml", "the same file is read once"), ("two.yaml", "routes: [{path: /a, upstream: a}]"),
                ],
            ])
        #expect(reading.faults == [] && reading.warnings == [])
        let configuration = try #require(reading.configuration)
        #expect(configuration.upstreams.map(\.name) == ["a", "b"])
        #expect(configuration.routes.map(\.path.description) == ["/b", "/a"])
        // `/config` shows the file that all of them are together.
        let effective = ConfigurationFile.read(
            bytes: Array(configuration.effectiveYAML().utf8), fileName: "e", environment: { _ in nil })
        #expect(effective.configuration == configuration)
    }

    @Test(
        "Faults are at their place in their file",
        arguments: [
            (
                "routes: [{path: /b, upstream: c}]", ["i:1:31: error: unknown upstream `c`; known upstreams: a"]
            ),
            (
                "routes:\n  - path: /b\n    upstream: a\n   cache: 5m",
                [
                    "i:4:4: error: invalid YAML: wrong indentation: 3 spaces here, but 4 spaces before `path` on line 2; use the same indentation"
                ]
            ),
            (
                "routes: [{path: /b, upstraem: a, upstream: a}]",
                ["i:1:21: error: unknown key `upstraem`; did you mean `upstream`?"]
            ),
            (
                "server: {workers: 1}",
                [
                    "i:1:1: error: `server` belongs in the main file; an included file holds `upstreams`, `routes` and `defaults`"
                ]
            ),
            (
                "include: x.yaml",
                [
                    "i:1:1: error: `include` belongs in the main file; an included file holds `upstreams`, `routes` and `defaults`"
                ]
            ),
            (
                "just text",
                [
                    "i:1:1: error: expected keys such as `upstreams:` and `routes:`, found text; the file is YAML: upstreams: {api: http://127.0.0.1:9000}"
                ]
            ),
            ("- path: /b\n  upstream: a", ["i:1:1: error: expected a mapping, found a list"]),
            (
                "upstreams: {a: \"http://127.0.0.1:2\"}",
                ["i:1:13: error: duplicate upstream `a`; first defined on line 1 of f"]
            ),
            (
                "routes: [{path: /a, upstream: a}]",
                [
                    "i:1:17: error: this route matches the same requests as the one on line 3 of f; change `path` or `host`"
                ]
            ),
            (
                "upstreams: {b: \"http://127.0.0.1:2\"}",
                ["i:1:13: warning: no route uses the upstream `b`; add a route, or remove it"]
            ),
            (
                "routes: {path: /b}",
                ["i:1:9: error: expected a list of routes, found a mapping; start each with `- path: …`"]
            ),
        ])
    func places(included: String, expected: [String]) {
        #expect(findingsIn(Self.main, ["conf.d/*.yaml": [("i", included)]]) == expected)
    }

    @Test("Faults of several files are in the order of the files")
    func order() {
        let found = findingsIn(
            Self.main + "limit: 1\n",
            ["conf.d/*.yaml": [("i", "\n\nroute: []"), ("j", "routes: [{path: /b, upstream: b}]"), ("k", "x")]])
        #expect(found.map { String($0.prefix(5)) } == ["f:4:1", "i:3:1", "j:1:3", "k:1:1"])
    }

    @Test("What can't be included is said at the pattern")
    func patterns() {
        #expect(findingsIn(Self.main, [:]) == [])
        #expect(
            findingsIn(Self.main.replacing("conf.d/*.yaml", with: "conf.d/shop.yaml"))
                == ["f:2:10: error: there is no file `conf.d/shop.yaml`; it is looked for in the folder of this file"])
        #expect(
            findingsIn(Self.main, ["conf.d/*.yaml": [("f", "")]]) == [
                "f:2:10: error: the pattern matches this file itself; keep the files to include in a folder of their own, such as conf.d/*.yaml"
            ])
        #expect(
            findingsIn(Self.main.replacing("conf.d/*.yaml", with: "[a/*, b/*, a/*]"))
                == ["f:2:21: error: the pattern `a/*` is listed twice; first on line 2"])
        let many = (0...1_000).map { (name: "\($0)", text: "") }
        #expect(
            findingsIn(Self.main, ["conf.d/*.yaml": many]) == ["f:2:10: error: more than 1000 files are included"])
        let surroundings = Surroundings(
            environment: { _ in nil }, files: { _ in .files([.init(name: "d", bytes: nil, complaint: "is a secret")]) })
        let unread = ConfigurationFile.read(bytes: Array(Self.main.utf8), fileName: "f", in: surroundings)
        #expect(unread.faults.map(\.description) == ["f:2:10: error: the file `d` is a secret"])
    }

    @Test("The bounds on size hold for all files together")
    func bounds() {
        let large = String(repeating: "# 0123456789\n", count: 330_000)
        let found = findingsIn(Self.main, ["conf.d/*.yaml": [("i", large), ("j", large)]])
        #expect(found == ["f:2:10: error: the included files have more than 8388608 bytes together"])
        let values = "x-v: [\(String(repeating: "1,", count: 600_000))]"
        let weights = findingsIn(Self.main, ["conf.d/*.yaml": [("i", values), ("j", values)]])
        #expect(weights.count == 1 && weights[0].hasPrefix("j:") && weights[0].contains("more than 1000000 values"))
    }

    @Test("An empty list is none, where others have routes")
    func emptyLists() {
        let routes = ("i", "routes: [{path: /a, upstream: a}]")
        #expect(findingsIn(upstreams + "include: x/*\nroutes:\n", ["x/*": [routes, ("j", "routes: []")]]) == [])
        #expect(
            findingsIn(upstreams + "include: x/*\nroutes: []", ["x/*": [("j", "routes:")]]).map { $0.prefix(6) } == [
                "f:3:9:"
            ])
    }

    @Test("Without routes anywhere nothing would be served")
    func noRoutes() {
        let found = findingsIn(upstreams + "include: x/*", ["x/*": [("i", "upstreams: {b: \"http://127.0.0.1:2\"}")]])
        #expect(
            found == [
                "f:1:1: error: `routes` is missing, so nothing would be served; add a route: - {path: \"/{rest...}\", upstream: NAME}"
            ])
    }
}

@Suite("defaults: what routes don't say themselves")
struct DefaultsTests {
    private func routes(_ defaults: String, _ routes: String) throws -> [Route] {
        let reading = readAll(upstreams + "defaults:\n\(defaults)\nroutes:\n\(routes)\n")
        #expect(reading.faults == [])
        return try #require(reading.configuration).routes
    }

    @Test("A route has what it doesn't say, and its own key replaces a default, lists included")
    func replaced() throws {
        let all = try routes(
            """
              upstream: a
              upgrade: on
              cache:
                timeout: 5m
                methods: [GET]
                content_types: [application/json, text/*]
                statuses: {404: 1s, 5xx: 2s}
            """,
            """
              - path: /plain
              - path: /own
                upgrade: off
                cache: {methods: [GET, HEAD], content_types: text/html, statuses: {404: 3s}}
              - {path: /off, cache: off}
              - {path: /short, cache: 10s}
              - {path: /on, cache: on}
            """)
        let (plain, own) = (try #require(all[0].cache), try #require(all[1].cache))
        #expect(all.allSatisfy { $0.upstream == "a" })
        #expect(all[0].upgrade == ["websocket"] && all[1].upgrade == [])
        #expect(plain.timeout == .seconds(300) && plain.methods == .get && plain.statuses.count == 2)
        #expect(own.timeout == .seconds(300) && own.methods == [.get, .head] && own.contentTypes == ["text/html"])
        #expect(own.statuses.map(\.selector.description) == ["404", "5xx"])
        #expect(own.statuses.map(\.timeout) == [.seconds(3), .seconds(2)])
        #expect(all[2].cache == nil)
        #expect(all[3].cache?.timeout == .seconds(10) && all[3].cache?.methods == .get)
        #expect(all[4].cache == plain)
    }

    @Test("A default of one of two keys that exclude each other gives way to the other")
    func alternatives() throws {
        let all = try routes(
            "  cache: {query_deny: [\"utm_*\"], timeout: 1m}",
            "  - {path: /a, upstream: a, cache: {query_allow: [q]}}\n  - {path: /b, upstream: a}")
        #expect(all[0].cache?.queryAllow == ["q"] && all[0].cache?.queryDeny == [])
        #expect(all[1].cache?.queryDeny == ["utm_*"])
    }

    @Test("YAML's merge keys come before defaults")
    func mergeKeys() throws {
        let all = try routes(
            "  cache: {timeout: 1m, stale_if_error: 2m}",
            "  - &first {path: /a, upstream: a, cache: {timeout: 2m}}\n  - {<<: *first, path: /b}")
        #expect(all.allSatisfy { $0.cache?.timeout == .seconds(120) && $0.cache?.staleIfError == .seconds(120) })
    }

    @Test("Defaults of an included file hold for its routes, and come before the main file's")
    func included() throws {
        let reading = readAll(
            upstreams + "include: i\ndefaults: {host: main.example, cache: {timeout: 1m, keep: 1h}}\n"
                + "routes: [{path: /a, upstream: a}]",
            [
                "i": [
                    (
                        "i",
                        "defaults: {upstream: a, host: i.example, cache: {timeout: 2m}}\nroutes: [path: /a, path: /b]"
                    )
                ]
            ])
        #expect(reading.faults == [])
        let routes = try #require(reading.configuration).routes
        #expect(routes.map(\.host.description) == ["main.example", "i.example", "i.example"])
        #expect(routes.map { $0.cache?.timeout } == [.seconds(60), .seconds(120), .seconds(120)])
        #expect(routes.allSatisfy { $0.cache?.keep == .hours(1) })
    }

    @Test(
        "Faults name their line",
        arguments: [
            ("{cahce: 5m}", ["2:12: error: unknown key `cahce`; did you mean `cache`?"]),
            ("{cache: {timeot: 5m}}", ["2:20: error: unknown key `timeot`; did you mean `timeout`?"]),
            (
                "{cache: {timeout: fast}}",
                ["2:29: error: invalid duration `fast`; use 500ms, 30s, 5m, 1h30m, 7d or a whole number of seconds"]
            ),
            ("{path: /x}", ["2:12: error: `path` can't be a default; each route has its own"]),
            ("{upstream: b}", ["2:22: error: unknown upstream `b`; known upstreams: a"]),
            ("{timeout: 5m}", ["2:12: error: unknown key `timeout`; `timeout` belongs under `cache`"]),
            ("[cache]", ["2:11: error: expected a mapping, found a list"]),
            (
                "{cache: {key: \"k:{id}\"}}",
                [
                    "2:25: error: `{id}` is not a parameter of the path `/a`; write {query.id} for a query parameter, or {id|default}"
                ]
            ),
        ])
    func faults(defaults: String, expected: [String]) {
        let text =
            upstreams + "defaults: \(defaults)\nroutes: [{path: /a, host: h, upstream: a}, {path: /a/b, host: h}]\n"
        let own =
            defaults.contains("upstream")
            ? text : text.replacing("{path: /a/b, host: h}", with: "{path: /a/{id}, host: h, upstream: a}")
        let found = findingsIn(own.replacing("/a/{id}", with: "\"/a/{id}\"")).map { String($0.dropFirst(2)) }
        #expect(found == expected)
    }

    @Test("An alias that repeats a fault repeats no report")
    func once() {
        let text =
            upstreams
            + "defaults: {cache: {mode: forced}}\nroutes: [{path: /a, upstream: a}, {path: /b, upstream: a}]\n"
        #expect(findingsIn(text).count == 1)
    }

    @Test(
        "Of an included file that isn't YAML only the place is told, as it may hold anything",
        arguments: [
            "user: @secret", "key: a: secret", "-secret", "password:secret\nother: x\n\t", "a: {secret} secret",
            "\"secret\" secret", "secret=1\nupstreams: x\n", "a: 1\n secretkey: 2", "%secret", "key: |secret",
        ])
    func content(_ text: String) {
        let found = findingsIn(upstreams + "include: i\nroutes: [{path: /a, upstream: a}]", ["i": [("i", text)]])
        #expect(!found.isEmpty)
        for line in found {
            #expect(line.wholeMatch(of: /i:[0-9]+:[0-9]+: .+/) != nil && !line.contains("secret"), "\(line)")
        }
    }
}
