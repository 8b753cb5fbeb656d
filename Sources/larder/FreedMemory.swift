// Keeps what the process occupies close to what it uses. Evicted records, and the buffers of a burst of clients, leave
// free pages between blocks that are in use; glibc keeps those. With sizes that change over time, a store of 64 MiB came
// to 2.2 times its limit, and to 1.1 to 1.3 with this.

import Configuration
import EventLoop

/// Looks twice a second, on the control thread. A trim takes a few milliseconds, during which other threads may wait for
/// an allocation, so it is done only where there is something to gain.
final class FreedMemory {
    private static let interval: Int64 = 500

    private var policy: TrimPolicy
    private let counted: () -> Int
    private var timer: LoopTimer?

    /// - Parameter counted: bytes of memory that are in use for responses.
    init?(loop: EventLoop, counted: @escaping () -> Int) {
        guard let resident = System.residentBytes else { return nil }
        self.counted = counted
        policy = TrimPolicy(resident: resident, counted: counted())
        timer = LoopTimer(loop: loop) { [unowned self] in
            look()
            timer?.schedule(afterMilliseconds: Self.interval)
        }
        timer?.schedule(afterMilliseconds: Self.interval)
    }

    private func look() {
        let now = MonotonicTime.now().milliseconds
        guard let resident = System.residentBytes, policy.trims(resident: resident, counted: counted(), now: now)
        else { return }
        System.trimMemory()
        policy.noteTrim(resident: System.residentBytes ?? resident, now: now)
    }
}

/// When to trim. A value without a clock; times are in milliseconds.
struct TrimPolicy {
    private static let shortestPause: Int64 = 500
    private static let longestPause: Int64 = 30_000
    /// What may be occupied beyond what is counted, and beyond a sixteenth of that.
    private static let slack = 4 << 20

    /// What the process occupied beyond what was counted when it began.
    private let base: Int
    private var lastTrim: Int64 = .min
    private var pause = shortestPause
    private var residentBefore = 0
    private var residentAfter = 0

    init(resident: Int, counted: Int) { base = max(0, resident - counted) }

    /// Whether so much is occupied that a trim may gain something. After one that gained little the next pause is twice as
    /// long, unless more has been occupied since.
    mutating func trims(resident: Int, counted: Int, now: Int64) -> Bool {
        guard resident > base + counted + counted / 16 + Self.slack else { return false }
        if resident > residentAfter + residentAfter / 16 + Self.slack { pause = Self.shortestPause }
        guard lastTrim == .min || now - lastTrim >= pause else { return false }
        residentBefore = resident
        return true
    }

    /// - Parameter resident: bytes occupied after it.
    mutating func noteTrim(resident: Int, now: Int64) {
        lastTrim = now
        residentAfter = resident
        let gained = residentBefore - resident
        pause = gained > residentBefore / 16 ? Self.shortestPause : min(2 * pause, Self.longestPause)
    }
}
