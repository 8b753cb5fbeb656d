import HTTPCaching
import Testing

@testable import CacheStorage

// Invalidation by URL and by what URLs begin with, whatever the keys are made of.

@Suite("RFC 9111 §4.4: the clock of invalidations: places")
struct InvalidatedPlacesTests {
    private let clock = InvalidationClock()

    private func invalidate(_ target: String, at time: Int = 1_000, authority: String = "api.example") {
        let isPrefix = target.hasSuffix("*")
        let text = isPrefix ? String(target.dropLast()) : target
        clock.note(
            [
                InvalidatedPlace(
                    scheme: "http".utf8.span, authority: authority.utf8.span, target: text.utf8.span, isPrefix: isPrefix
                )
            ], at: WallTime(milliseconds: Int64(time)))
    }

    private func covers(
        _ target: String, requestedAt time: Int = 500, scheme: String = "http", authority: String = "api.example"
    ) -> Bool {
        let mark = target.firstIndex(of: "?") ?? target.endIndex
        let (path, query) = (String(target[..<mark]), String(target[mark...]))
        return clock.coversPlace(
            scheme: scheme.utf8.span, authority: authority.utf8.span, path: path.utf8.span, query: query.utf8.span,
            requestedAt: Instant(milliseconds: Int64(time)))
    }

    @Test("Nothing is covered, and a lookup has nothing to ask for, before a place was invalidated")
    func empty() {
        #expect(clock.hasNoPlaces)
        #expect(!covers("/products"))
        clock.note([.tag("x".utf8.span)], at: WallTime(milliseconds: 1_000))
        #expect(clock.hasNoPlaces)
        invalidate("/products")
        #expect(!clock.hasNoPlaces)
    }

    @Test(
        "A prefix covers what begins with it, and nothing else",
        arguments: [
            (
                "/products?*", ["/products?", "/products?a", "/products?a=1&b=/x?y"],
                ["/products", "/products/1?a", "/product?a"]
            ),
            (
                "/products*", ["/products", "/products?a", "/products/1", "/products-old/x"],
                ["/product", "/Products", "/x/products"]
            ),
            (
                "/users/5/*", ["/users/5/", "/users/5/a", "/users/5/a/b?c"],
                ["/users/5", "/users/51/a", "/users//5/", "/users/"]
            ),
            ("/users/5*", ["/users/5", "/users/51", "/users/5/a"], ["/users/", "/users/6", "/users/x/5"]),
            ("/list?user=5*", ["/list?user=5", "/list?user=51&a=b"], ["/list", "/list?a=b&user=5", "/list/user=5"]),
            ("/*", ["/", "/a", "/?", "/a/b?c", ""], []),
        ])
    func prefix(_ target: String, _ inside: [String], _ outside: [String]) {
        invalidate(target)
        for url in inside { #expect(covers(url), "\(url) in \(target)") }
        for url in outside { #expect(!covers(url), "\(url) in \(target)") }
    }

    @Test(
        "A target without * is one URL; without a query it is its path, whatever the query",
        arguments: ["/me", "/me?a=1", "/"])
    func whole(_ target: String) {
        invalidate(target)
        #expect(covers(target))
        for url in ["/m", "/me/", "/mee", "/mee?a=1"] { #expect(!covers(url), "\(url) for \(target)") }
        for url in ["/me?", "/me?a=12", "/me?a="] { #expect(covers(url) == (target == "/me"), "\(url) for \(target)") }
    }

    @Test("It is of one origin, whose default port and case don't matter")
    func origins() {
        invalidate("/a*", authority: "API.example:80")
        #expect(covers("/a"))
        #expect(!covers("/a", authority: "api.example:81"))
        #expect(!covers("/a", authority: "other.example"))
        #expect(!covers("/a", scheme: "https"))
    }

    @Test("What was requested after it is not covered; what was requested in the same millisecond is")
    func time() {
        invalidate("/a*", at: 1_000)
        #expect(covers("/ab", requestedAt: 1_000))
        #expect(!covers("/ab", requestedAt: 1_001))
        invalidate("/a*", at: 2_000)
        #expect(covers("/ab", requestedAt: 1_001))
    }

    @Test("Long texts and deep paths are covered as well; a very long rest is cut, which covers more and never less")
    func long() {
        let deep = String(repeating: "/x", count: 200)
        invalidate("\(deep)/*")
        #expect(covers("\(deep)/a") && !covers("\(deep)a") && !covers(String(deep.dropLast(2)) + "/"))
        let long = "/" + String(repeating: "y", count: 1_000)
        invalidate("\(long)*")
        #expect(covers(long) && covers(long + "z"))
        #expect(!covers("/" + String(repeating: "y", count: 100)))
        invalidate("/\(String(repeating: "z", count: 300))/b*")
        #expect(covers("/\(String(repeating: "z", count: 300))/bc"))
    }

    @Test(
        "However many others are invalidated, none is lost, and few records that have nothing to do with them are hit")
    func many() {
        for number in 0..<120_000 { invalidate("/users/\(number)/*") }
        #expect((0..<120_000).allSatisfy { covers("/users/\($0)/orders") })
        let wrong = (0..<2_000).count { covers("/others/\($0)/orders") }
        #expect(wrong <= 20, "\(wrong) of 2,000")
    }
}
