import Foundation
import TestSupport
import Testing

// Stale instead of an error (RFC 5861 §4), and instead of nothing where the origin is gone (RFC 9111 §4.2.4).

@Suite("RFC 5861 §4, stale-if-error, and RFC 9111 §4.2.4: stale rather than an error")
struct StaleIfErrorTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try ProtectionScene.shared.get() }

    /// A path whose first answer is stale on arrival and whose later ones are up to `later`.
    private func first(
        _ prefix: String = "/t", _ control: String, then later: @escaping ScriptedOrigin.Handler
    ) -> String {
        origin.script(prefix) { [origin] exchange in
            if origin.count(for: exchange.request.path) > 1 { return try later(exchange) }
            try exchange.respond(200, ["Cache-Control: \(control)", "Age: 1", "ETag: \"1\""], body: "stored")
        }
    }

    @Test(
        "An error of the origin is hidden, by the response's word or the route's", .tags(.choice),
        arguments: [500, 502, 503, 504])
    func errors(_ status: Int) throws {
        for backend in ProtectionScene.backends {
            for (prefix, control) in [("/t", "max-age=1, stale-if-error=60"), ("/sie/t", "max-age=1")] {
                let path = first(prefix, control) { try $0.respond(status, body: "broken") }
                try scene[backend].keep(path)
                for _ in 0..<3 {
                    let response = try scene[backend].get(path)
                    #expect(
                        response.status == 200 && response.xCache == "STALE" && response.text == "stored",
                        "\(response.summary)")
                }
                #expect(origin.count(for: path) >= 2)
                #expect(origin.requests(for: path).last?["If-None-Match"] == "\"1\"")
            }
        }
    }

    @Test("All who wait for the fetch that fails get what is stored", .tags(.choice))
    func crowd() throws {
        for backend in ProtectionScene.backends {
            let gate = Switch()
            let path = first("/sie/t", "max-age=1") { exchange in
                gate.awaitOn()
                try exchange.respond(503, body: "broken")
            }
            try scene[backend].keep(path)
            let leader = try Asking(scene[backend], path)
            #expect(eventually { origin.count(for: path) == 2 })
            let waiters = try scene[backend].ask(path, times: 10)
            try scene[backend].awaitReading(waiters)
            gate.turnOn()
            for asking in [leader] + waiters {
                let response = try asking.response()
                #expect(response.xCache == "STALE" && response.text == "stored", "\(response.summary)")
            }
        }
    }

    @Test("What is no failure of the origin's is passed on", .tags(.must), arguments: [404, 403, 410, 302])
    func notHidden(_ status: Int) throws {
        let path = first("/sie/t", "max-age=1, stale-if-error=60") { try $0.respond(status, body: "own") }
        try scene[.memory].keep(path)
        #expect(try scene[.memory].get(path).status == status)
    }

    @Test(
        "An error is passed on where nothing allows or something forbids to hide it", .tags(.must),
        arguments: [
            ("/t", "max-age=1"), ("/sie/t", "max-age=1, must-revalidate"), ("/sie/t", "max-age=1, no-cache"),
            ("/sie/t", "s-maxage=1"), ("/t", "max-age=1, proxy-revalidate, stale-if-error=60"),
        ])
    func passedOn(_ prefix: String, _ control: String) throws {
        for backend in ProtectionScene.backends {
            let path = first(prefix, control) { try $0.respond(500, body: "broken") }
            #expect(try scene[backend].get(path).xCache == "MISS")
            let response = try scene[backend].get(path)
            #expect(response.status == 500 && response.text == "broken", "\(response.summary)")
        }
    }

    @Test("The origin is gone: stale where nothing forbids it, else 504, and never a reset", .tags(.must))
    func gone() throws {
        try Stage.run { stage in
            let redis = try stage.redis()
            for backend in ProtectionScene.backends {
                let origin = try stage.origin()
                let larder = try stage.larder(
                    ProtectionScene.configuration(backend, origin: origin.url, redis: redis.url))
                let controls = [
                    "max-age=1", "max-age=1, stale-if-error=60", "max-age=1, stale-while-revalidate=60",
                    "max-age=1, must-revalidate", "max-age=1, proxy-revalidate", "s-maxage=1", "max-age=1, no-cache",
                ]
                let paths = controls.map { control in
                    origin.script(
                        200, ["Cache-Control: \(control)", "Age: 1", "ETag: \"1\""], body: "stored")
                }
                for path in paths { #expect(try larder.get(path).xCache == "MISS") }
                if backend == .redis {
                    #expect(try eventually { try redis.command("KEYS", "[a-z]*").count >= paths.count })
                }
                origin.stop()
                for (number, path) in paths.enumerated() {
                    for method in ["GET", "HEAD"] {
                        let response = try larder.request(method, path)
                        #expect(response.isComplete)
                        if number < 3 {
                            #expect(
                                response.status == 200 && response.xCache == "STALE",
                                "\(controls[number]): \(response.summary)")
                        } else {
                            // What says so must be answered with an error, best with this one (RFC 9111 §5.2.2.2).
                            #expect(response.status == 504, "\(controls[number]): \(response.summary)")
                            #expect(response["Content-Type"] == "application/problem+json")
                        }
                    }
                }
                // Many at once, with something stored and with nothing.
                for asking in try larder.ask(paths[0], times: 10) { #expect(try asking.response().text == "stored") }
                for asking in try larder.ask("/nothing", times: 10) {
                    let response = try asking.response()
                    #expect((502...504).contains(response.status), "\(response.summary)")
                    #expect(response["Content-Type"] == "application/problem+json")
                }
            }
        }
    }

    @Test("A cut-off answer to the validation is an error like others, and what is stored stays", .tags(.choice))
    func cutOff() throws {
        for backend in ProtectionScene.backends {
            let path = first("/sie/t", "max-age=1") { exchange in
                try exchange.send("HTTP/1.1 200 OK\r\nContent-Length")
                exchange.close()
            }
            try scene[backend].keep(path)
            for _ in 0..<2 {
                let response = try scene[backend].get(path)
                #expect(response.xCache == "STALE" && response.text == "stored", "\(response.summary)")
            }
        }
    }

    @Test(
        "A timeout for a status holds for an error that says nothing of its own, and only while it lasts", .tags(.must))
    func statuses() throws {
        for backend in ProtectionScene.backends {
            for status in [404, 500] {
                let path = scene.origin.script("/statuses/t") { try $0.respond(status, body: "none") }
                #expect(try scene[backend].get(path).xCache == "MISS")
                // A 404 may be kept by a cache's own judgement, a 500 may not (RFC 9111 §4.2.2, RFC 9110 §15.1).
                if status == 404 {
                    #expect(try scene[backend].awaitHit(path).status == 404)
                    #expect(origin.count(for: path) == 1)
                } else {
                    #expect(try scene[backend].get(path).xCache == "MISS")
                    #expect(origin.count(for: path) == 2)
                }
            }
        }
    }
}
