import Foundation
import TestSupport
import Testing

// What may be stored and what never is, with a live origin (RFC 9111 §3).

@Suite("RFC 9111 §3: what is stored")
struct StoringTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test(
        "RFC 9111 §3: what must not be stored is fetched every time",
        arguments: [
            ["Cache-Control: no-store"], ["Cache-Control: private"], ["Cache-Control: private, max-age=60"],
            ["Cache-Control: max-age=60", "Set-Cookie: a=1"], ["Cache-Control: max-age=60", "Vary: *"],
            ["Cache-Control: max-age=0"], ["Cache-Control: NO-STORE, max-age=60"], [], ["Expires: 0"],
        ])
    func notStored(_ fields: [String]) throws {
        try scene.expectNotStored(scene[.memory], origin.script(200, fields, body: "own"))
    }

    @Test("RFC 9111 §3: what must not be stored is not in Redis either")
    func notInRedis() throws {
        let path = origin.script(200, ["Cache-Control: no-store"], body: "own")
        try scene.expectNotStored(scene[.redis], path)
        let key = try scene[.redis].redisKey("GET", "http://api.example\(path)")
        // At most a marker that says so.
        let value = try scene.redis.command("GET", key).bytes ?? []
        #expect(value.count <= 32, "\(value)")
    }

    @Test("RFC 9111 §3.5: an answer to Authorization is stored only when the origin allows it")
    func authorization() throws {
        let fields = ["Authorization: Basic eDp5"]
        try scene.expectNotStored(
            scene[.memory], origin.script(200, ["Cache-Control: max-age=60"], body: "own"), fields)
        let shared = origin.script(200, ["Cache-Control: public, max-age=60"], body: "all")
        try scene[.memory].awaitHit(shared, fields)
    }

    @Test("RFC 9111 §4.2.1: s-maxage goes before max-age, max-age before Expires")
    func precedence() throws {
        let later = "Expires: Wed, 09 Jun 2100 10:18:14 GMT"
        try scene[.memory].awaitHit(origin.script(200, ["Cache-Control: max-age=0, s-maxage=60"], body: "a"))
        try scene.expectNotStored(scene[.memory], origin.script(200, ["Cache-Control: max-age=0", later], body: "b"))
        try scene[.memory].awaitHit(origin.script(200, [later], body: "c"))
    }

    @Test("A route without cache passes everything through as BYPASS")
    func bypass() throws {
        let path = scene.numbered("/plain/t")
        #expect(try scene[.memory].get(path).xCache == "BYPASS")
        try scene.expectNotStored(scene[.memory], path)
    }

    @Test("What is stored and passed on is not what Connection named")
    func hopByHopNotStored() throws {
        let path = origin.script(
            200, ["Cache-Control: max-age=60", "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=9"], body: "a")
        let hit = try scene[.memory].awaitHit(path)
        #expect(hit["X-Hop"] == nil && hit["Keep-Alive"] == nil)
    }

    @Test("RFC 9111 §3: a response cut short is passed on as broken and never stored", arguments: Backend.allCases)
    func incomplete(_ backend: Backend) throws {
        let larder = scene[backend]
        let endings = [
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\npart",
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n",
        ]
        for ending in endings {
            let path = origin.script { exchange in
                try exchange.send(ending)
                exchange.close()
            }
            for _ in 0..<2 {
                let response = try? larder.get(path)
                #expect(response.map { !$0.isComplete || $0.status == 502 } ?? true, "\(response?.raw.text ?? "")")
                #expect(response?.xCache != "HIT")
            }
            #expect(origin.count(for: path) >= 2)
        }
    }

    @Test("A response larger than store.object passes and is not stored", arguments: Backend.allCases)
    func tooLarge(_ backend: Backend) throws {
        let body = String(repeating: "x", count: 300 << 10)
        let length = origin.script(200, ["Cache-Control: max-age=60"], body: body)
        let chunked = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<300 { try exchange.send("400\r\n" + String(repeating: "x", count: 1024) + "\r\n") }
            try exchange.send("0\r\n\r\n")
        }
        for path in [length, chunked] {
            #expect(try scene[backend].get(path).body.count == 300 << 10)
            try scene.expectNotStored(scene[backend], path)
        }
    }

    @Test("A chunked response is stored and answered with its length or chunked, whole", arguments: Backend.allCases)
    func chunkedStored(_ backend: Backend) throws {
        let path = origin.script { exchange in
            try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n")
            try exchange.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
        }
        #expect(try scene[backend].get(path).text == "hello world")
        #expect(try scene[backend].awaitHit(path).text == "hello world")
    }

    @Test("A body of 200 KiB comes back from the store byte for byte", arguments: Backend.allCases)
    func largeStored(_ backend: Backend) throws {
        let bytes = (0..<200 << 10).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let path = origin.script { try $0.respond(200, ["Cache-Control: max-age=60"], bytes: bytes) }
        #expect(try scene[backend].get(path).body == bytes)
        #expect(try scene[backend].awaitHit(path).body == bytes)
    }
}
