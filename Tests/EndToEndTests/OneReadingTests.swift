import Foundation
import TestSupport
import Testing

// A request has one reading: what the key says is what the API is asked for. Otherwise one client could have something else
// stored under a name that all others use.

@Suite("One reading of a request, for the key and for the API")
struct OneReadingTests {
    /// An origin that answers with all it could make a link of, where that may be cached for a minute.
    private func play(
        _ server: String = "", store: Backend = .memory, routes: String? = nil,
        _ body: (LarderProcess, ScriptedOrigin) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                let names = [
                    "Host", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "X-Forwarded-Port",
                    "X_Forwarded_Host",
                ]
                let request = $0.request
                let fields = names.map { name in "\(name)=\(request[name] ?? "")" }
                try $0.respond(
                    200, ["Cache-Control: max-age=60"], body: ([request.target] + fields).joined(separator: " "))
            }
            var configuration = LarderConfiguration.caching(origin.url)
            if let routes { configuration.routes = routes }
            configuration.server += server
            if store != .memory { configuration.store = store.section(try stage.redis()) }
            try body(try stage.larder(configuration), origin)
        }
    }

    /// What a client is served after somebody else asked with more fields is what it would have been served without that.
    private func expectNoTrace(of forged: [String], in larder: LarderProcess) throws {
        #expect(try larder.get("/a", ["Host: site"] + forged).status == 200)
        let served = try larder.get("/a", ["Host: site"])
        let purge = Array("{\"urls\": [\"http://site/a\"]}".utf8)
        #expect(try larder.admin("POST", "/purge", ["Content-Type: application/json"], body: purge).status == 200)
        let alone = try larder.get("/a", ["Host: site"])
        #expect(alone.xCache == "MISS")
        #expect(served.body.text == alone.body.text, "after \(forged)")
    }

    @Test("A path in another spelling is asked for in the key's", arguments: Backend.allCases)
    func path(_ store: Backend) throws {
        try play(store: store) { larder, origin in
            let spelled = try larder.get("/%74asks/%e4%2f", ["Host: api"])
            #expect(spelled.body.text.hasPrefix("/tasks/%E4%2F "))
            #expect(try larder.get("/tasks/%E4%2F", ["Host: api"]).body.text == spelled.body.text)
            #expect(origin.count() == 1)
        }
    }

    @Test("A query in another spelling is asked for in the key's, in its own order; exact leaves it as it is")
    func query() throws {
        let routes = """
            - path: /exact
              upstream: origin
              cache: {query: exact}
            - path: /{rest...}
              upstream: origin
              cache: {}
            """
        try play(routes: routes) { larder, _ in
            let spelled = try larder.get("/q?b=%31&%61=%2f&c[]=%5b").body.text
            #expect(spelled.hasPrefix("/q?b=1&a=%2F&c[]=%5B "))
            #expect(try larder.get("/q?a=%2F&b=1&c[]=%5B").xCache == "HIT")
            let exact = try larder.get("/exact?b=%31&a").body.text
            #expect(exact.hasPrefix("/exact?b=%31&a "))
            #expect(try larder.get("/exact?b=1&a").xCache == "MISS")
        }
    }

    @Test("Parameters of one name keep their order, however the name is spelled")
    func repeated() throws {
        try play { larder, _ in
            for (first, second) in [
                ("/a?sort[]=x&sort%5B%5D=y", "/a?sort%5B%5D=y&sort[]=x"),
                ("/c?the+name=x&the%20name=y", "/c?the%20name=y&the+name=x"),
            ] {
                _ = try larder.get(first)
                let served = try larder.get(second).body.text
                #expect(served.hasPrefix("\(second) "))
            }
        }
    }

    @Test("A host in another spelling is told in the key's")
    func host() throws {
        try play { larder, origin in
            let spelled = try larder.get("/a", ["Host: SITE.example:80"])
            #expect(spelled.body.text.contains("Host=site.example X-Forwarded-Host=site.example"))
            #expect(!spelled.body.text.contains("SITE") && !spelled.body.text.contains(":80"))
            #expect(try larder.get("/a", ["Host: site.example"]).body.text == spelled.body.text)
            #expect(origin.count() == 1)
        }
    }

    @Test(
        "What a client writes through a trusted proxy changes nothing that is shared",
        arguments: [
            ["X-Forwarded-Host: evil"], ["Forwarded: for=1.2.3.4;host=evil;proto=https"], ["X_Forwarded_Host: evil"],
            ["X-Forwarded-Proto: evils"], ["X-Forwarded-Host: evil", "X-Forwarded-Host: evil2"],
        ])
    func trustedProxy(_ forged: [String]) throws {
        try play("\ntrusted_proxies: [127.0.0.0/8]") { larder, _ in
            try expectNoTrace(of: forged, in: larder)
        }
    }

    @Test("What a stranger writes into any forwarding field changes nothing")
    func stranger() throws {
        try play { larder, _ in
            let forged = [
                "X-Forwarded-Port: 6666", "X-Forwarded_Host: evil", "X-Forwarded-Host: evil",
                "X-Forwarded-Proto: https",
            ]
            try expectNoTrace(of: forged, in: larder)
        }
    }

    @Test("The scheme that a trusted proxy names is part of the key, the first of a list")
    func scheme() throws {
        try play("\ntrusted_proxies: [127.0.0.0/8]") { larder, _ in
            let secure = try larder.get("/a", ["Host: site", "X-Forwarded-Proto: https, http"])
            #expect(secure.body.text.contains("X-Forwarded-Proto=https"))
            let plain = try larder.get("/a", ["Host: site", "X-Forwarded-Proto: http"])
            #expect(plain.xCache == "MISS" && plain.body.text.contains("X-Forwarded-Proto=http "))
            #expect(try larder.get("/a", ["Host: site", "X-Forwarded-Proto: HTTPS"]).xCache == "HIT")
        }
    }

    @Test("On a route that caches nothing, a request goes on as it came")
    func uncached() throws {
        try play("\ntrusted_proxies: [127.0.0.0/8]", routes: "- path: /{rest...}\n  upstream: origin") { larder, _ in
            let body = try larder.get("/%74asks", ["Host: SITE", "X-Forwarded-Host: outer"]).body.text
            #expect(body.hasPrefix("/%74asks Host=SITE X-Forwarded-Host=outer "))
        }
    }
}
