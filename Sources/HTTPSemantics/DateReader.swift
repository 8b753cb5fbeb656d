// Reads the three date formats of RFC 9110 §5.6.7, each at its fixed positions. Names and the zone are matched without
// regard to case, as RFC 9111 §4.2 asks of a cache; every other deviation makes the date invalid: another zone than
// GMT, missing digits, white space, a day that the month doesn't have. The day of the week must be a valid name, but it
// isn't checked against the date, since no decision depends on it. Allocates nothing.

import Bytes

/// The parser's state while it reads one date.
struct DateReader {
    private var date = CivilDate(year: 0, month: 0, day: 0)
    private var hasTwoDigitYear = false
    private var secondOfDay = 0

    /// Reads the one format that a text of this length can have.
    mutating func read(_ text: Span<UInt8>) -> Bool {
        switch text.count {
        case HTTPDate.length: readFixdate(text)
        case 24: readAsctime(text)
        default: readRFC850(text)
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private mutating func readFixdate(_ text: Span<UInt8>) -> Bool {
        guard isWeekday(text.extracting(0..<3)), text[3] == 0x2C, text[4] == 0x20, text[7] == 0x20, text[11] == 0x20,
            text[16] == 0x20, text[25] == 0x20, text.extracting(26..<29).isCaseless("gmt"),
            let day = number(text, 5..<7), let month = monthNumber(text, at: 8), let year = number(text, 12..<16)
        else { return false }
        date = CivilDate(year: year, month: month, day: day)
        return readTime(text, at: 17)
    }

    /// `Sun Nov  6 08:49:37 1994`
    private mutating func readAsctime(_ text: Span<UInt8>) -> Bool {
        let dayDigits = text[8] == 0x20 ? 9..<10 : 8..<10
        guard isWeekday(text.extracting(0..<3)), text[3] == 0x20, text[7] == 0x20, text[10] == 0x20, text[19] == 0x20,
            let month = monthNumber(text, at: 4), let day = number(text, dayDigits), let year = number(text, 20..<24)
        else { return false }
        date = CivilDate(year: year, month: month, day: day)
        return readTime(text, at: 11)
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    private mutating func readRFC850(_ text: Span<UInt8>) -> Bool {
        guard let comma = text.firstIndex(of: 0x2C, in: text.indices), text.count == comma + 24,
            isFullWeekday(text.extracting(0..<comma))
        else { return false }
        let rest = text.extracting((comma + 1)..<text.count)
        guard rest[0] == 0x20, rest[3] == 0x2D, rest[7] == 0x2D, rest[10] == 0x20, rest[19] == 0x20,
            rest.extracting(20..<23).isCaseless("gmt"),
            let day = number(rest, 1..<3), let month = monthNumber(rest, at: 4), let year = number(rest, 8..<10)
        else { return false }
        date = CivilDate(year: year, month: month, day: day)
        hasTwoDigitYear = true
        return readTime(rest, at: 11)
    }

    /// `hour:minute:second`; 60 is accepted for a leap second.
    private mutating func readTime(_ text: Span<UInt8>, at start: Int) -> Bool {
        guard text[start + 2] == 0x3A, text[start + 5] == 0x3A, let hour = number(text, start..<(start + 2)),
            let minute = number(text, (start + 3)..<(start + 5)), let second = number(text, (start + 6)..<(start + 8)),
            hour < 24, minute < 60, second <= 60
        else { return false }
        secondOfDay = hour * 3600 + minute * 60 + second
        return true
    }

    /// What was read, in seconds since 1970-01-01 00:00:00 UTC; nil for a day that the calendar doesn't have.
    /// - Parameter now: tells the century of a two-digit year.
    func seconds(now: Int64) -> Int64? {
        guard hasTwoDigitYear else { return seconds(inYear: date.year) }
        // A clock that is off by millennia must not trap.
        let thisYear = CivilDate(daysSinceEpoch: Int(max(0, min(now, 250_000_000_000)) / 86_400)).year
        var century = thisYear - thisYear % 100 + 100
        while century + date.year > thisYear + 50 { century -= 100 }
        guard let candidate = seconds(inYear: century + date.year) else { return nil }
        // The same year fifty years on may still be more than fifty years (18,263 days) ahead to the second.
        let isTooFar = candidate.subtractingReportingOverflow(now)
        if century + date.year == thisYear + 50, !isTooFar.overflow, isTooFar.partialValue > 18_263 * 86_400 {
            return seconds(inYear: century + date.year - 100)
        }
        return candidate
    }

    private func seconds(inYear year: Int) -> Int64? {
        let date = CivilDate(year: year, month: self.date.month, day: self.date.day)
        guard date.isValid else { return nil }
        return Int64(date.daysSinceEpoch) * 86_400 + Int64(secondOfDay)
    }
}

private func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var value = 0
    for index in range {
        guard text[index].isDigit else { return nil }
        value = value * 10 + Int(text[index] - 0x30)
    }
    return value
}

/// The index of a three-letter name in a string of such names.
private func position(of name: Span<UInt8>, inTriples table: StaticString) -> Int? {
    var start = 0
    while start < table.utf8CodeUnitCount {
        if name[0].lowercased == table[octet: start], name[1].lowercased == table[octet: start + 1],
            name[2].lowercased == table[octet: start + 2]
        {
            return start / 3
        }
        start += 3
    }
    return nil
}

private func monthNumber(_ text: Span<UInt8>, at start: Int) -> Int? {
    position(of: text.extracting(start..<(start + 3)), inTriples: "janfebmaraprmayjunjulaugsepoctnovdec").map { $0 + 1 }
}

private func isWeekday(_ name: Span<UInt8>) -> Bool {
    position(of: name, inTriples: "montuewedthufrisatsun") != nil
}

private func isFullWeekday(_ name: Span<UInt8>) -> Bool {
    name.isCaseless("monday") || name.isCaseless("tuesday") || name.isCaseless("wednesday")
        || name.isCaseless("thursday") || name.isCaseless("friday") || name.isCaseless("saturday")
        || name.isCaseless("sunday")
}
