import Testing

@testable import larder

@Suite("When free memory is returned to the system")
struct TrimPolicyTests {
    private static let mebibyte = 1 << 20
    private var policy = TrimPolicy(resident: 20 << 20, counted: 0)

    private mutating func trims(_ resident: Int, counted: Int, at now: Int64) -> Bool {
        policy.trims(resident: resident * Self.mebibyte, counted: counted * Self.mebibyte, now: now)
    }

    @Test("Not while what is occupied is what is counted, what the process began with, and a sixteenth")
    mutating func nothingToGain() {
        #expect(!trims(20, counted: 0, at: 0))
        #expect(!trims(24, counted: 0, at: 500))
        #expect(!trims(360, counted: 320, at: 1000))
        #expect(trims(370, counted: 320, at: 1500))
    }

    @Test("Again soon while it gains, and after growing pauses while it doesn't")
    mutating func pauses() {
        var now: Int64 = 0
        for _ in 0..<3 {
            #expect(trims(200, counted: 64, at: now))
            policy.noteTrim(resident: 90 << 20, now: now)
            now += 500
        }
        var times: [Int64] = []
        let start = now
        while now < start + 120_000 {
            if trims(95, counted: 64, at: now) {
                times.append(now - start)
                policy.noteTrim(resident: 95 << 20, now: now)
            }
            now += 500
        }
        #expect(times == [0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000])
    }

    @Test("Growth ends a long pause")
    mutating func growth() {
        var now: Int64 = 0
        for _ in 0..<200 {
            if trims(95, counted: 64, at: now) { policy.noteTrim(resident: 95 << 20, now: now) }
            now += 500
        }
        #expect(trims(120, counted: 64, at: now) || trims(120, counted: 64, at: now + 500))
    }
}
