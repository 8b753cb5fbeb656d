import Foundation
import TestSupport
import Testing

// What a route does against being tricked: it names the media types that it stores (cache deception), and lets only what
// the key names through to the origin (cache poisoning).

@Suite("cache.content_types and cache.strict")
struct ContentTypeAndStrictTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    private func script(_ fields: [String]) -> String {
        origin.script("/types/t") { try $0.respond(200, fields, body: "a") }
    }

    @Test("content_types: what is listed is stored, by type or by range", .tags(.choice), arguments: Backend.both)
    func listed(_ backend: Backend) throws {
        let types = [
            "application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;x",
            "text/html",
            "TEXT/plain ; charset=\"utf-8\"",
        ]
        for type in types { try scene[backend].fill(script(["Content-Type: \(type)"])) }
    }

    @Test("content_types: nothing else is, nor what has no type", .tags(.choice), arguments: Backend.both)
    func unlisted(_ backend: Backend) throws {
        let types = [
            "image/png", "application/jsonp", "application/json+x", "application/js", "text", "textual/plain",
            "application/text", "", "*/*", "image/png; application/json",
        ]
        for type in types {
            for control in [[], ["Cache-Control: public, max-age=60"]] {
                try scene.expectNotStored(scene[backend], script(["Content-Type: \(type)"] + control))
            }
        }
        try scene.expectNotStored(scene[backend], script([]))
    }

    /// What the origin got for a path.
    private func received(_ path: String) throws -> ReceivedRequest { try #require(origin.requests(for: path).last) }

    @Test("strict: what the key names reaches the origin", .tags(.choice), arguments: Backend.both)
    func keyed(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script("/strict/t") { try $0.respond(200, body: $0.request.target) }
        let fields = ["X-Plan: gold", "Cookie: theme=dark"]
        #expect(try larder.fill(path + "?page=2", fields).status == 200)
        let request = try received(path)
        #expect(request.target == path + "?page=2")
        #expect(request["X-Plan"] == "gold" && request["Cookie"] == "theme=dark")
        #expect(request["Host"] == "api.example")
        #expect(try larder.get(path + "?page=2", fields).xCache == "HIT")
        #expect(try !larder.isStored(path + "?page=3", fields))
        #expect(try !larder.isStored(path + "?page=2", ["X-Plan: gold", "Cookie: theme=light"]))
        #expect(try !larder.isStored(path + "?page=2", ["X-Plan: lead", "Cookie: theme=dark"]))
    }

    @Test(
        "strict: query parameters, cookies and headers that the key doesn't name never reach the origin",
        .tags(.choice), arguments: Backend.both)
    func unkeyed(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script("/strict/t") { try $0.respond(200, body: $0.request.target) }
        let fields = [
            "X-Evil: 1", "X-Forwarded-Host: evil.example", "X-Original-URL: /evil", "X-HTTP-Method-Override: POST",
            "Cookie: session=secret; theme=dark; other=1", "Cookie: more=1", "Authorization: Basic eDp5",
            "Referer: http://evil.example/", "Origin: http://evil.example", "X-Plan: gold",
        ]
        #expect(try larder.get(path + "?utm=x&page=2&evil=%3Cscript%3E", fields).status == 200)
        let request = try received(path)
        #expect(request.target == path + "?page=2")
        #expect(request["Cookie"] == "theme=dark" && request["X-Plan"] == "gold")
        for name in ["X-Evil", "X-Original-URL", "X-HTTP-Method-Override", "Referer", "Origin"] {
            #expect(request[name] == nil, "\(name)")
        }
        #expect(request["X-Forwarded-Host"] != "evil.example")
        let everything = request.head.startLine + request.head.fields.map(\.description).joined()
        #expect(!everything.contains("evil") && !everything.contains("secret"))
        // Without anything the key names, nothing is left of query and cookies.
        let bare = origin.script("/strict/t") { try $0.respond(200, body: $0.request.target) }
        #expect(try larder.get(bare + "?utm=x", ["Cookie: session=secret"]).text == bare)
        #expect(try received(bare)["Cookie"] == nil)
    }

    @Test("Without strict all of it reaches the origin", .tags(.choice), arguments: Backend.both)
    func lax(_ backend: Backend) throws {
        let path = origin.script("/lax/t") { try $0.respond(200, body: "a") }
        _ = try scene[backend].get(path + "?utm=x&page=2", ["X-Evil: 1", "Cookie: session=1"])
        let request = try received(path)
        #expect(request.target == path + "?utm=x&page=2")
        #expect(request["X-Evil"] == "1" && request["Cookie"] == "session=1")
    }

    @Test("strict: the framing and conditions of a request still work", .tags(.must), arguments: Backend.both)
    func stillWorks(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script("/strict/t") { exchange in
            let body = try exchange.readBody().text
            try exchange.respond(200, ["ETag: \"1\""], body: "\(exchange.request.method) \(body)")
        }
        try larder.fill(path)
        #expect(try larder.get(path, ["If-None-Match: \"1\""]).status == 304)
        #expect(try larder.get(path, ["Range: bytes=0-1"]).text == "GE")
        let client = try larder.client()
        #expect(
            try client.request("POST", path, ["Content-Type: text/plain"], body: Array("x y".utf8)).text == "POST x y")
        #expect(try received(path)["Content-Type"] == "text/plain")
        #expect(try client.request("GET", path).status == 200)
    }
}
