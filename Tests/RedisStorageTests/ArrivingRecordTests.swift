import CacheStorage
import EventLoop
import Glibc
import RedisStorage
import Testing

import class TestSupport.ScriptedRedis
import func TestSupport.eventually

/// Looks a large record up, and takes it as it arrives.
private final class Taker: StoreReceiver, ArrivingBody {
    /// What it does with the record; nil takes the body.
    var use: ArrivingRecordUse?
    var isInStep = false
    var part: Range<Int>?
    /// Called when the head is there, before anything is requested.
    var began: (() -> Void)?
    /// Called with each piece.
    var took: ((Taker) -> Void)?

    private(set) var record: (any ArrivingRecord)?
    private(set) var builder: StoredResponseBuilder?
    private(set) var whole: StoredResponse?
    private(set) var bytes: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var hasFailed = false
    private(set) var trouble: StoreTrouble?
    private(set) var answers = 0
    /// Where in the body ``bytes`` begins.
    private(set) var start = 0
    var isOpen = true
    var mayGoOn = false

    /// As a request that is over.
    func leave() { record = nil }

    func storeDidBegin(_ record: any ArrivingRecord, token: UInt64) -> ArrivingRecordUse {
        self.record = record
        began?()
        if let use { return use }
        guard let builder = record.begin(self) else { return .taken }
        if isInStep {
            start = part.map { record.narrow(to: $0) } ?? 0
            if start == 0 { bytes = builder.arrived.copied() }
        } else {
            self.builder = builder
            #expect(builder.reserveRest())
        }
        record.readOn()
        return .taken
    }

    func storeDidAnswer(_ answer: consuming StoreAnswer, token: UInt64) {
        answers += 1
        switch answer {
        case .hit(let record): whole = record
        case .failed(let trouble): self.trouble = trouble
        case .miss, .occupied: break
        }
    }

    func bodyArrived(_ piece: Span<UInt8>) {
        if isInStep { for index in piece.indices { bytes.append(piece[index]) } } else { try? builder?.append(piece) }
        took?(self)
    }

    func mayReadOn() -> Bool { mayGoOn }

    func bodyEnded() -> StoredResponse? {
        hasEnded = true
        whole = try? builder?.finish()
        return whole
    }

    func bodyFailed() { hasFailed = true }
}

extension Span<UInt8> {
    fileprivate func copied() -> [UInt8] { indices.map { self[$0] } }
}

@Suite("Redis store: large records that are passed on as they arrive")
struct ArrivingRecordTests {
    private let server: ScriptedRedis
    private let settings: RedisSettings
    private let world: RedisWorld
    private let budget = MemoryBudget(bytes: 4 << 20)
    /// Eight pieces.
    private let large = TestRecord(keyText: "large", body: patternedBody(1_000_000))

    init() throws {
        server = try ScriptedRedis()
        var settings = RedisSettings(place: .tcp(host: "127.0.0.1", port: server.port), prefix: "test:")
        settings.timeoutMilliseconds = 60_000
        self.settings = settings
        world = RedisWorld(settings, budget: budget)
        world.keep(large)
    }

    private func begin(_ taker: any StoreReceiver, in world: RedisWorld? = nil) {
        let world = world ?? self.world
        let start = world.redis.lookup(
            large.key, keyText: large.keyText.utf8.span, now: world.now, receiver: taker, token: 1)
        guard case .pending = start else {
            Issue.record("\(start)")
            return
        }
    }

    /// Whether Redis isn't asked for anything more.
    private func isQuiet(_ count: Int) -> Bool {
        _ = world.work(atMost: 100)
        return server.count(of: "GETRANGE") == count
    }

    @Test("The head is there with the first piece, and whoever needs no more has Redis asked for no more")
    func headAlone() {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        taker.use = .taken
        var requested = 0
        taker.began = { requested = server.count(of: "GETRANGE") }
        begin(taker)
        world.work { taker.record != nil }
        #expect(requested == before + 1 && isQuiet(before + 1))
        #expect(taker.record?.head.headString == large.head && taker.record?.bodyCount == large.body.count)
        #expect(taker.record?.head.etagString == "\"v1\"")
        #expect(taker.answers == 0 && world.redis.figures.hits == 1)
        taker.leave()
        #expect(budget.inUse == 0)
    }

    @Test("Whoever is told of a read when it is over already gets the record")
    func overAlready() throws {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        let other = AnswerCollector()
        var pieces = 0
        taker.took = { _ in pieces += 1 }
        // Four pieces are requested behind the first; then somebody else asks.
        server.hold("GETRANGE", from: before + 2)
        begin(taker)
        world.work { taker.record != nil }
        begin(other)
        _ = world.work(atMost: 50)
        // The rest is requested behind that, and comes together with its reply.
        server.hold("GETRANGE", from: before + 6)
        world.work { pieces == 4 }
        _ = world.work(atMost: 50)
        server.hold("GETRANGE", from: nil)
        #expect(eventually { server.count(of: "GETRANGE") == before + 9 })
        usleep(50_000)
        world.work { taker.hasEnded && !other.results.isEmpty }
        guard case .hit(let found) = try #require(other.results.first).result else {
            Issue.record("\(other.results)")
            return
        }
        #expect(found === taker.whole)
    }

    @Test("The body comes piece by piece, and is the record; the whole serves those that ask meanwhile")
    func whole() throws {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        let other = AnswerCollector()
        var pieces = 0
        taker.took = { _ in pieces += 1 }
        begin(taker)
        world.work { pieces > 0 }
        begin(other)
        world.work { taker.hasEnded && !other.results.isEmpty }
        #expect(pieces == 7 && taker.whole?.bodyArray == large.body)
        guard case .hit(let found) = try #require(other.results.first).result else {
            Issue.record("\(other.results)")
            return
        }
        #expect(found === taker.whole)
        #expect(server.count(of: "GETRANGE") == before + 9 && world.redis.figures.hits == 2)
        #expect(world.find(large) === taker.whole)
    }

    @Test("Who waits for more than the head is offered it again, with the rest asked for at once")
    func more() {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        taker.use = .awaitMore
        var offers: [(mayAwaitMore: Bool, asked: Int)] = []
        taker.began = {
            offers.append((taker.record!.mayAwaitMore, server.count(of: "GETRANGE") - before))
            if offers.count == 2 { taker.use = nil }
        }
        begin(taker)
        world.work { taker.whole != nil }
        #expect(taker.whole?.bodyArray == large.body && server.count(of: "GETRANGE") == before + 8)
        // If all of it came in one turn, it is whole at once.
        #expect(offers.first?.mayAwaitMore == true && offers.first?.asked == 1 && offers.count <= 2)
        if offers.count == 2 { #expect(!offers[1].mayAwaitMore && offers[1].asked >= 2) }
        #expect(taker.answers == (offers.count == 2 ? 0 : 1))
    }

    @Test("If the record is gone before more has come, that is a miss")
    func goneBeforeMore() {
        let taker = Taker()
        taker.use = .awaitMore
        server.script("GETRANGE", from: 2, "$0\r\n\r\n")
        begin(taker)
        world.work { taker.answers == 1 }
        #expect(taker.whole == nil && taker.trouble == nil && !taker.hasFailed)
        #expect(world.redis.figures.misses == 1)
        #expect(budget.inUse == 0)
    }

    @Test("In step Redis is asked for more when what came has been passed on, and not before")
    func inStep() {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        taker.isInStep = true
        taker.isOpen = false
        begin(taker)
        world.work { server.count(of: "GETRANGE") == before + 3 }
        #expect(isQuiet(before + 3) && !taker.hasEnded)
        taker.record?.readOn()
        world.work { server.count(of: "GETRANGE") == before + 5 }
        #expect(isQuiet(before + 5))
        taker.mayGoOn = true
        taker.record?.readOn()
        world.work { taker.hasEnded }
        #expect(taker.bytes == large.body && !taker.hasFailed)
    }

    @Test("Of a part nothing but its pieces is read")
    func part() {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        (taker.isInStep, taker.isOpen, taker.mayGoOn) = (true, false, true)
        let part = 500_000..<700_000
        taker.part = part
        begin(taker)
        world.work { taker.hasEnded }
        #expect(isQuiet(before + 1 + 2) || isQuiet(before + 1 + 3))
        let start = taker.start
        #expect(start <= part.lowerBound && taker.bytes == Array(large.body[start..<(start + taker.bytes.count)]))
        #expect(start + taker.bytes.count >= part.upperBound)
    }

    @Test("When nobody needs the rest, no more is asked for")
    func stopped() {
        let before = server.count(of: "GETRANGE")
        let taker = Taker()
        (taker.isInStep, taker.isOpen) = (true, false)
        begin(taker)
        world.work { server.count(of: "GETRANGE") == before + 3 }
        taker.record?.stop()
        taker.record?.readOn()
        #expect(isQuiet(before + 3) && !taker.hasEnded && !taker.hasFailed)
    }

    @Test(
        "A record that is deleted or replaced on the way breaks off, after bytes that are its own",
        arguments: [false, true])
    func changed(isReplaced: Bool) {
        let taker = Taker()
        (taker.isInStep, taker.isOpen) = (true, false)
        begin(taker)
        world.work { taker.bytes.count > 300_000 }
        if isReplaced {
            world.keep(TestRecord(keyText: "large", id: 8, body: Array(large.body.reversed())))
        } else {
            #expect(world.remove([large.key]) == 1)
        }
        taker.mayGoOn = true
        taker.record?.readOn()
        world.work { taker.hasFailed }
        #expect(!taker.hasEnded && large.body.starts(with: taker.bytes))
        #expect(world.redis.figures.cutReads == 1)
    }

    @Test("Without memory for it the lookup fails")
    func refused() {
        let taker = Taker()
        taker.use = .refused
        begin(taker)
        world.work { taker.answers == 1 }
        #expect(taker.trouble == .tooManyWaiting && world.redis.figures.refusedLookups == 1)
        taker.leave()
        #expect(budget.inUse == 0)
    }

    @Test("A part is asked for of a record that a lookup waits for: both have it")
    func partOfWhole() {
        let collector = AnswerCollector()
        let taker = Taker()
        taker.use = nil
        begin(collector)
        begin(taker)
        var isUntouched = true
        taker.began = { isUntouched = taker.record?.isUntouched != false }
        world.work { taker.hasEnded && collector.results.count == 1 }
        #expect(!isUntouched && taker.whole?.bodyArray == large.body)
        guard case .hit = collector.results.first?.result else {
            Issue.record("\(collector.results)")
            return
        }
    }

    @Test("What a slow client holds back isn't read while others keep Redis busy")
    func heldWhileBusy() {
        let slow = Taker()
        (slow.isInStep, slow.isOpen) = (true, false)
        let world = RedisWorld(settings)
        begin(slow, in: world)
        world.work { slow.bytes.count > 300_000 }
        let count = slow.bytes.count
        let records = (0..<20).map { TestRecord(keyText: "large \($0)", body: patternedBody(700_000 + $0)) }
        for record in records { world.keep(record) }
        let collector = AnswerCollector()
        for (index, record) in records.enumerated() {
            _ = world.redis.lookup(
                record.key, keyText: record.keyText.utf8.span, now: world.now, receiver: collector,
                token: UInt64(index))
        }
        world.work { collector.results.count == records.count }
        #expect(slow.bytes.count == count)
        slow.mayGoOn = true
        slow.record?.readOn()
        world.work { slow.hasEnded }
        #expect(slow.bytes == large.body)
    }

    @Test("Many records at once have a bounded number of pieces under way, and all of them arrive")
    func inFlight() {
        let records = (0..<40).map { TestRecord(keyText: "large \($0)", body: patternedBody(700_000 + $0)) }
        let world = RedisWorld(settings)
        for record in records { world.keep(record) }
        let collector = AnswerCollector()
        for (index, record) in records.enumerated() {
            _ = world.redis.lookup(
                record.key, keyText: record.keyText.utf8.span, now: world.now, receiver: collector,
                token: UInt64(index))
        }
        world.work { collector.results.count == records.count }
        for (token, result) in collector.results {
            guard case .hit(let found) = result else {
                Issue.record("\(token): \(result)")
                continue
            }
            #expect(found.bodyArray == records[Int(token)].body)
        }
    }
}

@Suite("Redis store: large records that are passed on while Redis fails", .enabled(if: RedisServer.isInstalled))
struct ArrivingRecordFailureTests {
    private let large = TestRecord(keyText: "large", body: patternedBody(1_000_000))

    /// Reads in step up to the third piece, and goes on after `change`.
    private func read(
        on given: RedisServer? = nil, patience: Int64 = 60_000,
        _ change: (RedisServer, RedisWorld, any ArrivingRecord) throws -> Void
    ) throws -> (taker: Taker, cutReads: Int) {
        let server = try given ?? RedisServer()
        let world = RedisWorld(server) {
            $0.timeoutMilliseconds = 200
            $0.readPatienceMilliseconds = patience
        }
        world.keep(large)
        let taker = Taker()
        (taker.isInStep, taker.isOpen) = (true, false)
        _ = world.redis.lookup(
            large.key, keyText: large.keyText.utf8.span, now: world.now, receiver: taker, token: 1)
        world.work { taker.bytes.count > 300_000 }
        taker.mayGoOn = true
        try change(server, world, try #require(taker.record))
        world.work { taker.hasEnded || taker.hasFailed }
        _ = world.work(atMost: 50)
        return (taker, world.redis.figures.cutReads)
    }

    @Test("A Redis that stops replying and does again has the read go on where it was")
    func hangs() throws {
        let end = try read { server, world, record in
            server.hang()
            record.readOn()
            world.work { !world.isUp }
            server.goOn()
        }
        #expect(end.taker.hasEnded && end.taker.bytes == large.body && end.cutReads == 0)
    }

    @Test("A connection that is lost has the read go on over the next one")
    func reconnects() throws {
        let end = try read { server, world, record in
            record.readOn()
            server.ask("CLIENT", "KILL", "TYPE", "normal")
        }
        #expect(end.taker.hasEnded && end.taker.bytes == large.body && end.cutReads == 0)
    }

    @Test("A Redis that comes back without the record breaks the read off, after bytes that are right")
    func restarts() throws {
        let end = try read { server, world, record in
            record.readOn()
            try server.restartWithoutWaiting()
        }
        if end.taker.hasFailed {
            #expect(large.body.starts(with: end.taker.bytes) && end.cutReads == 1)
        } else {
            // Everything had come by then.
            #expect(end.taker.bytes == large.body)
        }
    }

    @Test("A damaged record is removed, so that it doesn't break off every response; one that has replaced it stays")
    func damaged() throws {
        for isReplaced in [false, true] {
            let server = try RedisServer()
            let end = try read(on: server) { server, world, record in
                if isReplaced {
                    world.keep(TestRecord(keyText: "large", id: 8, body: large.body))
                } else {
                    server.ask("SETRANGE", large.key.redisKey, "900000", "damaged")
                }
                record.readOn()
            }
            #expect(end.taker.hasFailed && large.body.starts(with: end.taker.bytes) && end.cutReads == 1)
            #expect(server.ask("EXISTS", large.key.redisKey) == (isReplaced ? "1" : "0"))
        }
    }

    @Test("A Redis that doesn't come back breaks the read off when its time is over")
    func staysAway() throws {
        let end = try read(patience: 500) { server, world, record in
            server.stop()
            record.readOn()
        }
        #expect(end.taker.hasFailed && large.body.starts(with: end.taker.bytes) && end.cutReads == 1)
    }
}
