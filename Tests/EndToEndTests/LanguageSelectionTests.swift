import Foundation
import TestSupport
import Testing

@Suite("RFC 9110 §12.5.4, §8.5: a stored variant is selected by Content-Language")
struct LanguageSelectionTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    /// A path that is stored in German for a client that takes English or German.
    private func script(_ fields: [String], on larder: LarderProcess) throws -> String {
        let path = origin.script { exchange in
            try exchange.respond(
                200, ["Cache-Control: max-age=600"] + fields, body: exchange.request["Accept-Language"] ?? "")
        }
        try larder.awaitHit(path, ["Accept-Language: en, de"])
        return path
    }

    @Test(
        "A request that prefers its language gets it; what it prefers no single one for is asked for", .tags(.choice),
        arguments: [Backend.memory])
    func selects(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = try script(["Vary: Accept-Language", "Content-Language: de"], on: larder)
        for list in ["fr;q=0.5, de;q=1.0", "DE, en;q=0.1", "de"] {
            let response = try larder.get(path, ["Accept-Language: \(list)"])
            #expect(response.xCache == "HIT" && response.text == "en, de", "\(list): \(response.summary)")
        }
        #expect(origin.count(for: path) == 1)
        for list in ["fr, de", "fr;q=0.9, de;q=0.8", "de-AT", "*"] {
            let response = try larder.get(path, ["Accept-Language: \(list)"])
            #expect(response.xCache == "MISS" && response.text == list, "\(list): \(response.summary)")
        }
        #expect(try larder.get(path).xCache == "MISS")
    }

    @Test("A variant of its own is preferred, and an invalidation covers both", .tags(.must))
    func invalidated() throws {
        let larder = scene[.memory]
        let path = try script(["Vary: Accept-Language", "Content-Language: de"], on: larder)
        #expect(try larder.get(path, ["Accept-Language: de"]).xCache == "HIT")
        #expect(try larder.get(path, ["Accept-Language: de", "Cache-Control: no-cache"]).text == "de")
        #expect(try larder.get(path, ["Accept-Language: de"]).text == "de")
        #expect(try larder.get(path, ["Accept-Language: en, de"]).text == "en, de")
        let client = try larder.client()
        try client.send(RawClient.request("DELETE", path))
        #expect(try client.readResponse().status == 200)
        #expect(try larder.get(path, ["Accept-Language: de, en;q=0.5"]).xCache == "MISS")
    }

    @Test(
        "Not where it varies by anything else, has several languages, none, or is stale", .tags(.must),
        arguments: [
            ["Vary: Accept-Language, X-Own", "Content-Language: de"],
            ["Vary: Accept-Language", "Content-Language: de, en"],
            ["Vary: Accept-Language", "Content-Language: de", "Content-Language: en"], ["Vary: Accept-Language"],
        ])
    func declines(_ fields: [String]) throws {
        let larder = scene[.memory]
        let path = try script(fields, on: larder)
        #expect(try larder.get(path, ["Accept-Language: de"]).xCache == "MISS")
    }
}
