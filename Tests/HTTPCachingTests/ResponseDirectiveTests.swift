import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §5.2 Cache-Control")
struct CacheControlTests {
    @Test(
        "Each directive is recognised in any case, quoted or not, among others", .tags(.must),
        arguments: [
            ("no-store", ResponseDirectives.Flags.noStore), ("no-cache", .noCache), (#"no-cache="a""#, .noCacheFields),
            ("private", .private),
            (#"private="a""#, .privateFields), ("public", .public), ("must-revalidate", .mustRevalidate),
            ("proxy-revalidate", .proxyRevalidate),
            ("must-understand", .mustUnderstand), ("immutable", .immutable), ("max-age=1", .maxAge),
            ("s-maxage=1", .sharedMaxAge),
            ("stale-while-revalidate=1", .staleWhileRevalidate), ("stale-if-error=1", .staleIfError),
            ("no-transform", .noTransform),
            (#"private="""#, .private), (#"no-cache=""#, .noCache), ("no-store=1", .noStore),
        ])
    func known(value: String, flag: ResponseDirectives.Flags) {
        #expect(response(200, [(.cacheControl, "foo, \(value.uppercased()) ,bar=2")]).directives.flags == flag)
        #expect(response(200, [(.cacheControl, value)]).directives.flags == flag)
    }

    @Test(
        "Similar names are other directives", .tags(.must),
        arguments: ["no-stores", "xno-store", "nostore", "no_store", "no-store2"])
    func unknown(value: String) { #expect(response(200, [(.cacheControl, value)]).directives.flags == []) }

    @Test("An unclosed quote hides no directive after it", .tags(.choice))
    func openQuote() {
        #expect(store(response(200, [(.cacheControl, #"max-age=60, foo="a, no-store"#)])).reason == .responseNoStore)
        #expect(store(response(200, [(.cacheControl, #"max-age=60, private="a"#)])).reason == .privateResponse)
    }
}

@Suite("RFC 9111 §5.2.2 Response directives")
struct ResponseDirectiveTests {
    private func stored(_ value: String, _ status: Int = 200) -> StorageVerdict {
        store(response(status, [(.cacheControl, value), (.etag, "\"a\"")]))
    }
    private func reused(_ value: String, after: Int64) -> ReuseVerdict? {
        reuse([(.cacheControl, value), (.etag, "\"a\"")], after: after)
    }

    @Test("§5.2.2.1 max-age: stale once it is older", .tags(.must))
    func maxAge() {
        #expect(reused("max-age=60", after: 59)?.name == "fresh")
        #expect(reused("max-age=60", after: 61)?.name == "validate stale")
    }

    @Test("§5.2.2.2 must-revalidate: no reuse once stale, not even without an origin", .tags(.must))
    func mustRevalidate() {
        #expect(reused("max-age=60, must-revalidate", after: 59)?.name == "fresh")
        let verdict = reused("max-age=60, must-revalidate, stale-if-error=100, stale-while-revalidate=100", after: 61)
        #expect(verdict?.name == "validate mustRevalidate" && verdict?.fallback == [])
    }

    @Test("§5.2.2.3 must-understand overrides no-store for statuses that are understood", .tags(.should))
    func mustUnderstandNoStore() {
        for status in [200, 404, 500] { #expect(stored("max-age=60, no-store, must-understand", status).facts != nil) }
    }

    @Test("§5.2.2.3 With must-understand, a status that is not understood is not stored", .tags(.must))
    func mustUnderstand() {
        #expect(stored("max-age=60, no-store, must-understand", 299).reason == .notUnderstood)
        #expect(stored("max-age=60, must-understand", 599).reason == .notUnderstood)
    }

    @Test(
        "§5.2.2.4 no-cache: never used without validation, even if fresh, even if the origin is unreachable",
        .tags(.must))
    func noCache() {
        for value in [
            "no-cache, max-age=60", "max-age=60, NO-CACHE", "no-cache=, max-age=60", "no-cache=\"\", max-age=60",
        ] {
            let verdict = reused(value, after: 1)
            #expect(verdict?.name == "validate storedNoCache" && verdict?.fallback == [])
        }
    }

    @Test("§5.2.2.4, §5.2.2.7 With field names, they only prevent storing those fields", .tags(.must))
    func qualified() {
        for value in [#"max-age=60, private="x""#, #"max-age=60, no-cache="x, y""#] {
            #expect(reused(value, after: 1)?.name == "fresh")
            #expect(stored(value).facts?.flags.contains(.fieldsRemoved) == true)
        }
    }

    @Test(
        "§5.2.2.5 no-store: not stored, whatever the other directives", .tags(.must),
        arguments: ["no-store", "max-age=60, no-store", "public, no-store, s-maxage=60", "no-store=x, max-age=60"])
    func noStore(value: String) { #expect(stored(value).reason == .responseNoStore) }

    @Test(
        "§5.2.2.7 private: not stored by a shared cache, whatever the other directives", .tags(.must),
        arguments: ["private", "max-age=60, PRIVATE", "public, private, s-maxage=60", "private=, max-age=60"])
    func `private`(value: String) { #expect(stored(value).reason == .privateResponse) }

    @Test("§5.2.2.8 proxy-revalidate: as must-revalidate, but it doesn't permit storing", .tags(.must))
    func proxyRevalidate() {
        #expect(reused("max-age=60, proxy-revalidate", after: 61)?.name == "validate mustRevalidate")
        let authorized = request(.get, [(.authorization, "Basic x")])
        let said = response(200, [(.cacheControl, "max-age=60, proxy-revalidate")])
        #expect(store(authorized, said).reason == .authorization)
    }

    @Test("§5.2.2.9 public: cacheable in any final status", .tags(.should))
    func `public`() {
        let route = policy { $0.timeout = 5 }
        #expect(store(response(403, [(.cacheControl, "public")]), route).facts?.lifetime == 5)
        #expect(store(response(403), route).reason == .noLifetime)
    }

    @Test("§5.2.2.10 s-maxage: overrides max-age, and forbids reuse once stale", .tags(.must))
    func sharedMaxAge() {
        #expect(reused("s-maxage=10, max-age=60", after: 11)?.name == "validate mustRevalidate")
        #expect(reused("s-maxage=60, max-age=10", after: 11)?.name == "fresh")
    }
}
