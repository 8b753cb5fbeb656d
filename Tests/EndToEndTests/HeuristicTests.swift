import Foundation
import TestSupport
import Testing

// Lifetimes that the cache makes up (RFC 9111 §4.2.2): off unless the route says so, and for some statuses only.

@Suite("RFC 9111 §4.2.2: heuristic freshness")
struct HeuristicTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// Changed so many seconds ago.
    private func modified(_ seconds: Double) -> String { "Last-Modified: \(httpDate(-seconds))" }

    @Test("Off by default: Last-Modified alone gives no lifetime", .tags(.choice), arguments: Backend.both)
    func offByDefault(_ backend: Backend) throws {
        for status in [200, 301, 404] {
            let path = scene.numbered("/t", [modified(86_400)], status: status)
            for _ in 0..<2 { #expect(try scene[backend].get(path).xCache != "HIT") }
            #expect(origin.count(for: path) == 2)
        }
    }

    @Test(
        "§4.2.2: a tenth of the time since Last-Modified, for every heuristically cacheable status", .tags(.should),
        arguments: Backend.both)
    func lifetime(_ backend: Backend) throws {
        for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
            let path = origin.script("/heuristic/t") { try $0.respond(status, [modified(1_000)]) }
            try scene[backend].fill(path)
            #expect(isLifetime(try scene[backend].lifetimeLeft(path), 100), "\(status)")
        }
    }

    @Test(
        "§4.2.2: no lifetime is made up for other statuses, unless the origin says public", .tags(.must),
        arguments: Backend.both)
    func otherStatuses(_ backend: Backend) throws {
        for status in [201, 302, 307, 400, 403, 500, 503] {
            let path = origin.script("/heuristic/t") { try $0.respond(status, [modified(1_000)]) }
            for _ in 0..<2 { #expect(try scene[backend].get(path).xCache != "HIT", "\(status)") }
            #expect(origin.count(for: path) == 2, "\(status)")
        }
        let marked = origin.script("/heuristic/t") {
            try $0.respond(302, [modified(1_000), "Cache-Control: public", "Location: /elsewhere"])
        }
        try scene[backend].fill(marked)
        #expect(isLifetime(try scene[backend].lifetimeLeft(marked), 100))
    }

    @Test("heuristic_cap bounds what is made up", .tags(.choice), arguments: Backend.both)
    func cap(_ backend: Backend) throws {
        let path = origin.script("/heuristic/t") { try $0.respond(200, [modified(10_000_000)], body: "old") }
        try scene[backend].fill(path)
        #expect(isLifetime(try scene[backend].lifetimeLeft(path), 3_600))
    }

    @Test(
        "§4.2.2: nothing is made up where the origin gave a lifetime, or nothing to count from", .tags(.must),
        arguments: Backend.both)
    func explicit(_ backend: Backend) throws {
        let larder = scene[backend]
        let given = origin.script("/heuristic/t") {
            try $0.respond(200, [modified(1_000), "Cache-Control: max-age=7"], body: "a")
        }
        try larder.fill(given)
        #expect(isLifetime(try larder.lifetimeLeft(given), 7))
        for fields in [
            [], ["Last-Modified: yesterday"], [modified(-1_000)], [modified(1_000), "Cache-Control: no-store"],
            [modified(1_000), "Cache-Control: private"], [modified(1_000), "Set-Cookie: a=1"],
        ] {
            let path = origin.script("/heuristic/t") { try $0.respond(200, fields, body: "a") }
            for _ in 0..<2 { #expect(try larder.get(path).xCache != "HIT", "\(fields)") }
        }
        // Explicitly expired is explicit all the same.
        let expired = origin.script("/heuristic/t") { try $0.respond(200, [modified(1_000), "Expires: 0"], body: "a") }
        for _ in 0..<2 { #expect(try larder.get(expired).xCache != "HIT") }
    }
}
