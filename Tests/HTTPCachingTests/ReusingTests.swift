import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §4 Reusing stored responses")
struct ReusingTests {
    private let fresh: Fields = [(.cacheControl, "max-age=60"), (.etag, "\"a\"")]

    @Test("A request without relevant fields is plain", .tags(.choice))
    func plain() {
        #expect(request().isPlain)
        #expect(!request(.get, [(.cacheControl, "x")]).isPlain)
        #expect(request(.get, [(.date, arrivalDate)]).isPlain)
    }

    @Test("Decisions before the lookup", .tags(.must))
    func lookup() {
        #expect(lookupVerdict(request: request(), policy: policy()) == .lookUp)
        #expect(lookupVerdict(request: request(.head), policy: policy()) == .lookUp)
        #expect(lookupVerdict(request: request(.post), policy: policy()) == .bypass(.methodNotCached))
        #expect(lookupVerdict(request: request(), policy: policy { $0.methods = [] }) == .bypass(.routeNotCached))
        #expect(
            lookupVerdict(request: request(.get, [(.ifMatch, "*")]), policy: policy())
                == .bypass(.originConditions))
    }

    @Test("no-cache in the stored response forces validation before every use", .tags(.must))
    func storedNoCache() {
        let verdict = reuse([(.cacheControl, "no-cache, max-age=60"), (.etag, "\"a\"")], after: 1)
        #expect(verdict?.name == "validate storedNoCache")
        #expect(verdict?.fallback == [])
    }

    @Test(
        "Fresh is reused, stale is validated", .tags(.must),
        arguments: [(0, "fresh"), (59, "fresh"), (60, "validate stale")])
    func freshness(after: Int, name: String) { #expect(reuse(fresh, after: Int64(after))?.name == name) }

    @Test("A HEAD request is served the stored response to GET", .tags(.choice))
    func head() { #expect(reuse(fresh, request(.head), after: 1)?.name == "fresh") }

    @Test("A request with an unsafe method is never looked up, unless the route caches POST", .tags(.must))
    func unsafe() {
        for method in Method.allCases where !method.isSafe {
            #expect(lookupVerdict(request: request(method), policy: policy()) == .bypass(.methodNotCached))
        }
        #expect(lookupVerdict(request: request(.post), policy: policy { $0.methods = [.post] }) == .lookUp)
    }
}
