import Foundation
import TestSupport
import Testing

// `request` and `response` of a route: what the origin and clients get, and that it decides nothing in the cache.

@Suite("request: what the upstream gets")
struct RequestFieldTests {
    let scene: FieldScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try FieldScene.shared.get() }

    @Test("Fields are set, added and removed on a MISS, on a refresh and past the cache", arguments: Backend.both)
    func changes(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.echo("/fields/red%2Fa/t")
        let spelled = path.replacing("red%2Fa", with: "red%2f%61")
        for method in ["GET", "HEAD", "DELETE"] {
            let response = try larder.request(
                method, "\(spelled)?\(method)",
                [
                    client(7), "Host: SHOP.example:80", "X-Shop: blue", "x-real-ip: 10.9.9.9", "X_Real_IP: 10.9.9.8",
                    "X-Role: admin", "X-Secret: s", "X_Secret: s", "Cookie: a=b", "Connection: X-Shop, X-Correlation",
                    "X-Request-Id: given",
                ])
            #expect(response.status == 200, "\(response.summary)")
            let got = try scene.last(path).head
            #expect(got.all("X-Real-IP") == ["192.0.2.7"])
            #expect(got.all("X_Real_IP").isEmpty && got.all("X_Secret").isEmpty)
            // In the form that the key has, whatever the client wrote.
            #expect(got.all("X-Shop") == ["shop red%2Fa"])
            #expect(got.all("X-Route") == ["/fields/{shop}/{rest...} at shop.example"])
            #expect(got.all("X-Correlation") == ["given"])
            #expect(got.all("X-Braces") == ["{a}"])
            #expect(got.all("X-Role") == ["admin", "guest", "reader"])
            #expect(got.all("X-Secret").isEmpty && got.all("Cookie").isEmpty)
        }
    }

    @Test("A trailer is no way past it")
    func trailers() throws {
        let larder = scene[.memory]
        let received = Locked<[String]>([])
        let path = origin.script("/fields/red/t") { exchange in
            try exchange.readBody()
            received.withLock { $0 = exchange.trailers.map(\.name) }
            try exchange.respond(200)
        }
        let connection = try larder.client()
        defer { connection.close() }
        try connection.send(
            "POST \(path) HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Shop\r\n\r\n"
                + "1\r\na\r\n0\r\nX-Shop: blue\r\nX_Secret: s\r\nX-Free: f\r\n\r\n")
        #expect(try connection.readResponse(to: "POST").status == 200)
        #expect(received.withLock { $0 } == ["X-Free"])
    }

    @Test(
        "RFC 9111 §4.1: Vary is matched with what the upstream got, not with what a client sent under that name",
        .tags(.must), arguments: Backend.both)
    func vary(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.echo(
            "/fields/red/t", ["Vary: X-Real-IP, X-Shop, X-Role, X-Secret"], asking: ["X-Real-IP", "X-Role"])
        let first = try larder.awaitHit(path, [client(1)])
        #expect(first.text == "X-Real-IP=192.0.2.1\nX-Role=guest|reader.")
        // Another client, be it one that claims to be the first.
        for fields in [[client(2)], [client(3), "X-Real-IP: 192.0.2.1"], [client(4), "X_Real_IP: 192.0.2.1"]] {
            let response = try larder.get(path, fields)
            let number = fields[0].suffix(1)
            #expect(
                response.xCache == "MISS" && response.text.hasPrefix("X-Real-IP=192.0.2.\(number)\n"),
                "\(response.summary)")
        }
        // What the client sends of fields that the route writes makes no difference; of those that it adds to, it does.
        let same = try larder.get(path, [client(1), "X-Shop: blue", "X-Secret: s", "X-Real-IP: 192.0.2.9"])
        #expect(same.xCache == "HIT" && same.text == first.text, "\(same.summary)")
        let admin = try larder.get(path, [client(1), "X-Role: admin"])
        #expect(admin.xCache == "MISS" && admin.text.hasSuffix("X-Role=admin|guest|reader."), "\(admin.summary)")
        let explained = try larder.command(["explain", "GET", "http://api.example\(path)", "-H", "X-Shop: blue"]).output
        #expect(explained.contains("x-shop: shop red"), "\(explained)")
    }

    @Test("Vary: X-Forwarded-For and Forwarded tell clients apart that send neither", .tags(.must))
    func varyOnClient() throws {
        let origin = self.origin
        let larder = try scene.stage.larder(.caching(origin.url))
        for name in ["X-Forwarded-For", "Forwarded"] {
            let path = origin.script {
                try $0.respond(200, ["Vary: \(name)"], body: "\($0.request["X-Forwarded-For"] ?? "")")
            }
            for address in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
                for _ in 0..<3 {
                    let answer = try curl("--interface", address, "\(larder.url)\(path)").output
                    #expect(answer == address, "\(name)")
                }
            }
            #expect(origin.count(for: path) < 9)
        }
    }

    @Test("A cookie that the upstream doesn't get is no credential", arguments: Backend.both)
    func removedCredential(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.echo()
        try larder.awaitHit(path)
        #expect(try larder.get(path, ["Cookie: sid=1"]).xCache == "HIT")
        #expect(try larder.get(path, ["Authorization: Bearer 1"]).xCache == "BYPASS")
        #expect(try larder.get(path, ["X-Api-Key: 1"]).xCache == "BYPASS")
    }

    @Test("W3C traceparent and tracestate pass on", arguments: Backend.both)
    func trace(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.echo()
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        for target in [path, path + "?again"] {
            _ = try larder.get(target, ["traceparent: \(trace)", "tracestate: a=1", "tracestate: b=2"])
            let got = try scene.last(path).head
            #expect(got.all("traceparent") == [trace] && got.all("tracestate") == ["a=1", "b=2"])
        }
        #expect(try larder.awaitHit(path)["traceparent"] == nil)
    }
}

@Suite("response: what clients get, whatever is stored")
struct ResponseFieldTests {
    let scene: FieldScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try FieldScene.shared.get() }

    /// - Parameter link: what there is of Link.
    private func expectChanged(
        _ response: Response, _ verdict: String, for number: Int = 1, link: [String] = ["</own>", "</a>; rel=next"],
        varies: Bool = true, _ location: SourceLocation = #_sourceLocation
    ) {
        let head = response.head
        #expect(response.xCache == verdict, "\(response.summary)", sourceLocation: location)
        #expect(head.all("X-Frame-Options") == ["DENY"], sourceLocation: location)
        #expect(head.all("X-For") == ["192.0.2.\(number)"], sourceLocation: location)
        #expect(head.all("X-Powered-By") == ["Larder"], sourceLocation: location)
        #expect(head.all("Link") == link, sourceLocation: location)
        #expect(head.all("Vary").contains("Origin") == varies, sourceLocation: location)
        #expect(!response.raw.text.contains("secret"), "\(response.summary)", sourceLocation: location)
    }

    @Test("HIT, MISS, HEAD, 304, ranges and revalidated: each has them once", .tags(.must), arguments: Backend.both)
    func everyKind(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = scene.echo("/fields/red/t", ["Expires: Thu, 01 Jan 2099 00:00:00 GMT", "Content-Type: text/plain"])
        expectChanged(try larder.get(path, [client(1)]), "MISS")
        let hit = try larder.awaitHit(path, [client(2)])
        expectChanged(hit, "HIT", for: 2)
        #expect(hit["Expires"] == nil && hit["ETag"] == "\"v1\"" && hit.text == ".")
        expectChanged(try larder.request("HEAD", path, [client(3)]), "HIT", for: 3)
        let unchanged = try larder.get(path, [client(4), "If-None-Match: \"v1\""])
        #expect(unchanged.status == 304)
        expectChanged(unchanged, "HIT", for: 4)
        let part = try larder.get(path, [client(5), "Range: bytes=0-0"])
        #expect(part.status == 206 && part.text == ".")
        expectChanged(part, "HIT", for: 5)
        // A head of its own for a HEAD that nothing is stored for, and for what isn't cached.
        let other = scene.echo()
        expectChanged(try larder.request("HEAD", other, [client(6)]), "MISS", for: 6)
        let passed = scene.echo("/passed/red/t")
        expectChanged(try larder.get(passed, [client(7)]), "BYPASS", for: 7)
        expectChanged(try larder.request("DELETE", passed, [client(8)]), "BYPASS", for: 8)
        let own = try larder.get(passed, [client(9), "If-None-Match: \"v1\""])
        // The origin's 304 has Link, and no Vary.
        #expect(own.status == 304 && own["Vary"] == nil)
        expectChanged(own, "BYPASS", for: 9, varies: false)
    }

    @Test("Several ranges keep the type of their own", arguments: Backend.both)
    func multipart(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script("/fields/red/t") {
            try $0.respond(200, ["Content-Type: text/plain", "Server: secret"], body: "0123456789")
        }
        try larder.awaitHit(path, [client(1)])
        let response = try larder.get(path, [client(1), "Range: bytes=0-1, 4-5"])
        #expect(response.status == 206 && response["Content-Type"]?.hasPrefix("multipart/byteranges") == true)
        #expect(response.text.contains("Content-Type: text/plain\r\n"))
        expectChanged(response, "HIT", link: ["</a>; rel=next"])
    }

    @Test("A 304 that lacks a field isn't added to: caches would take that for all of it")
    func passedNotModified() throws {
        let larder = scene[.memory]
        let path = origin.script("/passed/red/t") { try $0.respond(304, ["ETag: \"v1\"", "X-Debug: secret"]) }
        let response = try larder.get(path, [client(1), "If-None-Match: \"v1\""])
        #expect(response.status == 304 && response["Link"] == nil && response["Vary"] == nil)
        #expect(response["X-Frame-Options"] == "DENY" && response["X-Debug"] == nil)
    }

    @Test("STALE and REVALIDATED", arguments: Backend.both)
    func stale(_ backend: Backend) throws {
        let larder = scene[backend]
        let stale = scene.echo("/stale/red/t")
        _ = try larder.get(stale, [client(1)])
        var last: Response?
        #expect(
            try eventually(within: 20) {
                last = try larder.get(stale, [client(1)])
                return last?.xCache == "STALE"
            })
        expectChanged(try #require(last), "STALE")
        let validated = scene.echo("/validated/red/t")
        _ = try larder.get(validated, [client(1)])
        #expect(
            try eventually(within: 20) {
                last = try larder.get(validated, [client(1)])
                return last?.xCache == "REVALIDATED"
            })
        expectChanged(try #require(last), "REVALIDATED")
    }

    @Test("Who reads along gets its own", arguments: Backend.both)
    func coalesced(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script("/fields/red/t") { exchange in
            gate.awaitOn()
            try exchange.respond(200, ["Server: secret", "Link: </own>"], body: "for all")
        }
        let leader = try Asking(larder, path, [client(1)])
        #expect(eventually { origin.count(for: path) == 1 })
        let others = try (2...4).map { try Asking(larder, path, [client($0)]) }
        try larder.awaitReading(others)
        gate.turnOn()
        expectChanged(try leader.response(), "MISS")
        for (number, other) in zip(2...4, others) {
            let response = try other.response()
            #expect(response.isCollapsed)
            expectChanged(response, "MISS", for: number)
        }
        #expect(origin.count(for: path) == 1)
    }

    @Test("The API's own errors are changed, Larder's aren't")
    func errors() throws {
        let larder = scene[.memory]
        let path = origin.script("/fields/red/t") { try $0.respond(500, ["X-Debug: secret"], body: "failed") }
        let failed = try larder.get(path, [client(1)])
        #expect(failed.status == 500)
        expectChanged(failed, "MISS", link: ["</a>; rel=next"])
        let unreachable = try larder.get("/dead/x")
        #expect(unreachable.status >= 502 && unreachable["X-Frame-Options"] == nil && unreachable["Link"] == nil)
    }

    @Test("Trailers that are removed don't come behind the content either")
    func trailers() throws {
        let larder = scene[.memory]
        let path = origin.script("/passed/red/t") { exchange in
            try exchange.readBody()
            try exchange.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Debug: secret\r\nX-Sum: 1\r\n\r\n"
            )
        }
        let response = try larder.get(path, ["TE: trailers", "Connection: TE"])
        #expect(response.text == "a" && response.trailers.map(\.name) == ["X-Sum"])
    }

    @Test("What is stored stays the API's: other changes hold for it at once", arguments: Backend.both)
    func stored(_ backend: Backend) throws {
        try Stage.run { stage in
            let origin = try stage.origin()
            let redis = try stage.redis()
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)",
                routes:
                    "- path: /{rest...}\n  upstream: origin\n  response: {set: {X-A: ours, Cache-Control: no-store}, remove: [X-B]}\n  cache: {timeout: 60s}",
                store: backend.section(redis))
            let larder = try stage.larder(configuration)
            let path = origin.script(200, ["X-A: theirs", "X-B: b", "Cache-Control: max-age=60"], body: "a")
            // What clients are told is not what the cache goes by.
            let hit = try larder.awaitHit(path)
            #expect(hit.head.all("X-A") == ["ours"] && hit["X-B"] == nil && hit["Cache-Control"] == "no-store")
            configuration.routes = "- path: /{rest...}\n  upstream: origin\n  cache: {timeout: 60s}"
            try larder.write(configuration)
            larder.signal(SIGHUP)
            // Each worker takes on what was reloaded by itself.
            #expect(try eventually { try (0..<12).allSatisfy { _ in try larder.get(path)["X-B"] == "b" } })
            let after = try larder.get(path)
            #expect(after.xCache == "HIT" && after.head.all("X-A") == ["theirs"])
            #expect(after["Cache-Control"] == "max-age=60")
            #expect(origin.count(for: path) == 1)
        }
    }

    @Test("cache_control tells browsers, and Larder goes by the route", arguments: Backend.both)
    func told(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script(
            "/told/t"
        ) {
            try $0.respond(
                200, ["Cache-Control: max-age=600", "Expires: Thu, 01 Jan 2099 00:00:00 GMT", "Pragma: x", "Age: 100"],
                body: "a")
        }
        // RFC 9111 §4.2: a lifetime counts from when the origin sent the response, so that its age is added.
        let miss = try larder.get(path)
        #expect(miss["Cache-Control"] == "public, max-age=160" && miss["Age"] == "100", "\(miss.summary)")
        let hit = try larder.awaitHit(path)
        let age = try #require(hit["Age"].flatMap { Int($0) })
        #expect(hit.head.all("Cache-Control") == ["public, max-age=\(60 + age)"] && age >= 100)
        #expect(hit["Expires"] == nil && hit["Pragma"] == nil)
        #expect(try #require(try hit.cacheStatus.timeToLive) > 400)
    }

    @Test("cache_control shares nobody's own response and no failure", .tags(.must), arguments: Backend.both)
    func toldNobodys(_ backend: Backend) throws {
        let larder = scene[backend]
        func control(_ prefix: String, _ status: Int, _ own: [String], _ fields: [String] = []) throws -> String? {
            let path = origin.script(prefix) { try $0.respond(status, own, body: "a") }
            return try larder.get(path, fields)["Cache-Control"]
        }
        let ours = "public, max-age=60"
        #expect(try control("/told/t", 200, []) == ours)
        #expect(try control("/told/t", 200, ["X-A: b"], ["Accept: */*"]) == ours)
        #expect(try control("/told/t", 404, []) == nil)
        #expect(try control("/told/t", 500, ["Cache-Control: no-cache"]) == "no-cache")
        #expect(try control("/told/t", 200, ["Set-Cookie: a=b"]) == nil)
        for own in ["private", "no-store", "private=\"a\", max-age=5", "no-cache"] {
            #expect(try control("/told/t", 200, ["Cache-Control: \(own)", "Set-Cookie: b"]) == own)
        }
        for credential in ["Cookie: a=b", "Authorization: Bearer a", "X-Api-Key: a"] {
            #expect(try control("/told/t", 200, [], [credential]) == nil, "\(credential)")
            #expect(try control("/toldalone/t", 200, [], [credential]) == "private, max-age=60")
        }
        // One entry for each caller: other caches don't know that.
        for credential in ["Authorization: Bearer a", "X-Api-Key: a"] {
            #expect(try control("/toldkeyed/t", 200, [], [credential]) == nil, "\(credential)")
        }
        #expect(try control("/toldkeyed/t", 200, []) == ours)
    }

    @Test(
        "cache_control shares nothing that a 304 or a bypass has for one client alone, nor what Authorization was sent for",
        .tags(.must), arguments: Backend.both)
    func toldOneClient(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script("/toldshort/t") { exchange in
            guard exchange.request["If-None-Match"] != nil else {
                return try exchange.respond(200, ["Cache-Control: max-age=1", "ETag: \"1\""], body: "a")
            }
            try exchange.respond(304, ["Cache-Control: private, max-age=5", "ETag: \"1\"", "Set-Cookie: sid=u1"])
        }
        _ = try larder.awaitHit(path)
        // Until it is stale.
        var renewed = try larder.get(path)
        _ = try eventually(within: 10) {
            if renewed.xCache == "HIT" { renewed = try larder.get(path) }
            return renewed.xCache != "HIT"
        }
        #expect(renewed.xCache == "REVALIDATED", "\(renewed.summary)")
        #expect(renewed["Cache-Control"]?.contains("public") != true, "\(renewed.summary)")
        func control(_ prefix: String, _ own: [String], _ fields: [String]) throws -> String? {
            let path = origin.script(prefix) { try $0.respond(200, own, body: "a") }
            return try larder.get(path, fields)["Cache-Control"]
        }
        #expect(try control("/toldshort/t", [], ["Cookie: session=alice"]) == nil)
        #expect(try control("/toldshort/t", [], ["Cookie: theme=dark"]) == "public, max-age=60")
        #expect(try control("/toldfew/t", ["Cache-Control: max-age=60"], ["Authorization: a"]) == "max-age=60")
        let named = "max-age=60, private=\"x-user\""
        #expect(try control("/told/t", ["Cache-Control: \(named)", "X-User: alice"], []) == named)
    }

    @Test(
        "RFC 9111 §4.1: Vary on a coding or a language that the route writes goes by what it wrote", .tags(.must),
        arguments: Backend.both)
    func writtenSelectors(_ backend: Backend) throws {
        let larder = scene[backend]
        for name in ["Accept-Language", "Accept-Encoding"] {
            let host = "Host: \(name.lowercased()).\(backend).example"
            for _ in 0..<2 {
                let path = origin.script("/named/fr") { exchange in
                    let value = exchange.request[name] ?? "none"
                    try exchange.respond(
                        200, ["Cache-Control: max-age=60", "Vary: \(name)", "Content-Language: \(value)"], body: value)
                }
                #expect(try larder.get(path, [host, "\(name): fr"]).text == "\(path.dropFirst("/named/".count))")
            }
        }
    }

    @Test("explain and /config say what a route changes, without secrets")
    func told() throws {
        let larder = scene[.memory]
        let explained = try larder.command(["explain", "GET", "http://api.example/fields/red/t"]).output
        #expect(
            explained.contains("set X-Real-IP: {client_ip}") && explained.contains("remove X-Debug"), "\(explained)")
        let config = try larder.admin("GET", "/config").text
        #expect(
            config.contains("X-Real-IP: \"{client_ip}\"") && config.contains("cache_control: \"public, max-age=60\""))
        #expect(config.contains("bypass: [cookie.session"))
    }
}
