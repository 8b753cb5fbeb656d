import Foundation
import TestSupport
import Testing

@Suite("cache.bypass: requests that go past the cache")
struct BypassTests {
    let scene: FieldScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try FieldScene.shared.get() }

    private static let ways: [(query: String, fields: [String])] = [
        ("", ["Cookie: a=b; session=1"]), ("", ["Cookie: login_7=x"]), ("", ["X-Preview:"]), ("", ["X_PREVIEW: 1"]),
        ("", ["X-Mode: draft"]), ("?nocache", []), ("?a=1&noc%61che=1", []), ("?v=21", []),
    ]

    @Test(
        "They are neither served from it, nor stored, nor do others wait for them", .tags(.must),
        arguments: Backend.both)
    func bypassed(_ backend: Backend) throws {
        let larder = scene[backend]
        for (query, fields) in Self.ways {
            let path = origin.script("/bypass/t") { try $0.respond(200, ["Cache-Control: max-age=60"], body: "a") }
            for count in 1...3 {
                let response = try larder.get(path + query, fields)
                #expect(response.xCache == "BYPASS", "\(response.summary)")
                let status = try response.cacheStatus
                #expect(status.forward == "bypass" && status.detail == "bypass" && !status.isStored)
                #expect(origin.count(for: path) == count)
            }
            // Nothing of it is there for others, and what is there for others isn't for it.
            if query.isEmpty {
                #expect(try larder.get(path).xCache == "MISS")
                try larder.awaitHit(path)
                #expect(try larder.get(path, fields).xCache == "BYPASS")
                #expect(try larder.request("HEAD", path, fields).xCache == "BYPASS")
            }
        }
        for (query, fields) in [
            ("", ["Cookie: session_old=1", "X-Mode: final"]), ("?v=1&cache", []), ("?xnocache=1", []),
        ] {
            let path = origin.script("/bypass/t") { try $0.respond(200, body: "a") }
            try larder.awaitHit(path + query, fields)
        }
    }

    @Test("§5.2.1.7: only-if-cached doesn't go past it to the origin", .tags(.should))
    func onlyIfCached() throws {
        let larder = scene[.memory]
        let path = origin.script("/bypass/t") { try $0.respond(200, ["Cache-Control: max-age=60"], body: "a") }
        let fields = ["Cookie: session=1", "Cache-Control: only-if-cached"]
        #expect(try larder.get(path, fields).status == 504)
        #expect(origin.count(for: path) == 0)
        #expect(try larder.request("PUT", path, fields, body: []).status == 200)
    }

    @Test("Who goes past it waits for nobody, and nobody for it", arguments: Backend.both)
    func apart(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script("/bypass/t") { exchange in
            gate.awaitOn()
            try exchange.respond(200, body: exchange.request["Cookie"] ?? "none")
        }
        let first = try Asking(larder, path, ["Cookie: session=1"])
        #expect(eventually { origin.count(for: path) == 1 })
        let leader = try Asking(larder, path)
        #expect(eventually { origin.count(for: path) == 2 })
        let second = try Asking(larder, path, ["Cookie: session=2"])
        #expect(eventually { origin.count(for: path) == 3 })
        gate.turnOn()
        #expect(try first.response().text == "session=1")
        #expect(try second.response().text == "session=2")
        let response = try leader.response()
        #expect(response.text == "none" && response.xCache == "MISS" && !response.isCollapsed)
        #expect(try larder.awaitHit(path).text == "none")
    }

    @Test("A POST's response that says for how long isn't stored for GET then, though it invalidates")
    func post() throws {
        let larder = scene[.memory]
        let path = origin.script("/bypass/t") { exchange in
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "Content-Location: \(exchange.request.target)"],
                body: exchange.request.method)
        }
        try larder.awaitHit(path)
        #expect(try larder.request("POST", path, ["Cookie: session=1"], body: []).text == "POST")
        let after = try larder.get(path)
        #expect(after.xCache == "MISS" && after.text == "GET")
        // Without the cookie it is stored.
        #expect(try larder.request("POST", path, [], body: []).text == "POST")
        #expect(try eventually { try larder.get(path).text == "POST" })
    }

    @Test("explain and key name the condition")
    func explained() throws {
        let larder = scene[.memory]
        let path = origin.script("/bypass/t") { try $0.respond(200, body: "a") }
        let url = "http://api.example\(path)"
        let told = try larder.command(["explain", "GET", url, "-H", "Cookie: session=1"]).output
        #expect(told.contains("BYPASS, bypass") && told.contains("The request has cookie.session"), "\(told)")
        let key = try larder.command(["key", "GET", "\(url)?v=2"])
        #expect(key.status == 0 && key.errors.contains("`bypass`: query.v=2*"), "\(key.errors)")
    }
}
