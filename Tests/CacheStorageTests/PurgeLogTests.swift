import HTTPCaching
import TestRandomness
import Testing

@testable import CacheStorage

// Which records are purged: beside a plain model that remembers every purge, and what each kind reaches.

private func at(_ milliseconds: UInt64, _ sequence: UInt64 = 0) -> PurgePosition {
    PurgePosition(milliseconds: milliseconds, sequence: sequence)!
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// What is looked up: a record, and the URL that it is looked up for.
private struct Lookup {
    var fence = PurgePosition.start
    var key = CacheKey(standInFor: "key")
    var plainKey = CacheKey(standInFor: "key")
    /// The digest that the record has.
    var recordURL = CacheKey.none
    var scheme = "http"
    var authority = "api.example"
    var path = "/products/7"
    var query = ""
    var tags: [String] = []
    var groups: [String] = []

    var url: CacheKey { CacheKey(standInFor: "\(scheme)://\(authority)\(path)") }

    func verdict(_ log: PurgeLog) -> PurgeVerdict {
        var facts = ordinaryFacts()
        var head = "HTTP/1.1 200 OK\r\n"
        if !tags.isEmpty {
            facts.flags.insert(.tagged)
            head += "Cache-Tag: \(tags.joined(separator: ","))\r\n"
        }
        if !groups.isEmpty {
            facts.flags.insert(.grouped)
            head += "Cache-Groups: \(groups.map { "\"\($0)\"" }.joined(separator: ", "))\r\n"
        }
        let description = RecordDescription(
            id: 1, status: 200, discardAt: .never, facts: facts, fence: fence, url: recordURL)
        let record = StoredResponse.response(
            description, keyText: "k".utf8.span, varyNames: Span(), head: head.utf8.span, body: Span())!
        return log.verdict(
            on: record, key: key, plainKey: plainKey, url: url, scheme: scheme.utf8.span,
            authority: authority.utf8.span, path: path.utf8.span, query: query.utf8.span)
    }
}

@Suite("The log of purges: what each kind reaches")
struct PurgeKindTests {
    private let log = PurgeLog(places: 1 << 10)

    @Test("Nothing is purged at first, and the revision says so; each purge changes it")
    func empty() {
        #expect(log.revision.isFirst && log.applied == .start)
        #expect(Lookup(tags: ["a"]).verdict(log) == .current)
        log.apply(Purge([.tag(bytes("b"))]), at: at(5))
        let first = log.revision
        #expect(!first.isFirst)
        log.apply(Purge([.tag(bytes("c"))], isSoft: true), at: at(6))
        #expect(log.revision != first)
        #expect(log.figures.hard == 1 && log.figures.soft == 1)
    }

    @Test("A purge applies to records with earlier fences only, whenever it is learnt")
    func fences() {
        log.apply(Purge([.tag(bytes("a"))]), at: at(5, 2))
        #expect(Lookup(fence: at(5, 1), tags: ["a"]).verdict(log) == .hard)
        #expect(Lookup(fence: at(5, 2), tags: ["a"]).verdict(log) == .current)
        #expect(Lookup(fence: at(5, 1), tags: ["b"]).verdict(log) == .current)
        // An older one that comes late changes nothing.
        log.apply(Purge([.tag(bytes("a"))]), at: at(4))
        #expect(Lookup(fence: at(5, 1), tags: ["a"]).verdict(log) == .hard)
        #expect(Lookup(fence: at(5, 2), tags: ["a"]).verdict(log) == .current)
    }

    @Test("A tag reaches records of every host; a group those of its origin")
    func tagsAndGroups() {
        log.apply(
            Purge([.tag(bytes("t")), .group(origin: bytes("HTTP://API.example:80"), name: bytes("g"))]), at: at(5))
        #expect(Lookup(authority: "other.example", tags: ["s", "t"]).verdict(log) == .hard)
        #expect(Lookup(authority: "other.example", groups: ["g"]).verdict(log) == .current)
        #expect(Lookup(groups: ["f", "g"]).verdict(log) == .hard)
        #expect(Lookup(tags: ["g"]).verdict(log) == .current)
        #expect(Lookup(groups: ["t"]).verdict(log) == .current)
    }

    @Test("A URL reaches what is looked up for it, and what was fetched for it, whatever the key and the query")
    func urls() {
        let url = Lookup().url
        log.apply(Purge([.url(url)]), at: at(5))
        #expect(Lookup(key: CacheKey(standInFor: "other"), query: "?a=1").verdict(log) == .hard)
        #expect(Lookup(path: "/alias").verdict(log) == .current)
        #expect(Lookup(recordURL: url, path: "/alias").verdict(log) == .hard)
        #expect(Lookup(fence: at(5), recordURL: url).verdict(log) == .current)
    }

    @Test("A key reaches its record and its variants, and no URL with the same digest")
    func keys() {
        let key = CacheKey(standInFor: "plain")
        log.apply(Purge([.key(key)]), at: at(5))
        #expect(Lookup(key: key, plainKey: key).verdict(log) == .hard)
        #expect(Lookup(key: CacheKey(standInFor: "variant"), plainKey: key).verdict(log) == .hard)
        #expect(Lookup(recordURL: key).verdict(log) == .current)
    }

    @Test("A host reaches its URLs by either scheme, in any case")
    func hosts() {
        log.apply(Purge([.host(bytes("API.example"))]), at: at(5))
        #expect(Lookup().verdict(log) == .hard)
        #expect(Lookup(scheme: "https", authority: "api.EXAMPLE:443").verdict(log) == .hard)
        #expect(Lookup(authority: "api.example:8080").verdict(log) == .current)
        #expect(Lookup(authority: "example").verdict(log) == .current)
    }

    @Test("Everything is everything")
    func everything() {
        log.apply(Purge([.everything]), at: at(5))
        #expect(Lookup(fence: at(4)).verdict(log) == .hard && Lookup(fence: at(5)).verdict(log) == .current)
        log.apply(Purge([.everything], isSoft: true), at: at(6))
        #expect(Lookup(fence: at(4)).verdict(log) == .hard && Lookup(fence: at(5)).verdict(log) == .soft)
    }

    @Test(
        "A prefix reaches what begins with it, and nothing else",
        arguments: [
            (
                "http://api.example/products", ["/products", "/products?a", "/products/1", "/products-old"],
                ["/product", "/Products", "/x/products"]
            ),
            ("/products?", ["/products?", "/products?a=1&b=/x?y"], ["/products", "/products/1?a", "/product?a"]),
            (
                "http://api.example/users/5/", ["/users/5/", "/users/5/a/b?c"],
                ["/users/5", "/users/51/a", "/users//5/"]
            ),
            ("/list?user=5", ["/list?user=5", "/list?user=51&a=b"], ["/list", "/list?a=b&user=5", "/list/user=5"]),
            ("http://api.example", ["/", "/a", "/?", "/a/b?c", ""], []),
            ("/", ["/", "/a", "/?", "/a/b?c", ""], []),
        ])
    func prefixes(_ prefix: String, _ inside: [String], _ outside: [String]) {
        log.apply(Purge([.prefix(bytes(prefix))]), at: at(5))
        func verdict(_ target: String, _ scheme: String, _ authority: String) -> PurgeVerdict {
            let mark = target.firstIndex(of: "?") ?? target.endIndex
            return Lookup(
                scheme: scheme, authority: authority, path: String(target[..<mark]), query: String(target[mark...])
            ).verdict(log)
        }
        for target in inside { #expect(verdict(target, "http", "API.example:80") == .hard, "\(target) in \(prefix)") }
        for target in outside { #expect(verdict(target, "http", "api.example") == .current, "\(target) in \(prefix)") }
        let isOfEveryHost = prefix.hasPrefix("/")
        for target in inside {
            #expect((verdict(target, "https", "other.example") == .hard) == isOfEveryHost)
        }
        #expect(log.reachesQueries == prefix.contains("?"))
    }

    @Test("Long prefixes and deep ones reach as well; a very long rest is cut, which reaches more and never less")
    func longPrefixes() {
        let deep = String(repeating: "/x", count: 200)
        let long = "/" + String(repeating: "y", count: 1_000)
        log.apply(Purge([.prefix(bytes("\(deep)/")), .prefix(bytes(long))]), at: at(5))
        #expect(Lookup(path: "\(deep)/a").verdict(log) == .hard && Lookup(path: "\(deep)a").verdict(log) == .current)
        #expect(Lookup(path: long).verdict(log) == .hard && Lookup(path: long + "z").verdict(log) == .hard)
        #expect(Lookup(path: "/" + String(repeating: "y", count: 100)).verdict(log) == .current)
    }

    @Test("A soft purge makes stale; where a hard one applies as well, that counts")
    func soft() {
        log.apply(Purge([.tag(bytes("a"))], isSoft: true), at: at(9))
        #expect(Lookup(tags: ["a"]).verdict(log) == .soft)
        log.apply(Purge([.tag(bytes("b"))]), at: at(3))
        #expect(Lookup(tags: ["a", "b"]).verdict(log) == .hard)
        #expect(Lookup(fence: at(3), tags: ["a", "b"]).verdict(log) == .soft)
    }
}

@Suite("The log of purges: positions")
struct PurgeOrderTests {
    private let log = PurgeLog(places: 1 << 10)

    @Test("Applying a purge doesn't move the fence of fetches; saying that all before are applied does, and never back")
    func applied() {
        log.apply(Purge([.tag(bytes("a"))]), at: at(5))
        #expect(log.applied == .start)
        log.advance(to: at(5))
        #expect(log.applied == at(5))
        log.advance(to: at(4))
        #expect(log.applied == at(5))
    }

    @Test("Own purges get later and later positions, whatever the clock does")
    func own() {
        let clock: [Int64] = [1_000, 1_000, 900, 5, 1_001, 1_001, 2_000]
        var last = PurgePosition.start
        for time in clock {
            let fence = log.applied
            let position = log.noteOwn(Purge([.tag(bytes("a"))]), at: WallTime(milliseconds: time))
            #expect(position > last && log.applied == position)
            #expect(Lookup(fence: fence, tags: ["a"]).verdict(log) == .hard)
            #expect(Lookup(fence: position, tags: ["a"]).verdict(log) == .current)
            last = position
        }
    }

    @Test("An own purge without a position applies to every record; with one, to those with earlier fences")
    func unsettled() {
        let hard = log.begin(Purge([.tag(bytes("a")), .prefix(bytes("/x"))]))
        let again = log.begin(Purge([.tag(bytes("a"))]))
        let soft = log.begin(Purge([.tag(bytes("b"))], isSoft: true))
        let all = log.begin(Purge([.everything], isSoft: true))
        let late = at(1 << 40)
        #expect(Lookup(fence: late, tags: ["a"]).verdict(log) == .hard)
        #expect(Lookup(fence: late, path: "/x").verdict(log) == .hard)
        #expect(Lookup(fence: late).verdict(log) == .soft)
        log.settle(all, at: at(9))
        #expect(Lookup(fence: late).verdict(log) == .current)
        #expect(Lookup(fence: late, tags: ["b"]).verdict(log) == .soft)
        log.settle(hard, at: at(7))
        #expect(Lookup(fence: late, tags: ["a"]).verdict(log) == .hard)
        log.settle(again, at: at(8))
        #expect(Lookup(fence: at(8), tags: ["a"]).verdict(log) == .soft)
        #expect(Lookup(fence: at(9), tags: ["a"]).verdict(log) == .current)
        #expect(Lookup(fence: at(7), tags: ["a"]).verdict(log) == .hard)
        log.settle(soft, at: at(10))
        #expect(Lookup(fence: at(9), tags: ["b"]).verdict(log) == .soft)
        #expect(log.figures.unsettled == 0)
    }

    @Test(
        "Of unsettled purges with more names than are remembered everything is taken for purged, until they are settled"
    )
    func manyUnsettled() {
        let names = (0..<5_000).map { PurgeItem.tag(bytes("\($0)")) }
        let purge = log.begin(Purge(names))
        #expect(Lookup(fence: at(9)).verdict(log) == .hard)
        log.settle(purge, at: at(9))
        #expect(Lookup(fence: at(9), tags: ["1"]).verdict(log) == .current)
        #expect(Lookup(fence: at(8), tags: ["4999"]).verdict(log) == .hard)
    }

    @Test("Positions that come from elsewhere begin anew")
    func restart() {
        log.noteOwn(Purge([.tag(bytes("a"))]), at: WallTime(milliseconds: 1 << 40))
        let revision = log.revision
        log.restart(at: at(3))
        #expect(log.applied == at(3) && log.revision != revision)
        log.apply(Purge([.tag(bytes("a"))]), at: at(4))
        #expect(Lookup(fence: at(3), tags: ["a"]).verdict(log) == .hard)
        #expect(Lookup(fence: at(4), tags: ["a"]).verdict(log) == .current)
    }
}

@Suite("The log of purges beside a plain model")
struct PurgeModelTests {
    /// All purges with their positions.
    private struct Model {
        var purges: [(purge: Purge, position: PurgePosition)] = []

        func verdict(_ lookup: Lookup) -> PurgeVerdict {
            purges.filter { $0.position > lookup.fence && $0.purge.items.contains { names($0, lookup) } }
                .map { $0.purge.isSoft ? PurgeVerdict.soft : .hard }.max() ?? .current
        }

        private func names(_ item: PurgeItem, _ lookup: Lookup) -> Bool {
            let target = lookup.path + lookup.query
            return switch item {
            case .tag(let tag): lookup.tags.contains(String(decoding: tag, as: UTF8.self))
            case .url(let digest): digest == lookup.url || digest == lookup.recordURL
            case .key(let key): key == lookup.key || key == lookup.plainKey
            case .prefix(let text):
                "\(lookup.scheme)://\(lookup.authority)\(target)".hasPrefix(String(decoding: text, as: UTF8.self))
                    || target.hasPrefix(String(decoding: text, as: UTF8.self))
            case .host(let host): lookup.authority == String(decoding: host, as: UTF8.self)
            case .group(let origin, let name):
                "\(lookup.scheme)://\(lookup.authority)" == String(decoding: origin, as: UTF8.self)
                    && lookup.groups.contains(String(decoding: name, as: UTF8.self))
            case .everything: true
            }
        }
    }

    private struct History {
        var random: SeededGenerator
        let log: PurgeLog
        var model = Model()
        var unsettled: [(UnsettledPurge, Purge)] = []
        var time: UInt64 = 1_000
        var falseAlarms = 0
        var questions = 0

        mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

        mutating func lookup(among range: Int) -> Lookup {
            var lookup = Lookup()
            let hosts = ["a.example", "b.example:81"]
            lookup.authority = hosts[pick(2)]
            lookup.scheme = ["http", "https"][pick(2)]
            lookup.path = "/\(pick(range))/\(pick(3))"
            if pick(2) == 0 { lookup.query = "?q=\(pick(5))" }
            lookup.plainKey = CacheKey(standInFor: "k\(pick(range))")
            lookup.key = pick(2) == 0 ? lookup.plainKey : CacheKey(standInFor: "v\(pick(range))")
            if pick(2) == 0 { lookup.recordURL = CacheKey(standInFor: "http://a.example/\(pick(range))/\(pick(3))") }
            lookup.tags = (0..<pick(4)).map { _ in "\(pick(range))" }
            lookup.groups = (0..<pick(2)).map { _ in "\(pick(range))" }
            lookup.fence = PurgePosition(milliseconds: time - UInt64(pick(300)), sequence: UInt64(pick(2)))!
            return lookup
        }

        mutating func item(among range: Int) -> PurgeItem {
            let other = lookup(among: range)
            switch pick(40) {
            case 0: return .host(bytes(other.authority))
            case 1..<10: return .tag(bytes("\(pick(range))"))
            case 10..<18: return .url(other.url)
            case 18..<25: return .key(other.plainKey)
            case 25..<32: return .prefix(bytes("\(other.scheme)://\(other.authority)\(other.path)\(other.query)"))
            case 32..<34: return .prefix(bytes(other.path + other.query.prefix(2)))
            case 34..<39:
                return .group(origin: bytes("\(other.scheme)://\(other.authority)"), name: bytes("\(pick(range))"))
            default: return pick(20) == 0 ? .everything : .tag(bytes("\(pick(range))"))
            }
        }

        mutating func purge(among range: Int) {
            time += UInt64(pick(4))
            let purge = Purge((0...pick(3)).map { _ in item(among: range) }, isSoft: pick(3) == 0)
            // Some come late, as those of others do, and some have no position at first.
            if pick(6) == 0 { return unsettled.append((log.begin(purge), purge)) }
            let position = PurgePosition(milliseconds: time - UInt64(pick(5)), sequence: UInt64(pick(3)))!
            model.purges.append((purge, position))
            log.apply(purge, at: position)
        }

        mutating func settle() {
            guard !unsettled.isEmpty, pick(2) == 0 else { return }
            let (begun, purge) = unsettled.remove(at: pick(unsettled.count))
            let position = PurgePosition(milliseconds: time, sequence: UInt64(pick(3)))!
            model.purges.append((purge, position))
            log.settle(begun, at: position)
        }

        mutating func ask(among range: Int) {
            let lookup = lookup(among: range)
            var model = model
            for (_, purge) in unsettled { model.purges.append((purge, PurgePosition(word: .max))) }
            let (verdict, must) = (lookup.verdict(log), model.verdict(lookup))
            questions += 1
            #expect(verdict >= must, "a purge is lost: \(lookup)")
            if verdict > must { falseAlarms += 1 }
        }
    }

    @Test("With room for all names the log agrees with the model", arguments: 1...20)
    func exact(seed: Int) {
        var history = History(random: SeededGenerator(seed: UInt64(seed)), log: PurgeLog(places: 1 << 14))
        for _ in 0..<300 {
            history.purge(among: 60)
            history.settle()
            history.ask(among: 60)
            history.ask(among: 60)
        }
        #expect(history.falseAlarms == 0)
    }

    @Test("In tables that are far too small nothing that was purged is taken for current", arguments: 1...10)
    func crowded(seed: Int) {
        var history = History(random: SeededGenerator(seed: UInt64(seed)), log: PurgeLog(places: 4))
        for _ in 0..<300 {
            history.purge(among: 200)
            history.settle()
            history.ask(among: 200)
        }
    }
}
