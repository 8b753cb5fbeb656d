import Foundation
import TestSupport
import Testing

// Query parameters of which a response says that they make no difference (draft-ietf-httpbis-no-vary-search).

@Suite("No-Vary-Search: URLs that a stored response answers too")
struct NoVarySearchTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A path that answers with the query it was asked for.
    private func script(_ value: String, _ fields: [String] = [], at prefix: String = "/t") -> String {
        origin.script(prefix) { exchange in
            let query = exchange.request.target.dropFirst(exchange.request.path.count)
            let language = exchange.request["Accept-Language"] ?? ""
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "No-Vary-Search: \(value)"] + fields, body: "\(query) \(language)")
        }
    }

    /// Fills with one query and asks for others, by turns.
    private func expect(
        _ larder: LarderProcess, _ value: String, at prefix: String = "/t", filled: String, same: [String],
        other: [String]
    ) throws {
        let path = script(value, at: prefix)
        try larder.fill(path + filled)
        for query in other { #expect(try !larder.isStored(path + query), "\(value): \(filled) for \(query)") }
        for query in same {
            let response = try larder.get(path + query)
            #expect(response.xCache == "HIT", "\(value): \(filled) for \(query)")
            #expect(response.text == "\(filled) ", "\(value): \(query)")
        }
        #expect(origin.count(for: path) == 1)
    }

    @Test("params: what differs in named parameters only is answered", .tags(.choice), arguments: Backend.both)
    func params(_ backend: Backend) throws {
        try expect(
            scene[backend], "params=(\"utm_source\" \"utm_medium\")", filled: "?id=1&utm_source=a",
            same: ["?id=1&utm_source=b", "?id=1", "?utm_medium=x&id=1&utm_source=z", "?id=1&utm_source=a"],
            other: ["?id=2", "?id=2&utm_source=a", "?id=1&utm_other=a", "", "?id=1&id=1", "?ID=1"])
    }

    @Test("except: what differs in other parameters only is answered", .tags(.choice), arguments: Backend.both)
    func except(_ backend: Backend) throws {
        try expect(
            scene[backend], "except=(\"id\")", filled: "?id=1&a=1", same: ["?id=1", "?b=2&id=1", "?id=1&a=2&c"],
            other: ["?id=2&a=1", "?a=1", "?id=1&id=2", ""])
        try expect(scene[backend], "except=()", filled: "?a=1", same: ["", "?", "?b=2&c=3"], other: [])
    }

    @Test("key-order: the order of parameters makes no difference", .tags(.choice), arguments: Backend.both)
    func keyOrder(_ backend: Backend) throws {
        // On this route the order counts unless the response says otherwise; that of one name's values always does.
        for value in ["key-order, params=()", "key-order=?1, params=()", "params=(), key-order, later=1", "key-order"] {
            try expect(
                scene[backend], value, at: "/exact/t", filled: "?a=1&b=2&a=3", same: ["?b=2&a=1&a=3", "?a=1&a=3&b=2"],
                other: ["?a=3&b=2&a=1", "?a=1&b=2"])
        }
        try expect(
            scene[backend], "key-order, params=(\"x\")", at: "/exact/t", filled: "?a=1&b=2&x=1",
            same: ["?x=2&b=2&a=1"], other: ["?b=2&a=2"])
        try expect(
            scene[backend], "params=(\"x\")", at: "/exact/t", filled: "?a=1&b=2", same: ["?a=1&x=3&b=2"],
            other: ["?b=2&a=1"])
    }

    @Test(
        "§6: names and values are compared decoded, as a form's are", .tags(.must), arguments: Backend.both)
    func decoded(_ backend: Backend) throws {
        try expect(
            scene[backend], "params=(\"%C3%A9+x\")", at: "/exact/t", filled: "?a=x%20y&b=",
            same: ["?%61=%78+y&b", "?a=x+y&&b=&&", "?%c3%a9%20x=9&a=x%20y&b="],
            other: ["?a=X+y&b", "?a=x%2520y&b", "?a=x%2By&b", "?%C3%A8+x=9&a=x%20y&b="])
    }

    @Test(
        "§5.1: a field that is no valid one changes nothing", .tags(.must), arguments: Backend.both)
    func invalid(_ backend: Backend) throws {
        let values = [
            "params=\"a\"", "params=(a)", "params=?0", "params=?1", "params", "params=?1, except=(\"x\")",
            "params=(\"a\"), except=(\"x\")", "params=(), except=()", "except=\"a\"", "except=(x)", "except",
            "key-order=\"yes\", params=(\"a\")", "params=(\"a\"", "params=(\"a\"),", "(\"a\")", "",
        ]
        for value in values {
            try expect(
                scene[backend], value, at: "/exact/t", filled: "?a=1&b=1", same: ["?a=1&b=1"],
                other: ["?a=2&b=1", "?b=1", "?b=1&a=1", "?a=1&b=2", "?"])
        }
    }

    @Test(
        "RFC 9111 §4.4: an unsafe request to an equivalent URL invalidates what they share", .tags(.must),
        arguments: Backend.both)
    func invalidation(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "No-Vary-Search: params=(\"utm\")"], body: "answer \(count)")
        }
        try larder.fill(path + "?id=1&utm=a")
        #expect(try larder.get(path + "?id=1&utm=b").xCache == "HIT")
        for target in ["?id=1&utm=a", "?id=1&utm=c", "?id=1"] {
            #expect(try larder.request("POST", path + target, body: [120]).status == 200)
            let after = origin.count(for: path)
            for utm in ["a", "b", "z"] {
                let text = try larder.get(path + "?id=1&utm=\(utm)").text
                #expect((Int(text.dropFirst("answer ".count)) ?? 0) > after, "\(target), then \(utm): \(text)")
            }
            try #require(eventually { try larder.isStored(path + "?id=1&utm=a") })
        }
    }

    @Test("Vary counts on top of it", .tags(.must), arguments: Backend.both)
    func vary(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script("params=(\"utm\")", ["Vary: Accept-Language"])
        for language in ["de", "en"] {
            let fields = ["Accept-Language: \(language)"]
            try larder.fill(path + "?id=1&utm=\(language)", fields)
            #expect(try larder.get(path + "?id=1", fields).text == "?id=1&utm=\(language) \(language)")
        }
        #expect(try larder.get(path + "?utm=x&id=1", ["Accept-Language: de"]).text == "?id=1&utm=de de")
        #expect(try !larder.isStored(path + "?id=1", ["Accept-Language: fr"]))
        #expect(try !larder.isStored(path + "?id=2", ["Accept-Language: de"]))
    }

    @Test("Other hosts and paths have nothing to do with it", .tags(.must), arguments: Backend.both)
    func elsewhere(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script("except=()")
        try larder.fill(path + "?a=1")
        #expect(try !larder.isStored(path + "?a=1", ["Host: other.example"]))
        #expect(try !larder.isStored(path + "/?a=1"))
        #expect(try !larder.isStored(path + "x?a=1"))
    }

    @Test("What is the same to it is validated and renewed as one", .tags(.must), arguments: Backend.both)
    func renewed(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { exchange in
            let fields = ["Cache-Control: max-age=60", "ETag: \"1\"", "No-Vary-Search: params=(\"utm\")"]
            if exchange.request["If-None-Match"] == "\"1\"" { return try exchange.respond(304, fields) }
            try exchange.respond(200, fields, body: "content")
        }
        try larder.fill(path + "?id=1&utm=a")
        let response = try larder.get(path + "?id=1&utm=b", ["Cache-Control: no-cache"])
        #expect(response.xCache == "REVALIDATED" && response.text == "content")
        #expect(origin.requests(for: path).last?.target == path + "?id=1&utm=b")
    }
}
