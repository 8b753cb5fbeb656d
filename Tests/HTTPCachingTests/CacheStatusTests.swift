import Bytes
import HTTPSemantics
import Testing

@testable import HTTPCaching

@Suite("RFC 9211 §2 Cache-Status")
struct CacheStatusTests {
    private func text(_ status: CacheStatus) -> String {
        var bytes: [UInt8] = []
        status.append(to: &bytes)
        return string(bytes)
    }

    @Test("A hit has its ttl, negative when stale", .tags(.must))
    func hits() {
        var status = CacheStatus(.hit)
        #expect(text(status) == "larder; hit")
        status.timeToLive = 376
        #expect(text(status) == "larder; hit; ttl=376")
        status.timeToLive = -412
        status.detail = .staleWhileRevalidate
        #expect(text(status) == "larder; hit; ttl=-412; detail=stale-while-revalidate")
    }

    @Test("hit excludes fwd and its parameters", .tags(.should))
    func exclusive() {
        var status = CacheStatus(.hit)
        status.isStored = true
        status.isCollapsed = true
        status.forwardStatus = Status(304)
        #expect(text(status) == "larder; hit")
    }

    @Test(
        "A forwarded request has the reason, the origin's status, and whether it was stored or collapsed", .tags(.must))
    func forwarded() {
        var status = CacheStatus(.forwarded(.stale))
        status.forwardStatus = Status(304)
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

    @Test("No member is longer than the reserved length", .tags(.choice))
    func length() {
        var status = CacheStatus(.forwarded(.varyMiss))
        status.forwardStatus = Status(504)
        status.timeToLive = Seconds(.min)
        status.isStored = true
        status.isCollapsed = false
        for reason in Reason.allCases {
            status.detail = reason
            #expect(text(status).utf8.count <= CacheStatus.greatestLength)
        }
    }

    @Test("Every reason has a slug of its own that is a token, and a sentence", .tags(.must))
    func reasons() {
        #expect(Set(Reason.allCases.map { "\($0.slug)" }).count == Reason.allCases.count)
        for reason in Reason.allCases {
            #expect("\(reason.slug)".utf8.allSatisfy { $0.isTokenCharacter })
            #expect("\(reason.slug)".first?.isLetter == true)
            #expect("\(reason.sentence)".hasSuffix(".") && "\(reason.sentence)".count > 15)
        }
    }

    @Test("Decimals", .tags(.must), arguments: [0, 7, 10, 99, 100, -1, Int64.max, Int64.min])
    func decimals(value: Int64) {
        var bytes: [UInt8] = []
        bytes.append(decimal: value)
        #expect(string(bytes) == "\(value)")
    }

    @Test(
        "§2.2 Each reason to forward a request has its fwd", .tags(.must),
        arguments: [
            (Reason.routeNotCached, CacheStatus.Forward.bypass), (.methodNotCached, .method), (.notStored, .uriMiss),
            (.variantNotStored, .varyMiss), (.requestNoCache, .request), (.requestMaxAge, .request), (.stale, .stale),
            (.storedNoCache, .stale), (.waitTimedOut, .miss), (.unshared, .miss), (.rangeNotStored, .partial),
            (.storeTimedOut, .miss), (.purged, .uriMiss), (.storeUnavailable, .bypass), (.storeSlow, .miss),
        ])
    func forward(reason: Reason, forward: CacheStatus.Forward) { #expect(reason.forward == forward) }
}
