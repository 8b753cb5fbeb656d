import Foundation
import TestSupport
import Testing

// Variants of one key (RFC 9111 §4.1): which requests are alike, and how many of them are kept.

@Suite("RFC 9111 §4.1: variants")
struct VariantTests {
    let scene: StandardsScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try StandardsScene.shared.get() }

    /// A path that varies and answers with what it was asked for.
    private func script(_ vary: [String], control: String = "max-age=60") -> String {
        origin.script { exchange in
            let values = ["Accept-Language", "Accept-Encoding", "Accept", "X-Own"].map { exchange.request[$0] ?? "-" }
            try exchange.respond(
                200, ["Cache-Control: \(control)"] + vary.map { "Vary: \($0)" }, body: values.joined(separator: "|"))
        }
    }

    @Test(
        "§4.1: white space, and case and order where the field's syntax gives them no meaning, make no variant",
        .tags(.should), arguments: Backend.both)
    func normalised(_ backend: Backend) throws {
        let larder = scene[backend]
        let cases: [(String, [String], same: [[String]], other: [[String]])] = [
            (
                "Accept-Language", ["Accept-Language: en-GB, de;q=0.5"],
                [
                    ["Accept-Language: de;q=0.50,EN-gb"], ["Accept-Language: en-gb;q=1 ,, de ; q=0.5"],
                    ["Accept-Language: en-GB", "Accept-Language: de;q=0.5"],
                ], [["Accept-Language: en-GB, de;q=0.4"], ["Accept-Language: en, de;q=0.5"], []]
            ),
            (
                "accept-ENCODING", ["Accept-Encoding: gzip, br"],
                [
                    ["Accept-Encoding: BR,gzip"], ["Accept-Encoding: gzip, deflate, br"],
                    ["Accept-Encoding: gzip,br;q=0.9,zstd;q=0"],
                    ["Accept-Encoding: gzip", "Accept-Encoding: br"],
                ],
                [["Accept-Encoding: gzip"], ["Accept-Encoding:"], ["Accept-Encoding: br, gzip, identity;q=0"], []]
            ),
            (
                "X-Own", ["X-Own: a, b"], [["X-Own: a,b"], ["X-Own:   a ,b "], ["X-Own: a", "X-Own: b"]],
                [["X-Own: b, a"], ["X-Own: A, b"], ["X-Own: \"a,b\""], []]
            ),
        ]
        for (vary, filled, same, other) in cases {
            let path = script([vary])
            try larder.fill(path, filled)
            for fields in same { #expect(try larder.get(path, fields).xCache == "HIT", "\(fields)") }
            for fields in other { #expect(try !larder.isStored(path, fields), "\(fields)") }
            #expect(origin.count(for: path) == 1)
        }
    }

    @Test(
        "§4.1: what the origin is sent of Accept-Encoding is what the key has of it", .tags(.must),
        arguments: Backend.both)
    func acceptEncodingIsReduced(_ backend: Backend) throws {
        let larder = scene[backend]
        let cases = [
            ("gzip, deflate, br, zstd", "br, gzip, zstd"), ("gzip,deflate", "gzip"), ("*", "br, gzip, zstd"),
            ("identity", "identity"), ("", "identity"), ("identity;q=0, br;q=0.1", "br, identity;q=0"),
            ("*;q=0", "identity;q=0"), ("deflate", "deflate"), ("compress, x-gzip", "gzip"),
        ]
        for (sent, reduced) in cases {
            let path = script(["Accept-Encoding"])
            let response = try larder.get(path, ["Accept-Encoding: \(sent)"])
            #expect(response.text == "-|\(reduced)|-|-", "\(sent)")
            #expect(try larder.get(path, ["Accept-Encoding: \(reduced)"]).xCache == "HIT", "\(sent)")
        }
    }

    @Test("§4.1: every field of every Vary line counts", .tags(.must), arguments: Backend.both)
    func severalFields(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(["Accept-Language,, X-Own", "Accept"])
        let filled = ["Accept-Language: de", "X-Own: 1", "Accept: text/html"]
        try larder.fill(path, filled)
        #expect(try larder.get(path, filled.reversed()).xCache == "HIT")
        #expect(try larder.get(path, filled + ["Accept-Encoding: gzip"]).xCache == "HIT")
        for index in filled.indices {
            var fields = filled
            fields.remove(at: index)
            #expect(try !larder.isStored(path, fields), "without \(filled[index])")
        }
    }

    @Test("§4.1: * anywhere in Vary matches no request", .tags(.must), arguments: Backend.both)
    func star(_ backend: Backend) throws {
        for vary in [["*"], ["Accept, *"], ["Accept", "*"], ["*", "Accept"], ["Accept,*,X-Own"]] {
            try scene.expectNotStored(scene[backend], script(vary))
        }
    }

    @Test("§4.1: a response without Vary answers all, one with it only its own", .tags(.must), arguments: Backend.both)
    func varyComesAndGoes(_ backend: Backend) throws {
        let larder = scene[backend]
        let varies = Locked(true)
        let path = origin.script { exchange in
            let fields = ["Cache-Control: max-age=60"] + (varies.withLock { $0 } ? ["Vary: X-Own"] : [])
            try exchange.respond(200, fields, body: "for \(exchange.request["X-Own"] ?? "none")")
        }
        try larder.fill(path, ["X-Own: 1"])
        varies.withLock { $0 = false }
        let without = try larder.get(path, ["X-Own: 2"])
        #expect(without.text == "for 2")
        let isThere = try eventually { try larder.get(path, ["X-Own: 3"]).xCache == "HIT" }
        #expect(isThere)
        // Whichever answers the first one now, the answer is one that was made for it or for all.
        let first = try larder.get(path, ["X-Own: 1"]).text
        #expect(["for 1", "for 2"].contains(first), "\(first)")
    }

    @Test(
        "RFC 9110 §12.5.5: servers that write one Vary list in two orders, or one of them with a name more, share variants",
        .tags(.should), arguments: Backend.both,
        [
            ["X-Own, Accept", "Accept, X-Own"], ["X-Own", "x-own, X-OWN"], ["X-Own", "X-Own, Accept"],
            ["Accept, X-Own", "X-Own"], ["X-Own", "X-Own, Accept", "Accept, Accept-Language, X-Own"],
        ])
    func severalLists(_ backend: Backend, _ lists: [String]) throws {
        let larder = scene[backend]
        let path = origin.script { [origin] exchange in
            let vary = lists[(origin.count(for: exchange.request.path) - 1) % lists.count]
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "Vary: \(vary)"], body: exchange.request["X-Own"] ?? "-")
        }
        for round in 0..<3 {
            for value in ["1", "2", "3"] {
                let response = try larder.fill(path, ["X-Own: \(value)"])
                #expect(response.text == value, "round \(round)")
            }
        }
        #expect(origin.count(for: path) == 3)
    }

    @Test(
        "§4: of several responses that suit, by different lists of names, the latest is used", .tags(.must),
        arguments: Backend.both)
    func latest(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            // The later the response, the fewer names.
            let vary = count == 1 ? "X-Own, Accept" : "X-Own"
            try exchange.respond(
                200, ["Cache-Control: max-age=60", "Vary: \(vary)", "Date: \(httpDate(Double(count - 10)))"],
                body: "answer \(count)")
        }
        let plain = ["X-Own: 1", "Accept: text/plain"]
        #expect(try larder.fill(path, plain).text == "answer 1")
        #expect(try larder.fill(path, ["X-Own: 1", "Accept: text/html"]).text == "answer 2")
        let isLatest = try eventually(within: 10) { try larder.get(path, plain).text == "answer 2" }
        #expect(isLatest)
        #expect(origin.count(for: path) == 2)
    }

    @Test("§4: no request gets another's variant, in whatever order they come", .tags(.must), arguments: Backend.both)
    func apart(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(["X-Own"])
        for round in 0..<3 {
            for value in ["1", "2", "3"] {
                let response = try larder.fill(path, ["X-Own: \(value)"])
                #expect(response.text == "-|-|-|\(value)", "round \(round)")
                if round > 0 { #expect(response.xCache == "HIT") }
            }
        }
        #expect(origin.count(for: path) == 3)
    }

    @Test(
        "limits.variants: no more are kept of one key, and all requests are answered rightly", .tags(.choice),
        arguments: Backend.both)
    func bounded(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(["X-Own"])
        let count = 40
        for value in 0..<count {
            let response = try larder.get(path, ["X-Own: \(value)"])
            #expect(response.status == 200 && response.text == "-|-|-|\(value)")
        }
        // The probe reaches nobody: what is stored stays as it is.
        let kept = try settled(for: 0.1) {
            try (0..<count).filter { try larder.isStored(path, ["X-Own: \($0)"]) }
        }
        #expect(try #require(kept).count <= StandardsScene.variants)
        #expect(try #require(kept).count > 0)
        #expect(origin.count(for: path) == count)
        for value in [0, count - 1, count / 2] {
            #expect(try larder.get(path, ["X-Own: \(value)"]).text == "-|-|-|\(value)")
        }
    }

    @Test("limits.variants: a new variant takes the place of an old one", .tags(.choice), arguments: Backend.both)
    func newest(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(["X-Own"])
        for value in 0..<10 { try larder.fill(path, ["X-Own: \(value)"]) }
        #expect(try larder.get(path, ["X-Own: 9"]).xCache == "HIT")
    }

    @Test("limits.variants: a purge by the URL takes all variants", .tags(.must), arguments: Backend.both)
    func invalidated(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = script(["X-Own"])
        for value in 0..<3 { try larder.fill(path, ["X-Own: \(value)"]) }
        #expect(try larder.request("DELETE", path).status == 200)
        for value in 0..<3 { #expect(try !larder.isStored(path, ["X-Own: \(value)"]), "\(value)") }
    }
}
