import CacheStorage
import Configuration
import HTTPCaching
import Origins
import Testing

@testable import Proxy

// What a 304, a HEAD's response and a failing origin do to what is stored; and refreshes in the background.

@Suite("RFC 9111 §4.3, one fill: freshening")
struct FillFresheningTests {
    private func staleScene(_ change: (inout CacheSettings) -> Void = { _ in }) throws -> FillScene {
        try FillScene.stale(change)
    }

    @Test("A 304 freshens what is stored: new fields, a Date of now, its own Age, the same body")
    func freshened() throws {
        let scene = try staleScene()
        let before = try #require(try scene.stored())
        scene.date = "Date: Mon, 07 Nov 2044 08:49:37 GMT\r\n"
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head(
            "304 Not Modified",
            ["ETag: \"1\"", "Cache-Control: max-age=600", "Age: 3", "X-New: 2", "Content-Length: 99"])
        // The exchange ends by itself first, so that its connection serves again.
        #expect(first.ends == [] && !scene.source.isStopped)
        #expect(scene.leftovers == [])
        #expect(first.ends == ["delivered, revalidated"] && other.ends == ["whole"] && other.text == "old")
        let stored = try #require(try scene.stored())
        #expect(first.record === stored && stored.id != before.id)
        #expect(
            stored.headText == "HTTP/1.1 200 OK\r\nX-Old: 1\r\nVia: 1.1 larder\r\nContent-Length: 3\r\n"
                + "ETag: \"1\"\r\nCache-Control: max-age=600\r\nX-New: 2\r\n\(scene.date)")
        #expect(stored.facts.correctedInitialAge == 3 && stored.facts.lifetime == 600 && stored.bodyText == "old")
        scene.settle()
        #expect(first.ends.count == 1)
    }

    @Test("A reader that leaves in the same turn as the 304 is told nothing, and the freshened response stays")
    func leftInTheSameTurn() throws {
        let scene = try staleScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Cache-Control: max-age=600"])
        reader.leave()
        #expect(scene.leftovers == [])
        #expect(reader.ends == ["left"])
        #expect(try scene.stored()?.facts.lifetime == 600)
    }

    @Test("A 304 about something else: the request goes again, without conditions, and whoever waits gets that")
    func somethingElse() throws {
        let scene = try staleScene()
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        #expect(scene.source.asks("If-None-Match") == "\"1\"")
        scene.source.head("304 Not Modified", ["ETag: \"2\""])
        #expect(scene.sources.count == 1 && scene.source.isStopped)
        scene.settle()
        #expect(scene.sources.count == 2 && scene.source.asks("If-None-Match") == nil)
        scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "new")
        #expect(scene.leftovers == [])
        #expect(first.text == "new" && other.text == "new" && first.ends == ["whole"] && other.ends == ["whole"])
        #expect(try scene.body() == "new")
    }

    @Test("What the request is answered when it goes again is no more for all than the 304 was", arguments: [403, 503])
    func somethingElseForOne(status: Int) throws {
        let scene = try FillScene()
        try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "old")
        try scene.ask(ScriptedReader(), with: ["Cache-Control: no-cache"])
        scene.source.head("304 Not Modified", ["ETag: \"2\""])
        scene.settle()
        scene.source.respond("\(status) No", ["Cache-Control: max-age=60"], body: "no")
        #expect(scene.leftovers == [])
        #expect(try scene.body() == "old")
    }

    @Test(
        "A reader that leaves before the request goes again: it goes for the store, or not at all",
        arguments: [true, false])
    func leftBeforeAskingAgain(isFilledInBackground: Bool) throws {
        let scene = try staleScene { $0.backgroundFill = isFilledInBackground }
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("304 Not Modified", ["ETag: \"2\""])
        reader.leave()
        scene.settle()
        #expect(scene.sources.count == (isFilledInBackground ? 2 : 1))
        if isFilledInBackground { scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "new") }
        #expect(scene.leftovers == [] && reader.ends == ["left"])
        #expect(try scene.body() == (isFilledInBackground ? "new" : "old"))
    }

    @Test("An invalidation that comes before the 304 keeps the freshened response out of the store")
    func invalidated() throws {
        let scene = try staleScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.invalidate(scene.select(try scene.request()).keys.plainKey)
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Cache-Control: max-age=600"])
        #expect(scene.leftovers == [])
        #expect(reader.ends == ["delivered, revalidated"])
        #expect(try scene.stored() == nil)
    }

    @Test("Another response takes the stored one's place")
    func replaced() throws {
        let scene = try staleScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.respond("200 OK", ["Cache-Control: max-age=60", "ETag: \"2\""], body: "new")
        #expect(reader.text == "new" && scene.leftovers == [])
        #expect(try scene.body() == "new")
    }

    // MARK: A failing origin

    @Test(
        "A 5xx, or a 429 that says when to come back, is answered with what is stored where stale-if-error allows",
        arguments: [500, 501, 502, 503, 504, 507, 429])
    func staleIfError(status: Int) throws {
        let scene = try staleScene { $0.staleIfError = .seconds(600) }
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("\(status) x", ["Cache-Control: max-age=60", "Retry-After: 1"])
        #expect(scene.leftovers == [])
        #expect(first.ends == ["serves stale for \(status)"] && other.ends == ["refused, \(status)"])
        #expect(try scene.body() == "old")
    }

    @Test("Where it doesn't, the 429 is the first reader's, what is stored stays, and the others share the next fill")
    func tooMany() throws {
        let scene = try FillScene.stale()
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        scene.source.respond("429 Too Many Requests", ["Retry-After: 30"], body: "wait")
        #expect(scene.leftovers == [] && scene.table.counts.hitForMiss == 0)
        #expect(first.text == "wait" && other.ends == ["refused, one client"])
        #expect(try scene.body() == "old")
    }

    @Test("Where it doesn't, the 5xx is the first reader's, and what is stored stays")
    func failure() throws {
        let scene = try FillScene()
        try scene.store(with: ["Cache-Control: max-age=60, must-revalidate", "ETag: \"1\""], body: "old")
        try scene.age(by: 70)
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("503 Service Unavailable")
        scene.source.piece("sorry")
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(first.text == "sorry" && first.ends == ["whole"] && other.ends == ["refused, 503"])
        #expect(try scene.body() == "old")
    }

    // MARK: HEAD

    /// A HEAD that reaches the origin though what is stored is fresh, for a minute.
    private func head(_ status: String, _ fields: [String]) throws -> FillScene {
        let scene = try FillScene()
        try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\"", "X-Old: 1"], body: "old")
        let reader = ScriptedReader()
        guard case .alone = try scene.ask(reader, method: "HEAD", with: ["Cache-Control: no-cache"]) else {
            Issue.record("a HEAD fills for others")
            return scene
        }
        scene.source.head(status, fields)
        #expect(reader.log == ["handed over \(status.prefix(3))"] && reader.reason == .headResponse)
        scene.source.end()
        #expect(scene.leftovers == [])
        return scene
    }

    @Test(
        "The response to a HEAD freshens a stored GET whose validator it repeats; after any other that is stale",
        arguments: [
            (["ETag: \"1\"", "Content-Length: 3"], true), (["ETag: \"1\""], true),
            (["ETag: \"1\"", "Content-Length: 4"], false), (["ETag: \"2\""], false), ([], false),
            (["Content-Length: 3"], false), (["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"], false),
        ])
    func head(_ fields: [String], isSame: Bool) throws {
        let scene = try head("200 OK", ["Cache-Control: max-age=600", "X-New: 2"] + fields)
        let stored = try #require(try scene.stored())
        #expect(stored.bodyText == "old")
        #expect(stored.headText.contains("X-New: 2") == isSame)
        #expect(stored.facts.timeToLive(at: scene.service.instant) == (isSame ? 600 : 0))
    }

    @Test(
        "A HEAD's response that is for one client says nothing of what is stored",
        arguments: [["Cache-Control: private"], ["Cache-Control: no-store"], ["Set-Cookie: a=b"]])
    func headForOne(_ fields: [String]) throws {
        for etag in [[], ["ETag: \"1\""], ["ETag: \"2\""]] {
            let scene = try head("200 OK", fields + etag)
            let stored = try #require(try scene.stored())
            #expect(stored.headText.contains("X-Old: 1") && stored.facts.lifetime == 60)
        }
    }

    @Test("A HEAD that finds nothing any more takes out what is stored, and one that is refused leaves it")
    func headGone() throws {
        for status in ["404 Not Found", "410 Gone"] { #expect(try head(status, []).stored() == nil) }
        for status in ["403 Forbidden", "405 Method Not Allowed", "500 Internal Server Error", "302 Found"] {
            #expect(try head(status, ["ETag: \"2\""]).stored()?.facts.lifetime == 60, "\(status)")
        }
    }

    @Test("A 304 to a HEAD freshens the stored GET, which answers it")
    func headNotModified() throws {
        let scene = try staleScene()
        let reader = ScriptedReader()
        try scene.ask(reader, method: "HEAD")
        scene.source.head("304 Not Modified", ["ETag: \"1\"", "Cache-Control: max-age=600"])
        #expect(scene.leftovers == [])
        #expect(reader.ends == ["delivered, revalidated"])
        #expect(try scene.stored()?.facts.lifetime == 600)
    }

    // MARK: In the background

    @Test("A refresh that completes, or is confirmed, leaves the new response in the store", arguments: [false, true])
    func refreshed(isConfirmed: Bool) throws {
        let scene = try staleScene()
        _ = try #require(try scene.refresh())
        #expect(scene.service.refreshing == 1 && scene.source.asks("If-None-Match") == "\"1\"")
        #expect(try scene.refresh() == nil)
        let fields = ["ETag: \"1\"", "Cache-Control: max-age=600"]
        if isConfirmed {
            scene.source.head("304 Not Modified", fields)
        } else {
            scene.source.respond("200 OK", fields, body: "new")
        }
        #expect(scene.leftovers == [])
        #expect(try scene.body() == (isConfirmed ? "old" : "new"))
        #expect(try scene.stored()?.facts.lifetime == 600)
    }

    @Test("A refresh that fails leaves what is stored, and another isn't begun at once", arguments: [false, true])
    func refreshFailed(hasHead: Bool) throws {
        let scene = try staleScene()
        _ = try #require(try scene.refresh())
        if hasHead {
            scene.source.head("429 Too Many Requests", ["Retry-After: 30"])
        } else {
            scene.source.fail(.connectTimeout)
        }
        #expect(scene.leftovers == [])
        #expect(try scene.body() == "old")
        #expect(try scene.refresh() == nil)
    }

    @Test("A refresh that breaks off in its body leaves what is stored")
    func refreshBroken() throws {
        let scene = try staleScene()
        _ = try #require(try scene.refresh())
        scene.source.head("200 OK", ["Cache-Control: max-age=600", "Content-Length: 9"])
        scene.source.piece("new")
        scene.source.fail()
        #expect(scene.leftovers == [])
        #expect(try scene.body() == "old")
    }

    @Test(
        "A refresh whose response is for one client, or says that it came too soon, leaves what is stored, and stops",
        arguments: FillScene.forOneClient.indices)
    func refreshRefused(index: Int) throws {
        let (status, fields) = FillScene.forOneClient[index]
        let scene = try staleScene()
        _ = try #require(try scene.refresh())
        let other = ScriptedReader()
        try scene.ask(other)
        scene.source.head(status, fields)
        #expect(scene.source.isStopped && scene.leftovers == [])
        #expect(try scene.body() == "old")
        #expect(other.ends == ["refused, one client"])
        // The next isn't begun at once; whoever has to ask may still share.
        #expect(try scene.refresh() == nil)
        guard case .began = try scene.ask(ScriptedReader()) else {
            Issue.record("nobody may share a fill any more")
            return
        }
    }

    @Test("A refresh that finds nothing any more takes out what is stored", arguments: ["404 Not Found", "410 Gone"])
    func refreshGone(status: String) throws {
        let scene = try staleScene()
        _ = try #require(try scene.refresh())
        scene.source.head(status)
        #expect(scene.leftovers == [])
        #expect(try scene.stored() == nil)
    }

    @Test("A refresh whose response becomes too large is given up")
    func refreshTooLarge() throws {
        let scene = try FillScene(objectLimit: 4)
        try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "old")
        try scene.age(by: 70)
        _ = try #require(try scene.refresh())
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
        scene.source.piece("01234")
        #expect(scene.source.isStopped && scene.leftovers == [])
    }

    @Test("A request that comes while a refresh is under way reads along with it")
    func refreshShared() throws {
        let scene = try staleScene()
        _ = try #require(try scene.refresh())
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("200 OK", ["Cache-Control: max-age=600", "Content-Length: 3"])
        scene.source.piece("n")
        scene.settle()
        first.leave()
        other.leave()
        scene.settle()
        // A refresh is the cache's own: it goes on without readers.
        #expect(!scene.source.isStopped)
        scene.source.piece("ew")
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(try scene.body() == "new")
    }
}
