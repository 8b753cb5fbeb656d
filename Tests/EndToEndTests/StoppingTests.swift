import Foundation
import TestSupport
import Testing

// SIGTERM and SIGINT drain and stop; a second one stops at once.

@Suite("Starting and stopping", .serialized)
struct StoppingTests {
    @Test("SIGTERM lets a request in flight finish, takes no new connection, and exits 0")
    func drain() throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                exchange.pause(0.8)
                try exchange.respond(200, body: "drained")
            }
            let larder = try stage.larder(.caching(origin.url))
            let client = try larder.client()
            try client.send(RawClient.request("GET", "/slow"))
            #expect(eventually { origin.count() == 1 })
            larder.signal(SIGTERM)
            #expect(eventually { (try? larder.client()) == nil })
            let response = try client.readResponse()
            #expect(response.text == "drained")
            #expect(response["Connection"]?.lowercased() == "close")
            #expect(larder.process.wait(within: 5) == .exited(0))
        }
    }

    @Test("SIGTERM and SIGINT stop an idle daemon with idle clients at once", arguments: [SIGTERM, SIGINT])
    func idleStop(_ signal: Int32) throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try stage.larder(.caching(origin.url))
            let client = try larder.client()
            #expect(try client.request("GET", "/a").status == 200)
            larder.signal(signal)
            #expect(larder.process.wait(within: 2) == .exited(0))
            #expect(client.isClosedByPeer(within: 1))
        }
    }

    @Test("Another SIGTERM, once a second has passed, stops at once")
    func laterSignal() throws {
        try Stage.run { stage in
            let origin = try stage.origin { $0.hang() }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.server = "workers: 1\ndrain: 120s"
            let larder = try stage.larder(configuration)
            let client = try larder.client()
            try client.send(RawClient.request("GET", "/slow"))
            #expect(eventually { origin.count() == 1 })
            larder.signal(SIGTERM)
            #expect(eventually { (try? larder.client()) == nil })
            #expect(larder.process.isRunning)
            #expect(
                eventually(within: 30, every: 0.2) {
                    larder.signal(SIGTERM)
                    return !larder.process.isRunning
                })
            #expect(larder.process.end == .exited(1))
        }
    }

    @Test(
        "Signals to stop that come together are one: the request in flight is finished", arguments: [SIGTERM, SIGINT])
    func signalsTogether(_ second: Int32) throws {
        try Stage.run { stage in
            let isOpen = Locked(false)
            let origin = try stage.origin { exchange in
                while !isOpen.withLock({ $0 }) { exchange.pause(0.02) }
                try exchange.respond(200, body: "finished")
            }
            let larder = try stage.larder(.caching(origin.url))
            let client = try larder.client()
            try client.send(RawClient.request("GET", "/slow"))
            #expect(eventually { origin.count() == 1 })
            larder.signal(SIGTERM)
            larder.signal(second)
            #expect(eventually { (try? larder.client()) == nil })
            isOpen.withLock { $0 = true }
            #expect(try client.readResponse().text == "finished")
            #expect(larder.process.wait(within: 10) == .exited(0))
        }
    }

    @Test("SIGUSR1, SIGUSR2 and SIGQUIT end nothing", arguments: [SIGUSR1, SIGUSR2, SIGQUIT])
    func harmlessSignals(_ signal: Int32) throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try stage.larder(.caching(origin.url))
            larder.signal(signal)
            // A reload is answered by the same thread, so that the signal has been taken by then.
            #expect(try larder.admin("POST", "/reload").status == 200)
            #expect(try larder.get("/a").status == 200)
            #expect(larder.process.isRunning)
        }
    }

    @Test("server.drain is the bound of the draining")
    func drainBound() throws {
        try Stage.run { stage in
            let origin = try stage.origin { $0.hang() }
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.server = "workers: 1\ndrain: 500ms"
            let larder = try stage.larder(configuration)
            let client = try larder.client()
            try client.send(RawClient.request("GET", "/slow"))
            #expect(eventually { origin.count() == 1 })
            larder.signal(SIGTERM)
            #expect(larder.process.wait(within: 3) != nil)
        }
    }

    @Test("An admin address that is taken is a failed start, with a file and without", arguments: [true, false])
    func adminPortTaken(hasFile: Bool) throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let listen = "127.0.0.1:\(FreePort.take())"
            let admin = "127.0.0.1:\(origin.port)"
            let file = try TemporaryFolder.make("taken") + "/larder.yaml"
            try LarderConfiguration.caching(origin.url).text(listen: listen, admin: admin)
                .write(toFile: file, atomically: true, encoding: .utf8)
            let options =
                hasFile
                ? ["--config", file] : ["--upstream", origin.url, "--listen", listen, "--admin", admin]
            let finished = try run([LarderProcess.binary, "serve"] + options, within: 10)
            #expect(finished.status == 1)
            #expect(finished.errors.contains("cannot listen: bind \(admin)"), "\(finished.errors)")
            #expect(finished.errors.contains("--admin off") == !hasFile)
        }
    }

    @Test(
        "An admin address that commands couldn't use, or strangers could, is wrong usage",
        arguments: ["0.0.0.0:1", "api.example:1", "127.0.0.1:7"])
    func adminAddress(_ address: String) throws {
        let finished = try run(
            [
                LarderProcess.binary, "serve", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:7", "--admin",
                address,
            ])
        #expect(finished.status == 2 && finished.errors.contains("--admin: "), "\(finished.errors)")
    }

    @Test("A port that is taken is a failed start with a sentence")
    func portTaken() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let file = try TemporaryFolder.make("taken") + "/larder.yaml"
            let text = LarderConfiguration.caching(origin.url).text(listen: "127.0.0.1:\(origin.port)", admin: "off")
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let finished = try run([LarderProcess.binary, "serve", "--config", file], within: 10)
            #expect(finished.status == 1)
            #expect((finished.errors + finished.output).contains("\(origin.port)"))
        }
    }
}
