import Foundation
import TestSupport
import Testing

// The greatest crowd: a thousand clients, some of them slow and some late, and one fetch.

@Suite("RFC 9111 §4, collapsed requests: a thousand clients at once for one cold key", .serialized)
struct CollapseCrowdTests {
    /// A store, how the origin frames its answer, and how much it sends.
    struct Case: Sendable, CustomTestStringConvertible {
        let backend: Backend
        let framing: Framing
        let bytes: Int
        /// How long the origin takes, half of it before the head and half in the middle of the body.
        let seconds: Double
        var testDescription: String { "\(backend), \(framing), \(bytes >> 20) MiB" }
    }

    @Test(
        "The origin is asked once, each gets every byte at its own pace, and memory holds it once", .tags(.choice),
        .enabled(if: !isSanitized), .timeLimit(.minutes(1)),
        arguments: [
            Case(backend: .memory, framing: .length, bytes: 10 << 20, seconds: 1),
            Case(backend: .memory, framing: .chunked, bytes: 1 << 20, seconds: 0.3),
            Case(backend: .redis, framing: .length, bytes: 2 << 20, seconds: 0.3),
            Case(backend: .redis, framing: .chunked, bytes: 1 << 20, seconds: 0.3),
        ])
    func thousand(_ example: Case) throws {
        try Stage.run { stage in
            let body = patterned(example.bytes)
            let half = Switch()
            let isJoined = Switch()
            let origin = try stage.origin()
            let path = origin.script { exchange in
                exchange.pause(example.seconds / 2)
                try exchange.send(example.framing.head(["Cache-Control: max-age=600"], count: body.count))
                try exchange.send(example.framing.piece(body[..<(body.count / 2)]))
                half.turnOn()
                exchange.pause(example.seconds / 2)
                isJoined.awaitOn()
                try exchange.send(example.framing.piece(body[(body.count / 2)...]) + Array(example.framing.end.utf8))
            }
            let redis = example.backend == .memory ? "" : try stage.redis().url
            let larder = try stage.larder(
                ProtectionScene.configuration(example.backend, origin: origin.url, redis: redis))
            _ = try larder.get("/warm")
            let before = larder.process.memory()
            let count = 1_000
            // A slow client takes at least as long again for the whole.
            let pace = CollapseCrowd.Pace(bytes: 64 << 10, interval: example.seconds / Double(example.bytes >> 16))
            let crowd = try CollapseCrowd(
                larder, path, expecting: body, count: count, slow: 20, pace: pace, late: 50)
            #expect(half.awaitOn())
            try crowd.join()
            isJoined.turnOn()
            let report = crowd.finish(within: 30)
            #expect(report.faults.isEmpty, "\(report.faults.count): \(report.faults.prefix(5))")
            #expect(report.complete == count)
            #expect(origin.count(for: path) == 1)
            #expect(report.slowestOfAll > 2 * example.seconds - 0.1, "\(report)")
            // The object, once more where it is on its way into Redis, and a window for each client.
            let copies = example.backend == .memory ? 1 : 2
            let bound = copies * (example.bytes + example.bytes / 4) + count * 256 << 10
            let grown = larder.process.memory("VmHWM") - before
            #expect(grown < bound, "grew by \(grown >> 20) MiB, may grow by \(bound >> 20) MiB; \(report)")
            try larder.awaitHit(path)
            #expect(origin.count(for: path) == 1)
        }
    }
}
