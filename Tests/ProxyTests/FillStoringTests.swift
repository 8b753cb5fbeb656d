import CacheStorage
import Testing

@testable import Proxy

// What enters the store, when, and under which key.

@Suite("RFC 9111 §3, one fill: storing")
struct FillStoringTests {
    static let framings: [(name: String, status: String, fields: [String], body: String)] = [
        ("of announced length", "200 OK", ["Content-Length: 5"], "hello"),
        ("in chunks", "200 OK", ["Transfer-Encoding: chunked"], "hello"),
        ("until the connection ends", "200 OK", [], "hello"),
        ("empty, as announced", "200 OK", ["Content-Length: 0"], ""),
        ("empty, in chunks", "200 OK", ["Transfer-Encoding: chunked"], ""),
        ("without content", "204 No Content", [], ""),
        ("a failure with a lifetime", "404 Not Found", ["Content-Length: 4"], "gone"),
    ]

    @Test("A storable response enters the store once it is complete, and not before", arguments: framings.indices)
    func whole(index: Int) throws {
        let (name, status, fields, body) = Self.framings[index]
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        #expect(scene.source.isStarted && scene.table.counts.fills == 1)
        scene.source.head(status, ["Cache-Control: max-age=60"] + fields)
        #expect(try scene.stored() == nil, "\(name)")
        for byte in body {
            scene.source.piece(String(byte))
            scene.source.turn()
            #expect(try scene.stored() == nil, "\(name)")
        }
        scene.source.end()
        #expect(try scene.body() == body, "\(name)")
        #expect(try scene.stored()?.status == UInt16(status.prefix(3)), "\(name)")
        #expect(reader.text == body && reader.ends == ["whole"], "\(name)")
        #expect(reader.storedLines != nil, "\(name)")
        #expect(scene.leftovers == [], "\(name)")
    }

    @Test("The next request is answered from what the first one's fill stored")
    func next() throws {
        let scene = try FillScene()
        let stored = try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "hello")
        guard case .hit(let found) = try scene.ask(ScriptedReader()) else {
            Issue.record("asks the origin")
            return
        }
        #expect(found === stored && found.etag.text() == "\"1\"")
        #expect(scene.service.counters.stored == 1 && scene.service.counters.storedBytes == 5)
    }

    @Test(
        "The head is stored without what is made anew for each response, with Date and Via, and Content-Length where known",
        arguments: [true, false])
    func head(isMeasured: Bool) throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader())
        scene.source.head(
            "200 Fine",
            [
                "cache-control: max-age=60", "Age: 5", "X-Cache: HIT", "Connection: X-Hop", "X-Hop: 1", "X-Kept: 2",
                isMeasured ? "Content-Length: 2" : "Transfer-Encoding: chunked",
            ])
        scene.source.piece("ok")
        scene.source.end()
        let stored = try #require(try scene.stored())
        let length = isMeasured ? "Content-Length: 2\r\n" : ""
        #expect(
            stored.headText == "HTTP/1.1 200 Fine\r\ncache-control: max-age=60\r\nX-Kept: 2\r\n\(scene.date)"
                + "Via: 1.1 larder\r\n\(length)")
        #expect(stored.description.headHasContentLength == isMeasured)
        #expect(stored.facts.correctedInitialAge == 5)
    }

    @Test("Readers on any worker get the body as it arrives, and all of it")
    func readers() throws {
        let scene = try FillScene()
        let (first, near, far) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        far.window = 2
        try scene.ask(first)
        try scene.ask(near)
        try scene.ask(far)
        #expect(scene.sources.count == 1)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 10"])
        scene.source.piece("01234")
        scene.source.turn()
        scene.settle()
        #expect([first, near, far].allSatisfy { $0.text == "01234" && $0.ends == [] })
        let late = ScriptedReader(worker: 1)
        try scene.ask(late)
        #expect(late.text == "01234")
        scene.source.piece("56789")
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect([first, near, far, late].allSatisfy { $0.text == "0123456789" && $0.ends == ["whole"] })
    }

    @Test("A first reader whose client lags gets the rest from what was collected, with the trailers")
    func lagging() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
        scene.source.piece("01")
        reader.block()
        scene.source.piece("23")
        reader.take(1)
        scene.source.piece("45")
        scene.source.trailers = Array("X-Sum: 1\r\n".utf8)
        scene.source.end()
        #expect(reader.text == "012345" && reader.trailers == Array("X-Sum: 1\r\n".utf8))
        #expect(scene.leftovers == [])
    }

    @Test("A first reader that has caught up again gets pieces at once")
    func caughtUpAgain() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("200 OK", ["Cache-Control: max-age=60"])
        reader.block()
        scene.source.piece("0123")
        #expect(reader.text == "")
        reader.unblock()
        #expect(reader.text == "0123")
        scene.source.piece("4")
        #expect(reader.text == "01234")
        scene.source.end()
        #expect(reader.ends == ["whole"] && scene.leftovers == [])
    }

    @Test("A response that breaks off in its body is not stored, and its readers are broken off", arguments: [0, 3])
    func cutShort(count: Int) throws {
        let scene = try FillScene()
        let (first, other, lagging) = (ScriptedReader(), ScriptedReader(worker: 1), ScriptedReader(isBlocked: true))
        for reader in [first, other, lagging] { try scene.ask(reader) }
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 5"])
        scene.source.piece(String(repeating: "x", count: count))
        scene.source.turn()
        scene.settle()
        scene.source.fail()
        scene.settle()
        lagging.unblock()
        #expect(first.ends == ["failed, closedEarly"] && first.record == nil)
        #expect(other.ends == ["broken"] && lagging.ends == ["broken"])
        #expect(first.body.count == count && other.body.count == count)
        #expect(try scene.stored() == nil)
        #expect(scene.leftovers == [])
        // Nothing is remembered of the key: the next request shares again.
        guard case .began = try scene.ask(ScriptedReader()) else {
            Issue.record("the key isn't free")
            return
        }
    }

    @Test("A response that ends short of its length isn't stored, whoever noticed it", arguments: [false, true])
    func short(isMoreThanAnnounced: Bool) throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 5"])
        scene.source.piece(isMoreThanAnnounced ? "hello you" : "hell")
        scene.source.end()
        #expect(try scene.stored() == nil)
        #expect(reader.ends.count == 1)
        #expect(scene.leftovers == [])
    }

    @Test("Failing before the head, a fill leaves what is stored to be served, and tells others why")
    func failedBeforeHead() throws {
        let scene = try FillScene { $0.staleIfError = .seconds(60) }
        try scene.store(with: ["Cache-Control: max-age=60", "ETag: \"1\""], body: "old")
        let stale = try scene.age(by: 70)
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        #expect(scene.source.asks("If-None-Match") == "\"1\"")
        scene.source.fail(.refused)
        #expect(scene.leftovers == [])
        #expect(first.ends == ["failed, refused"] && first.record === stale)
        #expect(other.ends == ["failed, refused"])
        #expect(try scene.stored() === stale)
    }

    // MARK: What the store holds of a head

    @Test("Fields that private and no-cache name reach this client and are not stored, and nobody else reads along")
    func namedFields() throws {
        for directive in ["private=\"X-User\"", "no-cache=\"x-user\""] {
            let scene = try FillScene()
            let reader = ScriptedReader()
            let other = ScriptedReader()
            try scene.ask(reader)
            try scene.ask(other)
            scene.source.respond(
                "200 OK", ["Cache-Control: max-age=60, \(directive)", "X-User: ann", "X-Other: 1"], body: "hello")
            // The first reader's head is the origin's own.
            #expect(reader.storedLines == nil && reader.text == "hello")
            let stored = try #require(try scene.stored())
            #expect(!stored.headText.contains("ann") && stored.headText.contains("X-Other: 1"), "\(directive)")
            #expect(scene.leftovers == [])
            #expect(other.text == "hello" && other.ends == ["whole"])
            #expect(other.record?.headText.contains("ann") == false)
        }
    }

    @Test("What has to be validated before each use is stored, but nobody reads along")
    func noCache() throws {
        let scene = try FillScene()
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        scene.source.respond("200 OK", ["Cache-Control: no-cache", "ETag: \"1\""], body: "hello")
        #expect(scene.leftovers == [])
        #expect(first.text == "hello" && first.ends == ["whole"] && other.ends == ["refused, hit for miss"])
        #expect(try scene.body() == "hello")
        #expect(scene.table.counts.hitForMiss == 1)
    }

    @Test("Without a store that takes it, a response goes to those that read and nowhere else")
    func noStore() throws {
        let scene = try FillScene(usesMemory: false)
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "hello")
        #expect(scene.leftovers == [])
        #expect(first.ends == ["whole"] && other.ends == ["whole"] && other.text == "hello")
        #expect(first.reason == .storeUnavailable && scene.service.counters.stored == 0)
    }
}
