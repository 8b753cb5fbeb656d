import Foundation
import TestSupport
import Testing

// Targeted fields: Larder-Cache-Control, then CDN-Cache-Control, then Cache-Control; the first that is there, valid and not
// empty governs alone (RFC 9213).

@Suite("RFC 9213: targeted cache control")
struct TargetedFieldTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    @Test(
        "§2.2: the first of the target list that is valid and not empty governs", .tags(.must), arguments: Backend.both)
    func governing(_ backend: Backend) throws {
        let larder = scene[backend]
        let cases: [([String], Int)] = [
            (
                ["Larder-Cache-Control: max-age=300", "CDN-Cache-Control: max-age=200", "Cache-Control: max-age=100"],
                300
            ),
            (["Cache-Control: max-age=100", "CDN-Cache-Control: max-age=200"], 200),
            (["CDN-Cache-Control: max-age=200", "Larder-Cache-Control: max-age=300"], 300),
            (["CDN-Cache-Control: max-age=200", "Cache-Control: no-store"], 200),
            (["Larder-Cache-Control: max-age=300", "CDN-Cache-Control: private", "Cache-Control: private"], 300),
            (["CDN-Cache-Control: max-age=200", "Expires: 0"], 200),
            (["CDN-Cache-Control: max-age=200", "Cache-Control: max-age=100", "Expires: 0"], 200),
            (["CDN-Cache-Control: max-age=100, s-maxage=200"], 200),
            (["CDN-Cache-Control: max-age=200;why=because"], 200),
            (["CDN-Cache-Control: max-age=200", "CDN-Cache-Control: extension=\"own\""], 200),
        ]
        for (fields, seconds) in cases {
            let path = origin.script(200, fields, body: "a")
            try larder.fill(path)
            #expect(isLifetime(try larder.lifetimeLeft(path), seconds), "\(fields)")
        }
    }

    @Test(
        "§2.1: a field that is empty, or isn't a structured dictionary, is as if it weren't there", .tags(.must),
        arguments: Backend.both)
    func invalid(_ backend: Backend) throws {
        let larder = scene[backend]
        let broken = [
            "", "max-age=", "max-age=1,", "max-age=1,,no-store", "Max-Age=1", "max-age=1 no-store", "\"max-age\"=1",
            "max-age=\"1", "=1", "max-age = 1",
        ]
        for value in broken {
            let path = origin.script(
                200,
                ["Larder-Cache-Control: \(value)", "CDN-Cache-Control: max-age=200", "Cache-Control: max-age=100"],
                body: "a")
            try larder.fill(path)
            #expect(isLifetime(try larder.lifetimeLeft(path), 200), "\(value)")
        }
        let path = origin.script(
            200, ["Larder-Cache-Control: =", "CDN-Cache-Control: max-age=1,", "Cache-Control: max-age=100"], body: "a")
        try larder.fill(path)
        #expect(isLifetime(try larder.lifetimeLeft(path), 100))
    }

    @Test(
        "§2.2: what forbids storing in the governing field does, whatever the others say", .tags(.must),
        arguments: Backend.both)
    func forbidding(_ backend: Backend) throws {
        for value in ["no-store", "private", "max-age=200, no-store"] {
            for name in ["CDN-Cache-Control", "Larder-Cache-Control"] {
                let path = origin.script(200, ["\(name): \(value)", "Cache-Control: max-age=100"], body: "a")
                try scene.expectNotStored(scene[backend], path)
            }
        }
    }

    @Test(
        "§2.2: where a targeted field governs without a lifetime, neither Cache-Control nor Expires gives one",
        .tags(.must), arguments: Backend.both)
    func noLifetime(_ backend: Backend) throws {
        let later = "Expires: \(httpDate(500))"
        let path = origin.script(200, ["CDN-Cache-Control: none", "Cache-Control: max-age=100", later], body: "a")
        try scene.expectNotStored(scene[backend], path)
        // The route's own timeout is what is left.
        let timed = origin.script("/timed/t") {
            try $0.respond(200, ["CDN-Cache-Control: none", "Cache-Control: no-store", later], body: "a")
        }
        try scene[backend].fill(timed)
        #expect(isLifetime(try scene[backend].lifetimeLeft(timed), 60))
    }

    @Test(
        "§2.2: no-cache and must-revalidate mean in a targeted field what they mean in Cache-Control", .tags(.must),
        arguments: Backend.both)
    func directives(_ backend: Backend) throws {
        let larder = scene[backend]
        let cautious = scene.numbered(
            "/t", ["CDN-Cache-Control: max-age=200, no-cache", "ETag: \"1\"", "Cache-Control: max-age=100"])
        for count in 1...3 { #expect(try larder.get(cautious).text == "answer \(count)") }
        let strict = scene.numbered(
            "/t", ["CDN-Cache-Control: max-age=10, must-revalidate", "Age: 20", "ETag: \"1\""])
        _ = try larder.get(strict)
        #expect(try larder.get(strict, ["Cache-Control: max-stale"]).xCache != "STALE")
    }

    @Test(
        "§2.2: a targeted field for somebody else changes nothing and is passed on", .tags(.must),
        arguments: Backend.both)
    func others(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(
            200, ["Other-Cache-Control: no-store", "Surrogate-Control: no-store", "Cache-Control: max-age=100"],
            body: "a")
        let first = try larder.fill(path)
        let hit = try larder.get(path)
        for response in [first, hit] {
            #expect(response["Other-Cache-Control"] == "no-store" && response["Surrogate-Control"] == "no-store")
        }
        #expect(isLifetime(try larder.lifetimeLeft(path), 100))
    }

    @Test("§3: CDN-Cache-Control and Cache-Control are passed on as they came", .tags(.choice), arguments: Backend.both)
    func passedOn(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(200, ["CDN-Cache-Control: max-age=200", "Cache-Control: no-store"], body: "a")
        let first = try larder.fill(path)
        for response in [first, try larder.get(path)] {
            #expect(response["CDN-Cache-Control"] == "max-age=200")
            #expect(response["Cache-Control"] == "no-store")
        }
    }
}
