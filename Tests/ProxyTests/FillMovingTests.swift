import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// A stored head says under which key it stands. What changes that head by a 304, a HEAD or a part changes the key with it.

@Suite("RFC 9111 §4.1 and §4.3.4, one fill: records that move")
struct FillMovingTests {
    private let ann = ["Origin: https://ann.example"]
    private let bob = ["Origin: https://bob.example"]

    /// What a 304 for that client brings.
    private func allowed(_ client: [String], vary: String = "Origin") -> [String] {
        [
            "ETag: \"1\"", "Cache-Control: max-age=600", "Vary: \(vary)",
            "Access-Control-Allow-Origin: \(client[0].dropFirst("Origin: ".count))",
        ]
    }

    @Test("A 304 that brings a Vary is for requests with the same fields, and for no other", arguments: [false, true])
    func broughtBy304(isForAll: Bool) throws {
        let scene = try FillScene.stale()
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first, with: isForAll ? ann : ann + ["Cache-Control: no-cache"])
        try scene.ask(other, with: bob)
        scene.sources[0].head("304 Not Modified", allowed(ann))
        scene.settle()
        #expect(first.ends == ["delivered, revalidated"])
        #expect(first.record?.headText.contains("Allow-Origin: https://ann.example") == true)
        #expect(try scene.body(for: ann) == "old" && scene.stored(for: bob) == nil && scene.stored() == nil)
        if isForAll {
            // The one that waits is told which variant that is.
            let own = scene.select(try scene.request(with: ann)).keys
            #expect(other.place?.varyIndex != nil && other.place?.key == own.key && own.key != own.plainKey)
        } else {
            scene.sources[1].head("304 Not Modified", allowed(bob))
            #expect(try scene.body(for: bob) == "old")
            #expect(try scene.stored(for: bob)?.headText.contains("bob.example") == true)
        }
        #expect(try scene.body(for: ann) == "old")
        #expect(scene.leftovers == [])
    }

    @Test("So is one for a HEAD, and the response to a HEAD that repeats the validator", arguments: [200, 304])
    func broughtByHead(status: Int) throws {
        let scene = try FillScene.stale()
        try scene.ask(ScriptedReader(), method: "HEAD", with: ann)
        scene.source.head(status == 200 ? "200 OK" : "304 Not Modified", allowed(ann))
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(try scene.body(for: ann) == "old" && scene.stored(for: bob) == nil && scene.stored() == nil)
    }

    @Test("One that names further fields moves a variant, and where it was nothing stays")
    func otherNames() throws {
        let scene = try FillScene()
        let fields = ["Cache-Control: max-age=60", "Vary: Origin", "ETag: \"1\""]
        try scene.store(for: ann, with: fields, body: "old")
        let before = scene.select(try scene.request(with: ann)).keys.key
        try scene.ask(ScriptedReader(), with: ann + ["Cache-Control: no-cache", "Accept: a/b"])
        scene.source.head("304 Not Modified", allowed(ann, vary: "Origin, Accept"))
        #expect(scene.leftovers == [])
        let moved = scene.select(try scene.request(with: ann + ["Accept: a/b"]))
        #expect(moved.stored?.bodyText == "old" && moved.keys.key != before)
        #expect(try scene.stored(for: ann + ["Accept: c/d"]) == nil)
        #expect(!scene.isInMemory(before))
    }

    @Test("One that no longer varies is for everybody")
    func noLonger() throws {
        let scene = try FillScene()
        let fields = ["Cache-Control: max-age=60", "Vary: Origin", "ETag: \"1\""]
        try scene.store(for: ann, with: fields, body: "old")
        let before = scene.select(try scene.request(with: ann)).keys.key
        try scene.ask(ScriptedReader(), with: ann + ["Cache-Control: no-cache"])
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Vary:"])
        #expect(scene.leftovers == [])
        #expect(try scene.body(for: bob) == "old" && scene.body() == "old")
        #expect(!scene.isInMemory(before))
    }

    @Test("With Vary: * nothing stays stored, and the client gets what it asked for")
    func star() throws {
        let scene = try FillScene.stale()
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Vary: *"])
        #expect(scene.leftovers == [])
        #expect(first.record?.bodyText == "old" && first.record?.headText.contains("Vary: *") == true)
        #expect(other.ends == ["refused, one client"])
        #expect(try scene.stored() == nil)
    }

    @Test("One for one client only moves nothing")
    func forOne() throws {
        let scene = try FillScene.stale()
        let before = try scene.stored()
        try scene.ask(ScriptedReader(), with: ann)
        scene.source.head("304 Not Modified", allowed(ann) + ["Set-Cookie: a=b"])
        #expect(scene.leftovers == [])
        #expect(try scene.stored() === before)
    }

    // MARK: Parts

    private func respond(_ scene: FillScene, _ range: Range<Int>, _ fields: [String]) {
        let body = String("0123456789".dropFirst(range.lowerBound).prefix(range.count))
        let place = "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/10"
        scene.source.respond(
            "206 Partial Content", ["Cache-Control: max-age=60", "ETag: \"1\"", place] + fields, body: body)
    }

    @Test("A part that brings a Vary takes what it is joined with to its variant", arguments: [false, true])
    func broughtByPart(isCompleted: Bool) throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ["Range: bytes=0-3"])
        respond(scene, 0..<4, [])
        try scene.ask(ScriptedReader(), with: isCompleted ? ann : ann + ["Range: bytes=4-5"])
        respond(scene, isCompleted ? 4..<10 : 4..<6, ["Vary: Origin"])
        #expect(scene.leftovers == [])
        let stored = try #require(try scene.stored(for: ann))
        #expect(isCompleted ? stored.bodyText == "0123456789" : PartialResponse(stored)?.text(of: 0..<6) == "012345")
        #expect(try scene.stored(for: bob) == nil && scene.stored() == nil)
    }

    @Test("A part that doesn't repeat the Vary of what it is joined with stays with it, tags and all")
    func notRepeated() throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ann + ["Range: bytes=0-3"])
        respond(scene, 0..<4, ["Vary: Origin", "Cache-Tag: a"])
        try scene.ask(ScriptedReader(), with: ann)
        respond(scene, 4..<10, [])
        #expect(scene.leftovers == [])
        let stored = try #require(try scene.stored(for: ann))
        #expect(stored.bodyText == "0123456789" && stored.facts.flags.contains(.tagged))
        #expect(try scene.stored(for: bob) == nil && scene.stored() == nil)
    }

    @Test("A part with Vary: * takes out what it is a part of")
    func starInPart() throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ["Range: bytes=0-3"])
        respond(scene, 0..<4, [])
        try scene.ask(ScriptedReader(), with: ["Range: bytes=4-5"])
        respond(scene, 4..<6, ["Vary: *"])
        #expect(scene.leftovers == [])
        #expect(try scene.stored() == nil)
    }
}

extension FillScene {
    /// Whether anything stands at a key, whatever its text.
    func isInMemory(_ key: CacheKey) -> Bool { cache.deleteFromMemory([key]) > 0 }
}
