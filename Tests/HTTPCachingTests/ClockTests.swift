import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §1.2.2 Delta seconds, and clocks")
struct ClockTests {
    private func delta(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        return Seconds(delta: bytes.span)?.count
    }

    @Test(
        "Digits are read, and more than 2^31 is 2^31", .tags(.must),
        arguments: [
            ("0", 0), ("007", 7), ("2147483647", 2_147_483_647), ("2147483648", 2_147_483_648),
            ("2147483649", 2_147_483_648), (String(repeating: "9", count: 100), 2_147_483_648),
        ])
    func digits(text: String, seconds: Int) { #expect(delta(text) == Int64(seconds)) }

    @Test(
        "Anything else is no number", .tags(.must), arguments: ["", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "١"])
    func others(text: String) { #expect(delta(text) == nil) }

    @Test("Differences are rounded down to whole seconds, before 1970 too", .tags(.choice))
    func differences() {
        let start = Instant(milliseconds: -1_500)
        for (milliseconds, seconds) in [
            (-1_500, 0), (-501, 0), (-500, 1), (0, 1), (500, 2), (-1_501, -1), (-2_501, -2),
        ] {
            #expect(Instant(milliseconds: Int64(milliseconds)) - start == Seconds(Int64(seconds)))
        }
        #expect(start.secondsSinceEpoch == -2 && Instant(milliseconds: 1_999).secondsSinceEpoch == 1)
        #expect(start + 2 == Instant(milliseconds: 500))
    }

    @Test("No sum overflows", .tags(.must))
    func extremes() {
        let (past, future) = (Instant(milliseconds: .min), Instant(milliseconds: .max))
        #expect(past == .distantPast && Instant(secondsSinceEpoch: .min) == past)
        #expect(Instant(secondsSinceEpoch: .max) == future)
        #expect(future.milliseconds(since: past) == .max && past.milliseconds(since: future) == .min)
        #expect(future + 1 == future && past + -1 == past)
        #expect(Seconds(.max).milliseconds == .max && Seconds(.min).milliseconds == .min)
        #expect(future - past > 0 && past - future < 0)
        #expect(Seconds(.max) + 1 == Seconds(.max) && Seconds(.min) - 1 == Seconds(.min))
        #expect(Seconds(.min) + -1 == Seconds(.min) && Seconds(.max) - -1 == Seconds(.max))
    }
}
