// What every store does, whatever its backend. A store's own test target calls `StoreConformance.behaviours` as the
// arguments of one test and runs each against a fresh store. RedisStorageTests links to this file.

import CacheStorage
import HTTPCaching
import Testing

/// A store and the means to drive it: for one on a loop, turns of the loop.
protocol StoreUnderTest: AnyObject {
    var store: any RemoteStore { get }
    var now: WallTime { get }
    /// Drives the store until stored records can be read by others.
    func settle()
    /// Drives the store until `isDone` holds; records a failure if that takes seconds.
    func work(until isDone: () -> Bool)
}

/// Collects results.
final class AnswerCollector: StoreReceiver, StoreRemovalReceiver, StoreClaimReceiver {
    enum Result {
        case hit(StoredResponse)
        case miss
        case occupied(StoreOccupant)
        case failed(StoreTrouble)
    }
    var results: [(token: UInt64, result: Result)] = []
    var removals: [(token: UInt64, removed: Int, trouble: StoreTrouble?)] = []
    var claims: [(token: UInt64, outcome: ClaimOutcome)] = []

    func storeDidAnswer(_ result: consuming StoreAnswer, token: UInt64) {
        switch result {
        case .hit(let response): results.append((token, .hit(response)))
        case .miss: results.append((token, .miss))
        case .occupied(let occupant): results.append((token, .occupied(occupant)))
        case .failed(let trouble): results.append((token, .failed(trouble)))
        }
    }

    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64) {
        removals.append((token, removed, trouble))
    }

    func storeDidClaim(_ outcome: ClaimOutcome, token: UInt64) { claims.append((token, outcome)) }
}

/// Notes that a write was refused.
final class WriteNote: StoreWriteHolder {
    private(set) var isRefused = false
    func writeWasRefused() { isRefused = true }
}

extension StoreUnderTest {
    /// Looks up and waits for the result.
    private func result(of key: CacheKey, _ keyText: String, now: WallTime? = nil) -> AnswerCollector.Result? {
        let collector = AnswerCollector()
        let start = store.lookup(key, keyText: keyText.utf8.span, now: now ?? self.now, receiver: collector, token: 5)
        guard case .pending = start else {
            Issue.record("the lookup was not begun: \(start)")
            return nil
        }
        work { !collector.results.isEmpty }
        return collector.results.first?.result
    }

    /// Looks up and waits for the result; nil for a miss, and a recorded failure if the store fails.
    func find(_ key: CacheKey, _ keyText: String, now: WallTime? = nil) -> StoredResponse? {
        switch result(of: key, keyText, now: now) {
        case .hit(let response): return response
        case .miss, .occupied: return nil
        case .failed(let trouble): Issue.record("the lookup failed: \(trouble)")
        case nil: Issue.record("the lookup got no result")
        }
        return nil
    }

    /// What stands at the record's key instead of it.
    func occupant(_ record: TestRecord) -> StoreOccupant? {
        guard case .occupied(let occupant) = result(of: record.key, record.keyText) else { return nil }
        return occupant
    }

    /// Claims, and waits for the result.
    func claim(_ record: TestRecord, _ claim: StoreClaim, over fence: StoreFence? = nil) -> ClaimOutcome? {
        let collector = AnswerCollector()
        store.claim(record.key, claim, over: fence, receiver: collector, token: 3)
        work { !collector.claims.isEmpty }
        #expect(collector.claims.first?.token == 3)
        return collector.claims.first?.outcome
    }

    /// - Returns: whether it was stored.
    func keep(_ record: TestRecord, over fence: StoreFence) -> Bool {
        let note = WriteNote()
        store.store(record.key, record.make(), now: now, over: fence, holding: note)
        // Replies come in order.
        _ = find(CacheKey(high: 5, low: 6), "another")
        settle()
        return !note.isRefused
    }

    func find(_ record: TestRecord, now: WallTime? = nil) -> StoredResponse? {
        find(record.key, record.keyText, now: now)
    }

    func keep(_ record: TestRecord) {
        store.store(record.key, record.make(), now: now)
        settle()
    }

    func remove(_ keys: [CacheKey]) -> Int? {
        let collector = AnswerCollector()
        store.remove(keys, receiver: collector, token: 9)
        work { !collector.removals.isEmpty }
        #expect(collector.removals.first?.token == 9)
        #expect(collector.removals.first?.trouble == nil)
        return collector.removals.first?.removed
    }
}

func testClaim(_ number: UInt64, isShared: Bool = true) -> StoreClaim {
    StoreClaim(instance: 77, number: number, isShared: isShared)
}

struct StoreBehaviour: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable (any StoreUnderTest) -> Void

    init(_ sentence: String, _ check: @escaping @Sendable (any StoreUnderTest) -> Void) {
        testDescription = sentence
        self.check = check
    }
}

enum StoreConformance {
    static let behaviours: [StoreBehaviour] = rules + bodies

    private static let rules: [StoreBehaviour] =
        [
            StoreBehaviour("a key that was never stored is a miss") { world in
                #expect(world.find(TestRecord()) == nil)
                #expect(world.store.figures.misses == 1)
            },
            StoreBehaviour("a record comes back as it was stored") { world in
                var record = TestRecord(id: 0xfedc_ba98_7654_3210, status: 404, varyNames: "accept,accept-language")
                record.discardAt = world.now.advanced(byMilliseconds: 60_000)
                record.headHasContentLength = false
                world.keep(record)
                let found = world.find(record)
                #expect(found?.kind == .response)
                #expect(found?.id == record.id)
                #expect(found?.status == 404)
                #expect(found?.discardAt == record.discardAt)
                #expect(found?.description.headHasContentLength == false)
                #expect(found?.keyTextString == record.keyText)
                #expect(found?.varyNamesString == record.varyNames)
                #expect(found?.headString == record.head)
                #expect(found?.etagString == "\"v1\"")
                #expect(found?.lastModifiedString == "Sun, 06 Nov 1994 08:49:37 GMT")
                #expect(found?.bodyArray == record.body)
                #expect(world.store.figures.hits == 1)
            },
            StoreBehaviour("a record with nothing but a key text comes back") { world in
                let record = TestRecord(head: "", etag: .none, lastModified: .none, body: [])
                world.keep(record)
                let found = world.find(record)
                #expect(found?.headString == "")
                #expect(found?.bodyArray == [])
                #expect(found?.etagString == "")
            },
            StoreBehaviour("a body of any bytes comes back") { world in
                let record = TestRecord(body: (0...255).map { UInt8($0) } + Array("\r\n$-1\r\n\0".utf8))
                world.keep(record)
                #expect(world.find(record)?.bodyArray == record.body)
            },
            StoreBehaviour("a vary index is returned with its names and generation") { world in
                let text = "GET http://api.example/varies"
                let key = CacheKey(standInFor: text)
                let index = StoredResponse.varyIndex(
                    generation: 99, discardAt: world.now.advanced(byMilliseconds: 60_000), facts: ordinaryFacts(),
                    keyText: text.utf8.span, names: "accept-encoding".utf8.span)!
                world.store.store(key, index, now: world.now)
                let found = world.find(key, text)
                #expect(found?.kind == .varyIndex)
                #expect(found?.id == 99)
                #expect(found?.varyNamesString == "accept-encoding")
            },
            StoreBehaviour("a vary index takes the place of one of its generation only, where that is asked for") {
                world in
                let text = "GET http://api.example/varies"
                let key = CacheKey(standInFor: text)
                func index(_ generation: UInt64, _ names: String, life: Int64? = 60_000) -> StoredResponse {
                    StoredResponse.varyIndex(
                        generation: generation,
                        discardAt: life.map { world.now.advanced(byMilliseconds: $0) } ?? .never,
                        facts: ordinaryFacts(),
                        keyText: text.utf8.span, names: names.utf8.span)!
                }
                func put(_ index: StoredResponse) {
                    world.store.store(key, index, now: world.now, over: .record(index.mark), holding: nil)
                    world.settle()
                }
                put(index(1, "accept"))
                #expect(world.find(key, text) == nil)
                world.store.store(key, index(1, "accept"), now: world.now)
                put(index(1, "accept,origin"))
                #expect(world.find(key, text)?.varyNamesString == "accept,origin")
                put(index(1, "accept", life: nil))
                #expect(world.find(key, text)?.varyNamesString == "accept")
                put(index(2, "origin"))
                #expect(world.find(key, text)?.id == 1)
                #expect(world.remove([key]) == 1)
                put(index(1, "accept"))
                #expect(world.find(key, text) == nil)
            },
            StoreBehaviour("a claim stands until something takes its place, and one key has one") { world in
                let record = TestRecord()
                let (first, second) = (testClaim(1), testClaim(2))
                #expect(world.claim(record, first) == .held)
                #expect(world.occupant(record)?.kind == .claim(first))
                #expect(world.claim(record, second) == .taken)
                #expect(world.occupant(record)?.kind == .claim(first))
                world.store.extend(first, at: record.key)
                world.store.extend(second, at: record.key)
                world.store.release(second, at: record.key, hitForMiss: nil)
                #expect(world.occupant(record)?.kind == .claim(first))
                world.store.release(first, at: record.key, hitForMiss: nil)
                #expect(world.occupant(record) == nil)
                #expect(world.claim(record, second) == .held)
                #expect(world.store.figures.claims == 2)
                #expect(world.store.figures.refusedClaims == 1)
            },
            StoreBehaviour("a record is stored over the claim of its fetch, and over no other") { world in
                let record = TestRecord()
                #expect(world.claim(record, testClaim(1)) == .held)
                #expect(!world.keep(record, over: .claim(testClaim(2))))
                #expect(world.find(record) == nil)
                #expect(world.keep(record, over: .claim(testClaim(1))))
                #expect(world.find(record)?.id == record.id)
                #expect(!world.keep(record, over: .claim(testClaim(1))))
                #expect(world.claim(record, testClaim(3)) == .taken)
                #expect(world.find(record)?.id == record.id)
                #expect(world.store.figures.overtakenStores == 2)
            },
            StoreBehaviour("what is removed during a fetch stays removed") { world in
                let record = TestRecord()
                #expect(world.claim(record, testClaim(1)) == .held)
                _ = world.remove([record.key])
                #expect(!world.keep(record, over: .claim(testClaim(1))))
                #expect(world.find(record) == nil)
                #expect(world.claim(record, testClaim(2)) == .held)
                #expect(!world.keep(record, over: .claim(testClaim(1))))
                #expect(world.occupant(record)?.kind == .claim(testClaim(2)))
                world.store.store(record.key, TestRecord(id: 9).make(), now: world.now)
                world.settle()
                #expect(!world.keep(record, over: .claim(testClaim(2))))
                #expect(world.find(record)?.id == 9)
            },
            StoreBehaviour("a record takes the place of the very one that it is made from") { world in
                let (old, new) = (TestRecord(id: 1), TestRecord(id: 2))
                #expect(!world.keep(new, over: .record(old.make().mark)))
                world.keep(old)
                #expect(world.keep(new, over: .record(old.make().mark)))
                #expect(!world.keep(TestRecord(id: 3), over: .record(old.make().mark)))
                #expect(world.find(new)?.id == 2)
            },
            StoreBehaviour("a claim takes the place of what was seen, and of nothing else") { world in
                let record = TestRecord()
                #expect(world.claim(record, testClaim(1, isShared: false)) == .held)
                guard let seen = world.occupant(record) else {
                    Issue.record("nothing stands there")
                    return
                }
                #expect(seen.kind == .claim(testClaim(1, isShared: false)))
                #expect(world.claim(record, testClaim(2), over: .value(seen.mark)) == .held)
                #expect(world.claim(record, testClaim(3), over: .value(seen.mark)) == .taken)
                #expect(world.keep(record, over: .claim(testClaim(2))))
                #expect(world.claim(record, testClaim(4), over: .record(record.make().mark)) == .held)
                #expect(world.find(record) == nil)
            },
            StoreBehaviour("a fetch whose response can't be shared leaves a marker") { world in
                let record = TestRecord()
                #expect(world.claim(record, testClaim(1)) == .held)
                world.store.release(testClaim(2), at: record.key, hitForMiss: 60_000)
                #expect(world.occupant(record)?.kind == .claim(testClaim(1)))
                world.store.release(testClaim(1), at: record.key, hitForMiss: 60_000)
                guard let marker = world.occupant(record) else {
                    Issue.record("nothing stands there")
                    return
                }
                #expect(marker.kind == .hitForMiss)
                #expect(world.claim(record, testClaim(3)) == .taken)
                #expect(world.keep(record, over: .value(marker.mark)))
                #expect(world.find(record) != nil)
            },
            StoreBehaviour("a large record is stored over the claim of its fetch, and over no other") { world in
                let record = TestRecord(body: patternedBody(3_000_000))
                #expect(world.claim(record, testClaim(1)) == .held)
                #expect(!world.keep(record, over: .claim(testClaim(2))))
                #expect(world.find(record) == nil)
                #expect(world.keep(record, over: .claim(testClaim(1))))
                #expect(world.find(record)?.bodyArray == record.body)
            },
            StoreBehaviour("a record under the same key with another text is a miss") { world in
                let record = TestRecord()
                world.keep(record)
                #expect(world.find(record.key, "GET http://api.example/other") == nil)
                #expect(world.find(record.key, "GET http://api.example/tasksX") == nil)
                #expect(world.find(record) != nil)
            },
            StoreBehaviour("a later record takes the earlier one's place") { world in
                world.keep(TestRecord(id: 1, body: patternedBody(200_000)))
                world.keep(TestRecord(id: 2, body: Array("new".utf8)))
                #expect(world.find(TestRecord())?.id == 2)
                #expect(world.find(TestRecord())?.bodyArray == Array("new".utf8))
            },
            StoreBehaviour("what was stored is found at once, later records and removals included") { world in
                let large = TestRecord(id: 1, body: patternedBody(2_000_000))
                world.store.store(large.key, large.make(), now: world.now)
                #expect(world.find(large)?.id == 1)
                world.store.store(large.key, TestRecord(id: 2).make(), now: world.now)
                #expect(world.find(large)?.id == 2)
                world.store.store(large.key, large.make(), now: world.now)
                #expect(world.remove([large.key]) == 1)
                #expect(world.find(large) == nil)
                world.settle()
                #expect(world.find(large) == nil)
            },
            StoreBehaviour("a removed record is a miss and is counted") { world in
                let records = (0..<3).map { TestRecord(keyText: "GET http://api.example/\($0)") }
                for record in records { world.keep(record) }
                #expect(world.remove([records[0].key, records[2].key, CacheKey(high: 1, low: 2)]) == 2)
                #expect(world.find(records[0]) == nil)
                #expect(world.find(records[1]) != nil)
                #expect(world.find(records[2]) == nil)
            },
            StoreBehaviour("removing nothing reports zero records") { world in
                #expect(world.remove([]) == 0)
                #expect(world.remove([CacheKey(high: 3, low: 4)]) == 0)
            },
            StoreBehaviour("a record that is past its time is a miss") { world in
                let record = TestRecord(discardAt: world.now.advanced(byMilliseconds: 60_000))
                world.keep(record)
                #expect(world.find(record, now: world.now.advanced(byMilliseconds: 30_000)) != nil)
                #expect(world.find(record, now: record.discardAt) == nil)
            },
            StoreBehaviour("a record whose time is over when it is stored is a miss, and so is what it replaces") {
                world in
                world.keep(TestRecord(id: 1))
                world.keep(TestRecord(id: 2, discardAt: world.now.advanced(byMilliseconds: -1)))
                #expect(world.find(TestRecord()) == nil)
            },
            StoreBehaviour("many concurrent lookups each get one result, with their own token and record") { world in
                for number in 0..<100 where number % 3 != 0 {
                    world.keep(TestRecord(keyText: "text \(number)", id: UInt64(number)))
                }
                let collector = AnswerCollector()
                for number in 0..<100 {
                    let record = TestRecord(keyText: "text \(number)")
                    _ = world.store.lookup(
                        record.key, keyText: record.keyText.utf8.span, now: world.now, receiver: collector,
                        token: UInt64(number))
                }
                world.work { collector.results.count >= 100 }
                #expect(Set(collector.results.map(\.token)) == Set(0..<100))
                #expect(collector.results.count == 100)
                for (token, result) in collector.results {
                    switch result {
                    case .hit(let response):
                        #expect(token % 3 != 0)
                        #expect(response.id == token)
                    case .miss: #expect(token % 3 == 0)
                    case .occupied(let occupant): Issue.record("lookup \(token) found \(occupant)")
                    case .failed(let trouble): Issue.record("lookup \(token) failed: \(trouble)")
                    }
                }
            },
            StoreBehaviour("a result never arrives from within the lookup") { world in
                world.keep(TestRecord())
                let collector = AnswerCollector()
                let text = TestRecord().keyText
                _ = world.store.lookup(
                    TestRecord().key, keyText: text.utf8.span, now: world.now, receiver: collector, token: 1)
                #expect(collector.results.isEmpty)
                world.work { !collector.results.isEmpty }
            },
            StoreBehaviour("a cancelled lookup gets no result, and the next one does") { world in
                world.keep(TestRecord())
                var abandoned: AnswerCollector? = AnswerCollector()
                weak let watch = abandoned
                let text = TestRecord().keyText
                let start = world.store.lookup(
                    TestRecord().key, keyText: text.utf8.span, now: world.now, receiver: abandoned!, token: 1)
                guard case .pending(let ticket) = start else {
                    Issue.record("the lookup was not begun")
                    return
                }
                world.store.cancel(ticket)
                world.store.cancel(ticket)
                abandoned = nil
                #expect(watch == nil)
                #expect(world.find(TestRecord()) != nil)
                world.store.cancel(ticket)
            },
            StoreBehaviour("closing tells everybody who waits, once, and nothing is begun after it") { world in
                let collector = AnswerCollector()
                let text = TestRecord().keyText
                for token in 0..<5 {
                    _ = world.store.lookup(
                        TestRecord().key, keyText: text.utf8.span, now: world.now, receiver: collector,
                        token: UInt64(token))
                }
                world.store.close()
                world.work { collector.results.count >= 5 }
                #expect(collector.results.map(\.token) == [0, 1, 2, 3, 4])
                for (_, result) in collector.results {
                    guard case .failed(.closed) = result else {
                        Issue.record("expected closed, got \(result)")
                        continue
                    }
                }
                guard case .down(.closed, _) = world.store.state else {
                    Issue.record("the state is \(world.store.state)")
                    return
                }
                let start = world.store.lookup(
                    TestRecord().key, keyText: text.utf8.span, now: world.now, receiver: collector, token: 6)
                guard case .failed(.closed) = start else {
                    Issue.record("a lookup was begun on a closed store")
                    return
                }
            },
        ]

    private static let bodies: [StoreBehaviour] = [
        0, 1, 1_000, 131_000, 131_072, 131_073, 262_144, 1_048_576, 8_388_608,
    ]
    .map { (size: Int) -> StoreBehaviour in
        StoreBehaviour("a body of \(size) bytes comes back, and one DEL removes it") { world in
            let record = TestRecord(body: patternedBody(size))
            world.keep(record)
            let found = world.find(record)
            #expect(found?.bodyCount == size)
            #expect(found?.bodyArray == record.body)
            #expect(world.remove([record.key]) == 1)
            #expect(world.find(record) == nil)
        }
    }
}
