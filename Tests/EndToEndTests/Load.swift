import Foundation
import Synchronization
import TestSupport
import Testing

// Load, and the small things that threads of a test share.

/// Requests in a loop from several threads, for what happens to the daemon meanwhile.
final class Load: @unchecked Sendable {
    struct Outcome: Sendable {
        var answered = 0
        /// What was not a 200, or no answer at all.
        var failures: [String] = []
        /// Seconds that the slowest took.
        var slowest = 0.0
    }

    private let lock = NSLock()
    private var outcome = Outcome()
    private var isStopped = false
    private var running = 0

    /// Starts `threads` clients which ask for `targets` in turn, on kept connections.
    init(_ larder: LarderProcess, _ targets: [String], threads: Int = 4, timeout: Double = 10) {
        running = threads
        for number in 0..<threads {
            Thread.detachNewThread { [self] in
                var client: RawClient?
                var turn = number
                while !isOver {
                    let target = targets[turn % targets.count]
                    turn += 1
                    let start = Clock.now
                    do {
                        if client == nil { client = try larder.client(timeout: timeout) }
                        let response = try client!.request("GET", target)
                        record(
                            Clock.now - start, response.status == 200 ? nil : "\(target): \(response.head.startLine)")
                        if response["Connection"]?.lowercased() == "close" { client = nil }
                    } catch {
                        record(Clock.now - start, "\(target): \(error)")
                        client = nil
                    }
                }
                lock.withLock { running -= 1 }
            }
        }
    }

    private var isOver: Bool { lock.withLock { isStopped } }

    private func record(_ seconds: Double, _ failure: String?) {
        lock.withLock {
            outcome.answered += 1
            outcome.slowest = max(outcome.slowest, seconds)
            if let failure { outcome.failures.append(failure) }
        }
    }

    /// How many were answered so far.
    var answered: Int { lock.withLock { outcome.answered } }

    /// Waits for some more answers, so that what was just done met with load.
    func awaitMore(_ count: Int, within seconds: Double = 20) {
        let goal = answered + count
        eventually(within: seconds) { answered >= goal }
    }

    func stop() -> Outcome {
        lock.withLock { isStopped = true }
        eventually(within: 15) { lock.withLock { running } == 0 }
        return lock.withLock { outcome }
    }
}

/// PUTs to one path after the other, from before a failover until after it.
final class Writes: Sendable {
    private let paths: [String]
    private let isFailoverOver = Switch()
    private let done = Counter()
    private let failures = Failures()

    init(_ larder: LarderProcess, _ paths: [String]) {
        self.paths = paths
        Thread.detachNewThread { [done, failures, isFailoverOver] in
            for path in paths {
                do {
                    let response = try larder.request("PUT", path, body: Array("new".utf8))
                    if response.status != 200 { failures.add("\(path): \(response.head.startLine)") }
                } catch { failures.add("\(path): \(error)") }
                done.add(1)
                Thread.sleep(forTimeInterval: isFailoverOver.isOn ? 0.002 : 0.025)
            }
        }
        eventually { done.value >= 10 }
    }

    /// The failover is over: the rest is written, and all of it has to have been answered with 200.
    func finish(_ location: SourceLocation = #_sourceLocation) {
        isFailoverOver.turnOn()
        #expect(eventually(within: 20) { done.value == paths.count }, sourceLocation: location)
        #expect(failures.all.isEmpty, "\(failures.all.prefix(5)) of \(done.value)", sourceLocation: location)
    }
}

/// A number that threads add to.
final class Counter: Sendable {
    private let number = Atomic(0)
    var value: Int { number.load(ordering: .relaxed) }
    func add(_ amount: Int) { number.add(amount, ordering: .relaxed) }
}

/// Off, until somebody turns it on.
final class Switch: @unchecked Sendable {
    private let lock = NSLock()
    private var state = false
    var isOn: Bool { lock.withLock { state } }
    func turnOn() { lock.withLock { state = true } }
}

/// Sentences that threads add.
final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private var sentences: [String] = []
    var all: [String] { lock.withLock { sentences } }
    func add(_ sentence: String) { lock.withLock { sentences.append(sentence) } }
}
