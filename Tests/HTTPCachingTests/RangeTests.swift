import Testing

@testable import HTTPCaching

@Suite("RFC 9110 §14.2 Range, §13.1.5 If-Range")
struct RangeTests {
    private func verdict(_ value: String, length: Int64 = 100) -> RangeVerdict {
        let bytes = Array(value.utf8)
        return rangeVerdict(bytes.span, length: length)
    }

    @Test(
        "A part that exists", .tags(.must),
        arguments: [
            ("bytes=0-9", 0, 10), ("bytes=90-", 90, 100), ("bytes=-10", 90, 100), ("bytes=0-999", 0, 100),
            ("bytes=-999", 0, 100), ("BYTES = 5-5", 5, 6), ("bytes=, 0-0 ,", 0, 1),
            ("bytes=0-99999999999999999999", 0, 100),
        ])
    func part(value: String, lower: Int, upper: Int) {
        #expect(verdict(value) == .part(Int64(lower)..<Int64(upper)))
    }

    @Test(
        "A part that doesn't", .tags(.must),
        arguments: ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,200-", "bytes=99999999999999999999-"])
    func unsatisfiable(value: String) { #expect(verdict(value) == .unsatisfiable) }

    @Test(
        "Invalid and multiple ranges get the complete content", .tags(.must),
        arguments: [
            "", "bytes", "bytes=", "items=0-1", "bytes=a-b", "bytes=5", "bytes=9-5", "bytes=--5", "bytes=0-1-2",
            "bytes=0x1-2",
            "bytes=0-1,4-5", "bytes=200-,0-1", "bytes=0-1,x",
        ])
    func whole(value: String) { #expect(verdict(value) == .whole) }

    @Test("Of empty content there is no part", .tags(.must), arguments: ["bytes=0-0", "bytes=-0", "bytes=0-"])
    func empty(value: String) { #expect(verdict(value, length: 0) == .unsatisfiable) }

    @Test("A suffix range of empty content is satisfiable and gets the complete content", .tags(.must))
    func lastOfNothing() { #expect(verdict("bytes=-1", length: 0) == .whole) }

    @Test(
        "If-Range compares strongly", .tags(.must),
        arguments: [
            ("\"a\"", "\"a\"", true), ("W/\"a\"", "W/\"a\"", false), ("\"a\"", "W/\"a\"", false),
            ("\"b\"", "\"a\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "\"a\"", true), ("Sun, 06 Nov 1994 08:49:38 GMT", "\"a\"", false),
            ("\"a\"", "", false),
        ])
    func ifRange(value: String, etag: String, holds: Bool) {
        #expect(self.holds(value, etag: etag, modified: "Sun, 06 Nov 1994 08:49:37 GMT") == holds)
    }

    @Test("A Last-Modified within a minute of Date is not a strong validator", .tags(.must))
    func weakDate() {
        #expect(!holds("Sun, 31 Dec 2023 23:59:30 GMT", etag: "", modified: "Sun, 31 Dec 2023 23:59:30 GMT"))
        #expect(holds("Sun, 31 Dec 2023 23:59:00 GMT", etag: "", modified: "Sun, 31 Dec 2023 23:59:00 GMT"))
    }

    private func holds(_ value: String, etag: String, modified: String) -> Bool {
        let facts = store(response(200, [(.cacheControl, "max-age=60"), (.lastModified, modified)])).facts!
        let (value, etag, modified) = (Array(value.utf8), Array(etag.utf8), Array(modified.utf8))
        return ifRangeHolds(value.span, storedETag: etag.span, storedLastModified: modified.span, stored: facts)
    }
}
