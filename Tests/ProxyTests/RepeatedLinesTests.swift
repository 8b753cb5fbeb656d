import EventLoop
import Testing

@testable import Proxy

@Suite("Lines of the event log about what happens over and over")
struct RepeatedLinesTests {
    private let start = MonotonicTime(milliseconds: 1_000_000)

    private func later(_ milliseconds: Int64) -> MonotonicTime { start.advanced(byMilliseconds: milliseconds) }
    private func line(_ message: String) -> RepeatedLines.Line { .init(level: .warning, message: message) }

    @Test("The first lines of a subject are written at once, whatever other subjects have to say")
    func first() {
        var lines = RepeatedLines()
        for subject in ["a", "b"] {
            let written = (0..<RepeatedLines.burst + 1).map { _ in lines.admits(line("x"), about: subject, now: start) }
            #expect(written == [true, true, true, true, false])
        }
    }

    @Test("The latest of further lines is written at the end of the interval, and says how many there were")
    func heldBack() {
        var lines = RepeatedLines()
        for number in 1...9 { _ = lines.admits(line("line \(number)"), about: "a", now: later(Int64(number))) }
        let times = [9_000, 1 + RepeatedLines.intervalMilliseconds, 1 + RepeatedLines.intervalMilliseconds]
        let written = times.map { lines.takeDue(now: later($0)) }
        #expect(written == [[], [line("line 9 (and 4 more like this before)")], []])
    }

    @Test("While it goes on there is one line for each interval, and after a quiet one lines are written at once again")
    func goesOn() {
        var lines = RepeatedLines()
        for _ in 0..<10 { _ = lines.admits(line("x"), about: "a", now: start) }
        var written = 0
        for second in 1...100 {
            _ = lines.admits(line("x"), about: "a", now: later(Int64(second) * 1_000))
            written += lines.takeDue(now: later(Int64(second) * 1_000)).count
        }
        #expect(written == 10)
        _ = lines.takeDue(now: later(200_000))
        _ = lines.takeDue(now: later(220_000))
        #expect(lines.isEmpty)
        let isWritten = lines.admits(line("x"), about: "a", now: later(220_000))
        #expect(isWritten)
    }

    @Test("What is held back at the end is all written")
    func end() {
        var lines = RepeatedLines()
        for _ in 0..<6 { _ = lines.admits(line("x"), about: "a", now: start) }
        let rest = lines.takeAll()
        #expect(rest == [line("x (and 1 more like this before)")])
    }

    @Test("However many subjects there are, the table is bounded, and every one of them is heard of")
    func bound() {
        var lines = RepeatedLines()
        var written = 0
        for number in 0..<10_000 where lines.admits(line("\(number)"), about: "\(number)", now: start) { written += 1 }
        #expect(written == RepeatedLines.subjectLimit + RepeatedLines.burst)
        let rest = lines.takeAll()
        #expect(rest.count == 1)
    }
}
