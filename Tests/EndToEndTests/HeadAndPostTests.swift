import Foundation
import TestSupport
import Testing

// Answers to HEAD and POST, and what they do to a stored GET (RFC 9111 §4.3.5, RFC 9110 §9.3.2, §9.3.3).

@Suite("RFC 9111 §4.3.5 and RFC 9110 §9.3: HEAD and POST beside a stored GET")
struct HeadAndPostTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A GET with these validators, and a HEAD with what a test makes of it.
    private func script(head fields: [String], length: Int = 7, status: Int = 200) -> String {
        origin.script { exchange in
            guard exchange.request.method == "HEAD" else {
                let own = ["Cache-Control: max-age=60", "ETag: \"1\"", "Last-Modified: \(Self.modified)"]
                return try exchange.respond(200, own + ["X-State: first", "Content-Type: text/plain"], body: "content")
            }
            try exchange.respond(status, fields, body: String(repeating: "x", count: length))
        }
    }

    private static let modified = "Tue, 15 Nov 1994 12:45:26 GMT"

    /// Fills by GET, then has a HEAD reach the origin.
    private func askHead(_ larder: LarderProcess, _ path: String) throws {
        try larder.fill(path)
        let response = try larder.request("HEAD", path, ["Cache-Control: no-cache"])
        #expect(response.status == 200 || response.status == 500)
        #expect(origin.requests(for: path).last?.method == "HEAD")
    }

    @Test(
        "§4.3.5: a HEAD that differs in ETag, Last-Modified or length makes the stored GET stale", .tags(.should),
        arguments: Backend.both)
    func differing(_ backend: Backend) throws {
        let larder = scene[backend]
        let same = ["Cache-Control: max-age=60", "ETag: \"1\"", "Last-Modified: \(Self.modified)"]
        let cases: [([String], Int)] = [
            ([same[0], "ETag: \"2\"", same[2]], 7),
            ([same[0], same[1], "Last-Modified: Wed, 16 Nov 1994 12:45:26 GMT"], 7),
            (same, 8),
        ]
        for (fields, length) in cases {
            let path = script(head: fields, length: length)
            try askHead(larder, path)
            let next = try larder.get(path)
            #expect(next.xCache != "HIT", "\(fields) \(length)")
            #expect(next.text == "content")
            #expect(origin.requests(for: path).map(\.method) == ["GET", "HEAD", "GET"])
        }
    }

    @Test(
        "§4.3.5: a HEAD that agrees updates the stored GET's fields and renews it", .tags(.should),
        arguments: Backend.both)
    func agreeing(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(head: [
            "Cache-Control: max-age=600", "ETag: \"1\"", "Last-Modified: \(Self.modified)", "X-State: second",
            "Content-Type: text/plain",
        ])
        try askHead(larder, path)
        let hit = try larder.get(path)
        #expect(hit.xCache == "HIT" && hit["X-State"] == "second")
        #expect(hit.text == "content" && hit["Content-Length"] == "7")
        #expect(isLifetime(try #require(try hit.cacheStatus.timeToLive), 600))
        #expect(origin.requests(for: path).map(\.method) == ["GET", "HEAD"])
    }

    @Test("§4.3.5: a HEAD that fails says nothing of what is stored", .tags(.must), arguments: Backend.both)
    func failing(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(head: ["ETag: \"9\""], status: 500)
        try askHead(larder, path)
        #expect(try larder.get(path).xCache == "HIT")
    }

    @Test(
        "RFC 9110 §9.3.2: an answer to HEAD is never taken for an answer to GET", .tags(.must), arguments: Backend.both)
    func headAlone(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(200, ["Cache-Control: max-age=60"], body: "content")
        for _ in 0..<2 { #expect(try larder.request("HEAD", path)["Content-Length"] == "7") }
        #expect(try !larder.isStored(path))
        let get = try larder.get(path)
        #expect(get.text == "content" && get.xCache == "MISS")
    }

    @Test(
        "RFC 9110 §9.3.2: HEAD from the store has the fields of GET, of a 404 and a condition too", .tags(.must),
        arguments: Backend.both)
    func headFromStore(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(404, ["Cache-Control: max-age=60", "ETag: \"1\"", "X-Own: 1"], body: "nothing")
        try larder.fill(path)
        let get = try larder.get(path)
        let head = try larder.request("HEAD", path)
        #expect(head.status == 404 && head.xCache == "HIT" && head.body.isEmpty)
        for name in ["ETag", "X-Own", "Content-Length", "Date"] { #expect(head[name] == get[name], "\(name)") }
        #expect(origin.count(for: path) == 1)
    }

    // MARK: POST

    private func post(_ larder: LarderProcess, _ path: String) throws -> Response {
        try larder.request("POST", path, ["Content-Type: text/plain"], body: Array("asked".utf8))
    }

    /// Answers POST as given and GET as itself.
    private func script(post fields: @escaping @Sendable (String) -> [String]) -> String {
        origin.script { exchange in
            let method = exchange.request.method
            try exchange.readBody()
            let own = method == "POST" ? fields(exchange.request.path) : ["Cache-Control: max-age=60"]
            try exchange.respond(200, own, body: "by \(method)")
        }
    }

    @Test(
        "RFC 9110 §9.3.3: POST with explicit freshness and its own URI as Content-Location answers a later GET",
        .tags(.choice), arguments: Backend.both)
    func contentLocation(_ backend: Backend) throws {
        let larder = scene[backend]
        let forms: [@Sendable (String) -> String] = [
            { $0 }, { "http://api.example\($0)" }, { "//API.example:80\($0)" },
            { String($0.split(separator: "/").last ?? "") },
        ]
        for form in forms {
            let path = script { ["Cache-Control: max-age=60", "Content-Location: \(form($0))"] }
            let answer = try post(larder, path)
            #expect(answer.text == "by POST" && answer.xCache != "HIT")
            let isThere = try eventually { try larder.isStored(path) }
            #expect(isThere, "\(form(path))")
            let get = try larder.get(path)
            #expect(get.xCache == "HIT" && get.text == "by POST", "\(form(path))")
            #expect(try larder.request("HEAD", path).xCache == "HIT")
        }
    }

    @Test(
        "RFC 9110 §9.3.3: without explicit freshness, or with another URI, POST answers no GET", .tags(.must),
        arguments: Backend.both)
    func notForGet(_ backend: Backend) throws {
        let larder = scene[backend]
        let other = origin.script(200, ["Cache-Control: max-age=60"], body: "other")
        let cases: [@Sendable (String) -> [String]] = [
            { _ in ["Cache-Control: max-age=60"] }, { ["Content-Location: \($0)"] },
            { ["Cache-Control: no-store, max-age=60", "Content-Location: \($0)"] },
            { _ in ["Cache-Control: max-age=60", "Content-Location: \(other)"] },
            { ["Cache-Control: max-age=60", "Content-Location: \($0)?x=1"] },
            { ["Cache-Control: max-age=60", "Content-Location: http://other.example\($0)"] },
            { ["Cache-Control: max-age=60", "Content-Location: https://api.example\($0)"] },
        ]
        for fields in cases {
            let path = script(post: fields)
            #expect(try post(larder, path).text == "by POST")
            let get = try larder.get(path)
            #expect(get.text == "by GET" && get.xCache == "MISS", "\(fields(path))")
            #expect(try !larder.isStored(path + "?x=1"))
        }
        #expect(try larder.get(other).text == "other")
        #expect(try !larder.isStored(other, ["Host: other.example"]))
    }

    @Test("RFC 9111 §4.4: a POST replaces what GET had stored", .tags(.must), arguments: Backend.both)
    func replaces(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script { ["Cache-Control: max-age=60", "Content-Location: \($0)"] }
        try larder.fill(path)
        #expect(try larder.get(path).text == "by GET")
        _ = try post(larder, path)
        var next = try larder.get(path)
        #expect(next.text == "by POST" || next.xCache != "HIT")
        next = try larder.awaitHit(path)
        #expect(next.status == 200)
    }

    @Test(
        "RFC 9111 §4.4: a POST's answer that another change overtook answers no GET", .tags(.must),
        arguments: Backend.both)
    func overtaken(_ backend: Backend) throws {
        let larder = scene[backend]
        let release = DispatchSemaphore(value: 0)
        let path = origin.script { exchange in
            let method = exchange.request.method
            try exchange.readBody()
            if method == "POST" { _ = release.wait(timeout: .now() + 5) }
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "Content-Location: \(exchange.request.path)"], body: "by \(method)")
        }
        let client = try larder.client()
        try client.send(RawClient.request("POST", path, body: [120]))
        #expect(eventually { origin.count(for: path) == 1 })
        #expect(try larder.request("PUT", path, body: [120]).text == "by PUT")
        release.signal()
        #expect(try client.readResponse().text == "by POST")
        #expect(try larder.get(path).text == "by GET")
    }
}
