// Random numbers that keep many processes and workers from doing the same at the same moment. Nothing else depends on them.

/// The same numbers for the same seed (xorshift).
struct Jitter: Equatable, BitwiseCopyable {
    private var state: UInt64

    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    /// From three quarters of the interval to five.
    mutating func around(_ interval: Int64) -> Int64 { interval * Int64(75 + next() % 51) / 100 }
}
