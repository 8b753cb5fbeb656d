// Whatever differs from what was written is not read as a record.

import Bytes
import CacheStorage
import HTTPCaching
import Testing

@testable import RedisStorage

@Suite("Format of records")
struct RecordFormatTests {
    @Test("A small record with any byte changed is no record", arguments: [0, 7, 1000])
    func smallRecords(bodyCount: Int) {
        let pieces = written(TestRecord(varyNames: "accept", body: patternedBody(bodyCount)).make())
        #expect(isRecord(pieces))
        for offset in pieces[0].indices { expectNoRecord(pieces, changed: 0, at: offset) }
    }

    @Test("A record keeps its fence and the digest of its URL")
    func fencesAndURLs() throws {
        let fence = try #require(PurgePosition(milliseconds: 1_732_612_345_678, sequence: 3))
        let url = CacheKey(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        let pieces = written(TestRecord(fence: fence, url: url).make())
        let description = try #require(header(of: pieces)).description
        #expect(description.fence == fence && description.url == url)
    }

    @Test("A vary index with any byte changed is no record")
    func varyIndexes() throws {
        let index = StoredResponse.varyIndex(
            generation: 9, discardAt: .never, facts: ordinaryFacts(), keyText: "GET http://api.example/".utf8.span,
            names: "accept,origin".utf8.span)
        let pieces = written(try #require(index))
        #expect(isRecord(pieces))
        for offset in pieces[0].indices { expectNoRecord(pieces, changed: 0, at: offset) }
    }

    @Test("Parts of a response with any byte changed are no record")
    func partialResponses() throws {
        let record = TestRecord()
        let part = StoredResponse.partial(
            record.description, keyText: record.keyText.utf8.span, varyNames: "".utf8.span,
            head: record.head.utf8.span, range: 10..<90, bytes: patternedBody(80).span, completeLength: 500,
            objectLimit: 1000)
        let pieces = written(try #require(part))
        #expect(isRecord(pieces))
        for offset in pieces[0].indices { expectNoRecord(pieces, changed: 0, at: offset) }
    }

    @Test(
        "A large record with any byte of any piece changed is no record",
        arguments: [
            // The head ends in the first piece, at its end, and in the second one.
            (300, 140_000), ((128 << 10) - 300, 1000), ((128 << 10) + 200, 500),
        ])
    func largeRecords(headCount: Int, bodyCount: Int) {
        var record = TestRecord(body: patternedBody(bodyCount))
        record.head += String(repeating: "x", count: headCount - record.head.utf8.count)
        let pieces = written(record.make())
        #expect(pieces.count == 2 && isRecord(pieces))
        // The header and the end of the first piece, and every 499th byte in between, since each costs a sum over the whole.
        let first = pieces[0].indices
        for offset in first where offset < 300 || offset % 499 == 0 || offset > first.upperBound - 100 {
            expectNoRecord(pieces, changed: 0, at: offset)
        }
        for offset in pieces[1].indices where offset < 1000 || offset % 7 == 0 {
            expectNoRecord(pieces, changed: 1, at: offset)
        }
    }

    @Test("A piece in another piece's place, and one of another record, is not this record's")
    func exchangedPieces() {
        let record = TestRecord(id: 1, body: patternedBody(500_000))
        let pieces = written(record.make())
        #expect(isRecord(pieces))
        #expect(!isRecord([pieces[0], pieces[2], pieces[1], pieces[3]]))
        let other = written(TestRecord(id: 2, body: patternedBody(500_000)).make())
        #expect(!isRecord([pieces[0], other[1], pieces[2], pieces[3]]))
        #expect(!isRecord([pieces[0], pieces[1], pieces[2], Array(pieces[3].dropLast())]))
        #expect(!isRecord([pieces[0], pieces[1], pieces[2], pieces[3] + [0]]))
    }

    // MARK: Pieces

    /// What is sent of a record, piece by piece, each with its header.
    private func written(_ record: StoredResponse) -> [[UInt8]] {
        let total = RecordFormat.headerCount + record.lengths.total
        var scratch: [UInt8] = []
        return (0..<RecordFormat.pieces(of: total)).map { number in
            var output = ByteQueue()
            if number == 0 {
                RecordFormat.appendHeader(of: record, to: &output, scratch: &scratch)
            } else {
                RecordFormat.appendPieceHeader(number, of: record, to: &output, scratch: &scratch)
            }
            RecordFormat.appendContents(
                of: record, RecordFormat.contents(ofPiece: number, total: total), to: &output)
            return output.bytes.copied()
        }
    }

    private func header(of pieces: [[UInt8]]) -> RecordFormat.Header? {
        let first = pieces[0]
        return RecordFormat.readFirstPiece(first.span)
    }

    private func isRecord(_ pieces: [[UInt8]]) -> Bool {
        guard let header = header(of: pieces), header.pieces == pieces.count else { return false }
        for number in 1..<max(pieces.count, 1) {
            let piece = pieces[number]
            if !RecordFormat.isPiece(piece.span, number: number, of: header) { return false }
        }
        return true
    }

    private func expectNoRecord(_ pieces: [[UInt8]], changed piece: Int, at offset: Int) {
        var changed = pieces[piece]
        changed[offset] ^= UInt8(1 << (offset % 8))
        var isRead = false
        if piece == 0 {
            isRead = RecordFormat.readFirstPiece(changed.span) != nil
        } else if let header = header(of: pieces) {
            isRead = RecordFormat.isPiece(changed.span, number: piece, of: header)
        }
        #expect(!isRead, "byte \(offset) of piece \(piece) was changed, and it was read")
    }
}
