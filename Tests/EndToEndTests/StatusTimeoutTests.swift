import Foundation
import TestSupport
import Testing

// `cache.statuses`: lifetimes by status, in `standard` mode within what RFC 9111 §4.2.2 leaves to a cache.

@Suite("cache.statuses: how long which status is fresh")
struct StatusTimeoutTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// What an answer with this status and these fields has left of its life once it is stored.
    private func life(_ larder: LarderProcess, _ prefix: String, _ status: Int, _ fields: [String] = []) throws -> Int {
        let path = origin.script("/\(prefix)/t") { try $0.respond(status, fields) }
        let first = try larder.fill(path)
        #expect(first.status == status)
        let hit = try larder.get(path)
        #expect(hit.status == status && hit.xCache == "HIT")
        return try larder.lifetimeLeft(path)
    }

    private func expectUnstored(
        _ larder: LarderProcess, _ prefix: String, _ status: Int, _ fields: [String] = []
    ) throws {
        try scene.expectNotStored(larder, origin.script("/\(prefix)/t") { try $0.respond(status, fields) })
    }

    @Test("standard: its status's own timeout, else the route's", .tags(.choice), arguments: Backend.both)
    func standard(_ backend: Backend) throws {
        let larder = scene[backend]
        #expect(isLifetime(try life(larder, "statuses", 404), 10))
        #expect(isLifetime(try life(larder, "statuses", 501), 5))
        #expect(isLifetime(try life(larder, "statuses", 200), 60))
        #expect(isLifetime(try life(larder, "statuses", 410), 60))
    }

    @Test(
        "RFC 9111 §4.2.2: standard gives no lifetime to a status that isn't heuristically cacheable, unless it is public",
        .tags(.must), arguments: Backend.both)
    func notCacheable(_ backend: Backend) throws {
        let larder = scene[backend]
        for status in [500, 502, 503] { try expectUnstored(larder, "statuses", status) }
        #expect(isLifetime(try life(larder, "statuses", 500, ["Cache-Control: public"]), 5))
    }

    @Test("RFC 9111 §4.2.1: standard leaves what the origin said as it is", .tags(.must), arguments: Backend.both)
    func originFirst(_ backend: Backend) throws {
        let larder = scene[backend]
        #expect(isLifetime(try life(larder, "statuses", 404, ["Cache-Control: max-age=100"]), 100))
        #expect(isLifetime(try life(larder, "statuses", 500, ["Cache-Control: max-age=100"]), 100))
        #expect(isLifetime(try life(larder, "statuses", 404, ["Expires: \(httpDate(500))"]), 500))
        for control in ["no-store", "private", "max-age=0"] {
            try expectUnstored(larder, "statuses", 404, ["Cache-Control: \(control)"])
        }
    }

    @Test(
        "force: replaces what the origin said, for every status that is named", .tags(.choice), arguments: Backend.both)
    func forced(_ backend: Backend) throws {
        let larder = scene[backend]
        #expect(isLifetime(try life(larder, "forced", 404, ["Cache-Control: no-store"]), 10))
        #expect(isLifetime(try life(larder, "forced", 404, ["Cache-Control: max-age=100"]), 10))
        #expect(isLifetime(try life(larder, "forced", 500), 5))
        #expect(isLifetime(try life(larder, "forced", 503, ["Cache-Control: private"]), 5))
        #expect(isLifetime(try life(larder, "forced", 200, ["Cache-Control: no-store"]), 60))
        // Neither named nor cacheable by default.
        try expectUnstored(larder, "forced", 403)
        try expectUnstored(larder, "forced", 404, ["Set-Cookie: a=1"])
    }

    @Test("A status goes before its class, a class before any", .tags(.choice), arguments: Backend.both)
    func exactFirst(_ backend: Backend) throws {
        let larder = scene[backend]
        for (status, seconds) in [(404, 100), (410, 200), (200, 300), (301, 300), (501, 300)] {
            #expect(isLifetime(try life(larder, "ladder", status), seconds), "\(status)")
        }
        try expectUnstored(larder, "ladder", 403)
        #expect(isLifetime(try life(larder, "ladder", 403, ["Cache-Control: public"]), 200))
    }
}
