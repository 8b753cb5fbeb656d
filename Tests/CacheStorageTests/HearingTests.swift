// Copies of remote records in memory: which are kept, and which may be used.

import Dispatch
import HTTPCaching
import Synchronization
import TestRandomness
import Testing

@testable import CacheStorage

private let start = WallTime(milliseconds: 1_800_000_000_000)
private func at(_ milliseconds: Int64) -> WallTime { start.advanced(byMilliseconds: milliseconds) }

private struct Copies {
    let store = MemoryStore(bytes: 1 << 20)
    let hearing = Hearing()
    let record = TestRecord(keyText: "GET http://api.example/items/1", id: 7, body: [1, 2, 3])

    /// Whose session lasts from `start` on.
    init(grace: Int64 = 1000) {
        hearing.set(.connecting, grace: grace)
        hearing.beginSession(asked: start)
    }

    func keep(_ mark: HearingMark) { store.store(record.key, copy: record.make(), of: mark, hearing) { false } }

    func isThere(_ now: WallTime = at(1)) -> Bool {
        store.lookup(record.key, keyText: record.keyText.utf8.span, now: now, session: hearing.session(at: now)) != nil
    }

    func name() { store.name(record.key, in: hearing.noteMessage(names: 1)) }
}

@Suite("Copies in memory of what a remote store has")
struct HearingTests {
    @Test("Who watches a key is told when the store names it, and nobody else is")
    func watched() {
        let stores = SharedStores(memoryBytes: 1 << 20)
        let told = Atomic<Int>(0)
        let (key, other) = (CacheKey(high: 1, low: 2), CacheKey(high: 3, low: 4))
        stores.watchedKeys.watch(key, worker: 0) { if $0 == key { told.add(1, ordering: .relaxed) } }
        stores.watchedKeys.watch(key, worker: 1) { if $0 == key { told.add(10, ordering: .relaxed) } }
        stores.forget([other], in: stores.hearing.noteMessage(names: 1))
        #expect(told.load(ordering: .relaxed) == 0)
        stores.forget([other, key], in: stores.hearing.noteMessage(names: 2))
        #expect(told.load(ordering: .relaxed) == 11)
        stores.watchedKeys.unwatch(key, worker: 0)
        stores.forget([key], in: stores.hearing.noteMessage(names: 1))
        #expect(told.load(ordering: .relaxed) == 21)
        stores.watchedKeys.unwatch(key, worker: 1)
        stores.forget([key], in: stores.hearing.noteMessage(names: 1))
        #expect(told.load(ordering: .relaxed) == 21)
    }

    @Test("All who watch are told when the store names everything, and when a session begins or ends")
    func allWatched() {
        let stores = SharedStores(memoryBytes: 1 << 20)
        let told = Atomic<Int>(0)
        for number in 1...3 {
            let key = CacheKey(high: UInt64(number), low: 2)
            stores.watchedKeys.watch(key, worker: 0) { if $0 == key { told.add(1, ordering: .relaxed) } }
        }
        stores.forgetAll()
        #expect(told.load(ordering: .relaxed) == 3)
        stores.wakeWatchers()
        #expect(told.load(ordering: .relaxed) == 6)
    }

    @Test("A copy is used while its session lasts and the newest sign of life is young enough")
    func grace() {
        let copies = Copies()
        copies.keep(copies.hearing.mark)
        #expect(copies.isThere(at(1000)) && !copies.isThere(at(1001)))
        copies.hearing.noteLife(asked: at(900))
        #expect(copies.isThere(at(1900)) && !copies.isThere(at(1901)))
        // A sign of life that was asked for earlier changes nothing.
        copies.hearing.noteLife(asked: at(300))
        #expect(copies.isThere(at(1900)))
        // A loss doesn't end it at once; the next session does.
        copies.hearing.lose()
        #expect(copies.isThere(at(1900)))
        copies.hearing.beginSession(asked: at(1800))
        #expect(!copies.isThere(at(1900)))
    }

    @Test("What was asked for before its key was named isn't kept, whichever comes first")
    func race() {
        let copies = Copies()
        var mark = copies.hearing.mark
        copies.name()
        copies.keep(mark)
        #expect(!copies.isThere())
        mark = copies.hearing.mark
        copies.keep(mark)
        #expect(copies.isThere())
        copies.name()
        #expect(!copies.isThere())
        // Nor does an older reply leave what a newer one has brought.
        copies.keep(copies.hearing.mark)
        copies.keep(mark)
        #expect(!copies.isThere())
    }

    @Test("What was asked for in another session, or in none, isn't kept")
    func sessions() {
        let copies = Copies()
        let mark = copies.hearing.mark
        copies.hearing.renewSession()
        copies.keep(mark)
        #expect(!copies.isThere())
        copies.keep(copies.hearing.mark)
        #expect(copies.isThere())
        copies.hearing.renewSession()
        #expect(!copies.isThere())
        copies.hearing.set(.connecting, grace: 1000)
        #expect(copies.hearing.mark.session == 0)
        copies.keep(copies.hearing.mark)
        #expect(!copies.isThere())
    }

    @Test("A sign of life of a new session makes no copy of an earlier one usable, however the two threads meet")
    func renewal() {
        let hearing = Hearing()
        hearing.set(.connecting, grace: 1000)
        let begun = Atomic<Int64>(0)
        let outdated = Atomic<Int>(0)
        let sessions: Int64 = 200_000
        DispatchQueue.concurrentPerform(iterations: 2) { thread in
            if thread == 0 {
                // Each session begins long after the last sign of life of the one before.
                for session in 1...sessions {
                    hearing.beginSession(asked: at(session * 10_000))
                    begun.store(session, ordering: .releasing)
                }
                return
            }
            while true {
                let next = begun.load(ordering: .acquiring) + 1
                guard next <= sessions else { return }
                let found = hearing.session(at: at(next * 10_000))
                if found != Hearing.noSession, found < next { outdated.wrappingAdd(1, ordering: .relaxed) }
            }
        }
        #expect(outdated.load(ordering: .relaxed) == 0)
    }

    @Test("Whoever has noted what was heard can ask whether a key has changed since")
    func changed() {
        let shared = SharedStores(memoryBytes: 1 << 20)
        let cache = Cache(shared, objectLimit: 1 << 20)
        cache.open(usesMemory: true, copyLifetime: 0) { MemoryStoreAdapter() }
        let (key, other) = (CacheKey(high: 1, low: 2), CacheKey(high: 3 << 32, low: 4))
        shared.hearing.set(.connecting, grace: 1000)
        // Of what began before anything was heard, nothing is known.
        #expect(!cache.hasChanged(key, since: cache.heard))
        shared.hearing.beginSession(asked: start)
        let before = cache.heard
        #expect(!cache.hasChanged(key, since: before))
        shared.forget([key], in: shared.hearing.noteMessage(names: 1))
        #expect(cache.hasChanged(key, since: before) && !cache.hasChanged(key, since: cache.heard))
        shared.forgetAll()
        #expect(cache.hasChanged(other, since: before) && !cache.hasChanged(key, since: cache.heard))
    }

    @Test("What is made of copies is used no longer than they could be without another sign of life")
    func made() {
        let shared = SharedStores(memoryBytes: 1 << 20)
        let cache = Cache(shared, objectLimit: 1 << 20)
        cache.open(usesMemory: true, copyLifetime: 0) { MemoryStoreAdapter() }
        shared.hearing.set(.connecting, grace: 1000)
        shared.hearing.beginSession(asked: start)
        let end = cache.copiesEnd
        let record = TestRecord(keyText: "GET http://api.example/items/1", id: 7, body: [1, 2, 3])
        shared.hearing.noteLife(asked: at(900))
        cache.keepInMemory(record.key, record.make(), until: end)
        func isThere(_ now: WallTime) -> Bool {
            cache.lookUpInMemory(record.key, keyText: record.keyText.utf8.span, now: now) != nil
        }
        #expect(isThere(at(999)) && !isThere(at(1000)))
    }

    @Test("What was kept while the store was away is used as long as purges of others are known, and no longer")
    func keptAlone() {
        let copies = Copies(grace: 100)
        copies.hearing.beginPurges(grace: 300)
        let record = copies.record
        copies.store.store(record.key, record.make(), usableUntil: at(1000), session: Hearing.shortLife)
        #expect(!copies.isThere(at(2)))
        copies.hearing.notePurges(asked: at(100))
        #expect(copies.isThere(at(400)) && !copies.isThere(at(401)))
        copies.hearing.notePurges(asked: at(700))
        #expect(copies.isThere(at(999)) && !copies.isThere(at(1000)))
    }

    @Test("An emptied store has not forgotten what was named")
    func emptied() {
        let copies = Copies()
        let mark = copies.hearing.mark
        copies.name()
        copies.store.removeAll()
        copies.keep(mark)
        #expect(!copies.isThere())
    }

    @Test("What isn't a copy is not used as one, and copies are not used where there is no remote store")
    func strangers() {
        let copies = Copies()
        copies.store.store(copies.record.key, copies.record.make())
        #expect(!copies.isThere())
        copies.keep(copies.hearing.mark)
        let record = copies.record
        #expect(copies.store.lookup(record.key, keyText: record.keyText.utf8.span, now: at(1)) == nil)
        copies.store.store(record.key, record.make(), usableUntil: at(50), session: Hearing.shortLife)
        #expect(copies.isThere(at(49)) && !copies.isThere(at(50)))
    }

    /// A reader that asks, gets what stands there at some moment, and keeps it; a writer that changes it and has it named. In the
    /// end no copy may be older than the last change that was heard.
    @Test("Whatever the order of asking, changing, hearing and keeping, no outdated copy is left", arguments: 0..<4)
    func histories(_ seed: UInt64) {
        var random = SeededGenerator(history: seed)
        for _ in 0..<3000 {
            let copies = Copies()
            var version: UInt64 = 1
            var unheard = 0
            // Asked for at that mark, and what Redis had when it answered.
            var replies: [(mark: HearingMark, version: UInt64?)] = []
            for _ in 0..<20 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0: replies.append((copies.hearing.mark, nil))
                case 1:
                    if let index = replies.firstIndex(where: { $0.version == nil }) { replies[index].version = version }
                case 2:
                    version += 1
                    unheard += 1
                case 3 where unheard > 0:
                    // One message may name the key for several changes.
                    unheard = 0
                    copies.name()
                default:
                    guard let index = replies.firstIndex(where: { $0.version != nil }) else { continue }
                    let (mark, version) = replies.remove(at: index)
                    var record = copies.record
                    record.id = version!
                    copies.store.store(record.key, copy: record.make(), of: mark, copies.hearing) { false }
                }
            }
            if unheard > 0 { copies.name() }
            let found = copies.store.lookup(
                copies.record.key, keyText: copies.record.keyText.utf8.span, now: at(1),
                session: copies.hearing.session(at: at(1)))
            #expect(found == nil || found?.id == version)
        }
    }
}
