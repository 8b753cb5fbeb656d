import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// A response for one client is no verdict on what all share: what is stored stays, is shared as before, and the client gets
// what was meant for it.

@Suite("RFC 9111 §4.3.3, one fill: responses for one client")
struct FillVerdictTests {
    @Test(
        "A validation that is answered for one client leaves what is stored, and others may share the next",
        arguments: FillScene.forOneClient.indices)
    func validation(index: Int) throws {
        let (status, fields) = FillScene.forOneClient[index]
        let scene = try FillScene.stale()
        let (first, near, far) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        for reader in [first, near, far] { try scene.ask(reader) }
        scene.source.head(status, fields + ["Content-Length: 4"])
        scene.source.piece("mine")
        scene.source.end()
        scene.settle()
        #expect(first.log == ["handed over \(status.prefix(3))"] && first.text == "mine")
        #expect(near.ends == ["refused, one client"] && far.ends == ["refused, one client"])
        #expect(scene.leftovers == [] && scene.table.counts.hitForMiss == 0)
        let stored = try #require(try scene.stored())
        #expect(stored.bodyText == "old" && stored.headText.contains("X-Old: 1"))
        let next = ScriptedReader()
        guard case .began = try scene.ask(next) else {
            Issue.record("nobody may share a fill any more")
            return
        }
        #expect(scene.source.asks("If-None-Match") == "\"1\"")
    }

    @Test(
        "A client's own no-cache that is answered with an error leaves the fresh copy a HIT for the others",
        arguments: FillScene.forOneClient.map(\.status) + ["500 Internal Server Error", "503 Service Unavailable"])
    func ownNoCache(status: String) throws {
        // With a lifetime too: an error isn't to take the place of what serves everybody.
        for fields in [[], ["Cache-Control: max-age=600"]] where !(status.hasPrefix("2") || status.hasPrefix("3")) {
            let scene = try FillScene()
            try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "good")
            let reader = ScriptedReader()
            guard case .alone = try scene.ask(reader, with: ["Cache-Control: no-cache"]) else {
                Issue.record("what one client wants to be certain of is asked for that client")
                return
            }
            scene.source.head(status, fields)
            #expect(reader.log == ["handed over \(status.prefix(3))"])
            scene.source.end()
            #expect(scene.leftovers == [] && scene.table.counts.hitForMiss == 0)
            guard case .hit(let stored) = try scene.ask(ScriptedReader()) else {
                Issue.record("no HIT after \(status)")
                return
            }
            #expect(stored.bodyText == "good")
        }
    }

    @Test("404 and 410 take the place of what is stored", arguments: ["404 Not Found", "410 Gone"])
    func gone(status: String) throws {
        for fields in [[], ["Cache-Control: no-store"], ["Cache-Control: max-age=60"]] {
            let scene = try FillScene()
            try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "good")
            try scene.ask(ScriptedReader(), with: ["Cache-Control: no-cache"])
            scene.source.respond(status, fields, body: "gone")
            #expect(scene.leftovers == [])
            #expect(try scene.body() == (fields == ["Cache-Control: max-age=60"] ? "gone" : nil))
        }
    }

    @Test("A 404 takes the place of a stored part, too")
    func goneInPart() throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ["Range: bytes=0-1"])
        scene.source.respond(
            "206 Partial Content", ["Cache-Control: max-age=60", "ETag: \"1\"", "Content-Range: bytes 0-1/4"],
            body: "ab")
        #expect(try scene.stored()?.kind == .partial)
        try scene.ask(ScriptedReader())
        scene.source.respond("404 Not Found", body: "gone")
        #expect(scene.leftovers == [])
        #expect(try scene.stored() == nil)
    }

    // MARK: 304

    private static let forOne: [(fields: [String], reason: Reason)] = [
        (["Set-Cookie: id=ann"], .setCookie), (["Cache-Control: private, max-age=600"], .privateResponse),
        (["Cache-Control: no-store"], .responseNoStore),
    ]

    @Test("A 304 for one client reaches it with all its fields, and what is stored stays", arguments: forOne.indices)
    func notModified(index: Int) throws {
        let (fields, reason) = Self.forOne[index]
        let scene = try FillScene.stale()
        let before = try #require(try scene.stored())
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        let source = scene.source
        source.head("304 Not Modified", ["ETag: \"1\"", "X-New: 2", "Age: 3"] + fields)
        #expect(scene.leftovers == [])
        #expect(first.ends == ["delivered, revalidated"] && other.ends == ["refused, one client"])
        let own = try #require(first.record)
        #expect(own.bodyText == "old" && own.facts.currentAge(at: scene.service.instant) == 3)
        for field in fields + ["X-New: 2", "X-Old: 1"] { #expect(own.headText.contains("\r\n\(field)\r\n")) }
        #expect(try scene.stored() === before)
        #expect(scene.table.counts.hitForMiss == 0 && reason == first.deliveredReason)
    }

    @Test("A 304 to a request that says no-store reaches it with its fields, and the store is left alone")
    func noStoreRequest() throws {
        let scene = try FillScene.stale()
        let before = try #require(try scene.stored())
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Cache-Control: no-store"])
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Cache-Control: max-age=600", "X-New: 2"])
        #expect(scene.leftovers == [])
        let own = try #require(reader.record)
        #expect(own.headText.contains("X-New: 2") && own.headText.contains("max-age=600") && own.bodyText == "old")
        #expect(own.facts.timeToLive(at: scene.service.instant) == 600)
        #expect(try scene.stored() === before)
    }

    @Test("Fields that a 304 names as one client's reach that client, and what was stored of them goes")
    func namedFields() throws {
        let scene = try FillScene.stale()
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head(
            "304 Not Modified",
            ["ETag: \"1\"", "Cache-Control: max-age=600, private=\"X-User, X-Old\"", "X-User: ann", "X-New: 2"])
        #expect(scene.leftovers == [])
        #expect(first.record?.headText.contains("X-User: ann") == true && first.record?.bodyText == "old")
        #expect(other.ends == ["whole"])
        for head in [try scene.stored()?.headText, other.record?.headText] {
            #expect(head?.contains("X-New: 2") == true && head?.contains("X-User: ann") == false)
            #expect(head?.contains("X-Old: 1") == false)
        }
    }

    @Test("A refresh whose 304 is for one client leaves what is stored, and the next isn't begun at once")
    func refresh() throws {
        let scene = try FillScene.stale()
        let before = try #require(try scene.stored())
        _ = try #require(try scene.refresh())
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Set-Cookie: id=ann"])
        #expect(scene.leftovers == [])
        #expect(try scene.stored() === before && scene.refresh() == nil)
    }

    @Test("A 304 about what another response has replaced meanwhile doesn't bring it back")
    func replaced() throws {
        let scene = try FillScene()
        try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "old")
        let (late, soon) = (ScriptedReader(), ScriptedReader())
        try scene.ask(late, with: ["Cache-Control: no-cache"])
        try scene.ask(soon, with: ["Cache-Control: no-cache"])
        scene.sources[1].respond("200 OK", ["Cache-Control: max-age=60", "ETag: \"2\""], body: "new")
        scene.sources[0].head("304 Not Modified", ["ETag: \"1\"", "Cache-Control: max-age=600"])
        #expect(scene.leftovers == [])
        #expect(late.record?.bodyText == "old" && soon.text == "new")
        #expect(try scene.body() == "new")
    }

    // MARK: POST

    @Test("Fields that a POST's response names as one client's are in no GET's")
    func postFields() throws {
        let scene = try FillScene { $0.methods = [.get, .post] }
        let reader = ScriptedReader()
        try scene.ask(reader, method: "POST", content: "x=1")
        scene.source.respond(
            "200 OK",
            ["Cache-Control: max-age=60, private=\"X-User\"", "Content-Location: /a", "X-User: ann"], body: "new")
        #expect(scene.leftovers == [])
        let stored = try #require(try scene.stored())
        #expect(stored.bodyText == "new" && !stored.headText.contains("X-User: ann"))
    }
}
