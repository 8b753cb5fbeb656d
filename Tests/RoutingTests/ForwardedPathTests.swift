import Bytes
import Configuration
import HTTPWire
import Testing

@testable import Routing

/// A route that forwards another path.
private func route(_ paths: String..., strip: String? = nil, rewrite: String? = nil) throws -> Route {
    var route = Route(path: .everything, upstream: "origin")
    route.paths = try paths.map { try PathPattern(parsing: $0) }
    if let strip { route.forwarding = .strip(try PathPattern(parsing: strip)) }
    if let rewrite { route.forwarding = .rewrite(try PathTemplate(parsing: rewrite)) }
    return route
}

/// What the upstream is asked for; nil if Larder refuses.
private func forwarded(_ route: Route, base: String = "", _ path: String) throws -> String? {
    let request = try SyntheticRequest(url: "http://example.com\(path)")
    let bytes = request.bytes.span
    guard case .matched(let match) = try RouteTable([route]).match(request.head, in: bytes) else { return "no route" }
    guard let rule = ForwardedPath(route, basePath: base) else { return path }
    return rule.text(request.head, bytes, match).map { String(decoding: $0, as: UTF8.self) }
}

@Suite("The path that an upstream is asked for")
struct ForwardedPathTests {
    @Test("Without strip, rewrite and base path it is the client's")
    func unchanged() throws {
        #expect(ForwardedPath(try route("/{rest...}"), basePath: "") == nil)
        let request = try route("/{rest...}")
        #expect(try forwarded(request, base: "/base", "/") == "/base/")
        #expect(try forwarded(request, base: "/base", "/a//b") == "/base/a//b")
        #expect(try forwarded(request, base: "/base", "//a") == "/base//a")
    }

    @Test(
        "strip removes segments, whatever their spelling, and leaves a slash",
        arguments: [
            ("/api", "/"), ("/api/", "/"), ("/api/users/7", "/users/7"), ("/%61pi/users", "/users"),
            ("/api/%7euser/%2f", "/~user/%2F"), ("/api/a//b", "/a//b"), ("/api/api/x", "/api/x"), ("/api/.x", "/.x"),
            ("/api//x", nil), ("/api//", nil), ("/api/\\x", nil), ("/api/%2Fx", "/%2Fx"),
        ] as [(String, String?)])
    func strip(path: String, expected: String?) throws {
        #expect(try forwarded(try route("/api/{rest...}", strip: "/api"), path) == expected)
    }

    @Test("What strip leaves comes behind the base path")
    func stripAndBase() throws {
        let api = try route("/api/{rest...}", "/api/v1/x", strip: "/api")
        #expect(try forwarded(api, base: "/base", "/api") == "/base")
        #expect(try forwarded(api, base: "/base", "/api/") == "/base/")
        #expect(try forwarded(api, base: "/base", "/api//x") == "/base//x")
        #expect(try forwarded(api, base: "/base", "/api/v1/x") == "/base/v1/x")
    }

    @Test(
        "rewrite puts values in as the client sent them, in their normal form",
        arguments: [
            ("/api/{rest...}", "/v2/{rest}", "/api/a/%7eb", "/v2/a/~b"),
            ("/api/{rest...}", "/v2/{rest}", "/api", "/v2"), ("/api/{rest...}", "/v2/{rest}", "/api/", "/v2/"),
            ("/api/{rest...}", "/{rest}", "/api", "/"), ("/api/{rest...}", "/{rest}", "/api/x", "/x"),
            ("/api/{rest...}", "/{rest}", "/api//x", nil), ("/api/{rest...}", "/v2/{rest}", "/api//x", "/v2//x"),
            ("/u/{id}", "/users/{id}/profile", "/u/a%2Fb%3f", "/users/a%2Fb%3F/profile"),
            ("/u/{id}", "/users/u-{id}.json", "/u/7", "/users/u-7.json"), ("/u/{id}", "/fixed", "/u/7", "/fixed"),
            ("/{a}/{b}", "/{b}/{a}{b}", "/x/y", "/y/xy"), ("/u/{id}", "/a b/%7e/{id}", "/u/1", "/a%20b/~/1"),
            // Text and value may not come together to a dot segment.
            ("/u/{id}", "/.{id}", "/u/;x", nil), ("/u/{id}", "/.{id}", "/u/x", "/.x"),
            ("/u/{id}", "/{id}.", "/u/a%2f", nil), ("/u/{id}", "/..{id}", "/u/;", nil),
        ] as [(String, String, String, String?)])
    func rewrite(pattern: String, template: String, path: String, expected: String?) throws {
        #expect(try forwarded(try route(pattern, rewrite: template), path) == expected)
    }

    @Test("A rewrite of several paths takes the values of the one that matched")
    func several() throws {
        let list = try route("/a/{x}/{y}", "/b/{y}/{x}", rewrite: "/{x}-{y}")
        #expect(try forwarded(list, "/a/1/2") == "/1-2")
        #expect(try forwarded(list, "/b/2/1") == "/1-2")
    }

    @Test("Whatever the values are, the segments of the template are those that the upstream reads")
    func segments() throws {
        let pieces = ["a", "%2F", "%2e", "..", ".", "", "%5C", "\\", ";", "%3B", "%25", "%00", "%", "?", "//"]
        let rules = [
            try route("/r/{rest...}", strip: "/r"), try route("/r/{rest...}", rewrite: "/v/{rest}"),
            try route("/r/{rest...}", rewrite: "/{rest}"),
        ]
        for first in pieces {
            for second in pieces {
                for third in ["", "/x", "/.."] {
                    for rule in rules {
                        let path = "/r/\(first)\(second)\(third)"
                        let sent = try? forwarded(rule, path)
                        guard let sent, sent != "no route" else { continue }
                        #expect(sent.hasPrefix("/") && !sent.hasPrefix("//") && !sent.hasPrefix("/\\"), "\(path)")
                        let bytes = Array(sent.utf8)
                        if case .refused(let fault) = TargetPath.form(of: bytes.span, in: ByteRange(0, bytes.count)) {
                            Issue.record("\(path) became \(sent): \(fault)")
                        }
                    }
                }
            }
        }
    }
}

@Suite("Which paths of clients lead to a path of an upstream")
struct ClientPathsTests {
    private func paths(
        _ routes: [Route], base: String = "", _ path: String, _ values: [String: String] = [:]
    ) -> Set<String>? {
        ClientPaths(routes, basePaths: ["origin": base]).map { clients in
            let bytes = Array(path.utf8)
            return Set(
                clients.paths(to: bytes.span, of: "origin") { values[$0].map { Array($0.utf8) } }
                    .map { String(decoding: $0, as: UTF8.self) })
        }
    }

    @Test("None are looked for where upstreams are asked for the clients' paths")
    func unneeded() throws {
        #expect(paths([try route("/{rest...}")], "/x") == nil)
        #expect(paths([try route("/{rest...}")], base: "/b", "/b/x") == ["/x"])
        #expect(paths([try route("/{rest...}")], base: "/b", "/bx") == [])
    }

    @Test("What was stripped is put back, in each way that it is stripped; a route that strips nothing is one more")
    func strip() throws {
        let api = try route("/api/{rest...}", strip: "/api")
        #expect(paths([api], "/users/7") == ["/api/users/7"])
        #expect(paths([api], "/") == ["/api", "/api/"])
        let both = [api, try route("/v1/{rest...}", strip: "/v1"), try route("/x/{rest...}")]
        #expect(paths(both, "/%75sers") == ["/api/users", "/v1/users", "/users"])
    }

    @Test(
        "A rewrite is turned around",
        arguments: [
            ("/api/{rest...}", "/v2/{rest}", "/v2/a/b", ["/api/a/b"]),
            ("/api/{rest...}", "/v2/{rest}", "/v2", ["/api/", "/api"]),
            ("/api/{rest...}", "/v2/{rest}", "/v3/a", []),
            ("/u/{id}", "/users/u-{id}.json", "/users/u-7.json", ["/u/7"]),
            ("/u/{id}", "/users/u-{id}.json", "/users/u-.json", []), ("/u/{id}", "/users/{id}", "/users/7/x", []),
            ("/{a}/{b}", "/{b}/x/{a}", "/1/x/2", ["/2/1"]), ("/{a}/{b}", "/{a}{b}", "/12", []),
            ("/{a}/{b}", "/x/{a}", "/x/1", []),
        ])
    func rewrite(pattern: String, template: String, path: String, expected: [String]) throws {
        #expect(paths([try route(pattern, rewrite: template)], path) == Set(expected))
    }

    @Test("What the template lacks is taken from the request")
    func values() throws {
        let tenant = try route("/tenants/{t}/users/{id}", rewrite: "/users/{id}")
        #expect(paths([tenant], "/users/7", ["t": "acme"]) == ["/tenants/acme/users/7"])
        #expect(paths([tenant], "/users/7") == [])
    }

    @Test("Whatever is asked for leads back to the path that it was asked for by")
    func inverse() throws {
        let routes = [
            try route("/api/{rest...}", strip: "/api"), try route("/a/{x}/{y}", "/b/{y}/{x...}", rewrite: "/n/{y}/{x}"),
            try route("/c/{id}", rewrite: "/c/x{id}y"), try route("/{rest...}"),
        ]
        let table = try RouteTable(routes)
        let clients = try #require(ClientPaths(routes, basePaths: ["origin": "/base"]))
        for path in ["/api", "/api/", "/api/1/2", "/a/1/2", "/b/2/1/3", "/b/2", "/c/7", "/c/%41%2f", "/other", "/"] {
            let request = try SyntheticRequest(url: "http://h\(path)")
            let bytes = request.bytes.span
            guard case .matched(let match) = table.match(request.head, in: bytes),
                let sent = ForwardedPath(routes[match.route], basePath: "/base")?.text(request.head, bytes, match)
            else {
                Issue.record("\(path) is not forwarded")
                continue
            }
            let found = clients.paths(to: sent.span, of: "origin").map { String(decoding: $0, as: UTF8.self) }
            let normal = path == "/c/%41%2f" ? "/c/A%2F" : path
            #expect(
                found.contains(normal), "\(path) was asked for as \(String(decoding: sent, as: UTF8.self)): \(found)")
        }
    }
}
