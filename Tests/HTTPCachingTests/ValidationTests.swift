import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.3.2 Conditional requests answered from the store")
struct ConditionalTests {
    private func verdict(
        _ fields: Fields, etag: String = "\"a\"", method: CachingMethod = .get, status: Int = 200,
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

    @Test("If-Modified-Since against Date, else the arrival, where there is no Last-Modified", .tags(.should))
    func withoutLastModified() {
        let condition: Fields = [(.ifModifiedSince, "Sun, 31 Dec 2023 23:59:59 GMT")]
        #expect(verdict(condition, stored: []) == .proceed)
        #expect(verdict(condition, stored: [(.date, "Sun, 31 Dec 2023 23:59:59 GMT")]) == .notModified)
        #expect(verdict([(.ifModifiedSince, arrivalDate)], stored: []) == .notModified)
    }

    @Test("If-Modified-Since is for GET and HEAD and one date", .tags(.must))
    func ifModifiedSinceLimits() {
        let condition: Fields = [(.ifModifiedSince, arrivalDate)]
        #expect(verdict(condition, method: .head) == .notModified)
        #expect(verdict(condition, method: .query) == .proceed)
        #expect(verdict(condition + condition) == .proceed)
    }

    @Test("Conditions are ignored where the answer is not 2xx, or the method unsafe", .tags(.must))
    func ignored() {
        #expect(verdict([(.ifNoneMatch, "\"a\"")], status: 404) == .proceed)
        #expect(verdict([(.ifNoneMatch, "\"a\"")], method: .post) == .proceed)
    }

    @Test("A request without conditions proceeds")
    func none() { #expect(verdict([]) == .proceed) }

    @Test(
        "If-Match and If-Unmodified-Since are the origin's", .tags(.must),
        arguments: [CachingField.ifMatch, .ifUnmodifiedSince])
    func originConditions(field: CachingField) {
        #expect(
            lookupVerdict(request: request(.get, [(field, "x")]), policy: RoutePolicy()) == .bypass(.originConditions))
    }

    @Test("A 304 carries what tells the client what it has", .tags(.must))
    func fieldsOf304() {
        let carried = CachingField.allCases.filter { StoredFieldRule.belongsIn304($0) }
        #expect(
            Set(carried) == [
                .cacheControl, .cdnCacheControl, .larderCacheControl, .date, .etag, .expires, .lastModified, .vary,
                .contentLocation,
                .cacheStatus,
            ])
    }
}

@Suite("RFC 9111 §4.3.4 Freshening by 304, §4.3.5 by HEAD")
struct FresheningTests {
    @Test(
        "Which stored responses a 304 renews", .tags(.must),
        arguments: [
            ("\"a\"", "", "\"a\"", "", FresheningVerdict.renewEach), ("\"a\"", "", "\"b\"", "", .leave),
            ("\"a\"", "", "W/\"a\"", "", .leave),
            ("\"a\"", "", "", "", .leave), ("W/\"a\"", "", "W/\"a\"", "", .renewLatest),
            ("W/\"a\"", "", "\"a\"", "", .renewLatest),
            ("W/\"a\"", "", "W/\"b\"", "", .leave), ("", "x", "\"a\"", "x", .renewLatest), ("", "x", "", "y", .leave),
            ("\"b\"", "x", "\"a\"", "x", .leave), ("", "x", "", "", .leave),
        ])
    func by304(etag: String, modified: String, storedETag: String, storedModified: String, expected: FresheningVerdict)
    {
        #expect(verdict(etag, modified, storedETag, storedModified, isOnly: true) == expected)
    }

    @Test("A 304 without validators renews what was asked about, if that was one", .tags(.choice))
    func withoutValidators() {
        #expect(verdict("", "", "\"a\"", "x", isOnly: true) == .renewLatest)
        #expect(verdict("", "", "\"a\"", "x", isOnly: false) == .leave)
    }

    @Test("A renewal that only the request forbids leaves the record as it was", .tags(.must))
    func requestsOwn() {
        let fresh = response(200, [(.cacheControl, "max-age=60")])
        #expect(store(request(.get, [(.cacheControl, "no-store")]), fresh).reason?.isRequestsOwn == true)
        #expect(store(request(.get, [(.authorization, "x")]), fresh).reason?.isRequestsOwn == true)
        for value in ["no-store", "private", "max-age=0"] {
            #expect(store(response(200, [(.cacheControl, value)])).reason?.isRequestsOwn == false)
        }
    }

    private func verdict(_ a: String, _ b: String, _ c: String, _ d: String, isOnly: Bool) -> FresheningVerdict {
        let (a, b, c, d) = (Array(a.utf8), Array(b.utf8), Array(c.utf8), Array(d.utf8))
        return fresheningVerdict(
            etag: a.span, lastModified: b.span, storedETag: c.span, storedLastModified: d.span, isOnlyCandidate: isOnly)
    }

    @Test(
        "A HEAD response that differs makes the stored one stale", .tags(.should),
        arguments: [
            ("\"a\"", "x", "5", true), ("", "", "", true), ("\"b\"", "x", "5", false), ("\"a\"", "y", "5", false),
            ("\"a\"", "x", "6", false),
            ("", "", "6", false),
        ])
    func byHead(etag: String, modified: String, length: String, isSame: Bool) {
        let (a, b, c) = (Array(etag.utf8), Array(modified.utf8), Array(length.utf8))
        let (d, e, f) = (Array("\"a\"".utf8), Array("x".utf8), Array("5".utf8))
        let verdict = headFresheningVerdict(
            etag: a.span, lastModified: b.span, contentLength: c.span, storedETag: d.span, storedLastModified: e.span,
            storedContentLength: f.span)
        #expect(verdict == (isSame ? .update : .invalidate))
    }
}

@Suite("RFC 9111 §4.4 Invalidation")
struct InvalidationTests {
    @Test("A non-error answer to an unsafe or unknown method invalidates", .tags(.must))
    func invalidating() {
        for method in CachingMethod.allCases {
            let isUnsafe = [.post, .put, .delete, .patch, .connect, .other].contains(method)
            for status in [200, 201, 204, 302, 399] { #expect(invalidates(method, CachingStatus(status)) == isUnsafe) }
            for status in [100, 400, 404, 500] { #expect(!invalidates(method, CachingStatus(status))) }
        }
    }

    @Test("Methods are case-sensitive", .tags(.must))
    func methods() {
        for (token, method) in [
            ("GET", CachingMethod.get), ("QUERY", .query), ("get", .other), ("", .other), ("GETT", .other),
        ] {
            let bytes = Array(token.utf8)
            let read = CachingMethod(bytes.span)
            #expect(read == method)
        }
    }

    @Test(
        "References of the target's origin are resolved against it", .tags(.must),
        arguments: [
            ("/tasks/7", "/tasks/7"), ("http://API.example:80/x?y=1#z", "/x?y=1"), ("http://api.example", "/"),
            ("//api.example/x", "/x"), ("8", "/tasks/8"), ("?q=1", "/tasks/7?q=1"), ("../users/./1", "/users/1"),
            ("..", "/"),
            ("../../../x", "/x"), (" /x ", "/x"), ("", "/tasks/7"), ("http://api.example?q", "/?q"),
            ("/a/b/../c/", "/a/c/"),
            ("HTTP://api.example:/x", "/x"),
        ])
    func same(reference: String, path: String) { #expect(resolve(reference) == path) }

    @Test(
        "Those of another origin are left alone", .tags(.must),
        arguments: [
            "https://api.example/x", "http://other.example/x", "http://api.example:8080/x", "//other/x", "mailto:x",
            "http:/x",
            "http://user@api.example/x", "http://api.example@evil/x", "http:///x",
        ])
    func other(reference: String) { #expect(resolve(reference) == nil) }

    private func resolve(_ reference: String) -> String? {
        let (reference, scheme) = (Array(reference.utf8), Array("http".utf8))
        let (authority, path) = (Array("api.example".utf8), Array("/tasks/7".utf8))
        var text: [UInt8] = []
        let isSame = InvalidatedReference.appendPath(
            of: reference.span, scheme: scheme.span, authority: authority.span, path: path.span, into: &text)
        return isSame ? string(text) : nil
    }
}
