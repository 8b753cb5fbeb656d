import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §3 Storing responses in caches")
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

    @Test("A status that is not final, or responds to one request only, is not stored", .tags(.must))
    func statuses() {
        let fresh: Fields = [(.cacheControl, "max-age=60")]
        for status in [100, 101, 103, 199] { #expect(store(response(status, fresh)).reason == .interimStatus) }
        for status in [304, 412, 416] { #expect(store(response(status, fresh)).reason == .oneRequestStatus) }
        #expect(store(response(206, fresh)).reason == .partialContent)
    }

    @Test("no-store in the request forbids storing, whatever else the route ignores", .tags(.must))
    func requestNoStore() {
        let asked = request(.get, [(.cacheControl, "no-store")])
        let fresh = response(200, [(.cacheControl, "max-age=60")])
        #expect(store(asked, fresh).reason == .requestNoStore)
        #expect(store(asked, fresh, RoutePolicy()).reason == .requestNoStore)
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

    @Test("The origin's lifetime takes precedence over the route's timeout", .tags(.must))
    func originFirst() {
        let route = policy { $0.timeout = 30 }
        #expect(store(response(200, [(.cacheControl, "max-age=5")]), route).facts?.lifetime == 5)
        #expect(store(response(200, [(.cacheControl, "max-age=x")]), route).reason == .alreadyStale)
        #expect(store(response(200, [(.expires, "0")]), route).reason == .alreadyStale)
    }

    @Test("Only the route's methods are stored, and never a response to HEAD", .tags(.must))
    func methods() {
        let fresh = response(200, [(.cacheControl, "max-age=60")])
        for method in [Method.put, .delete, .patch, .post, .query, .options, .other] {
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

    @Test("Stored only to be validated: no-cache or no lifetime left, but a validator", .tags(.choice))
    func retention() {
        let tag: (FieldName, String) = (.etag, "\"a\"")
        #expect(store(response(200, [(.cacheControl, "no-cache"), tag])).life == 600)
        #expect(store(response(200, [(.cacheControl, "max-age=0"), tag])).life == 600)
        #expect(store(response(200, [(.cacheControl, "max-age=60"), tag])).life == 660)
        #expect(store(response(200, [(.cacheControl, "max-age=60"), tag]), policy { $0.keep = 5 }).life == 65)
        #expect(store(response(200, [(.cacheControl, "no-cache"), tag]), policy { $0.keep = 0 }).facts == nil)
    }

    @Test(
        "Without a validator: kept as long, unless a directive forbids stale use or its lifetime is zero",
        .tags(.choice))
    func keptWithoutValidator() {
        func life(_ control: String, age: String = "0", keep: Seconds = 600) -> Int64? {
            store(response(200, [(.cacheControl, control), (.age, age)]), policy { $0.keep = keep }).life
        }
        #expect(life("max-age=60") == 660)
        #expect(life("max-age=60", age: "20") == 640)
        #expect(life("max-age=60", keep: 7) == 67)
        #expect(life("max-age=60", keep: 0) == 60)
        #expect(life("max-age=60, stale-while-revalidate=20, stale-if-error=30", keep: 0) == 90)
        #expect(life("max-age=60, stale-if-error=900") == 960)
        for directive in ["must-revalidate", "proxy-revalidate", "s-maxage=60"] {
            #expect(life("max-age=60, \(directive), stale-if-error=30") == 60)
        }
        #expect(life("max-age=60, stale-if-error=30", age: "70") == 600)
        #expect(life("max-age=60, stale-if-error=30", age: "70", keep: 0) == 20)
        #expect(life("max-age=60", age: "60") == 600)
        #expect(life("max-age=60", age: "60", keep: 0) == nil)
        #expect(life("max-age=0") == nil)
    }
}
