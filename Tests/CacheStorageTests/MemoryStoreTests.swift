import CacheStorage
import HTTPCaching
import Synchronization
import TestRandomness
import Testing

private let now = WallTime(milliseconds: 1_800_000_000_000)

extension MemoryStore {
    fileprivate func find(_ record: TestRecord, now: WallTime = now) -> StoredResponse? {
        lookup(record.key, keyText: record.keyText.utf8.span, now: now)
    }

    fileprivate func keep(_ record: TestRecord) { store(record.key, record.make()) }
}

private func record(_ number: Int, body: Int = 500, id: UInt64 = 7) -> TestRecord {
    TestRecord(keyText: "GET http://api.example/items/\(number)", id: id, body: Array(repeating: 0x61, count: body))
}

@Suite("Memory store: the limit")
struct MemoryBoundTests {
    @Test("The bytes held never exceed the limit, metadata included", arguments: [256 << 10, 1 << 20, 8 << 20])
    func staysWithinBound(limit: Int) {
        let store = MemoryStore(bytes: limit)
        for number in 0..<4000 {
            store.keep(record(number, body: number % 7 * 400))
            if number % 50 == 0 { #expect(store.figures.bytes <= limit) }
        }
        let figures = store.figures
        #expect(figures.bytes <= limit)
        #expect(figures.bytes > limit * 3 / 4)
        #expect(figures.evictions > 0 || limit == 8 << 20)
        #expect(figures.entries + figures.evictions == 4000)
    }

    @Test("One object may be as large as most of the limit")
    func holdsOneLargeObject() {
        let store = MemoryStore(bytes: 1 << 20)
        for number in 0..<500 { store.keep(record(number)) }
        let large = record(-1, body: 900_000)
        store.keep(large)
        #expect(store.find(large)?.bodyCount == 900_000)
        #expect(store.figures.bytes <= 1 << 20)
    }

    @Test("A record that alone exceeds the limit is rejected, and the record that it would replace is removed")
    func refusesTooLarge() {
        let store = MemoryStore(bytes: 1 << 20)
        store.keep(record(1))
        let large = record(1, body: 2 << 20)
        #expect(!store.store(large.key, large.make()))
        #expect(store.find(record(1)) == nil)
        #expect(store.figures.rejectedAsTooLarge == 1)
    }

    @Test("A smaller limit evicts at once and frees table space; a larger one lets the store grow again")
    func resizes() {
        let store = MemoryStore(bytes: 8 << 20)
        for number in 0..<6000 { store.keep(record(number)) }
        #expect(store.figures.entries == 6000)
        store.resize(bytes: 256 << 10)
        #expect(store.figures.bytes <= 256 << 10)
        #expect(store.figures.entries > 100)
        #expect(store.figures.limit == 256 << 10)
        let survivors = (0..<6000).count { store.find(record($0)) != nil }
        #expect(survivors == store.figures.entries)
        store.resize(bytes: 8 << 20)
        for number in 0..<6000 { store.keep(record(number)) }
        #expect(store.figures.entries == 6000)
    }

    @Test("Emptying the store leaves nothing and counts the records")
    func removesAll() {
        let store = MemoryStore(bytes: 4 << 20)
        for number in 0..<1000 { store.keep(record(number)) }
        #expect(store.removeAll() == 1000)
        #expect(store.figures.entries == 0)
        #expect(store.figures.removals == 1000)
        #expect(store.find(record(3)) == nil)
        store.keep(record(3))
        #expect(store.find(record(3)) != nil)
    }
}

@Suite("Memory store: eviction")
struct MemoryEvictionTests {
    @Test("A scan ten times the store's size doesn't evict the hot set, even if that isn't requested meanwhile")
    func resistsScans() {
        let store = MemoryStore(bytes: 1 << 20)
        let hot = (0..<400).map { record($0) }
        for record in hot { store.keep(record) }
        for _ in 0..<2 { for record in hot { _ = store.find(record) } }
        for number in 10_000..<20_000 {
            if store.find(record(number)) == nil { store.keep(record(number)) }
        }
        let kept = hot.count { store.find($0) != nil }
        #expect(kept >= 380, "of 400 hot records \(kept) outlived the scan")
    }

    @Test("A key that is stored again soon after its eviction counts as popular, and survives a scan")
    func remembersGhosts() {
        let store = MemoryStore(bytes: 1 << 20)
        // Fill the main queue's share so that newcomers leave the small one quickly.
        for number in 0..<800 {
            store.keep(record(number))
            _ = store.find(record(number))
        }
        for number in 800..<3000 { store.keep(record(number)) }
        let returning = (2600..<3000).filter { store.find(record($0)) == nil }.suffix(20)
        #expect(returning.count == 20)
        for number in returning { store.keep(record(number)) }
        for number in 5000..<5400 { store.keep(record(number)) }
        let kept = returning.count { store.find(record($0)) != nil }
        #expect(kept >= 15, "of 20 returning records \(kept) were kept")
    }

    @Test("A hot set that changes replaces the old one")
    func adapts() {
        let store = MemoryStore(bytes: 1 << 20)
        for generation in 0..<5 {
            let hot = (0..<800).map { record(generation * 1000 + $0) }
            for _ in 0..<6 {
                for record in hot where store.find(record) == nil { store.keep(record) }
            }
            let kept = hot.count { store.find($0) != nil }
            #expect(kept >= 600, "generation \(generation): \(kept) of 800")
        }
    }
}

@Suite("Memory store: records")
struct MemoryRecordTests {
    @Test("A conditional replacement takes effect only while the expected record is stored")
    func replacesConditionally() {
        let store = MemoryStore(bytes: 1 << 20)
        store.keep(record(1, id: 1))
        let first = store.find(record(1))!
        let second = record(1, id: 2).make()
        #expect(store.replace(record(1).key, with: second, ifCurrent: first))
        #expect(store.find(record(1))?.id == 2)
        #expect(!store.replace(record(1).key, with: record(1, id: 3).make(), ifCurrent: first))
        #expect(store.find(record(1))?.id == 2)
        store.remove(record(1).key)
        #expect(!store.replace(record(1).key, with: record(1, id: 4).make(), ifCurrent: second))
        #expect(store.find(record(1)) == nil)
    }

    @Test("A conditional removal spares a newer record")
    func removesConditionally() {
        let store = MemoryStore(bytes: 1 << 20)
        store.keep(record(1, id: 1))
        let first = store.find(record(1))!
        store.keep(record(1, id: 2))
        #expect(!store.remove(record(1).key, ifCurrent: first))
        #expect(store.remove(record(1).key, ifCurrent: store.find(record(1))!))
        #expect(store.find(record(1)) == nil)
    }

    @Test("A retained record survives its eviction, byte for byte")
    func heldRecordsStayValid() {
        let store = MemoryStore(bytes: 256 << 10)
        store.keep(record(1))
        let held = store.find(record(1))!
        let address = held.bodyBytes.baseAddress
        for number in 2..<2000 { store.keep(record(number)) }
        store.removeAll()
        #expect(held.bodyBytes.baseAddress == address)
        #expect(held.bodyArray == Array(repeating: 0x61, count: 500))
    }

    @Test("Expired records are removed by lookups, and the sweep finds those that are no longer requested")
    func sweeps() {
        let store = MemoryStore(bytes: 4 << 20)
        for number in 0..<1000 {
            var one = record(number)
            one.discardAt = now.advanced(byMilliseconds: number < 600 ? 1000 : 60_000)
            store.keep(one)
        }
        let later = now.advanced(byMilliseconds: 1000)
        #expect(store.find(record(5), now: later) == nil)
        #expect(store.figures.entries == 999)
        var swept = 0
        for _ in 0..<100 where swept < 599 { swept += store.sweep(limit: 1024, now: later) }
        #expect(swept == 599)
        #expect(store.figures.entries == 400)
        #expect(store.figures.expirations == 600)
        #expect(store.find(record(700), now: later) != nil)
    }

    @Test("Any sequence of operations agrees with a dictionary", arguments: 1...8 as ClosedRange<UInt64>)
    func agreesWithModel(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let store = MemoryStore(bytes: 64 << 20)
        var model: [Int: UInt64] = [:]
        for step in 0..<20_000 {
            let number = Int(random.next() % 1500)
            switch random.next() % 10 {
            case 0..<4:
                store.keep(record(number, body: 8, id: UInt64(step)))
                model[number] = UInt64(step)
            case 4..<7:
                #expect(store.remove(record(number).key) == (model.removeValue(forKey: number) != nil))
            default:
                #expect(store.find(record(number))?.id == model[number])
            }
        }
        #expect(store.figures.entries == model.count)
        for number in 0..<1500 { #expect(store.find(record(number))?.id == model[number]) }
    }

    @Test("Threads that store, look up, remove and resize concurrently leave a consistent store")
    func survivesThreads() async {
        let store = MemoryStore(bytes: 512 << 10)
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(thread) + 77)
                    for step in 0..<5000 {
                        let number = Int(random.next() % 1000)
                        switch random.next() % 16 {
                        case 0..<6: store.keep(record(number, body: 300))
                        case 6: store.remove(record(number).key)
                        case 7 where step % 100 == 0: store.resize(bytes: (256 + Int(random.next() % 256)) << 10)
                        case 8: store.sweep(limit: 128, now: now)
                        default: if let found = store.find(record(number)) { #expect(found.bodyCount == 300) }
                        }
                    }
                }
            }
        }
        store.resize(bytes: 256 << 10)
        #expect(store.figures.bytes <= 256 << 10)
        let found = (0..<1000).count { store.find(record($0)) != nil }
        #expect(found == store.figures.entries)
    }
}
