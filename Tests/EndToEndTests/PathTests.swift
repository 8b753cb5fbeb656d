import Foundation
import TestSupport
import Testing

// Where the API is asked for another path than the client's: what it is asked for, and that all that is said of stored responses
// (keys, purges, invalidation) is about the client's URLs.

/// One daemon for each store, before an API that answers with what it was asked for.
final class PathScene: Sendable {
    static let shared = Result { try PathScene() }

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    let redis: RedisServer
    private let daemons: [Backend: LarderProcess]

    init() throws {
        let origin = try stage.origin { exchange in
            let request = exchange.request
            guard request.method == "GET" else {
                // What a write answers with is the test's to say.
                return try exchange.respond(201, request["X-Say"].map { [$0] } ?? [])
            }
            try exchange.respond(200, body: "\(request.target) for \(request["Host"] ?? "")")
        }
        let redis = try stage.redis()
        (self.origin, self.redis) = (origin, redis)
        daemons = try stage.larders(Backend.both) { backend in
            LarderConfiguration(
                upstreams: """
                    origin: \(origin.url)
                    based: \(origin.url)/base/v1/
                    named: {servers: "\(origin.url)", host: upstream}
                    """,
                routes: Self.routes, store: backend.section(redis, prefix: "paths-\(backend)"))
        }
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    private static let routes = """
        - {path: "/api/{rest...}", upstream: origin, strip: /api, cache: 60s}
        - {path: "/v1/users/{id}", upstream: origin, rewrite: "/users/{id}", cache: 60s}
        - {path: "/tenants/{tenant}/users/{id}", upstream: origin, rewrite: "/{id}/of/{tenant}", cache: 60s}
        - {path: "/tenants/{tenant}/users", upstream: origin, rewrite: "/all/of/{tenant}", cache: 60s}
        - {path: "/flat/{tenant}/items/{id}", upstream: origin, rewrite: "/items/{id}", cache: 60s}
        - {path: "/flat/{tenant}/items", upstream: origin, rewrite: /items, cache: 60s}
        - {path: "/based/{rest...}", upstream: based, strip: /based, cache: 60s}
        - {path: "/plain/{rest...}", upstream: origin, strip: /plain}
        - {path: "/named/{rest...}", upstream: named, strip: /named, cache: 60s}
        - {paths: ["/tasks/{id}", "/jobs/{id}/{version}"], upstream: origin, rewrite: "/inner/{id}", cache: {timeout: 60s, key: "inner:{id}"}}
        - {path: "/rest/{rest...}", upstream: origin, rewrite: "/{rest}", cache: 60s}
        - {path: /same, upstream: origin, cache: 60s}
        """
}

@Suite("Paths that the API is asked for")
struct PathTests {
    let scene: PathScene

    init() throws { scene = try PathScene.shared.get() }

    /// A path that no other test asks for.
    private func own(_ name: String = #function) -> String {
        "\(name.prefix { $0 != "(" })-\(UInt32.random(in: 0 ... .max))"
    }

    @Test(
        "strip, rewrite and the path of an upstream's URL make the path; the query goes along",
        arguments: Backend.both)
    func paths(_ backend: Backend) throws {
        let larder = scene[backend]
        for (path, asked) in [
            ("/api", "/"), ("/api/", "/"), ("/api/a/b?c=%2f", "/a/b?c=%2F"), ("/%61pi/%7e%2f", "/~%2F"),
            ("/v1/users/a%2Fb?x=1", "/users/a%2Fb?x=1"), ("/tenants/t/users/7", "/7/of/t"),
            ("/based", "/base/v1"), ("/based/x?y", "/base/v1/x?y"), ("/plain/%61?b=%31", "/a?b=%31"),
            ("/tasks/7", "/inner/7"), ("/rest", "/"), ("/rest/x", "/x"),
        ] {
            let response = try larder.get(path, ["Host: paths.example"])
            #expect(response.status == 200)
            #expect(response.text == "\(asked) for paths.example", "\(path)")
        }
    }

    @Test("What would be read as another path never reaches the API: 400", arguments: Backend.both)
    func refused(_ backend: Backend) throws {
        for path in ["/api//evil.example/x", "/rest//evil.example", "/plain//evil", "/api/\\evil.example"] {
            for method in ["GET", "POST"] {
                let response = try scene[backend].request(method, path, body: method == "POST" ? [1] : nil)
                #expect(response.status == 400 && response.text.contains("invalid-path"), "\(method) \(path)")
            }
        }
        #expect(!scene.origin.requests().contains { $0.target.contains("evil") })
    }

    @Test("Keys, purges and Redis are about the client's URL", arguments: Backend.both)
    func keys(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = "/api/\(own())"
        try larder.awaitHit(path)
        let key = try larder.command(["key", "GET", "http://api.example\(path)"])
        #expect(key.output.contains("key: GET http://api.example\(path)\n"))
        #expect(key.output.hasSuffix("forwarded: \(path.dropFirst(4))\n"))
        if backend == .redis {
            let redisKey = try larder.redisKey("GET", "http://api.example\(path)")
            #expect(try scene.redis.command("DEL", redisKey).int == 1)
            #expect(try larder.get(path).xCache == "MISS")
            try larder.awaitHit(path)
        }
        #expect(try larder.command(["purge", "http://api.example\(path)"]).status == 0)
        #expect(try larder.get(path).xCache == "MISS")
    }

    /// Asks for what is stored, has a write say something, and asks again.
    private func write(
        _ backend: Backend, to target: String, saying field: String?, about path: String, host: String = "api.example"
    ) throws -> String? {
        let larder = scene[backend]
        try larder.awaitHit(path, ["Host: \(host)"])
        let written = try larder.request(
            "POST", target, ["Host: \(host)"] + (field.map { ["X-Say: \($0)"] } ?? []), body: Array("x".utf8))
        #expect(written.status == 201)
        return try larder.get(path, ["Host: \(host)"]).xCache
    }

    @Test(
        "RFC 9111 §4.4: what a write names by the API's own path is invalidated by the client's",
        arguments: Backend.both)
    func locations(_ backend: Backend) throws {
        let id = own()
        for field in [
            "Location: /\(id)", "Content-Location: \(id)", "Location: http://api.example/\(id)",
            "Location: /api/\(id)",
        ] {
            #expect(try write(backend, to: "/api/list", saying: field, about: "/api/\(id)") == "MISS", "\(field)")
        }
        let base = own()
        #expect(
            try write(backend, to: "/based/a", saying: "Location: /base/v1/\(base)", about: "/based/\(base)") == "MISS")
        // Made of the rewrite's parameters, and of the request's own where the rewrite drops one.
        #expect(
            try write(backend, to: "/tenants/t/users", saying: "Location: /\(id)/of/t", about: "/tenants/t/users/\(id)")
                == "MISS")
        #expect(
            try write(backend, to: "/flat/t/items", saying: "Location: /items/\(id)", about: "/flat/t/items/\(id)")
                == "MISS")
        #expect(
            try write(backend, to: "/flat/u/items", saying: "Location: /items/\(id)", about: "/flat/t/items/\(id)")
                == "HIT")
    }

    @Test("A server that calls itself by its own name means its own paths", arguments: Backend.both)
    func ownName(_ backend: Backend) throws {
        let id = own()
        let url = "\(scene.origin.url)/\(id)"
        #expect(try write(backend, to: "/named/list", saying: "Location: \(url)", about: "/named/\(id)") == "MISS")
        // Elsewhere, that name is somebody else's.
        #expect(try write(backend, to: "/api/list", saying: "Location: \(url)", about: "/api/\(id)") == "HIT")
        #expect(
            try write(backend, to: "/api/list", saying: "Location: http://other.example/\(id)", about: "/api/\(id)")
                == "HIT")
    }

    @Test("A write by one path is a write by every other that leads to the same", arguments: Backend.both)
    func aliases(_ backend: Backend) throws {
        let id = own()
        #expect(try write(backend, to: "/api/users/\(id)", saying: nil, about: "/v1/users/\(id)") == "MISS")
        #expect(try write(backend, to: "/v1/users/\(id)", saying: nil, about: "/api/users/\(id)") == "MISS")
        #expect(try write(backend, to: "/api/same", saying: nil, about: "/same") == "MISS")
        #expect(try write(backend, to: "/named/same", saying: nil, about: "/same") == "HIT")
    }

    @Test("The paths of one route are one route: one key, one row of figures", arguments: Backend.both)
    func lists(_ backend: Backend) throws {
        let larder = scene[backend]
        let id = own()
        let first = try larder.awaitHit("/tasks/\(id)")
        let other = try larder.get("/jobs/\(id)/3")
        #expect(other.xCache == "HIT" && other.text == first.text)
        let rows = try #require(try larder.stats()["routes"].list)
        let row = try #require(rows.first { $0["path"].string == "/tasks/{id}, /jobs/{id}/{version}" })
        #expect(try #require(row["requests"].int) >= 3)
    }

    @Test("explain names the path that the API is asked for", arguments: Backend.both)
    func explain(_ backend: Backend) throws {
        let larder = scene[backend]
        let told = try larder.command(["explain", "GET", "http://api.example/v1/users/7"]).output
        #expect(told.contains("asks for"), "\(told)")
        #expect(told.contains("/users/7"))
        let document = try larder.admin("GET", "/explain?method=GET&url=http%3A%2F%2Fapi.example%2Fapi").json()
        #expect(document["route"]["upstream_path"].string == "/")
        #expect(document["key"]["text"].string == "GET http://api.example/api")
        let refused = try larder.admin("GET", "/explain?method=GET&url=http%3A%2F%2Fapi.example%2Fapi%2F%2Fx").json()
        #expect(refused["verdict"].string == "REFUSED" && refused["reason"].string == "invalid-path")
    }

    @Test("The effective file has what the file says")
    func effective() throws {
        let text = try scene[.memory].admin("GET", "/config").text
        for line in [
            "strip: /api", "rewrite: \"/users/{id}\"", "paths: [\"/tasks/{id}\", \"/jobs/{id}/{version}\"]",
            "servers: [\(scene.origin.url)/base/v1]",
        ] { #expect(text.contains(line), "\(line) is not in \(text)") }
    }
}
