import CacheStorage
import HTTPCaching
import Testing

@Suite("Keys")
struct CacheKeyTests {
    @Test("A key reads as md5sum prints it")
    func hexDigits() {
        let digest: [UInt8] = [
            0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e,
        ]
        #expect(CacheKey(digest: digest.span).hex == "d41d8cd98f00b204e9800998ecf8427e")
    }
}

@Suite("Stored responses")
struct StoredResponseTests {
    @Test("A freshened response has the new head and facts and the old body, in place (RFC 9111 §4.3.4)")
    func refreshes() {
        let old = TestRecord(id: 1, varyNames: "accept", body: patternedBody(100_000)).make()
        let head = "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\n"
        let description = RecordDescription(
            id: 2, status: 200, discardAt: WallTime(milliseconds: 5), facts: ordinaryFacts(),
            etag: HeadRange(offset: 23, count: 4))
        let new = old.refreshed(description, head: head.utf8.span)!
        #expect(new.id == 2)
        #expect(new.headString == head)
        #expect(new.etagString == "\"v2\"")
        #expect(new.varyNamesString == "accept")
        #expect(new.keyTextString == old.keyTextString)
        #expect(new.bodyBytes.baseAddress == old.bodyBytes.baseAddress)
        #expect(new.footprint > old.footprint)
    }

    @Test("Freshening repeatedly keeps one body and releases the heads in between")
    func refreshesWithoutChain() {
        var current = TestRecord(body: patternedBody(100_000)).make()
        weak var second: StoredResponse?
        for round in 0..<10 {
            let description = RecordDescription(
                id: UInt64(round), status: 200, discardAt: .never, facts: ordinaryFacts())
            current = current.refreshed(description, head: "HTTP/1.1 200 OK\r\n".utf8.span)!
            if round == 0 { second = current }
        }
        #expect(second == nil)
        #expect(current.bodyArray == patternedBody(100_000))
        #expect(current.footprint < 103_000)
    }

    @Test("The footprint covers all memory of the record", arguments: [0, 100, 5000, 200_000])
    func accounts(size: Int) {
        let record = TestRecord(body: patternedBody(size))
        let payload = record.keyText.utf8.count + record.head.utf8.count + size
        let footprint = record.make().footprint
        #expect(footprint > payload + 100)
        #expect(footprint < payload + 400 + (size >= 100_000 ? 4096 : 0))
    }

    @Test(
        "A key text matches only itself",
        arguments: ["", "GET http://api.example/task", "GET http://api.example/tasks2"])
    func comparesKeyText(other: String) {
        let made = TestRecord().make()
        #expect(made.belongs(to: TestRecord().keyText))
        #expect(!made.belongs(to: other))
    }
}

@Suite("Responses that are arriving")
struct StoredResponseBuilderTests {
    private func builder(
        length: Int?, objectLimit: Int = 1 << 20, budget: MemoryBudget = MemoryBudget(bytes: 4 << 20)
    ) throws(StoredResponseBuilder.Refusal) -> StoredResponseBuilder {
        let record = TestRecord()
        return try StoredResponseBuilder(
            record.description, keyText: record.keyText.utf8.span, varyNames: "accept".utf8.span,
            head: record.head.utf8.span, length: length, objectLimit: objectLimit, budget: budget)
    }

    @Test("Pieces become one body, whether its length is known or not", arguments: [nil, 300_000], [1, 1000, 70_000])
    func assembles(length: Int?, piece: Int) throws {
        let budget = MemoryBudget(bytes: 4 << 20)
        let body = patternedBody(300_000)
        let builder = try builder(length: length, budget: budget)
        var offset = 0
        while offset < body.count {
            let end = min(offset + piece, body.count)
            try builder.append(Array(body[offset..<end]).span)
            offset = end
        }
        #expect(builder.count == 300_000)
        #expect(budget.inUse >= 300_000)
        let response = try builder.finish()
        // The record counts until a memory store has it.
        #expect(budget.arriving == 0 && budget.inUse == response.footprint)
        #expect(response.bodyArray == body)
        #expect(response.headString == TestRecord().head)
        #expect(response.varyNamesString == "accept")
        #expect(response.belongs(to: TestRecord().keyText))
    }

    @Test("A body shorter than its declared length never becomes a record (RFC 9111 §3.3)")
    func refusesShortBody() throws {
        let builder = try builder(length: 10)
        try builder.append([1, 2, 3].span)
        #expect(throws: StoredResponseBuilder.Refusal.wrongLength) { try builder.finish() }
    }

    @Test("A body longer than its declared length is rejected")
    func refusesLongBody() throws {
        let builder = try builder(length: 2)
        #expect(throws: StoredResponseBuilder.Refusal.wrongLength) { try builder.append([1, 2, 3].span) }
    }

    @Test("A body over the object limit is rejected, at once if its length is known", arguments: [nil, 1001])
    func refusesTooLarge(length: Int?) {
        #expect(throws: StoredResponseBuilder.Refusal.tooLarge) {
            let builder = try self.builder(length: length, objectLimit: 1000)
            try builder.append(patternedBody(1001).span)
        }
    }

    @Test("Concurrently arriving responses share one budget, and release it when they finish or are released")
    func sharesBudget() throws {
        let budget = MemoryBudget(bytes: 1 << 20)
        var first: StoredResponseBuilder? = try builder(length: 600_000, budget: budget)
        #expect(throws: StoredResponseBuilder.Refusal.budgetExhausted) {
            try self.builder(length: 600_000, budget: budget)
        }
        #expect(budget.refusals == 1)
        let growing = try builder(length: nil, budget: budget)
        #expect(throws: StoredResponseBuilder.Refusal.budgetExhausted) {
            try growing.append(patternedBody(600_000).span)
        }
        #expect(first != nil)
        first = nil
        try growing.append(patternedBody(600_000).span)
        _ = try growing.finish()
        #expect(budget.inUse == 0)
    }

    @Test("A response without a body becomes a record too", arguments: [nil, 0])
    func finishesEmpty(length: Int?) throws {
        #expect(try builder(length: length).finish().bodyCount == 0)
    }
}
