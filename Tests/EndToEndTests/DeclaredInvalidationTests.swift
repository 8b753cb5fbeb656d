import Foundation
import TestSupport
import Testing

// What a route says that its writes make stale (`cache.invalidates`), the tags that it gives, and lifetimes that end apart.

/// One daemon a backend before an API that says nothing about caching.
final class DeclaredScene: Sendable {
    static let shared = Result { try DeclaredScene() }

    let stage = Stage.shared()
    let origin: ScriptedOrigin
    let redis: RedisServer
    private let daemons: [Backend: LarderProcess]
    private let shops = Locked(0)

    init() throws {
        let origin = try stage.origin { exchange in
            if exchange.request.target.contains("/fails") { return try exchange.respond(500, body: "failed") }
            try exchange.respond(200, exchange.request.target.contains("tagged") ? ["Cache-Tag: own"] : [], body: "it")
        }
        let redis = try stage.redis()
        self.origin = origin
        self.redis = redis
        daemons = try stage.larders(Backend.allCases) { backend in
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: Self.routes, store: Self.store(backend, redis))
        }
    }

    private static func store(_ backend: Backend, _ redis: RedisServer) -> String {
        backend.section(redis, prefix: "declared-\(backend)")
    }

    subscript(_ backend: Backend) -> LarderProcess { daemons[backend]! }

    /// Another process on the same store.
    func twin(_ backend: Backend) throws -> LarderProcess {
        try stage.larder(
            LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: Self.routes, store: Self.store(backend, redis)))
    }

    /// The first segment of paths that no other test has.
    func shop() -> String {
        let number = shops.withLock { count -> Int in
            count += 1
            return count
        }
        return "/shop\(number)"
    }

    private static let routes = """
        - path: /{shop}/products
          upstream: origin
          cache: {timeout: 600s, tags: [products], invalidates: ["/{shop}/products?*", "/{shop}/start"]}
        - path: /{shop}/products/{id}
          upstream: origin
          cache:
            timeout: 600s
            tags: [products, "product:{id}"]
            invalidates: ["/{shop}/products", "/{shop}/products?*", "/{shop}/products/{id}/*"]
        - path: /{shop}/{rest...}
          upstream: origin
          cache: {timeout: 600s}
        - path: /{shop}/hidden/{id}
          upstream: origin
          cache: {timeout: 600s, tags: ["hidden:{id}"], tag_headers: remove}
        - path: /{shop}/me
          upstream: origin
          cache: {timeout: 600s, key: "{default}|{header.authorization}", invalidates: ["/{shop}/mine/*"]}
        - path: /{shop}/mine/{rest...}
          upstream: origin
          cache: {timeout: 600s, key: "{default}|{header.authorization}"}
        - path: /{shop}/writes
          upstream: origin
          cache: {methods: [], invalidates: ["/{shop}/*"]}
        """
}

@Suite("What a route's writes make stale beside their own URL")
struct DeclaredInvalidationTests {
    let scene: DeclaredScene

    init() throws { scene = try DeclaredScene.shared.get() }

    private func expect(
        _ larder: LarderProcess, _ path: String, _ xCache: String, _ location: SourceLocation = #_sourceLocation
    ) throws { try expect(larder, path, [], xCache, location) }

    private func expect(
        _ larder: LarderProcess, _ path: String, _ fields: [String], _ xCache: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let response = try larder.get(path, fields)
        #expect(response.xCache == xCache, "\(path): \(response.summary)", sourceLocation: location)
    }

    @Test(
        "A successful write makes the targets and prefixes of its route stale, and nothing else",
        arguments: Backend.allCases, ["POST", "PUT", "PATCH", "DELETE"])
    func targets(_ backend: Backend, _ method: String) throws {
        let larder = scene[backend]
        let shop = scene.shop()
        let stale = ["products", "products?page=1", "products?q=a&page=2", "products/5", "products/5/reviews"]
        let fresh = ["products/6", "products/51/reviews", "start", "other?products"]
        let other = scene.shop()
        for path in stale + fresh { try larder.awaitHit("\(shop)/\(path)") }
        try larder.awaitHit("\(other)/products")
        #expect(try larder.request(method, "\(shop)/products/5", body: Array("x".utf8)).status == 200)
        for path in fresh { try expect(larder, "\(shop)/\(path)", "HIT") }
        try expect(larder, "\(other)/products", "HIT")
        for path in stale { try expect(larder, "\(shop)/\(path)", "MISS") }
        for path in stale { try larder.awaitHit("\(shop)/\(path)") }
    }

    @Test("A read and a failed write make nothing stale", arguments: Backend.both)
    func others(_ backend: Backend) throws {
        let larder = scene[backend]
        let shop = scene.shop()
        for path in ["products", "products?page=1"] { try larder.awaitHit("\(shop)/\(path)") }
        #expect(try larder.request("POST", "\(shop)/products/fails").status == 500)
        for method in ["GET", "HEAD", "OPTIONS"] { _ = try larder.request(method, "\(shop)/products/7") }
        for path in ["products", "products?page=1"] { try expect(larder, "\(shop)/\(path)", "HIT") }
    }

    @Test(
        "A target is reached in each spelling of its parameters, with HEAD and ranges too", arguments: Backend.allCases)
    func spellings(_ backend: Backend) throws {
        let larder = scene[backend]
        let shop = scene.shop()
        for path in ["products/a%2Fb/x", "products/%7Ea/x"] { try larder.awaitHit("\(shop)/\(path)") }
        _ = try larder.request("PUT", "\(shop)/products/%61%2fb")
        _ = try larder.request("PUT", "\(shop)/products/~a")
        try expect(larder, "\(shop)/products/%7ea/x", "MISS")
        #expect(try larder.request("HEAD", "\(shop)/products/a%2fb/x").xCache == "MISS")
        try larder.awaitHit("\(shop)/products?a")
        _ = try larder.request("PUT", "\(shop)/products/1")
        try expect(larder, "\(shop)/products?a", ["Range: bytes=0-0"], "MISS")
    }

    @Test(
        "A route that caches nothing can invalidate, and everything below a slash is reached",
        arguments: Backend.allCases)
    func withoutCache(_ backend: Backend) throws {
        let larder = scene[backend]
        let (shop, other) = (scene.shop(), scene.shop())
        for path in ["products", "products/5", "a/b/c?d"] { try larder.awaitHit("\(shop)/\(path)") }
        try larder.awaitHit("\(other)/products")
        _ = try larder.request("POST", "\(shop)/writes")
        for path in ["products", "products/5", "a/b/c?d"] { try expect(larder, "\(shop)/\(path)", "MISS") }
        try expect(larder, "\(other)/products", "HIT")
    }

    @Test(
        "Entries by caller are reached: a write makes each caller's entry of its own URL stale, and of the targets",
        arguments: Backend.allCases)
    func callers(_ backend: Backend) throws {
        let larder = scene[backend]
        let shop = scene.shop()
        let callers = ["a", "b"].map { ["Authorization: \($0)"] }
        for caller in callers {
            for path in ["me", "mine/orders"] { try larder.awaitHit("\(shop)/\(path)", caller) }
        }
        _ = try larder.request("PUT", "\(shop)/me", callers[0])
        for caller in callers {
            for path in ["me", "mine/orders"] { try expect(larder, "\(shop)/\(path)", caller, "MISS") }
        }
        for caller in callers { try larder.awaitHit("\(shop)/me", caller) }
    }

    @Test(
        "A write and a purge reach each caller's entry, however the query is spelled that it was asked for with",
        arguments: Backend.allCases)
    func callersSpellings(_ backend: Backend) throws {
        let larder = scene[backend]
        let host = "Host: shop.example"
        let alice = [host, "Authorization: alice"]
        for (asked, written) in [("?a=1&b=2", "?b=2&a=1"), ("?a=%31", "?a=1"), ("", "?"), ("?x=1", "")] {
            let path = "\(scene.shop())/me"
            try larder.awaitHit(path + asked, alice)
            _ = try larder.request("PUT", path + written, [host])
            try expect(larder, path + asked, alice, "MISS")
            try larder.awaitHit(path + asked, alice)
            let purge = "{\"urls\": [\"http://shop.example\(path)\"]}"
            let purged = try larder.admin("POST", "/purge", body: Array(purge.utf8))
            #expect(purged.status == 200, "\(purged.text)")
            try expect(larder, path + asked, alice, "MISS")
        }
    }

    @Test("A write after a reload reaches what was stored under the keys of before", arguments: Backend.both)
    func otherKeys(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond($0.request.method == "GET" ? 200 : 204, body: "it") }
            let store = backend.section(try stage.redis())
            func configuration(_ cache: String) -> LarderConfiguration {
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: "- {path: \"/{rest...}\", upstream: origin\(cache)}", store: store)
            }
            let larder = try stage.larder(configuration(", cache: {timeout: 600s}"))
            try larder.awaitHit("/list?a")
            for other in [", cache: {timeout: 600s, key: \"x{path}\"}", ", cache: {timeout: 600s, query: ignore}", ""] {
                try larder.write(configuration(other))
                #expect(try larder.admin("POST", "/reload").status == 200)
                _ = try larder.request("PUT", "/list?a")
                try larder.write(configuration(", cache: {timeout: 600s}"))
                #expect(try larder.admin("POST", "/reload").status == 200)
                #expect(try larder.get("/list?a").xCache == "MISS", "\(other)")
                try larder.awaitHit("/list?a")
            }
        }
    }

    @Test("Another process on the same Redis finds a target gone, and the writer's own entry")
    func fleet() throws {
        let (larder, twin) = (scene[.redis], try scene.twin(.redis))
        let shop = scene.shop()
        let host = ["Host: shop.example"]
        for path in ["products", "products/6"] { try larder.awaitHit("\(shop)/\(path)", host) }
        try larder.awaitHit("\(shop)/me", host + ["Authorization: a"])
        for path in ["products", "products/6"] { try twin.awaitHit("\(shop)/\(path)", host) }
        try twin.awaitHit("\(shop)/me", host + ["Authorization: a"])
        _ = try larder.request("PUT", "\(shop)/products/5", host)
        _ = try larder.request("PUT", "\(shop)/me", host + ["Authorization: a"])
        #expect(
            try eventually(within: 10) { try twin.get("\(shop)/products", host).xCache == "MISS" })
        #expect(
            try eventually(within: 10) {
                try twin.get("\(shop)/me", host + ["Authorization: a"]).xCache == "MISS"
            })
        try expect(twin, "\(shop)/products/6", host, "HIT")
    }

    @Test("What another process fetched after a write is served by the one that forwarded the write")
    func fetchedElsewhere() throws {
        let (larder, twin) = (scene[.redis], try scene.twin(.redis))
        let shop = scene.shop()
        let host = ["Host: shop.example"]
        _ = try larder.request("PUT", "\(shop)/me", host + ["Authorization: a"])
        _ = try larder.request("PUT", "\(shop)/products/5", host)
        for (path, fields) in [("mine/x", ["Authorization: a"]), ("products/5/reviews", [])] {
            try twin.awaitHit("\(shop)/\(path)", host + fields)
            try expect(larder, "\(shop)/\(path)", host + fields, "HIT")
        }
    }

    @Test("What was asked for before the write is given to nobody who comes after it", arguments: Backend.allCases)
    func underWay(_ backend: Backend) throws {
        try Stage.run { stage in
            let release = DispatchSemaphore(value: 0)
            let isChanged = Locked(false)
            let origin = try stage.origin { exchange in
                if exchange.request.method == "POST" {
                    isChanged.withLock { $0 = true }
                    return try exchange.respond(204)
                }
                let body = isChanged.withLock { $0 } ? "new" : "old"
                if body == "old" { _ = release.wait(timeout: .now() + 20) }
                try exchange.respond(200, body: body)
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: """
                        - {path: /list, upstream: origin, cache: {timeout: 60s}}
                        - {path: /items, upstream: origin, cache: {methods: [], invalidates: ["/list*"]}}
                        """, store: backend.section(try stage.redis())))
            let early = try larder.client()
            try early.send(RawClient.request("GET", "/list?a"))
            #expect(eventually { origin.count() == 1 })
            #expect(try larder.request("POST", "/items").status == 204)
            let late = try larder.client()
            try late.send(RawClient.request("GET", "/list?a"))
            release.signal()
            release.signal()
            #expect(try early.readResponse().text == "old")
            #expect(try late.readResponse().text == "new")
            #expect(try larder.get("/list?a").text == "new")
        }
    }

    @Test("A reload without `invalidates` brings nothing back", arguments: Backend.both)
    func reload(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin { try $0.respond(200, body: "it") }
            let store = backend.section(try stage.redis())
            func configuration(_ invalidates: String) throws -> LarderConfiguration {
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: """
                        - {path: "/{rest...}", upstream: origin, cache: {timeout: 600s}}
                        - {path: /items, upstream: origin, cache: {methods: [] \(invalidates)}}
                        """, store: store)
            }
            let larder = try stage.larder(try configuration(", invalidates: [\"/list?*\"]"))
            for path in ["/list?a", "/list?b"] { try larder.awaitHit(path) }
            _ = try larder.request("POST", "/items")
            try larder.write(try configuration(""))
            #expect(try larder.admin("POST", "/reload").status == 200)
            for path in ["/list?a", "/list?b"] { #expect(try larder.get(path).xCache == "MISS") }
        }
    }

    @Test("`explain` lists what a write would invalidate, and the figures count it")
    func shown() throws {
        let larder = scene[.memory]
        let shop = scene.shop()
        let host = "http://127.0.0.1"
        func invalidates(_ method: String) throws -> [String] {
            let json = try larder.admin("GET", "/explain?method=\(method)&url=\(host)\(shop)/products/%2535").json()
            return (json["invalidates"].list ?? []).compactMap(\.string)
        }
        #expect(try invalidates("PUT") == ["\(shop)/products", "\(shop)/products?*", "\(shop)/products/5/*"])
        #expect(try invalidates("GET") == [])
        let metric = "larder_places_invalidated_total "
        func count() throws -> Int? {
            try larder.admin("GET", "/metrics").text.split(separator: "\n").first { $0.hasPrefix(metric) }
                .flatMap { Int($0.dropFirst(metric.count)) }
        }
        let before = try #require(try count())
        _ = try larder.request("PUT", "\(shop)/products/5")
        #expect(try count().map { $0 > before } == true)
    }
}

@Suite("Tags that a route gives")
struct RouteTagTests {
    let scene: DeclaredScene

    init() throws { scene = try DeclaredScene.shared.get() }

    @Test("They stand beside the API's own, fetched and stored, and a 304 keeps them", arguments: Backend.allCases)
    func fields(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.shop() + "/products/tagged%2C5"
        let miss = try larder.get(path)
        let hit = try larder.awaitHit(path)
        for response in [miss, hit] {
            #expect(response.head.all("Cache-Tag") == ["own", "products, product:tagged%252C5"], "\(response.summary)")
        }
    }

    @Test("`tag_headers: remove` keeps them from clients", arguments: Backend.both)
    func removed(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.shop() + "/hidden/5"
        #expect(try larder.get(path)["Cache-Tag"] == nil)
        #expect(try larder.awaitHit(path)["Cache-Tag"] == nil)
    }

    @Test("A purge by tag reaches what has it, and nothing else")
    func purge() throws {
        let larder = scene[.memory]
        let shop = scene.shop()
        let paths = ["products/5", "products/6", "products", "hidden/5"].map { "\(shop)/\($0)" }
        func purge(_ tag: String) throws {
            let body = Array("{\"tags\":[\"\(tag)\"]}".utf8)
            #expect(try larder.admin("POST", "/purge", body: body).status == 200)
        }
        for path in paths { try larder.awaitHit(path) }
        try purge("product:5")
        #expect(try paths.map { try larder.get($0).xCache } == ["MISS", "HIT", "HIT", "HIT"])
        for path in paths { try larder.awaitHit(path) }
        try purge("products")
        #expect(try paths.map { try larder.get($0).xCache } == ["MISS", "MISS", "MISS", "HIT"])
        try purge("hidden:5")
        #expect(try larder.get(paths[3]).xCache == "MISS")
    }

    @Test("They are in Redis with the response, for every process that finds it there")
    func stored() throws {
        let (larder, twin) = (scene[.redis], try scene.twin(.redis))
        let path = scene.shop() + "/products/5"
        try larder.awaitHit(path)
        let key = try larder.redisKey("GET", "http://api.example\(path)")
        #expect(try eventually(within: 10) { try scene.redis.command("EXISTS", key) == .integer(1) })
        let found = try twin.get(path)
        #expect(found.xCache == "HIT" && found["Cache-Tag"] == "products, product:5")
        #expect(scene.origin.count(for: path) == 1)
    }

    @Test("A response whose tags would be too long is not stored, and says so", arguments: Backend.both)
    func tooLong(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.shop() + "/products/" + String(repeating: "x", count: 4_200)
        for _ in 0..<2 {
            let response = try larder.get(path)
            #expect(response.xCache == "MISS" && response["Cache-Tag"] == nil)
            #expect(try response.cacheStatus.detail == "tags-too-long")
        }
    }

    @Test("A 304 that brings other tags keeps the route's", arguments: Backend.both)
    func freshened(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                let isAsked = exchange.request["If-None-Match"] != nil
                try exchange.respond(
                    isAsked ? 304 : 200,
                    ["ETag: \"v\"", "Cache-Control: no-cache", "Cache-Tag: \(isAsked ? "new" : "old")"],
                    body: isAsked ? "" : "it")
            }
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: "- {path: \"/{id}\", upstream: origin, cache: {tags: [\"item:{id}\"]}}",
                    store: backend.section(try stage.redis()), server: "workers: 1"))
            #expect(try larder.get("/1").head.all("Cache-Tag") == ["old", "item:1"])
            #expect(
                try eventually(within: 10) {
                    let response = try larder.get("/1")
                    return response.xCache == "REVALIDATED" && response.head.all("Cache-Tag") == ["new", "item:1"]
                })
            let twice = try larder.get("/1")
            #expect(twice.xCache == "REVALIDATED" && twice.head.all("Cache-Tag") == ["new", "item:1"])
        }
    }
}

@Suite("Jitter")
struct JitterTests {
    @Test("Lifetimes end apart, none later, and at the same time in each process", arguments: Backend.both)
    func spread(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                try exchange.respond(
                    200, exchange.request.path == "/own" ? ["Cache-Control: max-age=1000"] : [], body: "it")
            }
            let daemons = try (0..<2).map { _ in
                try stage.larder(
                    LarderConfiguration(
                        upstreams: "origin: \(origin.url)",
                        routes: "- {path: \"/{id}\", upstream: origin, cache: {timeout: 1000s, jitter: 50%}}",
                        store: backend.section(try stage.redis())))
            }
            // By the host that clients name, not by the port that a test's daemon has.
            func lifetimes(_ larder: LarderProcess) throws -> [Int] {
                try (["own"] + (0..<40).map { "\($0)" }).map { name in
                    let json = try larder.get("/\(name)", ["Host: api.example"])
                    #expect(json.status == 200)
                    let explained = try larder.admin("GET", "/explain?method=GET&url=http://api.example/\(name)").json()
                    return try #require(explained["stored"]["lifetime"].int)
                }
            }
            let first = try lifetimes(daemons[0])
            #expect(first.allSatisfy { (500...1_000).contains($0) })
            #expect(Set(first).count > 20)
            #expect(try lifetimes(daemons[1]) == first)
        }
    }
}
