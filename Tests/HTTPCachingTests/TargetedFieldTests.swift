import Testing

@testable import HTTPCaching

@Suite("RFC 9213 §2.2 Which field governs")
struct TargetedFieldTests {
    @Test("The first valid and non-empty of the list governs, whatever the order of lines", .tags(.must))
    func first() {
        let fields: Fields = [
            (.cacheControl, "max-age=1"), (.cdnCacheControl, "max-age=2"), (.larderCacheControl, "max-age=3"),
        ]
        #expect(store(response(200, fields)).facts?.lifetime == 3)
        #expect(store(response(200, fields.reversed())).facts?.lifetime == 3)
        #expect(store(response(200, Array(fields.prefix(2)))).facts?.lifetime == 2)
    }

    @Test("Cache-Control and Expires are then ignored", .tags(.must))
    func others() {
        #expect(
            store(response(200, [(.cacheControl, "no-store"), (.cdnCacheControl, "max-age=2")])).facts?.lifetime == 2)
        #expect(
            store(response(200, [(.cacheControl, "max-age=2"), (.cdnCacheControl, "no-store")])).reason
                == .responseNoStore)
        let expires: Fields = [(.expires, "Tue, 02 Jan 2024 00:00:00 GMT")]
        #expect(store(response(200, expires + [(.cdnCacheControl, "must-revalidate")])).reason == .noLifetime)
        #expect(store(response(200, expires)).facts?.lifetime == 86_400)
    }

    @Test("A targeted field without a lifetime leaves that to the route", .tags(.choice))
    func routeTimeout() {
        let said = response(200, [(.cacheControl, "max-age=1"), (.cdnCacheControl, "must-revalidate")])
        #expect(store(said, policy { $0.timeout = 30 }).facts?.lifetime == 30)
    }

    @Test("It also governs sharing and serving stale", .tags(.must))
    func otherDirectives() {
        let open: Fields = [(.cacheControl, "private"), (.cdnCacheControl, "max-age=60, public")]
        #expect(store(request(.get, [(.authorization, "x")]), response(200, open)).facts?.lifetime == 60)
        let strict: Fields = [
            (.cacheControl, "max-age=9, stale-if-error=9"), (.cdnCacheControl, "max-age=60, must-revalidate"),
            (.etag, "\"a\""),
        ]
        #expect(reuse(strict, after: 61)?.name == "validate mustRevalidate")
    }
}

@Suite("RFC 9213 §2.1 Syntax of targeted fields")
struct TargetedSyntaxTests {
    @Test(
        "A field that is empty or no dictionary is ignored", .tags(.must),
        arguments: [
            "", " ", "max-age=60,", "Max-Age=60", "max-age = 60", "max-age=60 private", ",max-age=60", "max-age=60;",
            "max-age=\"60", "max-age=",
            "max-age=1.", "max-age=1.2345", "max-age=1234567890123456", "a=(1 2", "a=?2", "a=:x", "a=é", "a=\"\\x\"",
            "1a", "a,,b", "a=@x",
            "a=(1\"b\")", "a=-",
        ])
    func broken(value: String) {
        #expect(response(200, [(.cdnCacheControl, value)]).governing == .cacheControl)
    }

    @Test(
        "Dictionaries are read by the rules of structured fields", .tags(.must),
        arguments: [
            "max-age=60", "max-age=60, private=?0", "a=1;b=2;c, max-age=60", "x=(\"a\" b;c=1 2), max-age=60",
            "*=1,\tmax-age=60",
            "a=:aGk=:, b=@1700000000, c=%\"f%c3%bc\", d=tok/en:x, e=-1.5, max-age=60", "max-age=60; immutable",
            " max-age=60 ",
            "a=(), b=\"q\\\"\\\\\", max-age=60",
        ])
    func dictionaries(value: String) {
        let facts = response(200, [(.cdnCacheControl, value)])
        #expect(facts.governing == .cdnCacheControl)
        #expect(facts.directives.flags == .maxAge)
        #expect(facts.directives.maxAge == 60)
    }

    @Test(
        "A lifetime of another type than Integer is zero", .tags(.should),
        arguments: ["max-age=60.0", "max-age=\"60\"", "max-age", "max-age=(60)", "max-age=-1"])
    func types(value: String) {
        #expect(response(200, [(.cdnCacheControl, value)]).directives.maxAge == 0)
    }

    @Test("Lines are combined, and one invalid line invalidates the field", .tags(.must))
    func lines() {
        #expect(
            response(200, [(.cdnCacheControl, "max-age=60"), (.cdnCacheControl, "private")]).directives.flags == [
                .maxAge, .private,
            ])
        #expect(
            response(200, [(.cdnCacheControl, "max-age=60"), (.cdnCacheControl, "Private")]).governing == .cacheControl)
    }

    @Test("Qualified no-cache and private are strings", .tags(.must))
    func qualified() {
        let flags = response(200, [(.cdnCacheControl, "max-age=60, no-cache=\"a\", private=\"b, c\"")]).directives.flags
        #expect(flags == [.maxAge, .noCacheFields, .privateFields])
    }
}
