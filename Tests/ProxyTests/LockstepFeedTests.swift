import CacheStorage
import EventLoop
import Testing

@testable import Proxy

// A feed whose body can't be kept whole: the origin is read on when everybody has what there is, and not before.

@Suite("RFC 9111 §4, collapsed requests: a narrow feed")
struct LockstepFeedTests {
    /// A feed that has just become narrow, with so many readers behind.
    private func scene(readers: Int) throws -> FeedScene {
        let scene = FeedScene()
        for _ in 0..<readers { scene.read() }
        try scene.begin(objectLimit: 3)
        try scene.append("012")
        scene.spill("34")
        return scene
    }

    @Test("With nobody behind the origin isn't held")
    func alone() throws {
        #expect(try !scene(readers: 0).feed.hold())
    }

    @Test("The last of several readers to catch up lets the origin go on, and the leader hears it once")
    func several() throws {
        let scene = try scene(readers: 3)
        #expect(scene.feed.hold())
        scene.feed.noteCaughtUp(at: 5)
        scene.feed.noteCaughtUp(at: 5)
        #expect(scene.owner.take() == [])
        scene.feed.noteCaughtUp(at: 5)
        #expect(scene.owner.take() == [.needsFill])
        #expect(!scene.feed.hold())
    }

    @Test("Readers that caught up before the turn ended are counted")
    func early() throws {
        let scene = try scene(readers: 2)
        scene.feed.noteCaughtUp(at: 5)
        scene.feed.noteCaughtUp(at: 5)
        #expect(!scene.feed.hold())
        #expect(scene.owner.take() == [])
    }

    @Test("Having caught up with what is no longer the end counts for nothing")
    func overtaken() throws {
        let scene = try scene(readers: 1)
        scene.feed.noteCaughtUp(at: 5)
        scene.spill("5")
        #expect(scene.feed.hold())
        scene.feed.noteCaughtUp(at: 5)
        #expect(scene.owner.take() == [])
        scene.feed.noteCaughtUp(at: 6)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("A reader that is behind and leaves is waited for no longer")
    func leavesBehind() throws {
        let scene = try scene(readers: 2)
        #expect(scene.feed.hold())
        scene.feed.noteCaughtUp(at: 5)
        scene.feed.leave(caughtUpAt: 3, tellsFill: true)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("A reader that has caught up and leaves takes its own count along, and nobody else's")
    func leavesCaughtUp() throws {
        let scene = try scene(readers: 3)
        #expect(scene.feed.hold())
        scene.feed.noteCaughtUp(at: 5)
        scene.feed.noteCaughtUp(at: 5)
        scene.feed.leave(caughtUpAt: 5, tellsFill: true)
        #expect(scene.owner.take() == [])
        scene.feed.noteCaughtUp(at: 5)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("The request that began the fill is waited for like any other reader")
    func firstReader() throws {
        let scene = try scene(readers: 1)
        scene.feed.joinFirst()
        #expect(scene.feed.hold())
        scene.feed.noteCaughtUp(at: 5)
        #expect(scene.owner.take() == [])
        scene.feed.noteCaughtUp(at: 5)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("The last reader's going is heard, whether it had caught up or not", arguments: [-1, 5])
    func lastLeaves(caughtUpAt: Int) throws {
        let scene = try scene(readers: 1)
        if caughtUpAt == 5 { scene.feed.noteCaughtUp(at: 5) }
        _ = scene.feed.hold()
        scene.feed.leave(caughtUpAt: caughtUpAt, tellsFill: true)
        #expect(scene.owner.take() == [.needsFill])
        #expect(scene.feed.readers == 0)
    }

    @Test("What everybody has is let go, and what comes after it stands at its own place")
    func released() throws {
        let scene = try scene(readers: 1)
        #expect(scene.budget.inUse > 0)
        scene.feed.releaseSpill()
        #expect(scene.budget.inUse == 0)
        #expect(scene.read(5) == "")
        scene.spill("56")
        scene.spill("7")
        #expect(scene.read(5) == "567" && scene.read(7) == "7" && scene.read(5, atMost: 2) == "56")
        #expect(scene.feed.reach.words == "8, lockstep")
    }

    @Test("At the end those that are behind still get the rest")
    func ends() throws {
        let scene = try scene(readers: 1)
        #expect(try scene.feed.complete() == nil)
        #expect(scene.feed.reach.words == "5, whole, lockstep")
        #expect(scene.read(0) == "012" && scene.read(3) == "34")
    }

    @Test("Any order of readers that catch up, leave and are told gives everybody everything, in bounded memory")
    func anyOrder() throws {
        for seed in 0..<40 {
            var random = Numbers(seed: UInt64(seed))
            let body = Array(String(repeating: "0123456789abcdef", count: 40).utf8)
            let scene = FeedScene()
            var readers = (0..<Int.random(in: 1...5, using: &random)).map { _ in (at: 0, caughtUpAt: -1) }
            for _ in readers { scene.read() }
            try scene.begin(objectLimit: 100)
            var arrived = 100
            try scene.append(String(decoding: body[..<100], as: UTF8.self))
            var isHeld = false
            while arrived < body.count || readers.contains(where: { $0.at < body.count }) {
                if !isHeld && arrived < body.count {
                    let next = min(arrived + Int.random(in: 1...60, using: &random), body.count)
                    let piece = Array(body[arrived..<next])
                    scene.feed.spill(piece.span)
                    arrived = next
                    isHeld = scene.feed.hold()
                    if !isHeld { scene.feed.releaseSpill() }
                }
                guard !readers.isEmpty else { break }
                let index = Int.random(in: readers.indices, using: &random)
                if Int.random(in: 0..<40, using: &random) == 0 {
                    scene.feed.leave(caughtUpAt: readers[index].caughtUpAt, tellsFill: true)
                    readers.remove(at: index)
                } else if readers[index].at < arrived {
                    let text = scene.read(readers[index].at, atMost: Int.random(in: 1...50, using: &random))
                    try #require(!text.isEmpty, "seed \(seed): nothing at \(readers[index].at) of \(arrived)")
                    let end = readers[index].at + text.utf8.count
                    try #require(Array(text.utf8) == Array(body[readers[index].at..<end]), "seed \(seed)")
                    readers[index].at = end
                    if end == arrived {
                        readers[index].caughtUpAt = end
                        scene.feed.noteCaughtUp(at: end)
                    }
                }
                if scene.owner.take().contains(.needsFill) {
                    try #require(readers.allSatisfy { $0.at == arrived }, "seed \(seed): somebody is behind")
                    isHeld = scene.feed.hold()
                    if !isHeld { scene.feed.releaseSpill() }
                }
                // Held with everybody there would be held for ever.
                try #require(!isHeld || readers.contains { $0.at < arrived }, "seed \(seed): nobody lets it go on")
            }
        }
    }

    @Test("Once it has ended, its leader's going takes nothing from those that are behind")
    func leaderGoesAfterTheEnd() throws {
        let scene = try scene(readers: 1)
        #expect(try scene.feed.complete() == nil)
        scene.feed.abandon()
        scene.feed.fail(.closedEarly)
        #expect(scene.read(0) == "012" && scene.read(3) == "34")
        #expect(scene.feed.reach.isWhole && !scene.feed.reach.isBroken)
    }
}
