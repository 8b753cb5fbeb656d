import Bytes
import CacheStorage
import EventLoop
import Testing

@testable import Proxy

// The body of a record that the remote store sends, as this worker's requests read it: without a store, without a client.

/// A record whose pieces come when the test says so.
private final class ScriptedRecord: ArrivingRecord {
    let content: [UInt8]
    private(set) var body: (any ArrivingBody)?
    private var builder: StoredResponseBuilder?
    var isAwaited = false
    var isUntouched = true
    var isSought = false
    let mayAwaitMore = false
    /// How often more was asked for.
    private(set) var requests = 0
    private(set) var isStopped = false
    private(set) var narrowedTo: Range<Int>?
    private(set) var arrived: Int

    init(_ content: [UInt8], first: Int, budget: MemoryBudget) throws {
        self.content = content
        arrived = first
        let builder = try FeedScene.builder(
            length: content.count, reserving: first, objectLimit: content.count, budget: budget)
        let beginning = Array(content[..<first])
        try builder.append(beginning.span)
        self.builder = builder
    }

    var head: StoredResponse { builder!.preview()! }
    var bodyCount: Int { content.count }

    func begin(_ body: any ArrivingBody) -> StoredResponseBuilder? {
        guard self.body == nil else { return nil }
        self.body = body
        return builder.take()
    }

    func narrow(to part: Range<Int>) -> Int {
        narrowedTo = part
        // Pieces of a hundred bytes.
        let start = part.lowerBound / 100 * 100
        if start >= arrived { arrived = start }
        return start < 100 ? 0 : start
    }

    func readOn() { requests += 1 }
    func stop() { isStopped = true }

    func send(_ count: Int) {
        let piece = Array(content[arrived..<(arrived + count)])
        body?.bodyArrived(piece.span)
        arrived += count
    }
}

@Suite("A record that arrives from the remote store is read by all who may have it")
struct RemoteBodyTests {
    private let content = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 >> 5) }
    private let owner = Inbox()
    private let worker = Inbox()
    private let loop = EventLoop(inputCapacity: 4096)
    private let cache = Cache(SharedStores(memoryBytes: 64 << 20), objectLimit: 1 << 20)

    private func body(_ record: ScriptedRecord, _ budget: MemoryBudget) -> RemoteBody {
        let feed = FillFeed(
            key: FeedScene.key, keyText: FeedScene.keyText, began: .first, owner: owner.mailbox, spillLimit: 1,
            isStored: true)
        return RemoteBody(
            record, feed: feed, copy: RemoteBody.Copy(key: feed.key, plainKey: feed.key, heard: .deaf), cache: cache,
            loop: loop, budget: budget)
    }

    private func read(_ body: RemoteBody, _ reader: FillFeed.ReaderID, _ position: Int) -> [UInt8] {
        var taken: [UInt8] = []
        _ = body.feed.read(reader, from: position, atMost: .max) { taken.append($0) }
        return taken
    }

    @Test("With memory to spare it is kept whole, for readers that come while it arrives")
    func whole() throws {
        let budget = MemoryBudget(bytes: 10_000)
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        let body = body(record, budget)
        #expect(body.begin() && body.isOpen && !body.isInStep)
        let first = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
        #expect(read(body, first, 0) == Array(content[..<100]))
        record.send(400)
        // The rest comes soon.
        #expect(worker.take() == [])
        let second = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
        #expect(read(body, second, 0) == Array(content[..<500]) && read(body, first, 100) == Array(content[100..<500]))
        record.send(500)
        var isEnded = false
        body.ended = { isEnded = true }
        let whole = body.bodyEnded()
        let kept = whole.map { $0.body.copied() }
        #expect(isEnded && !body.isOpen && kept == content && worker.take() == [.moved])
        #expect(body.feed.reach(of: first).completed === whole)
    }

    @Test("Readers are told of what has come while the rest is slow")
    func slow() throws {
        let budget = MemoryBudget(bytes: 10_000)
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        let body = body(record, budget)
        #expect(body.begin())
        let reader = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
        let pause = LoopTimer(loop: loop) { [loop] in loop.stop() }
        pause.schedule(afterMilliseconds: 30)
        loop.run()
        record.send(100)
        #expect(worker.take() == [.moved] && read(body, reader, 0) == Array(content[..<200]))
    }

    @Test("Without, it is for one reader, and the store is asked for more when that has taken what there is")
    func inStep() throws {
        let budget = MemoryBudget(bytes: 1 << 20)
        #expect(budget.reserve(524_000))
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        var body: RemoteBody? = body(record, budget)
        #expect(body?.begin() == true && body?.isOpen == false && body?.isInStep == true)
        #expect(budget.refusals == 0)
        let reader = try #require(body?.feed.join(worker: 1, mailbox: worker.mailbox))
        record.send(200)
        #expect(body?.mayReadOn() == false)
        #expect(read(body!, reader, 0) == Array(content[..<100]) && owner.take() == [])
        #expect(read(body!, reader, 100) == Array(content[100..<300]) && owner.take() == [.needsFill])
        body?.readersChanged()
        #expect(record.requests == 1)
        record.send(700)
        #expect(body?.bodyEnded() == nil && read(body!, reader, 300) == Array(content[300...]))
        #expect(body?.feed.reach(of: reader).isWhole == true)
        body = nil
    }

    @Test("What others read in step is kept whole for the next, where there is any room")
    func wanted() throws {
        let budget = MemoryBudget(bytes: 2000)
        #expect(budget.reserve(500))
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        let body = body(record, budget)
        #expect(body.begin(isWanted: true) && body.isOpen && !body.isInStep && budget.refusals == 0)
    }

    @Test("Without memory for that there is nothing to read, and the store is told")
    func refused() throws {
        let budget = MemoryBudget(bytes: 400_000)
        let record = try ScriptedRecord(Array(repeating: 1, count: 300_000), first: 100, budget: budget)
        #expect(!body(record, budget).begin() && record.isStopped)
        #expect(budget.refusals == 1)
    }

    @Test("A small part is read by itself, wherever it is", arguments: [0..<10, 50..<150, 100..<101, 730..<850])
    func part(part: Range<Int>) throws {
        let budget = MemoryBudget(bytes: 4 << 20)
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        let body = body(record, budget)
        #expect(body.begin(part) && body.isInStep && !body.isOpen)
        let reader = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
        body.narrow(to: part)
        #expect(record.narrowedTo == part)
        body.feed.advance(reader, to: part.lowerBound)
        var taken: [UInt8] = []
        while taken.count < part.count {
            let position = part.lowerBound + taken.count
            if body.feed.reach(of: reader).end <= position {
                record.send(100)
                _ = body.mayReadOn()
            }
            taken += read(body, reader, position)
        }
        #expect(Array(taken.prefix(part.count)) == Array(content[part]))
    }

    @Test("A part is read with the whole where others wait for that, or are about to", arguments: [false, true])
    func partOfWhole(isWanted: Bool) throws {
        let budget = MemoryBudget(bytes: 4 << 20)
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        record.isUntouched = isWanted
        let body = body(record, budget)
        #expect(body.begin(730..<850, isWanted: isWanted) && !body.isInStep && body.isOpen)
        let reader = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
        body.narrow(to: 730..<850)
        #expect(record.narrowedTo == nil)
        body.feed.advance(reader, to: 730)
        record.send(900)
        _ = body.bodyEnded()
        #expect(read(body, reader, 730) == Array(content[730...]))
    }

    @Test("When the last reader has left the store is told that nobody needs the rest, unless lookups wait for it")
    func left() throws {
        for isAwaited in [false, true] {
            let budget = MemoryBudget(bytes: 10_000)
            let record = try ScriptedRecord(content, first: 100, budget: budget)
            record.isAwaited = isAwaited
            let body = body(record, budget)
            #expect(body.begin())
            let reader = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
            body.feed.leave(reader, tellsFill: true)
            #expect(owner.take() == [.needsFill])
            body.readersChanged()
            #expect(record.isStopped == !isAwaited && body.isOpen == isAwaited)
            if isAwaited {
                record.send(900)
                let kept = body.bodyEnded().map { $0.body.copied() }
                #expect(kept == content)
            }
            #expect(budget.arriving == 0)
        }
    }

    @Test("When the rest can't be had, readers find out")
    func broken() throws {
        let budget = MemoryBudget(bytes: 10_000)
        let record = try ScriptedRecord(content, first: 100, budget: budget)
        let body = body(record, budget)
        #expect(body.begin())
        let reader = try #require(body.feed.join(worker: 1, mailbox: worker.mailbox))
        body.bodyFailed()
        #expect(body.feed.reach(of: reader).isBroken && !body.isOpen)
        #expect(body.feed.join(worker: 1, mailbox: worker.mailbox) == nil)
    }
}
