import Foundation
import TestSupport
import Testing

// Servers and clients that people really run: nginx and Python behind, curl and wrk before.

@Suite("Real origins and real clients", .serialized)
struct RealOriginTests {
    /// nginx, Python and an app with chunked answers, each on a route of its own.
    final class Servers: Sendable {
        let stage = Stage.shared()
        let nginx: Nginx
        let python: PythonHTTPServer
        let app: ScriptedOrigin
        let larder: LarderProcess

        init() throws {
            nginx = try stage.nginx()
            python = try stage.python()
            app = try stage.origin { exchange in
                if exchange.request["Expect"] != nil { try exchange.send("HTTP/1.1 100 Continue\r\n\r\n") }
                try exchange.readBody()
                try exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
                for piece in ["a", " chunked", " answer"] {
                    try exchange.send("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
                }
                try exchange.send("0\r\n\r\n")
            }
            larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "nginx: \(nginx.url)\npython: \(python.url)\napp: \(app.url)",
                    routes: """
                        - path: /nginx/{rest...}
                          upstream: nginx
                          cache:
                            timeout: 60s
                        - path: /python/{rest...}
                          upstream: python
                          cache:
                            timeout: 60s
                        - path: /app/{rest...}
                          upstream: app
                          cache:
                            timeout: 60s
                        """))
            let folder = "\(nginx.documents)/nginx"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try nginx.put("nginx/digits.txt", Array("0123456789".utf8))
            try nginx.put("nginx/large.bin", (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 &* 131) })
            try FileManager.default.createDirectory(
                atPath: "\(python.documents)/python", withIntermediateDirectories: true)
            try python.put("python/page.html", "<p>from python</p>")
        }
    }
    static let shared = Result { try Servers() }
    let servers: Servers
    var larder: LarderProcess { servers.larder }

    init() throws { servers = try Self.shared.get() }

    @Test("curl gets a file of nginx as a MISS, then as a HIT", arguments: ["--http1.1", "--http1.0"])
    func nginx(_ version: String) throws {
        let url = "\(larder.url)/nginx/digits.txt?\(version)"
        let first = try curl("-i", version, url)
        #expect(first.output.hasSuffix("0123456789"))
        #expect(first.output.contains("X-Cache: MISS"))
        let second = try curl("-i", version, url)
        #expect(second.output.hasSuffix("0123456789"))
        #expect(second.output.contains("X-Cache: HIT"))
        #expect(second.output.contains("Age: "))
    }

    @Test("A file of 3 MiB comes through and out of the store as it is")
    func large() throws {
        let folder = try TemporaryFolder.make("large")
        for number in 0..<3 {
            let finished = try curl("-o", "\(folder)/\(number)", "\(larder.url)/nginx/large.bin")
            #expect(finished.status == 0, "\(finished.errors)")
            #expect(try run(["cmp", "\(servers.nginx.documents)/nginx/large.bin", "\(folder)/\(number)"]).status == 0)
        }
    }

    @Test("curl --range gets that range, from the origin and when the whole is stored")
    func range() throws {
        let url = "\(larder.url)/nginx/digits.txt?range"
        for _ in 0..<2 {
            let part = try curl("-w", " %{http_code}", "--range", "2-5", url).output
            #expect(part == "2345 206" || part == "0123456789 200", "\(part)")
            #expect(try curl(url).output == "0123456789")
        }
    }

    @Test("curl's conditional request is answered with 304 from the store")
    func conditional() throws {
        let url = "\(larder.url)/nginx/digits.txt?conditional"
        let headers = try curl("-i", url).output
        let tag = try #require(headers.split(separator: "\r\n").first { $0.hasPrefix("ETag: ") })
        let finished = try curl("-i", "-H", "If-None-Match: \(tag.dropFirst(6))", url)
        #expect(finished.output.hasPrefix("HTTP/1.1 304 "), "\(finished.output)")
    }

    @Test("Python's http.server, which speaks HTTP/1.0 and closes, is served as HTTP/1.1")
    func python() throws {
        let url = "\(larder.url)/python/page.html"
        let finished = try curl("-i", url)
        #expect(finished.output.hasPrefix("HTTP/1.1 200"))
        #expect(finished.output.hasSuffix("<p>from python</p>"))
        // Two on one connection of the client.
        let two = try curl("-w", "%{num_connects}\\n", "-o", "/dev/null", url, "-o", "/dev/null", url)
        #expect(two.output == "1\n0\n", "\(two.output)")
        #expect(try curl("-o", "/dev/null", "-w", "%{http_code}", "\(larder.url)/python/missing").output == "404")
    }

    @Test("An app's chunked answer arrives as it is, for HTTP/1.0 as well", arguments: ["--http1.1", "--http1.0"])
    func chunked(_ version: String) throws {
        let url = "\(larder.url)/app/\(version)"
        for _ in 0..<2 { #expect(try curl(version, url).output == "a chunked answer") }
    }

    @Test("curl with Expect: 100-continue sends its body without waiting for its own time-out")
    func expectContinue() throws {
        let body = [UInt8](repeating: 97, count: 2 << 20)
        let folder = try TemporaryFolder.make("expect")
        try Data(body).write(to: URL(fileURLWithPath: "\(folder)/body"))
        let finished = try curl(
            "-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@\(folder)/body",
            "\(larder.url)/app/expect", within: 15)
        #expect(finished.output == "a chunked answer", "\(finished.errors)")
    }

    @Test("wrk finds no error among HITs")
    func wrk() throws {
        _ = try curl("\(larder.url)/nginx/digits.txt?wrk")
        let report = try servers.stage.wrk("\(larder.url)/nginx/digits.txt?wrk", seconds: 2, connections: 32).report()
        #expect(report.failures == 0, "\(report)")
        #expect(report.requests > 1_000)
    }

    @Test("larder serve --upstream fronts an API without a file")
    func quick() throws {
        try Stage.run { stage in
            let port = FreePort.take()
            let process = stage.keep(
                try ChildProcess([
                    LarderProcess.binary, "serve", "--upstream", servers.nginx.url, "--listen", "127.0.0.1:\(port)",
                    "--timeout", "60s", "--admin", "off",
                ])
            ) { $0.stop() }
            let url = "http://127.0.0.1:\(port)/nginx/digits.txt"
            #expect(eventually(within: 10) { (try? RawClient(.port(port))) != nil || !process.isRunning })
            #expect(try curl("-i", url).output.contains("X-Cache: MISS"), "\(process.lastWords)")
            #expect(try curl("-i", url).output.contains("X-Cache: HIT"))
        }
    }

    @Test("larder demo serves its sample API, and the second look is a HIT")
    func demo() throws {
        try Stage.run { stage in
            let port = FreePort.take()
            let process = stage.keep(
                try ChildProcess([LarderProcess.binary, "demo", "--listen", "127.0.0.1:\(port)", "--admin", "off"])
            ) { $0.stop() }
            #expect(
                eventually(within: 10) { process.standardOutput.contains("curl") || !process.isRunning },
                "\(process.lastWords)")
            // The lines it prints are what a person tries.
            let urls = process.standardOutput.split(whereSeparator: { " \n'\"".contains($0) }).map(String.init)
                .filter { $0.hasPrefix("http://127.0.0.1:\(port)") }
            let url = try #require(
                urls.first { $0.count > "http://127.0.0.1:\(port)/".count } ?? urls.first, "\(process.lastWords)")
            #expect(eventually(within: 10) { (try? RawClient(.port(port))) != nil })
            #expect(try curl("-i", url).output.contains("X-Cache: MISS"))
            #expect(try curl("-i", url).output.contains("X-Cache: HIT"))
        }
    }
}
