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

    private func renewal(_ fields: Fields, _ request: RequestFacts = request()) -> RenewalVerdict {
        renewalVerdict(
            request: request, response: response(200, fields), policy: policy(), requestTime: arrival)
    }

    @Test("New fields that are for the client that asked leave what is stored as it is", .tags(.must))
    func forOne() {
        let fresh: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]
        #expect(renewal(fresh, request(.get, [(.cacheControl, "no-store")])) == .leave(.requestNoStore))
        #expect(renewal(fresh, request(.get, [(.authorization, "x")])) == .leave(.authorization))
        #expect(renewal(fresh + [(.setCookie, "a=b")]) == .leave(.setCookie))
        #expect(renewal([(.cacheControl, "private, max-age=60")]) == .leave(.privateResponse))
        #expect(renewal([(.cacheControl, "no-store")]) == .leave(.responseNoStore))
        guard case .store(let facts, _) = renewal(fresh) else {
            Issue.record("a plain 304 freshens")
            return
        }
        #expect(facts.lifetime == 60)
    }

    @Test("§4.1: with Vary: * no request could be given what is stored", .tags(.must))
    func varyStar() {
        #expect(renewal([(.cacheControl, "max-age=60"), (.vary, "Accept, *")]) == .remove(.varyStar))
        #expect(renewal([(.cacheControl, "private"), (.vary, "*")]) == .leave(.privateResponse))
    }

    @Test("One client's response has the age and lifetime of the 304", .tags(.must))
    func confirmed() throws {
        let stored = try #require(store(response(200, [(.cacheControl, "max-age=600"), (.cacheTag, "a")])).facts)
        let now = arrival + 100
        let merged = response(200, [(.cacheControl, "private, max-age=60"), (.age, "7"), (.cacheTag, "a")], at: now)
        let facts = confirmedFacts(stored, response: merged, policy: policy(), requestTime: now)
        #expect(facts.currentAge(at: now) == 7 && facts.timeToLive(at: now) == 53)
        #expect(facts.flags.contains(.tagged) && facts.status == stored.status)
        let silent = confirmedFacts(stored, response: response(200, at: now), policy: policy(), requestTime: now)
        #expect(silent.currentAge(at: now) == 0 && silent.timeToLive(at: now) == 0)
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
        "A HEAD response whose validators match updates the stored response; it is stale after any other",
        .tags(.should),
        arguments: [
            ("\"a\"", "x", "5", true), ("\"a\"", "", "", true), ("", "x", "", true), ("", "x", "5", true),
            ("\"b\"", "x", "5", false), ("\"a\"", "y", "5", false), ("\"a\"", "x", "6", false),
            // That nothing differs shows nothing.
            ("", "", "", false), ("", "", "5", false), ("", "", "6", false),
        ])
    func byHead(etag: String, modified: String, length: String, isSame: Bool) {
        #expect(verdict(etag, modified, length) == (isSame ? .update : .expire))
    }

    @Test("A HEAD response for one client leaves the stored response as it is", .tags(.must))
    func forOne() {
        for reason in [Reason.privateResponse, .setCookie, .responseNoStore, .requestNoStore, .authorization] {
            #expect(verdict("\"b\"", "", "", reason) == .leave && verdict("", "", "", reason) == .leave)
            #expect(verdict("\"a\"", "", "", reason) == .leave)
        }
        for reason in [Reason.noLifetime, .alreadyStale, .varyStar] {
            #expect(verdict("\"b\"", "", "", reason) == .expire && verdict("\"a\"", "", "", reason) == .update)
        }
    }

    private func verdict(_ etag: String, _ modified: String, _ length: String, _ refusal: Reason? = nil)
        -> HeadFresheningVerdict
    {
        let (a, b, c) = (Array(etag.utf8), Array(modified.utf8), Array(length.utf8))
        let (d, e, f) = (Array("\"a\"".utf8), Array("x".utf8), Array("5".utf8))
        return headFresheningVerdict(
            etag: a.span, lastModified: b.span, contentLength: c.span, storedETag: d.span, storedLastModified: e.span,
            storedContentLength: f.span, refusal: refusal)
    }
}
