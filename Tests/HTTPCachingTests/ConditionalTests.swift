import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.3.2 Handling a received validation request")
struct ConditionalTests {
    private func verdict(
        _ fields: Fields, etag: String = "\"a\"", method: Method = .get, status: Int = 200,
        stored: Fields = [(.lastModified, "Sun, 06 Nov 1994 08:49:37 GMT")]
    ) -> ConditionalVerdict {
        let facts = store(response(status, stored + [(.cacheControl, "max-age=60")])).facts!
        var conditionals = Conditionals(method: method, stored: facts, now: arrival)
        let tag = Array(etag.utf8)
        for (field, value) in fields {
            let bytes = Array(value.utf8)
            conditionals.note(field, bytes.span, etag: tag.span)
        }
        return conditionals.verdict
    }

    @Test(
        "If-None-Match: weak comparison, lists, *", .tags(.must),
        arguments: [
            ("\"a\"", "\"a\"", true), ("W/\"a\"", "\"a\"", true), ("\"a\"", "W/\"a\"", true), ("\"b\"", "\"a\"", false),
            ("\"b\", \"a\"", "\"a\"", true), (" , \"b\",W/\"a\" ,", "\"a\"", true), ("*", "\"a\"", true),
            ("*", "", true),
            ("\"a\"", "", false), ("a", "\"a\"", false), ("\"x,y\"", "\"x,y\"", true), ("junk, \"a\"", "\"a\"", true),
            ("\"A\"", "\"a\"", false),
            ("w/\"a\"", "\"a\"", false), ("\"a", "\"a\"", false), ("\"*\"", "\"a\"", false), ("", "\"a\"", false),
            ("\"\"", "\"\"", true),
        ])
    func ifNoneMatch(value: String, etag: String, matches: Bool) {
        #expect((verdict([(.ifNoneMatch, value)], etag: etag) == .notModified) == matches)
    }

    @Test("If-None-Match on several lines is one list", .tags(.must))
    func lines() {
        #expect(verdict([(.ifNoneMatch, "\"b\""), (.ifNoneMatch, "\"a\"")]) == .notModified)
    }

    @Test("If-None-Match comes before If-Modified-Since", .tags(.must))
    func order() {
        #expect(verdict([(.ifNoneMatch, "\"b\""), (.ifModifiedSince, arrivalDate)]) == .proceed)
        #expect(
            verdict([(.ifModifiedSince, "Mon, 01 Jan 1990 00:00:00 GMT"), (.ifNoneMatch, "\"a\"")]) == .notModified)
    }

    @Test(
        "If-Modified-Since against Last-Modified", .tags(.must),
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", true), ("Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("Sunday, 06-Nov-94 08:49:38 GMT", true),
            ("yesterday", false), ("", false),
        ])
    func ifModifiedSince(value: String, matches: Bool) {
        #expect((verdict([(.ifModifiedSince, value)]) == .notModified) == matches)
    }

    @Test(
        "Without Last-Modified, If-Modified-Since is compared with Date, else with the time of arrival", .tags(.should))
    func withoutLastModified() {
        let condition: Fields = [(.ifModifiedSince, "Sun, 31 Dec 2023 23:59:59 GMT")]
        #expect(verdict(condition, stored: []) == .proceed)
        #expect(verdict(condition, stored: [(.date, "Sun, 31 Dec 2023 23:59:59 GMT")]) == .notModified)
        #expect(verdict([(.ifModifiedSince, arrivalDate)], stored: []) == .notModified)
    }

    @Test("Times are compared by whole seconds, the resolution of HTTP dates", .tags(.should))
    func wholeSeconds() {
        let late = Instant(milliseconds: arrival.milliseconds + 999)
        let facts = store(response(200, [(.cacheControl, "max-age=60")], at: late)).facts!
        for (date, expected) in [
            (arrivalDate, ConditionalVerdict.notModified), ("Sun, 31 Dec 2023 23:59:59 GMT", .proceed),
        ] {
            var conditionals = Conditionals(method: .get, stored: facts, now: late)
            let (value, none) = (Array(date.utf8), [UInt8]())
            conditionals.note(.ifModifiedSince, value.span, etag: none.span)
            #expect(conditionals.verdict == expected)
        }
    }

    @Test("If-Modified-Since applies only to GET and HEAD, with a single date", .tags(.must))
    func ifModifiedSinceLimits() {
        let condition: Fields = [(.ifModifiedSince, arrivalDate)]
        #expect(verdict(condition, method: .head) == .notModified)
        #expect(verdict(condition, method: .query) == .proceed)
        #expect(verdict(condition + condition) == .proceed)
    }

    @Test("Conditions are ignored if the response is not 2xx, or the method unsafe", .tags(.must))
    func ignored() {
        #expect(verdict([(.ifNoneMatch, "\"a\"")], status: 404) == .proceed)
        #expect(verdict([(.ifNoneMatch, "\"a\"")], method: .post) == .proceed)
    }

    @Test("A request without conditions proceeds", .tags(.must))
    func none() { #expect(verdict([]) == .proceed) }

    @Test(
        "Only the origin evaluates If-Match and If-Unmodified-Since", .tags(.must),
        arguments: [FieldName.ifMatch, .ifUnmodifiedSince])
    func originConditions(field: FieldName) {
        #expect(
            lookupVerdict(request: request(.get, [(field, "x")]), policy: policy()) == .bypass(.originConditions))
    }

    @Test("A 304 has the fields of RFC 9110 §15.4.5", .tags(.must))
    func fieldsOf304() {
        let carried = FieldName.allCases.filter { StoredFieldRule.belongsIn304($0) }
        #expect(
            Set(carried) == [
                .cacheControl, .cdnCacheControl, .larderCacheControl, .date, .etag, .expires, .lastModified, .vary,
                .contentLocation,
                .cacheStatus,
            ])
    }
}
