// Whether a server replies so quickly that a lookup is worth its wait. A value without I/O: times go in as arguments.
//
// A client waits for its lookup, so a server that is up but slow costs every request the time that a cache was to save.
// Once replies take too long, no lookups are begun; PINGs, for which nobody waits, show when they are quick again.

struct ReplyPace: Equatable, BitwiseCopyable {
    /// Milliseconds. The oldest command has waited too long beyond the first, replies take too long on average beyond the
    /// second, and a PING within the third shows that they are quick again.
    let longestAge: Int64
    let longestMean: Int64
    let quick: Int64

    private(set) var isSlow = false
    /// How long to wait before the next PING, in milliseconds. Grows if the server is slow again soon after it was quick.
    private(set) var pause: Int64
    /// Of the time that replies took, in sixteenths of a millisecond; the latest counts for an eighth.
    private var mean: Int64 = 0
    private var quickSince: Int64 = .min / 2

    private static let longestPause: Int64 = 1000

    /// - Parameter timeout: of one command, in milliseconds.
    init(timeout: Int64) {
        longestAge = max(timeout / 2, 2)
        longestMean = max(timeout / 4, 2)
        quick = max(timeout / 8, 1)
        pause = max(timeout / 8, 5)
        shortestPause = pause
    }

    private let shortestPause: Int64

    /// A command is to join others of which the oldest has waited for `age`.
    /// - Returns: whether the server counts as slow from now on.
    mutating func note(age: Int64, now: Int64) -> Bool {
        guard !isSlow, age > longestAge else { return false }
        begin(now)
        return true
    }

    /// A reply has come after so many milliseconds.
    /// - Returns: whether the server counts as slow from now on.
    mutating func note(replyAfter latency: Int64, now: Int64) -> Bool {
        guard !isSlow else { return false }
        mean += (max(latency, 0) * 16 - mean) / 8
        guard mean > longestMean * 16 else { return false }
        begin(now)
        return true
    }

    /// The reply to a PING has come, for which nobody waited.
    mutating func note(probeAfter latency: Int64, now: Int64) {
        guard isSlow, latency <= quick else { return }
        isSlow = false
        mean = max(latency, 0) * 16
        quickSince = now
    }

    /// The connection was lost, or the server doesn't reply at all: nothing is known of the next replies.
    mutating func reset() {
        isSlow = false
        mean = 0
    }

    private mutating func begin(_ now: Int64) {
        isSlow = true
        pause = now - quickSince < Self.longestPause ? min(2 * pause, Self.longestPause) : shortestPause
    }
}
