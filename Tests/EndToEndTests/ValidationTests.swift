import Foundation
import TestSupport
import Testing

// A stored response past its life is validated with what it carries (RFC 9111 §4.3), and served stale where the origin
// can't be asked and nothing forbids it (§4.2.4, RFC 5861 §4).

@Suite("RFC 9111 §4.3: validation, and §4.2.4: stale rather than nothing")
struct ValidationTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    @Test("§4.3.4: a 304 renews the stored response, and its new fields are served", arguments: Backend.allCases)
    func renewal(_ backend: Backend) throws {
        let conditions = Locked<[String?]>([])
        let path = origin.script { exchange in
            let condition = exchange.request["If-None-Match"]
            conditions.withLock { $0.append(condition) }
            guard condition == "\"one\"" else {
                return try exchange.respond(
                    200, ["Cache-Control: max-age=1", "ETag: \"one\"", "X-State: first"], body: "content")
            }
            try exchange.send(
                "HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\nCache-Control: max-age=60\r\nX-State: second\r\n\r\n")
        }
        let larder = scene[backend]
        #expect(try larder.get(path).xCache == "MISS")
        var renewed = try larder.get(path)
        #expect(
            try eventually {
                renewed = try larder.get(path)
                return renewed.xCache == "REVALIDATED"
            })
        #expect(renewed["Cache-Status"]?.hasPrefix("larder; fwd=stale; fwd-status=304; ttl=") == true)
        let hit = try larder.awaitHit(path)
        #expect(hit.text == "content")
        #expect(hit["X-State"] == "second")
        #expect(hit["Cache-Control"] == "max-age=60")
        #expect(conditions.withLock { $0.first } == .some(nil))
        #expect(conditions.withLock { $0.last } == "\"one\"")
    }

    @Test("§4.3.3: a 304 that is about something else makes the request go again without conditions")
    func mismatch() throws {
        let larder = scene[.memory]
        let path = origin.script { exchange in
            if exchange.request["If-None-Match"] != nil {
                return try exchange.send("HTTP/1.1 304 Not Modified\r\nETag: \"other\"\r\n\r\n")
            }
            try exchange.respond(200, ["Cache-Control: max-age=1", "ETag: \"one\""], body: "content")
        }
        #expect(try larder.get(path).xCache == "MISS")
        #expect(
            try eventually {
                let before = origin.count(for: path)
                let answer = try larder.get(path)
                return origin.count(for: path) == before + 2 && answer.status == 200 && answer.text == "content"
            })
    }

    @Test("§4.3.3: a 200 to the validation replaces what is stored", arguments: Backend.allCases)
    func replacement(_ backend: Backend) throws {
        let path = origin.script { exchange in
            let isValidation = exchange.request["If-None-Match"] != nil
            try exchange.respond(
                200, ["Cache-Control: max-age=\(isValidation ? 60 : 1)", "ETag: \"\(isValidation ? 2 : 1)\""],
                body: isValidation ? "second" : "first")
        }
        let larder = scene[backend]
        #expect(try larder.get(path).text == "first")
        #expect(try eventually { try larder.get(path).text == "second" })
        #expect(try larder.awaitHit(path).text == "second")
    }

    @Test(
        "§4.2.4: where the origin can't be reached a stale response serves, unless it says must-revalidate",
        arguments: [("max-age=1", 200, "STALE"), ("max-age=1, must-revalidate", 504, "MISS")])
    func disconnection(_ control: String, _ status: Int, _ xCache: String) throws {
        try Stage.run { stage in
            let origin = try stage.origin()
            let path = origin.script(200, ["Cache-Control: \(control)", "ETag: \"one\""], body: "content")
            let larder = try stage.larder(.caching(origin.url, cache: "methods: [GET]"))
            #expect(try larder.get(path).xCache == "MISS")
            origin.stop()
            #expect(
                try eventually {
                    let answer = try larder.get(path)
                    return answer.status == status && answer.xCache == xCache
                })
        }
    }

    @Test(
        "RFC 5861 §4: an error of the origin is hidden within stale-if-error and not without it",
        arguments: [("max-age=1, stale-if-error=60", 200), ("max-age=1", 500)])
    func staleIfError(_ control: String, _ status: Int) throws {
        let isBroken = Locked(false)
        let path = origin.script { exchange in
            if isBroken.withLock({ $0 }) { return try exchange.respond(500, body: "broken") }
            try exchange.respond(200, ["Cache-Control: \(control)", "ETag: \"one\""], body: "content")
        }
        let larder = scene[.memory]
        #expect(try larder.get(path).text == "content")
        isBroken.withLock { $0 = true }
        let asked = origin.count(for: path)
        #expect(
            try eventually {
                let answer = try larder.get(path)
                return origin.count(for: path) > asked && answer.status == status
            })
        let after = try larder.get(path)
        #expect(after.status == status)
        #expect(after.text == (status == 200 ? "content" : "broken"))
    }
}
