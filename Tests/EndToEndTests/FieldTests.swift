import Foundation
import TestSupport
import Testing

// Fields: what is kept, what is made anew, what is added and what ends here (RFC 9110 §7.6, RFC 7239).

@Suite("RFC 9110 §7.6: fields that pass through")
struct FieldTests {
    static let shared = Result { try Scene { .caching($0, cache: "") } }
    let scene: Scene
    var origin: ScriptedOrigin { scene.origin }
    var larder: LarderProcess { scene.larder }

    init() throws { scene = try Self.shared.get() }

    /// What the origin received for a path, once.
    private func received(_ path: String) throws -> ReceivedRequest {
        let requests = origin.requests(for: path)
        #expect(requests.count == 1)
        return try #require(requests.first)
    }

    @Test("RFC 9110 §7.6.1: what Connection names, and hop-by-hop fields, don't reach the origin")
    func hopByHopToOrigin() throws {
        let path = origin.script(200, body: "ok")
        let fields = [
            "Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
            "TE: trailers, gzip", "Upgrade: h2c", "Proxy-Authorization: Basic eDp5", "X-Stays: 1",
        ]
        #expect(try larder.get(path, fields).status == 200)
        let request = try received(path)
        #expect(request["X-Stays"] == "1")
        for name in ["X-Hop", "Keep-Alive", "Proxy-Connection", "Upgrade"] { #expect(request[name] == nil, "\(name)") }
        #expect(!(request["TE"] ?? "").contains("gzip"))
        #expect(!(request["Connection"] ?? "").lowercased().contains("x-hop"))
    }

    @Test("RFC 9110 §7.6.1: what Connection names, and hop-by-hop fields, don't reach the client")
    func hopByHopToClient() throws {
        let path = origin.script(
            200, ["Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: close", "X-Stays: 1"],
            body: "ok")
        let client = try larder.client()
        let response = try client.request("GET", path)
        #expect(response["X-Stays"] == "1")
        for name in ["X-Hop", "Keep-Alive", "Proxy-Connection"] { #expect(response[name] == nil, "\(name)") }
        #expect(try client.request("GET", path).status == 200)
    }

    @Test("RFC 9110 §7.6.1: Connection can't take away what the request needs")
    func connectionNamesHost() throws {
        let path = origin.script(200, body: "ok")
        _ = try larder.get(path, ["Host: a.example", "Connection: Host"])
        if let request = origin.requests(for: path).first { #expect(request["Host"] == "a.example") }
    }

    @Test("RFC 9110 §7.6.3: Via is appended both ways")
    func via() throws {
        let path = origin.script(200, ["Via: 1.1 inner"], body: "ok")
        let response = try larder.get(path, ["Via: 1.0 outer"])
        let there = try #require(try received(path)["Via"])
        #expect(there.hasPrefix("1.0 outer, 1.1 "))
        let back = try #require(response["Via"])
        #expect(back.hasPrefix("1.1 inner, 1.1 "))
    }

    @Test("RFC 9110 §6.6.1: Date is added where the origin gave none, and kept where it gave one")
    func date() throws {
        let without = origin.script(200, body: "ok")
        let with = origin.script(200, ["Date: Tue, 15 Nov 1994 08:12:31 GMT"], body: "ok")
        let added = try #require(try larder.get(without)["Date"])
        #expect(added.hasSuffix(" GMT") && added.count == 29)
        #expect(try larder.get(with)["Date"] == "Tue, 15 Nov 1994 08:12:31 GMT")
    }

    @Test("RFC 7239: the origin learns the client, the scheme and the host, and a client can't forge them")
    func forwarded() throws {
        let path = origin.script(200, body: "ok")
        let forged = [
            "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "Forwarded: for=6.6.6.6",
        ]
        #expect(try larder.get(path, ["Host: api.example"] + forged).status == 200)
        let request = try received(path)
        #expect(request["X-Forwarded-For"] == "127.0.0.1")
        #expect(request["X-Forwarded-Proto"] == "http")
        #expect(request["X-Forwarded-Host"] == "api.example")
        let forwarded = try #require(request["Forwarded"])
        #expect(forwarded.contains("for=127.0.0.1") && !forwarded.contains("6.6.6.6"))
    }

    @Test("What a trusted peer forwarded is kept and appended to")
    func forwardedByTrusted() throws {
        try Stage.run { stage in
            let scene = try Scene(stage: stage) { origin in
                var configuration = LarderConfiguration.caching(origin, cache: "")
                configuration.server += "\ntrusted_proxies: [127.0.0.0/8]"
                return configuration
            }
            let path = scene.origin.script(200, body: "ok")
            _ = try scene.larder.get(path, ["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"])
            let request = try #require(scene.origin.requests(for: path).first)
            #expect(request["X-Forwarded-For"] == "9.9.9.9, 127.0.0.1")
            #expect(request["X-Forwarded-Proto"] == "https")
        }
    }

    @Test("RFC 9110 §7.6.2: OPTIONS with Max-Forwards: 0 is answered here, with 1 it goes on as 0")
    func maxForwards() throws {
        let path = origin.script(200, ["X-From: origin"], body: "ok")
        let response = try larder.request("OPTIONS", path, ["Max-Forwards: 0"])
        #expect(response["X-From"] == nil)
        #expect(origin.count(for: path) == 0)
        #expect(try larder.request("OPTIONS", path, ["Max-Forwards: 1"])["X-From"] == "origin")
        #expect(try received(path)["Max-Forwards"] == "0")
    }

    @Test("Unknown fields and methods pass through as they are")
    func unknown() throws {
        let path = origin.script(299, ["X-Odd: ä"], body: "ok")
        let response = try larder.request("BREW", path, ["X-Own: a, b;c=\"d\""])
        #expect(response.status == 299)
        #expect(response["X-Odd"] == "ä")
        let request = try received(path)
        #expect(request.method == "BREW")
        #expect(request["X-Own"] == "a, b;c=\"d\"")
    }

    @Test("Every Set-Cookie line stays a line of its own")
    func setCookie() throws {
        let path = origin.script(
            200, ["Set-Cookie: a=1", "Set-Cookie: b=2; Expires=Wed, 09 Jun 2032 10:18:14 GMT"], body: "ok")
        #expect(try larder.get(path).head.all("Set-Cookie").count == 2)
    }

    @Test("A path that no route matches is a problem of Larder's own")
    func noRoute() throws {
        try Stage.run { stage in
            let origin = try stage.origin()
            let larder = try stage.larder(
                LarderConfiguration(upstreams: "origin: \(origin.url)", routes: "- path: /known\n  upstream: origin"))
            let response = try larder.get("/unknown")
            #expect(response.status == 404)
            #expect(response["Content-Type"] == "application/problem+json")
            #expect(try response.json()["status"].int == 404)
            #expect(try response.json()["type"].string?.isEmpty == false)
            #expect(origin.count() == 0)
        }
    }
}
