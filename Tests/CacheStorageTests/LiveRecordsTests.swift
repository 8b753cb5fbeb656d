import HTTPCaching
import Testing

@testable import CacheStorage

@Suite("Records in use")
struct LiveRecordsTests {
    private let records = LiveRecords()

    private func find(_ record: StoredResponse, at key: CacheKey, id: UInt64? = nil, read count: Int) -> StoredResponse?
    {
        var description = record.description
        if let id { description.id = id }
        let bytes = (0..<record.prefix.count).map { record.prefix[$0] } + record.bodyArray
        return records.record(
            at: key, kind: record.kind, description: description, lengths: record.lengths,
            beginning: bytes.span.extracting(..<count))
    }

    @Test("One is found by its description and its first bytes, for as long as somebody has it")
    func finds() {
        let made = TestRecord(body: patternedBody(40_000))
        var record: StoredResponse? = made.make()
        records.note(made.key, record!)
        for count in [0, 10, record!.prefix.count + 5, record!.lengths.total] {
            #expect(find(record!, at: made.key, read: count) === record)
        }
        #expect(find(record!, at: CacheKey(high: 1, low: 1), read: 100) == nil)
        #expect(find(record!, at: made.key, id: 99, read: 100) == nil)
        let other = TestRecord(body: patternedBody(40_000, seed: 9)).make()
        #expect(find(other, at: made.key, read: other.lengths.total) == nil)
        record = nil
        #expect(find(other, at: made.key, read: 0) == nil)
    }

    @Test("Small ones are not noted, and the table doesn't grow with those that are gone")
    func bounded() {
        records.note(CacheKey(high: 0, low: 0), TestRecord(body: patternedBody(1000)).make())
        #expect(records.count == 0)
        let held = TestRecord(body: patternedBody(20_000)).make()
        records.note(CacheKey(high: 1, low: 0), held)
        for number in 0..<1000 as Range<UInt64> {
            records.note(CacheKey(high: 2, low: number), TestRecord(body: patternedBody(20_000)).make())
        }
        #expect(records.count < 70)
        #expect(find(held, at: CacheKey(high: 1, low: 0), read: 100) === held)
    }
}
