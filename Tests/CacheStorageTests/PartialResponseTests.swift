import CacheStorage
import HTTPCaching
import Testing

@Suite("RFC 9111 §3.3, §3.4 partial responses")
struct PartialResponseTests {
    private static let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n"
    private let content = patternedBody(1000)

    private func description(id: UInt64 = 1) -> RecordDescription {
        RecordDescription(
            id: id, status: 200, discardAt: .never, facts: ordinaryFacts(), etag: HeadRange(offset: 23, count: 4))
    }

    private func part(
        _ range: Range<Int64>, of length: Int64? = 1000, bytes: Int? = nil, limit: Int = 5000
    ) -> StoredResponse? {
        let bytes = slice(range, count: bytes)
        return StoredResponse.partial(
            description(), keyText: "GET /a".utf8.span, varyNames: "accept".utf8.span, head: Self.head.utf8.span,
            range: range, bytes: bytes.span, completeLength: length, objectLimit: limit)
    }

    private func add(
        _ range: Range<Int64>, to record: StoredResponse, of length: Int64? = 1000, bytes: Int? = nil, limit: Int = 5000
    ) -> StoredResponse? {
        let bytes = slice(range, count: bytes)
        return PartialResponse(record)?.adding(
            range, bytes: bytes.span, completeLength: length, description: description(id: 2),
            keyText: record.keyText, varyNames: record.varyNames,
            head: (Self.head + "X: new\r\n").utf8.span, objectLimit: limit)
    }

    /// The bytes of the content at `range`.
    private func slice(_ range: Range<Int64>, count: Int?) -> [UInt8] {
        if let count { return [UInt8](repeating: 0, count: count) }
        return range.map { $0 >= 0 && $0 < 1000 ? content[Int($0)] : 0 }
    }

    private func read(_ record: StoredResponse, _ range: Range<Int64>) -> [UInt8]? {
        guard let partial = PartialResponse(record), let place = partial.place(of: range) else { return nil }
        let bytes = partial.bytes(of: range)?.withUnsafeBytes { Array($0) }
        #expect(bytes == Array(record.bodyArray[place]))
        return bytes
    }

    @Test("A part is stored with its range and the complete length")
    func one() throws {
        let record = try #require(part(100..<200))
        let partial = try #require(PartialResponse(record))
        #expect(record.kind == .partial)
        #expect(record.keyTextString == "GET /a")
        #expect(record.varyNamesString == "accept")
        #expect(record.headString == Self.head)
        #expect(record.etagString == "\"v1\"")
        #expect(!record.description.headHasContentLength)
        #expect(partial.extents.extents == [100..<200])
        #expect(partial.completeLength == 1000)
        #expect(read(record, 100..<200) == Array(content[100..<200]))
        #expect(read(record, 150..<151) == Array(content[150..<151]))
        #expect(read(record, 99..<101) == nil)
        #expect(read(record, 199..<201) == nil)
    }

    @Test("The complete length stays unknown until a later part declares it")
    func unknownLength() throws {
        let first = try #require(part(0..<10, of: nil))
        #expect(try #require(PartialResponse(first)).completeLength == nil)
        let second = try #require(add(10..<20, to: first, of: nil))
        #expect(try #require(PartialResponse(second)).completeLength == nil)
        let third = try #require(add(30..<40, to: second))
        #expect(try #require(PartialResponse(third)).completeLength == 1000)
        let fourth = try #require(add(50..<60, to: third, of: nil))
        #expect(try #require(PartialResponse(fourth)).completeLength == 1000)
    }

    @Test("Parts are combined: newer bytes replace older ones, under the newer head")
    func adds() throws {
        let first = try #require(part(100..<200))
        let second = try #require(add(300..<400, to: first))
        #expect(second.kind == .partial)
        #expect(second.id == 2)
        #expect(second.headString == Self.head + "X: new\r\n")
        #expect(read(second, 150..<200) == Array(content[150..<200]))
        #expect(read(second, 300..<310) == Array(content[300..<310]))
        let third = try #require(add(180..<320, to: second, bytes: 140))
        #expect(try #require(PartialResponse(third)).extents.extents == [100..<400])
        let combined: [UInt8] = Array(content[100..<180]) + [UInt8](repeating: 0, count: 140)
        #expect(read(third, 100..<400) == combined + Array(content[320..<400]))
    }

    @Test("The last part makes it an ordinary 200 (RFC 9110 §15.3.7.3)")
    func completes() throws {
        var record = try #require(part(0..<400))
        record = try #require(add(600..<1000, to: record))
        record = try #require(add(350..<650, to: record))
        #expect(record.kind == .response)
        #expect(record.status == 200)
        #expect(record.bodyArray == content)
        #expect(!record.description.headHasContentLength)
        #expect(record.varyNamesString == "accept")
        #expect(PartialResponse(record) == nil)
    }

    @Test("A part that is the complete content is an ordinary 200 at once")
    func completeAtOnce() throws {
        let record = try #require(part(0..<1000))
        #expect(record.kind == .response)
        #expect(record.bodyArray == content)
    }

    @Test("The collected content of a 206 becomes a part with its record's head and keys")
    func fromCollected() throws {
        let collected = TestRecord(varyNames: "accept", body: Array(content[5..<10])).make()
        let record = try #require(collected.asPart(5..<10, completeLength: 1000, objectLimit: 100))
        #expect(record.keyTextString == collected.keyTextString)
        #expect(record.headString == collected.headString)
        #expect(read(record, 5..<10) == Array(content[5..<10]))
        #expect(collected.asPart(5..<11, completeLength: 1000, objectLimit: 100) == nil)
    }

    @Test("Parts in random order and size end as the content")
    func random() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<6 {
            var record = try #require(part(500..<501))
            while record.kind == .partial {
                let lower = Int64.random(in: 0..<1000, using: &random)
                let range = lower..<min(1000, lower + Int64.random(in: 1...400, using: &random))
                record = try #require(add(range, to: record))
                guard let partial = PartialResponse(record) else { break }
                #expect(partial.extents.contains(range))
                for extent in partial.extents.extents {
                    let held = read(record, extent)
                    #expect(held == Array(content[Int(extent.lowerBound)..<Int(extent.upperBound)]))
                }
            }
            #expect(record.bodyArray == content)
        }
    }

    @Test("The object limit applies to the bytes of all parts together")
    func bounded() throws {
        #expect(part(0..<101, limit: 100) == nil)
        let record = try #require(part(0..<100, limit: 100))
        #expect(add(100..<101, to: record, limit: 100) == nil)
        #expect(add(50..<60, to: record, limit: 100) != nil)
    }

    @Test("If there is one extent too many, the smallest of the older ones is removed with its bytes")
    func manyExtents() throws {
        var record = try #require(part(0..<2))
        for index in 1...32 { record = try #require(add(Int64(index * 10)..<Int64(index * 10 + 3), to: record)) }
        let partial = try #require(PartialResponse(record))
        #expect(partial.extents.extents.count == 32)
        #expect(read(record, 0..<1) == nil)
        for index in 1...32 {
            #expect(
                read(record, Int64(index * 10)..<Int64(index * 10 + 3))
                    == Array(content[(index * 10)..<(index * 10 + 3)]))
        }
    }

    @Test("A part that contradicts itself or the stored parts makes no record")
    func contradictions() throws {
        #expect(part(0..<10, bytes: 9) == nil)
        #expect(part(10..<10) == nil)
        #expect(part(995..<1005) == nil)
        #expect(part(-1..<5) == nil)
        let record = try #require(part(0..<10))
        #expect(add(20..<30, to: record, of: 999) == nil)
        #expect(add(995..<1005, to: record, of: nil) == nil)
        #expect(add(20..<30, to: record, bytes: 11) == nil)
        let long = try #require(part(2000..<2010, of: nil))
        #expect(add(20..<30, to: long, of: 1000) == nil)
    }

    @Test("A freshened partial record stays partial (RFC 9111 §4.3.4)")
    func refreshes() throws {
        let record = try #require(part(100..<200))
        let refreshed = record.refreshed(description(id: 9), head: Self.head.utf8.span)
        let freshened = try #require(refreshed)
        #expect(freshened.kind == .partial)
        #expect(read(freshened, 100..<200) == Array(content[100..<200]))
        let joined = try #require(add(200..<300, to: freshened))
        #expect(read(joined, 100..<300) == Array(content[100..<300]))
    }

    @Test("A record of another kind isn't read as partial")
    func otherKinds() { #expect(PartialResponse(TestRecord().make()) == nil) }

    @Test("A damaged body counts as missing: no truncation and no change of the table is accepted or traps")
    func damaged() throws {
        let first = try #require(part(100..<200))
        let record = try #require(add(300..<400, to: first))
        let body = record.bodyArray
        func reads(_ body: [UInt8]) -> Bool {
            let made = StoredResponse.assembled(
                kind: .partial, description: description(),
                lengths: RecordLengths(keyText: 0, varyNames: 0, head: 64, body: body.count),
                from: ([UInt8](repeating: 0x20, count: 64) + body).span,
                budget: MemoryBudget(bytes: 1 << 20))!
            guard let partial = PartialResponse(made) else { return false }
            // Whatever is accepted is at least consistent: every byte that it declares is in the body.
            for extent in partial.extents.extents {
                #expect(body.indices.contains(partial.place(of: extent)!.upperBound - 1))
            }
            return true
        }
        #expect(reads(body))
        for count in 0..<body.count { #expect(!reads(Array(body[..<count]))) }
        #expect(!reads(body + [0]))
        // Magic, version and count; each extent's numbers. Another complete length may be just as valid.
        for index in Array(0..<8) + Array(16..<48) {
            for bit in 0..<8 {
                var changed = body
                changed[index] ^= 1 << UInt8(bit)
                #expect(!reads(changed), "byte \(index), bit \(bit)")
            }
        }
        for index in 8..<16 {
            for bit in 0..<8 {
                var changed = body
                changed[index] ^= 1 << UInt8(bit)
                _ = reads(changed)
            }
        }
        var short = body
        short[8] = 0
        short[9] = 0
        #expect(!reads(short))
    }
}
