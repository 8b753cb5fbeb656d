import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4.3.4 Freshening stored responses upon validation")
struct FresheningTests {
    @Test(
        "Which stored responses a 304 freshens", .tags(.must),
        arguments: [
            ("\"a\"", "", "\"a\"", "", FresheningVerdict.freshenEach), ("\"a\"", "", "\"b\"", "", .leave),
            ("\"a\"", "", "W/\"a\"", "", .leave),
            ("\"a\"", "", "", "", .leave), ("W/\"a\"", "", "W/\"a\"", "", .freshenLatest),
            ("W/\"a\"", "", "\"a\"", "", .freshenLatest),
            ("W/\"a\"", "", "W/\"b\"", "", .leave), ("", "x", "\"a\"", "x", .freshenLatest), ("", "x", "", "y", .leave),
            ("\"b\"", "x", "\"a\"", "x", .leave), ("", "x", "", "", .leave),
        ])
    func by304(etag: String, modified: String, storedETag: String, storedModified: String, expected: FresheningVerdict)
    {
        #expect(verdict(etag, modified, storedETag, storedModified, isOnly: true) == expected)
    }

    @Test("A 304 without validators freshens the stored response if it was the only candidate", .tags(.choice))
    func withoutValidators() {
        #expect(verdict("", "", "\"a\"", "x", isOnly: true) == .freshenLatest)
        #expect(verdict("", "", "\"a\"", "x", isOnly: false) == .leave)
    }

    @Test("Freshening that only the request forbids leaves the record unchanged", .tags(.must))
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
}

@Suite("RFC 9111 §4.3.5 Freshening responses with HEAD")
struct HeadFresheningTests {
    @Test(
        "A HEAD response that differs invalidates the stored response", .tags(.should),
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
