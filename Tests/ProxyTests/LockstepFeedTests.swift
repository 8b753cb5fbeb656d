import CacheStorage
import EventLoop
import TestRandomness
import Testing

@testable import Proxy

// A feed whose body can't be kept whole: the origin is read on when somebody has what there is and the others don't lag too
// far behind, and not before.

@Suite("RFC 9111 §4, collapsed requests: a feed in lockstep")
struct LockstepFeedTests {
    /// A feed that has just fallen into lockstep, with so many readers behind. With no room to lag everybody has to take
    /// everything.
    private func scene(readers: Int, spillLimit: Int = 1) throws -> FeedScene {
        let scene = FeedScene(spillLimit: spillLimit)
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

    @Test("Without room the last of several readers to catch up lets the origin go on, and the fill hears it once")
    func several() throws {
        let scene = try scene(readers: 3)
        #expect(scene.feed.hold())
        scene.move(0, to: 5)
        scene.move(1, to: 5)
        #expect(scene.owner.take() == [])
        scene.move(2, to: 5)
        #expect(scene.owner.take() == [.needsFill])
        #expect(!scene.feed.hold())
    }

    @Test("With room the first to catch up lets the origin go on, until the room is full")
    func firstOfSeveral() throws {
        let scene = try scene(readers: 3, spillLimit: 4)
        #expect(scene.feed.hold())
        scene.move(1, to: 5)
        #expect(scene.owner.take() == [.needsFill])
        #expect(!scene.feed.hold() && !scene.feed.isHeldBack)
        scene.spill("56")
        #expect(scene.feed.hold() && !scene.feed.isHeldBack)
        scene.move(1, to: 7)
        #expect(scene.owner.take() == [] && scene.feed.isHeldBack)
        // One who frees nothing changes nothing; the slowest does.
        scene.move(2, to: 6)
        #expect(scene.owner.take() == [] && scene.feed.isHeldBack)
        scene.move(0, to: 6)
        #expect(scene.owner.take() == [.needsFill] && !scene.feed.isHeldBack)
    }

    @Test("Readers that caught up before the turn ended are counted")
    func early() throws {
        let scene = try scene(readers: 2)
        scene.move(0, to: 5)
        scene.move(1, to: 5)
        #expect(!scene.feed.hold())
        #expect(scene.owner.take() == [])
    }

    @Test("Having caught up with what is no longer the end counts for nothing")
    func overtaken() throws {
        let scene = try scene(readers: 1)
        scene.move(0, to: 5)
        scene.spill("5")
        #expect(scene.feed.hold())
        scene.move(0, to: 5)
        #expect(scene.owner.take() == [])
        scene.move(0, to: 6)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("A reader that is behind and leaves is waited for no longer")
    func leavesBehind() throws {
        let scene = try scene(readers: 2)
        #expect(scene.feed.hold())
        scene.move(0, to: 5)
        scene.leave(1)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("A reader that has caught up and leaves takes its own count along, and nobody else's")
    func leavesCaughtUp() throws {
        let scene = try scene(readers: 3)
        #expect(scene.feed.hold())
        scene.move(0, to: 5)
        scene.move(1, to: 5)
        scene.leave(0)
        #expect(scene.owner.take() == [])
        scene.move(1, to: 5)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("The request that began the fill is waited for like any other reader")
    func firstReader() throws {
        let scene = FeedScene(spillLimit: 1)
        let first = scene.feed.joinFirst()
        scene.read()
        try scene.begin(objectLimit: 3)
        scene.spill("34567")
        #expect(scene.feed.hold())
        scene.move(0, to: 5)
        #expect(scene.owner.take() == [])
        scene.feed.advance(first, to: 5)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("The last reader's going is heard, whether it had caught up or not", arguments: [false, true])
    func lastLeaves(isCaughtUp: Bool) throws {
        let scene = try scene(readers: 1)
        if isCaughtUp { scene.move(0, to: 5) }
        _ = scene.feed.hold()
        scene.leave()
        #expect(scene.owner.take() == [.needsFill])
        #expect(scene.feed.readers == 0)
    }

    @Test("What everybody has is let go, and what comes after it stands at its own place")
    func released() throws {
        let scene = try scene(readers: 1)
        #expect(scene.budget.inUse > 0)
        #expect(scene.read(0) == "012" && scene.read(3) == "34")
        #expect(scene.budget.inUse == 0)
        #expect(!scene.feed.hold())
        #expect(scene.read(5) == "")
        scene.spill("56")
        scene.spill("7")
        #expect(scene.read(5, atMost: 2) == "56" && scene.read(7) == "7")
        #expect(scene.reach.words == "8")
    }

    @Test("At the end those that are behind still get the rest")
    func ends() throws {
        let scene = try scene(readers: 1)
        #expect(try scene.feed.complete() == nil)
        #expect(scene.reach.words == "5, whole")
        #expect(scene.read(0) == "012" && scene.read(3) == "34")
    }

    @Test("Once it has ended, its fill's going takes nothing from those that are behind")
    func leaderGoesAfterTheEnd() throws {
        let scene = try scene(readers: 1)
        #expect(try scene.feed.complete() == nil)
        scene.feed.abandon()
        scene.feed.fail(.closedEarly)
        #expect(scene.read(0) == "012" && scene.read(3) == "34")
        #expect(scene.reach.isWhole && !scene.reach.isBroken)
    }

    // MARK: Dropping

    @Test("Only those are dropped that hold others back, by half of what is kept or more")
    func dropped() throws {
        let scene = try scene(readers: 4, spillLimit: 4)
        #expect(scene.feed.dropLagging() == [])
        scene.move(0, to: 5)
        scene.spill("5678")
        #expect(scene.feed.hold())
        // Nobody has everything, so nobody is held back.
        #expect(scene.feed.dropLagging() == [])
        scene.move(0, to: 9)
        scene.move(1, to: 8)
        scene.move(2, to: 4)
        #expect(scene.feed.isHeldBack)
        _ = scene.worker.take()
        scene.feed.acknowledge(worker: 1)
        #expect(Set(scene.feed.dropLagging()) == [scene.readers[2], scene.readers[3]])
        #expect(scene.worker.take() == [.moved])
        #expect(scene.feed.reach(of: scene.readers[2]).isDropped && !scene.feed.reach(of: scene.readers[1]).isDropped)
        #expect(scene.feed.readers == 2 && scene.budget.inUse == 0 && !scene.feed.hold())
        #expect(scene.read(8, by: scene.readers[1]) == "8")
    }

    @Test("A reader that was dropped gets nothing, counts for nothing, and may leave whenever it likes")
    func afterBeingDropped() throws {
        let scene = try scene(readers: 2, spillLimit: 2)
        #expect(scene.feed.hold())
        scene.move(0, to: 5)
        #expect(scene.feed.dropLagging() == [scene.readers[1]])
        #expect(scene.read(0, by: scene.readers[1]) == "")
        scene.move(1, to: 5)
        #expect(scene.feed.readers == 1 && !scene.feed.hold())
        _ = scene.owner.take()
        scene.leave(1)
        #expect(scene.owner.take() == [] && scene.feed.readers == 1)
        scene.spill("5")
        #expect(scene.feed.hold())
        scene.move(0, to: 6)
        #expect(scene.owner.take() == [.needsFill])
    }

    @Test("Any order of readers that read, lag, leave and are dropped gives the others everything, in bounded memory")
    func anyOrder() throws {
        for seed in 0..<200 {
            var random = SeededGenerator(history: UInt64(seed))
            let body = Array(String(repeating: "0123456789abcdef", count: 40).utf8)
            let limit = Int.random(in: 1...120, using: &random)
            let scene = FeedScene(spillLimit: limit)
            for _ in 0..<Int.random(in: 1...5, using: &random) { scene.read() }
            // Where each is; those that take nothing more.
            var places = Array(repeating: 0, count: scene.readers.count)
            var isStuck = places.map { _ in Int.random(in: 0..<4, using: &random) == 0 }
            try scene.begin(objectLimit: 100)
            var arrived = 100
            try scene.append(String(decoding: body[..<100], as: UTF8.self))
            var isHeld = false
            var steps = 0
            while arrived < body.count || zip(places, isStuck).contains(where: { $0 < body.count && !$1 }) {
                steps += 1
                try #require(steps < 20_000, "seed \(seed): nothing moves")
                if !isHeld && arrived < body.count {
                    let next = min(arrived + Int.random(in: 1...60, using: &random), body.count)
                    scene.spill(String(decoding: body[arrived..<next], as: UTF8.self))
                    arrived = next
                    isHeld = scene.feed.hold()
                }
                guard !scene.readers.isEmpty else { break }
                let index = Int.random(in: scene.readers.indices, using: &random)
                if Int.random(in: 0..<60, using: &random) == 0 {
                    scene.leave(index)
                    places.remove(at: index)
                    isStuck.remove(at: index)
                } else if !isStuck[index], places[index] < arrived {
                    let most = Int.random(in: 1...50, using: &random)
                    let text = scene.read(places[index], atMost: most, by: scene.readers[index])
                    try #require(!text.isEmpty, "seed \(seed): nothing at \(places[index]) of \(arrived)")
                    let end = places[index] + text.utf8.count
                    try #require(Array(text.utf8) == Array(body[places[index]..<end]), "seed \(seed)")
                    places[index] = end
                }
                if Int.random(in: 0..<20, using: &random) == 0 {
                    let isAnyAtEnd = places.contains(arrived)
                    let dropped = scene.feed.dropLagging()
                    try #require(dropped.isEmpty || isAnyAtEnd && isHeld, "seed \(seed): dropped for nobody")
                    for reader in dropped {
                        let index = try #require(scene.readers.firstIndex(of: reader))
                        try #require(places[index] < arrived, "seed \(seed): one that has everything was dropped")
                        scene.leave(index)
                        places.remove(at: index)
                        isStuck.remove(at: index)
                    }
                    if !dropped.isEmpty { isHeld = scene.feed.hold() }
                }
                if scene.owner.take().contains(.needsFill) {
                    let slowest = places.min() ?? arrived
                    // What was kept whole, what may be lagged behind, and a piece.
                    try #require(places.isEmpty || places.contains(arrived), "seed \(seed): nobody needs more")
                    try #require(
                        arrived - slowest < 100 + limit + 60, "seed \(seed): \(arrived - slowest) are kept")
                    isHeld = scene.feed.hold()
                }
                if places.allSatisfy({ $0 == arrived }) {
                    try #require(!isHeld, "seed \(seed): held though everybody is there")
                }
                // Where all that are left take nothing more, it stays as it is.
                if zip(places, isStuck).allSatisfy({ $1 || $0 == arrived }) && isHeld && !scene.feed.isHeldBack {
                    break
                }
            }
        }
    }
}
