import Foundation
import TestSupport
import Testing

// SIGHUP: the new world beside the old, no connection and no stored entry lost.

@Suite("Reloading", .serialized)
struct ReloadTests {
    @Test("SIGHUP a hundred times under load: not one request fails, and what is stored stays")
    func reloadUnderLoad() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try stage.larder(.caching(origin.url))
            // The Host that wrk sends: another one would have another key.
            let host = "Host: 127.0.0.1:\(larder.port)"
            try larder.awaitHit("/kept", [host])
            let asked = origin.count(for: "/kept")
            let wrk = try stage.wrk("\(larder.url)/kept", seconds: 6)
            for _ in 0..<100 {
                larder.signal(SIGHUP)
                Thread.sleep(forTimeInterval: 0.04)  // the pace of the hundred, not a wait
            }
            #expect(wrk.isRunning)
            let report = try wrk.report()
            #expect(report.failures == 0, "\(report)")
            #expect(report.requests > 1_000)
            #expect(larder.process.isRunning)
            #expect(try larder.get("/kept", [host]).xCache == "HIT")
            #expect(origin.count(for: "/kept") == asked)
        }
    }

    @Test("SIGHUP takes a new route up, and a connection that was open sees it")
    func reloadTakesUp() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: "- path: /old\n  upstream: origin")
            let larder = try stage.larder(configuration)
            let client = try larder.client()
            #expect(try client.request("GET", "/new").status == 404)
            configuration.routes += "\n- path: /new\n  upstream: origin"
            try larder.write(configuration)
            larder.signal(SIGHUP)
            #expect(try eventually { try client.request("GET", "/new").status == 200 })
        }
    }

    @Test("A reload of 15,000 routes takes a new one up, and connections and stored responses stay")
    func reloadManyRoutes() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let routes = (0..<15_000).map { "- path: /r\($0)/{id}\n  upstream: origin\n  cache: 5m" }.joined(
                separator: "\n")
            var configuration = LarderConfiguration(upstreams: "origin: \(origin.url)", routes: routes)
            let larder = try stage.larder(configuration)
            let client = try larder.client()
            #expect(try client.request("GET", "/r14999/1").status == 200)
            #expect(try client.request("GET", "/new").status == 404)
            configuration.routes += "\n- path: /new\n  upstream: origin"
            try larder.write(configuration)
            larder.signal(SIGHUP)
            #expect(try eventually(within: 30) { try client.request("GET", "/new").status == 200 })
            #expect(try client.request("GET", "/r14999/1").xCache == "HIT")
        }
    }

    @Test("A larger limits.head counts as far as the buffers of the start go: past them it is 431, and nobody falls")
    func reloadLargerHead() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: "- path: /{rest...}\n  upstream: origin")
            let larder = try stage.larder(configuration)
            #expect(try larder.get("/", ["X-Long: \(String(repeating: "x", count: 50_000))"]).status == 431)
            configuration.limits = "head: 1MiB\nrequest_line: 8KiB"
            try larder.write(configuration)
            larder.signal(SIGHUP)
            #expect(
                try eventually {
                    try larder.get("/", ["X-Long: \(String(repeating: "x", count: 50_000))"]).status == 200
                })
            #expect(try larder.get("/", ["X-Long: \(String(repeating: "x", count: 300_000))"]).status == 431)
            #expect(larder.process.isRunning)
        }
    }

    @Test("A request in flight at SIGHUP is answered as it began")
    func reloadInFlight() throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                exchange.pause(0.6)
                try exchange.respond(200, body: "as it began")
            }
            let configuration = LarderConfiguration(
                upstreams: "origin: \(origin.url)", routes: "- path: /slow\n  upstream: origin")
            let larder = try stage.larder(configuration)
            let client = try larder.client()
            try client.send(RawClient.request("GET", "/slow"))
            #expect(eventually { origin.count() == 1 })
            try larder.write(
                LarderConfiguration(upstreams: "other: \(origin.url)", routes: "- path: /else\n  upstream: other"))
            larder.signal(SIGHUP)
            #expect(try client.readResponse().text == "as it began")
            #expect(try eventually { try client.request("GET", "/slow").status == 404 })
        }
    }

    @Test("A faulty file at SIGHUP changes nothing and says why")
    func faultyReload() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try stage.larder(.caching(origin.url))
            try larder.awaitHit("/a")
            try larder.write("server:\n  listne: 127.0.0.1:1\n")
            larder.signal(SIGHUP)
            #expect(eventually { larder.process.lastWords.contains("listne") })
            #expect(try larder.get("/a").xCache == "HIT")
            #expect(try larder.get("/b").status == 200)
        }
    }
}
