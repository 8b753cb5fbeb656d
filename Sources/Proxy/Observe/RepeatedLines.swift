// Which lines of the event log are written when the same thing happens over and over: the first ones at once, then one for a
// while, which is the latest and says how many it stands for. A value: time is an argument, `EventLog` writes.

import Configuration
import EventLoop

/// Lines by their subjects, such as one server of an upstream.
struct RepeatedLines {
    struct Line: Equatable {
        let level: LogSettings.Level
        var message: String
    }

    private struct Subject {
        var intervalEnds: MonotonicTime
        var written = 0
        var heldBack = 0
        /// The latest line that is held back: what holds now is told in the end.
        var latest: Line?
    }
    private var subjects: [String: Subject] = [:]

    /// Lines of one subject that are written at once in an interval.
    static let burst = 4
    static let intervalMilliseconds: Int64 = 10_000
    /// Further subjects share one, so that the table stays small.
    static let subjectLimit = 256
    private static let overflow = ""

    var isEmpty: Bool { subjects.isEmpty }

    /// A line has come up.
    /// - Returns: whether it is to be written now; otherwise it is held back.
    mutating func admits(_ line: Line, about subject: String, now: MonotonicTime) -> Bool {
        let isKnown = subjects[subject] != nil
        let key = isKnown || subjects.count < Self.subjectLimit ? subject : Self.overflow
        var state =
            subjects[key] ?? Subject(intervalEnds: now.advanced(byMilliseconds: Self.intervalMilliseconds))
        defer { subjects[key] = state }
        if state.written < Self.burst && state.heldBack == 0 {
            state.written += 1
            return true
        }
        state.heldBack += 1
        state.latest = line
        return false
    }

    /// What was held back long enough, and is to be written now. To be called every second or so.
    mutating func takeDue(now: MonotonicTime) -> [Line] { take { $0 <= now } }

    /// All that is held back.
    mutating func takeAll() -> [Line] { take { _ in true } }

    private mutating func take(where isDue: (MonotonicTime) -> Bool) -> [Line] {
        var lines: [Line] = []
        for (key, subject) in subjects where isDue(subject.intervalEnds) {
            guard var line = subject.latest else {
                subjects[key] = nil
                continue
            }
            if subject.heldBack > 1 { line.message += " (and \(subject.heldBack - 1) more like this before)" }
            lines.append(line)
            // While it goes on, one line for each interval.
            subjects[key] = Subject(
                intervalEnds: subject.intervalEnds.advanced(byMilliseconds: Self.intervalMilliseconds),
                written: Self.burst)
        }
        return lines
    }
}
