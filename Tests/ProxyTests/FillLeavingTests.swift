import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// What an invalidation in the middle and a reader that leaves do to a fill.

@Suite("RFC 9111 §4.4, one fill: invalidations and readers that leave")
struct FillLeavingTests {
    enum Moment: CaseIterable { case beforeHead, inBody, whenComplete }

    /// A response with something done to it in the middle.
    private func run(_ scene: FillScene, _ fields: [String], _ moment: Moment, _ change: () throws -> Void) throws {
        if moment == .beforeHead { try change() }
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 6"] + fields)
        scene.source.piece("abc")
        if moment == .inBody { try change() }
        scene.source.piece("def")
        if moment == .whenComplete { try change() }
        scene.source.end()
    }

    @Test("What was invalidated since it was asked for is delivered, and not stored", arguments: Moment.allCases)
    func invalidated(moment: Moment) throws {
        let scene = try FillScene()
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        let key = scene.select(try scene.request()).keys.key
        try run(scene, [], moment) { scene.invalidate(key) }
        #expect(scene.leftovers == [])
        #expect(first.text == "abcdef" && first.ends == ["whole"] && other.text == "abcdef")
        #expect(try scene.stored() == nil)
        #expect(scene.service.counters.stored == 0)
    }

    @Test("A variant goes with its plain key", arguments: Moment.allCases)
    func invalidatedVariant(moment: Moment) throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Accept: a"])
        let plain = scene.select(try scene.request()).keys.plainKey
        try run(scene, ["Vary: Accept"], moment) { scene.invalidate(plain) }
        #expect(reader.ends.count == 1 && reader.text == "abcdef" || reader.source != nil)
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(try scene.stored(for: ["Accept: a"]) == nil)
    }

    @Test("A group that is invalidated leaves nothing of it in use", arguments: Moment.allCases)
    func invalidatedGroup(moment: Moment) throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        let group = PurgeItem.group(origin: Array("http://api.example".utf8), name: Array("g".utf8))
        try run(scene, ["Cache-Groups: \"g\""], moment) {
            scene.cache.apply(Purge([group]), at: scene.service.wallTime)
        }
        #expect(reader.text == "abcdef" && scene.leftovers == [])
        if let stored = try scene.stored() {
            let request = try scene.request()
            let verdict = request.purgeVerdict(on: stored, at: scene.select(request).keys.selected, in: scene.cache)
            #expect(verdict == .hard)
        }
    }

    @Test("A request that comes after an invalidation doesn't join a fill from before it")
    func notJoined() throws {
        let scene = try FillScene()
        let (first, second, third) = (ScriptedReader(), ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        scene.invalidate(scene.select(try scene.request()).keys.key)
        guard case .began = try scene.ask(second) else {
            Issue.record("joins what is out of date")
            return
        }
        try scene.ask(third)
        scene.sources[0].respond("200 OK", ["Cache-Control: max-age=60"], body: "old")
        #expect(scene.table.counts.fills == 1)
        scene.sources[1].respond("200 OK", ["Cache-Control: max-age=60"], body: "new")
        #expect(scene.leftovers == [])
        #expect(first.text == "old" && second.text == "new" && third.text == "new")
        #expect(try scene.body() == "new")
    }

    // MARK: Readers that leave

    @Test("With others reading, a fill goes on without its first reader")
    func othersRead() throws {
        let scene = try FillScene()
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        first.leave()
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 3"])
        scene.source.piece("abc")
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(other.text == "abc" && first.body == [] && scene.service.counters.continuedAlone == 1)
        #expect(try scene.body() == "abc")
    }

    @Test(
        "With nobody reading, a fill goes on for the store, whether its length is known or not, and at any moment of it"
    )
    func nobodyReads() throws {
        for length in [nil, 300_000] {
            for arrived in [nil, 0, 10, 200_000] {
                let scene = try FillScene()
                let reader = ScriptedReader()
                try scene.ask(reader)
                if arrived == nil { reader.leave() }
                scene.source.head(
                    "200 OK",
                    [
                        "Cache-Control: max-age=60",
                        length.map { "Content-Length: \($0)" } ?? "Transfer-Encoding: chunked",
                    ])
                scene.source.piece([UInt8](repeating: 1, count: arrived ?? 0))
                scene.source.turn()
                reader.leave()
                #expect(!scene.source.isStopped && !scene.source.isPaused)
                scene.source.piece([UInt8](repeating: 1, count: 300_000 - (arrived ?? 0)))
                scene.source.end()
                #expect(try scene.stored()?.bodyCount == 300_000, "\(arrived ?? -1) of \(length ?? -1)")
                #expect(scene.leftovers == [] && scene.service.alone == 0)
                #expect(scene.table.counts.hitForMiss == 0)
            }
        }
    }

    @Test("With nobody reading, what turns out larger than the store takes ends, as soon as that is known")
    func tooLargeForNobody() throws {
        for isKnown in [true, false] {
            let scene = try FillScene(objectLimit: 1000)
            let reader = ScriptedReader()
            try scene.ask(reader)
            reader.leave()
            #expect(!scene.source.isStopped)
            scene.source.head(
                "200 OK",
                ["Cache-Control: max-age=60", isKnown ? "Content-Length: 1001" : "Transfer-Encoding: chunked"])
            #expect(scene.source.isStopped == isKnown)
            scene.source.piece([UInt8](repeating: 1, count: 1001))
            #expect(scene.source.isStopped)
            #expect(scene.leftovers == [] && scene.service.alone == 0)
        }
    }

    @Test("With nobody reading, what may not be stored ends with its head")
    func notStorableForNobody() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        reader.leave()
        scene.source.head("200 OK", ["Cache-Control: private", "Content-Length: 3"])
        #expect(scene.source.isStopped && scene.leftovers == [] && scene.service.alone == 0)
    }

    @Test("What nobody reads and doesn't come to an end is given up a minute after its head")
    func drips() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        reader.leave()
        let start = scene.loop.now
        scene.service.checkTimes(now: start.advanced(byMilliseconds: 600_000))
        // Until the head is there the origin's own time-out holds.
        #expect(!scene.source.isStopped)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
        scene.source.piece("a")
        scene.service.checkTimes(now: start.advanced(byMilliseconds: 59_999))
        #expect(!scene.source.isStopped)
        scene.service.checkTimes(now: start.advanced(byMilliseconds: 60_000))
        #expect(scene.source.isStopped && scene.leftovers == [])
        #expect(scene.service.counters.leftUnfinished == 1 && scene.service.alone == 0)
    }

    @Test("What somebody reads may take its time, though others have left it before")
    func dripsForSomebody() throws {
        let scene = try FillScene()
        let (first, late) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
        first.leave()
        try scene.ask(late)
        scene.settle()
        scene.service.checkTimes(now: scene.loop.now.advanced(byMilliseconds: 600_000))
        #expect(!scene.source.isStopped)
        scene.source.piece("abc")
        scene.source.end()
        #expect(scene.leftovers == [] && late.text == "abc" && scene.service.alone == 0)
    }

    @Test("So many fills go on for nobody and no more; the next ones end with their last reader")
    func tooManyAlone() throws {
        let scene = try FillScene()
        for number in 0...FillService.aloneLimit {
            let reader = ScriptedReader()
            try scene.ask(reader, "/\(number)")
            reader.leave()
        }
        #expect(scene.running == FillService.aloneLimit && scene.source.isStopped)
        #expect(scene.service.counters.leftUnfinished == 1)
        for source in scene.sources { source.fail() }
        #expect(scene.leftovers == [] && scene.service.alone == 0)
    }

    @Test("Where the route wants no background fill, it ends with its last reader, and the key is free at once")
    func noBackgroundFill() throws {
        for isInBody in [false, true] {
            let scene = try FillScene { $0.backgroundFill = false }
            let (first, second) = (ScriptedReader(), ScriptedReader())
            try scene.ask(first)
            if isInBody {
                scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 3"])
                scene.source.piece("ab")
            }
            first.leave()
            #expect(scene.source.isStopped && scene.leftovers == [])
            guard case .began = try scene.ask(second) else {
                Issue.record("the key isn't free")
                return
            }
            scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "abc")
            #expect(scene.leftovers == [])
        }
    }

    @Test("Who comes after everybody has left reads along with what goes on")
    func comesLater() throws {
        let scene = try FillScene()
        let (first, second) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        first.leave()
        guard case .joined = try scene.ask(second) else {
            Issue.record("doesn't read along")
            return
        }
        scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "abc")
        #expect(scene.leftovers == [] && second.text == "abc" && scene.sources.count == 1)
    }

    @Test("The last of the other readers to leave gives up a fill that has lost its first")
    func lastOther() throws {
        let scene = try FillScene { $0.backgroundFill = false }
        let (first, near, far) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        for reader in [first, near, far] { try scene.ask(reader) }
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
        scene.source.piece("abc")
        scene.settle()
        first.leave()
        near.leave()
        scene.settle()
        #expect(!scene.source.isStopped)
        far.leave()
        scene.settle()
        #expect(scene.source.isStopped && scene.leftovers == [])
    }

    @Test("A reader that comes before the fill hears that it has none keeps it going")
    func joinedInTime() throws {
        let scene = try FillScene { $0.backgroundFill = false }
        let (first, other, late) = (ScriptedReader(), ScriptedReader(worker: 1), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
        first.leave()
        other.leave()
        try scene.ask(late)
        scene.settle()
        #expect(!scene.source.isStopped)
        scene.source.piece("abc")
        scene.source.end()
        #expect(scene.leftovers == [] && late.text == "abc")
    }

    @Test("A first reader that leaves one for itself alone stops it")
    func alone() throws {
        let scene = try FillScene()
        scene.table.noteHitForMiss(
            scene.select(try scene.request()).keys.key, now: scene.loop.now, isShort: false)
        let reader = ScriptedReader()
        guard case .alone = try scene.ask(reader) else { return }
        reader.leave()
        #expect(scene.source.isStopped && scene.leftovers == [])
    }

    @Test("A client that leaves after taking over the exchange stops that")
    func afterHandOver() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("200 OK", ["Cache-Control: no-store"])
        reader.leave()
        #expect(scene.source.isStopped && scene.leftovers == [])
    }

    @Test("What another request stored in the meantime ends a fill for all its readers")
    func endedWithAnother() throws {
        let scene = try FillScene()
        let (first, other) = (ScriptedReader(), ScriptedReader())
        guard case .began(let fill) = try scene.ask(first) else { return }
        try scene.ask(other)
        let record = FeedScene.response(body: Array("abc".utf8))
        first.leave()
        fill.end(with: record)
        scene.settle()
        #expect(other.text == "abc" && scene.running == 0 && scene.source.isStopped)
    }
}
