import HTTPSemantics
import TestRandomness
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §3.3 storing partial content")
struct PartialStoringTests {
    private func verdict(
        _ fields: Fields, range: String = "bytes 0-99/1000", type: String = "", status: Int = 206,
        _ request: RequestFacts = request(.get, [(.range, "bytes=0-99")]), _ policy: RoutePolicy = policy()
    ) -> PartialStorageVerdict {
        let (range, type) = (Array(range.utf8), Array(type.utf8))
        return partialStorageVerdict(
            request: request, response: response(status, fields), contentRange: range.span, contentType: type.span,
            policy: policy, requestTime: arrival)
    }

    private let storable: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]

    @Test("A part with a strong entity-tag is stored as part of a 200", .tags(.choice))
    func stores() {
        guard case .store(let facts, _, let range, let length) = verdict(storable) else {
            Issue.record("refused")
            return
        }
        #expect(facts.status.code == 200)
        #expect(facts == store(response(200, storable)).facts)
        #expect(range == 0..<100)
        #expect(length == 1000)
    }

    @Test("A part of a representation of unknown length is stored too", .tags(.choice))
    func unknownLength() {
        guard case .store(_, _, 5..<10, nil) = verdict(storable, range: "bytes 5-9/*") else {
            Issue.record("refused")
            return
        }
    }

    @Test(
        "A part is stored whatever its validators: it answers for what lies within it", .tags(.choice),
        arguments: [[], [(.etag, "W/\"a\"")], [(.lastModified, "Sun, 06 Nov 1994 08:49:37 GMT")]] as [Fields])
    func needsNoStrongETag(validator: Fields) {
        guard case .store(_, _, 0..<100, 1000) = verdict([(.cacheControl, "max-age=60")] + validator) else {
            Issue.record("refused")
            return
        }
    }

    @Test(
        "A part whose range is invalid or in another unit isn't stored", .tags(.must),
        arguments: ["", "bytes 5-4/10", "bytes 0-10/10", "items 0-4/10", "bytes */10"])
    func invalidRange(range: String) { #expect(verdict(storable, range: range) == .refuse(.partialContent)) }

    @Test(
        "Several parts in one response aren't stored", .tags(.choice),
        arguments: ["multipart/byteranges; boundary=x", "Multipart/Byteranges ;boundary=x", "multipart/x-byteranges"])
    func multipart(type: String) { #expect(verdict(storable, type: type) == .refuse(.partialContent)) }

    @Test("Otherwise the rules are those of a 200", .tags(.must))
    func otherRules() {
        #expect(verdict([(.cacheControl, "no-store"), (.etag, "\"a\"")]) == .refuse(.responseNoStore))
        #expect(verdict([(.cacheControl, "private"), (.etag, "\"a\"")]) == .refuse(.privateResponse))
        #expect(verdict([(.etag, "\"a\"")]) == .refuse(.noLifetime))
        #expect(verdict(storable, request(.get, [(.authorization, "x")])) == .refuse(.authorization))
        #expect(verdict(storable + [(.vary, "*")]) == .refuse(.varyStar))
        #expect(verdict(storable + [(.setCookie, "a=b")]) == .refuse(.setCookie))
    }

    @Test("Only a 206 to GET is stored as a part, and never as a complete response", .tags(.must))
    func otherStatus() {
        #expect(verdict(storable, status: 200) == .refuse(.partialContent))
        #expect(verdict(storable, request(.post)) == .refuse(.partialContent))
        #expect(store(response(206, storable)).reason == .partialContent)
    }
}

@Suite("RFC 9111 §3.4, RFC 9110 §15.3.7.3 combining partial content")
struct CombiningTests {
    private func verdict(
        _ etag: String, _ storedETag: String, range: Range<Int64> = 100..<200, length: Int64? = 1000,
        storedLength: Int64? = 1000
    ) -> CombineVerdict {
        let (etag, storedETag) = (Array(etag.utf8), Array(storedETag.utf8))
        return combineVerdict(
            etag: etag.span, storedETag: storedETag.span, range: range, completeLength: length,
            storedCompleteLength: storedLength)
    }

    @Test("Parts with the same strong entity-tag are combined", .tags(.must))
    func combines() {
        #expect(verdict("\"a\"", "\"a\"") == .combine)
        #expect(verdict("\"a\"", "\"a\"", length: nil) == .combine)
        #expect(verdict("\"a\"", "\"a\"", storedLength: nil) == .combine)
    }

    @Test(
        "Parts without one are not", .tags(.must),
        arguments: [
            ("\"a\"", "\"b\""), ("W/\"a\"", "W/\"a\""), ("\"a\"", "W/\"a\""), ("", ""), ("\"a\"", ""), ("", "\"a\""),
            ("a", "a"),
        ])
    func replaces(etag: String, storedETag: String) { #expect(verdict(etag, storedETag) == .replace) }

    @Test("Parts with one entity-tag but two complete lengths are not combined", .tags(.choice))
    func contradiction() {
        #expect(verdict("\"a\"", "\"a\"", length: 1001) == .replace)
        #expect(verdict("\"a\"", "\"a\"", range: 900..<1001, length: nil) == .replace)
    }
}

@Suite("RFC 9111 §3.3 serving from partial content")
struct PartialReuseTests {
    /// 0–99 and 200–299 are stored.
    private func reuse(
        _ range: String?, length: Int64? = 1000, mayBeJoined: Bool = true
    ) -> PartialReuseVerdict {
        var extents = ExtentList()
        extents.insert(0..<100)
        extents.insert(200..<300)
        let bytes = Array((range ?? "").utf8)
        let request = range == nil ? .ignored : RangeRequest(field: bytes.span)
        return partialReuse(request, extents: extents, completeLength: length, mayBeJoined: mayBeJoined)
    }

    @Test("A range that is stored completely is served", .tags(.must))
    func answers() {
        #expect(reuse("bytes=0-99") == .answer(0..<100))
        #expect(reuse("bytes=250-260") == .answer(250..<261))
        #expect(reuse("bytes=250-260", length: nil) == .answer(250..<261))
        #expect(reuse("bytes=200-", length: 300) == .answer(200..<300))
        #expect(reuse("bytes=-50", length: 300) == .answer(250..<300))
        #expect(reuse("bytes=200-999", length: 300) == .answer(200..<300))
    }

    @Test("The missing part of a range is fetched", .tags(.choice))
    func fetchesMissing() {
        #expect(reuse("bytes=50-149") == .fetch(missing: 100..<150, toAnswer: 50..<150))
        #expect(reuse("bytes=150-250") == .fetch(missing: 150..<200, toAnswer: 150..<251))
        #expect(reuse("bytes=0-299") == .fetch(missing: 100..<200, toAnswer: 0..<300))
        #expect(reuse("bytes=0-") == .fetch(missing: 100..<1000, toAnswer: 0..<1000))
        #expect(reuse(nil) == .fetch(missing: 100..<1000, toAnswer: 0..<1000))
        #expect(reuse(nil, length: 300) == .fetch(missing: 100..<200, toAnswer: 0..<300))
    }

    @Test("Without a strong entity-tag nothing can be joined, so that all of it is fetched", .tags(.must))
    func notJoined() {
        #expect(reuse("bytes=50-149", mayBeJoined: false) == .fetchAsAsked)
        #expect(reuse("bytes=0-", mayBeJoined: false) == .fetchAsAsked)
        #expect(reuse(nil, mayBeJoined: false) == .fetchAsAsked)
        #expect(reuse("bytes=10-20", mayBeJoined: false) == .answer(10..<21))
        #expect(reuse("bytes=1000-", mayBeJoined: false) == .unsatisfiable)
    }

    @Test("A request that the stored parts don't shorten is forwarded unchanged", .tags(.must))
    func goesOn() {
        #expect(reuse("bytes=100-149") == .fetchAsAsked)
        #expect(reuse("bytes=150-350") == .fetchAsAsked)
        #expect(reuse("bytes=0-1,5-6") == .fetchAsAsked)
        #expect(reuse(nil, length: nil) == .fetchAsAsked)
        #expect(reuse("bytes=200-", length: nil) == .fetchAsAsked)
        #expect(reuse("bytes=-5", length: nil) == .fetchAsAsked)
        #expect(reuse("bytes=50-149", length: nil) == .fetchAsAsked)
        #expect(reuse("bytes=50-9223372036854775807", length: nil) == .fetchAsAsked)
    }

    @Test("A range past a known end can't be satisfied", .tags(.should))
    func unsatisfiable() { #expect(reuse("bytes=1000-") == .unsatisfiable) }

    @Test(
        "An invalid Range is ignored", .tags(.must), arguments: ["bytes=5-4", "items=0-1", "bytes="])
    func ignored(range: String) { #expect(reuse(range) == reuse(nil)) }
}

@Suite("Extents", .tags(.choice))
struct ExtentListTests {
    @Test("Every operation agrees with a plain set of offsets")
    func model() {
        var random = SeededGenerator(seed: 33)
        for _ in 0..<300 {
            var extents = ExtentList()
            var model: Set<Int64> = []
            for _ in 0..<12 {
                let range = Self.range(below: 60, &random)
                extents.insert(range)
                model.formUnion(range)
                let held: [Int64] = extents.extents.flatMap { Array($0) }
                #expect(Set(held) == model)
                #expect(ExtentList(sorted: extents.extents) == extents)
                #expect(extents.byteCount == Int64(model.count))
                let asked = Self.range(below: 66, &random)
                let absent: [Int64] = asked.filter { !model.contains($0) }
                let gaps: [Int64] = extents.gaps(in: asked).flatMap { Array($0) }
                let span: Range<Int64>? = absent.isEmpty ? nil : absent[0]..<(absent[absent.count - 1] + 1)
                #expect(extents.contains(asked) == absent.isEmpty)
                #expect(gaps == absent)
                #expect(extents.missing(in: asked) == span)
            }
        }
    }

    @Test("If there is one extent too many, the smallest of the others is removed")
    func bounded() {
        var extents = ExtentList()
        for index in 0..<Int64(32) { extents.insert(index * 100..<(index * 100 + (index == 7 ? 2 : 10))) }
        extents.insert(5000..<5001)
        #expect(extents.extents.count == 32)
        #expect(extents.contains(5000..<5001))
        #expect(!extents.contains(700..<701))
    }

    private static let tooMany: [Range<Int64>] = (0..<33).map { (index: Int64) -> Range<Int64> in
        index * 2..<index * 2 + 1
    }

    @Test(
        "A list that isn't sorted, disjoint, non-adjacent and bounded is rejected",
        arguments: [[0..<0], [5..<6, 0..<1], [0..<5, 4..<6], [0..<5, 5..<6], [-1..<5], tooMany])
    func rejects(list: [Range<Int64>]) { #expect(ExtentList(sorted: list) == nil) }

    private static func range(below bound: Int64, _ random: inout SeededGenerator) -> Range<Int64> {
        let lower = Int64.random(in: 0..<bound, using: &random)
        return lower..<Int64.random(in: lower...min(bound, lower + 12), using: &random)
    }
}
