import EventLoop
import Testing

@testable import Origins

// When a server is ejected and for how long, with time and jitter given.

@Suite("Health of a server: growing pauses after failures, and the active check")
struct ServerHealthTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }

    /// After failures one after the other: each in an attempt that began when the pause before it was over. The last one
    /// is at `start`.
    private func failing(_ times: Int, random: UInt64 = 0) -> ServerHealth {
        var health = ServerHealth()
        for number in 0..<times {
            let now = later(Int64(number - times + 1) * 20_000)
            health.noteFailure(ofAttemptFrom: now, now: now, random: random)
        }
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
        // Nothing has succeeded since: that a time has passed is no success.
        #expect(health.health(now: later(pause)) == .failing)
        #expect(health.health(now: later(1_000_000)) == .failing)
        #expect(!health.isClear)
    }

    @Test("Failures that happen together are one step, whatever their number and order")
    func concurrentFailures() {
        var health = ServerHealth()
        // Attempts that began before, at the moment of, and during the first pause.
        for (began, now) in [(-5_000, 0), (-3, 0), (0, 0), (0, 3), (100, 200), (499, 499), (499, 5_000)] {
            health.noteFailure(ofAttemptFrom: later(Int64(began)), now: later(Int64(now)), random: 0)
        }
        #expect(health.health(now: later(499)) == .ejected(until: later(500)))
        #expect(health.health(now: later(500)) == .failing)
    }

    @Test("The failure of an attempt that began after the pause is the next step")
    func nextStep() {
        var health = failing(1)
        health.noteFailure(ofAttemptFrom: later(500), now: later(600), random: 0)
        #expect(health.health(now: later(600)) == .ejected(until: later(1_600)))
    }

    @Test("After the pause one request at a time tries the server")
    func trial() {
        var health = failing(1)
        #expect(health.beginTrial(now: later(499)) == false)
        #expect(health.beginTrial(now: later(500)) == true)
        #expect(health.beginTrial(now: later(500)) == false)
        guard case .ejected = health.health(now: later(501)) else {
            Issue.record("others stay away")
            return
        }
        // It ends without a result: the next one may try.
        health.endTrial()
        #expect(health.beginTrial(now: later(700)) == true)
        health.noteFailure(ofAttemptFrom: later(700), now: later(800), random: 0)
        health.endTrial()
        #expect(health.health(now: later(800)) == .ejected(until: later(1_800)))
        #expect(health.beginTrial(now: later(1_800)) == true)
        health.noteSuccess()
        health.endTrial()
        #expect(health.health(now: later(1_801)) == .up)
    }

    @Test("A trial that is never heard of again doesn't keep others away for ever")
    func lostTrial() {
        var health = failing(1)
        #expect(health.beginTrial(now: later(500)) == true)
        #expect(health.beginTrial(now: later(500 + 15_000)) == true)
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
        health.noteFailure(ofAttemptFrom: later(-1_000), now: start, random: 0)
        #expect(health.health(now: start) == .ejected(until: later(500)))
    }

    @Test("The second failed check in a row takes a server down, the first successful one brings it back")
    func checks() {
        var health = ServerHealth()
        let results = [false, true, false, false, false, true, true]
        let changes = [false, false, false, true, false, true, false]
        let states: [Health] = [.up, .up, .up, .checkedDown, .checkedDown, .up, .up]
        for (index, result) in results.enumerated() {
            #expect(health.noteCheck(succeeded: result, fall: 2, rise: 1) == changes[index], "check \(index)")
            #expect(health.health(now: start) == states[index], "check \(index)")
        }
        #expect(health.isClear)
    }

    @Test("`fall` failed checks in a row take a server down, `rise` successful ones bring it back")
    func fallAndRise() {
        var health = ServerHealth()
        let results = [false, false, true, false, false, false, true, true, false, true, true, true]
        let changes = [false, false, false, false, false, true, false, false, false, false, false, true]
        for (index, result) in results.enumerated() {
            #expect(health.noteCheck(succeeded: result, fall: 3, rise: 3) == changes[index], "check \(index)")
        }
        #expect(health.isClear)
    }

    @Test("A successful check ends an ejection, and a response doesn't override the check")
    func checksAndResponses() {
        var health = failing(3)
        _ = health.noteCheck(succeeded: true, fall: 2, rise: 1)
        #expect(health.health(now: start) == .up)
        for _ in 0..<2 { _ = health.noteCheck(succeeded: false, fall: 2, rise: 1) }
        health.noteSuccess()
        #expect(health.health(now: start) == .checkedDown)
        #expect(!health.isClear)
    }
}
