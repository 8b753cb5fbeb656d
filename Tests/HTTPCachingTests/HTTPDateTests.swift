import Testing

@testable import HTTPCaching

@Suite("RFC 9110 §5.6.7 Dates")
struct HTTPDateTests {
    private func read(_ text: String, now: Instant = arrival) -> Int64? {
        let bytes = Array(text.utf8)
        return Instant(httpDate: bytes.span, now: now)?.secondsSinceEpoch
    }

    @Test(
        "All three formats are read", .tags(.must),
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            "  Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 nov 1994 08:49:37 gmt",
        ])
    func formats(text: String) { #expect(read(text) == 784_111_777) }

    @Test(
        "Calendar corners", .tags(.must),
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400), ("Fri, 31 Dec 1999 23:59:59 GMT", 946_684_799),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ])
    func calendar(text: String, seconds: Int64) { #expect(read(text) == seconds) }

    @Test(
        "Anything else is invalid", .tags(.must),
        arguments: [
            "", "0", "-1", "Sun, 06 Nov 1994 08:49:37 EST", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2023 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT", "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37 GMT+2", "Sun Nov 06 08:49 1994", "Sunday, 06-Nov-94 08:49:37 EST",
            "Sun, 00 Nov 1994 08:49:37 GMT",
        ])
    func invalid(text: String) { #expect(read(text) == nil) }

    @Test("A two-digit year is never more than fifty years ahead", .tags(.must))
    func twoDigitYears() {
        // 2024: 74 is 2074-01-01, fifty years ahead to the second; 75 is 1975.
        #expect(read("Monday, 01-Jan-74 00:00:00 GMT") == 3_281_990_400)
        #expect(read("Monday, 01-Feb-74 00:00:00 GMT") == 128_908_800)
        #expect(read("Wednesday, 01-Jan-75 00:00:00 GMT") == 157_766_400)
        #expect(read("Monday, 01-Jan-24 00:00:00 GMT") == arrival.secondsSinceEpoch)
    }

    @Test("No input traps", .tags(.choice))
    func everyTruncation() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            for length in 0..<text.utf8.count { #expect(read(String(text.prefix(length))) == nil) }
        }
        #expect(read("Monday, 01-Jan-74 00:00:00 GMT", now: Instant(secondsSinceEpoch: .max)) != nil)
        #expect(read("Monday, 01-Jan-74 00:00:00 GMT", now: Instant(secondsSinceEpoch: .min)) != nil)
    }
}
