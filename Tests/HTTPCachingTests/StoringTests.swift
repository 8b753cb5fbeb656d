import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §3 Storing responses")
struct StoringTests {
    @Test(
        "A response with explicit freshness is stored", .tags(.must),
        arguments: [200, 203, 204, 299, 302, 307, 404, 410, 500, 503, 599])
    func explicitFreshness(status: Int) {
        #expect(store(response(status, [(.cacheControl, "max-age=60")])).facts?.lifetime == 60)
    }

    @Test(
        "What forbids storing", .tags(.must),
        arguments: [
            ("no-store", Reason.responseNoStore), ("max-age=60, NO-STORE", .responseNoStore),
            ("private", .privateResponse),
            ("private, max-age=60, public", .privateResponse), ("must-revalidate", .noLifetime), ("x", .noLifetime),
            ("no-cache", .noLifetime), ("max-age=60, no-cache", .noCacheUnvalidatable), ("max-age=0", .alreadyStale),
            ("max-age=60;no-store, no-store", .responseNoStore),
        ])
    func forbidden(value: String, reason: Reason) {
        #expect(store(response(200, [(.cacheControl, value)])).reason == reason)
    }

    @Test("A status that is not final, or answers one request only, is not stored", .tags(.must))
    func statuses() {
        let fresh: Fields = [(.cacheControl, "max-age=60")]
        for status in [100, 101, 103, 199] { #expect(store(response(status, fresh)).reason == .interimStatus) }
        for status in [304, 412, 416] { #expect(store(response(status, fresh)).reason == .oneRequestStatus) }
        #expect(store(response(206, fresh)).reason == .partialContent)
    }

    @Test("no-store in the request forbids storing unless the route ignores clients", .tags(.must))
    func requestNoStore() {
        let asked = request(.get, [(.cacheControl, "no-store")])
        let fresh = response(200, [(.cacheControl, "max-age=60")])
        #expect(store(asked, fresh).reason == .requestNoStore)
        #expect(store(asked, fresh, policy { $0.clientControl = .ignore }).facts != nil)
    }

    @Test(
        "Without explicit freshness the route's timeout counts, for statuses cacheable by default or public",
        .tags(.must))
    func timeout() {
        let route = policy { $0.timeout = 30 }
        for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
            #expect(store(response(status), route).facts?.lifetime == 30)
            #expect(store(response(status)).reason == .noLifetime)
        }
        for status in [201, 302, 303, 307, 400, 401, 403, 500, 502, 503, 504, 599] {
            #expect(store(response(status), route).reason == .noLifetime)
            #expect(store(response(status, [(.cacheControl, "public")]), route).facts?.lifetime == 30)
        }
    }

    @Test("The origin's own lifetime comes before the route's timeout", .tags(.must))
    func originFirst() {
        let route = policy { $0.timeout = 30 }
        #expect(store(response(200, [(.cacheControl, "max-age=5")]), route).facts?.lifetime == 5)
        #expect(store(response(200, [(.cacheControl, "max-age=x")]), route).reason == .alreadyStale)
        #expect(store(response(200, [(.expires, "0")]), route).reason == .alreadyStale)
    }

    @Test("Only the route's methods are stored, and never a response to HEAD", .tags(.must))
    func methods() {
        let fresh = response(200, [(.cacheControl, "max-age=60")])
        for method in [CachingMethod.put, .delete, .patch, .post, .query, .options, .other] {
            #expect(store(request(method), fresh).reason == .methodNotCached)
        }
        #expect(store(request(.head), fresh).reason == .headResponse)
        #expect(store(request(.post), fresh, policy { $0.methods = [.get, .post] }).facts != nil)
        #expect(store(request(.query), fresh, policy { $0.methods = [.query] }).facts != nil)
    }

    @Test("Set-Cookie and Vary: * are not stored", .tags(.choice))
    func cookiesAndStar() {
        let cookie: Fields = [(.cacheControl, "public, max-age=60"), (.setCookie, "a=b")]
        #expect(store(response(200, cookie)).reason == .setCookie)
        #expect(store(response(200, cookie), policy { $0.allowSetCookie = true }).facts != nil)
        for vary in ["*", "Accept, *", " , * "] {
            #expect(store(response(200, [(.cacheControl, "max-age=60"), (.vary, vary)])).reason == .varyStar)
        }
    }

    @Test("Kept for validation alone: no-cache or no lifetime left, but a validator", .tags(.choice))
    func retention() {
        let tag: (CachingField, String) = (.etag, "\"a\"")
        #expect(store(response(200, [(.cacheControl, "no-cache"), tag])).life == 600)
        #expect(store(response(200, [(.cacheControl, "max-age=0"), tag])).life == 600)
        #expect(store(response(200, [(.cacheControl, "max-age=60"), tag])).life == 660)
        #expect(store(response(200, [(.cacheControl, "max-age=60")])).life == 60)
        #expect(
            store(response(200, [(.cacheControl, "max-age=60, stale-while-revalidate=20, stale-if-error=30")])).life
                == 90)
        #expect(store(response(200, [(.cacheControl, "max-age=60, must-revalidate, stale-if-error=30")])).life == 60)
        #expect(store(response(200, [(.cacheControl, "max-age=60, stale-if-error=30"), (.age, "70")])).life == 20)
    }
}

@Suite("RFC 9111 §3, mode force")
struct ForceTests {
    private let route = policy {
        $0.mode = .force
        $0.timeout = 30
    }

    @Test(
        "The timeout replaces what the origin said", .tags(.choice),
        arguments: [
            "no-store", "private", "no-cache", "max-age=0", "s-maxage=5, must-revalidate", "max-age=9999",
            "must-understand",
        ])
    func replaces(value: String) {
        let verdict = store(
            response(
                200, [(.cacheControl, value), (.expires, "0"), (.age, "100"), (.date, "Mon, 01 Jan 2001 00:00:00 GMT")]),
            route)
        #expect(verdict.life == 30)
        #expect(verdict.facts?.timeToLive(at: arrival + 10) == 20)
        #expect(verdict.facts?.flags.isDisjoint(with: [.noCache, .neverStale, .sharedByOrigin]) == true)
    }

    @Test("Not for failures: those keep the origin's words", .tags(.choice))
    func failures() {
        #expect(store(response(500), route).reason == .noLifetime)
        #expect(store(response(503, [(.cacheControl, "no-store")]), route).reason == .responseNoStore)
        #expect(store(response(500, [(.cacheControl, "max-age=5")]), route).facts?.lifetime == 5)
    }

    @Test("Set-Cookie and Authorization are still refused", .tags(.must))
    func safety() {
        let authorized = request(.get, [(.authorization, "Basic x")])
        #expect(store(response(200, [(.setCookie, "a=b")]), route).reason == .setCookie)
        #expect(store(authorized, response(200, [(.cacheControl, "public")]), route).reason == .authorization)
        var open = route
        open.allowAuthorization = true
        open.allowSetCookie = true
        #expect(store(authorized, response(200, [(.setCookie, "a=b")]), open).life == 30)
    }
}

@Suite("RFC 9111 §3.1 Fields that are stored, §3.2 and updated")
struct StoredFieldsTests {
    @Test("Connection and proxy fields are not stored, all others are", .tags(.must))
    func stored() {
        let excluded = CachingField.allCases.filter { !StoredFieldRule.mayBeStored($0) }
        #expect(
            excluded == [
                .age, .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization,
                .proxyAuthenticationInfo,
                .te, .trailer, .transferEncoding, .upgrade, .xCache,
            ])
    }

    @Test("A 304 changes no field that describes the stored content", .tags(.must))
    func updated() {
        for field in CachingField.allCases {
            let describesContent = [.contentLength, .contentEncoding, .contentType, .contentRange].contains(field)
            #expect(StoredFieldRule.mayBeUpdated(field) == (StoredFieldRule.mayBeStored(field) && !describesContent))
        }
    }

    @Test(
        "Fields named by a directive or by Connection are found", .tags(.must),
        arguments: [
            (#"private="Set-Cookie, X-User""#, "x-user", true), (#"max-age=1, no-cache="x-user""#, "X-User", true),
            (#"private="x-users""#, "x-user", false), ("private, x-user", "x-user", false),
            (#"foo="x-user""#, "x-user", false),
            ("no-cache=x-user", "x-user", true),
        ])
    func named(value: String, name: String, isNamed: Bool) {
        let (value, name) = (Array(value.utf8), Array(name.utf8))
        let found = FieldNameList.cacheControl(value.span, names: name.span)
        #expect(found == isNamed)
    }

    @Test("A Connection value names fields")
    func connection() {
        let (value, name, other) = (Array("close, X-Hop ,".utf8), Array("x-hop".utf8), Array("x-ho".utf8))
        let isNamed = FieldNameList.connection(value.span, names: name.span)
        let isOtherNamed = FieldNameList.connection(value.span, names: other.span)
        #expect(isNamed && !isOtherNamed)
    }

    @Test("Every field is found by its name in any case")
    func names() {
        for field in CachingField.allCases {
            let name = Array("\(field.name)".uppercased().utf8)
            let found = CachingField(name: name.span)
            #expect(found == field)
        }
        let unknown = Array("x-unknown".utf8)
        let found = CachingField(name: unknown.span)
        #expect(found == nil)
    }

    @Test("A qualified private or no-cache leaves the rest storable and reusable", .tags(.must))
    func qualified() {
        for value in [#"max-age=60, private="x""#, #"max-age=60, no-cache="x""#] {
            #expect(reuse([(.cacheControl, value)], after: 1)?.name == "fresh")
        }
    }
}

@Suite("RFC 9111 §3.5 Authenticated requests")
struct AuthorizationTests {
    private let authorized = request(.get, [(.authorization, "Bearer x")])

    @Test(
        "Stored only if the response allows it", .tags(.must),
        arguments: [
            ("max-age=60", false), ("max-age=60, public", true), ("max-age=60, must-revalidate", true),
            ("s-maxage=60", true),
            ("max-age=60, proxy-revalidate", false), ("max-age=60, immutable", false), ("s-maxage=60, private", false),
        ])
    func stored(value: String, isStored: Bool) {
        #expect((store(authorized, response(200, [(.cacheControl, value)])).facts != nil) == isStored)
    }

    @Test("Stored if the route allows it", .tags(.choice))
    func allowed() {
        #expect(
            store(authorized, response(200, [(.cacheControl, "max-age=60")]), policy { $0.allowAuthorization = true })
                .facts != nil)
    }

    @Test("A lifetime of the route's making is not shared with authorised requests", .tags(.choice))
    func reused() {
        let route = policy { $0.timeout = 60 }
        #expect(reuse([], authorized, route, after: 1)?.name == "bypass authorizationNotShared")
        #expect(reuse([], request(), route, after: 1)?.name == "fresh")
        #expect(reuse([(.cacheControl, "max-age=60")], authorized, route, after: 1)?.name == "fresh")
        #expect(reuse([(.cacheControl, "public")], authorized, route, after: 1)?.name == "fresh")
        var open = route
        open.allowAuthorization = true
        #expect(reuse([], authorized, open, after: 1)?.name == "fresh")
    }
}
