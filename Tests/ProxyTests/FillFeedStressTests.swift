import Bytes
import CacheStorage
import EventLoop
import TestRandomness
import TestSupport
import Testing

@testable import Proxy

// One leader and several followers on threads of their own: everybody gets every byte in its place, and nobody waits for
// ever. Under the thread sanitizer (`make sanitize`) it shows that a feed's state is reached by one thread at a time.

@Suite("RFC 9111 §4, collapsed requests: one feed, several threads", .serialized)
struct FillFeedStressTests {
    /// A follower's thread: what it has read, and how that ended.
    private struct Account: Sendable {
        var isRight = true
        var count = 0
        var end = "nothing"
        var isStuck = false
    }

    private static let workers = 3
    private static let readersPerWorker = 3

    private static let body: [UInt8] = {
        var random = SeededGenerator(history: 42)
        return (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    }()

    @Test("Followers that join and read at any moment find the body as it was", arguments: [1, 2, 3] as [UInt64])
    func whole(seed: UInt64) throws {
        try run(seed: seed, objectLimit: 1 << 20) { feed, _, _, random in
            try Self.pieces(&random) { try feed.append($0) }
            _ = try feed.complete()
        } expecting: { account in
            account.end == "whole" && account.count == Self.body.count
        }
    }

    @Test("In lockstep nothing is let go before everybody has it", arguments: [4, 5, 6] as [UInt64], [1, 30_000])
    func narrow(seed: UInt64, spillLimit: Int) throws {
        try run(seed: seed, objectLimit: 100_000, spillLimit: spillLimit) { feed, leader, haveBegun, random in
            var isLockstep = false
            try Self.pieces(&random) { piece in
                if !isLockstep {
                    do throws(StoredResponseBuilder.Refusal) { return try feed.append(piece) } catch {
                        isLockstep = true
                    }
                    // Whoever hasn't begun by now is sent away.
                    try #require(haveBegun())
                }
                feed.spill(piece)
                while feed.hold() {
                    try #require(eventually(within: 30, every: 0.0001) { leader.take().contains(.needsFill) })
                }
            }
            _ = try feed.complete()
        } expecting: { account in
            account.end == "whole" && account.count == Self.body.count
        }
    }

    @Test(
        "Readers that stop at any moment are dropped, and the others have everything",
        arguments: [9, 10, 11] as [UInt64])
    func stuck(seed: UInt64) throws {
        // How many of those are under way that aren't stuck.
        let active = TestSupport.Locked(Self.workers * (Self.readersPerWorker - 1))
        try run(seed: seed, objectLimit: 100_000, spillLimit: 10_000, active: active) {
            feed, leader, haveBegun, random in
            var isLockstep = false
            try Self.pieces(&random) { piece in
                if !isLockstep {
                    do throws(StoredResponseBuilder.Refusal) { return try feed.append(piece) } catch {
                        isLockstep = true
                    }
                    try #require(haveBegun())
                }
                feed.spill(piece)
                while feed.hold() && active.withLock({ $0 > 0 }) {
                    try #require(
                        eventually(within: 30, every: 0.0001) {
                            leader.take().contains(.needsFill) || !feed.dropLagging().isEmpty
                                || active.withLock { $0 == 0 }
                        })
                }
            }
            _ = try feed.complete()
        } expecting: { account in
            // Without a clock whoever is a little slower is dropped too.
            account.end == "whole" && account.count == Self.body.count
                || account.end == "dropped" && account.count < Self.body.count
        }
    }

    @Test(
        "A fetch that breaks off breaks off for everybody, after bytes that are right", arguments: [7, 8] as [UInt64])
    func broken(seed: UInt64) throws {
        try run(seed: seed, objectLimit: 1 << 20) { feed, _, haveBegun, random in
            try Self.pieces(&random, upTo: 150_000) { try feed.append($0) }
            try #require(haveBegun())
            feed.fail(.closedEarly)
        } expecting: { account in
            account.end == "broken" && account.count <= 150_000
        }
    }

    /// The body in pieces of random size.
    private static func pieces(
        _ random: inout SeededGenerator, upTo end: Int = body.count, _ give: (Span<UInt8>) throws -> Void
    ) throws {
        var start = 0
        while start < end {
            let next = min(start + Int.random(in: 1...20_000, using: &random), end)
            try give(body.span.extracting(start..<next))
            start = next
        }
    }

    private func run(
        seed: UInt64, objectLimit: Int, spillLimit: Int = FillFeed.spillLimit,
        active: TestSupport.Locked<Int>? = nil,
        lead: (FillFeed, Inbox, _ haveBegun: () -> Bool, inout SeededGenerator) throws -> Void,
        expecting isExpected: (Account) -> Bool
    ) throws {
        let scene = FeedScene(spillLimit: spillLimit)
        let accounts = TestSupport.Locked<[Account]>([])
        let feed = scene.feed
        let started = TestSupport.Locked(0)
        let begun = TestSupport.Locked(0)
        let threads = (0..<Self.workers).map { worker in
            LoopThread.start(name: "follower") {
                let inbox = Inbox()
                var random = SeededGenerator(history: seed &* 100 &+ UInt64(worker))
                var readers: [Reader] = []
                for number in 0..<Self.readersPerWorker {
                    guard let identifier = feed.join(worker: worker, mailbox: inbox.mailbox) else { continue }
                    var reader = Reader(feed: feed, identifier: identifier, begun: begun)
                    // One of each worker takes some and then nothing, until it is told that it was dropped.
                    if active != nil && number == 0 { reader.stop(after: Int.random(in: 1...250_000, using: &random)) }
                    reader.active = active
                    readers.append(reader)
                }
                started.withLock { $0 += 1 }
                // A reader with nothing to do looks again once its worker is told, so that a word that is missing shows:
                // only then does it come to that time.
                eventually(within: 30, every: 0.0001) {
                    if inbox.take().contains(.moved) {
                        feed.acknowledge(worker: worker)
                        for index in readers.indices { readers[index].isIdle = false }
                    }
                    while readers.contains(where: { !$0.isIdle && !$0.isOver }) {
                        for index in readers.indices { readers[index].pump(&random) }
                    }
                    return readers.allSatisfy(\.isOver)
                }
                accounts.withLock { $0.append(contentsOf: readers.map(\.account)) }
            }
        }
        // Everybody follows before the leader begins; when they read is theirs.
        eventually(every: 0.0005) { started.withLock { $0 } == Self.workers }
        try scene.begin(length: nil, objectLimit: objectLimit)
        var random = SeededGenerator(history: seed)
        func haveBegun() -> Bool {
            eventually(within: 30, every: 0.0001) {
                begun.withLock { $0 } == Self.workers * Self.readersPerWorker
            }
        }
        try lead(feed, scene.owner, haveBegun, &random)
        for thread in threads { thread.join() }
        let found = accounts.withLock { $0 }
        #expect(found.count == Self.workers * Self.readersPerWorker)
        for account in found {
            #expect(account.isRight && isExpected(account), "\(account.end) after \(account.count) bytes")
        }
        #expect(feed.readers == 0)
    }

    /// A request that follows, as a worker would run it: it waits for the head, then reads as far as there is something.
    private struct Reader {
        let feed: FillFeed
        let identifier: FillFeed.ReaderID
        /// Readers that have found the head.
        let begun: TestSupport.Locked<Int>
        var account = Account()
        var isOver = false
        /// It has found nothing to do.
        var isIdle = false
        private var isReading = false
        var active: TestSupport.Locked<Int>?
        private var stopsAfter = Int.max

        init(feed: FillFeed, identifier: FillFeed.ReaderID, begun: TestSupport.Locked<Int>) {
            self.feed = feed
            self.identifier = identifier
            self.begun = begun
        }

        mutating func stop(after count: Int) {
            stopsAfter = count
            account.isStuck = true
        }

        mutating func pump(_ random: inout SeededGenerator) {
            if isOver || isIdle { return }
            if !isReading {
                switch feed.news {
                case .none:
                    isIdle = true
                    return
                case .head:
                    isReading = true
                    begun.withLock { $0 += 1 }
                case .gone, .refused, .failed: return end(feed.news.word)
                }
            }
            // A client that takes what it likes, when it likes.
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let reach = feed.reach(of: identifier)
                if reach.isDropped { return end("dropped") }
                if reach.isBroken { return end("broken") }
                // What has ended holds nobody back, and drops nobody.
                if account.count >= stopsAfter && !reach.isWhole {
                    isIdle = true
                    return
                }
                if account.count < reach.end {
                    read(atMost: Int.random(in: 1...65_536, using: &random))
                } else if reach.isWhole {
                    return end("whole")
                } else {
                    isIdle = true
                    return
                }
            }
        }

        private mutating func read(atMost limit: Int) {
            let position = account.count
            var isRight = true
            let count = feed.read(identifier, from: position, atMost: limit) { bytes in
                isRight = bytes.isSame(
                    as: FillFeedStressTests.body.span.extracting(position..<(position + bytes.count)))
            }
            // What was there is gone where the fetch has broken off meanwhile, and nowhere else.
            let reach = feed.reach(of: identifier)
            account.isRight = account.isRight && isRight && (count > 0 || reach.isBroken || reach.isDropped)
            account.count += count
        }

        private mutating func end(_ word: String) {
            isOver = true
            account.end = word
            if !account.isStuck { active?.withLock { $0 -= 1 } }
            feed.leave(identifier, tellsFill: true)
        }
    }
}
