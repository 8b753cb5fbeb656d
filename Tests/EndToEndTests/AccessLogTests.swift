import Foundation
import TestSupport
import Testing

// One line a request, in the forms that log readers know.

@Suite("The access log", .serialized)
struct AccessLogTests {
    @Test("The JSON access log has one object a request")
    func jsonLog() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: json\nto: \(log)"
            let larder = try stage.larder(configuration)
            _ = try larder.get("/a?x=\"1", ["User-Agent: quote\"and\\slash"])
            try larder.awaitHit("/a?x=\"1")
            #expect(eventually { lines(of: log).count >= 2 })
            for line in lines(of: log) {
                let entry = try JSON(parsing: Array(line.utf8))
                #expect(entry["status"].int == 200, "\(line)")
                #expect(entry["method"].string == "GET", "\(line)")
            }
            #expect(lines(of: log).contains { $0.contains("HIT") || $0.contains("hit") })
        }
    }

    @Test("The reason of a response that was stored says why it wasn't served from the store, not that it isn't stored")
    func reasons() throws {
        try Stage.run { stage in
            let origin = try stage.origin { exchange in
                let isStored = exchange.request.path == "/stored"
                try exchange.respond(200, ["Cache-Control: \(isStored ? "max-age=60" : "no-store")"], body: "x")
            }
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: json\nto: \(log)"
            let larder = try stage.larder(configuration)
            try larder.awaitHit("/stored")
            _ = try larder.get("/other")
            func reason(_ path: String) throws -> String? {
                let line = lines(of: log).first { $0.contains("\"\(path)\"") && $0.contains("\"MISS\"") }
                return try line.map { try JSON(parsing: Array($0.utf8)) }?["reason"].string
            }
            #expect(try eventually(within: 10) { try reason("/stored") == "uri-miss" })
            #expect(try eventually(within: 10) { try reason("/other") == "no-store" })
        }
    }

    @Test("The common and combined access logs are what log readers expect", arguments: ["common", "combined"])
    func textLog(_ format: String) throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: \(format)\nto: \(log)"
            let larder = try stage.larder(configuration)
            let response = try larder.get("/a", ["User-Agent: agent/1", "Referer: http://from.example/"])
            #expect(eventually { !lines(of: log).isEmpty })
            let line = lines(of: log)[0]
            #expect(line.hasPrefix("127.0.0.1 - - ["), "\(line)")
            #expect(line.contains("] \"GET /a HTTP/1.1\" 200 \(response.body.count)"), "\(line)")
            #expect(line.contains("\"http://from.example/\" \"agent/1\"") == (format == "combined"), "\(line)")
        }
    }

    @Test(
        "A log file that was moved away is opened anew at SIGHUP and SIGUSR1, and no line is lost",
        arguments: [SIGHUP, SIGUSR1])
    func logRotation(_ signal: Int32) throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: common\nto: \(log)"
            let larder = try stage.larder(configuration)
            _ = try larder.get("/before")
            #expect(eventually { lines(of: log).count == 1 })
            try FileManager.default.moveItem(atPath: log, toPath: "\(log).1")
            larder.signal(signal)
            #expect(eventually(within: 10) { FileManager.default.fileExists(atPath: log) })
            _ = try larder.get("/after")
            #expect(eventually { lines(of: log).contains { $0.contains("/after") } })
            #expect(lines(of: "\(log).1").count == 1)
        }
    }

    @Test(
        "The line of a refused request names the fault and what was received, escaped and without its fields",
        arguments: ["json", "combined", "off"])
    func refused(_ format: String) throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: \(format)\nto: \(log)"
            configuration.server = "workers: 1"
            let larder = try stage.larder(configuration)
            let requests: [(bytes: String, fault: String, received: String)] = [
                (
                    "GET /\u{1}\"\\ HTTP/1.1\r\nHost: a\r\n\r\n", "control-character",
                    #"GET /\u0001\"\\ HTTP/1.1\u000d\u000a"#
                ),
                (
                    "GET / HTTP/1.1\nHost: a\nAuthorization: secret\n\n", "bare-line-feed", #"GET / HTTP/1.1\u000a"#
                ),
                (
                    "GET / HTTP/1.1\r\nAuthorization : secret\r\n\r\n", "space-before-colon",
                    #"GET / HTTP/1.1\u000d\u000a"#
                ),
            ]
            for request in requests { _ = try larder.exchange(Array(request.bytes.utf8)) }
            func written() -> [String] {
                format == "off"
                    ? larder.process.lastWords.split(separator: "\n").filter { $0.contains("refused") }.map(String.init)
                    : lines(of: log)
            }
            #expect(eventually(within: 20) { written().count == requests.count })
            for (line, request) in zip(written(), requests) {
                #expect(!line.contains("secret"))
                switch format {
                case "json":
                    #expect(try JSON(parsing: Array(line.utf8))["fault"].string == request.fault, "\(line)")
                    #expect(line.contains("\"received\":\"\(request.received)\""), "\(line)")
                case "combined":
                    #expect(line.contains("] \"\(request.received)\" 400 "), "\(line)")
                    #expect(line.hasSuffix("\"BYPASS \(request.fault)\""), "\(line)")
                default:
                    #expect(line.contains("info refused a request from 127.0.0.1: \(request.fault): "), "\(line)")
                    #expect(line.hasSuffix("received \"\(request.received)\""), "\(line)")
                }
            }
        }
    }

    @Test("Lines that a full disk doesn't take are counted and told, and requests go on")
    func fullDisk() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: common\nto: /dev/full"
            let larder = try stage.larder(configuration)
            for number in 0..<10 { #expect(try larder.get("/\(number)").status == 200) }
            #expect(try eventually(within: 20) { try larder.figure("totals", "log_lines_dropped") == 10 })
            func told(_ text: String) -> Int {
                larder.process.lastWords.split(separator: "\n").count { $0.contains(text) }
            }
            let failure = "access log: writing to /dev/full failed: No space left on device; lines lost so far: "
            #expect(eventually(within: 10) { told(failure) > 0 })
            #expect(told(failure) <= 10)
            let log = try TemporaryFolder.make("log") + "/access.log"
            configuration.log = "access: common\nto: \(log)"
            try larder.write(configuration)
            #expect(try larder.command(["reload"]).status == 0)
            _ = try larder.get("/there")
            #expect(eventually(within: 10) { lines(of: log).count == 1 })
            #expect(eventually(within: 30) { told("access log: \(log) is written again; lines lost: 10") == 1 })
            #expect(try larder.figure("totals", "log_lines_dropped") == 10)
        }
    }

    /// A sanitizer keeps files of its own, which the limit would hit.
    @Test("A line that was broken off by a full disk doesn't run into the next one", .disabled(if: isSanitized))
    func brokenLine() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            let log = try TemporaryFolder.make("log") + "/access.log"
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.log = "access: json\nto: \(log)"
            // Files of 32 KiB or 64 KiB at most, as the shell counts blocks.
            let larder = try stage.larder(
                configuration, launcher: ["/bin/sh", "-c", "ulimit -f 64; exec \"$0\" \"$@\""])
            let name = String(repeating: "long", count: 250)
            for number in 0..<80 { #expect(try larder.get("/\(name)/\(number)").status == 200) }
            // No worker has lines left that would fill it once more.
            #expect(
                try eventually(within: 20) {
                    let whole = try Data(contentsOf: URL(fileURLWithPath: log)).count { $0 == UInt8(ascii: "\n") }
                    return try larder.figure("totals", "log_lines_dropped") + whole == 80
                })
            // There is room again, as after a rotation that copies and truncates.
            #expect(truncate(log, 1 << 10) == 0)
            #expect(
                try eventually(within: 20, every: 0.2) {
                    _ = try larder.get("/last")
                    return lines(of: log).contains { $0.contains("\"/last\"") }
                })
            // The first one was cut by this test, and ends where it was cut.
            #expect(lines(of: log)[0].components(separatedBy: "{\"time\"").count == 2)
            for line in lines(of: log).dropFirst() {
                #expect(throws: Never.self, "\(line.prefix(80))") { try JSON(parsing: Array(line.utf8)) }
            }
        }
    }

    private func lines(of path: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }
}
