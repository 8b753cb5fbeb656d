import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9110 §9.3.3 Responses to POST that are used for a later GET")
struct PostTests {
    private func verdict(
        _ fields: Fields, location: String = "/tasks", status: Int = 200, method: Method = .post,
        asked: Fields = [], path: String = "/tasks", query: String = "", _ route: RoutePolicy = policy()
    ) -> StorageVerdict {
        let (location, scheme, authority) = (Array(location.utf8), Array("http".utf8), Array("api.example".utf8))
        let (path, query) = (Array(path.utf8), Array(query.utf8))
        var scratch: [UInt8] = [1, 2, 3]
        return getReuseVerdict(
            request: request(method, asked), response: response(status, fields), policy: route, requestTime: arrival,
            contentLocation: location.span, scheme: scheme.span, authority: authority.span, path: path.span,
            query: query.span, scratch: &scratch)
    }
    private let fresh: Fields = [(.cacheControl, "max-age=60")]

    @Test(
        "Stored if Content-Location is the target and freshness is explicit", .tags(.should),
        arguments: [
            "/tasks", "http://api.example/tasks", "HTTP://API.example:80/tasks", "//api.example/tasks", "tasks",
            "./tasks",
        ])
    func stored(location: String) {
        let facts = verdict(fresh, location: location).facts
        #expect(facts?.lifetime == 60)
        #expect(facts?.status == Status(200))
        #expect(verdict([(.expires, "Mon, 01 Jan 2024 00:01:00 GMT")], location: location).facts?.lifetime == 60)
        #expect(verdict([(.cdnCacheControl, "max-age=5")], location: location).facts?.lifetime == 5)
    }

    @Test("The query is part of the target", .tags(.must))
    func query() {
        #expect(verdict(fresh, location: "/tasks?a=b", query: "?a=b").facts != nil)
        #expect(verdict(fresh, location: "/tasks", query: "?a=b").facts == nil)
        #expect(verdict(fresh, location: "/tasks?a=b").facts == nil)
        #expect(verdict(fresh, location: "/tasks?a=c", query: "?a=b").facts == nil)
    }

    @Test(
        "Not stored if Content-Location is missing or another URI", .tags(.must),
        arguments: [
            "", " ", "/tasks/7", "/Tasks", "https://api.example/tasks", "http://other.example/tasks", "/tasks/",
        ])
    func elsewhere(location: String) { #expect(verdict(fresh, location: location).reason == .methodNotCached) }

    @Test("Not stored without explicit freshness, whatever the route's timeout", .tags(.must))
    func implicit() {
        let route = policy {
            $0.timeout = 60
            $0.heuristicPercentage = 10
            $0.mode = .force
        }
        for fields: Fields in [
            [], [(.cacheControl, "public")], [(.lastModified, "Mon, 01 Jan 1990 00:00:00 GMT")],
            [(.expires, "Mon, 01 Jan 2024 00:01:00 GMT"), (.cdnCacheControl, "public")],
        ] {
            #expect(verdict(fields, route).reason == .methodNotCached)
        }
        #expect(verdict([(.cacheControl, "no-store, max-age=60")], route).reason == .responseNoStore)
    }

    @Test(
        "Only a 200 is stored, the status that a GET would get", .tags(.choice),
        arguments: [201, 202, 204, 206, 303, 404, 500])
    func statuses(status: Int) { #expect(verdict(fresh, status: status).reason == .methodNotCached) }

    @Test("Only for POST, and if the route caches GET", .tags(.must))
    func methods() {
        for method in Method.allCases where method != .post {
            #expect(verdict(fresh, method: method).reason == .methodNotCached)
        }
        #expect(verdict(fresh, policy { $0.methods = [.post] }).reason == .methodNotCached)
    }

    @Test("Whatever forbids storing a response to GET applies", .tags(.must))
    func conditions() {
        #expect(verdict([(.cacheControl, "max-age=60, private")]).reason == .privateResponse)
        #expect(verdict(fresh + [(.setCookie, "a=b")]).reason == .setCookie)
        #expect(verdict(fresh + [(.vary, "*")]).reason == .varyStar)
        #expect(verdict(fresh, asked: [(.authorization, "x")]).reason == .authorization)
        #expect(verdict(fresh, asked: [(.cacheControl, "no-store")]).reason == .requestNoStore)
        #expect(verdict([(.cacheControl, "max-age=0")]).reason == .alreadyStale)
    }
}
