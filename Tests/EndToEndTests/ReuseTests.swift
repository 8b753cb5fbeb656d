import Foundation
import TestSupport
import Testing

// Reusing a stored response, the same for every store (RFC 9111 §4, RFC 9110 §13). Decisions are tested in their own module;
// here it is the whole way of a request.

@Suite("RFC 9111 §4: what is answered from the store")
struct ReuseTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test("A MISS, then a HIT with Age and Cache-Status and the same body", arguments: Backend.allCases)
    func missThenHit(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(
            200, ["Cache-Control: max-age=60", "Content-Type: text/plain", "X-Own: kept"], body: "hello")
        let miss = try larder.get(path)
        #expect(miss.xCache == "MISS")
        #expect(miss.text == "hello")
        #expect(miss["Cache-Status"]?.contains("fwd=uri-miss") == true, "\(miss["Cache-Status"] ?? "none")")
        let hit = try larder.awaitHit(path)
        #expect(hit.text == "hello")
        #expect(hit["X-Own"] == "kept")
        #expect(hit["Content-Type"] == "text/plain")
        #expect(hit["Content-Length"] == "5")
        #expect(hit["Cache-Status"]?.hasPrefix("larder") == true)
        #expect(hit["Cache-Status"]?.contains("hit") == true)
        let age = try #require(hit["Age"].flatMap { Int($0) })
        #expect((0...5).contains(age))
        #expect(hit["Date"] != nil)
    }

    @Test(
        "RFC 9111 §5.1: Age grows while a response is stored, on top of what it came with", arguments: Backend.allCases)
    func age(_ backend: Backend) throws {
        let path = origin.script(200, ["Cache-Control: max-age=600", "Age: 100"], body: "old")
        _ = try scene[backend].get(path)
        let first = try #require(try scene[backend].awaitHit(path)["Age"].flatMap { Int($0) })
        #expect((100...105).contains(first))
        #expect(try eventually { try (scene[backend].get(path)["Age"].flatMap { Int($0) } ?? 0) > first })
    }

    @Test("RFC 9111 §4.2: a response past its life is fetched again", arguments: Backend.allCases)
    func expiry(_ backend: Backend) throws {
        let path = scene.numbered("/t", ["Cache-Control: max-age=1"])
        #expect(try scene[backend].get(path).text == "answer 1")
        _ = try scene[backend].awaitHit(path)
        #expect(try eventually { try scene[backend].get(path).text != "answer 1" })
    }

    @Test("RFC 9111 §4.1: each value of a field that Vary names has its own answer", arguments: Backend.allCases)
    func vary(_ backend: Backend) throws {
        let path = origin.script { exchange in
            let language = exchange.request["Accept-Language"] ?? "none"
            try exchange.respond(200, ["Cache-Control: max-age=60", "Vary: Accept-Language"], body: "in \(language)")
        }
        let larder = scene[backend]
        for language in ["de", "en", "de", "en"] {
            #expect(try larder.awaitHit(path, ["Accept-Language: \(language)"]).text == "in \(language)")
        }
        #expect(try larder.get(path).text == "in none")
        #expect(origin.count(for: path) == 3)
    }

    @Test("RFC 9110 §9.3.2: HEAD is answered from a stored GET", arguments: Backend.allCases)
    func headFromGet(_ backend: Backend) throws {
        let path = origin.script(200, ["Cache-Control: max-age=60"], body: "hello")
        try scene[backend].awaitHit(path)
        let client = try scene[backend].client()
        let response = try client.request("HEAD", path)
        #expect(response.xCache == "HIT")
        #expect(response["Content-Length"] == "5")
        #expect(try client.request("GET", path).text == "hello")
        #expect(!origin.requests(for: path).contains { $0.method == "HEAD" })
    }

    @Test("RFC 9110 §13.1.2: If-None-Match is answered from the store with 304", arguments: Backend.allCases)
    func notModified(_ backend: Backend) throws {
        let path = origin.script(200, ["Cache-Control: max-age=60", "ETag: \"v1\""], body: "hello")
        try scene[backend].awaitHit(path)
        let client = try scene[backend].client()
        for value in ["\"v1\"", "W/\"v1\"", "\"v0\", \"v1\"", "*"] {
            let response = try client.request("GET", path, ["If-None-Match: \(value)"])
            #expect(response.status == 304, "\(value)")
            #expect(response["ETag"] == "\"v1\"")
        }
        let changed = try client.request("GET", path, ["If-None-Match: \"v2\""])
        #expect(changed.status == 200)
        #expect(changed.text == "hello")
        #expect(origin.count(for: path) == 1)
    }

    @Test("RFC 9110 §13.1.3: If-Modified-Since is answered from the store with 304", arguments: Backend.allCases)
    func notModifiedSince(_ backend: Backend) throws {
        let date = "Tue, 15 Nov 1994 12:45:26 GMT"
        let path = origin.script(200, ["Cache-Control: max-age=60", "Last-Modified: \(date)"], body: "hello")
        try scene[backend].awaitHit(path)
        #expect(try scene[backend].get(path, ["If-Modified-Since: \(date)"]).status == 304)
        #expect(try scene[backend].get(path, ["If-Modified-Since: Tue, 15 Nov 1994 12:45:25 GMT"]).status == 200)
    }

    @Test("RFC 9111 §4.4: an unsafe method that succeeds makes the next GET a MISS", arguments: Backend.allCases)
    func invalidation(_ backend: Backend) throws {
        let larder = scene[backend]
        for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
            let path = scene.numbered()
            try larder.awaitHit(path)
            #expect(try larder.request(method, path, body: Array("x".utf8)).status == 200)
            #expect(try eventually { try larder.get(path).text != "answer 1" }, "\(method)")
        }
    }

    @Test("RFC 9111 §4.4: an unsafe method that fails leaves what is stored")
    func failedInvalidation() throws {
        let path = origin.script { exchange in
            let isGet = exchange.request.method == "GET"
            try exchange.respond(isGet ? 200 : 500, ["Cache-Control: max-age=60"], body: "stored")
        }
        try scene[.memory].awaitHit(path)
        #expect(try scene[.memory].request("POST", path, body: []).status == 500)
        #expect(try scene[.memory].get(path).xCache == "HIT")
    }

    @Test("RFC 9111 §5.2.1: what the request's Cache-Control asks for is honoured")
    func requestDirectives() throws {
        let path = scene.numbered()
        let larder = scene[.memory]
        try larder.awaitHit(path)
        #expect(try larder.get(path, ["Cache-Control: max-age=100"]).xCache == "HIT")
        #expect(try larder.get(path, ["Cache-Control: min-fresh=1000"]).xCache != "HIT")
        #expect(try larder.get(path, ["Cache-Control: no-cache"]).xCache != "HIT")
        #expect(try larder.get(path, ["Pragma: no-cache"]).xCache != "HIT")
        let absent = scene.numbered()
        #expect(try larder.get(absent, ["Cache-Control: only-if-cached"]).status == 504)
        #expect(origin.count(for: absent) == 0)
        try scene.expectNotStored(larder, scene.numbered(), ["Cache-Control: no-store"])
    }

    @Test("RFC 9111 §5.2.1: by default no-cache is not listened to")
    func deaf() throws {
        let path = scene.numbered("/deaf/t")
        try scene[.memory].awaitHit(path)
        #expect(try scene[.memory].get(path, ["Cache-Control: no-cache"]).xCache == "HIT")
    }
}
