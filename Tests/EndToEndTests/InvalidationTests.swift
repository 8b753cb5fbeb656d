import Foundation
import TestSupport
import Testing

// What an unsafe request does to what is stored, and to what is on its way into the store (RFC 9111 §4.4).

@Suite("RFC 9111 §4.4: invalidation")
struct InvalidationTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test(
        "An answer that was asked for before an unsafe request changed the resource is not stored after it",
        arguments: Backend.allCases)
    func overtaken(_ backend: Backend) throws {
        let release = DispatchSemaphore(value: 0)
        let isChanged = Locked(false)
        let path = origin.script { exchange in
            if exchange.request.method == "POST" {
                isChanged.withLock { $0 = true }
                return try exchange.respond(204)
            }
            let body = isChanged.withLock { $0 } ? "new" : "old"
            if body == "old" { _ = release.wait(timeout: .now() + 10) }
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: body)
        }
        let larder = scene[backend]
        let early = try larder.client()
        try early.send(RawClient.request("GET", path))
        #expect(eventually { origin.count(for: path) == 1 })
        #expect(try larder.request("POST", path, body: Array("change".utf8)).status == 204)
        release.signal()
        #expect(try early.readResponse().text == "old")
        let next = try larder.get(path)
        #expect(next.text == "new")
        #expect(next.xCache == "MISS")
    }

    // MARK: Elsewhere

    /// A daemon of its own: what it remembers of invalidations is this test's alone.
    private func daemon(_ stage: Stage, _ backend: Backend, _ origin: ScriptedOrigin) throws -> LarderProcess {
        try stage.larder(
            LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: """
                    - path: /login
                      upstream: origin
                    - path: /api/{rest...}
                      upstream: origin
                      cache: {}
                    """, store: backend.section(try stage.redis()), limits: "requests: 0"))
    }

    private func remembered(_ larder: LarderProcess) throws -> Int {
        let name = "larder_invalidations_remembered "
        let line = try larder.admin("GET", "/metrics").text.split(separator: "\n").first { $0.hasPrefix(name) }
        return try #require(line.flatMap { Int($0.dropFirst(name.count)) })
    }

    @Test(
        "However many other URLs are written to, what is stored stays a HIT, whether their route has a cache or not",
        arguments: [Backend.redis, .tiered], ["/login?", "/api/other/"])
    func elsewhere(_ backend: Backend, _ others: String) throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                if exchange.request.method == "POST" {
                    return try exchange.respond(302, ["Location: \(others)1", "Cache-Group-Invalidation: \"g\""])
                }
                try exchange.respond(200, ["Cache-Control: max-age=3600"], body: "a")
            }
            let larder = try daemon(stage, backend, origin)
            let stored = (0..<10).map { "/api/\($0)" }
            for path in stored { try larder.fill(path) }
            let client = try larder.client()
            for number in 0..<4_600 {
                let status = try client.request("POST", "\(others)\(number)", body: [120]).status
                guard status == 302 else { throw HarnessError("a POST: \(status)") }
            }
            // What is still on its way to the stream is known here in a moment.
            #expect(try eventually(within: 20) { try larder.get(stored[0]).xCache == "HIT" })
            for path in stored.dropFirst() { #expect(try larder.get(path).xCache == "HIT", "\(path)") }
        }
    }

    @Test(
        "A route without a cache notes nothing, and one with a cache what it may have stored",
        arguments: Backend.allCases)
    func noted(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                let location = exchange.request.path == "/login" ? "/api/b" : "/login"
                let isRead = exchange.request.method == "GET"
                try exchange.respond(
                    isRead ? 200 : 201, isRead ? ["Cache-Control: max-age=3600"] : ["Location: \(location)"], body: "a")
            }
            let larder = try daemon(stage, backend, origin)
            for path in ["/api/a", "/api/b"] { try larder.fill(path) }
            // Of a write to a route without a cache only what it names elsewhere is noted.
            for number in 0..<20 { _ = try larder.request("POST", "/login?\(number)", body: [120]) }
            #expect(try remembered(larder) == 1)
            #expect(try !larder.isStored("/api/b") && larder.isStored("/api/a"))
            _ = try larder.request("PUT", "/api/a", body: [120])
            #expect(try remembered(larder) == 2)
            #expect(try !larder.isStored("/api/a"))
        }
    }

    @Test("A route that a reload took the cache from still invalidates what it had stored", arguments: Backend.allCases)
    func afterReload(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                let isRead = exchange.request.method == "GET"
                try exchange.respond(isRead ? 200 : 204, ["Cache-Control: max-age=3600"], body: isRead ? "a" : "")
            }
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: "- path: /{rest...}\n  upstream: origin\n  cache: {}",
                store: backend.section(try stage.redis()))
            let larder = try stage.larder(configuration)
            try larder.fill("/a")
            let caching = configuration.routes
            configuration.routes = "- path: /{rest...}\n  upstream: origin"
            try larder.write(configuration)
            larder.signal(SIGHUP)
            #expect(try eventually(within: 20) { try larder.get("/b").xCache == "BYPASS" })
            _ = try larder.request("PUT", "/a", body: [120])
            configuration.routes = caching
            try larder.write(configuration)
            larder.signal(SIGHUP)
            #expect(try eventually(within: 20) { try larder.get("/c").xCache != "BYPASS" })
            #expect(try !larder.isStored("/a"))
        }
    }
}
