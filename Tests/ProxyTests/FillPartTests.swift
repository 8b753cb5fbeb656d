import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// Partial content: stored, joined to what is there, and asked for again where it is of something else.

@Suite("RFC 9111 §3.3 and §3.4, one fill: parts")
struct FillPartTests {
    private let whole = "0123456789"

    private func fields(_ range: Range<Int>, etag: String = "\"1\"", length: String = "10") -> [String] {
        [
            "Cache-Control: max-age=60", "ETag: \(etag)",
            "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)",
        ]
    }

    private func part(_ range: Range<Int>) -> String {
        String(whole.dropFirst(range.lowerBound).prefix(range.count))
    }

    /// The origin's response with a part.
    private func respond(_ source: ScriptedSource, _ range: Range<Int>, etag: String = "\"1\"") {
        source.respond("206 Partial Content", fields(range, etag: etag), body: part(range))
    }

    /// A scene in which a part is stored.
    private func scene(with range: Range<Int>) throws -> FillScene {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)"])
        respond(scene.source, range)
        #expect(reader.text == part(range) && reader.ends == ["whole"] && scene.leftovers == [])
        return scene
    }

    @Test("A 206 is stored as a part of the 200 that it belongs to")
    func stored() throws {
        let scene = try scene(with: 0..<4)
        let stored = try #require(try scene.stored())
        #expect(stored.kind == .partial && stored.status == 200)
        #expect(!stored.headText.contains("Content-Range"))
        let known = try #require(PartialResponse(stored))
        #expect(known.completeLength == 10 && known.text(of: 0..<4) == "0123")
    }

    @Test("Nothing of a 206 that breaks off is stored")
    func brokenOff() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=0-3"])
        scene.source.head("206 Partial Content", fields(0..<4) + ["Content-Length: 4"])
        scene.source.piece("01")
        scene.source.fail()
        #expect(reader.ends == ["failed, closedEarly"] && scene.leftovers == [])
        #expect(try scene.stored() == nil)
    }

    @Test("A 206 of several parts is its reader's alone")
    func notStored() throws {
        let several = ["Content-Type: multipart/byteranges; boundary=x", "Cache-Control: max-age=60", "ETag: \"1\""]
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=0-3"])
        scene.source.respond("206 Partial Content", several, body: "0123")
        #expect(reader.log == ["handed over 206"] && reader.text == "0123" && scene.leftovers == [])
        #expect(try scene.stored() == nil)
    }

    static let weak = [["ETag: W/\"1\""], ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"], []]

    private func respond(_ source: ScriptedSource, _ range: Range<Int>, with validators: [String]) {
        let place = "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/10"
        source.respond("206 Partial Content", ["Cache-Control: max-age=60", place] + validators, body: part(range))
    }

    @Test(
        "RFC 9111 §3.3: a part is stored whatever its validators, and is joined to no other without a strong entity-tag",
        arguments: weak)
    func notJoined(validators: [String]) throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ["Range: bytes=0-3"])
        respond(scene.source, 0..<4, with: validators)
        let first = try #require(try scene.stored())
        #expect(PartialResponse(first)?.text(of: 0..<4) == "0123")
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=2-7"])
        #expect(scene.source.asks("Range") == "bytes=2-7" && scene.source.asks("If-Range") == nil)
        respond(scene.source, 2..<8, with: validators)
        #expect(reader.text == "234567" && scene.leftovers == [])
        let second = try #require(try scene.stored())
        let known = try #require(PartialResponse(second))
        #expect(!known.extents.contains(0..<2) && known.text(of: 2..<8) == "234567")
    }

    @Test("A 206 with all of it is an ordinary response, whatever its validators", arguments: weak)
    func allOfIt(validators: [String]) throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=0-"])
        respond(scene.source, 0..<10, with: validators)
        #expect(reader.text == whole && scene.leftovers == [])
        #expect(try scene.stored()?.kind == .response && scene.body() == whole)
        // A part that nothing ties to it doesn't take its place.
        try scene.age(by: 70)
        let other = ScriptedReader()
        try scene.ask(other, with: ["Range: bytes=2-5"])
        respond(scene.sources[scene.sources.count - 1], 2..<6, with: validators)
        #expect(other.text == "2345" && scene.leftovers == [])
        #expect(try scene.body() == whole)
    }

    @Test("Parts of one representation are joined, and all of them are an ordinary response")
    func joined() throws {
        let scene = try scene(with: 0..<4)
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=4-9"])
        #expect(scene.source.asks("Range") == "bytes=4-9")
        respond(scene.source, 4..<10)
        #expect(reader.text == "456789" && scene.leftovers == [])
        let stored = try #require(try scene.stored())
        #expect(stored.kind == .response && stored.bodyText == whole)
    }

    @Test("Only what is missing is asked for, on the condition that it is still the same, and all of it answers")
    func missing() throws {
        let scene = try scene(with: 0..<4)
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=2-7"])
        #expect(scene.source.asks("Range") == "bytes=4-7" && scene.source.asks("If-Range") == "\"1\"")
        scene.source.head("206 Partial Content", fields(4..<8) + ["Content-Length: 4"])
        scene.source.piece("4567")
        #expect(reader.log == [] && reader.text == "")
        scene.source.end()
        #expect(reader.ends == ["delivered, joined"] && scene.leftovers == [])
        let record = try #require(reader.record)
        let known = try #require(PartialResponse(record))
        #expect(known.text(of: 2..<8) == "234567")
    }

    @Test("The rest of a whole is fetched once for all that wait, who get the whole")
    func missingForAll() throws {
        let scene = try scene(with: 0..<4)
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        #expect(scene.source.asks("Range") == "bytes=4-9")
        scene.source.head("206 Partial Content", fields(4..<10) + ["Content-Length: 6"])
        scene.source.piece("456")
        scene.settle()
        #expect(other.log == [])
        scene.source.piece("789")
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(first.ends == ["delivered, joined"] && first.record?.bodyText == whole)
        #expect(other.ends == ["whole"] && other.text == whole)
    }

    @Test("A part of something else, another range, or none: the request goes to the origin as it came")
    func mismatch() throws {
        let other = fields(4..<8, etag: "\"2\"")
        let cases: [(status: String, fields: [String])] = [
            ("206 Partial Content", other), ("206 Partial Content", fields(5..<8)),
            ("206 Partial Content", fields(4..<8, length: "11")), ("206 Partial Content", []),
            ("416 Range Not Satisfiable", ["Content-Range: bytes */6"]),
        ]
        for (status, fields) in cases {
            let scene = try scene(with: 0..<4)
            let reader = ScriptedReader()
            try scene.ask(reader, with: ["Range: bytes=2-7"])
            scene.source.head(status, fields)
            #expect(reader.ends == [] && scene.source.isStopped)
            scene.settle()
            #expect(scene.source.asks("Range") == "bytes=2-7" && scene.source.asks("If-Range") == nil, "\(fields)")
            respond(scene.source, 2..<8, etag: "\"2\"")
            #expect(reader.text == "234567" && reader.ends == ["whole"] && scene.leftovers == [])
        }
    }

    @Test("A whole that others waited for, of which a part mismatches, is asked for anew for all of them")
    func mismatchForAll() throws {
        let scene = try scene(with: 0..<4)
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("206 Partial Content", fields(4..<10, etag: "\"2\""))
        scene.settle()
        #expect(scene.source.asks("Range") == nil)
        scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "new")
        #expect(scene.leftovers == [])
        #expect(first.text == "new" && first.ends == ["whole"])
        #expect(other.ends == ["refused, own reason"])
    }

    @Test("The whole, sent instead of the part, takes the parts' place")
    func wholeInstead() throws {
        let scene = try scene(with: 0..<4)
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=2-7"])
        scene.source.respond("200 OK", ["Cache-Control: max-age=60", "ETag: \"2\""], body: "abcdefghij")
        #expect(reader.text == "abcdefghij" && reader.ends == ["whole"] && scene.leftovers == [])
        #expect(try scene.body() == "abcdefghij")
    }

    @Test("What is missing breaks off: the request is told, and what was stored stays")
    func missingBroken() throws {
        let scene = try scene(with: 0..<4)
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Range: bytes=2-7"])
        scene.source.head("206 Partial Content", fields(4..<8) + ["Content-Length: 4"])
        scene.source.piece("4")
        scene.source.fail()
        #expect(reader.ends == ["failed, closedEarly"] && scene.leftovers == [])
        let stored = try #require(try scene.stored())
        #expect(PartialResponse(stored)?.extents.contains(0..<4) == true)
    }
}

extension PartialResponse {
    func text(of range: Range<Int64>) -> String? {
        guard let place = place(of: range) else { return nil }
        return record.body.extracting(place).text()
    }
}
