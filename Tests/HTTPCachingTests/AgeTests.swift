import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.2.3 Calculating age")
struct AgeTests {
    private func initialAge(_ fields: Fields, delay: Int64 = 0) -> Int64? {
        store(response(200, fields + [(.cacheControl, "max-age=1000")]), requestTime: arrival + Seconds(-delay))
            .facts?.correctedInitialAge.count
    }

    @Test("The initial age is the larger of the apparent age and of Age plus the response delay", .tags(.must))
    func corrected() {
        #expect(initialAge([]) == 0)
        #expect(initialAge([(.age, "30")]) == 30)
        #expect(initialAge([(.age, "30")], delay: 5) == 35)
        #expect(initialAge([(.date, "Sun, 31 Dec 2023 23:59:00 GMT")]) == 60)
        #expect(initialAge([(.date, "Sun, 31 Dec 2023 23:59:00 GMT"), (.age, "70")], delay: 2) == 72)
        #expect(initialAge([(.date, "Tue, 02 Jan 2024 00:00:00 GMT")]) == 0)
    }

    @Test(
        "An origin's dates are compared with the wall clock, whatever the clock is that ages are measured with",
        .tags(.must))
    func setClock() {
        for seconds: Int64 in [-3_600, 0, 3_600] {
            let now = arrival + Seconds(seconds)
            for (fields, age): (Fields, Int64) in [
                ([(.date, arrivalDate)], 0), ([], 0), ([(.date, "Sun, 31 Dec 2023 23:59:00 GMT")], 60),
            ] {
                var response = ResponseFacts(status: Status(200), responseTime: now, arrivalDate: arrival)
                for (field, value) in fields + [(.expires, "Mon, 01 Jan 2024 00:10:00 GMT")] {
                    let bytes = Array(value.utf8)
                    response.note(field, bytes.span)
                }
                let facts = store(response, requestTime: now).facts
                #expect(facts?.correctedInitialAge.count == age)
                #expect(facts?.lifetime.count == 600 + age)
                #expect(facts?.currentAge(at: now + 5).count == age + 5)
            }
        }
    }

    @Test("The age grows with the clock and never shrinks below what it was on arrival", .tags(.must))
    func grows() {
        let facts = store(response(200, [(.cacheControl, "max-age=60"), (.age, "10")])).facts
        #expect(facts?.currentAge(at: arrival + 20) == 30)
        #expect(facts?.currentAge(at: arrival + -20) == 10)
        #expect(facts?.currentAge(at: Instant(secondsSinceEpoch: .max)).count ?? 0 > 0)
    }

    @Test(
        "A delay shorter than a second doesn't count as one, even if the clock's second ends meanwhile", .tags(.choice))
    func shortDelay() {
        // Asked at 23:59:59.900, dated then, arrived at 00:00:00.100.
        let asked = Instant(milliseconds: arrival.milliseconds - 100)
        let now = Instant(milliseconds: arrival.milliseconds + 100)
        let fields: Fields = [(.cacheControl, "max-age=1"), (.date, "Sun, 31 Dec 2023 23:59:59 GMT")]
        #expect(store(response(200, fields, at: now), requestTime: asked).facts?.correctedInitialAge == 0)
        #expect(initialAge([(.date, "Sun, 31 Dec 2023 23:59:59 GMT")]) == 1)
        let older: Fields = [(.cacheControl, "max-age=9"), (.date, "Sun, 31 Dec 2023 23:59:58 GMT")]
        #expect(store(response(200, older, at: now), requestTime: asked).facts?.correctedInitialAge == 2)
    }

    @Test("Counted from when the request was sent", .tags(.must))
    func fromRequest() {
        let late = Instant(milliseconds: arrival.milliseconds + 2_999)
        let facts = store(response(200, [(.cacheControl, "max-age=60"), (.age, "7")], at: late), requestTime: arrival)
            .facts
        #expect(facts?.correctedInitialAge == 9)
        #expect(facts?.currentAge(at: Instant(milliseconds: late.milliseconds + 1_500)) == 10)
    }
}

@Suite("RFC 9111 §5.1 Age")
struct AgeFieldTests {
    private func initialAge(_ fields: Fields) -> Int64? {
        store(response(200, fields + [(.cacheControl, "max-age=1000")])).facts?.correctedInitialAge.count
    }

    @Test("The first member of a list counts", .tags(.should), arguments: ["7, 900", "7,x", " 7 "])
    func list(value: String) { #expect(initialAge([(.age, value)]) == 7) }

    @Test("The first of several lines counts", .tags(.should))
    func lines() { #expect(initialAge([(.age, "7"), (.age, "900")]) == 7) }

    @Test(
        "An Age that is no number is ignored, as if it were absent", .tags(.should),
        arguments: ["-1", "abc", "1.5", "7;a=b", "", "x, 7", ",7"])
    func invalid(value: String) {
        #expect(initialAge([(.age, value)]) == 0)
        #expect(initialAge([(.age, value), (.age, "7")]) == 0)
        #expect(initialAge([(.age, value), (.date, "Sun, 31 Dec 2023 23:59:00 GMT")]) == 60)
        #expect(reuse([(.cacheControl, "max-age=60"), (.age, value)], after: 59)?.name == "fresh")
    }

    @Test(
        "A value that is too large counts as 2^31", .tags(.must), arguments: ["2147483649", "99999999999999999999999"])
    func overflow(value: String) {
        let fields: Fields = [(.cacheControl, "max-age=2147483648"), (.age, value), (.etag, "\"a\"")]
        #expect(store(response(200, fields)).facts?.correctedInitialAge == 2_147_483_648)
        #expect(reuse(fields, after: 0)?.name == "validate stale")
    }
}
