import CacheStorage
import HTTPCaching
import Testing

@Suite("Entries of bare JSON")
struct JSONEntryTests {
    @Test(
        "What begins and ends as JSON may be JSON",
        arguments: [
            "{}", "[]", "{\"a\":1}", " \n[1]\r\n\t", "\"text\"", "0", "-1", "12.5", "true", "false", "null", "1e5",
        ])
    func json(_ text: String) {
        let mayBe = JSONEntry.mayBeJSON(text.utf8.span)
        #expect(mayBe)
    }

    @Test(
        "Other kinds of values are none",
        arguments: [
            "", " ", "{", "[", "\"", "-", "{\"a\":1", "[1}", "<html></html>", "hello", "tRUE", "nul", "'a'", "NaN",
            "-Infinity", "\u{80}\u{4}K\u{1}.", "LRDR\u{3}\u{0}", "\u{FEFF}{}",
            String(repeating: " ", count: 100) + "{}",
        ])
    func other(_ text: String) {
        let mayBe = JSONEntry.mayBeJSON(text.utf8.span)
        #expect(!mayBe)
    }

    @Test("The response that an entry stands for")
    func response() throws {
        let now = Instant(secondsSinceEpoch: 784_111_777)
        let facts = StoredFacts(bareJSONFoundAt: now, date: now, left: 60_000, longest: 300_000)
        let made = JSONEntry.response(
            id: 5, facts, keyText: "tasks".utf8.span, content: "[1]".utf8.span,
            discardAt: WallTime(milliseconds: now.milliseconds + 60_000), budget: nil)
        let record = try #require(made)
        #expect(
            record.headString
                == "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-cache\r\n"
                + "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: 1.1 larder\r\nContent-Length: 3\r\n")
        #expect(record.keyTextString == "tasks" && record.bodyArray == Array("[1]".utf8) && record.isResponse)
        #expect(record.etagString == "" && record.status == 200)
        // It was given 5 minutes, 4 minutes ago: what was purged since is purged.
        let asked = UInt64(now.milliseconds) - 240_000
        #expect(record.description.fence == PurgePosition(milliseconds: asked, sequence: 0))
    }
}
