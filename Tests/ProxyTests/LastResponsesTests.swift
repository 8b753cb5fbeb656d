import CacheStorage
import HTTPCaching
import HTTPSemantics
import Testing

@testable import Proxy

@Suite("What became of the latest response for a key")
struct LastResponsesTests {
    private func key(_ number: Int) -> CacheKey { CacheKey(high: UInt64(number), low: 1) }

    @Test("The latest one counts, with its time")
    func latest() throws {
        let responses = LastResponses()
        #expect(responses.last(of: key(1)) == nil)
        responses.note(.notStored(Status(200), .setCookie), of: key(1), at: WallTime(milliseconds: 1_000))
        responses.note(.stored(Status(200)), of: key(1), at: WallTime(milliseconds: 2_000))
        responses.note(.failed(.refused), of: key(2), at: WallTime(milliseconds: 3_000))
        let last = try #require(responses.last(of: key(1)))
        #expect(last.fate == .stored(Status(200)))
        #expect(LastResponseSummary(last, milliseconds: 14_000).age == 12)
        #expect(responses.figures == (2, 0))
    }

    @Test("So many keys are remembered and no more, the latest ones")
    func bound() {
        let responses = LastResponses()
        for number in 0..<LastResponses.limit + 10 {
            responses.note(.stored(Status(200)), of: key(number), at: WallTime(milliseconds: 0))
        }
        #expect(responses.figures == (LastResponses.limit, 10))
        #expect(responses.last(of: key(9)) == nil && responses.last(of: key(10)) != nil)
    }

    @Test("A reason that a setting would lift names the setting", arguments: Reason.allCases)
    func advice(_ reason: Reason) {
        let entry = LastResponses.Entry(fate: .notStored(Status(200), reason), time: WallTime(milliseconds: 0))
        let summary = LastResponseSummary(entry, milliseconds: 0)
        #expect(summary.slug == "\(reason.slug)" && !summary.sentence.isEmpty)
        #expect(summary.advice?.contains("`") != false)
    }
}
