import Configuration
import ConfigurationReader
import Testing

/// A route that begins on line 3; its keys stand on lines of their own.
private func route(_ keys: String) -> String {
    "upstreams: {shop: \"http://h\"}\nroutes:\n  - "
        + keys.split(separator: "\n").joined(separator: "\n    ") + "\n  - {path: /used, upstream: shop}\n"
}

@Suite("Paths, hosts, strip, rewrite, respond and redirect: what may be said, and the sentence for what may not")
struct RouteActionTests {
    @Test(
        "lists of paths and hosts",
        arguments: [
            (
                "path: /a\npaths: [/b, /c]\nupstream: shop",
                "4:12: error: `path` and `paths` are mutually exclusive; write one list: paths: [/a, /b, /c]"
            ),
            (
                "path: /a\nhost: a.example\nhosts: [\"*.b.example\"]\nupstream: shop",
                "5:12: error: `host` and `hosts` are mutually exclusive; write one list: hosts: [a.example, \"*.b.example\"]"
            ),
            ("path: [/a, /b]\nupstream: shop", "3:11: error: `path` takes one value, found a list; use `paths`"),
            (
                "paths: [/a/{x}, /b]\nupstream: shop",
                "3:16: error: invalid YAML: did not find expected ',' or ']' while parsing a flow sequence; a value with { needs quotes within brackets, as in [\"/users/{id}\"]"
            ),
            (
                "paths: []\nupstream: shop",
                "3:12: error: `paths` is empty, so the route would match nothing; write [/users, /people]"
            ),
            (
                "path: /a\nhosts: []\nupstream: shop",
                "4:12: error: `hosts` is empty, so the route would match nothing; remove it for any host"
            ),
            (
                "paths: [\"/a/{x}\", \"/a/{y}\"]\nupstream: shop",
                "3:23: error: the path `/a/{y}` is listed twice; first on line 3"
            ),
            ("paths: [/a, b]\nupstream: shop", "3:17: error: the path `b` must start with a slash; write `/b`"),
            (
                "path: /a\nhosts: [a, A]\nupstream: shop",
                "4:16: error: the host `a` is listed twice; first on line 4"
            ),
            (
                "paths: [/a, /used]\nupstream: shop",
                "5:12: error: this route matches the same requests as the one on line 3; change `path` or `host`"
            ),
        ])
    func lists(_ keys: String, _ finding: String) { #expect(findings(route(keys)) == [finding]) }

    @Test("the path of a list that another route has is named")
    func duplicate() {
        let text = """
            upstreams: {a: "http://h"}
            routes:
              - {path: /b, host: h.example, upstream: a}
              - {paths: [/a, /b], hosts: [g.example, h.example], upstream: a}
            """
        #expect(
            findings(text) == [
                "4:18: error: the path `/b` matches the same requests as the one on line 3; remove it, or change `hosts`"
            ])
    }

    @Test(
        "templates hold for each of the paths",
        arguments: [
            (
                "paths: [\"/a/{id}\", /b]\nupstream: shop\ncache: {key: \"x:{id|0}\"}",
                "5:18: error: `{id}` is not a parameter of the path `/b`; a parameter must be in each of `paths`: write two routes"
            ),
            (
                "paths: [\"/a/{id}\", /b]\nupstream: shop\nrewrite: /x/{id}",
                "5:14: error: `{id}` is not a parameter of the path `/b`; a parameter must be in each of `paths`: write two routes"
            ),
            (
                "paths: [\"/a/{id}\", /b]\nredirect: /x/{id}",
                "4:15: error: `{id}` is not a parameter of the path `/b`; a parameter must be in each of `paths`: write two routes"
            ),
        ])
    func everyPath(_ keys: String, _ finding: String) { #expect(findings(route(keys)) == [finding]) }

    @Test(
        "strip and rewrite",
        arguments: [
            (
                "path: /{rest...}\nupstream: shop\nstrip: /api",
                "5:12: error: the path `/{rest...}` does not begin with `/api`; write path: /api/{rest...}"
            ),
            (
                "paths: [/api/a, /apix/b]\nupstream: shop\nstrip: /api",
                "5:12: error: the path `/apix/b` does not begin with `/api`; `strip` removes the beginning of the route's own path"
            ),
            ("path: /api/x\nupstream: shop\nstrip: /", "5:12: error: `/` removes nothing; remove `strip`"),
            (
                "path: /api/x\nupstream: shop\nstrip: api",
                "5:12: error: the path `api` must start with a slash; write `/api`"
            ),
            (
                "path: /{v}/x\nupstream: shop\nstrip: /{v}",
                "5:12: error: `/{v}` has a parameter, and `strip` removes literal text; use `rewrite`, which says what remains"
            ),
            (
                "path: /api/x\nupstream: shop\nstrip: [/api, /v1]",
                "5:12: error: `strip` takes one value, found a list; write one route for each"
            ),
            (
                "path: /api/x\nupstream: shop\nstrip: /api\nrewrite: /x",
                "5:12: error: `strip` and `rewrite` are mutually exclusive; `rewrite` says the whole path: keep it alone"
            ),
            (
                "path: /a/{rest...}\nupstream: shop\nrewrite: /v2/{res}",
                "5:14: error: `{res}` is not a parameter of the path `/a/{rest...}`; did you mean {rest}?"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /v2/{zebra}",
                "5:14: error: `{zebra}` is not a parameter of the path `/a/{id}`; known parameters: id"
            ),
            (
                "path: /a\nupstream: shop\nrewrite: /v2/{rest}",
                "5:14: error: `{rest}` is not a parameter of the path `/a`; the path has no parameters"
            ),
            (
                "path: /a/{rest...}\nupstream: shop\nrewrite: /v2/{rest...}",
                "5:14: error: `{rest...}` is for the route's path; write {rest} here"
            ),
            (
                "path: /a/{rest...}\nupstream: shop\nrewrite: /v2/{rest}/x",
                "5:14: error: `{rest}` is the rest of the path and may be empty; it must be all of the last segment, as in /v2/{rest}"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /v2/{id|1}",
                "5:14: error: `{id|1}` has a default, and a parameter of the path always has a value; write {id}"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: v2/{id}",
                "5:14: error: the path `v2/{id}` must start with a slash; write `/v2/{id}`"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: http://other/{id}",
                "5:14: error: the path `http://other/{id}` must start with a slash; only the path is rewritten"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /v2?id={id}",
                "5:14: error: the path `/v2?id={id}` has a ? or #; the client's query goes along as it is"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /v2/$1",
                "5:14: error: `/v2/$1` looks like the replacement of a regular expression; write {name} for a parameter of the route's path"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /a/../{id}",
                "5:14: error: the path `/a/../{id}` has a `..` segment"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /a//{id}",
                "5:14: error: the path `/a//{id}` has an empty segment"
            ),
            (
                "path: /a/{id}\nupstream: shop\nrewrite: /a/{id",
                "5:14: error: the path `/a/{id` has an unpaired brace"
            ),
        ])
    func forwarding(_ keys: String, _ finding: String) { #expect(findings(route(keys)) == [finding]) }

    @Test(
        "a route has one of upstream, respond and redirect",
        arguments: [
            (
                "path: /a\nupstream: shop\nrespond: 404",
                "5:14: error: `upstream` and `respond` are mutually exclusive; a route has one of them"
            ),
            (
                "path: /a\nrespond: 404\nredirect: /b",
                "5:15: error: `respond` and `redirect` are mutually exclusive; a route has one of them"
            ),
            (
                "path: /a\nrespond: 404\ncache: 1m",
                "5:12: error: `cache` has no effect on a route with `respond`; remove it"
            ),
            (
                "path: /api/a\nredirect: /b\nstrip: /api",
                "5:12: error: `strip` has no effect on a route with `redirect`; remove it"
            ),
        ])
    func actions(_ keys: String, _ finding: String) { #expect(findings(route(keys)) == [finding]) }

    @Test(
        "respond",
        arguments: [
            ("respond: 99", "4:14: error: `99` is not a status from 200 to 599"),
            ("respond: gone", "4:14: error: expected a status or keys, found `gone`; write respond: {body: …}"),
            ("respond: {status: 101}", "4:23: error: `101` is not a status from 200 to 599"),
            ("respond: {status: 206}", "4:23: error: 206 is the status of a part, and the response is whole; use 200"),
            (
                "respond: {status: 204, body: x}",
                "4:34: error: a response with the status 204 has no content; remove `body`"
            ),
            ("respond: {body: x, file: /y}", "4:30: error: `body` and `file` are mutually exclusive; keep one"),
            ("respond: {file: y}", "4:21: error: expected an absolute path, found `y`"),
            (
                "respond: {headers: {Content-Length: 3}}",
                "4:41: error: the header `Content-Length` is Larder's own; remove it"
            ),
            ("respond: {headers: {X A: y}}", "4:30: error: invalid header name `X A`"),
            (
                "respond: {headers: {X-A: \"a\\r\\nSet-Cookie: b\"}}",
                "4:30: error: the value of `X-A` has a control character"
            ),
            (
                "respond: {headers: {x-a: 1, X-A: 2}}", "4:33: error: the header `X-A` is listed twice"
            ),
            ("respond: {headers: [a]}", "4:24: error: expected a mapping, found a list"),
            ("respond: {code: 404}", "4:15: error: unknown key `code`; use `status`"),
            (
                "respond: {content_type: a/b}",
                "4:15: error: unknown key `content_type`; write headers: {Content-Type: application/json}"
            ),
        ])
    func respond(_ keys: String, _ finding: String) {
        let found = findings(route("path: /a\n\(keys)"))
        #expect(found.count == 1)
        // Columns within flow mappings are the reader's own matter.
        #expect(found.first.map { $0.split(separator: " ").dropFirst() } == finding.split(separator: " ").dropFirst())
    }

    @Test(
        "redirect",
        arguments: [
            (
                "redirect: {status: 301}",
                "4:15: error: the redirect has no `to`; add to: https://example.com{path}?{query}"
            ),
            (
                "redirect: {to: /b, status: 404}",
                "4:32: error: `404` is not the status of a redirect; use 301, 302, 303, 307 or 308; 307 and 308 keep the method, 301 and 308 are for good"
            ),
            (
                "redirect: https://evil{id}",
                "4:15: error: the host of `https://evil{id}` must end with a slash; write a slash, or {path}, after the host"
            ),
            (
                "redirect: /b/{idd}",
                "4:15: error: `{idd}` is not a parameter of the path `/a/{id}`; did you mean {id}?"
            ),
            (
                "redirect: /b/{zebra}",
                "4:15: error: `{zebra}` is not a parameter of the path `/a/{id}`; known parameters: id, host, path, query"
            ),
            ("redirect: /a/{id}", "4:15: error: the route redirects to itself; change `to`"),
            ("redirect: \"{path}\"", "4:15: error: the route redirects to itself; change `to`"),
            ("redirect: /a/{id}?{query}", "4:15: error: the route redirects to itself; change `to`"),
            ("redirect: {url: /b}", "4:16: error: unknown key `url`; use `to`"),
            (
                "redirect: [/a, /b]",
                "4:15: error: expected a mapping, found a list"
            ),
        ])
    func redirect(_ keys: String, _ finding: String) {
        let found = findings(route("path: /a/{id}\n\(keys)"))
        #expect(
            found.contains { $0.split(separator: " ").dropFirst() == finding.split(separator: " ").dropFirst() },
            "\(found)")
    }

    @Test("the servers of an upstream have one path")
    func basePaths() {
        #expect(
            findings("upstreams: {a: [http://h/x, http://i/y]}\nroutes: [{path: /, upstream: a}]") == [
                "1:29: error: `http://i/y` has another path than `http://h/x`; the servers of an upstream have one path: make two upstreams of them"
            ])
        #expect(
            findings("upstreams: {a: \"http://h/{x}\"}\nroutes: [{path: /, upstream: a}]") == [
                "1:16: error: `http://h/{x}` has a parameter in its path; use `rewrite` in a route: rewrite: /{x}"
            ])
        #expect(
            findings("upstreams: {a: http://h/a/../b}\nroutes: [{path: /, upstream: a}]").first?.contains(
                "`..` segment")
                == true)
    }

    @Test("a file is read with the configuration, and what is wrong with it is said at its place")
    func files() throws {
        let text = "routes: [{path: /, respond: {file: /srv/a.json}}]"
        func read(_ contents: @escaping Surroundings.FileReader) -> ConfigurationReading {
            ConfigurationFile.read(
                bytes: Array(text.utf8), fileName: "f",
                in: Surroundings(environment: { _ in nil }, contents: contents))
        }
        let reading = read { path, bound throws(ValueFault) in Array("\(path) \(bound)".utf8) }
        guard case .respond(let response)? = reading.configuration?.routes[0].action else {
            Issue.record("\(reading.faults)")
            return
        }
        #expect(response.bytes == Array("/srv/a.json 1048576".utf8))
        #expect(response.contentType == "application/json")
        let failed = read { _, _ throws(ValueFault) in throw ValueFault("no such file") }
        #expect(failed.faults.map(\.description) == ["f:1:36: error: no such file"])
    }

    @Test(
        "other products' words lead to the new keys",
        arguments: [
            ("strip_prefix", "use `strip`"), ("handle_path", "use `strip`"), ("return", "use `redirect` or `respond`"),
            ("url_rewrite", "use `rewrite`"), ("redir", "use `redirect`"), ("static_response", "use `respond`"),
            ("server_names", "use `hosts`"), ("uris", "use `paths`"),
        ])
    func words(_ word: String, _ hint: String) {
        let found = findings(route("path: /a\nupstream: shop\n\(word): x"))
        #expect(found == ["5:5: error: unknown key `\(word)`; \(hint)"])
    }
}
