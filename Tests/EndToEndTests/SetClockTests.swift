import Foundation
import TestSupport
import Testing

// The wall clock is set while Larder runs, or between two of its lives. Ages and invalidations go by a clock that never goes
// back; only dates follow the wall clock (RFC 9111 §4.2.3, RFC 9110 §6.6.1).

@Suite("RFC 9111 §4.2.3: the wall clock is set", .enabled(if: SettableClock.isAvailable))
struct SetClockTests {
    private static let hour: Int64 = 3_600

    /// An origin, a clock, and a daemon that goes by it.
    private struct SetClockScene {
        let origin: ScriptedOrigin
        let clock: SettableClock
        let redis: RedisServer
        let backend: Backend
        let stage: Stage

        init(_ stage: Stage, _ backend: Backend) throws {
            self.stage = stage
            self.backend = backend
            origin = try stage.origin()
            clock = try SettableClock()
            redis = try stage.redis()
        }

        func larder() throws -> LarderProcess {
            try stage.larder(
                LarderConfiguration(
                    upstreams: "origin: \(origin.url)",
                    routes: "- path: /{rest...}\n  upstream: origin\n  cache: {}", store: backend.section(redis)),
                environment: clock.environment)
        }

        /// A path whose responses are numbered, and dated by the clock as it is set now.
        func numbered(_ fields: [String], clockIsOff seconds: @escaping @Sendable () -> Int64 = { 0 }) -> String {
            origin.script { [origin] exchange in
                if exchange.request.method != "GET" {
                    return try exchange.respond(204, ["Cache-Group-Invalidation: \"group\""])
                }
                let count = origin.count(for: exchange.request.path)
                let date = "Date: \(SetClockTests.date(Date().addingTimeInterval(Double(seconds()))))"
                try exchange.respond(200, fields + [date], body: "answer \(count)")
            }
        }
    }

    private static func date(_ date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.string(from: date)
    }

    @Test(
        "After it is set, by an hour, back or forth, what is fresh stays fresh and what becomes stale is stale",
        arguments: Backend.allCases, [-hour, hour])
    func freshness(_ backend: Backend, _ seconds: Int64) throws {
        try Stage.run { stage in
            let scene = try SetClockScene(stage, backend)
            let larder = try scene.larder()
            let short = scene.numbered(["Cache-Control: max-age=3"])
            let long = scene.numbered(["Cache-Control: max-age=600"])
            for path in [short, long] { try larder.fill(path) }
            try scene.clock.set(bySeconds: seconds)
            #expect(eventually(within: 20) { (try? larder.get(short).text) == "answer 2" }, "stale, and still used")
            #expect(try larder.get(long).text == "answer 1")
        }
    }

    @Test(
        "After it is set back what was invalidated before is stored anew and used, by URL, by group and by purge",
        arguments: Backend.allCases)
    func invalidated(_ backend: Backend) throws {
        try Stage.run { stage in
            let scene = try SetClockScene(stage, backend)
            let larder = try scene.larder()
            let isBack = Locked(false)
            let path = scene.numbered(["Cache-Control: max-age=600", "Cache-Groups: \"group\""]) {
                isBack.withLock { $0 } ? -Self.hour : 0
            }
            let purged = scene.numbered(["Cache-Control: max-age=600"]) { isBack.withLock { $0 } ? -Self.hour : 0 }
            try larder.fill(path)
            try larder.fill(purged)
            #expect(try larder.request("POST", path, body: [120]).status == 204)
            let urls = "{\"urls\": [\"http://api.example\(purged)\"]}"
            #expect(try larder.admin("POST", "/purge", body: Array(urls.utf8)).status == 200)
            try scene.clock.set(bySeconds: -Self.hour)
            isBack.withLock { $0 = true }
            for path in [path, purged] {
                #expect(try larder.get(path).xCache == "MISS")
                // Its own Date is an hour behind the clock of the process, and says nothing of its age.
                #expect(eventually(within: 20) { (try? larder.get(path).xCache) == "HIT" }, "unusable since the purge")
            }
        }
    }

    @Test(
        "What was stored in Redis before the clock was set back isn't younger for a Larder that was started after",
        arguments: [Backend.redis, .tiered])
    func restarted(_ backend: Backend) throws {
        try Stage.run { stage in
            let scene = try SetClockScene(stage, backend)
            let path = scene.numbered(["Cache-Control: max-age=600"])
            let first = try scene.larder()
            try first.fill(path)
            first.stop()
            try scene.clock.set(bySeconds: -Self.hour)
            let second = try scene.larder()
            let response = try second.get(path)
            #expect(response.xCache == "MISS" && response.text == "answer 2")
            #expect(eventually(within: 20) { (try? second.get(path).xCache) == "HIT" })
        }
    }
}
