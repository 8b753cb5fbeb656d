import Bytes
import CAllocator
import HTTPSemantics
import Testing

@testable import Compression

private func json(_ count: Int) -> [UInt8] {
    var text = "["
    var number: UInt64 = 7
    while text.utf8.count < count {
        number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text += "{\"id\":\(number >> 44),\"name\":\"task \(number >> 50)\",\"done\":\(number & 1 == 0)},"
    }
    return Array(text.utf8.prefix(count))
}

private func compressed(
    _ content: [UInt8], _ coding: ContentCoding, _ effort: CompressionEffort, pieces: Int, length: Int?
) throws -> [UInt8] {
    let compressor = try #require(Compressor.make(coding, effort, length: length))
    var output = ByteBuffer()
    var start = 0
    while start < content.count {
        let end = min(start + pieces, content.count)
        try take(compressor.compress(content.span.extracting(start..<end), into: &output))
        start = end
    }
    try take(compressor.finish(into: &output))
    return output.span.copied()
}

private func take(_ isWell: Bool) throws { try #require(isWell) }

private func decoded(_ coded: [UInt8], _ coding: ContentCoding, atMost limit: Int = .max) -> [UInt8]? {
    var output = ByteBuffer()
    return Decompression.decode(coded.span, coding, atMost: limit, into: &output) ? output.span.copied() : nil
}

@Suite("Content codings: gzip, br, zstd", .serialized)
struct CompressorTests {
    @Test(
        "What goes in comes out again, whatever its length and pieces",
        arguments: ContentCoding.allCases, CompressionEffort.allCases)
    func roundTrip(coding: ContentCoding, effort: CompressionEffort) throws {
        for count in [0, 1, 100, 4096, 70_000, 700_000] {
            let content = json(count)
            for pieces in [count < 5000 ? 1 : 1000, 65_536, max(count, 1)] {
                for length in [nil, count] {
                    let coded = try compressed(content, coding, effort, pieces: pieces, length: length)
                    #expect(decoded(coded, coding) == content, "\(count) in pieces of \(pieces)")
                    if count > 4000 { #expect(coded.count < count / 2) }
                }
            }
        }
    }

    @Test("A compressor that is used again does the same", arguments: ContentCoding.allCases)
    func pool(coding: ContentCoding) throws {
        var pool = CompressorPool()
        for count in [70_000, 100, 0, 300_000, 4096] {
            let content = json(count)
            for length in [nil, count] {
                let taken = pool.take(coding, .standard, length: length)
                let compressor = try #require(taken)
                var output = ByteBuffer()
                try take(compressor.compress(content.span, into: &output))
                try take(compressor.finish(into: &output))
                pool.put(compressor)
                let coded = output.span.copied()
                #expect(decoded(coded, coding) == content)
                #expect(try coded == compressed(content, coding, .standard, pieces: max(count, 1), length: length))
            }
        }
    }

    @Test("What can't be compressed grows by little", arguments: ContentCoding.allCases)
    func noise(coding: ContentCoding) throws {
        let content = (0..<100_000).map { _ in UInt8.random(in: 0...255) }
        let coded = try compressed(content, coding, .standard, pieces: 65_536, length: nil)
        #expect(decoded(coded, coding) == content)
        #expect(coded.count < 100_400)
    }

    @Test("A length that isn't kept to does no harm", arguments: ContentCoding.allCases)
    func wrongLength(coding: ContentCoding) throws {
        let content = json(200_000)
        for length in [1, 1000, 10_000_000] {
            let coded = try compressed(content, coding, .standard, pieces: 5000, length: length)
            #expect(decoded(coded, coding) == content)
        }
    }

    @Test("After a flush everything so far can be read", arguments: ContentCoding.allCases)
    func flush(coding: ContentCoding) throws {
        let compressor = try #require(Compressor.make(coding, .standard, length: nil))
        var output = ByteBuffer()
        var sizes: [Int] = []
        for number in 0..<5 {
            let line = Array("{\"event\":\(number)}\n".utf8)
            try take(compressor.compress(line.span, into: &output))
            try take(compressor.flush(into: &output))
            sizes.append(output.count)
        }
        #expect(Set(sizes).count == 5, "each flush puts something out: \(sizes)")
        try take(compressor.finish(into: &output))
        let all = decoded(output.span.copied(), coding)
        #expect(all == Array((0..<5).map { "{\"event\":\($0)}\n" }.joined().utf8))
    }

    @Test("Content beyond the limit isn't taken apart", arguments: ContentCoding.allCases)
    func limit(coding: ContentCoding) throws {
        let coded = try compressed(
            [UInt8](repeating: 65, count: 1 << 20), coding, .standard, pieces: 65_536, length: nil)
        #expect(coded.count < 5000)
        #expect(decoded(coded, coding, atMost: (1 << 20) - 1) == nil)
        #expect(decoded(coded, coding, atMost: 1 << 20)?.count == 1 << 20)
    }

    @Test(
        "What is cut off, spoilt or followed by something is no body of that coding", arguments: ContentCoding.allCases)
    func spoilt(coding: ContentCoding) throws {
        let coded = try compressed(json(20_000), coding, .standard, pieces: 20_000, length: nil)
        for count in [0, 1, 5, coded.count / 2, coded.count - 1] {
            #expect(decoded(Array(coded.prefix(count)), coding) == nil, "\(count) of \(coded.count)")
        }
        #expect(decoded(coded + [1, 2, 3], coding) == nil)
        #expect(decoded(json(2000), coding) == nil)
    }

    /// By what malloc says, before and while it compresses.
    @Test(
        "Nobody holds more than is accounted for",
        arguments: ContentCoding.allCases, CompressionEffort.allCases)
    func footprint(coding: ContentCoding, effort: CompressionEffort) throws {
        let content = json(3 << 20)
        for length in [nil, 4096, 100_000, 3 << 20] {
            let allowed = Compressor.footprint(coding, effort, length: length)
            // Other tests run beside this one in the same process: what they take is not there each time.
            var least = Int.max
            for _ in 0..<20 where least >= allowed + (256 << 10) {
                least = min(least, try most(of: content, coding, effort, length: length))
            }
            #expect(least < allowed + (256 << 10), "\(coding) \(effort) \(length ?? -1): \(least) of \(allowed)")
        }
    }

    private func most(
        of content: [UInt8], _ coding: ContentCoding, _ effort: CompressionEffort, length: Int?
    ) throws -> Int {
        var output = ByteBuffer(minimumCapacity: 4 << 20)
        let before = inUse()
        let compressor = try #require(Compressor.make(coding, effort, length: length))
        var most = 0
        var start = 0
        let count = length ?? content.count
        while start < count {
            let end = min(start + 65_536, count)
            try take(compressor.compress(content.span.extracting(start..<end), into: &output))
            most = max(most, inUse() - before)
            start = end
        }
        try take(compressor.finish(into: &output))
        return max(most, inUse() - before)
    }

    private func inUse() -> Int {
        let figures = mallinfo2()
        return Int(figures.uordblks) + Int(figures.hblkhd)
    }
}
