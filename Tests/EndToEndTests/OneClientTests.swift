import Foundation
import TestSupport
import Testing

// A response for one client is no verdict on what all share (RFC 9111 §4.3.3, §4.3.4): what is stored stays, goes on serving
// and being shared, and the client gets what was meant for it. What is stored follows its own head.

@Suite("RFC 9111 §4.3: responses for one client, beside what is stored for all")
struct OneClientTests {
    let scene: CachingScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try CachingScene.shared.get() }

    /// What an origin sends to one client and means for no other.
    struct Own: Sendable, CustomTestStringConvertible {
        let status: Int
        let fields: [String]
        var testDescription: String { "\(status) \(fields.joined(separator: ", "))" }

        static let errors = [400, 401, 403, 405, 408, 429, 500, 503].map { Own(status: $0, fields: []) }
        static let all =
            errors + [
                Own(status: 403, fields: ["Cache-Control: max-age=60"]), Own(status: 302, fields: ["Location: /login"]),
                Own(status: 429, fields: ["Retry-After: 30"]), Own(status: 200, fields: ["Cache-Control: private"]),
                Own(status: 200, fields: ["Cache-Control: max-age=60", "Set-Cookie: id=1"]),
            ]
    }

    /// A path whose response is for all but where a request says `X-Odd`.
    private func script(_ control: String, _ own: @escaping ScriptedOrigin.Handler) -> String {
        origin.script { exchange in
            if exchange.request["X-Odd"] != nil { return try own(exchange) }
            try exchange.respond(200, ["Cache-Control: \(control)", "ETag: \"1\""], body: "good")
        }
    }

    /// The path's first response is stale on arrival.
    private func stale(_ further: String = "", then later: @escaping ScriptedOrigin.Handler) -> String {
        origin.script { [origin] exchange in
            if origin.count(for: exchange.request.path) > 1 { return try later(exchange) }
            let control = "Cache-Control: max-age=1\(further.isEmpty ? "" : ", \(further)")"
            try exchange.respond(200, [control, "Age: 1", "ETag: \"1\"", "X-State: first"], body: "stored")
        }
    }

    @Test(
        "A client's own no-cache that is answered for it alone leaves the others their HIT", .tags(.must),
        arguments: Backend.allCases)
    func ownNoCache(_ backend: Backend) throws {
        let larder = scene[backend]
        for own in Own.all {
            let path = script("max-age=60") { try $0.respond(own.status, own.fields, body: "mine") }
            try larder.awaitHit(path)
            for _ in 0..<2 {
                let response = try larder.get(path, ["Cache-Control: no-cache", "X-Odd: 1"])
                #expect(response.status == own.status && response.text == "mine", "\(own)")
                let next = try larder.get(path)
                #expect(next.xCache == "HIT" && next.text == "good", "\(own): \(next.summary)")
            }
        }
    }

    @Test("404 and 410 take the place of what is stored", .tags(.must), arguments: Backend.allCases, [404, 410])
    func gone(_ backend: Backend, _ status: Int) throws {
        let larder = scene[backend]
        let path = script("max-age=60") { try $0.respond(status) }
        try larder.awaitHit(path)
        #expect(try larder.get(path, ["Cache-Control: no-cache", "X-Odd: 1"]).status == status)
        let asked = origin.count(for: path)
        #expect(try eventually { try larder.get(path).xCache == "MISS" || origin.count(for: path) > asked })
    }

    @Test(
        "A refresh in the background that is answered for one client leaves the stale copy serving", .tags(.must),
        arguments: Backend.allCases)
    func refresh(_ backend: Backend) throws {
        let larder = scene[backend]
        for own in Own.all {
            let isWell = Switch()
            let path = stale("stale-while-revalidate=60, stale-if-error=60") { exchange in
                if isWell.isOn { return try exchange.respond(200, ["Cache-Control: max-age=60"], body: "new") }
                try exchange.respond(own.status, own.fields, body: "mine")
            }
            try larder.keep(path)
            #expect(try larder.get(path).xCache == "STALE")
            #expect(eventually { origin.count(for: path) >= 2 }, "\(own)")
            for _ in 0..<3 {
                let response = try larder.get(path)
                #expect(response.xCache == "STALE" && response.text == "stored", "\(own): \(response.summary)")
            }
            isWell.turnOn()
            // The next refresh begins a moment later.
            #expect(try larder.awaitHit(path, within: 15).text == "new", "\(own)")
        }
    }

    @Test(
        "RFC 5861 §4: a 429 that says when to come back is the origin's failure, as every 5xx is", .tags(.choice),
        arguments: Backend.allCases)
    func failures(_ backend: Backend) throws {
        let larder = scene[backend]
        for status in [429, 500, 501, 502, 503, 504, 507] {
            let path = stale("stale-if-error=60") { try $0.respond(status, ["Retry-After: 30"], body: "broken") }
            try larder.keep(path)
            for _ in 0..<2 {
                let response = try larder.get(path)
                #expect(response.xCache == "STALE" && response.text == "stored", "\(status): \(response.summary)")
            }
        }
    }

    @Test(
        "Those who wait for a validation that is answered for one client share the next one", .tags(.must),
        arguments: Backend.allCases)
    func crowd(_ backend: Backend) throws {
        let larder = scene[backend]
        let gate = Switch()
        let path = origin.script { [origin] exchange in
            if origin.count(for: exchange.request.path) == 1 {
                return try exchange.respond(200, ["Cache-Control: max-age=1", "ETag: \"1\""], body: "stored")
            }
            gate.awaitOn()
            if exchange.request["X-Odd"] != nil { return try exchange.respond(403, body: "no") }
            try exchange.respond(304, ["ETag: \"1\"", "Cache-Control: max-age=60"])
        }
        try larder.keep(path)
        #expect(try eventually { try larder.get(path, ["Cache-Control: only-if-cached"]).status == 504 })
        let leader = try Asking(larder, path, ["X-Odd: 1"])
        #expect(eventually { origin.count(for: path) == 2 })
        let others = try larder.ask(path, times: 10)
        try larder.awaitReading(others)
        gate.turnOn()
        #expect(try leader.response().status == 403)
        for asking in others { #expect(try asking.response().text == "stored") }
        #expect(origin.count(for: path) == 3)
    }

    // MARK: 304

    @Test(
        "§4.3.4: a 304 that sets a cookie reaches the client that asked with all its fields, and nobody else",
        .tags(.must), arguments: Backend.allCases)
    func setCookie(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = stale { exchange in
            let who = exchange.request["X-Who"] ?? "nobody"
            try exchange.respond(304, ["ETag: \"1\"", "Set-Cookie: id=\(who)", "X-State: for \(who)"])
        }
        try larder.keep(path)
        for who in ["ann", "bob"] {
            let response = try larder.get(path, ["X-Who: \(who)"])
            #expect(response.xCache == "REVALIDATED" && response.text == "stored", "\(response.summary)")
            #expect(response["Set-Cookie"] == "id=\(who)" && response["X-State"] == "for \(who)")
            let conditional = try larder.get(path, ["X-Who: \(who)", "If-None-Match: \"1\""])
            #expect(conditional.status == 304, "\(conditional.summary)")
            #expect(conditional["Set-Cookie"] == "id=\(who)" && conditional["X-State"] == "for \(who)")
        }
        // What is stored is what it was.
        let stored = try larder.get(path, ["Cache-Control: only-if-cached, max-stale=100000"])
        #expect(stored.status == 200 && stored["X-State"] == "first" && stored["Set-Cookie"] == nil)
    }

    @Test(
        "§5.2.1.5: a 304 to a request that says no-store reaches it with its new fields, and the store is left alone",
        .tags(.must), arguments: Backend.allCases)
    func noStore(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = stale { try $0.respond(304, ["ETag: \"1\"", "Cache-Control: max-age=60", "X-State: second"]) }
        try larder.keep(path)
        let response = try larder.get(path, ["Cache-Control: no-store"])
        #expect(response.xCache == "REVALIDATED" && response.text == "stored" && response["X-State"] == "second")
        let stored = try larder.get(path, ["Cache-Control: only-if-cached, max-stale=100000"])
        #expect(stored["X-State"] == "first", "\(stored.summary)")
    }

    @Test(
        "§4.1: a 304, or a HEAD that repeats the validator, which brings a Vary gives nobody another one's fields",
        .tags(.must), arguments: Backend.allCases, ["GET", "HEAD"])
    func broughtVary(_ backend: Backend, _ method: String) throws {
        let larder = scene[backend]
        let path = origin.script { exchange in
            var fields = ["ETag: \"1\"", "Cache-Control: max-age=60"]
            if let origin = exchange.request["Origin"] {
                fields += ["Vary: Origin", "Access-Control-Allow-Origin: \(origin)"]
            }
            let isConditional = exchange.request["If-None-Match"] != nil && exchange.request["X-Whole"] == nil
            try exchange.respond(isConditional ? 304 : 200, fields, body: "page")
        }
        try larder.awaitHit(path)
        let ann = ["Origin: https://ann.example"]
        let whole = method == "HEAD" ? ["X-Whole: 1"] : []
        let first = try larder.request(method, path, ann + whole + ["Cache-Control: no-cache"])
        #expect(first["Access-Control-Allow-Origin"] == "https://ann.example", "\(first.summary)")
        // It has moved, and ann's is a HIT.
        #expect(try larder.awaitHit(path, ann)["Access-Control-Allow-Origin"] == "https://ann.example")
        for _ in 0..<2 {
            let bob = try larder.get(path, ["Origin: https://bob.example"])
            #expect(bob.text == "page" && bob["Access-Control-Allow-Origin"] == "https://bob.example", "\(bob.summary)")
        }
        #expect(try larder.awaitHit(path, ann)["Access-Control-Allow-Origin"] == "https://ann.example")
    }

    @Test(
        "§4.3.5: a HEAD without a validator freshens nothing, and what is stored is stale from then on",
        .tags(.must), arguments: Backend.allCases)
    func headWithoutValidator(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            try exchange.respond(200, ["Cache-Control: max-age=60", "X-Version: \(count)"], body: "version \(count)")
        }
        try larder.awaitHit(path)
        for _ in 0..<2 {
            _ = try larder.request("HEAD", path, ["Cache-Control: no-cache"])
            var next = try larder.get(path)
            #expect(
                try eventually {
                    next = try larder.get(path)
                    return next.text != "version 1"
                })
            #expect(next["X-Version"].map { "version \($0)" } == next.text, "\(next.summary)")
        }
    }
}
