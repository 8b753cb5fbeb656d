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

    @Test("larder reload reloads, prints every fault of a faulty file, and metrics tell how the last one went")
    func command() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try stage.larder(.caching(origin.url))
            func metric(_ name: String) throws -> Double? {
                let lines = try larder.admin("GET", "/metrics").text.split(separator: "\n")
                return lines.first { $0.hasPrefix(name + " ") }.flatMap { Double($0.split(separator: " ")[1]) }
            }
            let started = try #require(try metric("larder_last_reload_success_timestamp_seconds"))
            #expect(abs(started - Date().timeIntervalSince1970) < 600)
            let good = try larder.command(["reload"])
            #expect(good.status == 0 && good.output == "configuration reloaded\n", "\(good.output)\(good.errors)")
            #expect(try metric("larder_last_reload_successful") == 1)
            #expect(try metric("larder_reloads_total") == 1)

            let valid = try String(contentsOfFile: larder.configurationPath, encoding: .utf8)
            try larder.write(valid + "limits:\n  haed: 1KiB\n  filds: 7\n")
            let faulty = try larder.command(["reload"])
            #expect(faulty.status == 1 && faulty.output.isEmpty)
            for word in ["nothing was changed", "haed", "filds"] {
                #expect(faulty.errors.contains(word), "\(faulty.errors)")
            }
            #expect(eventually { larder.process.lastWords.contains("configuration not reloaded: 2 errors") })
            #expect(try metric("larder_last_reload_successful") == 0)
            #expect(try metric("larder_reload_failures_total") == 1)
            let latest = try #require(try metric("larder_last_reload_success_timestamp_seconds"))
            #expect(latest >= started)
            // Other commands reach the daemon too, though the file can't be used.
            let stats = try larder.command(["stats"])
            #expect(stats.output.contains("the last one failed with 2 errors"), "\(stats.output)\(stats.errors)")
            #expect(try larder.get("/a").status == 200)
        }
    }

    @Test("larder reload --pid sends SIGHUP where the admin listener is off, and without it says so")
    func commandWithoutListener() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let file = try TemporaryFolder.make("reload") + "/larder.yaml"
            let listen = "127.0.0.1:\(FreePort.take())"
            try LarderConfiguration.caching(origin.url).text(listen: listen, admin: "off")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let daemon = stage.keep(try ChildProcess([LarderProcess.binary, "serve", "--config", file])) { daemon in
                daemon.stop(within: 5)
            }
            #expect(eventually(within: 20) { daemon.lastWords.contains("listening on") })
            let refused = try run([LarderProcess.binary, "reload", "--config", file])
            #expect(refused.status == 1 && refused.errors.contains("turns the admin listener off"), "\(refused.errors)")
            let sent = try run([LarderProcess.binary, "reload", "--config", file, "--pid", "\(daemon.pid)"])
            #expect(sent.status == 0 && sent.output.contains("sent SIGHUP"), "\(sent.errors)")
            #expect(eventually(within: 20) { daemon.lastWords.contains("configuration reloaded from \(file)") })
        }
    }

    @Test(
        "larder reload --pid reaches the daemon though the file has a new token, or moves the listener to another Larder"
    )
    func commandAfterChange() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            let other = try stage.larder(configuration)
            let larder = try stage.larder(configuration)
            let pid = "\(larder.process.pid)"
            func reloads() -> Int {
                larder.process.lastWords.components(separatedBy: "configuration reloaded from ").count - 1
            }
            configuration.admin = "token: first"
            try larder.write(configuration)
            #expect(try larder.command(["reload", "--pid", pid]).output == "configuration reloaded\n")
            configuration.admin = "token: second"
            try larder.write(configuration)
            let second = try larder.command(["reload", "--pid", pid])
            #expect(second.status == 0 && second.output.contains("sent SIGHUP"), "\(second.errors)")
            #expect(eventually(within: 20) { reloads() == 2 })
            let text = try String(contentsOfFile: larder.configurationPath, encoding: .utf8)
            try larder.write(
                text.replacingOccurrences(
                    of: larder.adminURL.dropFirst("http://".count), with: other.adminURL.dropFirst("http://".count)
                )
                .replacingOccurrences(of: "  token: second\n", with: ""))
            let third = try larder.command(["reload", "--pid", pid])
            #expect(third.output.contains("sent SIGHUP"), "\(third.output)\(third.errors)")
            #expect(third.errors.contains("process \(other.process.pid) listens there, not process \(pid)"))
        }
    }

    @Test("A log file that is no longer written to is closed")
    func oldLog() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let folder = try TemporaryFolder.make("log")
            var configuration = LarderConfiguration.caching(origin.url)
            let larder = try stage.larder(configuration)
            func openLogs() -> Int {
                let descriptors = "/proc/\(larder.process.pid)/fd"
                let numbers = (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? []
                return numbers.count {
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(descriptors)/\($0)"))?.hasPrefix(
                        folder)
                        == true
                }
            }
            for round in 0..<3 {
                for (to, expected) in [("\(folder)/a\(round)", 1), ("\(folder)/b\(round)", 1), ("stdout", 0)] {
                    configuration.log = "access: common\nto: \(to)"
                    try larder.write(configuration)
                    larder.signal(SIGHUP)
                    let isThere = eventually(within: 20) {
                        _ = try? larder.get("/a")
                        guard openLogs() == expected else { return false }
                        return expected == 0 || FileManager.default.fileExists(atPath: to)
                    }
                    #expect(isThere, "\(to): \(openLogs())")
                }
            }
        }
    }

    @Test("A reload whose log file can't be opened changes nothing")
    func log() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: common\nto: \(log)"
            let larder = try stage.larder(configuration)
            configuration.log = "access: common\nto: \(log)/nowhere"
            configuration.routes = "- path: /else\n  upstream: origin"
            try larder.write(configuration)
            let refused = try larder.command(["reload"])
            #expect(
                refused.status == 1 && refused.errors.contains("log.to: open \(log)/nowhere: "), "\(refused.errors)")
            #expect(try larder.get("/a").status == 200)
            #expect(
                eventually(within: 20) { (try? String(contentsOfFile: log, encoding: .utf8))?.contains("/a") == true })
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
