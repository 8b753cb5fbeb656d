import Foundation
import TestSupport
import Testing

// What is asked for all the time and lives a second, from an origin that takes a fifth of one: who waits for it?

@Suite("Under constant load nobody waits for the origin, given stale-while-revalidate or early refresh")
struct EarlyRefreshTests {
    let scene: ProtectionScene
    var origin: ScriptedOrigin { scene.origin }

    init() throws { scene = try ProtectionScene.shared.get() }

    /// How a route keeps clients from waiting; by its path.
    enum Protection: String, CaseIterable, Sendable {
        case none = "/t"
        case staleWhileRevalidate = "/swr/t"
        case earlyRefresh = "/early/t"
    }

    /// One load: where it plays, what it asks for and what came of it.
    private struct Run {
        let backend: Backend
        let protection: Protection
        let path: String
        let load: PacedLoad
    }

    @Test(
        "A key with a life of a second, 120 requests a second for six seconds", .tags(.choice),
        .enabled(if: !isSanitized))
    func constantLoad() throws {
        var runs: [Run] = []
        for backend in ProtectionScene.backends {
            for protection in Protection.allCases {
                let path = origin.script(protection.rawValue) { exchange in
                    exchange.pause(0.2)
                    try exchange.respond(200, ["Cache-Control: max-age=1", "ETag: \"1\""], body: "content")
                }
                #expect(try scene[backend].get(path).xCache == "MISS")
                try scene[backend].awaitHit(path)
                runs.append(
                    Run(
                        backend: backend, protection: protection, path: path,
                        load: PacedLoad(scene[backend], path, threads: 3, each: 0.025)))
            }
        }
        Thread.sleep(forTimeInterval: 6)
        for run in runs {
            let answers = run.load.stop()
            let what = "\(run.backend), \(run.protection): \(answers.count) answers"
            #expect(answers.count > 300, "\(what)")
            #expect(answers.allSatisfy { $0.fault == nil }, "\(what): \(answers.compactMap(\.fault).prefix(3))")
            let slow = answers.filter { $0.seconds > 0.15 }
            // On a busy machine the processor is elsewhere now and then.
            let isQuick = slow.count <= answers.count / 50
            let asked = origin.count(for: run.path)
            // Each renewal is one request; early ones come before the second is over, but not all the time.
            #expect((4...30).contains(asked), "\(what), the origin was asked \(asked) times")
            let waited = answers.filter { !["HIT", "STALE"].contains($0.xCache) }
            switch run.protection {
            case .none:
                #expect(Set(slow.map { Int($0.at) }).count >= 3, "\(what), slow: \(slow.map(\.at))")
                #expect(!waited.isEmpty, "\(what)")
            case .staleWhileRevalidate:
                #expect(waited.isEmpty, "\(what): \(waited.prefix(5))")
                #expect(isQuick, "\(what): \(slow.prefix(5))")
                #expect(answers.contains { $0.xCache == "STALE" }, "\(what)")
            case .earlyRefresh:
                #expect(waited.isEmpty, "\(what): \(waited.prefix(5))")
                #expect(isQuick, "\(what): \(slow.prefix(5))")
                #expect(answers.allSatisfy { $0.xCache == "HIT" }, "\(what)")
            }
        }
    }

    @Test("An early refresh is one conditional request at a time, and far from the end there is none", .tags(.choice))
    func oneAtATime() throws {
        for backend in ProtectionScene.backends {
            let larder = scene[backend]
            let gate = Switch()
            let handler: ScriptedOrigin.Handler = { [origin] exchange in
                let isFirst = origin.count(for: exchange.request.path) == 1
                if !isFirst { gate.awaitOn() }
                try exchange.respond(
                    200, ["Cache-Control: max-age=60", "ETag: \"1\""], body: isFirst ? "first" : "second")
            }
            let (soon, late) = (origin.script("/soon/t", handler), origin.script("/early/t", handler))
            for path in [soon, late] { #expect(try larder.awaitHit(path).text == "first") }
            // Where the whole life is the time of refreshing, sooner or later one of them asks.
            #expect(
                try eventually(within: 5, every: 0.001) {
                    guard try larder.get(soon).xCache == "HIT" else { throw HarnessError("somebody waited") }
                    return origin.count(for: soon) == 2
                })
            for path in [soon, late] {
                for asking in try larder.ask(path, times: 50) {
                    let response = try asking.response()
                    #expect(response.xCache == "HIT" && response.text == "first", "\(response.summary)")
                }
            }
            #expect(origin.count(for: soon) == 2)
            #expect(origin.count(for: late) == 1)
            #expect(origin.requests(for: soon).last?["If-None-Match"] == "\"1\"")
            gate.turnOn()
            #expect(try eventually { try larder.get(soon).text == "second" })
        }
    }
}

/// Requests for one target at a steady pace from a few threads, each answer noted.
final class PacedLoad: @unchecked Sendable {
    struct Answer: Sendable {
        /// Since the start, in seconds, and how long it took.
        let at: Double
        let seconds: Double
        let xCache: String
        let fault: String?
    }

    private let answers = Locked<[Answer]>([])
    private let isOver = Switch()
    private let running = Counter()

    /// - Parameter interval: seconds between two requests of a thread.
    init(_ larder: LarderProcess, _ target: String, threads: Int, each interval: Double) {
        let began = Clock.now
        running.add(threads)
        for number in 0..<threads {
            Thread.detachNewThread { [self] in
                defer { running.add(-1) }
                let client = try? larder.client(timeout: 5)
                var next = began + interval * Double(number) / Double(threads)
                while !isOver.isOn {
                    Thread.sleep(forTimeInterval: max(0, next - Clock.now))
                    // What a slow answer delayed is left out: a thread asks for one thing at a time.
                    next = max(next + interval, Clock.now)
                    let start = Clock.now
                    let response = Result { try client?.request("GET", target) }
                    let seconds = Clock.now - start
                    let answer: Answer
                    switch response {
                    case .success(let response?):
                        let fault = response.status == 200 && response.isComplete ? nil : response.summary
                        answer = Answer(
                            at: start - began, seconds: seconds, xCache: response.xCache ?? "none", fault: fault)
                    case .success(nil), .failure:
                        answer = Answer(at: start - began, seconds: seconds, xCache: "none", fault: "\(response)")
                    }
                    answers.withLock { $0.append(answer) }
                    if answer.fault != nil { return }
                }
            }
        }
    }

    func stop() -> [Answer] {
        isOver.turnOn()
        eventually(within: 6) { running.value == 0 }
        return answers.withLock { $0 }
    }
}
