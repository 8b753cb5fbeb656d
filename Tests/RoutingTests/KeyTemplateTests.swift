import Configuration
import HTTPWire
import TestRandomness
import Testing

@testable import Routing

@Suite("The key text of a template")
struct KeyTemplateTests {
    private static let fields = [
        "Accept-Language: de, en;q=0.5", "Cookie: plan=gold; theme=a b%41", "Cookie: plan=second; id=c", "X-Two: 1",
        "x-two: 2", "X-Empty:",
    ]

    @Test(
        "Each source gives its value, percent-encoded",
        arguments: [
            ("task:{id|default}", "task:7%253A8"),
            ("task:{path.id}", "task:7%253A8"),
            ("t:{page|1}", "t:a%2Bb"),
            ("t:{query.page|1}", "t:a%2Bb"),
            ("t:{query.plus}", "t:%252B"),
            ("t:{query.bare|x}", "t:"),
            ("t:{query.none|x y}", "t:x%20y"),
            ("t:{missing|default}:", "t:default:"),
            ("t:{query.id}", "t:q"),
            ("t:{query.pages|d}", "t:d"),
            ("t:{query.pag|d}", "t:d"),
            ("l:{header.accept-language}", "l:de%2C%20en%3Bq%3D0.5"),
            ("l:{header.X-Two}", "l:1%2C%202"),
            ("l:{header.x-empty|d}", "l:"),
            ("l:{header.x-none|d}", "l:d"),
            ("p:{cookie.theme}", "p:a%20b%2541"),
            ("p:{cookie.id}", "p:c"),
            ("p:{cookie.pla|free}", "p:free"),
            ("{method} {host}", "GET example.com%3A8080"),
            ("{path}", "/tasks/7%253A8/x/y%2Fz"),
            ("{scheme}", "http"), ("{scheme}s{method}", "httpsGET"), ("{scheme}-{host}", "http-example.com%3A8080"),
            ("{scheme}p{method}", "htt%70pGET"), ("{route}", "/tasks/%7Bid%7D/%7Brest...%7D"),
            ("{route}/{id}", "/tasks/%7Bid%7D/%7Brest...%7D|/7%253A8"),
            ("{rest}", "x/y%2Fz"),
            ("q:{query}", "q:bare%26id%3Dq%26page%3Da%2Bb%26plus%3D%252B%26twice%3D1%26twice%3D2"),
            ("no braces", "no braces"),
        ])
    func sources(template: String, expected: String) throws {
        let text = try keyText(
            route("/tasks/{id}/{rest...}", cache: cache(key: template)), "HEAD",
            "http://example.com:8080/tasks/7%3a8/x/y%2fz?page=a+b&twice=1&twice=2&bare&id=q&plus=%2b",
            fields: Self.fields)
        #expect(text == expected)
    }

    @Test(
        "A value that is missing or empty and has no default is no value, and one that is there twice is none either",
        arguments: [
            ("t:{query.none}", KeyFault.incomplete), ("t:{query.bare}", .incomplete), ("{header.x-none}", .incomplete),
            ("{header.x-empty}", .incomplete), ("{cookie.none}", .incomplete), ("{query.twice}", .ambiguous),
            ("{query.twice|1}", .ambiguous), ("{cookie.plan}", .ambiguous), ("{cookie.plan|free}", .ambiguous),
            ("{query.none}{query.twice}", .incomplete),
        ])
    func faults(template: String, expected: KeyFault) throws {
        #expect(throws: SyntheticRequestFault.noKey(expected)) {
            _ = try keyText(
                route("/tasks/{id}/{rest...}", cache: cache(key: template)), "HEAD",
                "http://example.com:8080/tasks/7/?twice=1&a=2&tw%69ce=2&bare=", fields: Self.fields)
        }
    }

    @Test("A part of the path may be empty")
    func emptyRest() throws {
        #expect(try keyText(route("/t/{rest...}", cache: cache(key: "t:{rest}")), "http://a/t/") == "t:")
    }

    @Test(
        "RFC 3986 §2.2: what an origin may tell apart shares no entry",
        arguments: [
            "{path}", "k:{name}", "{path.name}-{path}", "{rest}", "{query.q|}", "{q|}", "{query}", "one", "{host}",
        ])
    func reserved(template: String) throws {
        let table = try RouteTable([
            route("/x/{name}", cache: cache(key: template.replacing("{rest}", with: "{name}"))),
            route("/r/{rest...}", cache: cache(key: template.replacing("name", with: "rest"))),
            route(
                "/l;it:a/b",
                cache: cache(key: template.contains("{query") || template.contains("{q") ? template : "one")),
        ])
        let readsQuery = template.contains("q")
        var composer = KeyComposer()
        func key(_ url: String) throws -> String {
            try composer.compose(SyntheticRequest(url: url), by: table)
            return text(of: composer)
        }
        let isConstant = !template.contains("{path") && !template.contains("name}") && !template.contains("{rest")
        for byte in UInt8(0x21)...0x7e where !byte.isUnreserved {
            let (raw, digits) = (String(UnicodeScalar(byte)), String(byte, radix: 16))
            if readsQuery, !"&#%".contains(raw) {
                let keys = try ["\(raw)", "%\(digits)", "%25\(digits)"].map { try key("http://h/r/?q=a\($0)") }
                #expect(Set(keys).count == 3, "\(keys)")
            }
            if isConstant || "/?#%".contains(raw) { continue }
            for folder in ["x", "r"] {
                let keys = try ["\(raw)", "%\(digits)", "%25\(digits)"].map { try key("http://h/\(folder)/a\($0)b") }
                #expect(Set(keys).count == 3, "\(keys)")
            }
        }
        if !readsQuery {
            let keys = try ["/l;it:a/b", "/l%3Bit:a/b", "/l;it%3aa/b"].map { try key("http://h\($0)") }
            #expect(Set(keys).count == 3, "\(keys)")
            #expect(try keys[2] == key("http://h/l;it%3Aa/%62"))
        }
        // What stands for itself is equivalent (RFC 3986 §6.2.2).
        #expect(try key("http://h/x/%61%2d%7E?q=%61") == key("http://h/x/a-~?q=a"))
    }

    @Test("Values in a query that no encoding explains are told from those that one does")
    func strayPercent() throws {
        let table = try RouteTable([route("/", cache: cache(key: "{query.q|}3{query.r|}"))])
        var composer = KeyComposer()
        let values = [
            "%", "%25", "%3", "%%33", "%33", "%3B", "%253B", "%%33B", ";", "%25%25", "%%", "%2525", "%%25", "+", "%20",
            "%2B",
        ]
        var keys: Set<String> = []
        for value in values {
            for other in ["", "3", "%3B"] {
                try composer.compose(SyntheticRequest(url: "http://h/?q=\(value)&r=\(other)"), by: table)
                keys.insert(text(of: composer))
            }
        }
        // `%3` and `%%33` are one text, since `%33` is a `3`.
        #expect(keys.count == (values.count - 1) * 3)
    }

    @Test("{scheme} is the client's, and {route} tells routes apart that have the same parameters")
    func schemeAndRoute() throws {
        let scheme = try route("/{all...}", cache: cache(key: "{scheme}:{path}"))
        #expect(try keyText(scheme, "http://h/a") == "http:/a")
        #expect(try keyText(scheme, "https://h/a") == "https:/a")
        var (a, b) = try (
            route("/a/{id}", cache: cache(key: "{route}:{id}")), route("/a/{id}", cache: cache(key: "{route}:{id}"))
        )
        a.host = .exact("a.example")
        b.host = .suffix(".example")
        #expect(try keyText(a, "http://a.example/a/1") == "a.example/a/%7Bid%7D:1")
        #expect(try keyText(b, "http://b.example/a/1") == "%2A.example/a/%7Bid%7D:1")
    }

    @Test("{body} is the MD5 of the content, and empty without content")
    func body() throws {
        let route = try route("/{all...}", cache: cache(key: "b:{body}"))
        #expect(
            try keyText(route, "POST", "http://a/", body: "abc") == "b:900150983cd24fb0d6963f7d28e17f72 method:POST")
        let table = try RouteTable([route])
        #expect(table.recipes[0].needsBody(for: .get) && table.recipes[0].needsBody(for: .post))
        let plain = try RouteTable([plainRoute()])
        #expect(!plain.recipes[0].needsBody(for: .get) && plain.recipes[0].needsBody(for: .post))
    }

    @Test("A template without {method} or {body} has them for POST and QUERY all the same")
    func impliedContent() throws {
        let bare = try route("/{all...}", cache: cache(key: "k:{path}"))
        let whole = " body:900150983cd24fb0d6963f7d28e17f72"
        #expect(try keyText(bare, "GET", "http://a/b") == "k:/b")
        #expect(try keyText(bare, "HEAD", "http://a/b") == "k:/b")
        #expect(try keyText(bare, "POST", "http://a/b", body: "abc") == "k:/b\(whole) method:POST")
        #expect(
            try keyText(bare, "QUERY", "http://a/b", fields: ["Content-Type: a/b"], body: "abc")
                == "k:/b\(whole) type:a/b method:QUERY")
        let named = try route("/{all...}", cache: cache(key: "{method}:{path}"))
        #expect(try keyText(named, "POST", "http://a/b", body: "abc") == "POST:/b\(whole)")
        #expect(try keyText(bare, "POST", "http://a/b").hasPrefix("k:/b body:"))
        #expect(try RouteTable([bare]).recipes[0].needsBody(for: .post))
    }

    @Test("{default} is the whole key of a route without a template")
    func standard() throws {
        let alone = try route("/{all...}", cache: cache(key: "{default}"))
        let plain = try route("/{all...}")
        for (method, body) in [("GET", ""), ("POST", "abc"), ("QUERY", "abc")] {
            let url = "http://A:80/b?d=2&c=1"
            #expect(try keyText(alone, method, url, body: body) == keyText(plain, method, url, body: body))
        }
        let keyed = try route("/{all...}", cache: cache(key: "v1:{default}|{header.authorization|none}"))
        #expect(try keyText(keyed, "http://a/b?c") == "v1:GET http://a/b?c |none")
        // What a target can say is no value of another piece.
        #expect(
            try keyText(keyed, "http://a/b?c%20|x", fields: ["Authorization: y"]) == "v1:GET http://a/b?c%20%7Cx |y"
                || keyText(keyed, "http://a/b?c%20|x", fields: ["Authorization: y"]) == "v1:GET http://a/b?c%20|x |y")
    }

    private func plainRoute() throws -> Route { try route("/{all...}") }

    @Test("The query of a template is the sorted and filtered one")
    func filteredQuery() throws {
        var settings = try cache(key: "q:{query}")
        settings.queryDeny = ["utm_*"]
        #expect(try keyText(route("/", cache: settings), "http://a/?b=1&utm_x=2&a=%7e") == "q:a%3D~%26b%3D1")
    }

    @Test(
        "If the text after a value is unreserved, its first character is encoded in the value; otherwise | separates them",
        arguments: [
            ("task-{a}-{b}", "task-1%2D2-3-4"), ("{a}{b}", "1-2|3-4"), ("{a}%2F{b}", "1-2|%2F3-4"),
            ("{a}x{b}x", "1-2x3-4x"), ("{a}2{b}", "1-%3223-4"), ("{a}-", "1-2-"), ("{a}:-{b}", "1-2:-3-4"),
            ("{path}/{b}", "/1-2/3-4|/3-4"), ("{path}:{b}", "/1-2/3-4:3-4"), ("{c|-}-{a}", "%2D-1-2"),
        ])
    func boundaries(template: String, expected: String) throws {
        #expect(try keyText(route("/{a}/{b}", cache: cache(key: template)), "http://h/1-2/3-4") == expected)
    }

    @Test(
        "Two different tuples of values never have the same key",
        arguments: [
            "{a}:{b}", "{a}{b}", "k-{a}-{b}", "{a}%3A{b}", "{a}3A{b}", "{a}/{b}", "{a}|{b}", "{a}aa{b}a", "{a}.{b}.",
            "{b}%{a}",
        ])
    func forging(template: String) throws {
        // With an empty default, so that empty values count too.
        let route = try route("/{all...}", cache: cache(key: template.replacing("}", with: "|}")))
        let table = try RouteTable([route])
        var composer = KeyComposer()
        // Characters that could be mistaken for a boundary in this template, and some more.
        let literals = template.replacing(/\{.\}/, with: "")
        let alphabet = Set(literals.utf8).union("%A:".utf8).sorted()
        var values: [[UInt8]] = [[]]
        var longest: [[UInt8]] = [[]]
        for _ in 0..<3 {
            longest = longest.flatMap { start in alphabet.map { start + [$0] } }
            values += longest
        }
        var random = SeededGenerator(seed: 42)
        var pairs = Set<[[UInt8]]>()
        // All values of up to two characters, since short ones collide most often; a sample of longer ones.
        let short = values.prefix { $0.count <= 2 }
        for left in short { for right in short { pairs.insert([left, right]) } }
        for _ in 0..<300 {
            pairs.insert([values.randomElement(using: &random)!, values.randomElement(using: &random)!])
        }
        var seen: [String: [[UInt8]]] = [:]
        for pair in pairs {
            let (a, b) = (Self.encoded(pair[0]), Self.encoded(pair[1]))
            try composer.compose(SyntheticRequest(url: "http://h/?a=\(a)&b=\(b)"), by: table)
            let key = text(of: composer)
            if let other = seen.updateValue(pair, forKey: key) {
                Issue.record("\(key) is the key of \(pair) and of \(other)")
            }
        }
        #expect(seen.count == pairs.count)
    }

    @Test("A path and its encoded slashes have keys of their own, with whatever follows")
    func pathForging() throws {
        let route = try route("/{rest...}", cache: cache(key: "{rest}/{query.a}/{path}/{query}"))
        let urls = [
            "http://h/a/b?a=c", "http://h/a%2Fb?a=c", "http://h/a?a=b/c", "http://h/a?a=b%2Fc/", "http://h/a/?a=b",
            "http://h/a%2F?a=b",
            "http://h/a?a=/b", "http://h/a//b?a=c", "http://h/a%252Fb?a=c",
        ]
        let texts = try urls.map { try keyText(route, $0) }
        #expect(Set(texts).count == urls.count)
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        bytes.map { "%" + (String($0, radix: 16).count == 1 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
