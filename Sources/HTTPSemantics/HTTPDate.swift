// Dates of HTTP (RFC 9110 §5.6.7): three formats are read (`DateReader` has the rules), IMF-fixdate is written. Allocates
// nothing.

import Bytes

/// Times of whole seconds since 1970-01-01 00:00:00 UTC.
package enum HTTPDate {
    /// Bytes of an IMF-fixdate.
    package static let length = 29

    /// Seconds since the epoch, or nil if `text`, all of it, isn't a date.
    ///
    /// `now`, in the same unit, decides which century a two-digit year of RFC 850 belongs to: one that would lie more
    /// than 50 years ahead is in the past.
    package static func parse(_ text: Span<UInt8>, now: Int64) -> Int64? {
        var reader = DateReader()
        return reader.read(text) ? reader.seconds(now: now) : nil
    }

    /// Appends `Sun, 06 Nov 1994 08:49:37 GMT`. Times outside the years 0 to 9999 are clamped.
    package static func append(_ seconds: Int64, to output: inout ByteBuffer) {
        let clamped = min(max(seconds, -62_167_219_200), 253_402_300_799)
        let day = Int(floorDivide(clamped, 86_400))
        let secondOfDay = Int(clamped - Int64(day) * 86_400)
        let date = CivilDate(daysSinceEpoch: day)
        // 1970-01-01 was a Thursday.
        append(((day + 4) % 7 + 7) % 7, ofTriples: "SunMonTueWedThuFriSat", to: &output)
        output.append(", ")
        appendTwoDigits(date.day, to: &output)
        output.append(.space)
        append(date.month - 1, ofTriples: "JanFebMarAprMayJunJulAugSepOctNovDec", to: &output)
        output.append(.space)
        appendTwoDigits(date.year / 100, to: &output)
        appendTwoDigits(date.year % 100, to: &output)
        output.append(.space)
        appendTwoDigits(secondOfDay / 3600, to: &output)
        output.append(UInt8(ascii: ":"))
        appendTwoDigits(secondOfDay / 60 % 60, to: &output)
        output.append(UInt8(ascii: ":"))
        appendTwoDigits(secondOfDay % 60, to: &output)
        output.append(" GMT")
    }

    private static func appendTwoDigits(_ value: Int, to output: inout ByteBuffer) {
        output.append(UInt8(truncatingIfNeeded: 0x30 + value / 10 % 10))
        output.append(UInt8(truncatingIfNeeded: 0x30 + value % 10))
    }

    /// Appends the name at index `place` in a string of three-letter names.
    private static func append(_ place: Int, ofTriples table: StaticString, to output: inout ByteBuffer) {
        for index in (3 * place)..<(3 * place + 3) { output.append(table[octet: index]) }
    }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
}

/// A day of the proleptic Gregorian calendar. Counted in eras of 400 years that begin in March, so that leap days come
/// last.
struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(daysSinceEpoch: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSinceEpoch: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    var isValid: Bool {
        guard (1...12).contains(month), day >= 1 else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let longest =
            switch month {
            case 2: isLeap ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        return day <= longest
    }
}
