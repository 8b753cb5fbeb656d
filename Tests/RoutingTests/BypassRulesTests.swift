import Bytes
import Configuration
import HTTPWire
import Testing

@testable import Routing

@Suite("cache.bypass: which requests go past the cache")
struct BypassRulesTests {
    /// The condition that a request meets; nil if none.
    private func met(_ conditions: [String], _ target: String, _ fields: [String] = []) throws -> String? {
        let rules = try #require(BypassRules(try conditions.map { try BypassCondition(parsing: $0) }))
        let request = try SyntheticRequest(method: "GET", url: "http://h" + target, fields: fields)
        return rules.first(in: request.head, request.bytes.span).map { conditions[$0] }
    }

    @Test(
        "a condition is met by presence, or by a value",
        arguments: [
            ("cookie.session", "/", ["Cookie: a=b; session=x"], true),
            ("cookie.session", "/", ["Cookie: session="], true),
            ("cookie.session", "/", ["Cookie: session"], true), ("cookie.session", "/", ["Cookie: a=session"], false),
            ("cookie.session", "/", ["Cookie: xsession=1; Session=2"], false),
            ("cookie.session", "/", ["Cookie: a=b", "Cookie: session=1"], true),
            ("cookie.session", "/", [], false), ("cookie.s*_in", "/", ["Cookie: site_logged_in=1"], true),
            ("cookie.beta=on", "/", ["Cookie: beta=off; beta=on"], true),
            ("cookie.beta=on", "/", ["Cookie: beta=ON"], false), ("cookie.beta=", "/", ["Cookie: beta=1"], false),
            ("cookie.beta=", "/", ["Cookie: beta="], true), ("cookie.a=b=c", "/", ["Cookie: a=b=c"], true),
            ("header.x-preview", "/", ["X-PREVIEW: 0"], true), ("header.x-preview", "/", ["X_Preview: 0"], true),
            ("header.X_Preview", "/", ["x-preview:"], true), ("header.x-preview", "/", ["X-Previews: 0"], false),
            ("header.x-debug-*", "/", ["X-Debug-Level: 1"], true), ("header.x-a=b*d", "/", ["X-A: bcd"], true),
            ("header.x-a=b*d", "/", ["X-A: bcde"], false), ("header.x-a=1", "/", ["X-A: 2", "X-A: 1"], true),
            ("query.nocache", "/?nocache", [], true), ("query.nocache", "/?a&nocache=", [], true),
            ("query.nocache", "/?nocach%65=1", [], true), ("query.nocache", "/?a=nocache", [], false),
            ("query.nocache", "/nocache", [], false), ("query.a b=c d", "/?a+b=c%20d", [], true),
            ("query.v=2*", "/?v=1&v=22", [], true), ("query.*", "/", [], false), ("query.*", "/?", [], false),
            ("query.*", "/?x", [], true),
        ] as [(String, String, [String], Bool)])
    func conditions(_ condition: String, _ target: String, _ fields: [String], _ isMet: Bool) throws {
        #expect(try (met([condition], target, fields) != nil) == isMet)
    }

    @Test("the first condition that is met is named, and no list is none")
    func first() throws {
        #expect(try met(["cookie.a", "query.b", "header.c"], "/?b", ["C: 1"]) == "query.b")
        #expect(BypassRules([]) == nil)
    }

    @Test("a pattern of many stars costs its length, not a power of it")
    func stars() throws {
        let pattern = "query." + String(repeating: "a*", count: 200) + "b"
        #expect(try met([pattern], "/?" + String(repeating: "a", count: 8_000)) == nil)
    }
}
