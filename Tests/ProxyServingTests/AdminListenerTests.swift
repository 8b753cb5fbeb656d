import Foundation
import Routing
import TestSupport
import Testing

@testable import Proxy

extension ServingTests {
    @Suite("The admin listener's own connection and routes")
    struct AdminListenerTests {
        @Test("An entry that is put is what clients get, until it is deleted")
        func entries() throws {
            try ServingStage.run { stage throws in
                let path = stage.origin.script(200, body: "from the origin")
                let key = "GET%20http%3A%2F%2Fapi.example\(path)"
                #expect(try stage.admin("GET", "/cache?key=\(key)").status == 404)
                let put = try stage.admin(
                    "PUT", "/cache?key=\(key)", ["Content-Type: text/plain", "Cache-Control: max-age=60"],
                    body: "put there")
                #expect(put.status == 200, "\(put.text)")
                let hit = try stage.get(path)
                #expect(hit["X-Cache"] == "HIT")
                #expect(hit.text == "put there")
                let got = try stage.admin("GET", "/cache?key=\(key)")
                #expect(got.text == "put there")
                #expect(got["Content-Type"] == "text/plain")
                #expect(try #require(got["Larder-TTL"].flatMap { Int($0) }) <= 60)
                #expect(try stage.admin("HEAD", "/cache?key=\(key)").text.isEmpty)
                #expect(try stage.admin("DELETE", "/cache?key=\(key)").json()["deleted"].int == 1)
                #expect(try stage.admin("DELETE", "/cache?key=\(key)").json()["deleted"].int == 0)
                #expect(try stage.get(path)["X-Cache"] == "MISS")
            }
        }

        @Test("What may not be stored is refused with the reason", arguments: ["no-store", "private", "max-age=0"])
        func notStorable(control: String) throws {
            try ServingStage.run { stage throws in
                let put = try stage.admin("PUT", "/cache?key=k", ["Cache-Control: \(control)"], body: "x")
                #expect(put.status == 422)
                #expect(put["Content-Type"] == "application/problem+json")
            }
        }

        @Test("A content larger than an entry may be is refused before it is read")
        func tooLarge() throws {
            try ServingStage.run { stage throws in
                let client = try RawClient(.port(stage.adminPort))
                defer { client.close() }
                try client.send("PUT /cache?key=k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
                #expect(try client.readResponse().status == 413)
                #expect(client.isClosedByPeer())
            }
        }

        @Test("A purge removes the URL's entry and says how many there were")
        func purge() throws {
            try ServingStage.run { stage throws in
                let path = stage.origin.script(200, ["Cache-Control: max-age=60"], body: "x")
                _ = try stage.get(path)
                #expect(try stage.get(path)["X-Cache"] == "HIT")
                let purged = try stage.admin("POST", "/purge", body: #"{"urls":["http://api.example\#(path)"]}"#)
                #expect(purged.status == 200)
                #expect(try purged.json()["purged"].int == 1)
                #expect(try purged.json()["time"].int != nil)
                #expect(try stage.get(path)["X-Cache"] == "MISS")
                #expect(try stage.admin("POST", "/purge", body: #"{"prefixes":["nonsense"]}"#).status == 422)
                let faulty = try stage.admin("POST", "/purge", body: #"{"urls":["http://api.example/ok","nonsense"]}"#)
                #expect(faulty.status == 422)
                #expect(try faulty.json()["faults"].list?.count == 1)
            }
        }

        @Test("A purge by tag covers what carries it, and nothing else")
        func purgeByTag() throws {
            try ServingStage.run { stage throws in
                let fields = ["Cache-Control: max-age=60"]
                let one = stage.origin.script(200, fields + ["Cache-Tag: red, green"], body: "x")
                let two = stage.origin.script(200, fields + ["xkey: red"], body: "x")
                let other = stage.origin.script(200, fields + ["Surrogate-Key: redder blue"], body: "x")
                for path in [one, two, other] {
                    _ = try stage.get(path)
                    #expect(try stage.get(path)["X-Cache"] == "HIT")
                }
                #expect(try stage.admin("POST", "/purge", body: #"{"tags":["red"]}"#).status == 200)
                #expect(try stage.get(one)["X-Cache"] == "MISS")
                #expect(try stage.get(two)["X-Cache"] == "MISS")
                #expect(try stage.get(other)["X-Cache"] == "HIT")
                #expect(try eventually { try stage.get(one)["X-Cache"] == "HIT" })
            }
        }

        @Test("Chunked content, small pieces, pipelining and Expect are read as on the main listener")
        func framing() throws {
            try ServingStage.run { stage throws in
                let client = try RawClient(.port(stage.adminPort))
                defer { client.close() }
                let purge =
                    "POST /purge HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"ur\r\n"
                for byte in Array(purge.utf8) { try client.send([byte]) }
                let rest = #"ls":["http://a/"]}"#
                try client.send("\(String(rest.utf8.count, radix: 16))\r\n\(rest)\r\n0\r\n\r\n")
                #expect(try client.readResponse().status == 200)
                let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                try client.send(get + get + "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try (0..<3).map { _ in try client.readResponse().status } == [200, 200, 404])
                try client.send(
                    "PUT /cache?key=k HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
                #expect(try client.readHead()?.startLine == "HTTP/1.1 100 Continue")
                try client.send("x")
                #expect(try client.readResponse().status == 200)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
                #expect(try client.readResponse().status == 400)
                #expect(client.isClosedByPeer())
            }
        }

        @Test("Without a token, pages of other hosts can neither read nor change anything")
        func foreignPages() throws {
            try ServingStage.run { stage throws in
                #expect(try stage.admin("GET", "/stats", ["Host: rebound.example"]).status == 403)
                #expect(try stage.admin("GET", "/healthz", ["Host: rebound.example"]).status == 200)
                for host in ["localhost:1", "127.0.0.1", "[::1]:8081"] {
                    #expect(try stage.admin("GET", "/config", ["Host: \(host)"]).status == 200, "\(host)")
                }
                let own = "Origin: http://127.0.0.1:\(stage.adminPort)"
                #expect(try stage.admin("DELETE", "/cache?key=k", [own]).status == 200)
                for origin in ["Origin: http://evil.example", "Origin: null", "Origin: http://127.0.0.1:1"] {
                    #expect(try stage.admin("DELETE", "/cache?key=k", [origin]).status == 403, "\(origin)")
                }
                let page = "http://127.0.0.1:\(stage.adminPort)/"
                let foreign = [
                    ["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: same-site"], [own, "Sec-Fetch-Site: cross-site"],
                    ["Referer: http://evil.example/"], ["Referer: http://127.0.0.1:\(stage.adminPort).evil.example/"],
                    ["Referer: http://127.0.0.1:1/"], ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"],
                ]
                for fields in foreign {
                    let refused = try stage.admin("POST", "/purge", fields, body: "{}")
                    #expect(refused.status == 403, "\(fields)")
                    #expect(try stage.admin("GET", "/stats", fields).status == 200, "\(fields)")
                }
                for fields in [["Sec-Fetch-Site: same-origin"], ["Sec-Fetch-Site: none"], ["Referer: \(page)"], [own]] {
                    #expect(try stage.admin("DELETE", "/cache?key=k", fields).status == 200, "\(fields)")
                }
            }
        }

        @Test(
            "Connections that are idle, or send their request for ever, lock nobody out",
            arguments: ["", "GET /stats HTTP/1.1\r\nHost:"])
        func crowd(begun: String) throws {
            try ServingStage.run { stage throws in
                func metric(_ name: String) throws -> Int? {
                    let lines = try stage.admin("GET", "/metrics").text.split(separator: "\n")
                    return lines.first { $0.hasPrefix(name + " ") }.flatMap { Int($0.split(separator: " ")[1]) }
                }
                var crowd: [RawClient] = []
                defer { for client in crowd { client.close() } }
                for _ in 0..<100 {
                    let client = try RawClient(.port(stage.adminPort))
                    if !begun.isEmpty { try client.send(begun) }
                    crowd.append(client)
                }
                #expect(try stage.admin("GET", "/healthz").status == 200)
                #expect(try eventually { try metric("larder_admin_connections_closed_total") ?? 0 >= 36 })
                #expect(try metric("larder_admin_connections") ?? 100 <= 64)
                // The first to come are the first to go; those that send begin in the order in which they are read.
                if begun.isEmpty { #expect(crowd[0].isClosedByPeer()) }
            }
        }

        @Test("The token is asked for by everything but health")
        func token() throws {
            try ServingStage.run(token: "secret") { stage throws in
                for path in ["/stats", "/metrics", "/", "/config", "/nothing", "/cache?key=k"] {
                    #expect(try stage.admin("GET", path).status == 401, "\(path)")
                }
                for value in [
                    "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Bearer secretsecret", "Basic secret",
                    "secret",
                ] {
                    #expect(try stage.admin("GET", "/stats", ["Authorization: \(value)"]).status == 401, "\(value)")
                }
                for value in ["Bearer secret", "bearer secret"] {
                    #expect(try stage.admin("GET", "/stats", ["Authorization: \(value)"]).status == 200, "\(value)")
                }
                #expect(try stage.admin("GET", "/readyz").text == "ready\n")
            }
        }

        @Test("Methods that a path doesn't take are refused with those that it takes")
        func methods() throws {
            try ServingStage.run { stage throws in
                #expect(try stage.admin("POST", "/cache?key=k")["Allow"] == "GET, HEAD, PUT, DELETE")
                #expect(try stage.admin("GET", "/purge").status == 405)
                #expect(try stage.admin("GET", "/cache").status == 400)
                #expect(try stage.admin("GET", "/cache?key=%zz").status == 400)
                let reload = try stage.admin("POST", "/reload")
                #expect(reload.status == 422)
                #expect(try reload.json()["pid"].int == Int(getpid()))
                #expect(try reload.json()["faults"][0].string == "larder.yaml:1:1: error: a fault")
            }
        }

        @Test("Metrics and stats count the same requests")
        func figures() throws {
            try ServingStage.run { stage throws in
                let path = stage.origin.script(200, ["Cache-Control: max-age=60"], body: "x")
                for _ in 0..<3 { _ = try stage.get(path) }
                let metrics = try stage.admin("GET", "/metrics").text
                #expect(metrics.contains("\nlarder_requests_total 3\n"))
                #expect(metrics.contains("\nlarder_request_outcomes_total{outcome=\"hit\"} 2\n"))
                #expect(metrics.contains("larder_route_hits_total{route=\"/{rest...}\",host=\"\"} 2\n"))
                #expect(metrics.contains("\",server=\"\(stage.origin.url)\"} 1\n"))
                let stats = try stage.admin("GET", "/stats").json()
                #expect(stats["totals"]["requests"].int == 3)
                #expect(stats["outcomes"]["miss"].int == 1)
                #expect(stats["routes"][0]["hits"].int == 2)
                #expect(stats["store"]["memory"]["entries"].int == 1)
                #expect(stats["workers"].list?.count == 1)
                let page = try stage.admin("GET", "/")
                #expect(page["Content-Type"] == "text/html; charset=utf-8")
                #expect(page.text.contains("<title>Larder</title>"))
            }
        }

        @Test("With Redis, what is put, deleted and purged is so in Redis, and refused while Redis is down")
        func redis() throws {
            let redis = try RedisServer()
            defer { redis.stop() }
            try ServingStage.run(redis: redis.url) { stage throws in
                let isUp = try eventually { try stage.admin("GET", "/stats").json()["store"]["state"].string == "up" }
                #expect(isUp)
                let path = stage.origin.script(200, body: "from the origin")
                let key = "GET%20http%3A%2F%2Fapi.example\(path)"
                let redisKey = "larder:" + MD5Hasher.digest(of: Array("GET http://api.example\(path)".utf8).span).hex
                for size in [9, 300_000] {
                    let body = String(repeating: "p", count: size)
                    let put = try stage.admin("PUT", "/cache?key=\(key)", body: body)
                    #expect(put.status == 200 || size > 9 && put.status == 202, "\(put.text)")
                    let isThere = try eventually { try stage.admin("GET", "/cache?key=\(key)").text == body }
                    #expect(isThere)
                    #expect(try stage.get(path)["X-Cache"] == "HIT")
                    // A large one is found while it is still on its way to Redis.
                    let isWhole = try eventually { try redis.command("STRLEN", redisKey).int ?? 0 >= size }
                    #expect(isWhole)
                    #expect(try redis.command("KEYS", "larder:*").count == 1)
                    #expect(try stage.admin("DELETE", "/cache?key=\(key)").json()["deleted"].int == 1)
                    #expect(try redis.command("KEYS", "larder:*").count == 0)
                }
                #expect(try stage.get(path)["X-Cache"] == "MISS")
                let isStored = try eventually { try redis.command("KEYS", "larder:*").count == 1 }
                #expect(isStored)
                let purge = #"{"urls":["http://api.example\#(path)"]}"#
                #expect(try stage.admin("POST", "/purge", body: purge).json()["purged"].int == 1)
                #expect(try redis.command("KEYS", "larder:*").count == 0)
                redis.kill()
                let isRefused = try eventually { try stage.admin("POST", "/purge", body: purge).status == 503 }
                #expect(isRefused)
                #expect(try stage.admin("PUT", "/cache?key=k", body: "x").status == 503)
                #expect(try stage.admin("GET", "/stats").json()["store"]["state"].string == "down")
            }
        }
    }
}
