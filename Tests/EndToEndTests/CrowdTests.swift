import Foundation
import TestSupport
import Testing

// Very many clients that do nothing, or little.

@Suite("Crowds", .serialized)
struct CrowdTests {
    @Test("Thousands of idle and of half-open slow clients leave service to others unharmed")
    func crowd() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(7)), &limit)  // RLIMIT_NOFILE
        // Both ends of a connection count in their own process; some descriptors are kept for everything else.
        let idle = min(10_000, Int(limit.rlim_cur) - 3_000)
        let slow = min(1_000, idle / 4)
        try #require(idle > 100, "ulimit -n is too low for this: \(limit.rlim_cur)")
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.limits = "clients: 20000\nhead_timeout: 60s"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/a")
            var sockets: [Socket] = []
            sockets.reserveCapacity(idle + slow)
            defer { for socket in sockets { socket.reset() } }
            let request = RawClient.request("GET", "/a")
            for number in 0..<idle {
                let socket = try Socket(connectingTo: larder.endpoint, timeout: 10)
                // Every tenth has had an answer before it fell idle; the others never said a word.
                if number % 10 == 0 { try socket.send(request) }
                sockets.append(socket)
            }
            for _ in 0..<slow {
                let socket = try Socket(connectingTo: larder.endpoint, timeout: 10)
                try socket.send("GET /a HTTP/1.1\r\nHost: slow.example\r\nX-Slo")
                sockets.append(socket)
            }
            let report = try stage.wrk("\(larder.url)/a", seconds: 2, connections: 8).report()
            #expect(report.failures == 0, "\(report)")
            #expect(report.requests > 1_000)
            // The slow ones go on a byte at a time, and still nobody else waits.
            for socket in sockets.suffix(slow) { try socket.send("w") }
            let seconds = try Clock.measure { for _ in 0..<50 { _ = try larder.get("/a") } }
            #expect(seconds < 2)
            #expect(try larder.get("/other").status == 200)
        }
    }
}
