import HTTPCaching
import TestRandomness
import Testing

@testable import CacheStorage

// What is on its way to a slow store, as the workers of one process find it.

@Suite("The cache: records that are being written to the remote store")
struct WritesUnderWayTests {
    private let shared = SharedStores(memoryBytes: 1 << 20)
    private let elsewhere = MemoryStoreAdapter()
    private let now = WallTime(milliseconds: 1_800_000_000_000)
    private let key = CacheKey(high: 1, low: 2)

    init() { elsewhere.holdsWrites = true }

    private func cache() -> Cache {
        let cache = Cache(shared, objectLimit: 1 << 20)
        cache.open(usesMemory: false, copyLifetime: 0) { elsewhere }
        return cache
    }

    private func record(_ id: UInt64 = 1, life: Int64 = 60_000, body: Int = 4) -> StoredResponse {
        var record = TestRecord()
        record.id = id
        record.discardAt = now.advanced(byMilliseconds: life)
        record.body = [UInt8](repeating: 1, count: body)
        return record.make()
    }

    private func find(
        _ cache: Cache, _ text: String = TestRecord().keyText, after milliseconds: Int64 = 0
    ) -> UInt64? {
        let time = now.advanced(byMilliseconds: milliseconds)
        return cache.lookUpUnderWay(key, keyText: text.utf8.span, now: time)?.id
    }

    @Test(
        "Every worker finds a record from when it is put until its write is over, well or not",
        arguments: [true, false])
    func found(isStored: Bool) {
        let (cache, other) = (cache(), cache())
        #expect(find(other) == nil)
        cache.put(key, record(), now: now)
        #expect(find(cache) == 1 && find(other) == 1)
        // Another text with the same digest is another thing, and what has expired is nothing.
        #expect(find(other, "GET http://api.example/other") == nil)
        #expect(find(other, after: 59_999) == 1 && find(other, after: 60_000) == nil)
        elsewhere.endWrite(isStored: isStored)
        #expect(find(cache) == nil && find(other) == nil)
        #expect(elsewhere.memory.figures.entries == (isStored ? 1 : 0))
    }

    @Test("An invalidation or a deletion removes it at once, and the end of its write doesn't bring it back")
    func invalidated() {
        for isInvalidated in [true, false] {
            for isStored in [true, false] {
                let (cache, other) = (cache(), cache())
                cache.put(key, record(), now: now)
                if isInvalidated { other.invalidate([key], at: now) } else { other.delete([key]) }
                #expect(find(cache) == nil && find(other) == nil)
                elsewhere.endWrite(isStored: isStored)
                #expect(find(cache) == nil && find(other) == nil)
            }
        }
    }

    @Test("Once the store has told of a change, nobody finds a record on its way; the next one is found")
    func changed() {
        let (cache, other) = (cache(), cache())
        for isEverything in [true, false] {
            cache.put(key, record(1), now: now)
            #expect(find(other) == 1)
            if isEverything {
                shared.forgetAll()
            } else {
                shared.forget([key], in: shared.hearing.noteMessage(names: 1))
            }
            #expect(find(cache) == nil && find(other) == nil)
            #expect(elsewhere.writes.last?.token?.mayBeFound(at: now) == false)
            cache.put(key, record(2), now: now)
            #expect(find(cache) == 2 && find(other) == 2)
            // Its write is carried out all the same: what it may replace is for the store to say.
            elsewhere.endWrite(isStored: true)
            elsewhere.endWrite(isStored: true)
            #expect(find(other) == nil && elsewhere.memory.figures.entries == 1)
        }
    }

    @Test("A record on its way is found no longer than what had to stand in the store is known to stand there")
    func foundUntil() {
        let (cache, other) = (cache(), cache())
        cache.put(key, record(1), foundUntil: now.advanced(byMilliseconds: 1), now: now)
        #expect(find(other) == 1)
        cache.put(key, record(2), foundUntil: now, now: now)
        #expect(find(cache) == nil && find(other) == nil)
        #expect(elsewhere.writes.last?.token?.mayBeFound(at: now) == false)
        elsewhere.endWrite(isStored: true)
        elsewhere.endWrite(isStored: true)
        #expect(elsewhere.memory.figures.entries == 1)
    }

    @Test("Of two workers' records the last one put is what the store has in the end, in whatever order they arrive")
    func order() {
        for isLastFirst in [true, false] {
            let (cache, other) = (cache(), cache())
            cache.put(key, record(1), now: now)
            other.put(key, record(2), now: now)
            elsewhere.endWrite(at: isLastFirst ? 1 : 0, isStored: true)
            #expect(find(cache) == 2 && find(other) == 2)
            if isLastFirst { elsewhere.endWrite(isStored: true) }
            // The store may have either, so that the last one is found here until it is written again.
            #expect(find(cache) == 2)
            cache.settleWrites(now: now)
            #expect(cache.figures.repeatedWrites == 1 && other.figures.repeatedWrites == 0)
            while !elsewhere.writes.isEmpty { elsewhere.endWrite(isStored: true) }
            other.settleWrites(now: now)
            #expect(find(cache) == nil && elsewhere.memory.peek(key)?.id == 2 && elsewhere.writes.isEmpty)
        }
    }

    @Test("What is put or invalidated before a record is written again stands")
    func overtakenRepetition() {
        let (cache, other) = (cache(), cache())
        for isInvalidated in [true, false] {
            cache.put(key, record(1), now: now)
            other.put(key, record(2), now: now)
            elsewhere.endWrite(isStored: true)
            if isInvalidated { other.invalidate([key], at: now) } else { other.put(key, record(3), now: now) }
            cache.settleWrites(now: now)
            #expect(cache.figures.repeatedWrites == (isInvalidated ? 1 : 2))
            #expect(elsewhere.writes.count == (isInvalidated ? 1 : 2) && find(cache) == (isInvalidated ? nil : 3))
            while !elsewhere.writes.isEmpty { elsewhere.endWrite(isStored: true) }
            for cache in [cache, other] { cache.settleWrites(now: now) }
            #expect(find(cache) == nil && elsewhere.memory.peek(key)?.id == (isInvalidated ? nil : 3))
        }
    }

    @Test("The records of one worker arrive in their order, and none is written twice")
    func oneWorker() {
        let cache = cache()
        var calls = 0
        cache.writesNeedSettling = { calls += 1 }
        for id in 1...3 as ClosedRange<UInt64> { cache.put(key, record(id), now: now) }
        while !elsewhere.writes.isEmpty { elsewhere.endWrite(isStored: true) }
        #expect(calls == 0 && find(cache) == nil && elsewhere.memory.peek(key)?.id == 3)
    }

    @Test("So many are found and no more, and an older one isn't found in place of one too many")
    func bounded() {
        let cache = cache()
        cache.put(key, record(1), now: now)
        for number in 1..<WritesUnderWay.recordLimit {
            cache.put(CacheKey(high: 2, low: UInt64(number)), record(), now: now)
        }
        #expect(find(cache) == 1 && cache.figures.unsharedWrites == 0)
        cache.put(key, record(2), now: now)
        #expect(find(cache) == nil && cache.figures.unsharedWrites == 1)
        while !elsewhere.writes.isEmpty { elsewhere.endWrite(isStored: true) }
        cache.put(key, record(3), now: now)
        #expect(find(cache) == 3 && cache.figures.unsharedWrites == 1)
    }

    @Test("Small records are bounded in bytes too; a large one is held by its write anyway")
    func boundedBytes() {
        let cache = cache()
        let count = WritesUnderWay.byteLimit / (100 << 10)
        for number in 0...count {
            cache.put(CacheKey(high: 2, low: UInt64(number)), record(body: 100 << 10), now: now)
        }
        #expect(cache.figures.unsharedWrites > 0)
        let before = cache.figures.unsharedWrites
        cache.put(key, record(4, body: 200 << 10), now: now)
        #expect(find(cache) == 4 && cache.figures.unsharedWrites == before)
    }

    @Test(
        "Any order of puts, ends, failures and invalidations: what was put last is found, and in the end the store has it"
    )
    func histories() {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(history: seed)
            func below(_ bound: UInt64) -> UInt64 { .random(in: 0..<bound, using: &random) }
            let shared = SharedStores(memoryBytes: 1 << 20)
            let store = MemoryStoreAdapter()
            store.holdsWrites = true
            let caches = (0..<3).map { _ in
                let cache = Cache(shared, objectLimit: 1 << 20)
                cache.open(usesMemory: false, copyLifetime: 0) { store }
                return cache
            }
            let keys = (0..<3).map { CacheKey(high: 9, low: $0) }
            // The model: what was put last at each key, and may still be used.
            var newest: [UInt64?] = [nil, nil, nil]
            // Who wrote what is on its way, in the order of `store.writes`: one worker's writes arrive in their order.
            var writers: [Int] = []
            func endOne(isStored: Bool) {
                var place = Int(below(UInt64(store.writes.count)))
                let writer = writers[place]
                place = writers.firstIndex(of: writer) ?? place
                writers.remove(at: place)
                store.endWrite(at: place, isStored: isStored)
                // Later in the same turn.
                settle(writer)
            }
            func settle(_ index: Int) {
                let before = store.writes.count
                caches[index].settleWrites(now: now)
                for _ in before..<store.writes.count { writers.append(index) }
            }
            for step in 1...80 as ClosedRange<UInt64> {
                let place = Int(below(3))
                let worker = Int(below(3))
                switch below(8) {
                case 0...2:
                    caches[worker].put(keys[place], record(step), now: now)
                    writers.append(worker)
                    newest[place] = step
                case 3...5 where !store.writes.isEmpty: endOne(isStored: true)
                case 6:
                    caches[worker].invalidate([keys[place]], at: now)
                    newest[place] = nil
                default:
                    caches[worker].delete([keys[place]])
                    newest[place] = nil
                }
                for (index, key) in keys.enumerated() {
                    let found = caches[index].lookUpUnderWay(key, keyText: TestRecord().keyText.utf8.span, now: now)
                    // Its write may be over.
                    if let found { #expect(found.id == newest[index], "seed \(seed), step \(step)") }
                    let isWritten = store.memory.peek(key)?.id == newest[index]
                    #expect(found != nil || isWritten || newest[index] == nil, "seed \(seed), step \(step)")
                }
            }
            while !store.writes.isEmpty || caches.contains(where: \.hasWritesToSettle) {
                if !store.writes.isEmpty { endOne(isStored: true) }
                for index in caches.indices { settle(index) }
            }
            for (index, key) in keys.enumerated() {
                #expect(caches[index].lookUpUnderWay(key, keyText: TestRecord().keyText.utf8.span, now: now) == nil)
                #expect(store.memory.peek(key)?.id == newest[index], "seed \(seed)")
            }
        }
    }
}

extension Cache {
    fileprivate var hasWritesToSettle: Bool { !overtakenWrites.isEmpty || !repeatedWrites.isEmpty }
}

extension MemoryStore {
    fileprivate func peek(_ key: CacheKey) -> StoredResponse? {
        peek(key, keyText: TestRecord().keyText.utf8.span, now: WallTime(milliseconds: 1_800_000_000_000))
    }
}
