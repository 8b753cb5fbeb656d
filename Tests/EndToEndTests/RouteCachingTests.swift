import Foundation
import TestSupport
import Testing

// `cache` of a route: lifetimes, modes, keys (docs of the configuration file).

@Suite("What a route says about caching")
struct RouteCachingTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test(
        "cache.timeout stores what the origin says nothing about, and nothing against its word",
        arguments: Backend.allCases)
    func routeTimeout(_ backend: Backend) throws {
        try scene[backend].awaitHit(origin.script("/timed/t") { try $0.respond(200, body: "a") })
        let forbidden = origin.script("/timed/t") { try $0.respond(200, ["Cache-Control: no-store"], body: "b") }
        try scene.expectNotStored(scene[backend], forbidden)
    }

    @Test("mode: force replaces what the origin says, but not where a cookie or a password is involved")
    func forced() throws {
        let larder = scene[.memory]
        for control in ["no-store", "private", "max-age=0", "no-cache"] {
            try larder.awaitHit(
                origin.script("/forced/t") { try $0.respond(200, ["Cache-Control: \(control)"], body: "a") })
        }
        try scene.expectNotStored(
            larder, origin.script("/forced/t") { try $0.respond(200, ["Set-Cookie: a=1"], body: "a") })
        try scene.expectNotStored(
            larder, origin.script("/forced/t") { try $0.respond(200, body: "a") }, ["Authorization: Basic eDp5"])
    }

    @Test("The order of query pairs doesn't matter, their values do")
    func sortedQuery() throws {
        let path = origin.script { try $0.respond(200, ["Cache-Control: max-age=60"], body: $0.request.target) }
        let larder = scene[.memory]
        try larder.awaitHit("\(path)?a=1&b=2")
        #expect(try larder.get("\(path)?b=2&a=1").xCache == "HIT")
        #expect(try larder.get("\(path)?a=1&b=3").xCache == "MISS")
        #expect(try larder.get("\(path)?a=2&a=1").xCache == "MISS")
        #expect(try larder.get("\(path)?a=1&a=2").xCache == "MISS")
    }

    @Test("cache.query: exact minds the order, ignore minds nothing, query_deny leaves names out")
    func queryModes() throws {
        let larder = scene[.memory]
        func script(_ prefix: String) -> String { origin.script(prefix) { try $0.respond(200, body: "a") } }
        let exact = script("/exact/t")
        try larder.awaitHit("\(exact)?a=1&b=2")
        #expect(try larder.get("\(exact)?b=2&a=1").xCache == "MISS")
        let ignoring = script("/ignoring/t")
        try larder.awaitHit("\(ignoring)?a=1")
        #expect(try larder.get("\(ignoring)?z=9").xCache == "HIT")
        let denying = script("/denying/t")
        try larder.awaitHit("\(denying)?a=1&utm_source=x")
        #expect(try larder.get("\(denying)?utm_medium=y&a=1").xCache == "HIT")
        #expect(try larder.get("\(denying)?a=2").xCache == "MISS")
    }

    @Test("cache.key is the whole key: what it doesn't name makes no difference")
    func keyTemplate() throws {
        let path = origin.script("/keyed/t") { try $0.respond(200, body: $0.request.target) }
        let larder = scene[.memory]
        try larder.awaitHit("\(path)?other=1")
        #expect(try larder.get("\(path)?other=2&page=1").xCache == "HIT")
        #expect(try larder.get("\(path)?page=2").xCache == "MISS")
    }

    @Test("A request without a value of cache.key, or with two, is nobody's but its own", arguments: Backend.allCases)
    func incompleteKey(_ backend: Backend) throws {
        let path = origin.script("/tenants/t") {
            try $0.respond(200, body: "\($0.request["X-Tenant"] ?? "none") \($0.request.target)")
        }
        let larder = scene[backend]
        let tenant = ["X-Tenant: one"]
        #expect(try larder.awaitHit(path, tenant).text == "one \(path)")
        for (target, fields, detail) in [
            (path, [], "key-incomplete"), (path, ["X-Tenant:"], "key-incomplete"),
            ("\(path)?page=1&page=2", tenant, "key-ambiguous"), ("\(path)?page=2&a&page=", tenant, "key-ambiguous"),
        ] {
            for _ in 0..<2 {
                let response = try larder.get(target, fields)
                #expect(response.xCache == "BYPASS" && response["Cache-Status"]?.contains(detail) == true)
                #expect(response.text == (fields == tenant ? "one " : fields.isEmpty ? "none " : " ") + target)
            }
        }
        let key = try larder.command(["key", "GET", "http://h\(path)"])
        #expect(key.status == 1 && key.errors.contains("no default"), "\(key.errors)")
    }

    @Test("Hosts don't share answers, letters and the default port aside")
    func hosts() throws {
        let path = origin.script { try $0.respond(200, ["Cache-Control: max-age=60"], body: $0.request["Host"] ?? "") }
        let larder = scene[.memory]
        try larder.awaitHit(path, ["Host: a.example"])
        #expect(try larder.get(path, ["Host: A.EXAMPLE"]).xCache == "HIT")
        #expect(try larder.get(path, ["Host: a.example:80"]).xCache == "HIT")
        let other = try larder.get(path, ["Host: b.example"])
        #expect(other.xCache == "MISS")
        #expect(other.text == "b.example")
    }

    @Test(
        "POST and QUERY are keyed by their content where the route caches them", arguments: ["POST", "QUERY"],
        Backend.allCases)
    func content(_ method: String, _ backend: Backend) throws {
        let path = origin.script("/content/t") {
            try $0.respond(200, ["Cache-Control: max-age=60"], body: "for \($0.readBody().text)")
        }
        let larder = scene[backend]
        func ask(_ body: String) throws -> Response { try larder.request(method, path, body: Array(body.utf8)) }
        #expect(try ask("one").text == "for one")
        #expect(try eventually { try ask("one").xCache == "HIT" })
        let other = try ask("two")
        #expect(other.xCache == "MISS")
        #expect(other.text == "for two")
        #expect(try ask("one").text == "for one")
    }

    @Test(
        "RFC 9112 §6.3: content that made the key is not read again as the next request", arguments: ["POST", "QUERY"],
        Backend.allCases)
    func contentIsReadOnce(_ method: String, _ backend: Backend) throws {
        let path = origin.script("/content/t") { exchange in
            try exchange.readBody()
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "keyed")
        }
        let hidden = origin.script(200, body: "hidden")
        let next = origin.script(200, body: "next")
        let keyed = RawClient.request(method, path, body: RawClient.request("GET", hidden))
        let unmatched = RawClient.request(
            method, path, ["Cache-Control: only-if-cached"], body: RawClient.request("GET", hidden, ["X-Other: yes"]))
        let client = try scene[backend].client()
        #expect(
            try eventually {
                try client.send(keyed)
                return try client.readResponse().xCache == "HIT"
            })
        try client.send(keyed + unmatched + keyed + RawClient.request("GET", next))
        let answers = try (0..<4).map { _ in try client.readResponse() }
        #expect(answers.map(\.status) == [200, 504, 200, 200])
        #expect(answers[3].text == "next")
        #expect(origin.requests(for: hidden).isEmpty)
    }
}
