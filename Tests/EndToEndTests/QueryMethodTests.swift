import Foundation
import TestSupport
import Testing

// QUERY: a safe method with content, cached by that content (RFC 10008).

@Suite("RFC 10008: the QUERY method")
struct QueryMethodTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    private static let json = ["Content-Type: application/json"]

    private func query(
        _ larder: LarderProcess, _ path: String, _ body: String, _ fields: [String] = QueryMethodTests.json
    ) throws -> Response {
        try larder.request("QUERY", path, fields, body: Array(body.utf8))
    }

    @discardableResult
    private func fill(
        _ larder: LarderProcess, _ path: String, _ body: String, _ fields: [String] = QueryMethodTests.json
    ) throws -> Response {
        try larder.fill(path, fields, method: "QUERY", body: Array(body.utf8))
    }

    /// Answers with what was asked, and 304 where that is known already.
    private func script(_ control: String = "max-age=60") -> String {
        origin.script("/query/t") { exchange in
            let content = try exchange.readBody().text
            let fields = ["Cache-Control: \(control)", "ETag: \"\(content.count)\""]
            if exchange.request["If-None-Match"] == "\"\(content.count)\"" { return try exchange.respond(304, fields) }
            try exchange.respond(
                200, fields, body: "\(exchange.request.method) \(exchange.request["Content-Type"] ?? "") \(content)")
        }
    }

    @Test(
        "RFC 9111 §5.2.1.7: a condition that the origin alone evaluates isn't sent on with only-if-cached",
        .tags(.should))
    func onlyIfCached() throws {
        let path = script()
        let fields = Self.json + ["If-Match: \"1\"", "Cache-Control: only-if-cached"]
        #expect(try query(scene[.memory], path, "a", fields).status == 504)
        #expect(origin.count(for: path) == 0)
    }

    @Test(
        "§2.7: the answer is stored under its content, and the origin gets that content", .tags(.choice),
        arguments: Backend.both)
    func stored(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        let miss = try fill(larder, path, "{\"a\":1}")
        #expect(miss.text == "QUERY application/json {\"a\":1}" && miss.xCache == "MISS")
        let hit = try query(larder, path, "{\"a\":1}")
        #expect(hit.text == miss.text && hit.xCache == "HIT")
        #expect(try hit.cacheStatus.isHit)
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "§2.7: other content, another media type or coding, and another URI are other queries", .tags(.must),
        arguments: Backend.both)
    func keyed(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try fill(larder, path, "{\"a\":1}")
        let other = try query(larder, path, "{\"a\":2}")
        #expect(other.xCache == "MISS" && other.text == "QUERY application/json {\"a\":2}")
        let type = try query(larder, path, "{\"a\":1}", ["Content-Type: application/sql"])
        #expect(type.xCache == "MISS" && type.text == "QUERY application/sql {\"a\":1}")
        #expect(try query(larder, path, "{\"a\":1}", []).xCache == "MISS")
        #expect(try query(larder, path, "{\"a\":1}", Self.json + ["Content-Encoding: gzip"]).xCache == "MISS")
        #expect(try query(larder, path + "?page=2", "{\"a\":1}").xCache == "MISS")
        #expect(try query(larder, path, "").xCache == "MISS")
        #expect(try larder.get(path).xCache == "MISS")
        #expect(try query(larder, path, "{\"a\":1}").xCache == "HIT")
    }

    @Test("§2.6: a condition is answered from the store", .tags(.must), arguments: Backend.both)
    func conditional(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try fill(larder, path, "12345")
        let same = try query(larder, path, "12345", Self.json + ["If-None-Match: \"5\""])
        #expect(same.status == 304 && same["ETag"] == "\"5\"" && same.body.isEmpty)
        let changed = try query(larder, path, "12345", Self.json + ["If-None-Match: \"4\""])
        #expect(changed.status == 200 && changed.xCache == "HIT")
        #expect(origin.count(for: path) == 1)
    }

    @Test(
        "RFC 9111 §4.3: a stale answer is validated by sending the content again", .tags(.must),
        arguments: Backend.both)
    func validated(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script("max-age=0")
        try fill(larder, path, "12345")
        let renewed = try query(larder, path, "12345")
        #expect(renewed.status == 200 && renewed.xCache == "REVALIDATED")
        #expect(renewed.text == "QUERY application/json 12345")
        let last = try #require(origin.requests(for: path).last)
        #expect(last.method == "QUERY" && last["If-None-Match"] == "\"5\"" && last.body.text == "12345")
    }

    @Test("§2: it is safe: nothing is invalidated by it", .tags(.must), arguments: Backend.both)
    func invalidatesNothing(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path)
        try fill(larder, path, "first")
        _ = try query(larder, path, "second")
        #expect(try larder.get(path).xCache == "HIT")
        #expect(try query(larder, path, "first").xCache == "HIT")
        // Nor where the route doesn't cache it.
        let plain = scene.numbered()
        try larder.fill(plain)
        #expect(try query(larder, plain, "x").status == 200)
        #expect(try larder.get(plain).text == "answer 1")
    }

    @Test(
        "RFC 9111 §4.4: an unsafe request invalidates the resource's GET", .tags(.must), arguments: Backend.both)
    func invalidatedGet(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try larder.fill(path)
        #expect(try larder.request("POST", path, Self.json, body: [120]).status == 200)
        #expect(try larder.get(path).xCache != "HIT")
    }

    @Test("Its answer doesn't answer a GET, nor a GET's answer it", .tags(.must), arguments: Backend.both)
    func apart(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script()
        try fill(larder, path, "")
        #expect(try !larder.isStored(path))
        try larder.fill(path)
        #expect(try larder.get(path).text == "GET  ")
        #expect(try query(larder, path, "").text == "QUERY application/json ")
    }
}
