import Foundation
import TestSupport
import Testing

// Stale on purpose (RFC 5861 §3): answered at once while the origin is asked in the background. Most answers here are
// stale on arrival by their own Age, so that no test has to wait for that.

@Suite("RFC 5861 §3, stale-while-revalidate: answered at once, renewed in the background")
struct StaleWhileRevalidateTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try ProtectionScene.shared.get() }

    /// Where the permission to serve stale comes from: the response's own word, or the route's key.
    enum Source: String, CaseIterable, CustomTestStringConvertible, Sendable {
        case response, route
        var testDescription: String { rawValue }
        var prefix: String { self == .response ? "/t" : "/swr/t" }
        /// A lifetime of a second, over when it arrives.
        var fields: [String] {
            ["Cache-Control: max-age=1" + (self == .response ? ", stale-while-revalidate=60" : ""), "Age: 1"]
        }
    }

    /// Whether the origin confirms what is stored or sends something new.
    enum Renewal: String, CaseIterable, CustomTestStringConvertible, Sendable {
        case confirmed, replaced
        var testDescription: String { rawValue }
    }

    @Test(
        "All get the stale answer at once, one conditional request goes out, and what it brings is served next",
        .tags(.choice),
        arguments: ProtectionScene.backends, Source.allCases)
    func refresh(_ backend: Backend, _ source: Source) throws {
        let larder = scene[backend]
        for renewal in Renewal.allCases {
            let gate = Switch()
            let path = origin.script(source.prefix) { [origin] exchange in
                if origin.count(for: exchange.request.path) == 1 {
                    return try exchange.respond(200, source.fields + ["ETag: \"1\"", "X-State: old"], body: "first")
                }
                gate.awaitOn()
                let fields = ["Cache-Control: max-age=60", "X-State: new"]
                if renewal == .confirmed { return try exchange.respond(304, fields + ["ETag: \"1\""]) }
                try exchange.respond(200, fields + ["ETag: \"2\""], body: "second")
            }
            try larder.keep(path)
            #expect(try larder.get(path).xCache == "STALE")
            #expect(eventually { origin.count(for: path) == 2 })
            let all = try larder.ask(path, times: 20)
            for asking in all {
                let response = try asking.response()
                #expect(response.xCache == "STALE" && response.text == "first", "\(response.summary)")
                #expect(response["Cache-Status"]?.contains("hit") == true, "\(response.summary)")
                #expect(response["Age"].flatMap { Int($0) } ?? 0 >= 1)
            }
            #expect(all.allSatisfy { $0.seconds < 1 }, "\(all.map(\.seconds))")
            #expect(origin.count(for: path) == 2)
            #expect(origin.requests(for: path).last?["If-None-Match"] == "\"1\"")
            gate.turnOn()
            let hit = try larder.awaitHit(path)
            #expect(hit.text == (renewal == .confirmed ? "first" : "second"))
            #expect(hit["X-State"] == "new")
            #expect(origin.count(for: path) == 2)
        }
    }

    @Test(
        "A lifetime that ends in the store is followed by the same, with no validator to ask with", .tags(.choice),
        arguments: ProtectionScene.backends)
    func endOfLife(_ backend: Backend) throws {
        let larder = scene[backend]
        let path = origin.script { [origin] exchange in
            let count = origin.count(for: exchange.request.path)
            let life = count == 1 ? 1 : 60
            try exchange.respond(
                200, ["Cache-Control: max-age=\(life), stale-while-revalidate=60"], body: "answer \(count)")
        }
        let began = Clock.now
        #expect(try larder.get(path).xCache == "MISS")
        #expect(try larder.awaitHit(path).text == "answer 1")
        var last = try larder.get(path)
        #expect(
            try eventually {
                last = try larder.get(path)
                return last.xCache != "HIT"
            })
        #expect(last.xCache == "STALE" && last.text == "answer 1", "\(last.summary)")
        // A second is a second, not what is left of it on the clock of the wall.
        #expect(Clock.now - began >= 0.95)
        // Who looks while the second is on its way into Redis may set off a third.
        #expect(try larder.awaitHit(path).text != "answer 1")
        #expect((2...3).contains(origin.count(for: path)))
        #expect(origin.requests(for: path).last?["If-None-Match"] == nil)
    }

    @Test(
        "§4.2.4: what must be validated is never answered stale, whatever the route says", .tags(.must),
        arguments: ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"])
    func forbidden(_ directive: String) throws {
        for backend in ProtectionScene.backends {
            let path = origin.script("/swr/t") { [origin] exchange in
                let count = origin.count(for: exchange.request.path)
                try exchange.respond(
                    200, ["Cache-Control: max-age=1, \(directive)", "Age: 1", "ETag: \"\(count)\""],
                    body: "answer \(count)")
            }
            for number in 1...4 {
                let response = try scene[backend].get(path)
                #expect(response.xCache != "STALE" && response.text == "answer \(number)", "\(response.summary)")
            }
        }
    }

    /// What the origin says in the background.
    struct Answer: Sendable, CustomTestStringConvertible {
        let name: String
        let send: @Sendable (Exchange) throws -> Void
        var testDescription: String { name }

        static func fields(_ fields: String...) -> Answer {
            Answer(name: fields.joined(separator: ", ")) { exchange in
                let user = exchange.request["X-Who"] ?? "nobody"
                try exchange.respond(200, fields.map { $0 == "Set-Cookie" ? "Set-Cookie: id=\(user)" : $0 }, body: user)
            }
        }
    }

    @Test(
        "A background request that fails or brings what is not for all changes nothing for anybody else", .tags(.must),
        arguments: [
            Answer(name: "500") { try $0.respond(500, body: "broken") },
            Answer(name: "cut off") { exchange in
                try exchange.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100\r\n\r\npart")
                exchange.close()
            },
            Answer(name: "closed") { $0.close() },
            .fields("Cache-Control: private, max-age=60"), .fields("Cache-Control: no-store"),
            .fields("Cache-Control: max-age=60", "Set-Cookie"), .fields("Cache-Control: max-age=60", "Vary: *"),
        ])
    func failedRefresh(_ answer: Answer) throws {
        let isWell = Switch()
        var paths: [(LarderProcess, String)] = []
        for backend in ProtectionScene.backends {
            let larder = scene[backend]
            let path = origin.script { [origin] exchange in
                let isFirst = origin.count(for: exchange.request.path) == 1
                if !isFirst && !isWell.isOn { return try answer.send(exchange) }
                let fields = isFirst ? Source.response.fields : ["Cache-Control: max-age=60"]
                try exchange.respond(200, fields + ["ETag: \"1\""], body: isFirst ? "first" : "well")
            }
            paths.append((larder, path))
            try larder.keep(path)
            for number in 0..<12 {
                let response = try larder.get(path, ["X-Who: who-\(number)"])
                #expect(
                    response.status == 200 && response.isComplete
                        && ["first", "who-\(number)"].contains(response.text),
                    "\(response.summary)")
                if response.text == "first" { #expect(response["Set-Cookie"] == nil && response.xCache == "STALE") }
                if number == 0 {
                    #expect(response.text == "first")
                    #expect(eventually { origin.count(for: path) >= 2 })
                }
            }
        }
        isWell.turnOn()
        for (larder, path) in paths { #expect(try larder.awaitHit(path).text == "well") }
    }
}
