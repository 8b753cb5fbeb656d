import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// A response that can't be stored, by its head or once it turns out to be too large: the first reader takes the exchange over.

@Suite("RFC 9111 §3, one fill: what isn't stored")
struct FillRefusalTests {
    static let refused: [(status: String, fields: [String], reason: Reason, others: String)] = [
        ("200 OK", ["Cache-Control: no-store"], .responseNoStore, "refused, hit for miss"),
        ("200 OK", ["Cache-Control: private, max-age=60"], .privateResponse, "refused, hit for miss"),
        ("200 OK", ["Cache-Control: max-age=60", "Set-Cookie: a=b"], .setCookie, "refused, hit for miss"),
        ("200 OK", ["Cache-Control: max-age=60", "Vary: *"], .varyStar, "refused, hit for miss"),
        ("200 OK", ["Cache-Control: max-age=0"], .alreadyStale, "refused, hit for miss"),
        ("302 Found", ["Location: /b"], .noLifetime, "refused, hit for miss"),
        ("206 Partial Content", ["Content-Range: bytes 0-1/9"], .partialContent, "refused, hit for miss"),
        ("304 Not Modified", ["ETag: \"1\""], .oneRequestStatus, "refused, hit for miss"),
        ("200 OK", ["Cache-Control: max-age=60", "Content-Length: 5000"], .tooLarge, "refused, hit for miss"),
        ("503 Service Unavailable", [], .noLifetime, "refused, 503"),
        ("404 Not Found", [], .noLifetime, "refused, hit for miss"),
    ]

    @Test(
        "What can't be stored is the first reader's with its exchange, and nobody waits for that key again soon",
        arguments: refused.indices)
    func handedOver(index: Int) throws {
        let (status, fields, reason, others) = Self.refused[index]
        let scene = try FillScene(objectLimit: 1000)
        let (first, near, far) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        for reader in [first, near, far] { try scene.ask(reader) }
        scene.source.head(status, fields)
        #expect(first.log == ["handed over \(status.prefix(3))"] && first.reason == reason)
        #expect(scene.running == 0 && scene.source.isTaken && !scene.source.isStopped)
        scene.settle()
        #expect(near.ends == [others] && far.ends == [others])
        #expect(scene.table.counts.hitForMiss == 1)
        scene.source.piece("he")
        scene.source.piece("llo")
        scene.source.end()
        #expect(first.text == "hello" && first.ends == ["whole"])
        #expect(try scene.stored() == nil)
        #expect(scene.leftovers == [])
        guard case .alone = try scene.ask(ScriptedReader()) else {
            Issue.record("waits for another request's fill")
            return
        }
    }

    @Test(
        "An error that is one client's own says nothing of the next: another request may begin a fill",
        arguments: [
            "400 Bad Request", "401 Unauthorized", "403 Forbidden", "408 Request Timeout", "429 Too Many Requests",
        ])
    func clientError(status: String) throws {
        let scene = try FillScene()
        let (first, near, far) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        for reader in [first, near, far] { try scene.ask(reader) }
        scene.source.head(status)
        #expect(first.log == ["handed over \(status.prefix(3))"] && first.reason == .noLifetime)
        scene.settle()
        #expect(near.ends == ["refused, one client"] && far.ends == ["refused, one client"])
        scene.source.end()
        #expect(scene.leftovers == [] && scene.table.counts.hitForMiss == 0)
        guard case .began = try scene.ask(ScriptedReader()) else {
            Issue.record("nobody may share a fill any more")
            return
        }
    }

    @Test("A key that brought something storable at last is shared again")
    func forgotten() throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader())
        scene.source.head("200 OK", ["Cache-Control: no-store"])
        scene.source.end()
        guard case .alone = try scene.ask(ScriptedReader()) else {
            Issue.record("not remembered")
            return
        }
        scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "hello")
        #expect(scene.table.counts.hitForMiss == 0)
        #expect(scene.leftovers == [])
    }

    @Test("A response to a request with credentials that isn't said to be for all is that request's alone")
    func authorization() throws {
        let scene = try FillScene()
        let reader = ScriptedReader()
        try scene.ask(reader, with: ["Authorization: Basic x"])
        scene.source.head("200 OK", ["Cache-Control: max-age=60"])
        #expect(reader.reason == .authorization && scene.source.isTaken)
        scene.source.end()
        #expect(scene.leftovers == [])
    }

    @Test(
        "One client's credentials end nobody else's sharing: those with some go by themselves from then on, others share",
        arguments: [
            ("200 OK", ["Cache-Control: max-age=60"]), ("200 OK", ["Cache-Control: private"]), ("200 OK", []),
            ("200 OK", ["Cache-Control: public, max-age=60", "Set-Cookie: a=b"]),
            ("200 OK", ["Cache-Control: no-store"]),
            ("500 Internal Server Error", []),
        ])
    func othersShare(status: String, fields: [String]) throws {
        let scene = try FillScene()
        let (first, near, far) = (ScriptedReader(), ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first, with: ["Authorization: Basic x"])
        try scene.ask(near)
        try scene.ask(far, with: ["Authorization: Basic y"])
        scene.source.head(status, fields)
        scene.settle()
        #expect(near.ends == ["refused, own reason"] && far.ends == ["refused, own reason"])
        scene.source.end()
        guard case .began = try scene.ask(ScriptedReader()) else {
            Issue.record("nobody may share a fill any more")
            return
        }
        // Those with credentials read what is for all, where that is under way.
        guard case .joined = try scene.ask(ScriptedReader(), with: ["Authorization: Basic y"]) else {
            Issue.record("not found")
            return
        }
        scene.source.head("200 OK", ["Cache-Control: no-store"])
        scene.source.end()
        guard case .alone = try scene.ask(ScriptedReader(), with: ["Authorization: Basic y"]) else {
            Issue.record("not remembered")
            return
        }
    }

    @Test("Those with credentials don't wait for one another once what came for one of them was not for all")
    func credentialsAlone() throws {
        let scene = try FillScene()
        try scene.ask(ScriptedReader(), with: ["Authorization: Basic x"])
        scene.source.respond("200 OK", ["Cache-Control: private"], body: "x")
        guard case .alone = try scene.ask(ScriptedReader(), with: ["Authorization: Basic y"]) else {
            Issue.record("not remembered")
            return
        }
        scene.source.respond("200 OK", ["Cache-Control: public, max-age=60"], body: "hello")
        #expect(scene.table.counts.hitForMiss == 0)
    }

    @Test("Credentials are a request's own matter: what came for them says nothing about what others were given")
    func credentials() throws {
        let scene = try FillScene.stale()
        try scene.ask(ScriptedReader(), with: ["Authorization: Basic x"])
        scene.source.respond("200 OK", ["Cache-Control: max-age=60"], body: "new")
        #expect(try scene.body() == "old")
        #expect(scene.leftovers == [])
    }

    @Test(
        "With the budget of arriving responses spent, a response goes through, and the key is left alone for a moment")
    func budget() throws {
        let scene = try FillScene(budget: 1000)
        let (first, other) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("200 OK", ["Cache-Control: max-age=60", "Content-Length: 5000"])
        scene.settle()
        #expect(first.reason == .storeUnavailable && other.ends == ["refused, hit for miss"])
        scene.source.end()
        #expect(scene.leftovers == [])
        #expect(scene.service.counters.storeRefused == 1)
    }

    // MARK: Too large while it arrives

    @Test(
        "Too large while it arrives, with nobody else reading: the rest is the reader's, every byte once and in order")
    func restHandedOver() throws {
        for size in [1, 3, 7, 10] {
            let scene = try FillScene(objectLimit: 10)
            let reader = ScriptedReader()
            try scene.ask(reader)
            scene.source.head("200 OK", ["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])
            let body = (0..<40).map { UInt8($0) }
            for start in stride(from: 0, to: 40, by: size) {
                scene.source.piece(Array(body[start..<min(start + size, 40)]))
                scene.source.turn()
                #expect(reader.body == Array(body[..<min(start + size, 40)]))
            }
            #expect(reader.log == ["began 200", "handed over the rest"])
            #expect(scene.budget.inUse == 0 && scene.table.counts.hitForMiss == 1)
            scene.source.end()
            #expect(reader.ends == ["whole"] && scene.leftovers == [])
            #expect(try scene.stored() == nil)
        }
    }

    @Test("Too large with another reader, and no room to lag: both have what there is first, and each gets every byte")
    func lockstep() throws {
        let (scene, first, other) = try sceneOfTwo(spillLimit: 1, piece: "0123")
        scene.source.piece("45")
        scene.source.piece("6")
        scene.source.turn()
        #expect(scene.source.isPaused && first.text == "0123456")
        #expect(scene.table.counts.fills == 0 && scene.table.counts.hitForMiss == 1)
        let late = ScriptedReader()
        guard case .alone = try scene.ask(late) else {
            Issue.record("joins a fill in lockstep")
            return
        }
        late.leave()
        scene.settle()
        let source = scene.sources[0]
        #expect(!source.isPaused && other.text == "0123456")
        source.piece("78")
        source.turn()
        #expect(source.isPaused)
        scene.settle()
        #expect(!source.isPaused && other.text == "012345678")
        source.piece("9")
        source.end()
        scene.settle()
        #expect(first.text == "0123456789" && other.text == first.text)
        #expect(first.ends == ["whole"] && other.ends == ["whole"] && scene.leftovers == [])
        #expect(try scene.stored() == nil)
    }

    @Test("A first reader that lags when it turns out to be too large is waited for, and loses nothing")
    func lockstepLagging() throws {
        let scene = try FillScene(objectLimit: 4)
        let reader = ScriptedReader()
        try scene.ask(reader)
        scene.source.head("200 OK", ["Cache-Control: max-age=60"])
        scene.source.piece("01")
        reader.block()
        scene.source.piece("23")
        scene.source.piece("45")
        scene.source.turn()
        #expect(scene.source.isPaused && reader.text == "01" && scene.source.taker == nil)
        reader.take(3)
        scene.settle()
        #expect(scene.source.isPaused)
        reader.unblock()
        scene.settle()
        #expect(!scene.source.isPaused && reader.text == "012345")
        scene.source.piece("67")
        scene.source.turn()
        // It has caught up, and alone: nothing to wait for.
        #expect(!scene.source.isPaused)
        reader.block()
        scene.source.piece("89")
        scene.source.turn()
        #expect(scene.source.isPaused)
        scene.source.end()
        #expect(reader.ends == [])
        reader.unblock()
        #expect(reader.text == "0123456789" && reader.ends == ["whole"])
        #expect(scene.leftovers == [])
    }

    @Test("Those who haven't begun to read when it becomes too large send their own requests")
    func lockstepNotBegun() throws {
        let scene = try FillScene(objectLimit: 4)
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("200 OK", ["Cache-Control: max-age=60"])
        scene.source.piece("01234")
        scene.source.turn()
        scene.settle()
        #expect(other.ends == ["gone"])
        #expect(!scene.source.isPaused)
        scene.source.end()
        #expect(first.text == "01234" && first.ends == ["whole"] && scene.leftovers == [])
    }

    /// Two readers of what is going to be too large, of which the first piece has come.
    private func sceneOfTwo(spillLimit: Int, piece: String) throws -> (
        scene: FillScene, first: ScriptedReader, other: ScriptedReader
    ) {
        let scene = try FillScene(objectLimit: 4)
        scene.service.spillLimit = spillLimit
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("200 OK", ["Cache-Control: max-age=60"])
        scene.source.piece(piece)
        scene.source.turn()
        scene.settle()
        return (scene, first, other)
    }

    /// Two readers of what is too large; the second one takes nothing any more.
    private func laggingScene(isFirstSlow: Bool) throws -> (
        scene: FillScene, quick: ScriptedReader, slow: ScriptedReader
    ) {
        let (scene, first, other) = try sceneOfTwo(spillLimit: 4, piece: "01")
        (isFirstSlow ? first : other).block()
        for piece in ["23", "45", "67"] {
            #expect(!scene.source.isPaused)
            scene.source.piece(piece)
            scene.source.turn()
            scene.settle()
        }
        return (scene, isFirstSlow ? other : first, isFirstSlow ? first : other)
    }

    @Test(
        "A reader that lags is waited for once what is kept for it is full, and dropped within two seconds",
        arguments: [true, false])
    func lagging(isFirstSlow: Bool) throws {
        let (scene, quick, slow) = try laggingScene(isFirstSlow: isFirstSlow)
        #expect(scene.source.isPaused && quick.text == "01234567" && slow.text == "01")
        scene.service.checkTimes(now: scene.loop.now)
        scene.settle()
        #expect(scene.source.isPaused && slow.ends == [])
        scene.service.checkTimes(now: scene.loop.now)
        scene.settle()
        #expect(!scene.source.isPaused && slow.ends == ["dropped"] && scene.service.counters.droppedReaders == 1)
        scene.source.piece("89")
        scene.source.end()
        #expect(scene.leftovers == [] && quick.text == "0123456789" && quick.ends == ["whole"])
        #expect(scene.budget.inUse == 0)
    }

    @Test(
        "A reader that takes what there is in time isn't dropped, and the origin is read on at once",
        arguments: [true, false])
    func laggingInTime(isFirstSlow: Bool) throws {
        let (scene, quick, slow) = try laggingScene(isFirstSlow: isFirstSlow)
        scene.service.checkTimes(now: scene.loop.now)
        slow.unblock()
        scene.settle()
        #expect(!scene.source.isPaused && slow.text == "01234567")
        for _ in 0..<5 { scene.service.checkTimes(now: scene.loop.now) }
        scene.settle()
        scene.source.end()
        #expect(scene.leftovers == [] && quick.text == slow.text && slow.ends == ["whole"] && quick.ends == ["whole"])
        #expect(scene.service.counters.droppedReaders == 0)
    }

    @Test("Where all lag, nobody is held back: the fastest sets the pace, and nobody is dropped")
    func allLag() throws {
        let (scene, quick, slow) = try laggingScene(isFirstSlow: false)
        slow.unblock()
        scene.settle()
        quick.block()
        slow.block()
        scene.source.piece("89")
        scene.source.turn()
        scene.settle()
        for _ in 0..<10 { scene.service.checkTimes(now: scene.loop.now) }
        #expect(scene.source.isPaused && scene.service.counters.droppedReaders == 0)
        quick.unblock()
        scene.settle()
        #expect(!scene.source.isPaused)
        scene.source.end()
        slow.unblock()
        #expect(scene.leftovers == [] && quick.text == "0123456789" && slow.text == quick.text)
    }

    @Test(
        "A reader that leaves while it holds others back, or just as it is dropped, is no longer waited for",
        arguments: [true, false])
    func leavesAsItIsDropped(isFirstSlow: Bool) throws {
        for isDropped in [true, false] {
            let (scene, quick, slow) = try laggingScene(isFirstSlow: isFirstSlow)
            scene.service.checkTimes(now: scene.loop.now)
            if isDropped { scene.service.checkTimes(now: scene.loop.now) }
            slow.leave()
            scene.settle()
            #expect(!scene.source.isPaused)
            scene.source.piece("89")
            scene.source.end()
            #expect(scene.leftovers == [] && quick.text == "0123456789" && quick.ends == ["whole"])
        }
    }

    @Test(
        "In lockstep a broken origin breaks every reader off; the last one to leave stops it", arguments: [false, true])
    func lockstepEnds(breaks: Bool) throws {
        let scene = try FillScene(objectLimit: 4)
        let (first, other) = (ScriptedReader(), ScriptedReader(worker: 1))
        try scene.ask(first)
        try scene.ask(other)
        scene.source.head("200 OK", ["Cache-Control: max-age=60"])
        scene.source.piece("0123")
        scene.settle()
        scene.source.piece("45")
        scene.source.turn()
        if breaks {
            scene.source.fail()
        } else {
            first.leave()
            #expect(!scene.source.isStopped)
            scene.settle()
            #expect(!scene.source.isPaused && other.text == "012345")
            other.leave()
        }
        scene.settle()
        #expect(scene.source.isStopped)
        #expect(other.ends == [breaks ? "broken" : "left"] && first.ends == [breaks ? "failed, closedEarly" : "left"])
        #expect(scene.leftovers == [])
    }
}
