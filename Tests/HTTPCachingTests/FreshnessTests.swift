import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.2 Freshness")
struct FreshnessTests {
    @Test("A response is fresh while its lifetime exceeds its age, to the millisecond", .tags(.must))
    func boundary() {
        let late = Instant(milliseconds: arrival.milliseconds + 999)
        let facts = store(response(200, [(.cacheControl, "max-age=1"), (.etag, "\"a\"")], at: late), requestTime: late)
            .facts!
        for (after, name) in [
            (0, "fresh"), (1, "fresh"), (999, "fresh"), (1000, "validate stale"), (1001, "validate stale"),
        ] {
            let now = Instant(milliseconds: late.milliseconds + Int64(after))
            #expect(reuseVerdict(stored: facts, request: request(), policy: policy(), now: now).name == name)
        }
    }

    @Test("A response whose age equals its lifetime is stale", .tags(.must))
    func equal() {
        let fields: Fields = [(.cacheControl, "max-age=60"), (.age, "10")]
        #expect(reuse(fields, after: 49) == .fresh(age: 59, timeToLive: 1))
        #expect(reuse(fields + [(.etag, "\"a\"")], after: 50)?.name == "validate stale")
    }

    @Test("Dates are case-insensitive, and zones other than GMT are invalid", .tags(.should))
    func dates() {
        #expect(store(response(200, [(.expires, "mon, 01 jan 2024 00:01:00 gmt")])).facts?.lifetime == 60)
        let other = store(response(200, [(.expires, "Mon, 01 Jan 2024 00:01:00 UTC"), (.etag, "\"a\"")]))
        #expect(other.facts?.lifetime == 0)
    }
}

@Suite("RFC 9111 §4.2.1 Calculating freshness lifetime")
struct FreshnessLifetimeTests {
    private func lifetime(_ fields: Fields) -> Int64? {
        store(response(200, fields + [(.etag, "\"a\"")])).facts?.lifetime.count
    }

    @Test("s-maxage takes precedence over max-age, and max-age over Expires", .tags(.must))
    func order() {
        let expires: (FieldName, String) = (.expires, "Mon, 01 Jan 2024 00:00:30 GMT")
        #expect(lifetime([(.cacheControl, "max-age=20, s-maxage=10"), expires]) == 10)
        #expect(lifetime([(.cacheControl, "max-age=20"), expires]) == 20)
        #expect(lifetime([expires]) == 30)
        #expect(lifetime([(.cacheControl, "public"), expires]) == 30)
    }

    @Test(
        "A lifetime is parsed leniently, and an invalid one is zero", .tags(.should),
        arguments: [
            ("max-age=60", 60), ("MAX-AGE=60", 60), (#"max-age="60""#, 60), ("max-age = 60", 60),
            (" ,, max-age=60 ,", 60),
            ("foo, max-age=60;x=1", 0), ("max-age=-1", 0), ("max-age=1.5", 0), ("max-age=abc", 0), ("max-age", 0),
            ("max-age=", 0),
            (#"max-age="60"#, 0), (#"max-age="60"x"#, 0), ("max-age='60'", 0), ("max-age=60s", 0), ("max-age=0060", 60),
            ("max-age=2147483648", 2_147_483_648), ("max-age=99999999999999999999999999", 2_147_483_648),
            ("max-age=60, max-age=10", 10), ("max-age=10, max-age=60", 10), ("max-age=60, max-age=x", 0),
            (#"foo="max-age=5", max-age=60"#, 60), (#"foo="a\"b, max-age=5", max-age=60"#, 60),
            ("s-maxage=x, max-age=60", 0),
            ("max-age\t=\t60", 60), ("max-age=+60", 0), ("max-age=0x3c", 0),
        ])
    func lenient(value: String, seconds: Int64) { #expect(lifetime([(.cacheControl, value)]) == seconds) }

    @Test("Directives of several lines are combined", .tags(.must))
    func lines() {
        #expect(lifetime([(.cacheControl, "max-age=60"), (.cacheControl, "s-maxage=10")]) == 10)
        #expect(
            store(response(200, [(.cacheControl, "max-age=60"), (.cacheControl, "no-store")])).reason
                == .responseNoStore)
        #expect(
            lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.expires, "Mon, 01 Jan 2024 00:00:30 GMT")]) == 30)
    }
}
