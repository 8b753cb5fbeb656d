import Foundation
import TestSupport
import Testing

// What other programs find in Redis, and what Larder makes of what they leave there.

@Suite("Entries in Redis")
struct RedisRecordTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test("larder key names the Redis key; GET finds it, TTL is what is left of its life and keep, DEL makes a MISS")
    func redisKey() throws {
        let path = scene.numbered("/t", ["Cache-Control: max-age=300"])
        let larder = scene[.redis]
        try larder.awaitHit(path)
        let key = try larder.redisKey("GET", "http://api.example\(path)")
        #expect(key.hasPrefix("redis:"))
        let value = try scene.redis.command("GET", key)
        #expect(value.bytes?.text.contains("answer 1") == true)
        let age = try #require(try larder.get(path)["Age"].flatMap { Int($0) })
        let life = try #require(try scene.redis.command("TTL", key).int)
        #expect(abs(life - (300 + 600 - age)) <= 1, "TTL \(life) at age \(age)")
        #expect(try scene.redis.command("DEL", key) == .integer(1))
        let next = try larder.get(path)
        #expect(next.xCache == "MISS")
        #expect(next.text == "answer 2")
    }

    @Test("A key template's MD5 is what any program can compute")
    func templateKey() throws {
        let path = origin.script("/keyed/t") { try $0.respond(200, body: "a") }
        try scene[.redis].awaitHit(path)
        let text = "item:\(path.dropFirst("/keyed/".count)):1"
        let md5 = try run(["sh", "-c", "printf %s \"$1\" | md5sum | cut -c1-32", "sh", text]).output.prefix(32)
        #expect(try scene.redis.command("EXISTS", "redis:\(md5)") == .integer(1))
        #expect(try scene[.redis].command(["key", "GET", "http://api.example\(path)"]).output.contains(text))
    }

    @Test(
        "An entry that another program deletes while one of its variants is fetched doesn't come back with the others")
    func deletedVariants() throws {
        let version = TestSupport.Locked(1)
        let (isAsked, mayRespond) = (Switch(), Switch())
        let path = origin.script { exchange in
            let number = version.withLock { $0 }
            if exchange.request["X-Kind"] == "second" {
                isAsked.turnOn()
                _ = eventually { mayRespond.isOn }
            }
            // The index would have to be prolonged for the second.
            let life = exchange.request["X-Kind"] == "second" ? 600 : 300
            try exchange.respond(
                200, ["Cache-Control: max-age=\(life)", "Vary: X-Kind"], body: "version \(number)")
        }
        let larder = scene[.redis]
        try larder.awaitHit(path, ["X-Kind: first"])
        let overtaken = { try larder.stats()["store"]["remote"]["overtaken_stores"].int ?? 0 }
        let before = try overtaken()
        let client = try larder.client()
        defer { client.close() }
        try client.send("GET \(path) HTTP/1.1\r\nHost: api.example\r\nX-Kind: second\r\n\r\n")
        #expect(eventually { isAsked.isOn })
        version.withLock { $0 = 2 }
        #expect(try scene.redis.command("DEL", try larder.redisKey("GET", "http://api.example\(path)")) == .integer(1))
        mayRespond.turnOn()
        #expect(try client.readResponse().status == 200)
        #expect(try eventually { try overtaken() > before })
        #expect(try larder.get(path, ["X-Kind: first"]).text == "version 2")
    }

    @Test("A value in Redis that is no record is a MISS, not an error")
    func foreignRecord() throws {
        for value in ["", "garbage", String(repeating: "\u{1}", count: 500)] {
            let path = scene.numbered("/t", ["Cache-Control: max-age=300"])
            let key = try scene[.redis].redisKey("GET", "http://api.example\(path)")
            #expect(try scene.redis.command("SET", key, value) == .simple("OK"))
            let response = try scene[.redis].get(path)
            #expect(response.status == 200)
            #expect(response.xCache == "MISS")
            try scene[.redis].awaitHit(path)
        }
        let path = scene.numbered("/t", ["Cache-Control: max-age=300"])
        let key = try scene[.redis].redisKey("GET", "http://api.example\(path)")
        #expect(try scene.redis.command("LPUSH", key, "a") == .integer(1))
        #expect(try scene[.redis].get(path).status == 200)
    }
}
