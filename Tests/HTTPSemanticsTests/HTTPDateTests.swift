import Bytes
import Foundation
import Testing

@testable import HTTPSemantics

@Suite("RFC 9110 §5.6.7: dates")
struct HTTPDateTests {
    static let now: Int64 = 1_790_000_000  // in 2026

    private func parse(_ text: String, now: Int64 = now) -> Int64? { HTTPDate.parse(Array(text.utf8).span, now: now) }

    private func written(_ seconds: Int64) -> String {
        var buffer = ByteBuffer()
        HTTPDate.append(seconds, to: &buffer)
        return text(buffer)
    }

    @Test(
        "the three formats are read",
        arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    func formats(_ text: String) { #expect(parse(text) == 784_111_777) }

    @Test("RFC 9111 §4.2: a cache matches names and zone without regard to case")
    func caseless() {
        #expect(parse("sun, 06 nov 1994 08:49:37 gmt") == 784_111_777)
        #expect(parse("SUNDAY, 06-NOV-94 08:49:37 GMT") == 784_111_777)
        #expect(parse("sUN nOV  6 08:49:37 1994") == 784_111_777)
    }

    @Test("a two-digit year more than 50 years ahead is in the past")
    func centuries() {
        #expect(parse("Wednesday, 01-Jan-76 00:00:00 GMT") == parse("Wed, 01 Jan 2076 00:00:00 GMT"))
        #expect(parse("Saturday, 01-Jan-77 00:00:00 GMT") == parse("Sat, 01 Jan 1977 00:00:00 GMT"))
        #expect(parse("Saturday, 01-Jan-00 00:00:00 GMT") == parse("Sat, 01 Jan 2000 00:00:00 GMT"))
        for now in [Int64.min, -1, 0, .max] { #expect(parse("Saturday, 01-Jan-00 00:00:00 GMT", now: now) != nil) }
    }

    @Test(
        "what is no date is none",
        arguments: [
            "", "0", "-1", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 EST",
            "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT", "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994 GMT", "1994-11-06T08:49:37Z", "Sun, 06-Nov-1994 08:49:37 GMT",
        ])
    func invalid(_ text: String) { #expect(parse(text) == nil) }

    @Test("leap days and leap seconds exist")
    func leaps() {
        #expect(parse("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(parse("Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_800)
    }

    @Test("what is written is read back, in any year")
    func roundTrip() {
        #expect(written(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(written(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(written(-1) == "Wed, 31 Dec 1969 23:59:59 GMT")
        #expect(written(.max) == "Fri, 31 Dec 9999 23:59:59 GMT" && written(.min).utf8.count == HTTPDate.length)
        for seconds in stride(from: Int64(-62_167_219_200), through: 253_402_300_799, by: 86_400 * 97 + 12_345) {
            #expect(parse(written(seconds)) == seconds)
        }
    }

    @Test("the calendar is Foundation's")
    func calendar() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for seconds in stride(from: Int64(0), through: 4_102_444_800, by: 86_400 * 31 + 7_777) {
            #expect(written(seconds) == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
        }
    }
}
