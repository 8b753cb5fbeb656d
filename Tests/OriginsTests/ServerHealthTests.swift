import EventLoop
import Testing

@testable import Origins

// When a server is ejected and for how long, with time and jitter given.

@Suite("Health of a server: growing pauses after failures, and the active check")
struct ServerHealthTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    private func failing(_ times: Int, random: UInt64 = 0) -> ServerHealth {
        var health = ServerHealth()
        for _ in 0..<times { health.noteFailure(now: start, random: random) }
        return health
    }

    @Test("A new server is up")
    func initially() {
        #expect(ServerHealth().health(now: start) == .up)
        #expect(ServerHealth().isClear)
    }

    @Test(
        "Each failure in a row doubles the pause, from half a second to fifteen seconds",
        arguments: [(1, 500), (2, 1_000), (3, 2_000), (5, 8_000), (6, 15_000), (7, 15_000), (100, 15_000)]
            as [(Int, Int64)])
    func pauses(failures: Int, pause: Int64) {
        let health = failing(failures)
        #expect(health.health(now: start) == .ejected(until: later(pause)))
        #expect(health.health(now: later(pause - 1)) == .ejected(until: later(pause)))
        #expect(health.health(now: later(pause)) == .up)
        #expect(!health.isClear)
    }

    @Test("Jitter adds up to a quarter of the pause", arguments: [(1, 625), (2, 1_250), (6, 18_750)] as [(Int, Int64)])
    func jitter(failures: Int, longest: Int64) {
        #expect(failing(failures, random: .max).health(now: start) == .ejected(until: later(longest)))
    }

    @Test("A response ends the ejection, and the pauses start over")
    func success() {
        var health = failing(4)
        health.noteSuccess()
        #expect(health.health(now: start) == .up)
        #expect(health.isClear)
        health.noteFailure(now: start, random: 0)
        #expect(health.health(now: start) == .ejected(until: later(500)))
    }

    @Test("The second failed check in a row takes a server down, the first successful one brings it back")
    func checks() {
        var health = ServerHealth()
        let results = [false, true, false, false, false, true, true]
        let changes = [false, false, false, true, false, true, false]
        let states: [Health] = [.up, .up, .up, .checkedDown, .checkedDown, .up, .up]
        for (index, result) in results.enumerated() {
            #expect(health.noteCheck(succeeded: result) == changes[index], "check \(index)")
            #expect(health.health(now: start) == states[index], "check \(index)")
        }
        #expect(health.isClear)
    }

    @Test("A successful check ends an ejection, and a response doesn't override the check")
    func checksAndResponses() {
        var health = failing(3)
        _ = health.noteCheck(succeeded: true)
        #expect(health.health(now: start) == .up)
        for _ in 0..<2 { _ = health.noteCheck(succeeded: false) }
        health.noteSuccess()
        #expect(health.health(now: start) == .checkedDown)
        #expect(!health.isClear)
    }
}
