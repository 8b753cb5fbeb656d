import Testing

@testable import HTTPCaching

@Suite("RFC 8246 immutable")
struct ImmutableTests {
    @Test("A reload of a fresh response is served from the store, a request with no-cache is not", .tags(.should))
    func reload() {
        let fields: Fields = [(.cacheControl, "max-age=60, immutable"), (.etag, "\"a\"")]
        #expect(reuse(fields, request(.get, [(.cacheControl, "max-age=0")]), after: 1)?.name == "fresh")
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "no-cache")]), after: 1)?.name == "validate requestNoCache")
        #expect(
            reuse(fields, request(.get, [(.cacheControl, "max-age=0")]), after: 61)?.name == "validate requestMaxAge")
    }
}
