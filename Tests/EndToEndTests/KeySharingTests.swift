import Foundation
import TestSupport
import Testing

// Two requests that an origin may tell apart share no entry, and one client's credentials end nobody else's sharing.

@Suite("What shares an entry, and whose response is for others")
struct KeySharingTests {
    /// A daemon for memory or Redis whose routes have keys, before an origin that tells what it was asked for.
    private func play(
        _ backend: Backend, _ routes: [(path: String, key: String)],
        _ body: (LarderProcess, ScriptedOrigin) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                try $0.respond(
                    200, ["Cache-Control: max-age=600"],
                    body: "\($0.request.target) \($0.request["X-Forwarded-Proto"] ?? "")")
            }
            let redis = try stage.redis()
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes: routes.map {
                    "- path: \"\($0.path)\"\n  upstream: origin\n  cache:\n    timeout: 60s\n    key: \"\($0.key)\""
                }.joined(separator: "\n"), store: backend.section(redis, prefix: "keys-\(backend)"))
            configuration.server += "\ntrusted_proxies: [127.0.0.0/8]"
            try body(try stage.larder(configuration), origin)
        }
    }

    @Test(
        "RFC 3986 §2.2: reserved characters and their encoded forms have entries of their own", arguments: Backend.both)
    func reserved(_ backend: Backend) throws {
        let routes = [
            ("/p/{name}", "p:{name}"), ("/r/{rest...}", "r:{path}"), ("/q", "q:{query.q}"), ("/list;all", "list"),
        ]
        try play(backend, routes) { larder, _ in
            let spellings = [
                ["/p/a;b", "/p/a%3Bb", "/p/a%253Bb"], ["/p/1:run", "/p/1%3Arun"], ["/p/a+b", "/p/a%2Bb", "/p/a%20b"],
                ["/r/a@b/c", "/r/a%40b/c"], ["/r/a/b", "/r/a%2Fb", "/r/a%252Fb"],
                ["/q?q=a+b", "/q?q=a%20b", "/q?q=a%2Bb"], ["/q?q=a;b", "/q?q=a%3Bb"], ["/list;all", "/list%3Ball"],
            ]
            for paths in spellings {
                for path in paths {
                    let response = try larder.get(path)
                    #expect(response.xCache == "MISS" && response.text.hasPrefix("\(path) "), "\(response.summary)")
                    #expect(try larder.awaitHit(path).text.hasPrefix("\(path) "))
                }
                for path in paths { #expect(try larder.get(path).text.hasPrefix("\(path) ")) }
            }
            // What is equivalent is one entry.
            #expect(try larder.get("/p/%61%3bb").xCache == "HIT")
        }
    }

    @Test(
        "{scheme} keeps what came over http from https, as a trusted proxy says which it was", arguments: Backend.both)
    func scheme(_ backend: Backend) throws {
        try play(backend, [("/{rest...}", "{scheme}:{path}")]) { larder, _ in
            for scheme in ["http", "https"] {
                let fields = ["X-Forwarded-Proto: \(scheme)"]
                let first = try larder.get("/a", fields)
                #expect(first.xCache == "MISS")
                #expect(try larder.awaitHit("/a", fields).text == "/a \(scheme)")
            }
            #expect(try larder.get("/a", ["X-Forwarded-Proto: http"]).text == "/a http")
            // RFC 7239: without the older field, the one that a standard has.
            #expect(try larder.get("/a", ["Forwarded: for=192.0.2.1;proto=https"]).xCache == "HIT")
            #expect(try larder.get("/a", ["Forwarded: for=192.0.2.1;proto=https"]).text == "/a https")
            #expect(try larder.get("/a", ["Forwarded: proto=https", "X-Forwarded-Proto: http"]).text == "/a http")
        }
    }

    // MARK: Credentials

    @Test(
        "Credentials that somebody makes up end no sharing of others", .tags(.must), arguments: Backend.both,
        ["Authorization: Bearer made-up", "Cookie: session=made-up"])
    func madeUp(_ backend: Backend, _ credentials: String) throws {
        let scene = try SafeDefaultsScene.shared.get()
        let (larder, origin) = (scene[backend], scene.origin)
        for declared in ["Cache-Control: max-age=60", "Cache-Control: private"] {
            let gate = Switch()
            let path = origin.script("/declared/t") { exchange in
                let isPersonal = ["Authorization", "Cookie"].contains { exchange.request[$0] != nil }
                if isPersonal {
                    return try exchange.respond(200, [declared, "Set-Cookie: a=b"], body: "personal")
                }
                gate.awaitOn()
                try exchange.respond(200, ["Cache-Control: max-age=60"], body: "for all")
            }
            // Twice: it is remembered that what comes for them isn't for all.
            for _ in 0..<2 { #expect(try larder.get(path, [credentials]).text == "personal") }
            let leader = try Asking(larder, path)
            #expect(eventually { origin.count(for: path) == 3 })
            let others = try larder.ask(path, times: 3)
            try larder.awaitReading(others)
            gate.turnOn()
            for asking in [leader] + others { #expect(try asking.response().text == "for all") }
            #expect(origin.count(for: path) == 3)
        }
    }

    @Test("Who waits for a request with credentials asks anew, together with others", arguments: Backend.both)
    func waiting(_ backend: Backend) throws {
        let scene = try SafeDefaultsScene.shared.get()
        let (larder, origin) = (scene[backend], scene.origin)
        let gate = Switch()
        let path = origin.script("/declared/t") { exchange in
            gate.awaitOn()
            guard exchange.request["Authorization"] == nil else {
                return try exchange.respond(500, body: "personal")
            }
            // So long that all of them can have come.
            exchange.pause(0.5)
            try exchange.respond(200, ["Cache-Control: max-age=60"], body: "for all")
        }
        let personal = try Asking(larder, path, ["Authorization: Bearer made-up"])
        #expect(eventually { origin.count(for: path) == 1 })
        let others = try larder.ask(path, times: 4)
        try larder.awaitReading(others)
        gate.turnOn()
        #expect(try personal.response().status == 500)
        for asking in others { #expect(try asking.response().text == "for all") }
        #expect(origin.count(for: path) == 2)
    }
}
