import HTTPCaching
import Testing

@testable import CacheStorage

// A worker's view of its stores: where a record is looked up and kept, and what an invalidation covers.

@Suite("The cache: one view of memory and the remote store")
struct CacheTests {
    private let shared = SharedStores(memoryBytes: 1 << 20)
    private let elsewhere = MemoryStoreAdapter()
    private let now = WallTime(milliseconds: 1_800_000_000_000)
    private let key = CacheKey(high: 1, low: 2)
    private let variant = CacheKey(high: 3, low: 4)

    private func cache(memory: Bool = true, remote: Bool = true, copyLifetime: Int64 = 5_000) -> Cache {
        let cache = Cache(shared, objectLimit: 1 << 20)
        cache.open(usesMemory: memory, copyLifetime: copyLifetime) { remote ? elsewhere : nil }
        return cache
    }

    /// Requested at `now`, with a lifetime of a minute.
    private func record(
        _ flags: StoredFacts.Flags = [], fields: String = "", life: Int64 = 60_000, requested: Int64 = 0,
        fence: PurgePosition = .start
    ) -> StoredResponse {
        let head = "HTTP/1.1 200 OK\r\n" + fields
        var facts = ordinaryFacts()
        facts.flags = flags
        facts.requestTime = Instant(milliseconds: now.milliseconds + requested)
        facts.responseTime = facts.requestTime
        let description = RecordDescription(
            id: 7, status: 200, discardAt: now.advanced(byMilliseconds: life), facts: facts, fence: fence)
        return StoredResponse.response(
            description, keyText: "key".utf8.span, varyNames: Span(), head: head.utf8.span, body: "body".utf8.span)!
    }

    private func inMemory(_ cache: Cache, _ key: CacheKey? = nil, after milliseconds: Int64 = 0) -> StoredResponse? {
        cache.lookUpInMemory(
            key ?? self.key, keyText: "key".utf8.span, now: now.advanced(byMilliseconds: milliseconds))
    }

    // MARK: Looking up

    @Test("A hit in memory is returned at once, without asking the remote store")
    func memoryFirst() {
        let cache = cache()
        cache.put(key, record(), now: now)
        let asking = Asking()
        guard case .hit = cache.lookUp(key, keyText: "key".utf8.span, now: now, receiver: asking, token: 1) else {
            Issue.record("not found in memory")
            return
        }
        elsewhere.turn()
        #expect(asking.results == 0)
    }

    @Test("What was fetched while the remote store was away is kept for as long as copies are, since it was asked for")
    func keptAlone() {
        let cache = cache(copyLifetime: 5_000)
        cache.keepCopyAlone(key, record(requested: -4_000), of: key, since: cache.moment, now: now)
        #expect(inMemory(cache, after: 900) != nil)
        #expect(inMemory(cache, after: 1_100) == nil)
        let other = CacheKey(high: 5, low: 6)
        cache.keepCopyAlone(other, record(requested: -5_000), of: other, since: cache.moment, now: now)
        #expect(inMemory(cache, other) == nil)
    }

    @Test("A miss in memory is looked up in the remote store, unless the lookup is cancelled")
    func elsewhereThen() {
        let cache = cache(memory: false)
        cache.put(key, record(), now: now)
        let asking = Asking()
        guard
            case .pending = cache.lookUp(key, keyText: "key".utf8.span, now: now, receiver: asking, token: 1),
            case .pending(let ticket) = cache.lookUp(
                key, keyText: "key".utf8.span, now: now, receiver: asking, token: 2)
        else {
            Issue.record("not asked for")
            return
        }
        cache.cancel(ticket)
        elsewhere.turn()
        #expect(asking.results == 1 && asking.found?.id == 7)
    }

    @Test("Without a remote store a miss in memory is a miss, and with a closed one it fails")
    func missAndFailure() {
        let asking = Asking()
        guard
            case .miss = cache(remote: false).lookUp(
                key, keyText: "key".utf8.span, now: now, receiver: asking, token: 1)
        else {
            Issue.record("not a miss")
            return
        }
        let closed = cache()
        closed.close()
        guard
            case .failed(.closed) = closed.lookUp(
                key, keyText: "key".utf8.span, now: now, receiver: asking, token: 1)
        else {
            Issue.record("not failed")
            return
        }
        #expect(closed.remoteTrouble == .closed && closed.canStore)
        #expect(!Cache(shared, objectLimit: 1).isStoring && !Cache(shared, objectLimit: 1).canStore)
    }

    @Test("A peek has no side effects")
    func peek() {
        let cache = cache(remote: false)
        cache.put(key, record(), now: now)
        #expect(cache.peekInMemory(key, keyText: "key".utf8.span, now: now) != nil)
        #expect(shared.memoryFigures.hits == 0)
    }

    // MARK: Keeping

    @Test("With a remote store memory keeps a copy for the configured time, or none")
    func copies() {
        let cache = cache(copyLifetime: 5_000)
        cache.put(key, record(), now: now)
        #expect(inMemory(cache, after: 4_999) != nil && inMemory(cache, after: 5_000) == nil)
        // A record that expires sooner anyway is kept itself.
        let short = record(life: 1_000)
        cache.put(key, short, now: now)
        #expect(inMemory(cache) === short)
        let without = self.cache(copyLifetime: 0)
        without.put(variant, record(), now: now)
        #expect(inMemory(without, variant) == nil)
        #expect(elsewhere.memory.figures.entries == 2)
    }

    @Test("Without a remote store memory keeps the record itself, and reports one that alone is too large")
    func memoryAlone() {
        let cache = cache(remote: false)
        let kept = record()
        #expect(cache.put(key, kept, now: now) && inMemory(cache) === kept)
        shared.resize(memoryBytes: 1)
        #expect(!cache.put(key, record(), now: now))
    }

    @Test("The oldest variant is deleted when there is one too many, but not invalidated")
    func variants() {
        let cache = cache(remote: false)
        let before = cache.moment
        cache.put(key, record(), now: now)
        cache.noteVariant(key, of: 1, limit: 1)
        #expect(inMemory(cache) != nil && cache.figures.deletedVariants == 0)
        cache.noteVariant(variant, of: 1, limit: 1)
        #expect(inMemory(cache) == nil && cache.figures.deletedVariants == 1)
        #expect(!cache.overtook(key, since: before))
    }

    // MARK: Invalidating

    @Test(
        "An invalidated record is removed from every store, and a fetch that began before is overtaken, in other workers too"
    )
    func invalidation() {
        let (cache, other) = (cache(), cache())
        cache.put(key, record(), now: now)
        let before = other.moment
        let removal = Removing()
        #expect(cache.invalidate([key], at: now, receiver: removal) == 1)
        elsewhere.turn()
        #expect(removal.removed == 1 && elsewhere.memory.figures.entries == 0 && inMemory(cache) == nil)
        #expect(other.overtook(key, since: before) && !other.overtook(key, since: other.moment))
        #expect(other.overtook(variant, plainKey: key, since: before))
        #expect(!other.overtook(variant, since: before))
        #expect(other.remembersInvalidation(of: variant, plainKey: key))
        #expect(cache.figures.invalidatedKeys == 1 && other.figures.invalidatedKeys == 0)
    }

    @Test("A deleted record may be stored again by a fetch in progress")
    func deletion() {
        let cache = cache()
        cache.put(key, record(), now: now)
        let before = cache.moment
        cache.delete([key])
        #expect(inMemory(cache) == nil && elsewhere.memory.figures.entries == 0)
        #expect(!cache.overtook(key, since: before) && cache.isCurrent(record(), key: key, plainKey: key, now: now))
    }

    @Test("A record from a slow store isn't current if its key, or its variant's plain key, was invalidated since")
    func currentKeys() {
        let cache = cache()
        cache.invalidate([key], at: now)
        #expect(!cache.isCurrent(record(requested: -1), key: key, plainKey: key, now: now))
        #expect(!cache.isCurrent(record(requested: -1), key: variant, plainKey: key, now: now))
        #expect(cache.isCurrent(record(requested: 0), key: key, plainKey: key, now: now))
        #expect(cache.isCurrent(record(requested: -1), key: variant, plainKey: variant, now: now))
    }

    @Test("A record that arrived later than now, by more than clocks may differ, isn't current")
    func future() {
        let cache = cache()
        for (ahead, isCurrent) in [(0, true), (9_000, true), (11_000, false), (3_600_000, false)] {
            let then = WallTime(milliseconds: record().facts.responseTime.milliseconds - Int64(ahead))
            #expect(cache.isCurrent(record(), key: key, plainKey: key, now: then) == isCurrent, "\(ahead)")
        }
    }

    @Test("A record whose key was invalidated since its fetch began is kept nowhere", arguments: [true, false])
    func overtaken(hasRemote: Bool) {
        let cache = cache(remote: hasRemote)
        let began = cache.moment
        cache.invalidate([key], at: now)
        cache.put(variant, record(), of: key, since: began, now: now)
        elsewhere.turn()
        cache.settleWrites(now: now)
        #expect(inMemory(cache, variant) == nil && elsewhere.memory.figures.entries == 0)
        cache.put(variant, record(), of: key, since: cache.moment, now: now)
        #expect(inMemory(cache, variant) != nil)
    }

    @Test("A write that another worker's invalidation overtakes on its way is taken back once it has ended")
    func overtakenOnItsWay() {
        let (cache, other) = (cache(), cache())
        var calls = 0
        cache.writesNeedSettling = { calls += 1 }
        elsewhere.holdsWrites = true
        cache.put(key, record(), since: cache.moment, now: now)
        other.invalidate([key], at: now)
        #expect(calls == 0 && inMemory(cache) == nil)
        // The store has the removal, and only then the write.
        elsewhere.turn()
        #expect(calls == 1 && elsewhere.memory.figures.entries == 1)
        cache.settleWrites(now: now)
        #expect(elsewhere.memory.figures.entries == 0 && cache.figures.overtakenWrites == 1)
    }

    @Test("A copy of what the remote store returns isn't kept if its key was invalidated meanwhile")
    func overtakenCopy() {
        let cache = cache()
        cache.invalidate([key], at: now)
        cache.keepCopy(key, record(requested: -1), of: key, since: cache.heard, now: now)
        #expect(inMemory(cache) == nil)
        cache.keepCopy(key, record(), of: key, since: cache.heard, now: now)
        #expect(inMemory(cache) != nil)
    }

    @Test("Once the remote store confirms a removal, the clock need not remember it for the store's sake")
    func confirmed() {
        let cache = cache()
        for number in 0..<200_000 {
            cache.invalidate([CacheKey(high: UInt64(number), low: 9)], at: now)
            if number % 1_000 == 999 { elsewhere.turn() }
        }
        let others = (0..<1_000).map { CacheKey(high: UInt64($0), low: 8) }
        #expect(others.allSatisfy { cache.isCurrent(record(requested: -1), key: $0, plainKey: $0, now: now) })
    }

    @Test(
        "RFC 9875 §3: a record isn't current once a group or tag of its head was invalidated",
        arguments: [
            ("Cache-Tag: sport, the news\r\n", StoredFacts.Flags.tagged),
            ("Surrogate-Key: sport the\u{20}news\r\nETag: \"a\"\r\nCache-Tag: the news\r\n", .tagged),
            ("xkey: sport\r\nCache-Tag: the news\r\n", .tagged),
            ("Cache-Groups: \"sport\", \"the news\"\r\n", .grouped),
        ])
    func currentGroups(fields: String, flag: StoredFacts.Flags) {
        let cache = cache()
        func isCurrent(
            _ fence: PurgePosition = .start, _ flags: StoredFacts.Flags? = nil, _ authority: String = "API.example"
        ) -> Bool {
            let record = record(flags ?? flag, fields: fields, fence: fence)
            let verdict = cache.purgeVerdict(
                on: record, key: key, plainKey: key, url: .none, scheme: "http".utf8.span,
                authority: authority.utf8.span, path: Span(), query: Span())
            return verdict == .current
        }
        func purge(_ name: String) {
            let name = Array(name.utf8)
            cache.apply(Purge([.tag(name), .group(origin: Array("http://api.EXAMPLE".utf8), name: name)]), at: now)
        }
        #expect(isCurrent())
        purge("others")
        #expect(isCurrent())
        let before = cache.moment.fence
        purge("the news")
        #expect(!isCurrent() && !isCurrent(before) && isCurrent(cache.moment.fence))
        // The flags say whether there is anything to be read in the head.
        #expect(isCurrent(.start, []))
        #expect(isCurrent(.start, nil, "other.example") == (flag == .grouped))
        #expect(cache.figures.invalidatedGroups == 4)
    }
}

private final class Asking: StoreReceiver {
    var results = 0
    var found: StoredResponse?

    func storeDidAnswer(_ result: consuming StoreAnswer, token: UInt64) {
        results += 1
        if case .hit(let record) = result { found = record }
    }
}

private final class Removing: StoreRemovalReceiver {
    var removed = 0

    func storeDidRemove(_ removed: Int, trouble: StoreTrouble?, token: UInt64) { self.removed = removed }
}
