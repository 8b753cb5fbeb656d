// Reads the three date formats of RFC 9110 §5.6.7. Names are matched without regard to case (RFC 9111 §4.2), every
// other deviation makes the date invalid: another zone than GMT, missing digits, a day that the month doesn't have.
// The day of the week is not checked against the date, as no decision depends on it.

import Bytes

extension Instant {
    /// - Parameter now: tells which century a two-digit year (RFC 850) means: never more than 50 years ahead.
    package init?(httpDate bytes: Span<UInt8>, now: Instant) {
        let text = bytes.extracting(bytes.trimming(bytes.indices))
        var reader = DateReader()
        let read =
            text.count == 29
            ? reader.readFixdate(text) : text.count == 24 ? reader.readAsctime(text) : reader.readRFC850(text)
        guard read, let instant = reader.instant(now: now) else { return nil }
        self = instant
    }
}

private struct DateReader {
    private var year = 0
    private var hasTwoDigitYear = false
    private var month = 0
    private var day = 0
    private var secondOfDay = 0

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    mutating func readFixdate(_ text: Span<UInt8>) -> Bool {
        guard isWeekday(text.extracting(0..<3)), text[3] == 0x2C, text[4] == 0x20, text[7] == 0x20, text[11] == 0x20,
            text[16] == 0x20, text[25] == 0x20, text.extracting(26..<29).isCaseless("gmt"),
            let day = number(text, 5..<7), let month = monthNumber(text, at: 8), let year = number(text, 12..<16)
        else { return false }
        (self.day, self.month, self.year) = (day, month, year)
        return readTime(text, at: 17)
    }

    /// `Sun Nov  6 08:49:37 1994`
    mutating func readAsctime(_ text: Span<UInt8>) -> Bool {
        let dayDigits = text[8] == 0x20 ? 9..<10 : 8..<10
        guard isWeekday(text.extracting(0..<3)), text[3] == 0x20, text[7] == 0x20, text[10] == 0x20, text[19] == 0x20,
            let month = monthNumber(text, at: 4), let day = number(text, dayDigits), let year = number(text, 20..<24)
        else { return false }
        (self.day, self.month, self.year) = (day, month, year)
        return readTime(text, at: 11)
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    mutating func readRFC850(_ text: Span<UInt8>) -> Bool {
        guard let comma = text.firstIndex(of: 0x2C, in: text.indices), text.count == comma + 24,
            isFullWeekday(text.extracting(0..<comma))
        else { return false }
        let rest = text.extracting((comma + 1)..<text.count)
        guard rest[0] == 0x20, rest[3] == 0x2D, rest[7] == 0x2D, rest[10] == 0x20, rest[19] == 0x20,
            rest.extracting(20..<23).isCaseless("gmt"),
            let day = number(rest, 1..<3), let month = monthNumber(rest, at: 4), let year = number(rest, 8..<10)
        else { return false }
        (self.day, self.month, self.year) = (day, month, year)
        hasTwoDigitYear = true
        return readTime(rest, at: 11)
    }

    private mutating func readTime(_ text: Span<UInt8>, at start: Int) -> Bool {
        guard text[start + 2] == 0x3A, text[start + 5] == 0x3A, let hour = number(text, start..<(start + 2)),
            let minute = number(text, (start + 3)..<(start + 5)), let second = number(text, (start + 6)..<(start + 8)),
            hour < 24, minute < 60, second <= 60
        else { return false }
        secondOfDay = hour * 3600 + minute * 60 + second
        return true
    }

    func instant(now: Instant) -> Instant? {
        guard hasTwoDigitYear else { return instant(year: year) }
        let thisYear = Self.year(of: now)
        var century = thisYear - thisYear % 100 + 100
        while century + year > thisYear + 50 { century -= 100 }
        guard let candidate = instant(year: century + year) else { return nil }
        // Fifty years ahead by the year alone may be more than fifty years (18,263 days) by the clock.
        if century + year == thisYear + 50, candidate - now > Seconds(18_263 * 86_400) {
            return instant(year: century + year - 100)
        }
        return candidate
    }

    private func instant(year: Int) -> Instant? {
        guard year > 0, day >= 1, day <= Self.length(ofMonth: month, year: year) else { return nil }
        return Instant(secondsSinceEpoch: Int64(Self.days(year, month, day)) * 86_400 + Int64(secondOfDay))
    }

    private static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01, counting years from March so that the leap day comes last.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func year(of now: Instant) -> Int {
        let day = Int(max(0, min(now.secondsSinceEpoch, 250_000_000_000)) / 86_400)
        var year = 1970 + day / 366
        while days(year + 1, 1, 1) <= day { year += 1 }
        return year
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

/// Three letters of a table, one entry after the other without separators.
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
