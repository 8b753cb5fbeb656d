import Foundation
import TestSupport
import Testing

// What a request's own Cache-Control asks for (RFC 9111 §5.2.1), with responses that arrive at a known age.

@Suite("RFC 9111 §5.2.1: request directives")
struct RequestDirectiveTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A stored response that is so old, of a life of 60 seconds; negative lives are its staleness.
    private func stored(_ larder: LarderProcess, age: Int, _ directives: String = "") throws -> String {
        let path = origin.script(
            200, ["Cache-Control: max-age=60\(directives)", "Age: \(age)", "ETag: \"1\""], body: "content")
        try larder.fill(path)
        return path
    }

    private func ask(_ larder: LarderProcess, _ path: String, _ control: String) throws -> String? {
        try larder.get(path, ["Cache-Control: \(control)"]).xCache
    }

    @Test("§5.2.1.1: max-age takes nothing older", .tags(.should), arguments: Backend.both)
    func maxAge(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try stored(larder, age: 30)
        for control in ["max-age=50", "max-age=\"50\"", "MAX-AGE=50", "foo, max-age=50,"] {
            #expect(try ask(larder, path, control) == "HIT", "\(control)")
        }
        for control in ["max-age=20", "max-age=0", "max-age=50, max-age=20", "max-age=-1", "max-age=x"] {
            #expect(try ask(larder, path, control) == "MISS", "\(control)")
        }
    }

    @Test("§5.2.1.3: min-fresh takes only what stays fresh that long", .tags(.should), arguments: Backend.both)
    func minFresh(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try stored(larder, age: 30)
        #expect(try ask(larder, path, "min-fresh=20") == "HIT")
        #expect(try ask(larder, path, "min-fresh=40") == "MISS")
        #expect(try ask(larder, path, "min-fresh=20, max-age=20") == "MISS")
    }

    @Test("§5.2.1.2: max-stale takes what is stale, so far as it says", .tags(.choice), arguments: Backend.both)
    func maxStale(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try stored(larder, age: 70)
        #expect(try larder.get(path).xCache == "MISS")
        for control in ["max-stale=100", "max-stale", "max-stale=\"100\"", "only-if-cached, max-stale=100"] {
            #expect(try ask(larder, path, control) == "STALE", "\(control)")
        }
        for control in ["max-stale=5", "max-stale=0", "max-stale=x", "max-age=65, max-stale=100"] {
            #expect(try ask(larder, path, control) == "MISS", "\(control)")
        }
        let fresh = try stored(larder, age: 0)
        #expect(try ask(larder, fresh, "max-stale=100") == "HIT")
    }

    @Test(
        "§4.2.4: max-stale moves nothing that says it must not be served stale", .tags(.must), arguments: Backend.both,
        [", must-revalidate", ", proxy-revalidate", ", no-cache", ", s-maxage=60"])
    func neverStale(_ backend: Backend, _ directive: String) throws {
        let larder = scene[backend]
        let path = origin.script(
            200, ["Cache-Control: max-age=60\(directive)", "Age: 70", "ETag: \"1\""], body: "content")
        for _ in 0..<3 { #expect(try ask(larder, path, "max-stale") == "MISS") }
        #expect(try larder.get(path, ["Cache-Control: max-stale, only-if-cached"]).status == 504)
        #expect(origin.count(for: path) == 3)
    }

    @Test("§5.2.1.4: no-cache is answered by the origin, or by it and the store", .tags(.must), arguments: Backend.both)
    func noCache(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try stored(larder, age: 0)
        #expect(try ask(larder, path, "no-cache") == "MISS")
        #expect(origin.requests(for: path).last?["If-None-Match"] == "\"1\"")
        let renewing = origin.script { exchange in
            let isKnown = exchange.request["If-None-Match"] != nil
            try exchange.respond(isKnown ? 304 : 200, ["Cache-Control: max-age=60", "ETag: \"1\""], body: "content")
        }
        try larder.fill(renewing)
        let renewed = try larder.get(renewing, ["Cache-Control: no-cache"])
        #expect(renewed.status == 200 && renewed.xCache == "REVALIDATED" && renewed.text == "content")
        // The client's own condition is answered all the same.
        let unchanged = try larder.get(renewing, ["Cache-Control: no-cache", "If-None-Match: \"1\""])
        #expect(unchanged.status == 304)
    }

    @Test("§5.4: Pragma: no-cache counts where there is no Cache-Control", .tags(.should), arguments: Backend.both)
    func pragma(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try stored(larder, age: 10)
        #expect(try larder.get(path, ["Pragma: no-cache"]).xCache == "MISS")
        #expect(try larder.get(path, ["Pragma: no-cache", "Cache-Control: max-age=50"]).xCache == "HIT")
        #expect(try larder.get(path, ["Pragma: other"]).xCache == "HIT")
    }

    @Test("§5.2.1.5: nothing of a request that says no-store is stored", .tags(.must), arguments: Backend.both)
    func noStore(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.numbered()
        for _ in 0..<2 { #expect(try ask(larder, path, "no-store") == "MISS") }
        #expect(try !larder.isStored(path))
        #expect(try larder.fill(path).text == "answer 3")
        // What is stored already stays what it was.
        _ = try larder.get(path, ["Cache-Control: no-store, no-cache"])
        #expect(try larder.get(path).text == "answer 3")
    }

    @Test("§5.2.1.7: only-if-cached is answered from the store or with 504", .tags(.should), arguments: Backend.both)
    func onlyIfCached(_ backend: Backend) throws {
        let larder = scene[backend]
        let absent = scene.numbered()
        let refused = try larder.get(absent, ["Cache-Control: only-if-cached"])
        #expect(refused.status == 504 && refused["Content-Type"] == "application/problem+json")
        #expect(origin.count(for: absent) == 0)
        let fresh = try stored(larder, age: 30)
        #expect(try ask(larder, fresh, "only-if-cached") == "HIT")
        let stale = try stored(larder, age: 70)
        for control in ["only-if-cached", "only-if-cached, max-stale=5"] {
            #expect(try larder.get(stale, ["Cache-Control: \(control)"]).status == 504, "\(control)")
        }
        for control in ["only-if-cached, max-age=20", "only-if-cached, min-fresh=40", "only-if-cached, no-cache"] {
            #expect(try larder.get(fresh, ["Cache-Control: \(control)"]).status == 504, "\(control)")
        }
        #expect(origin.count(for: fresh) == 1 && origin.count(for: stale) == 1)
    }

    @Test(
        "By default a route hears none of them but no-store and only-if-cached", .tags(.choice), arguments: Backend.both
    )
    func ignored(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script("/deaf/t") {
            try $0.respond(200, ["Cache-Control: max-age=60", "Age: 30"], body: "content")
        }
        _ = try larder.get(path, ["Cache-Control: no-store"])
        try larder.awaitHit(path)
        let asked = origin.count(for: path)
        #expect(asked == 2)
        for control in ["no-cache", "max-age=0", "min-fresh=50", "no-store", "only-if-cached"] {
            #expect(try ask(larder, path, control) == "HIT", "\(control)")
        }
        #expect(try larder.get(path, ["Pragma: no-cache"]).xCache == "HIT")
        #expect(origin.count(for: path) == asked)
        let absent = scene.numbered("/deaf/t")
        #expect(try larder.get(absent, ["Cache-Control: only-if-cached"]).status == 504)
        #expect(try larder.get(absent).text == "answer 1")
    }
}
