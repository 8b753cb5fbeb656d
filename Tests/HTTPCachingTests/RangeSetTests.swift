import TestRandomness
import Testing

@testable import HTTPCaching

@Suite("RFC 9110 §14.2, §15.3.7.2 several ranges, §17.15 too many")
struct RangeSetTests {
    private func verdict(_ value: String, length: Int64 = 10_000) -> RangeSetVerdict {
        let bytes = Array(value.utf8)
        return rangeSetVerdict(bytes.span, length: length)
    }

    private func parts(_ pairs: [(Int64, Int64)]) -> RangeSetVerdict {
        let ranges = pairs.map { $0.0..<$0.1 }
        return ranges.count == 1 ? .part(ranges[0]) : .parts(ranges)
    }

    @Test("One range is one part", .tags(.must), arguments: ["bytes=500-999", "bytes=,500-999 , ", "BYTES= 500-999"])
    func one(value: String) { #expect(verdict(value) == parts([(500, 1000)])) }

    @Test("The RFC's own examples", .tags(.must))
    func examples() {
        #expect(verdict("bytes=-500") == parts([(9500, 10_000)]))
        #expect(verdict("bytes=9500-") == parts([(9500, 10_000)]))
        #expect(verdict("bytes=0-0,-1") == parts([(0, 1), (9999, 10_000)]))
        #expect(verdict("bytes= 0-999, 4500-5499, -1000") == parts([(0, 1000), (4500, 5500), (9000, 10_000)]))
        #expect(verdict("bytes=500-600,601-999") == parts([(500, 1000)]))
        #expect(verdict("bytes=500-700,601-999") == parts([(500, 1000)]))
    }

    @Test("Parts are in the order of the request", .tags(.should))
    func order() {
        #expect(verdict("bytes=900-999,0-99,500-599") == parts([(900, 1000), (0, 100), (500, 600)]))
    }

    @Test("Ranges that overlap or touch are coalesced, at the position of the first", .tags(.choice))
    func coalesces() {
        #expect(verdict("bytes=900-999,0-99,1000-1099,100-199") == parts([(900, 1100), (0, 200)]))
        #expect(verdict("bytes=0-9,20-29,40-49,5-45") == parts([(0, 50)]))
        #expect(verdict("bytes=0-9,11-19") == parts([(0, 10), (11, 20)]))
    }

    @Test("An unsatisfiable range is left out if another one is satisfiable", .tags(.must))
    func omitsUnsatisfiable() {
        #expect(verdict("bytes=20000-,0-9,-0,10-10") == parts([(0, 11)]))
        #expect(verdict("bytes=20000-,-0") == .unsatisfiable)
        #expect(verdict("bytes=0-0", length: 0) == .unsatisfiable)
    }

    @Test(
        "One invalid member invalidates the whole field", .tags(.must),
        arguments: ["bytes=0-1,x", "bytes=0-1,5-4", "bytes=0-1,-", "bytes=0-1;2-3", "items=0-1", "bytes", "bytes=", ""])
    func invalid(value: String) { #expect(verdict(value) == .whole) }

    @Test(
        "A set of more than sixteen parts, or of more bytes than the content has, gets the complete content",
        .tags(.should))
    func abuse() {
        func set(_ count: Int) -> String {
            "bytes=" + (0..<count).map { "\($0 * 10)-\($0 * 10)" }.joined(separator: ",")
        }
        let sixteen: [Range<Int64>] = (0..<16).map { (index: Int64) in index * 10..<(index * 10 + 1) }
        #expect(verdict(set(16)) == .parts(sixteen))
        #expect(verdict(set(17)) == .whole)
        #expect(verdict("bytes=" + [String](repeating: "0-", count: 1000).joined(separator: ",")) == .whole)
        #expect(verdict("bytes=0-9999,0-0") == .whole)
    }

    @Test("A suffix range of empty content has no part", .tags(.must))
    func lastOfNothing() { #expect(verdict("bytes=-5", length: 0) == .whole) }

    @Test(
        "Random sets: the parts contain the requested bytes, disjoint and non-adjacent, or the complete content is sent",
        .tags(.must))
    func model() {
        var random = SeededGenerator(seed: 14_2)
        for _ in 0..<2000 {
            let length = Int64.random(in: 1...40, using: &random)
            var asked: Set<Int64> = []
            var sum: Int64 = 0
            let members = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                let first = Int64.random(in: 0...45, using: &random)
                let last = first + Int64.random(in: 0...6, using: &random)
                let range = min(first, length)..<min(last + 1, length)
                asked.formUnion(range)
                sum += range.upperBound - range.lowerBound
                return "\(first)-\(last)"
            }
            switch verdict("bytes=" + members.joined(separator: ","), length: length) {
            case .whole: #expect(sum > length)
            case .unsatisfiable: #expect(asked.isEmpty)
            case .part(let part): #expect(Set(part) == asked)
            case .parts(let parts):
                let held: [Int64] = parts.flatMap { Array($0) }
                #expect(Set(held) == asked)
                let sorted = parts.sorted { $0.lowerBound < $1.lowerBound }
                for (left, right) in zip(sorted, sorted.dropFirst()) { #expect(left.upperBound < right.lowerBound) }
            }
        }
    }
}

@Suite("RFC 9110 §14.6 multipart/byteranges")
struct MultipartTests {
    private let boundary = Array("THIS_STRING_SEPARATES".utf8)

    private func assemble(_ parts: [Range<Int64>], type: String, content: [UInt8]) -> [UInt8] {
        let type = Array(type.utf8)
        var body: [UInt8] = []
        for (index, part) in parts.enumerated() {
            MultipartByteRanges.appendPartHeader(
                part, isFirst: index == 0, boundary: boundary.span, contentType: type.span,
                length: Int64(content.count), into: &body)
            body += content[Int(part.lowerBound)..<Int(part.upperBound)]
        }
        MultipartByteRanges.appendEnd(boundary: boundary.span, into: &body)
        return body
    }

    @Test("Every part has its Content-Type and Content-Range", .tags(.must))
    func form() {
        let body = assemble([0..<3, 7..<10], type: "application/pdf", content: Array("abcdefghij".utf8))
        let expected = [
            "--THIS_STRING_SEPARATES", "Content-Type: application/pdf", "Content-Range: bytes 0-2/10", "", "abc",
            "--THIS_STRING_SEPARATES", "Content-Type: application/pdf", "Content-Range: bytes 7-9/10", "", "hij",
            "--THIS_STRING_SEPARATES--", "",
        ]
        #expect(string(body) == expected.joined(separator: "\r\n"))
        var type: [UInt8] = []
        MultipartByteRanges.appendContentType(boundary: boundary.span, into: &type)
        #expect(string(type) == "multipart/byteranges; boundary=THIS_STRING_SEPARATES")
    }

    @Test("A response without Content-Type has parts without one", .tags(.should))
    func untyped() {
        let body = string(assemble([0..<1, 2..<3], type: "", content: [0x61, 0x62, 0x63]))
        #expect(!body.contains("Content-Type"))
    }

    @Test("The declared length is the length that is sent", .tags(.must), arguments: ["", "text/plain"])
    func length(type: String) {
        var random = SeededGenerator(seed: 14_6)
        let content = [UInt8](repeating: 0x78, count: 12_345)
        for _ in 0..<200 {
            let parts = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                let lower = Int64.random(in: 0..<12_345, using: &random)
                return lower..<Int64.random(in: (lower + 1)...12_345, using: &random)
            }
            let typeBytes = Array(type.utf8)
            let length = MultipartByteRanges.length(
                of: parts, boundary: boundary.span, contentType: typeBytes.span, length: 12_345)
            #expect(length == Int64(assemble(parts, type: type, content: content).count))
        }
    }
}
