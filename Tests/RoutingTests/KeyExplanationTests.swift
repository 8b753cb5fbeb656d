import Configuration
import HTTPWire
import Testing

@testable import Routing

@Suite("larder key: route, key text and Redis key of a described request")
struct KeyExplanationTests {
    private func explain(_ method: String, _ url: String, fields: [String] = []) throws -> KeyExplanation {
        let routes = try [route("/{all...}"), route("/tasks/{id}", cache: cache(key: "task:{id|default}"))]
        var composer = KeyComposer()
        return try KeyExplanation(
            method: method, url: url, fields: fields, body: [], routes: routes, by: try RouteTable(routes),
            prefix: "larder:", composer: &composer)
    }

    @Test("The Redis key is the prefix and the MD5 of the key text")
    func redisKey() throws {
        let task = try explain("GET", "http://example.com/tasks/7?page=2")
        #expect(task.route == 1 && task.keyText == "task:7")
        #expect(task.parameters.map(\.name) == ["id"] && task.parameters.map(\.value) == ["7"])
        // printf task:7 | md5sum
        #expect(task.redisKey == "larder:ffa4946561b965aa2fbf2a8bb6e5aad0")
        #expect(task.isCached)

        let other = try explain("HEAD", "http://example.com/?b=2&a=1")
        #expect(other.route == 0 && other.keyText == "GET http://example.com/?a=1&b=2")
        // printf 'GET http://example.com/?a=1&b=2' | md5sum
        #expect(other.redisKey == "larder:2cfe69318b737ba5e59ceedf742e78b8")
        #expect(try !explain("POST", "http://example.com/").isCached)
    }

    @Test(
        "An invalid URL is rejected",
        arguments: [
            "", "example.com/x", "/x", "ftp://example.com/", "http:///x", "http://", "http://a b/", "http://a/b c",
            "http://a/\r\nX: y",
            "http:/example.com/",
        ])
    func invalidURL(url: String) throws {
        #expect(throws: SyntheticRequestFault.invalidURL) { _ = try SyntheticRequest(url: url) }
    }

    @Test("Fields can't inject lines", arguments: ["X", ":x", "X: y\r\nHost: z", "X: \u{0}"])
    func invalidField(field: String) throws {
        #expect(throws: SyntheticRequestFault.invalidField(field)) {
            _ = try SyntheticRequest(url: "http://a/", fields: [field])
        }
    }

    @Test("A request that would be rejected is rejected for the same reason")
    func refusals() throws {
        #expect(throws: SyntheticRequestFault.refused(WireError(.invalidHost, from: .client))) {
            _ = try SyntheticRequest(url: "http://user@a/")
        }
        #expect(throws: SyntheticRequestFault.refused(WireError(.repeatedHost, from: .client))) {
            _ = try SyntheticRequest(url: "http://a/", fields: ["Host: b", "host: c"])
        }
        #expect(throws: SyntheticRequestFault.refusedPath(.dotSegment)) { _ = try explain("GET", "http://a/../b") }
        #expect(throws: SyntheticRequestFault.noRoute) {
            var composer = KeyComposer()
            try composer.compose(SyntheticRequest(url: "http://a/b"), by: try RouteTable([route("/c")]))
        }
    }

    @Test("A purge of a URL computes the key of its GET")
    func purge() throws {
        let table = try RouteTable([route("/tasks/{id}", cache: cache(key: "task:{id}"))])
        var composer = KeyComposer()
        let match = try composer.compose(SyntheticRequest(url: "https://a/tasks/%37"), by: table)
        #expect(match.route == 0)
        #expect(composer.digest == MD5Hasher.digest(of: Array("task:7".utf8).span))
    }
}

@Suite("Keys of variants")
struct VariantKeyTests {
    private func variant(_ fields: [(String, String?)], generation: UInt64 = 3) throws -> String {
        var composer = KeyComposer()
        try composer.compose(SyntheticRequest(url: "http://a/"), by: try RouteTable([route("/")]))
        composer.beginVariant(generation: generation)
        for (name, value) in fields {
            if let value {
                composer.appendVariant(name: Array(name.utf8).span, value: Array(value.utf8).span)
            } else {
                composer.appendVariant(name: Array(name.utf8).span, value: nil)
            }
        }
        let bytes = composer.variantText
        let text = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        #expect(composer.finishVariant() == MD5Hasher.digest(of: Array(text.utf8).span))
        return text
    }

    @Test("The text names the generation, the fields and their values; a missing field differs from an empty one")
    func text() throws {
        #expect(
            try variant([("accept-language", "de, en"), ("x-a", nil), ("x-b", "")])
                == "GET http://a/ vary:3 accept-language=de%2C%20en x-a x-b=")
    }

    @Test("No value can forge another variant")
    func forging() throws {
        let texts = try [
            variant([("a", "1 b=2")]), variant([("a", "1"), ("b", "2")]), variant([("a", "1"), ("b=2", nil)]),
            variant([("a", "1"), ("b", "2")], generation: 4), variant([("a", nil), ("b", "2")]),
        ]
        #expect(Set(texts).count == texts.count)
    }
}
