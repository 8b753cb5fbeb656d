import Foundation
import TestSupport
import Testing

// Socket activation, the hand-over from one daemon to the next, and what systemd hears.

@Suite("Under systemd", .serialized)
struct SystemdTests {
    @Test(
        "A hand-over through the socket unit under load: the old drains, the new takes the same socket, nothing fails")
    func handOver() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let listener = try Socket(listeningOn: .port(0), backlog: 1024)
            let configuration = LarderConfiguration.caching(origin.url)
            let first = try stage.larder(configuration, listening: .inherited(listener))
            try first.awaitHit("/a")
            let wrk = try stage.wrk("\(first.url)/a", seconds: 5)
            var daemon = first
            for _ in 0..<3 {
                let before = origin.connections
                // As `systemctl restart` with a socket unit: stop, then start; connections wait in the socket meanwhile.
                daemon.signal(SIGTERM)
                #expect(daemon.process.wait(within: 8) == .exited(0))
                daemon = try stage.larder(configuration, listening: .inherited(listener))
                // The new one has been asked: its store is empty, so that it asked the origin.
                #expect(eventually { origin.connections > before })
            }
            #expect(wrk.isRunning)
            let report = try wrk.report()
            #expect(report.failures == 0, "\(report)")
            #expect(report.requests > 1_000)
        }
    }

    @Test("A hand-over under new connections alone: zero failed")
    func handOverOfConnections() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let listener = try Socket(listeningOn: .port(0), backlog: 1024)
            let configuration = LarderConfiguration.caching(origin.url)
            var daemon = try stage.larder(configuration, listening: .inherited(listener))
            let counter = Counter()
            let failures = Failures()
            let stop = Switch()
            let port = daemon.endpoint
            for _ in 0..<4 {
                Thread.detachNewThread {
                    while !stop.isOn {
                        do {
                            let client = try RawClient(port, timeout: 10)
                            let response = try client.request("GET", "/a", ["Connection: close"])
                            if response.status != 200 { failures.add(response.head.startLine) }
                            client.close()
                        } catch { failures.add("\(error)") }
                        counter.add(1)
                    }
                }
            }
            for _ in 0..<3 {
                let goal = counter.value + 100
                eventually(within: 10) { counter.value >= goal }
                daemon.signal(SIGTERM)
                #expect(daemon.process.wait(within: 8) == .exited(0))
                daemon = try stage.larder(configuration, listening: .inherited(listener))
            }
            let goal = counter.value + 100
            eventually(within: 10) { counter.value >= goal }
            stop.turnOn()
            #expect(failures.all.isEmpty, "\(failures.all.prefix(5)) of \(counter.value)")
        }
    }

    @Test("systemd hears READY=1, the reload, the watchdog and STOPPING=1")
    func notify() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let socket = try NotifySocket()
            let larder = try stage.larder(
                .caching(origin.url), environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"])
            let ready = socket.messages(until: "READY=1")
            #expect(ready.found, "\(ready.lines)")
            let watchdog = socket.messages(until: "WATCHDOG=1", within: 3)
            #expect(watchdog.found, "\(watchdog.lines)")
            larder.signal(SIGHUP)
            let reloaded = socket.messages(until: "READY=1", within: 5)
            #expect(reloaded.found && reloaded.lines.contains("RELOADING=1"), "\(reloaded.lines)")
            larder.signal(SIGTERM)
            let stopping = socket.messages(until: "STOPPING=1", within: 5)
            #expect(stopping.found, "\(stopping.lines)")
        }
    }

    @Test("It listens on a unix socket, and the admin listener as well")
    func unixSockets() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let larder = try stage.larder(.caching(origin.url), listening: .unix, adminOnUnixSocket: true)
            #expect(try larder.get("/a").status == 200)
            #expect(try larder.admin("GET", "/healthz").status == 200)
            #expect(try larder.command(["stats"]).status == 0)
        }
    }
}
