import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// Requests for ranges that are made at the same time: who reads from whose fill, whatever the origin makes of the range.

@Suite("RFC 9110 §14, RFC 9111 §4: requests for ranges share a fill")
struct FillRangeTests {
    private let whole = "0123456789"
    static let validators = [["ETag: \"1\""], ["ETag: W/\"1\""], ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"], []]
    private let plain = ["Cache-Control: max-age=60", "ETag: \"1\""]

    private func part(_ range: Range<Int>) -> String {
        String(whole.dropFirst(range.lowerBound).prefix(range.count))
    }

    private func place(_ range: Range<Int>, of length: String = "10") -> String {
        "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
    }

    /// The origin's response with a part.
    private func respond(_ source: ScriptedSource, _ range: Range<Int>, _ fields: [String], of length: String = "10") {
        source.respond("206 Partial Content", fields + [place(range, of: length)], body: part(range))
    }

    /// Several readers, on both workers, that ask for the same.
    private func ask(_ scene: FillScene, _ range: String, times: Int = 4, with fields: [String] = []) throws
        -> [ScriptedReader]
    {
        let readers = (0..<times).map { ScriptedReader(worker: $0 % 2) }
        for reader in readers { try scene.ask(reader, with: ["Range: bytes=\(range)"] + fields) }
        return readers
    }

    // MARK: One fill

    @Test(
        "Everything from the first byte on is fetched once, whatever the validator, also for those that ask for the whole",
        arguments: validators)
    func coldStorm(validators: [String]) throws {
        let scene = try FillScene()
        let readers = try ask(scene, "0-", times: 6)
        let (all, end) = (ScriptedReader(worker: 1), ScriptedReader())
        try scene.ask(all)
        try scene.ask(end, with: ["Range: bytes=-3"])
        #expect(scene.sources.count == 1 && scene.source.asks("Range") == "bytes=0-")
        respond(scene.source, 0..<10, ["Cache-Control: max-age=60"] + validators)
        #expect(scene.leftovers == [])
        for reader in readers + [all] { #expect(reader.text == whole && reader.ends == ["whole"]) }
        #expect(readers[1].content == 0..<10 && all.content == nil)
        // Its length is said once: the stored head has that of no part.
        let given = try #require(all.record)
        #expect(!given.headText.contains("Content-Length") && !given.description.headHasContentLength)
        #expect(end.text == "789" && end.ends == ["whole"])
        #expect(try scene.body() == whole)
    }

    @Test("One part is fetched once for those that ask for it; others don't wait for it", arguments: validators)
    func samePart(validators: [String]) throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-5")
        let (inside, all) = (ScriptedReader(), ScriptedReader())
        try scene.ask(inside, with: ["Range: bytes=3-5"])
        try scene.ask(all)
        #expect(scene.sources.count == 3)
        respond(scene.sources[0], 2..<6, ["Cache-Control: max-age=60"] + validators)
        respond(scene.sources[1], 3..<6, ["Cache-Control: max-age=60"] + validators)
        scene.sources[2].respond("200 OK", ["Cache-Control: max-age=60"] + validators, body: whole)
        #expect(scene.leftovers == [])
        for reader in same { #expect(reader.text == "2345" && reader.ends == ["whole"]) }
        #expect(same[1].content == 2..<6)
        #expect(inside.text == "345" && all.text == whole)
        #expect(try scene.body() == whole)
    }

    @Test("Each of the readers of a part has its bytes as they come", arguments: ["10", "*"])
    func asItComes(length: String) throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-7")
        scene.source.head("206 Partial Content", plain + [place(2..<8, of: length), "Content-Length: 6"])
        scene.source.piece("234")
        scene.settle()
        for reader in same { #expect(reader.text == "234" && reader.ends == []) }
        // It can be found still.
        guard case .joined = try scene.ask(ScriptedReader(), with: ["Range: bytes=2-7"]) else {
            Issue.record("asks anew for what is arriving")
            return
        }
        scene.source.piece("567")
        scene.source.end()
        #expect(scene.leftovers == [] && scene.sources.count == 1)
        for reader in same { #expect(reader.text == "234567" && reader.ends == ["whole"]) }
    }

    @Test("An origin that sends all of it instead serves everybody, whatever they ask for")
    func wholeInstead() throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-5")
        let later = ScriptedReader()
        scene.source.head("200 OK", plain + ["Content-Length: 10"])
        scene.source.piece("012345")
        scene.settle()
        // The first gets what the origin sent.
        #expect(same[0].text == "012345" && same[1].text == "2345" && same[1].ends == ["whole"])
        try scene.ask(later)
        #expect(later.text == "012345" && scene.sources.count == 1)
        scene.source.piece("6789")
        scene.source.end()
        #expect(scene.leftovers == [] && later.text == whole && same[0].text == whole)
        #expect(try scene.body() == whole)
    }

    @Test("An origin that sends less than was asked for: those that asked for the same get that, others go on")
    func lessThanAsked() throws {
        let scene = try FillScene()
        let same = try ask(scene, "0-", times: 3)
        let (inside, all, behind) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(inside, with: ["Range: bytes=1-2"])
        try scene.ask(all)
        try scene.ask(behind, with: ["Range: bytes=6-7"])
        #expect(scene.sources.count == 1)
        scene.source.head("206 Partial Content", plain + [place(0..<4), "Content-Length: 4"])
        scene.source.piece("0123")
        scene.settle()
        for reader in same { #expect(reader.text == "0123") }
        #expect(inside.text == "12" && inside.ends == ["whole"])
        #expect(all.ends == ["elsewhere"] && behind.ends == ["elsewhere"])
        // The key is free for the whole, and the part is found by those that ask for the same.
        let (next, late) = (ScriptedReader(), ScriptedReader())
        guard case .began = try scene.ask(next), case .joined = try scene.ask(late, with: ["Range: bytes=0-"]) else {
            Issue.record("the part is in the way of the whole")
            return
        }
        scene.sources[0].end()
        scene.sources[1].respond("200 OK", plain, body: whole)
        #expect(scene.leftovers == [] && next.text == whole && late.text == "0123")
        #expect(try scene.body() == whole)
    }

    @Test("What is missing of all of it is fetched once, also for ranges")
    func missing() throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ["Range: bytes=0-1"])
        respond(scene.source, 0..<2, plain)
        #expect(scene.leftovers == [])
        let readers = try ask(scene, "0-")
        let all = ScriptedReader()
        try scene.ask(all)
        #expect(scene.sources.count == 2 && scene.source.asks("Range") == "bytes=2-9")
        respond(scene.source, 2..<10, plain)
        #expect(scene.leftovers == [])
        #expect(readers[0].record?.bodyText == whole)
        for reader in readers.dropFirst() + [all] { #expect(reader.ends == ["whole"] && reader.text == whole) }
    }

    @Test("A range that a fill of the whole takes long to come to is fetched once")
    func behind() throws {
        let scene = try FillScene()
        let all = ScriptedReader()
        try scene.ask(all)
        scene.source.head("200 OK", plain + ["Content-Length: 10"])
        scene.source.piece("01")
        let readers = (0..<3).map { ScriptedReader(worker: $0 % 2) }
        for reader in readers { try scene.ask(reader, with: ["Range: bytes=-2"], isBehind: true) }
        #expect(scene.sources.count == 2)
        // Others still find the whole.
        guard case .joined(let feed) = try scene.ask(ScriptedReader()), feed.range == nil else {
            Issue.record("the range is in the way of the whole")
            return
        }
        respond(scene.sources[1], 8..<10, plain)
        scene.sources[0].piece("23456789")
        scene.sources[0].end()
        #expect(scene.leftovers == [])
        for reader in readers { #expect(reader.text == "89") }
        #expect(try scene.body() == whole)
    }

    // MARK: Not for others

    @Test(
        "A part for one client is given to no other; those that wait for the whole go on, and share that",
        arguments: [
            ["Cache-Control: private"], ["Cache-Control: no-store"], ["Cache-Control: max-age=60", "Set-Cookie: a=b"],
            ["Cache-Control: max-age=60", "Vary: *"], ["Cache-Control: max-age=0"],
        ])
    func forOne(fields: [String]) throws {
        for range in ["0-", "2-5"] {
            let scene = try FillScene()
            let same = try ask(scene, range, times: 3)
            let all = ScriptedReader()
            if range == "0-" { try scene.ask(all) }
            let bytes = range == "0-" ? 0..<10 : 2..<6
            respond(scene.sources[0], bytes, fields + ["ETag: \"1\""])
            scene.settle()
            #expect(same[0].log == ["handed over 206"] && same[0].text == part(bytes))
            for reader in same.dropFirst() { #expect(reader.ends == ["refused, own reason"] && reader.text == "") }
            #expect(try scene.stored() == nil)
            // Ranges are known for that, the whole isn't.
            guard case .alone = try scene.ask(ScriptedReader(), with: ["Range: bytes=7-8"]) else {
                Issue.record("ranges wait for one another in vain")
                return
            }
            guard range == "0-" else {
                for source in scene.sources.dropFirst() { source.fail() }
                #expect(scene.leftovers == [])
                continue
            }
            #expect(all.ends == ["refused, own reason"])
            guard case .began = try scene.ask(ScriptedReader()) else {
                Issue.record("the whole isn't shared any more")
                return
            }
            for source in scene.sources.dropFirst() { source.fail() }
            #expect(scene.leftovers == [])
        }
    }

    @Test("A 206 of several parts, without a place or with another length than that is its reader's alone")
    func unusable() throws {
        let several = ["Content-Type: multipart/byteranges; boundary=x"]
        for fields in [several, [], [place(2..<6), place(2..<6)], [place(2..<5)]] {
            let scene = try FillScene()
            let same = try ask(scene, "2-5", times: 2)
            scene.source.respond("206 Partial Content", plain + fields, body: "2345")
            #expect(scene.leftovers == [])
            #expect(same[0].text == "2345" && same[1].ends == ["refused, own reason"])
            #expect(try scene.stored() == nil)
        }
    }

    @Test("An error is shared where it may be stored, and left to its client where it may not")
    func errors() throws {
        let scene = try FillScene()
        let missing = try ask(scene, "2-5")
        scene.source.respond("404 Not Found", ["Cache-Control: max-age=60"], body: "none")
        #expect(scene.leftovers == [])
        for reader in missing { #expect(reader.text == "none" && reader.log == ["began 404"]) }
        for status in ["416 Range Not Satisfiable", "403 Forbidden", "302 Found"] {
            let scene = try FillScene()
            let same = try ask(scene, "0-", times: 3)
            let all = ScriptedReader()
            try scene.ask(all)
            scene.source.respond(status, ["Content-Range: bytes */0", "Cache-Control: no-store"], body: "own")
            scene.settle()
            #expect(same[0].text == "own")
            for reader in same.dropFirst() + [all] { #expect(reader.text == "" && reader.ends.count == 1) }
            // The whole is still shared.
            guard case .began = try scene.ask(ScriptedReader()) else {
                Issue.record("\(status) to a range is taken for the whole's")
                return
            }
            scene.source.fail()
            #expect(scene.leftovers == [])
        }
    }

    @Test("A response that varies is for those alone whose fields select it")
    func varies() throws {
        let scene = try FillScene()
        let english = ["Accept-Language: en"]
        let same = try ask(scene, "2-5", times: 2, with: english)
        let french = ScriptedReader()
        guard case .joined = try scene.ask(french, with: ["Range: bytes=2-5", "Accept-Language: fr"]) else {
            Issue.record("nothing is known of variants yet")
            return
        }
        scene.source.head("206 Partial Content", plain + ["Vary: Accept-Language", place(2..<6), "Content-Length: 4"])
        scene.settle()
        // Its place says that it is of a variant: a request compares.
        let plainKey = scene.select(try scene.request()).keys.plainKey
        #expect(same[1].place?.varyIndex != nil && same[1].place?.key != plainKey)
        // Who knows of the variant finds it by its own key.
        guard case .joined = try scene.ask(ScriptedReader(), with: ["Range: bytes=2-5"] + english),
            case .began = try scene.ask(ScriptedReader(), with: ["Range: bytes=2-5", "Accept-Language: fr"])
        else {
            Issue.record("variants aren't told apart")
            return
        }
        scene.sources[0].piece("2345")
        scene.sources[0].end()
        scene.sources[1].fail()
        #expect(scene.leftovers == [])
        #expect(try scene.stored(for: english)?.isPartial == true)
    }

    // MARK: Other requests

    @Test("A HEAD, other ranges, conditions and If-Range of another version: nobody gets what isn't meant for it")
    func others() throws {
        let scene = try FillScene()
        let first = ScriptedReader()
        try scene.ask(first, with: ["Range: bytes=0-"])
        let (head, known, old, new) = (ScriptedReader(), ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(head, method: "HEAD", with: ["Range: bytes=0-3"])
        try scene.ask(known, with: ["Range: bytes=0-3", "If-None-Match: \"1\""])
        try scene.ask(old, with: ["Range: bytes=0-3", "If-Range: \"0\""])
        try scene.ask(new, with: ["Range: bytes=0-3", "If-Range: \"1\""])
        #expect(scene.sources.count == 1)
        // A part: only the version that is wanted is given, and no part to a HEAD.
        scene.source.head("206 Partial Content", plain + [place(0..<6), "Content-Length: 6"])
        scene.settle()
        #expect(head.ends == ["elsewhere"] && known.ends == ["not modified"] && old.ends == ["elsewhere"])
        scene.source.piece("012345")
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(first.text == "012345" && new.text == "0123" && new.content == 0..<4)
        // Conditions, and several ranges, are nobody else's.
        for fields in [
            ["Range: bytes=6-7", "If-Range: \"1\""], ["Range: bytes=6-7", "If-None-Match: \"1\""],
            ["Range: bytes=6-6,8-8"], ["Range: bytes=6-7", "Cache-Control: no-store"], ["Range: lines=6-7"],
        ] {
            let cold = try FillScene()
            guard case .alone = try cold.ask(ScriptedReader(), with: fields) else {
                Issue.record("\(fields) is shared")
                return
            }
            cold.source.fail()
        }
    }

    @Test("What was invalidated while it was fetched isn't joined any more, nor stored")
    func invalidated() throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-5", times: 2)
        scene.invalidate(scene.select(try scene.request()).keys.plainKey)
        let late = ScriptedReader()
        guard case .began = try scene.ask(late, with: ["Range: bytes=2-5"]) else {
            Issue.record("joins what was invalidated")
            return
        }
        respond(scene.sources[0], 2..<6, plain)
        scene.settle()
        #expect(same[0].text == "2345")
        #expect(try scene.stored() == nil)
        scene.sources[1].respond("206 Partial Content", plain + [place(2..<6)], body: "cdef")
        #expect(scene.leftovers == [] && late.text == "cdef")
        let stored = try #require(try scene.stored())
        #expect(PartialResponse(stored)?.text(of: 2..<6) == "cdef")
    }

    @Test("What is stale is validated once for a storm of ranges")
    func stale() throws {
        for range in ["0-", "2-5"] {
            let scene = try FillScene()
            try scene.store(with: plain, body: whole)
            try scene.age(by: 70)
            let same = try ask(scene, range)
            #expect(scene.sources.count == 1 && scene.source.asks("If-None-Match") == "\"1\"")
            scene.source.head("304 Not Modified", plain)
            #expect(scene.leftovers == [])
            #expect(same[0].ends == ["delivered, revalidated"])
            for reader in same.dropFirst() { #expect(reader.text == (range == "0-" ? whole : "2345")) }
        }
    }

    @Test("A part that is all of it takes the place of what is stale, though it has the same validator")
    func freshWhole() throws {
        let scene = try FillScene()
        try scene.store(with: plain, body: whole)
        try scene.age(by: 70)
        let same = try ask(scene, "0-", times: 3)
        respond(scene.source, 0..<10, plain)
        #expect(scene.leftovers == [])
        for reader in same { #expect(reader.text == whole) }
        guard case .hit = try scene.ask(ScriptedReader()) else {
            Issue.record("still stale")
            return
        }
    }

    @Test("A part of another version is for those that ask for it, and no bytes of the two are mixed")
    func changed() throws {
        let scene = try FillScene()
        try scene.store(with: plain, body: whole)
        try scene.age(by: 70)
        let same = try ask(scene, "2-5", times: 3)
        let all = ScriptedReader()
        try scene.ask(all)
        #expect(scene.sources.count == 1)
        scene.source.respond(
            "206 Partial Content", ["Cache-Control: max-age=60", "ETag: \"2\"", place(2..<6)], body: "cdef")
        #expect(scene.leftovers == [])
        for reader in same { #expect(reader.text == "cdef") }
        #expect(all.ends == ["elsewhere"])
    }

    @Test(
        "A part that nothing ties to the stale whole is shared, and doesn't take its place",
        arguments: validators.suffix(1))
    func worthLess(validators: [String]) throws {
        let scene = try FillScene()
        try scene.store(with: ["Cache-Control: max-age=60"], body: "abcdefghij")
        try scene.age(by: 70)
        let same = try ask(scene, "2-5")
        #expect(scene.sources.count == 1)
        respond(scene.source, 2..<6, ["Cache-Control: max-age=60"])
        #expect(scene.leftovers == [])
        for reader in same { #expect(reader.text == "2345" && reader.ends == ["whole"]) }
        #expect(try scene.body() == "abcdefghij")
    }

    // MARK: Ends

    @Test("Whoever leaves, the others have theirs")
    func leaving() throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-5", times: 5)
        same[0].leave()
        same[1].leave()
        scene.source.head("206 Partial Content", plain + [place(2..<6), "Content-Length: 4"])
        scene.source.piece("23")
        scene.settle()
        same[2].leave()
        scene.source.piece("45")
        scene.source.end()
        #expect(scene.leftovers == [])
        for reader in same.suffix(2) { #expect(reader.text == "2345" && reader.ends == ["whole"]) }
        let stored = try #require(try scene.stored())
        #expect(PartialResponse(stored)?.text(of: 2..<6) == "2345")
    }

    @Test("A body that breaks off breaks those that read, and nothing of it is stored")
    func broken() throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-5", times: 3)
        scene.source.head("206 Partial Content", plain + [place(2..<6), "Content-Length: 4"])
        scene.source.piece("23")
        scene.settle()
        scene.source.fail()
        #expect(scene.leftovers == [])
        #expect(same[0].ends == ["failed, closedEarly"])
        for reader in same.dropFirst() { #expect(reader.text == "23" && reader.ends == ["broken"]) }
        #expect(try scene.stored() == nil)
        // The next begins anew.
        guard case .began = try scene.ask(ScriptedReader(), with: ["Range: bytes=2-5"]) else {
            Issue.record("what broke off is still found")
            return
        }
        scene.source.fail()
        #expect(scene.leftovers == [])
    }

    @Test("A body of another length than its place says gives nobody a byte too many, and isn't stored")
    func wrongLength() throws {
        for body in ["23", "234567"] {
            let scene = try FillScene()
            let same = try ask(scene, "2-5", times: 3)
            same[2].block()
            scene.source.head("206 Partial Content", plain + [place(2..<6), "Transfer-Encoding: chunked"])
            scene.source.piece("2")
            scene.settle()
            scene.source.piece(String(body.dropFirst()))
            scene.source.turn()
            scene.settle()
            scene.source.end()
            scene.settle()
            same[2].unblock()
            #expect(scene.leftovers == [])
            #expect(same[0].text == body)
            for reader in same.dropFirst() {
                #expect(part(2..<6).hasPrefix(reader.text) && reader.ends.count == 1)
                #expect(reader.ends == [body.count < 4 ? "broken" : "whole"])
            }
            #expect(try scene.stored() == nil)
        }
    }

    @Test("A slow reader of a part has the rest when it takes it")
    func slow() throws {
        let scene = try FillScene()
        let same = try ask(scene, "2-7", times: 3)
        same[0].block()
        same[1].block()
        respond(scene.source, 2..<8, plain)
        scene.settle()
        #expect(same[2].text == "234567" && same[1].text == "")
        same[0].unblock()
        same[1].unblock()
        #expect(scene.leftovers == [])
        #expect(same[0].text == "234567" && same[1].text == "234567")
    }

    @Test("A part that is too large for the store is its reader's alone, and others don't wait for the next")
    func tooLarge() throws {
        let scene = try FillScene(objectLimit: 3)
        let same = try ask(scene, "2-5", times: 2)
        respond(scene.source, 2..<6, plain)
        scene.settle()
        #expect(same[0].text == "2345" && same[1].ends == ["refused, hit for miss"])
        guard case .alone = try scene.ask(ScriptedReader(), with: ["Range: bytes=2-5"]) else {
            Issue.record("waits for what can't be shared")
            return
        }
        scene.source.fail()
        #expect(scene.leftovers == [])
    }
}
