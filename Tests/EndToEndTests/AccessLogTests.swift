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

    private func lines(of path: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }
}
