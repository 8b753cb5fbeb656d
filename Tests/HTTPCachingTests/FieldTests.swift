import Testing

@testable import HTTPCaching

@Suite("RFC 9111 §5.2.2 Response directives")
struct ResponseDirectiveTests {
    @Test(
        "Each is known in any case, quoted or not, among others",
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

    @Test("§5.2.2.3 must-understand takes no-store's place for statuses that are understood", .tags(.must))
    func mustUnderstand() {
        let value = "max-age=60, no-store, must-understand"
        #expect(store(response(200, [(.cacheControl, value)])).facts != nil)
        #expect(store(response(404, [(.cacheControl, value)])).facts != nil)
        #expect(store(response(299, [(.cacheControl, value)])).reason == .notUnderstood)
        #expect(store(response(599, [(.cacheControl, "max-age=60, must-understand")])).reason == .notUnderstood)
    }

    @Test(
        "Similar names are other directives", arguments: ["no-stores", "xno-store", "nostore", "no_store", "no-store2"])
    func unknown(value: String) { #expect(response(200, [(.cacheControl, value)]).directives.flags == []) }

    @Test("No bytes trap")
    func anyBytes() {
        var generator = SeededGenerator(seed: 7)
        let alphabet = Array("max-age=60,\"\\ no-store;?1:@%()*/W\t\u{0}é".utf8)
        for _ in 0..<1_000 {
            let text = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            }
            for field in CachingField.allCases {
                var stored = ResponseFacts(status: CachingStatus(200), responseTime: arrival)
                stored.note(field, text.span)
                var asked = RequestFacts(method: .get)
                asked.note(field, text.span)
            }
            var walker = EntityTagWalker()
            while walker.next(in: text.span) != nil {}
            var key: [UInt8] = []
            let accept = Array("accept".utf8)
            var variant = VariantKey(field: accept.span, into: &key)
            variant.add(text.span, into: &key)
            variant.end(into: &key)
            let path = Array("/a".utf8)
            _ = InvalidatedReference.appendPath(
                of: text.span, scheme: path.span, authority: path.span, path: path.span, into: &key)
        }
    }
}

@Suite("RFC 9213 Targeted fields")
struct TargetedFieldTests {
    @Test("The first valid and non-empty of the list governs, whatever the order of lines", .tags(.must))
    func first() {
        let fields: Fields = [
            (.cacheControl, "max-age=1"), (.cdnCacheControl, "max-age=2"), (.larderCacheControl, "max-age=3"),
        ]
        #expect(store(response(200, fields)).facts?.lifetime == 3)
        #expect(store(response(200, fields.reversed())).facts?.lifetime == 3)
        #expect(store(response(200, Array(fields.prefix(2)))).facts?.lifetime == 2)
    }

    @Test("Then Cache-Control and Expires count for nothing", .tags(.must))
    func others() {
        #expect(
            store(response(200, [(.cacheControl, "no-store"), (.cdnCacheControl, "max-age=2")])).facts?.lifetime == 2)
        #expect(
            store(response(200, [(.cacheControl, "max-age=2"), (.cdnCacheControl, "no-store")])).reason
                == .responseNoStore)
        let expires: Fields = [(.expires, "Tue, 02 Jan 2024 00:00:00 GMT")]
        #expect(store(response(200, expires + [(.cdnCacheControl, "must-revalidate")])).reason == .noLifetime)
        #expect(store(response(200, expires)).facts?.lifetime == 86_400)
    }

    @Test(
        "A field that is empty or no dictionary is ignored", .tags(.must),
        arguments: [
            "", " ", "max-age=60,", "Max-Age=60", "max-age = 60", "max-age=60 private", ",max-age=60", "max-age=60;",
            "max-age=\"60", "max-age=",
            "max-age=1.", "max-age=1.2345", "max-age=1234567890123456", "a=(1 2", "a=?2", "a=:x", "a=é", "a=\"\\x\"",
            "1a", "a,,b", "a=@x",
            "a=(1\"b\")", "a=-",
        ])
    func broken(value: String) {
        #expect(response(200, [(.cdnCacheControl, value)]).governing == .cacheControl)
    }

    @Test(
        "Dictionaries are read by the rules of structured fields", .tags(.must),
        arguments: [
            "max-age=60", "max-age=60, private=?0", "a=1;b=2;c, max-age=60", "x=(\"a\" b;c=1 2), max-age=60",
            "*=1,\tmax-age=60",
            "a=:aGk=:, b=@1700000000, c=%\"f%c3%bc\", d=tok/en:x, e=-1.5, max-age=60", "max-age=60; immutable",
            " max-age=60 ",
            "a=(), b=\"q\\\"\\\\\", max-age=60",
        ])
    func dictionaries(value: String) {
        let facts = response(200, [(.cdnCacheControl, value)])
        #expect(facts.governing == .cdnCacheControl)
        #expect(facts.directives.flags == .maxAge)
        #expect(facts.directives.maxAge == 60)
    }

    @Test(
        "A lifetime of another type than Integer is zero", .tags(.should),
        arguments: ["max-age=60.0", "max-age=\"60\"", "max-age", "max-age=(60)", "max-age=-1"])
    func types(value: String) {
        #expect(response(200, [(.cdnCacheControl, value)]).directives.maxAge == 0)
    }

    @Test("Lines add up, and one broken line breaks the field", .tags(.must))
    func lines() {
        #expect(
            response(200, [(.cdnCacheControl, "max-age=60"), (.cdnCacheControl, "private")]).directives.flags == [
                .maxAge, .private,
            ])
        #expect(
            response(200, [(.cdnCacheControl, "max-age=60"), (.cdnCacheControl, "Private")]).governing == .cacheControl)
    }

    @Test("Qualified no-cache and private are strings")
    func qualified() {
        let flags = response(200, [(.cdnCacheControl, "max-age=60, no-cache=\"a\", private=\"b, c\"")]).directives.flags
        #expect(flags == [.maxAge, .noCacheFields, .privateFields])
    }
}

@Suite("RFC 9211 Cache-Status, and the table of reasons")
struct CacheStatusTests {
    private func text(_ status: CacheStatus) -> String {
        var bytes: [UInt8] = []
        status.append(to: &bytes)
        return string(bytes)
    }

    @Test("A hit tells its time to live, negative when stale")
    func hits() {
        var status = CacheStatus(.hit)
        #expect(text(status) == "larder; hit")
        status.timeToLive = 376
        #expect(text(status) == "larder; hit; ttl=376")
        status.timeToLive = -412
        status.detail = .staleWhileRevalidate
        #expect(text(status) == "larder; hit; ttl=-412; detail=stale-while-revalidate")
    }

    @Test("hit and what belongs to fwd exclude each other", .tags(.should))
    func exclusive() {
        var status = CacheStatus(.hit)
        status.isStored = true
        status.isCollapsed = true
        status.forwardStatus = CachingStatus(304)
        #expect(text(status) == "larder; hit")
    }

    @Test("A forwarded request tells why, the origin's status, and whether it was stored or shared")
    func forwarded() {
        var status = CacheStatus(.forwarded(.stale))
        status.forwardStatus = CachingStatus(304)
        status.timeToLive = 60
        status.isStored = true
        status.isCollapsed = false
        #expect(text(status) == "larder; fwd=stale; fwd-status=304; ttl=60; stored; collapsed=?0")
        let all = CacheStatus.Forward.allCases.map { text(CacheStatus(.forwarded($0))) }
        #expect(
            all
                == ["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"].map {
                    "larder; fwd=\($0)"
                })
    }

    @Test("No member is longer than what is reserved for it")
    func length() {
        var status = CacheStatus(.forwarded(.varyMiss))
        status.forwardStatus = CachingStatus(504)
        status.timeToLive = Seconds(.min)
        status.isStored = true
        status.isCollapsed = false
        for reason in Reason.allCases {
            status.detail = reason
            #expect(text(status).utf8.count <= CacheStatus.greatestLength)
        }
    }

    @Test("Every reason has a slug of its own that is a token, and a sentence")
    func reasons() {
        #expect(Set(Reason.allCases.map { "\($0.slug)" }).count == Reason.allCases.count)
        for reason in Reason.allCases {
            #expect("\(reason.slug)".utf8.allSatisfy { isTokenCharacter($0) })
            #expect("\(reason.slug)".first?.isLetter == true)
            #expect("\(reason.sentence)".hasSuffix(".") && "\(reason.sentence)".count > 15)
        }
    }

    @Test("Decimals", arguments: [0, 7, 10, 99, 100, -1, Int64.max, Int64.min])
    func decimals(value: Int64) {
        var bytes: [UInt8] = []
        bytes.append(decimal: value)
        #expect(string(bytes) == "\(value)")
    }
}

/// SplitMix64: random tests that repeat.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
