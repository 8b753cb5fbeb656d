import Configuration
import Testing

/// A route with parameters `id` and `rest`, whose further keys stand on lines of their own, from line 5 on.
private func route(_ keys: String) -> String {
    let lines = keys.split(separator: "\n").map { "    \($0)\n" }.joined()
    return "upstreams: {a: \"http://h\"}\nroutes:\n  - path: /x/{id}/{rest...}\n    upstream: a\n" + lines
}

/// The message without its place and severity.
private func sentences(_ text: String) -> [String] {
    findings(text).map { $0.split(separator: " ", maxSplits: 1).last.map(String.init) ?? "" }
}

@Suite("Faults of `request`, `response` and `bypass`")
struct FieldFaultTests {
    @Test(
        "fields that a request's route can't change",
        arguments: [
            ("Connection", "`Connection` belongs to one connection, so a route can't set it"),
            ("TE", "`TE` belongs to one connection, so a route can't set it"),
            ("Trailer", "`Trailer` belongs to one connection, so a route can't set it"),
            (
                "upgrade",
                "`upgrade` belongs to one connection, so a route can't set it; `upgrade: on` lets WebSocket through"
            ),
            ("Transfer-Encoding", "`Transfer-Encoding` belongs to one connection, so a route can't set it"),
            ("Content-Length", "Larder writes `Content-Length` itself, so a route can't set it"),
            (
                "Host",
                "Larder writes `Host` itself, so a route can't set it; `host: upstream` in the upstream sends it the host of its own URL"
            ),
            (
                "X_Forwarded_For",
                "Larder writes `X_Forwarded_For` itself, so a route can't set it; it names the client; see `server.trusted_proxies`"
            ),
            ("Via", "Larder writes `Via` itself, so a route can't set it"),
            (
                "If-None-Match",
                "Larder decides by `If-None-Match` what it asks the upstream for, so a route can't set it"
            ),
            ("Range", "Larder decides by `Range` what it asks the upstream for, so a route can't set it"),
            ("Content-Encoding", "`Content-Encoding` describes the content, which Larder passes on as it is"),
            ("X-*", "`X-*`: header names have no patterns; list each name"),
            ("\"X Y\"", "`X Y` is not a header name"),
            ("\"X-A: b\"", "`X-A: b` is not a header name; write {X-A: \"b\"}"),
        ])
    func requestNames(_ name: String, _ sentence: String) {
        #expect(sentences(route("request: {set: {\(name): v}}")) == ["error: " + sentence])
        let removed = sentences(route("request: {remove: [\(name)]}"))
        #expect(removed.count == 1 && removed[0].hasPrefix("error: "), "\(removed)")
    }

    @Test(
        "fields that a response's route can't change",
        arguments: [
            ("{set: {Age: v}}", "Larder writes `Age` itself, so a route can't set it"),
            ("{remove: [date]}", "Larder writes `date` itself, so a route can't remove it"),
            (
                "{remove: [X-Cache]}",
                "Larder writes `X-Cache` itself, so a route can't remove it; `server.x_cache: off` turns it off"
            ),
            (
                "{add: {Cache-Status: v}}",
                "Larder writes `Cache-Status` itself, so a route can't add it; `server.cache_status: off` turns it off"
            ),
            ("{set: {ETag: v}}", "`ETag` is the API's: Larder revalidates with it; a route can only remove it"),
            ("{remove: [ETag, Last-Modified]}", nil),
            (
                "{remove: [Vary]}",
                "`Vary` says which responses caches may not mix up, so a route can't remove it; names can be added: add: {Vary: Origin}"
            ),
            ("{add: {Vary: Origin}}", nil),
            ("{remove: [Content-Type]}", "without `Content-Type` clients guess what the content is; use `set`"),
            ("{set: {Content-Type: text/plain}}", nil),
            ("{add: {Content-Type: v}}", "`Content-Type` can stand in a message only once; use `set`"),
            ("{remove: [Content-Range]}", "`Content-Range` describes the content, which Larder passes on as it is"),
        ])
    func responseNames(_ section: String, _ sentence: String?) {
        #expect(sentences(route("response: \(section)")) == (sentence.map { ["error: " + $0] } ?? []))
    }

    @Test(
        "values and shapes",
        arguments: [
            ("request: {set: {X: \"a\\nb\"}}", "error: a header value can't have a line break; write it in one line"),
            ("request: {set: {X: \"a\\rb\"}}", "error: a header value can't have a line break; write it in one line"),
            ("request: {set: {X: \"a\\0b\"}}", "error: a header value can't have control characters"),
            ("request: {set: {X: ä}}", "error: the header value `ä` is not plain ASCII; percent-encode it"),
            ("request: {set: {X: \"\"}}", "error: the header value is empty; list the header under `remove` instead"),
            ("request: {set: {X: }}", "error: `X` has no value; list it under `remove` to send none"),
            ("request: {set: {X: \" a\"}}", "error: the header value ` a` begins or ends with a space; remove it"),
            ("request: {set: {X: [a]}}", "error: `X` takes one value, found a list; use `add`"),
            ("request: {set: {X: a, x: b}}", "error: the header `x` is listed twice; first on line 5"),
            (
                "request: {set: {X-A: a}, remove: [x_a]}",
                "error: `x_a` is under `set` and under `remove`; `set` replaces what was there: keep that"
            ),
            ("request: {set: {X: a}, add: {X: b}}", "error: `X` is under `set` and under `add`; keep one"),
            ("request: {set: X}", "error: expected headers with their values, found text; write {X-Name: value}"),
            ("request: {remove: {X: a}}", "error: expected a list of header names, found a mapping; write [X-Name]"),
            ("request: [a]", "error: expected set, add or remove, found a list; write request: {set: {X-Name: value}}"),
            ("response: on", "error: expected set, add or remove, found text; write response: {set: {X-Name: value}}"),
            ("request: {X-A: b}", "error: unknown key `X-A`; write set: {X-A: value}"),
            ("request: {set: {X: \"{ip}\"}}", "error: unknown value `{ip}`; write {client_ip}"),
            ("request: {set: {X: \"{idd}\"}}", "error: unknown value `{idd}`; did you mean {id}?"),
            ("request: {set: {X: \"{path.restt}\"}}", "error: unknown value `{path.restt}`; did you mean {rest}?"),
            (
                "request: {set: {X: \"{zzzzz}\"}}",
                "error: unknown value `{zzzzz}`; known: {client_ip}, {host}, {request_id}, {route}, {id}, {rest}"
            ),
            (
                "request: {set: {X: \"{header.cookie}\"}}",
                "error: `{header.cookie}`: what a client sends in its headers and query can't be part of a header value; the upstream gets the client's own headers and query"
            ),
            ("request: {set: {X: \"{id\"}}", "error: `{id` has an unclosed {; write {{ for a literal {"),
            ("request: {set: {X: \"id}\"}}", "error: `id}` has an unmatched }; write }} for a literal }"),
            (
                "request: {set: {X: '{\"a\": 1}'}}",
                "error: `{\"a\": 1}` is not the name of a value; write {{ for a literal {"
            ),
            ("request: {set: {X: $remote_addr}}", "warning: `$remote_addr` is sent as it stands; write {client_ip}"),
            (
                "request: {cache_control: no-store}",
                "error: unknown key `cache_control`; `cache_control` belongs under `response`"
            ),
        ])
    func values(_ keys: String, _ sentence: String) { #expect(sentences(route(keys)) == [sentence]) }

    @Test(
        "what caches are told",
        arguments: [
            ("public, max-age=60", []), ("no-store", []), ("private,max-age=0", []),
            ("max-age=5m", ["error: `5m` is not a number of seconds; write max-age=300"]),
            ("5m", ["error: `5m` is not a Cache-Control value; write max-age=300"]),
            ("max-age", ["error: `max-age` needs a number of seconds; write max-age=60"]),
            ("public=1", ["error: `public` takes no value; write public"]),
            ("maxage=60", ["error: unknown directive `maxage=60` in `maxage=60`; did you mean `max-age`?"]),
        ])
    func cacheControl(_ value: String, _ expected: [String]) {
        #expect(sentences(route("response: {cache_control: \"\(value)\"}")) == expected)
    }

    @Test("what is said twice, or of everybody's response, is told")
    func combinations() {
        #expect(
            sentences(route("response: {cache_control: no-store, set: {Cache-Control: no-store}}"))
                == ["error: `cache_control` and `set` both replace Cache-Control; keep one"])
        #expect(
            sentences(route("response: {set: {Cache-Control: \"max-age=60\"}}")) == [
                "warning: this Cache-Control is sent with every response, personal ones and errors included; use `cache_control`, which isn't, and whose seconds count from when a client gets the response"
            ])
        #expect(sentences(route("response: {set: {Cache-Control: no-store}}")) == [])
        #expect(
            sentences(route("request: {set: {X-Plan: a}}\ncache: {timeout: 1m, key: \"{default}|{header.x-plan|}\"}"))
                == [
                    "warning: the key contains the client's `X-Plan`, which the upstream doesn't get; remove it from `key`"
                ])
        #expect(
            sentences(
                route(
                    "response: {cache_control: \"public, max-age=60\"}\ncache: {timeout: 1m, key: \"{default}|{cookie.plan|}\"}"
                )) == [
                    "warning: other caches would share what `cache_control` makes public, as they don't know the headers in `key`; write \"private, max-age=60\", or have the upstream send Vary"
                ])
    }

    @Test(
        "conditions of bypass",
        arguments: [
            ("[cookie.session, header.x-preview=1, query.no*=*]", []), ("cookie.session", []),
            (
                "[session]",
                [
                    "error: the condition `session` doesn't say where to look; write cookie.session, header.session or query.session"
                ]
            ),
            ("[$cookie_session]", ["error: unknown condition `$cookie_session`; write cookie.session"]),
            ("[$http_x_preview]", ["error: unknown condition `$http_x_preview`; write header.x-preview"]),
            ("[$arg_nocache]", ["error: unknown condition `$arg_nocache`; write query.nocache"]),
            ("[cookies.a]", ["error: unknown source `cookies` in `cookies.a`; did you mean cookie.a?"]),
            ("[args.a]", ["error: unknown source `args` in `args.a`; did you mean query.a?"]),
            ("[path.a]", ["error: unknown source `path` in `path.a`; use cookie, header or query"]),
            ("[cookie.]", ["error: `cookie.` has no name after the dot"]),
            ("[\"header.x-a: b\"]", ["error: invalid header name `x-a: b`; write header.NAME=VALUE"]),
            ("[cookie.a, cookie.a]", ["error: the condition `cookie.a` is listed twice; first on line 5"]),
            (
                "{cookie: a}",
                ["error: expected a list of conditions, found a mapping; write [cookie.session, query.nocache=1]"]
            ),
            ("on", ["error: `bypass` names what requests have, such as cookie.session; cache: off caches nothing"]),
        ])
    func bypass(_ value: String, _ expected: [String]) {
        #expect(sentences(route("cache: {bypass: \(value)}")) == expected)
    }

    @Test(
        "words of other products, and ours at another level",
        arguments: [
            ("proxy_set_header: {X: a}", "use `request`"), ("header_up: {X: a}", "use `request`"),
            ("add_header: {X: a}", "use `response`"), ("header_down: {X: a}", "use `response`"),
            ("headers: {X: a}", "use `request` or `response`"),
            ("proxy_hide_header: X", "use `remove` under `response`"),
            ("browser_ttl: 60s", "use `cache_control` under `response`"),
            ("proxy_cache_bypass: X", "use `bypass` under `cache`"),
            ("bypass: [cookie.a]", "`bypass` belongs under `cache`"),
            ("cache: {proxy_no_cache: X}", "use `bypass`"),
            ("request: {replace: {X: a}}", "use `set`"), ("request: {delete: [X]}", "use `remove`"),
            ("response: {append: {X: a}}", "use `add`"), ("response: {expires: 60s}", "use `cache_control`"),
        ])
    func words(_ keys: String, _ hint: String) {
        let found = sentences(route(keys))
        #expect(found.count == 1 && found[0].hasSuffix("; " + hint), "\(found)")
    }

    @Test("values that are secret are shown to nobody, and braces of a variable are no template")
    func secrets() throws {
        let text = route(
            "request: {set: {X-Upstream-Token: \"${TOKEN}\", Authorization: Basic abc, X-Open: shown}}")
        let reading = read(text, environment: ["TOKEN": "a{id}b"])
        #expect(reading.faults.isEmpty)
        let configuration = try #require(reading.configuration)
        #expect(configuration.routes[0].request.set[0].value.pieces == [.literal(Array("a{id}b".utf8))])
        let shown = configuration.effectiveYAML()
        #expect(!shown.contains("a{") && !shown.contains("abc") && shown.contains("X-Open: shown"))
        #expect(
            configuration.routes[0].request.summary.joined()
                == "set X-Upstream-Token: ***set Authorization: ***set X-Open: shown")
    }
}
