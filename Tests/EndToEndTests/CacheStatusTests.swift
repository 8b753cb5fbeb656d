import Foundation
import TestSupport
import Testing

// What every response says of the cache: `Cache-Status` (RFC 9211), read as a structured field, and `X-Cache`, for every
// situation that a request can be in.

@Suite("RFC 9211: Cache-Status, and X-Cache, on every response")
struct CacheStatusTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// What a response is expected to say.
    private struct Expected {
        var xCache: String
        var isHit = false
        var forward: String?
        var forwardStatus: Int?
        var isStored = false
        var detail: String?
        var lifetime: ClosedRange<Int>?
    }

    private func expect(_ response: Response, _ expected: Expected, _ situation: String) throws {
        let member = try response.cacheStatus
        let seen = "\(situation): \(response["Cache-Status"] ?? "")"
        #expect(response.xCache == expected.xCache, "\(seen)")
        #expect(member.isHit == expected.isHit, "\(seen)")
        #expect(member.forward == expected.forward, "\(seen)")
        #expect(member.isStored == expected.isStored, "\(seen)")
        if let status = expected.forwardStatus { #expect(member.forwardStatus == status, "\(seen)") }
        if let detail = expected.detail { #expect(member.detail == detail, "\(seen)") }
        if let lifetime = expected.lifetime {
            #expect(member.timeToLive.map(lifetime.contains) == true, "\(seen)")
        }
        if expected.isHit { #expect(response["Age"] != nil && member.timeToLive != nil, "\(seen)") }
    }

    @Test("§2.1, §2.2: stored and answered from the store", .tags(.must), arguments: Backend.both)
    func hitAndMiss(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.numbered("/t", ["Cache-Control: max-age=60", "ETag: \"1\"", "Vary: Accept-Language"])
        try expect(
            try larder.fill(path), Expected(xCache: "MISS", forward: "uri-miss", isStored: true), "nothing stored")
        try expect(try larder.get(path), Expected(xCache: "HIT", isHit: true, lifetime: 57...60), "fresh")
        try expect(
            try larder.get(path, ["Accept-Language: de"]),
            Expected(xCache: "MISS", forward: "vary-miss", isStored: true), "another variant")
        try expect(
            try larder.get(path, ["If-None-Match: \"1\""]), Expected(xCache: "HIT", isHit: true), "304 from the store")
        try expect(
            try larder.request("HEAD", path), Expected(xCache: "HIT", isHit: true, lifetime: 57...60), "HEAD")
        try expect(
            try larder.get(path, ["Range: bytes=0-1"]), Expected(xCache: "HIT", isHit: true), "206 from the store")
    }

    @Test("§2.2: why a request went forward", .tags(.must), arguments: Backend.both)
    func forwarded(_ backend: Backend) throws {
        let larder = scene[backend]
        let plain = scene.numbered("/plain/t")
        try expect(
            try larder.get(plain), Expected(xCache: "BYPASS", forward: "bypass", detail: "route"),
            "route caches nothing")
        let path = scene.numbered()
        try larder.fill(path)
        try expect(
            try larder.get(path, ["Cache-Control: no-cache"]),
            Expected(xCache: "MISS", forward: "request", isStored: true, detail: "request-no-cache"), "no-cache")
        try expect(
            try larder.get(path, ["If-Match: \"x\""]), Expected(xCache: "BYPASS", forward: "bypass"), "If-Match")
        for method in ["POST", "BREW", "OPTIONS"] {
            try expect(
                try larder.request(method, path, body: method == "POST" ? [120] : nil),
                Expected(xCache: "BYPASS", forward: "method", detail: "method"), method)
        }
        let part = VersionedContent()
        let partial = origin.script { try part.answer($0) }
        try larder.fill(partial, ["Range: bytes=0-99"])
        try expect(
            try larder.get(partial, ["Range: bytes=50-149"]),
            Expected(xCache: "MISS", forward: "partial", isStored: true), "a part is stored")
    }

    @Test("§2.2: stale, validated or replaced, or served all the same", .tags(.must), arguments: Backend.both)
    func stale(_ backend: Backend) throws {
        let larder = scene[backend]
        let renewed = origin.script { exchange in
            let isKnown = exchange.request["If-None-Match"] != nil
            try exchange.respond(
                isKnown ? 304 : 200, ["Cache-Control: max-age=\(isKnown ? 60 : 0)", "ETag: \"1\""], body: "content")
        }
        try larder.fill(renewed)
        try expect(
            try larder.get(renewed),
            Expected(xCache: "REVALIDATED", forward: "stale", forwardStatus: 304, lifetime: 57...60), "304")
        let replaced = scene.numbered("/t", ["Cache-Control: max-age=10", "Age: 20", "ETag: \"1\""])
        try larder.fill(replaced)
        try expect(try larder.get(replaced), Expected(xCache: "MISS", forward: "stale", isStored: true), "200")
        try expect(
            try larder.get(replaced, ["Cache-Control: max-stale=100"]),
            Expected(xCache: "STALE", isHit: true, detail: "request-max-stale", lifetime: -13 ... -10), "max-stale")
        let broken = origin.script { exchange in
            let isKnown = exchange.request["If-None-Match"] != nil
            try exchange.respond(
                isKnown ? 503 : 200,
                ["Cache-Control: max-age=0, stale-if-error=60", "ETag: \"1\""], body: "content")
        }
        try larder.fill(broken)
        try expect(
            try larder.get(broken),
            Expected(xCache: "STALE", forward: "stale", forwardStatus: 503, detail: "stale-if-error"), "stale-if-error")
    }

    @Test("§2.8: what is not stored says why", .tags(.should), arguments: Backend.both)
    func notStored(_ backend: Backend) throws {
        let larder = scene[backend]
        let cases: [([String], String)] = [
            (["Cache-Control: no-store"], "no-store"), (["Cache-Control: private"], "private"), ([], "no-lifetime"),
            (["Cache-Control: max-age=60", "Set-Cookie: a=1"], "set-cookie"),
            (["Cache-Control: max-age=60", "Vary: *"], "vary-star"), (["Cache-Control: max-age=0"], "already-stale"),
        ]
        for (fields, detail) in cases {
            try expect(
                try larder.get(scene.numbered("/t", fields)),
                Expected(xCache: "MISS", forward: "uri-miss", detail: detail), "\(fields)")
        }
        let typed = origin.script("/types/t") { try $0.respond(200, ["Content-Type: image/png"], body: "a") }
        try expect(try larder.get(typed), Expected(xCache: "MISS", forward: "uri-miss", detail: "content-type"), "type")
    }

    @Test("§2.6: who waited for another's fetch says so", .tags(.should), arguments: Backend.both)
    func collapsed(_ backend: Backend) throws {
        let larder = scene[backend]
        let release = DispatchSemaphore(value: 0)
        let path = origin.script { exchange in
            _ = release.wait(timeout: .now() + 5)
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "shared")
        }
        let clients = try (0..<2).map { _ in try larder.client() }
        for client in clients { try client.send(RawClient.request("GET", path)) }
        // The second one comes to the origin within this time, or waits.
        #expect(settled(for: 0.15) { origin.count(for: path) } == 1)
        release.signal()
        release.signal()
        let answers = try clients.map { try $0.readResponse() }
        #expect(answers.allSatisfy { $0.text == "shared" && $0.xCache == "MISS" })
        let members = try answers.map { try $0.cacheStatus }
        #expect(members.allSatisfy { $0.forward == "uri-miss" })
        #expect(members.filter(\.isCollapsed).count == 1)
    }

    @Test("§2: an origin's own members stay before Larder's", .tags(.must), arguments: Backend.both)
    func appended(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(
            200,
            [
                "Cache-Control: max-age=60", "Cache-Status: \"far; away\"; hit; ttl=30; detail=\"a, \\\"b\\\"\", near",
                "Cache-Status: nearest; fwd=uri-miss", "X-Cache: HIT from nearest",
            ], body: "a")
        for response in [try larder.fill(path), try larder.get(path)] {
            #expect(try response.cacheStatusMembers.map(\.cache) == ["far; away", "near", "nearest", "larder"])
            #expect(response.head.all("X-Cache").count == 1)
        }
        #expect(try larder.get(path).cacheStatus.isHit)
        // From the store too: once, however often it is validated.
        let validated = origin.script { exchange in
            let isKnown = exchange.request["If-None-Match"] != nil
            try exchange.respond(
                isKnown ? 304 : 200, ["Cache-Control: max-age=0", "ETag: \"1\"", "Cache-Status: inner; hit"],
                body: "a")
        }
        try larder.fill(validated)
        for _ in 0..<3 {
            #expect(try larder.get(validated).cacheStatusMembers.map(\.cache) == ["inner", "larder"])
        }
    }

    @Test("An error of Larder's own says what it is", .tags(.choice), arguments: Backend.both)
    func ownErrors(_ backend: Backend) throws {
        let larder = scene[backend]
        let broken = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
            exchange.close()
        }
        let absent = scene.numbered()
        let answers = [
            (try larder.get(absent, ["Cache-Control: only-if-cached"]), 504, "only-if-cached"),
            (try larder.get(broken), 502, nil), (try larder.get("/a/../../b"), 400, "invalid-path"),
            (try larder.request("GET", absent, ["Host: a", "Host: b"]), 400, nil),
        ]
        for (response, status, detail) in answers {
            #expect(response.status == status)
            #expect(response["Content-Type"] == "application/problem+json")
            let member = try response.cacheStatus
            #expect(!member.isHit && !member.isStored && member.detail != nil, "\(response.raw.text)")
            if let detail { #expect(member.detail == detail) }
            #expect(["MISS", "BYPASS"].contains(response.xCache), "\(response.raw.text)")
        }
        #expect(origin.count(for: absent) == 0)
    }
}
