import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.2.1 Freshness lifetime")
struct FreshnessLifetimeTests {
    private func lifetime(_ fields: Fields) -> Int64? {
        store(response(200, fields + [(.etag, "\"a\"")])).facts?.lifetime.count
    }

    @Test("s-maxage before max-age before Expires", .tags(.must))
    func order() {
        let expires: (CachingField, String) = (.expires, "Mon, 01 Jan 2024 00:00:30 GMT")
        #expect(lifetime([(.cacheControl, "max-age=20, s-maxage=10"), expires]) == 10)
        #expect(lifetime([(.cacheControl, "max-age=20"), expires]) == 20)
        #expect(lifetime([expires]) == 30)
        #expect(lifetime([(.cacheControl, "public"), expires]) == 30)
    }

    @Test("Expires counts from Date, else from when the response arrived", .tags(.must))
    func expiresFromDate() {
        #expect(
            lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.date, "Mon, 01 Jan 2024 00:00:10 GMT")]) == 50)
        #expect(lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.date, "nonsense")]) == 60)
    }

    @Test(
        "An Expires that is no date is in the past", .tags(.must),
        arguments: ["0", "-1", "", "tomorrow", "Mon, 01 Jan 2024 00:01:00 CET"])
    func invalidExpires(value: String) { #expect(lifetime([(.expires, value)]) == 0) }

    @Test(
        "A lifetime is read leniently, and what can't be read is zero", .tags(.should),
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

    @Test("Directives of several lines add up", .tags(.must))
    func lines() {
        #expect(lifetime([(.cacheControl, "max-age=60"), (.cacheControl, "s-maxage=10")]) == 10)
        #expect(
            store(response(200, [(.cacheControl, "max-age=60"), (.cacheControl, "no-store")])).reason
                == .responseNoStore)
        #expect(
            lifetime([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.expires, "Mon, 01 Jan 2024 00:00:30 GMT")]) == 30)
    }

    @Test("An open quote hides no directive behind it", .tags(.choice))
    func openQuote() {
        #expect(store(response(200, [(.cacheControl, #"max-age=60, foo="a, no-store"#)])).reason == .responseNoStore)
        #expect(store(response(200, [(.cacheControl, #"max-age=60, private="a"#)])).reason == .privateResponse)
    }
}

@Suite("RFC 9111 §4.2.2 Heuristic freshness")
struct HeuristicTests {
    private let old: (CachingField, String) = (.lastModified, "Sun, 31 Dec 2023 00:00:00 GMT")

    @Test("Off by default", .tags(.choice))
    func off() { #expect(store(response(200, [old])).reason == .noLifetime) }

    @Test("A part of the time since Last-Modified, capped, for statuses cacheable by default or public", .tags(.should))
    func share() {
        let route = policy { $0.heuristicPercentage = 10 }
        #expect(store(response(200, [old]), route).facts?.lifetime == 8640)
        #expect(store(response(404, [old]), route).facts?.lifetime == 8640)
        #expect(store(response(500, [old]), route).reason == .noLifetime)
        #expect(store(response(500, [old, (.cacheControl, "public")]), route).facts?.lifetime == 8640)
        #expect(
            store(response(200, [(.lastModified, "Mon, 01 Jan 1990 00:00:00 GMT")]), route).facts?.lifetime == 86_400)
        #expect(store(response(200, [(.lastModified, "Mon, 01 Jan 2029 00:00:00 GMT")]), route).facts?.lifetime == 0)
        #expect(store(response(200), route).reason == .noLifetime)
    }

    @Test("Explicit freshness is never replaced by a guess", .tags(.must))
    func explicitFirst() {
        let route = policy { $0.heuristicPercentage = 10 }
        #expect(store(response(200, [old, (.cacheControl, "max-age=5")]), route).facts?.lifetime == 5)
        #expect(store(response(200, [old, (.expires, "0")]), route).facts?.lifetime == 0)
    }
}

@Suite("RFC 9111 §4.2.3 Age, §5.1")
struct AgeTests {
    private func initialAge(_ fields: Fields, delay: Int64 = 0) -> Int64? {
        store(response(200, fields + [(.cacheControl, "max-age=1000")]), requestTime: arrival + Seconds(-delay))
            .facts?.correctedInitialAge.count
    }

    @Test("The larger of what clocks and Age say, with the response delay", .tags(.must))
    func corrected() {
        #expect(initialAge([]) == 0)
        #expect(initialAge([(.age, "30")]) == 30)
        #expect(initialAge([(.age, "30")], delay: 5) == 35)
        #expect(initialAge([(.date, "Sun, 31 Dec 2023 23:59:00 GMT")]) == 60)
        #expect(initialAge([(.date, "Sun, 31 Dec 2023 23:59:00 GMT"), (.age, "70")], delay: 2) == 72)
        #expect(initialAge([(.date, "Tue, 02 Jan 2024 00:00:00 GMT")]) == 0)
    }

    @Test("Of a list the first member counts", .tags(.should), arguments: ["7, 900", "7,x", " 7 "])
    func list(value: String) { #expect(initialAge([(.age, value)]) == 7) }

    @Test("Of several lines the first counts", .tags(.should))
    func lines() { #expect(initialAge([(.age, "7"), (.age, "900")]) == 7) }

    @Test("An unreadable Age makes the response stale", .tags(.choice), arguments: ["-1", "abc", "1.5", "", "x, 7"])
    func invalid(value: String) {
        #expect(store(response(200, [(.cacheControl, "max-age=60"), (.age, value)])).reason == .alreadyStale)
    }

    @Test("The age grows with the clock and never shrinks below what it was on arrival", .tags(.must))
    func grows() {
        let facts = store(response(200, [(.cacheControl, "max-age=60"), (.age, "10")])).facts
        #expect(facts?.currentAge(at: arrival + 20) == 30)
        #expect(facts?.currentAge(at: arrival + -20) == 10)
        #expect(facts?.currentAge(at: Instant(secondsSinceEpoch: .max)).count ?? 0 > 0)
    }

    @Test("Fresh until the age reaches the lifetime", .tags(.must))
    func boundary() {
        let fields: Fields = [(.cacheControl, "max-age=60"), (.age, "10")]
        #expect(reuse(fields, after: 49) == .fresh(age: 59, timeToLive: 1))
        #expect(reuse(fields + [(.etag, "\"a\"")], after: 50)?.name == "validate stale")
    }
}

@Suite("The byte form of the stored facts")
struct StoredFactsTests {
    @Test("What is written is read back")
    func roundTrip() {
        let fields: Fields = [
            (.cacheControl, "max-age=99999999999, stale-if-error=7, stale-while-revalidate=9, immutable"),
            (.etag, "W/\"a\""), (.age, "12"),
            (.lastModified, "Sun, 06 Nov 1994 08:49:37 GMT"), (.vary, "Accept"),
        ]
        let facts = store(response(404, fields), requestTime: arrival + -3).facts!
        var bytes: [UInt8] = []
        facts.write(to: &bytes)
        #expect(bytes.count == StoredFacts.byteCount)
        let readBack = StoredFacts(bytes: bytes.span)
        #expect(readBack == facts)
        #expect(facts.flags == [.immutable, .weakETag, .lastModified, .varies, .sharedByOrigin])
        bytes.removeLast()
        let truncated = StoredFacts(bytes: bytes.span)
        #expect(truncated == nil)
    }
}
