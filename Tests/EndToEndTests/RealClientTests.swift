import Foundation
import TestSupport
import Testing

// Behind proxies and load balancers: whose request it is, what it is called, and that it doesn't come back.

@Suite("The real client, behind proxies", .serialized)
struct RealClientTests {
    /// A daemon with a log, and an origin that tells what it was sent.
    private func play(
        _ server: String = "", log format: String = "json",
        _ body: (LarderProcess, ScriptedOrigin, String) throws -> Void
    ) throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                try $0.respond(200, ["Cache-Control: max-age=600"], body: "\($0.request.target)")
            }
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: \(format)\nto: \(log)"
            configuration.server += server
            try body(try stage.larder(configuration), origin, log)
        }
    }

    private func lines(of path: String, for target: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
            .filter { $0.contains(target) }
    }

    private func line(of path: String, for target: String) throws -> String {
        #expect(eventually(within: 20) { !lines(of: path, for: target).isEmpty })
        return try #require(lines(of: path, for: target).first)
    }

    private let trusting = "\ntrusted_proxies: [127.0.0.0/8, 10.0.0.0/8, \"fd00::/8\"]"

    @Test("The access log has the client that trusted proxies name: the last address that isn't one of theirs")
    func client() throws {
        try play(trusting, log: "combined") { larder, _, log in
            let cases: [(fields: [String], client: String)] = [
                (["X-Forwarded-For: 203.0.113.9"], "203.0.113.9"),
                (["X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
                (["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 2001:db8::1, fd00::1"], "2001:db8::1"),
                (["X-Forwarded-For: 203.0.113.9:1234"], "203.0.113.9"),
                (["X-Forwarded-For: [2001:DB8::2]:80"], "2001:db8::2"),
                (["X-Forwarded-For: 10.0.0.1, 10.0.0.2"], "10.0.0.1"),
                (["X-Forwarded-For: 6.6.6.6, garbage, 10.0.0.2"], "10.0.0.2"),
                (["X-Forwarded-For: unknown"], "127.0.0.1"),
                (["Forwarded: for=\"[2001:db8::3]:4711\";proto=https, for=10.0.0.1"], "2001:db8::3"),
                (["Forwarded: for=6.6.6.6", "X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
                ([], "127.0.0.1"),
            ]
            for (number, example) in cases.enumerated() {
                // A MISS and a HIT.
                for _ in 0..<2 { _ = try larder.get("/client-\(number)-", example.fields) }
                #expect(eventually(within: 20) { lines(of: log, for: "/client-\(number)-").count == 2 })
                for line in lines(of: log, for: "/client-\(number)-") {
                    #expect(line.hasPrefix("\(example.client) - - ["), "\(example.fields): \(line)")
                }
            }
        }
    }

    @Test("Nobody else chooses the address in the log, or what a request is called")
    func strangers() throws {
        try play { larder, origin, log in
            _ = try larder.get(
                "/a",
                ["X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Request-Id: mine", "X_Request_Id: mine"])
            let entry = try JSON(parsing: Array(try line(of: log, for: "/a").utf8))
            #expect(entry["client"].string == "127.0.0.1")
            let request = try #require(origin.requests(for: "/a").first)
            let name = try #require(request["X-Request-Id"])
            #expect(name.wholeMatch(of: /[0-9a-f]{32}/) != nil)
            #expect(request["X_Request_Id"] == nil)
            #expect(entry["request_id"].string == name)
        }
    }

    @Test("A trusted proxy's X-Request-Id is kept where it is short and visible; otherwise each request gets its own")
    func requestIDs() throws {
        try play(trusting) { larder, origin, log in
            let kept = "a-b_\"c\\/" + String(repeating: "x", count: 120)
            for name in [kept, kept + "x", "a b", ""] {
                _ = try larder.get("/a\(name.utf8.count)", ["X-Request-Id: \(name)"])
            }
            #expect(origin.requests(for: "/a128").first?["X-Request-Id"] == kept)
            for path in ["/a129", "/a3", "/a0"] {
                let name = try #require(origin.requests(for: path).first?["X-Request-Id"])
                #expect(name.wholeMatch(of: /[0-9a-f]{32}/) != nil)
            }
            let entry = try JSON(parsing: Array(try line(of: log, for: "/a128").utf8))
            #expect(entry["request_id"].string == kept)
            // Two names for one request are none; and a HIT has a name of its own.
            _ = try larder.get("/b", ["X-Request-Id: one", "X-Request-Id: two"])
            #expect(origin.requests(for: "/b").first?["X-Request-Id"]?.wholeMatch(of: /[0-9a-f]{32}/) != nil)
            for _ in 0..<20 { _ = try larder.get("/b") }
            #expect(eventually(within: 20) { lines(of: log, for: "\"/b\"").count == 21 })
            let names = try lines(of: log, for: "\"/b\"").map {
                try JSON(parsing: Array($0.utf8))["request_id"].string ?? ""
            }
            #expect(Set(names).count == 21 && !names.contains(""))
        }
    }

    @Test("W3C Trace Context: traceparent and tracestate are passed on as they are")
    func tracing() throws {
        try play { larder, origin, _ in
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let state = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
            for (method, path) in [("GET", "/a"), ("POST", "/b")] {
                _ = try larder.request(
                    method, path, ["traceparent: \(parent)", "tracestate: \(state)", "tracestate: x=1"])
                let request = try #require(origin.requests(for: path).first)
                #expect(request["traceparent"] == parent)
                #expect(
                    request.head.fields.filter { $0.name.lowercased() == "tracestate" }.map(\.value) == [state, "x=1"])
            }
        }
    }

    @Test("RFC 9209 §2.3.32: a request that comes back is refused with 508; two Larders in a row are no loop")
    func loop() throws {
        try Stage.run { stage in
            // What arrives here goes back to the daemon, as it is told to once that has its port.
            let target = Locked<LarderProcess?>(nil)
            let statuses = Locked<[Int]>([])
            let origin = try stage.origin { exchange in
                guard let larder = target.withLock({ $0 }) else { return try exchange.respond(404) }
                let via = exchange.request["Via"] ?? ""
                let back = try larder.get(exchange.request.target, ["Via: \(via)"])
                statuses.withLock { $0.append(back.status) }
                try exchange.respond(back.status, ["Content-Type: \(back["Content-Type"] ?? "")"], body: back.text)
            }
            let inner = try stage.larder(.caching(origin.url))
            let outer = try stage.larder(.caching(inner.url))
            #expect(try outer.get("/none").status == 404)
            target.withLock { $0 = inner }
            let response = try outer.get("/loop")
            #expect(response.status == 508)
            #expect(response["Content-Type"] == "application/problem+json")
            #expect(response.text.contains("urn:larder:problem:loop-detected"))
            #expect(statuses.withLock { $0 } == [508])
            #expect(try inner.figure("outcomes", "loop-detected") == 1)
            #expect(try outer.figure("outcomes", "loop-detected") == 0)
        }
    }

    @Test("PROXY protocol: the address that it names is the client, in the log and for the API")
    func proxyProtocol() throws {
        try Stage.run { stage in
            let origin = try stage.origin {
                try $0.respond(200, ["Cache-Control: max-age=600"], body: "\($0.request.target)")
            }
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: common\nto: \(log)"
            configuration.proxyProtocol = true
            let larder = try stage.larder(configuration)
            let line = Array("PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\n".utf8)
            let binary: [UInt8] =
                Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [0x21, 0x11, 0, 12, 203, 0, 113, 9, 198, 51, 100, 1, 1, 2, 1, 2]
            for (number, header) in [line, binary].enumerated() {
                let client = try larder.client()
                try client.send(header)
                let path = "/\(number)-"
                for _ in 0..<2 {
                    #expect(try client.request("GET", path, ["X-Forwarded-For: 6.6.6.6"]).status == 200)
                }
                client.close()
                let request = try #require(origin.requests(for: path).first)
                #expect(request["X-Forwarded-For"] == "203.0.113.9")
                #expect(request["Forwarded"]?.contains("for=203.0.113.9") == true)
                #expect(eventually(within: 20) { lines(of: log, for: path).count == 2 })
                #expect(lines(of: log, for: path).allSatisfy { $0.hasPrefix("203.0.113.9 - - [") })
            }
            // Without a header nothing is answered.
            let stranger = try larder.client()
            try stranger.send(RawClient.request("GET", "/stranger"))
            #expect(try stranger.readToEnd() == [])
            stranger.close()
            #expect(origin.count(for: "/stranger") == 0)
            #expect(try larder.figure("totals", "proxy_headers_refused") == 1)
            // A health check of the load balancer's own.
            let check = try larder.client()
            try check.send(Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [0x20, 0, 0, 0])
            #expect(try check.request("GET", "/check").status == 200)
            check.close()
            #expect(origin.requests(for: "/check").first?["X-Forwarded-For"] == "127.0.0.1")
        }
    }
}
