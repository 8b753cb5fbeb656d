import Bytes
import CacheStorage
import EventLoop
import HTTPCaching
import HTTPSemantics
import Testing

@testable import Proxy

// A feed's states as its followers see them, and whom it tells.

@Suite("RFC 9111 §4, collapsed requests: one feed")
struct FillFeedTests {
    typealias Change = @Sendable (FeedScene) throws -> Void

    /// A way to each state: what those that wait for the head are told, what those that read find, and whether a
    /// request may still join.
    static let states: [(name: String, way: Change, news: String, reach: String, isOpen: Bool)] = [
        ("nothing has come", { _ in }, "none", "0", true),
        ("the head has come", { try $0.begin() }, "head", "0", true),
        (
            "some of the body has come",
            {
                try $0.begin()
                try $0.append("abc")
            }, "head", "3", true
        ),
        (
            "it is complete",
            {
                try $0.begin()
                try $0.append("abc")
                _ = try $0.feed.complete()
            }, "whole", "3, whole, completed with 3", true
        ),
        (
            "it is complete and empty",
            {
                try $0.begin(length: 0)
                _ = try $0.feed.complete()
            }, "whole", "0, whole, completed with 0", true
        ),
        (
            "somebody else stored it", { $0.feed.complete(with: FeedScene.response(body: [1])) }, "whole",
            "0, whole, completed with 1", true
        ),
        (
            "it is narrow",
            {
                try $0.begin()
                try $0.append("abc")
                $0.spill("de")
            }, "gone", "5", false
        ),
        (
            "it was narrow and is over",
            {
                try $0.begin()
                try $0.append("abc")
                $0.spill("de")
                _ = try $0.feed.complete()
            }, "gone",
            "5, whole", false
        ),
        ("it can't be shared", { $0.feed.refuse(.hitForMiss) }, "refused, hit for miss", "0", false),
        ("the leader has it for itself", { $0.feed.refuse(.ownReason) }, "refused, own reason", "0", false),
        (
            "the origin has failed", { $0.feed.refuse(.originFailure(Status(503))) }, "refused, 503", "0",
            false
        ),
        ("no origin was reached", { $0.feed.fail(.refused) }, "failed, refused", "0, broken", false),
        (
            "the origin broke off",
            {
                try $0.begin()
                try $0.append("abc")
                $0.feed.fail(.closedEarly)
            },
            "failed, closedEarly", "3, broken", false
        ),
        ("the leader has left", { $0.feed.abandon() }, "refused, own reason", "0, broken", false),
        (
            "the leader has left within the body",
            {
                try $0.begin()
                try $0.append("abc")
                $0.feed.abandon()
            }, "refused, own reason", "3, broken",
            false
        ),
        (
            "the body was let go of, and is over",
            {
                try $0.begin()
                $0.feed.dropBody()
                _ = try $0.feed.complete()
            },
            "gone", "0, whole", false
        ),
        (
            "it was refused within the body, and is complete",
            {
                try $0.begin()
                try $0.append("abc")
                $0.feed.refuse(.hitForMiss)
                _ = try $0.feed.complete()
            }, "refused, hit for miss", "3, whole, completed with 3", false
        ),
    ]

    @Test(
        "Each state has its news for those that wait, its reach for those that read, and its door",
        arguments: states.indices)
    func state(index: Int) throws {
        let state = Self.states[index]
        let scene = FeedScene()
        #expect(scene.read())
        try state.way(scene)
        #expect(scene.feed.news.word == state.news, "\(state.name)")
        #expect(scene.reach.words == state.reach, "\(state.name)")
        #expect(scene.read() == state.isOpen, "\(state.name)")
        #expect(scene.feed.readers == (state.isOpen ? 2 : 1), "\(state.name)")
    }

    static let ends: [(name: String, way: Change)] = [
        ("fails", { $0.feed.fail(.closedEarly) }), ("is left to others", { $0.feed.abandon() }),
        ("lands again", { _ = try $0.feed.complete() }),
    ]

    @Test("What has landed stays landed, whatever comes after", arguments: ends.indices)
    func landed(index: Int) throws {
        let scene = FeedScene()
        try scene.begin()
        try scene.append("abc")
        let whole = try #require(try scene.feed.complete())
        try Self.ends[index].way(scene)
        #expect(scene.feed.news.word == "whole", "\(Self.ends[index].name)")
        #expect(scene.reach.words == "3, whole, completed with 3", "\(Self.ends[index].name)")
        #expect(scene.feed.brought(whole) && !scene.feed.brought(FeedScene.response(id: 2, body: [])))
    }

    @Test("A refusal while the body is collected ends the sharing alone: what is collected can still be stored")
    func refusedWhileCollecting() throws {
        let scene = FeedScene()
        scene.read()
        let builder = try FeedScene.builder(length: nil, objectLimit: 100, budget: scene.budget)
        scene.feed.begin(nil, builder: builder)
        #expect(scene.feed.news.word == "none")
        scene.feed.refuse(.hitForMiss)
        try scene.append("abc")
        let stored = try #require(try scene.feed.complete())
        #expect(stored.body.copied() == Array("abc".utf8))
        #expect(scene.feed.news.word == "refused, hit for miss")
        #expect(!scene.read())
    }

    @Test("What is withheld is for the store alone, until it is told what others get", arguments: [false, true])
    func withheld(isRefused: Bool) throws {
        let scene = FeedScene()
        scene.read()
        try scene.begin()
        try scene.append("abc")
        let part = try #require(try scene.feed.complete(withholding: true))
        #expect(part.bodyCount == 3 && scene.reach.completed == nil && scene.feed.news.word == "none")
        if isRefused { scene.feed.refuse(.ownReason) }
        scene.feed.complete(with: FeedScene.response(id: 2, body: [1, 2, 3, 4]))
        #expect(scene.feed.news.word == (isRefused ? "refused, own reason" : "whole"))
        #expect(scene.reach.completed?.bodyCount == (isRefused ? nil : 4))
    }

    @Test("What ends short of its announced length, or past it, doesn't land", arguments: ["abc", "abcdef"])
    func wrongLength(body: String) throws {
        let scene = FeedScene()
        scene.read()
        try scene.begin(length: 5)
        let refusal = #expect(throws: StoredResponseBuilder.Refusal.self) {
            try scene.append(body)
            _ = try scene.feed.complete()
        }
        #expect(refusal == .wrongLength)
        #expect(scene.feed.news.word != "whole" && scene.reach.completed == nil)
    }

    @Test("Whatever a feed has collected is given back when it ends", arguments: ends.indices)
    func budget(index: Int) throws {
        let scene = FeedScene()
        try scene.begin()
        try scene.append("abc")
        #expect(scene.budget.inUse > 0)
        try Self.ends[index].way(scene)
        #expect(scene.budget.arriving == 0)
    }

    // MARK: Reading

    @Test("Every position is readable while the body arrives, and after it has landed", arguments: [false, true])
    func positions(isLanded: Bool) throws {
        let body = "0123456789"
        let scene = FeedScene()
        try scene.begin()
        for piece in ["0123", "4", "56789"] { try scene.append(piece) }
        if isLanded { _ = try scene.feed.complete() }
        for position in 0...body.count {
            #expect(scene.read(position) == String(body.dropFirst(position)))
            #expect(scene.read(position, atMost: 3) == String(body.dropFirst(position).prefix(3)))
        }
    }

    @Test("Where the fetch broke off, or its leader left, nothing is read, at no position", arguments: [false, true])
    func lostPositions(isLeft: Bool) throws {
        let scene = FeedScene()
        scene.read()
        try scene.begin()
        try scene.append("012")
        if isLeft { scene.feed.abandon() } else { scene.feed.fail(.closedEarly) }
        for position in 0...3 { #expect(scene.read(position) == "") }
    }

    @Test("Every position is readable in a narrow feed that nobody has caught up with")
    func narrowPositions() throws {
        let scene = FeedScene()
        // One stays behind, so that nothing goes.
        scene.read()
        scene.read()
        try scene.begin(objectLimit: 6)
        try scene.append("012345")
        #expect(throws: StoredResponseBuilder.Refusal.tooLarge) { try scene.append("678") }
        scene.spill("678")
        scene.spill("9")
        var body = ""
        // What is kept whole and what came after it are two places: a read ends where the first does.
        for position in 0...5 { #expect(scene.read(position) == String("012345".dropFirst(position))) }
        for position in 6...10 { #expect(scene.read(position) == String("6789".dropFirst(position - 6))) }
        while body.count < 10 { body += scene.read(body.count, atMost: 4) }
        #expect(body == "0123456789")
    }

    // MARK: Telling

    @Test("A worker is told once, until it looks")
    func toldOnce() throws {
        let scene = FeedScene()
        scene.read()
        scene.read()
        try scene.begin()
        try scene.append("a")
        #expect(scene.worker.take() == [.moved])
        try scene.append("b")
        #expect(scene.worker.take() == [])
        scene.feed.acknowledge(worker: 1)
        try scene.append("c")
        #expect(scene.worker.take() == [.moved])
        #expect(scene.owner.take() == [])
    }

    @Test("Each worker with followers is told")
    func everyWorker() throws {
        let scene = FeedScene()
        let other = Inbox()
        scene.read()
        #expect(scene.feed.join(worker: 2, mailbox: other.mailbox) != nil)
        try scene.begin()
        #expect(scene.worker.take() == [.moved] && other.take() == [.moved])
        scene.feed.acknowledge(worker: 1)
        try scene.append("a")
        #expect(scene.worker.take() == [.moved] && other.take() == [])
    }

    @Test("With no follower nobody is told")
    func nobody() throws {
        let scene = FeedScene()
        scene.read()
        scene.leave()
        _ = scene.owner.take()
        try scene.begin()
        #expect(scene.worker.take() == [])
    }

    @Test("The leader hears of the last follower's going, while there is something to fetch")
    func lastFollower() throws {
        let scene = FeedScene()
        scene.read()
        scene.read()
        scene.leave()
        #expect(scene.owner.take() == [])
        scene.leave()
        #expect(scene.owner.take() == [.needsFill])
        scene.read()
        try scene.begin(length: 0)
        _ = try scene.feed.complete()
        scene.leave()
        #expect(scene.owner.take() == [])
    }

    @Test("A key text of the same digest is another thing")
    func keyText() {
        let feed = FeedScene().feed
        func isAbout(_ text: String) -> Bool { feed.hasKeyText(text.utf8.span) }
        #expect(isAbout("GET http://api.example/report") && !isAbout("GET http://api.example/repor7"))
        #expect(!isAbout("GET http://api.example/report?"))
    }
}
