import CacheStorage
import HTTPCaching
import Testing

// What counts in `limits.memory`: everything that responses hold and no memory store has.

@Suite("The memory that responses under way hold beyond the store")
struct MemoryBudgetTests {
    private func record(_ budget: MemoryBudget, size: Int = 100_000) throws -> StoredResponse {
        let record = TestRecord()
        let builder = try StoredResponseBuilder(
            record.description, keyText: record.keyText.utf8.span, varyNames: Span(), head: record.head.utf8.span,
            length: size, objectLimit: 1 << 20, budget: budget)
        try builder.append(patternedBody(size).span)
        return try builder.finish()
    }

    @Test("A reservation past the limit is refused and counted; what is held already is counted alone")
    func limit() {
        let budget = MemoryBudget(bytes: 100)
        #expect(budget.reserve(60) && !budget.reserve(41) && budget.reserve(40))
        #expect(budget.inUse == 100 && budget.arriving == 100 && budget.refusals == 1 && budget.shortages == 1)
        budget.hold(50)
        #expect(budget.inUse == 150 && budget.arriving == 100 && budget.shortages == 2)
        budget.hold(-50)
        budget.release(100)
        #expect(budget.inUse == 0 && budget.arriving == 0 && budget.shortages == 2 && budget.refusals == 1)
        budget.resize(bytes: 10)
        #expect(!budget.reserve(11) && budget.reserve(10))
    }

    @Test("What can do with less is given no more than half of the limit, and that isn't a shortage")
    func plenty() {
        let budget = MemoryBudget(bytes: 100)
        #expect(budget.hasPlenty(for: 50) && !budget.hasPlenty(for: 51))
        #expect(budget.reserveIfPlenty(50) && !budget.reserveIfPlenty(1) && !budget.hasPlenty(for: 1))
        #expect(budget.inUse == 50 && budget.arriving == 50 && budget.refusals == 0 && budget.shortages == 0)
        budget.release(50)
    }

    @Test("A body may begin before there is room for all of it, and goes no further without")
    func firstOfBody() throws {
        let budget = MemoryBudget(bytes: 3000)
        let record = TestRecord()
        func builder(of length: Int) throws -> StoredResponseBuilder {
            let builder = try StoredResponseBuilder(
                record.description, keyText: Span(), varyNames: Span(), head: record.head.utf8.span, length: length,
                reserving: 500, objectLimit: length, budget: budget)
            let first = patternedBody(500)
            try builder.append(first.span)
            return builder
        }
        let head = record.head.utf8.count
        do {
            let large = try builder(of: 4000)
            #expect(budget.inUse == head + 500 && !large.reserveRest(ifPlenty: true) && !large.reserveRest())
            let next = patternedBody(1)
            #expect(throws: StoredResponseBuilder.Refusal.budgetExhausted) { try large.append(next.span) }
            #expect(large.count == 500 && budget.inUse == head + 500)
        }
        #expect(budget.inUse == 0)
        let small = try builder(of: 1000)
        #expect(small.reserveRest(ifPlenty: true) && small.reserveRest() && budget.inUse == head + 1000)
        let rest = patternedBody(500)
        try small.append(rest.span)
        #expect(try small.finish().bodyCount == 1000 && budget.arriving == 0)
    }

    @Test("A record counts while no store has it: before it enters, and after it was evicted, as long as it is held")
    func record() throws {
        let budget = MemoryBudget(bytes: 1 << 20)
        let store = MemoryStore(bytes: 4 << 20)
        let key = TestRecord().key
        var held: StoredResponse? = try record(budget)
        let footprint = try #require(held).footprint
        #expect(budget.inUse == footprint && budget.arriving == 0)
        store.store(key, held!)
        #expect(budget.inUse == 0)
        store.remove(key)
        #expect(budget.inUse == footprint)
        store.store(key, held!)
        held = nil
        #expect(budget.inUse == 0)
        store.removeAll()
        #expect(budget.inUse == 0)
    }

    @Test("A record that is replaced counts as long as somebody holds it", arguments: [false, true])
    func replaced(isHeld: Bool) throws {
        let budget = MemoryBudget(bytes: 1 << 20)
        let store = MemoryStore(bytes: 4 << 20)
        let key = TestRecord().key
        var first: StoredResponse? = try record(budget)
        store.store(key, first!)
        if !isHeld { first = nil }
        store.store(key, try record(budget, size: 5_000))
        #expect(budget.inUse == (first?.footprint ?? 0))
    }

    @Test("A body that a freshened record shares with an older one counts once, and not while either is stored")
    func sharedBody() throws {
        let budget = MemoryBudget(bytes: 1 << 20)
        let store = MemoryStore(bytes: 4 << 20)
        let key = TestRecord().key
        var older: StoredResponse? = try record(budget)
        store.store(key, older!)
        var newer = older!.refreshed(TestRecord(id: 8).description, head: TestRecord().head.utf8.span)
        let total = newer!.footprint
        #expect(budget.inUse < 2_000)
        store.store(key, newer!)
        #expect(budget.inUse == 0)
        older = nil
        store.remove(key)
        #expect(budget.inUse == total)
        newer = nil
        #expect(budget.inUse == 0)
    }

    @Test("Clients that wait for one body share what it holds, and nothing while a store has it")
    func pins() throws {
        let budget = MemoryBudget(bytes: 1 << 20)
        let store = MemoryStore(bytes: 4 << 20)
        let record = try record(budget)
        record.pin()
        #expect(record.shareOfPin == record.footprint)
        record.pin()
        #expect(record.shareOfPin == record.footprint / 2)
        store.store(TestRecord().key, record)
        #expect(record.shareOfPin == 0)
        record.unpin()
    }

    @Test("A record that is put together from pieces counts from its first piece on")
    func assembly() throws {
        let budget = MemoryBudget(bytes: 10_000)
        let lengths = RecordLengths(keyText: 3, varyNames: 0, head: 0, body: 8_000)
        let description = TestRecord(etag: HeadRange(offset: 0, count: 0), lastModified: HeadRange(offset: 0, count: 0))
            .description
        var first = RecordAssembly(kind: .response, description: description, lengths: lengths, budget: budget)
        #expect(first != nil && budget.arriving == 8_003)
        #expect(RecordAssembly(kind: .response, description: description, lengths: lengths, budget: budget) == nil)
        first = nil
        #expect(budget.inUse == 0)
        first = RecordAssembly(kind: .response, description: description, lengths: lengths, budget: budget)
        let isTaken = first!.append(patternedBody(8_003).span)
        #expect(isTaken)
        let record = first!.finish()
        first = nil
        #expect(budget.arriving == 0 && budget.inUse == record!.footprint)
    }
}
