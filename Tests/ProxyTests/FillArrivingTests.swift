import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// What those are given who need less than the whole of a response that is still arriving: conditions, ranges, HEADs.

@Suite("RFC 9110 §13 and §14, one fill: who needs less than the whole doesn't wait for it")
struct FillArrivingTests {
    static let lengths = ["Content-Length: 10", "Transfer-Encoding: chunked"]

    private func begin(_ scene: FillScene, _ length: String, _ piece: String) {
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "ETag: \"1\"", length])
        scene.source.piece(piece)
        scene.source.turn()
        scene.settle()
    }

    private func finish(_ scene: FillScene, _ rest: String) throws {
        scene.source.piece(rest)
        scene.source.end()
        #expect(scene.leftovers == [] && scene.service.alone == 0)
        #expect(try scene.body() == "0123456789")
    }

    @Test(
        "A condition that holds is answered when the head is there, and the response is stored all the same",
        arguments: lengths, [true, false])
    func conditionOfTheFirst(length: String, isFilledInBackground: Bool) throws {
        let scene = try FillScene { $0.backgroundFill = isFilledInBackground }
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first, with: ["If-None-Match: \"1\""])
        try scene.ask(other)
        #expect(scene.source.asks("If-None-Match") == nil)
        begin(scene, length, "01")
        #expect(first.ends == ["delivered, whole"] && first.body == [])
        #expect(first.record?.etag.text() == "\"1\"")
        #expect(other.text == "01")
        other.leave()
        scene.settle()
        #expect(!scene.source.isStopped)
        try finish(scene, "23456789")
    }

    @Test("A condition that doesn't hold is answered as the response comes", arguments: lengths)
    func otherCondition(length: String) throws {
        let scene = try FillScene()
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first, with: ["If-None-Match: \"0\""])
        try scene.ask(other, with: ["If-None-Match: \"0\", \"2\""])
        begin(scene, length, "01")
        #expect(first.log == ["began 200"] && first.text == "01")
        #expect(other.log == ["began 200"] && other.text == "01")
        try finish(scene, "23456789")
        #expect(first.text == "0123456789" && other.text == "0123456789")
    }

    @Test("Who comes while the body arrives has its 304 at once", arguments: lengths)
    func conditionOfAnother(length: String) throws {
        let scene = try FillScene()
        let (first, early, late) = (ScriptedReader(), ScriptedReader(worker: 1), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(early, with: ["If-None-Match: W/\"1\""])
        begin(scene, length, "01")
        try scene.ask(late, with: ["If-None-Match: *"])
        #expect(early.ends == ["not modified"] && late.ends == ["not modified"])
        try finish(scene, "23456789")
    }

    @Test("A HEAD has its head at once, measured or not", arguments: lengths)
    func head(length: String) throws {
        let scene = try FillScene()
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other, method: "HEAD")
        begin(scene, length, "")
        #expect(other.ends == ["head"])
        try finish(scene, "0123456789")
    }

    @Test("A range inside what has arrived is sent, and one that begins there as its bytes come")
    func ranges() throws {
        let scene = try FillScene()
        let first = ScriptedReader()
        try scene.ask(first)
        begin(scene, Self.lengths[0], "0123")
        // The range, what has come of it, and what is still to come.
        let cases = [
            ("0-3", "0123", ""), ("1-2", "12", ""), ("2-6", "23", "456"), ("4-4", "", "4"), ("0-", "0123", "456789"),
            ("3-99", "3", "456789"),
        ]
        var readers: [ScriptedReader] = []
        for (range, now, rest) in cases {
            let reader = ScriptedReader(worker: readers.count % 2)
            try scene.ask(reader, with: ["Range: bytes=\(range)"])
            #expect(reader.log == ["began 206"] && reader.text == now, "\(range)")
            #expect(reader.ends == (rest.isEmpty ? ["whole"] : []), "\(range)")
            readers.append(reader)
        }
        try finish(scene, "456789")
        for ((range, now, rest), reader) in zip(cases, readers) {
            #expect(reader.ends == ["whole"] && reader.text == now + rest, "\(range)")
        }
        #expect(scene.sources.count == 1)
    }

    @Test("A range behind what has arrived waits until its bytes come", arguments: lengths)
    func later(length: String) throws {
        let scene = try FillScene()
        let (first, middle, last) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        begin(scene, length, "0123")
        try scene.ask(middle, with: ["Range: bytes=5-6"])
        try scene.ask(last, with: ["Range: bytes=-2"])
        #expect(middle.log == [] && last.log == [])
        scene.source.piece("456")
        scene.source.turn()
        scene.settle()
        #expect(middle.text == "56" && middle.ends == ["whole"] && last.log == [])
        try finish(scene, "789")
        #expect(last.text == "89" && last.ends == ["whole"])
    }

    @Test("Without a known length a range with both ends is told from the whole, and one of everything is the whole")
    func unknownLength() throws {
        let scene = try FillScene()
        let first = ScriptedReader()
        try scene.ask(first)
        begin(scene, Self.lengths[1], "0123")
        let (inside, all) = (ScriptedReader(), ScriptedReader())
        try scene.ask(inside, with: ["Range: bytes=1-2"])
        try scene.ask(all, with: ["Range: bytes=0-"])
        #expect(inside.text == "12" && inside.ends == ["whole"])
        #expect(all.log == ["began 200"] && all.text == "0123")
        try finish(scene, "456789")
        #expect(all.text == "0123456789")
    }

    @Test("What can't be satisfied is known with the head; If-Range of another version asks for the whole")
    func unsatisfiable() throws {
        let scene = try FillScene()
        let first = ScriptedReader()
        try scene.ask(first)
        begin(scene, Self.lengths[0], "")
        let (beyond, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(beyond, with: ["Range: bytes=10-"])
        try scene.ask(other, with: ["Range: bytes=0-1", "If-Range: \"0\""])
        #expect(beyond.ends == ["unsatisfiable"] && other.log == ["began 200"])
        try finish(scene, "0123456789")
        #expect(other.text == "0123456789")
    }

    @Test("A body that breaks off breaks the parts that it hasn't brought, and no others")
    func broken() throws {
        let scene = try FillScene()
        let (first, done, cut) = (ScriptedReader(), ScriptedReader(worker: 1), ScriptedReader(worker: 1))
        try scene.ask(first)
        begin(scene, Self.lengths[0], "0123")
        try scene.ask(done, with: ["Range: bytes=0-3"])
        try scene.ask(cut, with: ["Range: bytes=2-8"])
        scene.settle()
        scene.source.fail()
        scene.settle()
        #expect(done.text == "0123" && done.ends == ["whole"])
        #expect(cut.text == "23" && cut.ends == ["broken"])
        #expect(scene.leftovers == [])
    }

    @Test("A reader of a part that is done lets the fill go on for nobody, where the route wants that")
    func lastPartReader() throws {
        for isFilledInBackground in [true, false] {
            let scene = try FillScene { $0.backgroundFill = isFilledInBackground }
            let (first, part) = (ScriptedReader(), ScriptedReader(worker: 1))
            try scene.ask(first)
            begin(scene, Self.lengths[0], "0123")
            try scene.ask(part, with: ["Range: bytes=3-4"])
            first.leave()
            #expect(!scene.source.isStopped && part.text == "3")
            scene.source.piece("45")
            scene.source.turn()
            scene.settle()
            #expect(part.text == "34" && part.ends == ["whole"])
            #expect(scene.source.isStopped != isFilledInBackground)
            if isFilledInBackground { try finish(scene, "6789") }
            #expect(scene.leftovers == [])
        }
    }
}
