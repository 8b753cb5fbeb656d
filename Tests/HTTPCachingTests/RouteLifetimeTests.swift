import HTTPSemantics
import Testing

@testable import HTTPCaching

/// What a lifetime that only the route gives applies to: the route knows nothing of who may be given a response (RFC 9111 §7.3),
/// of what a POST does (RFC 9110 §9.3.3), or of when a stream ends.
@Suite("A lifetime that only the route gives")
struct RouteLifetimeTests {
    static let routes: [(String, RoutePolicy)] = [
        ("timeout", policy { $0.timeout = 60 }), ("heuristic", policy { $0.heuristicPercentage = 100 }),
        (
            "force",
            policy {
                $0.timeout = 60
                $0.mode = .force
            }
        ),
    ]
    private let old: Fields = [(.lastModified, "Mon, 01 Jan 1990 00:00:00 GMT")]

    private func asked(_ method: Method = .get, _ fields: Fields = []) -> RequestFacts {
        var facts = request(method, fields)
        facts.noteCredentials()
        return facts
    }

    // MARK: Credentials

    @Test("A response to a request with credentials is not stored", .tags(.must), arguments: routes.indices)
    func stored(_ index: Int) {
        let route = Self.routes[index].1
        #expect(store(asked(), response(200, old), route).reason == .credentials)
        #expect(store(asked(.get, [(.authorization, "x")]), response(200, old), route).reason == .credentials)
        #expect(store(request(), response(200, old), route).facts?.flags.contains(.lifetimeFromRoute) == true)
        #expect(Reason.credentials.isRequestsOwn)
    }

    @Test("A request with credentials is not served what others got, fresh or stale", .tags(.must), arguments: [1, 70])
    func reused(after seconds: Int64) {
        for (_, var route) in Self.routes.dropLast(2) + Self.routes.suffix(1) {
            route.staleWhileRevalidate = 60
            route.staleIfError = 60
            #expect(reuse([], asked(), route, after: seconds)?.name == "bypass credentials")
            #expect(reuse([], request(), route, after: 1)?.name == "fresh")
        }
    }

    @Test(
        "What the API declares itself holds as RFC 9111 says", .tags(.must),
        arguments: ["public", "max-age=60", "s-maxage=60", "public, max-age=5"])
    func declared(_ control: String) {
        let route = policy { $0.timeout = 60 }
        #expect(store(asked(), response(200, [(.cacheControl, control)]), route).facts != nil)
        #expect(reuse([(.cacheControl, control)], asked(), route, after: 1)?.name == "fresh")
    }

    @Test("must-revalidate says nothing about who may share", .tags(.choice))
    func mustRevalidate() {
        let route = policy { $0.timeout = 60 }
        #expect(store(asked(), response(200, [(.cacheControl, "must-revalidate")]), route).reason == .credentials)
    }

    @Test("What is validated before each use is stored for requests with credentials too", .tags(.should))
    func validated() {
        let fields: Fields = [(.cacheControl, "no-cache"), (.etag, "\"a\"")]
        #expect(store(asked(), response(200, fields)).facts != nil)
        #expect(reuse(fields, asked(), after: 1)?.name == "validate storedNoCache")
    }

    @Test("RFC 9111 §3.5: Authorization that the key names is like no Authorization", .tags(.choice))
    func keyed() {
        var keyed = request(.get, [(.authorization, "x")])
        keyed.noteKeyedAuthorization()
        for fields: Fields in [[], [(.cacheControl, "max-age=60")]] {
            let route = policy { $0.timeout = 60 }
            #expect(store(keyed, response(200, fields), route).facts != nil)
            #expect(reuse(fields, keyed, route, after: 1)?.name == "fresh")
        }
        #expect(store(keyed, response(200, [(.cacheControl, "private")])).reason == .privateResponse)
    }

    // MARK: POST

    private let posting = { (reads: Bool) in
        policy {
            $0.methods = [.get, .post]
            $0.timeout = 60
            $0.staleWhileRevalidate = 60
            $0.postReads = reads
        }
    }

    @Test("doesn't apply to POST, forced or not, unless the route says that its POSTs are reads", .tags(.must))
    func post() {
        var forced = posting(false)
        forced.mode = .force
        for route in [posting(false), forced] {
            for fields: Fields in [[], [(.cacheControl, "public")], [(.cacheControl, "no-cache"), (.etag, "\"a\"")]] {
                #expect(store(request(.post), response(200, fields), route).reason == .postRuns)
            }
        }
        #expect(store(request(.post), response(), posting(true)).facts?.lifetime == 60)
        var querying = posting(false)
        querying.methods = [.query]
        #expect(store(request(.query), response(), querying).facts?.lifetime == 60)
    }

    @Test("A POST's response with a lifetime of its own serves as long as that, and no longer", .tags(.choice))
    func explicitPost() {
        let fresh: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]
        #expect(store(request(.post), response(200, fresh), posting(false)).facts?.lifetime == 60)
        #expect(reuse(fresh, request(.post), posting(false), after: 1)?.name == "fresh")
        let late = reuse(fresh, request(.post), posting(false), after: 70)
        #expect(late?.name == "validate stale" && late?.fallback == [])
        #expect(reuse(fresh, request(.post), posting(true), after: 70)?.name == "stale staleWhileRevalidate")
        // Stored while the route said something else.
        #expect(reuse([], request(.post), posting(false), after: 1)?.name == "bypass postRuns")
    }

    // MARK: Streams

    @Test(
        "doesn't apply to streams that have no end", .tags(.must),
        arguments: ["text/event-stream", "Text/Event-Stream; charset=utf-8", "multipart/x-mixed-replace;boundary=a"])
    func streams(_ type: String) {
        for (_, route) in Self.routes {
            let refused = store(response(200, old + [(.contentType, type)]), route)
            #expect(refused.reason == .endlessStream)
        }
        let declared = response(200, [(.contentType, type), (.cacheControl, "max-age=5")])
        #expect(store(declared).facts != nil)
        #expect(store(response(200, [(.contentType, "text/plain")]), policy { $0.timeout = 5 }).facts != nil)
    }
}
