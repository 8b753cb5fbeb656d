import Foundation
import TestSupport
import Testing

// What the daemon says on standard error, and what happens when nobody reads it.

@Suite("The event log", .serialized)
struct EventLogTests {
    @Test("A full pipe at standard error stops no request, no reload and no command, and loses no line")
    func fullStandardError() throws {
        try Stage.run { stage in
            let pipe = try StuckPipe()
            let redis = try stage.redis()
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: redis\nredis: \(redis.url)\ntimeout: 150ms"
            let larder = try stage.larder(
                configuration, launcher: ["/bin/sh", "-c", "exec \"$@\" 2>\"$0\"", pipe.path])
            try larder.awaitHit("/0")
            pipe.fill()
            // Every worker has something to say now.
            redis.kill()
            #expect(try eventually { try larder.redisState != "up" })
            for number in 0..<40 { #expect(try larder.get("/\(number)").status == 200) }
            larder.signal(SIGHUP)
            #expect(try larder.admin("GET", "/readyz").status == 200)
            try redis.start()
            #expect(try eventually { try larder.redisState == "up" }, "\(larder.storeStats)")
            var said = ""
            #expect(
                eventually {
                    said += pipe.read()
                    return said.contains("the store is down") && said.contains("configuration reloaded")
                        && said.contains("the store is up")
                }, "\(said.suffix(2_000))")
            #expect(!said.contains("of this log"))
            // Two workers have seen it.
            for state in ["down, ", "up after "] {
                #expect(said.split(separator: "\n").count { $0.contains("the store is \(state)") } == 1, "\(said)")
            }
        }
    }

    @Test("The start is summed up in one line, without secrets")
    func start() throws {
        try Stage.run { stage in
            let redis = try stage.redis(password: "hidden-pass")
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.store = "backend: tiered\nmemory: 32MiB\nredis: \(redis.url)"
            let larder = try stage.larder(configuration)
            let version = try larder.command(["--version"]).output.trimmingCharacters(in: .whitespacesAndNewlines)
            let lines = larder.process.lastWords.split(separator: "\n").filter { $0.contains(" started: ") }
            #expect(lines.count == 1)
            #expect(
                lines.first?.hasSuffix(
                    "info \(version) started: configuration from \(larder.configurationPath), 1 route, 1 upstream, "
                        + "store tiered (32MiB) at 127.0.0.1:\(redis.port), 2 workers") == true, "\(lines)")
            #expect(!larder.process.lastWords.contains("hidden-pass"))
        }
    }

    @Test("A limit that is reached is told with how often, in one line for the process")
    func limits() throws {
        try Stage.run { stage in
            let origin = try stage.quickOrigin()
            var configuration = LarderConfiguration.caching(origin.url)
            configuration.limits = "clients: 2"
            let larder = try stage.larder(configuration)
            let idle = try (0..<2).map { _ in try larder.client() }
            #expect(try eventually(within: 10) { try larder.figure("totals", "clients") == 2 })
            for _ in 0..<5 { #expect(try larder.client().readResponse().status == 503) }
            func told() -> [Int] {
                larder.process.lastWords.split(separator: "\n").compactMap { line in
                    guard let start = line.range(of: "warning limits.clients reached (2): ") else { return nil }
                    return Int(line[start.upperBound...].prefix { $0.isNumber })
                }
            }
            #expect(eventually(within: 40, every: 0.1) { told().reduce(0, +) == 5 }, "\(larder.process.lastWords)")
            #expect(told().count <= 2)
            for client in idle { client.close() }
        }
    }

    @Test("A dead upstream is told once, with its name and the reason, and once that it is up again")
    func deadUpstream() throws {
        try Stage.run { stage in
            let port = FreePort.take()
            let larder = try stage.larder(
                LarderConfiguration(
                    upstreams: "billing: http://127.0.0.1:\(port)", routes: "- path: /{rest...}\n  upstream: billing"))
            for _ in 0..<100 { #expect(try larder.get("/pay").status == 503) }
            func lines(_ word: String) -> [Substring] {
                larder.process.lastWords.split(separator: "\n").filter { $0.contains("upstream billing is \(word)") }
            }
            #expect(eventually(within: 10) { !lines("down").isEmpty })
            #expect(lines("down").count == 1)
            #expect(lines("down")[0].contains(" error upstream billing is down: http://127.0.0.1:\(port) is ejected: "))
            #expect(lines("down")[0].hasSuffix("Connection refused"))
            let server = try larder.stats()["upstreams"][0]["servers"][0]
            #expect(server["problem"].string == "Connection refused")
            let origin = try stage.origin(on: .port(port)) { try $0.respond(200, body: "paid") }
            #expect(try eventually(within: 30, every: 0.1) { try larder.get("/pay").status == 200 })
            for _ in 0..<20 { #expect(try larder.get("/pay").status == 200) }
            #expect(origin.count() > 0)
            #expect(eventually(within: 10) { !lines("up").isEmpty })
            #expect(lines("up").count == 1)
            #expect(lines("up")[0].contains(" failures in "), "\(lines("up"))")
            #expect(try larder.stats()["upstreams"][0]["servers"][0]["problem"].string == nil)
        }
    }
}

/// A named pipe that is read only when the test says so.
private final class StuckPipe: Sendable {
    let path: String
    private let descriptor: Int32

    init() throws {
        path = try TemporaryFolder.make("pipe") + "/stderr"
        guard mkfifo(path, 0o600) == 0 else { throw HarnessError("mkfifo: errno \(errno)") }
        descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw HarnessError("opening \(path): errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// Until there is no room for one more byte.
    func fill() {
        for size in [4096, 1] {
            let bytes = [UInt8](repeating: UInt8(ascii: "."), count: size)
            while write(descriptor, bytes, size) > 0 {}
        }
    }

    /// All that is there.
    func read() -> String {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &bytes, bytes.count)
            guard count > 0 else { break }
            all += bytes[..<count]
        }
        return String(decoding: all, as: UTF8.self)
    }
}
