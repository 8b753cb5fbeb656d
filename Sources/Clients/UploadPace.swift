// How fast a client sends its content. Only the time counts in which it was waited for: what the origin or Larder itself takes
// isn't the client's.

import EventLoop

/// The pace of one request's content. A value: time is an argument.
struct UploadPace {
    /// Milliseconds that were waited, up to `since`.
    private var waited: Int64 = 0
    /// When the current wait began.
    private var since: MonotonicTime?

    /// No client is too slow before it was waited for so long.
    static let graceMilliseconds: Int64 = 10_000

    mutating func beginWaiting(now: MonotonicTime) { if since == nil { since = now } }

    mutating func endWaiting(now: MonotonicTime) {
        guard let since else { return }
        waited += now.milliseconds(since: since)
        self.since = nil
    }

    /// When the client will be too slow if nothing more arrives; nil while it isn't waited for, or no rate is asked for.
    /// - Parameters:
    ///   - received: bytes of content so far.
    ///   - rate: bytes that must arrive in a second on average; 0 means that any pace will do.
    func deadline(received: UInt64, rate: UInt64) -> MonotonicTime? {
        guard rate > 0, let since else { return nil }
        // As much content as anybody sends comes to less than a year.
        let earned = Int64(clamping: min(received, 1 << 50) * 1000 / rate)
        return since.advanced(byMilliseconds: Self.graceMilliseconds + earned - waited)
    }
}
