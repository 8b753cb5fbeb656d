import CacheStorage
import HTTPCaching
import Testing

@testable import Proxy

// Under which key a response is stored: by its Vary, by its No-Vary-Search, and a POST's for later GETs.

@Suite("RFC 9111 §4.1, one fill: keys")
struct FillVariantTests {
    private let english = ["Accept-Language: en"]
    private let french = ["Accept-Language: fr"]
    private let varying = ["Cache-Control: max-age=60", "Vary: Accept-Language"]

    @Test("Variants are stored each under its own key, behind one index, and each request finds its own")
    func variants() throws {
        let scene = try FillScene()
        try scene.store(for: english, with: varying, body: "hello")
        let index = try #require(try scene.index())
        let names = index.varyNames.text()
        #expect(index.kind == .varyIndex && names == "accept-language")
        #expect(try scene.body(for: french) == nil)
        try scene.store(for: french, with: varying, body: "bonjour")
        #expect(try scene.body(for: english) == "hello" && scene.body(for: french) == "bonjour")
        #expect(try scene.body() == nil)
        #expect(scene.leftovers == [])
    }

    @Test("While a variant arrives it is found by its own key too, and what it isn't by neither")
    func underWay() throws {
        let scene = try FillScene()
        let (first, waiting) = (ScriptedReader(), ScriptedReader())
        try scene.ask(first, with: english)
        try scene.ask(waiting, with: english)
        scene.source.head("200 OK", varying + ["Content-Length: 5"])
        scene.settle()
        // The index is there already; a request by it joins at the variant's key.
        let (same, other) = (ScriptedReader(worker: 1), ScriptedReader())
        guard case .joined(let feed) = try scene.ask(same, with: english) else {
            Issue.record("the variant isn't found")
            return
        }
        guard case .head(let head, _) = feed.news else {
            Issue.record("nothing to read")
            return
        }
        #expect(head.varyIndex != nil && head.key != feed.key)
        guard case .began = try scene.ask(other, with: french) else {
            Issue.record("another variant's fill")
            return
        }
        scene.sources[0].piece("hello")
        scene.sources[0].end()
        scene.sources[1].respond("200 OK", varying, body: "bonjour")
        #expect(scene.leftovers == [])
        #expect(first.text == "hello" && waiting.text == "hello" && same.text == "hello" && other.text == "bonjour")
    }

    @Test("Past the limit of variants the oldest goes")
    func limit() throws {
        let scene = try FillScene(variants: 2)
        for language in ["a", "b", "c"] {
            try scene.store(for: ["Accept-Language: \(language)"], with: varying, body: language)
        }
        #expect(try scene.body(for: ["Accept-Language: a"]) == nil)
        #expect(try scene.body(for: ["Accept-Language: b"]) == "b")
        #expect(try scene.body(for: ["Accept-Language: c"]) == "c")
        #expect(scene.cache.figures.deletedVariants == 1)
    }

    @Test("A response that varies by other fields begins anew: what the index before led to is found no more")
    func otherFields() throws {
        let scene = try FillScene()
        try scene.store(for: english, with: varying, body: "hello")
        try scene.store(
            for: french + ["Accept: text/plain"], with: ["Cache-Control: max-age=60", "Vary: Accept"], body: "plain")
        #expect(try scene.body(for: english) == nil)
        #expect(try scene.body(for: english + ["Accept: text/plain"]) == "plain")
    }

    @Test(
        "The same names in another order, with others' case or twice, are the same list",
        arguments: ["Accept, Accept-Language", "accept-language,ACCEPT", "Accept-Language, Accept, accept-language"])
    func order(vary: String) throws {
        let scene = try FillScene()
        let first = ["Cache-Control: max-age=60", "Vary: Accept-Language, Accept"]
        try scene.store(for: english, with: first, body: "hello")
        let before = try #require(try scene.index())
        try scene.store(for: french, with: ["Cache-Control: max-age=60", "Vary: \(vary)"], body: "bonjour")
        #expect(try scene.index()?.id == before.id)
        #expect(try scene.body(for: english) == "hello" && scene.body(for: french) == "bonjour")
    }

    @Test("A list that contains the one before keeps its variants; each is found by its own names")
    func grows() throws {
        let scene = try FillScene()
        try scene.store(for: english, with: varying, body: "hello")
        let text = ["Accept: text/plain"]
        let more = ["Cache-Control: max-age=60", "Vary: Accept, Accept-Language"]
        try scene.store(for: french + text, with: more, body: "bonjour")
        #expect(try scene.body(for: english) == "hello" && scene.body(for: english + text) == "hello")
        #expect(try scene.body(for: french + text) == "bonjour" && scene.body(for: french) == nil)
        let index = try #require(try scene.index())
        let names = index.varyNames.text()
        #expect(names == "accept,accept-language\naccept-language")
    }

    @Test("A list that is contained in the one before keeps its variants, too")
    func shrinks() throws {
        let scene = try FillScene()
        let text = ["Accept: text/plain"]
        try scene.store(
            for: english + text, with: ["Cache-Control: max-age=60", "Vary: Accept, Accept-Language"], body: "hello")
        try scene.store(for: french + text, with: varying, body: "bonjour")
        #expect(try scene.body(for: english + text) == "hello" && scene.body(for: english) == nil)
        #expect(try scene.body(for: french) == "bonjour" && scene.body(for: french + text) == "bonjour")
    }

    @Test("What the index led to before its key was invalidated isn't reached by a fill that knew it from before")
    func invalidatedIndex() throws {
        let scene = try FillScene()
        try scene.store(for: english, with: varying, body: "hello")
        let key = scene.select(try scene.request()).keys.plainKey
        // The request has looked its key up, and asks the origin only after the invalidation.
        let request = try scene.request(with: french)
        let selection = scene.select(request)
        scene.cache.invalidate([key], at: scene.service.wallTime.advanced(byMilliseconds: 1_000))
        let reader = ScriptedReader()
        reader.scene = scene
        let fill = Fill(
            scene.service, feed: scene.service.newFeed(selection.keys), isPublished: false, purpose: .request, request,
            request.facts, selection, reader: reader)
        reader.fill(fill)
        fill.start()
        scene.source.respond("200 OK", ["Cache-Control: max-age=6000", "Vary: Accept-Language"], body: "bonjour")
        scene.settle()
        #expect(try scene.body(for: english) == nil && scene.body(for: french) == "bonjour")
    }

    @Test("A response that no longer varies is for everybody")
    func noLonger() throws {
        let scene = try FillScene()
        try scene.store(for: english, with: varying, body: "hello")
        try scene.store(for: french, with: ["Cache-Control: max-age=60"], body: "salve")
        #expect(try scene.body() == "salve" && scene.body(for: english) == "salve")
    }

    @Test("Two fills of one resource that vary by the same fields share one index")
    func sharedIndex() throws {
        let scene = try FillScene()
        let (first, second) = (ScriptedReader(), ScriptedReader())
        // Neither waits for the other.
        scene.table.noteHitForMiss(
            scene.select(try scene.request()).keys.key, now: scene.loop.now, isShort: false)
        try scene.ask(first, with: english)
        try scene.ask(second, with: french)
        scene.sources[0].respond("200 OK", varying, body: "hello")
        scene.sources[1].respond("200 OK", varying, body: "bonjour")
        #expect(try scene.body(for: english) == "hello" && scene.body(for: french) == "bonjour")
        #expect(scene.leftovers == [])
    }

    @Test("An index lives as long as the longest of its variants")
    func prolonged() throws {
        let scene = try FillScene()
        try scene.store(for: english, with: varying + ["ETag: \"1\""], body: "hello")
        let before = try #require(try scene.index())
        try scene.store(
            for: french, with: ["Cache-Control: max-age=6000", "Vary: Accept-Language"], body: "bonjour")
        let after = try #require(try scene.index())
        #expect(after.discardAt > before.discardAt && after.id == before.id)
        #expect(try scene.body(for: english) == "hello")
    }

    // MARK: No-Vary-Search

    private let ruled = ["Cache-Control: max-age=60", "No-Vary-Search: params=(\"utm\")"]

    @Test("A response that says which parameters don't matter is found without them, and by no other query")
    func searchRule() throws {
        let scene = try FillScene()
        try scene.store("/a?x=1&utm=7", with: ruled, body: "one")
        #expect(try scene.body("/a?x=1&utm=8") == "one" && scene.body("/a?x=1") == "one")
        #expect(try scene.body("/a?x=2") == nil && scene.body("/b?x=1") == nil)
        try scene.store("/a?x=2&utm=7", with: ruled, body: "two")
        #expect(try scene.body("/a?utm=9&x=2") == "two" && scene.body("/a?x=1") == "one")
    }

    @Test("A response without the rule takes it away again")
    func searchRuleGone() throws {
        let scene = try FillScene()
        try scene.store("/a?x=1&utm=7", with: ruled, body: "one")
        try scene.store("/a?x=2&utm=7", with: ["Cache-Control: max-age=60"], body: "two")
        #expect(scene.rules.isEmpty)
        #expect(try scene.body("/a?x=2&utm=7") == "two" && scene.body("/a?x=2") == nil)
    }

    @Test("A 304 that says something else of the query takes the stored response out")
    func searchRuleChanged() throws {
        let scene = try FillScene()
        try scene.store("/a?x=1&utm=7", with: ruled + ["ETag: \"1\""], body: "one")
        try scene.age("/a?x=1", by: 70)
        let reader = ScriptedReader()
        try scene.ask(reader, "/a?x=1&utm=9")
        scene.source.head(
            "304 Not Modified", ["ETag: \"1\"", "Cache-Control: max-age=60", "No-Vary-Search: params=(\"x\")"])
        #expect(scene.leftovers == [])
        #expect(reader.ends == ["delivered, revalidated"])
        #expect(try scene.body("/a?x=1") == nil)
    }

    // MARK: POST

    private let forGet = ["Cache-Control: max-age=60", "Content-Location: /a"]

    @Test("The response to a POST that says it is a GET's answers later GETs, and takes out what was stored before")
    func post() throws {
        let scene = try FillScene { $0.methods = [.get, .post] }
        try scene.store(with: ["Cache-Control: max-age=60"], body: "old")
        let reader = ScriptedReader()
        try scene.ask(reader, method: "POST", content: "x=1")
        #expect(scene.source.request.hasSuffix("\r\n\r\nx=1"))
        scene.source.head("200 OK", forGet + ["Content-Length: 3"])
        #expect(try scene.body() == nil)
        scene.source.piece("new")
        scene.source.end()
        #expect(reader.text == "new" && scene.leftovers == [])
        #expect(try scene.body() == "new")
    }

    @Test("A POST's response about another resource answers no GET, and invalidates both")
    func postElsewhere() throws {
        let scene = try FillScene { $0.methods = [.get, .post] }
        try scene.store(with: ["Cache-Control: max-age=60"], body: "old")
        try scene.store("/b", with: ["Cache-Control: max-age=60"], body: "old")
        try scene.ask(ScriptedReader(), method: "POST", content: "x=1")
        scene.source.respond("200 OK", ["Cache-Control: max-age=60", "Content-Location: /b"], body: "new")
        #expect(scene.leftovers == [])
        #expect(try scene.body() == nil && scene.body("/b") == nil)
    }

    @Test("Somebody else's change to the target since the POST was sent keeps its response from GETs")
    func postOvertaken() throws {
        for isBeforeHead in [true, false] {
            let scene = try FillScene { $0.methods = [.get, .post] }
            try scene.ask(ScriptedReader(), method: "POST", content: "x=1")
            let key = scene.select(try scene.request()).keys.key
            if isBeforeHead { scene.invalidate(key) }
            scene.source.head("200 OK", forGet + ["Content-Length: 3"])
            if !isBeforeHead { scene.invalidate(key) }
            scene.source.piece("new")
            scene.source.end()
            #expect(scene.leftovers == [])
            #expect(try scene.body() == nil, "\(isBeforeHead)")
        }
    }
}

extension FillScene {
    /// What stands at the plain key of a GET of `/a`.
    func index() throws -> StoredResponse? {
        var keys = KeySelection()
        keys.compose(try request(), &service.composer, rules)
        keys.keepText(service.composer)
        let text = keys.text
        return cache.peekInMemory(keys.key, keyText: text.span, now: service.wallTime)
    }
}
